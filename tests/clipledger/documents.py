"""Pages of docs/ that are run: their commands, and what they say is answered."""

import re
import shlex
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

_VOLATILE = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(?:\.\d+)?(?:Z|\+00:00)|\b(?:[0-9a-f]{64}|[0-9a-f]{32})\b")


def blocks(page: str) -> list[tuple[str, str]]:
    """Fenced blocks of docs/PAGE.md: their language and text."""
    text = (Path(__file__).parents[2] / "docs" / f"{page}.md").read_text(encoding="utf-8")
    return re.findall(r"^```(\w+)\n(.*?)^```$", text, re.MULTILINE | re.DOTALL)


def steady(text: str) -> str:
    """Without instants and hashes, which differ from run to run."""
    return _VOLATILE.sub("*", text)


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
    for video in ("stream", "clip"):
        (tmp_path / f"{video}.mp4").write_bytes(bytes(1048576))
    with TestClient(app) as client:
        yield Shell(client, database, tmp_path)
