"""docs/http-api.md, command by command: what it says is what happens."""

import json
import re
import shlex
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from click.testing import CliRunner
from litestar import Litestar
from litestar.testing import TestClient
from sqlalchemy.engine import make_url

from clipledger.cli import main
from clipledger.database import DatabaseUrls, create_engine
from clipledger.settings import Settings
from clipledger.web.app import create_app
from tests.clipledger.front_door import PASSWORD

DOC = (Path(__file__).parents[2] / "docs" / "http-api.md").read_text(encoding="utf-8")
VOLATILE = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(?:\.\d+)?(?:Z|\+00:00)|\b(?:[0-9a-f]{64}|[0-9a-f]{32})\b")


def blocks() -> list[tuple[str, str]]:
    """Fenced blocks: their language and text."""
    return re.findall(r"^```(\w+)\n(.*?)^```$", DOC, re.MULTILINE | re.DOTALL)


def steady(text: str) -> str:
    """Without instants and hashes, which differ from run to run."""
    return VOLATILE.sub("*", text)


@dataclass
class Shell:
    """Runs the commands of the page, which are `clipledger …`, `curl …` and assignments."""

    client: TestClient[Litestar]
    database: str
    folder: Path
    variables: dict[str, str] = field(default_factory=dict)

    def run(self, script: str) -> str:
        """What the last command prints."""
        said = ""
        for command in re.split(r"\n(?=\w)", script.strip()):
            said = self._command(re.sub(r"\$([A-Z]+)", lambda name: self.variables[name[1]], command))
        return said

    def _command(self, command: str) -> str:
        if assigned := re.fullmatch(r"([A-Z]+)=(?:\$\((.*)\)|(.*))", command):
            name, inner, plain = assigned.groups()
            self.variables[name] = self._command(inner).strip() if inner else "".join(shlex.split(plain))
            return ""
        program, *words = shlex.split(command)
        return {"clipledger": self._clipledger, "curl": self._curl}[program](words)

    def _clipledger(self, words: list[str]) -> str:
        typed = f"{PASSWORD}\n{PASSWORD}\n"
        done = CliRunner().invoke(main, words, env={"DATABASE_URL": self.database}, input=typed)
        assert done.exit_code == 0, done.output
        return done.stdout

    def _curl(self, words: list[str]) -> str:
        headers, method, file, url = {}, "GET", None, ""
        body: str | bytes | None = None
        remaining = iter(words)
        for word in remaining:
            match word:
                case "-H":
                    name, _, value = next(remaining).partition(": ")
                    headers[name] = value
                case "-X":
                    method = next(remaining)
                case "--json":
                    method, body = "POST", next(remaining)
                    headers["Content-Type"] = "application/json"
                case "--data-binary":
                    body = (self.folder / next(remaining).removeprefix("@")).read_bytes()
                case ">":
                    file = self.folder / next(remaining)
                case _:
                    url = word
        said = self.client.request(method, url, headers=headers, content=body).text
        if file:
            file.write_text(said, encoding="utf-8", newline="")
        return said


@pytest.fixture
def shell(fresh_urls: DatabaseUrls, tmp_path: Path) -> Iterator[Shell]:
    """On a database of its own, in which the first entry is entry 1."""
    database = make_url(fresh_urls.app).set(drivername="postgresql").render_as_string(hide_password=False)
    app = create_app(
        Settings.from_environment({"CLIPLEDGER_VAR": str(tmp_path / "var")}), create_engine(fresh_urls.app)
    )
    (tmp_path / "stream.mp4").write_bytes(bytes(1048576))
    with TestClient(app) as client:
        yield Shell(client, database, tmp_path)


def test_every_command_of_the_page_does_what_the_page_says(shell: Shell) -> None:
    said = checked = ""
    for language, text in blocks():
        match language:
            case "sh":
                said = shell.run(text)
                wait_until_sealed(shell, text)
            case "json":
                assert json.loads(steady(said)) == json.loads(steady(text))
            case "csv":
                assert said.splitlines() == text.splitlines()
            case "python":
                checked = proved(shell, text)
            case "text":
                assert steady(text) in steady((shell.folder / "linas-shop.beancount").read_text(encoding="utf-8"))

    assert checked.startswith("1 ")


def wait_until_sealed(shell: Shell, script: str) -> None:
    """Entries wait while any earlier transaction of the server is under way, of other tests too."""
    attempt = 1
    while "proof.json" in script and "/problems/entry-not-sealed" in (shell.folder / "proof.json").read_text():
        time.sleep(0.05)
        attempt += 1
        shell.run(script.replace("seal-1", f"seal-{attempt}"))


def proved(shell: Shell, script: str) -> str:
    done = subprocess.run([sys.executable, "-c", script], cwd=shell.folder, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout
