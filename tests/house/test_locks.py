"""The locks pin every package by hash, for every machine, and carry no address."""

import re
import tomllib
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).parents[2]
RUNTIME, DEV = ROOT / "requirements.lock", ROOT / "requirements-dev.lock"
PYPROJECT: dict[str, Any] = tomllib.loads((ROOT / "pyproject.toml").read_text())


def requirements(lock: Path) -> list[str]:
    """Each requirement of a lock with its hashes, as one line."""
    lines = [line for line in lock.read_text().splitlines() if not line.lstrip().startswith("#")]
    return "\n".join(lines).replace("\\\n", "").splitlines()


def pins(lock: Path) -> set[tuple[str, str]]:
    """(name, version and marker)."""
    found = (re.fullmatch(r"([a-z0-9-]+)==([^\\]+?)\s+--hash.*", line) for line in requirements(lock))
    return {(match[1], match[2]) for match in found if match}


def names(declared: list[str]) -> set[str]:
    return {re.split(r"[^A-Za-z0-9_.-]", name, maxsplit=1)[0].lower() for name in declared}


@pytest.mark.parametrize("lock", [RUNTIME, DEV], ids=lambda lock: lock.name)
def test_every_package_is_pinned_by_hash(lock: Path) -> None:
    assert len(pins(lock)) == len(requirements(lock)) > 20
    assert all("--hash=sha256:" in line for line in requirements(lock))


@pytest.mark.parametrize("lock", [RUNTIME, DEV], ids=lambda lock: lock.name)
def test_a_lock_holds_no_address(lock: Path) -> None:
    assert not re.search(r"://|index-url|find-links|trusted-host", lock.read_text())


def test_the_locks_hold_what_pyproject_declares() -> None:
    assert names(PYPROJECT["project"]["dependencies"]) <= {name for name, _ in pins(RUNTIME)}
    assert names(PYPROJECT["dependency-groups"]["dev"]) <= {name for name, _ in pins(DEV)}


def test_both_locks_agree_on_what_they_share() -> None:
    runtime = {name for name, _ in pins(RUNTIME)}
    assert {pin for pin in pins(DEV) if pin[0] in runtime} <= pins(RUNTIME)
