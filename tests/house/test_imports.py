"""The rooms import only downward; the contracts that say so are in pyproject.toml and do bite."""

import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
ROOMS = ("clipledger", "settlement", "licensing", "media", "ledger")


def lint(folder: Path) -> subprocess.CompletedProcess[str]:
    command = "from importlinter.cli import lint_imports_command; lint_imports_command(['--no-cache'])"
    return subprocess.run([sys.executable, "-c", command], cwd=folder, capture_output=True, text=True, check=False)


@pytest.fixture
def skeleton(tmp_path: Path) -> Path:
    """Every module of the house, empty, under the house's own contracts."""
    shutil.copy(ROOT / "pyproject.toml", tmp_path)
    for room in ROOMS:
        for module in (ROOT / room).rglob("*.py"):
            copy = tmp_path / module.relative_to(ROOT)
            copy.parent.mkdir(parents=True, exist_ok=True)
            copy.touch()
    return tmp_path


def test_the_rooms_import_only_downward() -> None:
    done = lint(ROOT)
    assert done.returncode == 0, done.stdout


@pytest.mark.parametrize(
    ("room", "statement"),
    [
        ("ledger", "import settlement"),
        ("ledger", "import media"),
        ("ledger", "from clipledger import settings"),
        ("media", "import licensing"),
        ("licensing", "import settlement"),
        ("licensing", "from ledger import entries"),
        ("settlement", "import clipledger.database"),
    ],
)
def test_an_import_that_points_upward_is_refused(skeleton: Path, room: str, statement: str) -> None:
    (skeleton / room / "planted.py").write_text(f"{statement}\n")
    done = lint(skeleton)
    assert done.returncode == 1
    assert f"{room}.planted -> " in done.stdout


@pytest.mark.parametrize(
    ("room", "statement"),
    [
        ("licensing", "from ledger import splits"),
        ("settlement", "from ledger import entries"),
        ("clipledger", "import settlement, licensing, media, ledger"),
    ],
)
def test_an_import_that_points_downward_is_allowed(skeleton: Path, room: str, statement: str) -> None:
    (skeleton / room / "planted.py").write_text(f"{statement}\n")
    done = lint(skeleton)
    assert done.returncode == 0, done.stdout
