"""The demo as a visitor runs it."""

import os
import subprocess
import sys
from pathlib import Path

import pytest


def told(var: Path, *act: str, **environment: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "clipledger", "demo", *act],
        env={**os.environ, "CLIPLEDGER_VAR": str(var), "COLUMNS": "120", **environment},
        capture_output=True,
        text=True,
        check=False,
    )


@pytest.mark.timeout(600)  # it draws, cuts and identifies minutes of video
def test_the_demo_finds_the_clips_licenses_one_settles_its_sales_and_tells_the_month(var: Path) -> None:
    demo = told(var)

    assert demo.returncode == 0, demo.stderr
    for line in (
        "Clips, cut and edited as clippers do",
        "fits her to",
        "Approved by the rules: the licence is granted.",
        "is told: valid.",
        "Lili approves it.",
        "submission.published",
        "a preview finds 5 new sales.",
        "Imported once more, it is recognised by its hash: nothing was added.",
        "is in suspense: unknown-content",
        "what Lili said is remembered.",
        "2 sales are released, 15 days after settling.",
        "She can't approve them:",
        "Tom approves them: they are issued, and the month is locked.",
        "Opening and lines are the closing balance, and that is the ledger's.",
        "sales posted in one batch.",
        "A late refund is refused",
        "The books are NOT sound",
        "is not what was sealed",
        "The story came out as it must.",
    ):
        assert line in demo.stdout
    for clip in ("ana", "bo", "chen", "stranger"):
        assert (var / "demo" / f"{clip}.jpg").read_bytes().startswith(b"\xff\xd8\xff")
        assert f"{clip}.jpg" in demo.stdout
    assert (var / "demo" / "review.jpg").read_bytes().startswith(b"\xff\xd8\xff")
    assert (var / "demo" / "certificate.pdf").read_bytes().startswith(b"%PDF-")
    for report in ("orders-early.csv", "orders-later.csv"):
        assert (var / "demo" / report).exists()
    assert (var / "demo" / "statement.pdf").read_bytes().startswith(b"%PDF-")
    assert demo.stdout.count("Book lili-live,") == 1
    assert not (var / "demo" / "postgres" / "data" / "postmaster.pid").exists()


def test_the_month_leaves_a_database_of_the_visitor_alone(var: Path) -> None:
    month = told(var, "month", DATABASE_URL="postgresql://nobody@127.0.0.1:1/none")

    assert month.returncode == 0, month.stderr
    assert "The story came out as it must." in month.stdout
    assert not list((var / "demo").glob("*.mp4"))
