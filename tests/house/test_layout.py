"""A reader who opens the tree finds every room; nothing of the machine it was written on came along."""

import shutil
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]

ROOMS = ("ledger", "licensing", "media", "settlement", "clipledger")
AROUND_THEM = ("migrations", "tests", "bench", "docker", "docs")
FILES = ("pyproject.toml", "README.md", "Makefile", "requirements.lock", "requirements-dev.lock", ".ci/run")

PLACES_OF_ONE_MACHINE = ("/work/", "/root/", "pypi.org", "pythonhosted.org", "registry.npmjs")


@pytest.mark.parametrize("name", [*ROOMS, *AROUND_THEM])
def test_every_folder_of_the_design_is_there(name: str) -> None:
    assert any((ROOT / name).iterdir())


@pytest.mark.parametrize("name", FILES)
def test_every_file_of_the_design_is_there(name: str) -> None:
    assert (ROOT / name).is_file()


@pytest.mark.skipif(not (ROOT / ".git").exists() or not shutil.which("git"), reason="not a clone, or no git")
@pytest.mark.parametrize("place", PLACES_OF_ONE_MACHINE)
def test_no_committed_file_names_a_place_of_one_machine(place: str) -> None:
    command = ["git", "-c", "safe.directory=*", "grep", "--untracked", "--fixed-strings", "-n", place]
    command += ["--", ".", ":!tests/house/test_layout.py"]
    found = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert (found.stdout, found.stderr) == ("", "")
