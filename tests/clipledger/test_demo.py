"""The demo as a visitor runs it."""

import os
import subprocess
import sys
from pathlib import Path


def test_the_demo_tells_the_month_and_finds_the_changed_row(var: Path) -> None:
    environment = {**os.environ, "CLIPLEDGER_VAR": str(var), "COLUMNS": "120"}
    told = subprocess.run([sys.executable, "-m", "clipledger", "demo"], env=environment, capture_output=True, text=True)

    assert told.returncode == 0, told.stderr
    for line in (
        "sales posted in one batch.",
        "A late refund is refused",
        "The books are NOT sound",
        "changed-entry: entry 1 is not what was sealed",
        "The story came out as it must.",
    ):
        assert line in told.stdout
    assert not (var / "demo" / "postgres" / "data" / "postmaster.pid").exists()


def test_the_demo_leaves_a_database_of_the_visitor_alone(var: Path) -> None:
    environment = {**os.environ, "CLIPLEDGER_VAR": str(var), "DATABASE_URL": "postgresql://nobody@127.0.0.1:1/none"}
    told = subprocess.run([sys.executable, "-m", "clipledger", "demo"], env=environment, capture_output=True, text=True)

    assert told.returncode == 0, told.stderr
