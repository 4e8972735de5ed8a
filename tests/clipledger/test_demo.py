"""A single act of the demo, as a visitor runs it; tests/browser has the whole."""

import os
import subprocess
import sys
from pathlib import Path


def told(var: Path, *act: str, **environment: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "clipledger", "demo", *act],
        env={**os.environ, "CLIPLEDGER_VAR": str(var), "COLUMNS": "120", **environment},
        capture_output=True,
        text=True,
        check=False,
    )


def test_the_month_leaves_a_database_of_the_visitor_alone(var: Path) -> None:
    month = told(var, "month", DATABASE_URL="postgresql://nobody@127.0.0.1:1/none")

    assert month.returncode == 0, month.stderr
    assert "The story came out as it must." in month.stdout
    assert not list((var / "demo").glob("*.mp4"))
