"""docs/http-api.md, command by command: what it says is what happens."""

import json
import subprocess
import sys
import time

from tests.clipledger.documents import Shell, blocks, steady


def test_every_command_of_the_page_does_what_the_page_says(shell: Shell) -> None:
    said = checked = ""
    for language, text in blocks("http-api"):
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
