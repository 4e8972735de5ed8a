"""`.venv` is made from the locks alone, by whatever Python is there, or one line says what is missing."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]


@pytest.fixture
def clone(tmp_path: Path) -> Path:
    """A house with one module and nothing to install, so that no network is needed."""
    (tmp_path / ".ci").mkdir()
    (tmp_path / ".ci" / "venv").write_text((ROOT / ".ci" / "venv").read_text())
    (tmp_path / "requirements.lock").write_text("# nothing\n")
    (tmp_path / "clipledger").mkdir()
    (tmp_path / "clipledger" / "__main__.py").write_text("import sys; print('told', *sys.argv[1:])\n")
    return tmp_path


def build(clone: Path, python: str = sys.executable) -> subprocess.CompletedProcess[str]:
    env = {**os.environ, "HOME": str(clone), "PYTHON": python}
    command = ["sh", str(clone / ".ci" / "venv"), "requirements.lock"]
    return subprocess.run(command, env=env, capture_output=True, text=True, check=False)


def program(path: Path, text: str) -> str:
    path.write_text(f"#!/bin/sh\n{text}\n")
    path.chmod(0o755)
    return str(path)


def test_a_fresh_clone_gets_a_venv_that_is_kept_until_the_lock_changes(clone: Path) -> None:
    assert build(clone).returncode == 0
    made = (clone / ".venv" / "pyvenv.cfg").stat()

    assert (again := build(clone)).returncode == 0
    assert again.stderr == ""
    assert os.path.samestat((clone / ".venv" / "pyvenv.cfg").stat(), made)
    assert launched_elsewhere(clone, "a b", "c") == "told a b c\n"

    (clone / "requirements.lock").write_text("click==8.3.0\n")
    assert "hashes are required" in build(clone).stderr.lower()
    assert not (clone / ".venv" / "requirements.lock").exists(), "a failed install was taken for done"


def launched_elsewhere(clone: Path, *arguments: str) -> str:
    """What the launcher prints when called by a link from a folder that holds a module of the same name."""
    (elsewhere := clone / "elsewhere").mkdir()
    (elsewhere / "clipledger.py").write_text("raise SystemExit('the wrong one')")
    (link := clone / "linked").symlink_to(clone / ".venv" / "bin" / "clipledger")
    done = subprocess.run([link, *arguments], cwd=elsewhere, capture_output=True, text=True, check=True)
    return done.stdout


def test_a_python_without_venv_and_pip_is_told_what_to_install(clone: Path) -> None:
    python = program(clone / "python", f'case "$*" in "-m venv"*) exit 1;; esac; exec {sys.executable} "$@"')
    done = build(clone, python)
    assert done.returncode == 1
    assert done.stderr == (
        f"{python} cannot make a virtual environment. On Debian or Ubuntu: apt install python3-venv\n"
    )
    assert not (clone / ".venv").exists()


@pytest.mark.parametrize("answer", ["exit 127", "echo 3 9; exit 1"], ids=["does not run", "is too old"])
def test_a_python_that_is_too_old_or_does_not_run_is_named(clone: Path, answer: str) -> None:
    done = build(clone, program(clone / "python", answer))
    assert done.returncode == 1
    assert done.stderr.startswith("Python 3.11 or newer is needed")
    assert "PYTHON=/path/to/python3" in done.stderr


@pytest.mark.parametrize(
    ("target", "locks"),
    [("demo", "requirements.lock"), ("test", "requirements.lock requirements-dev.lock")],
)
def test_each_command_builds_only_what_it_needs(target: str, locks: str) -> None:
    inner = {name: value for name, value in os.environ.items() if not name.startswith(("MAKE", "MFLAGS"))}
    command = ["make", "--dry-run", target]
    done = subprocess.run(command, cwd=ROOT, env=inner, capture_output=True, text=True, check=True)
    assert done.stdout.startswith(f"sh .ci/venv {locks}\n")
