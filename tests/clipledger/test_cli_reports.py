"""`clipledger settlement report`, as finance types it."""

import csv
import io
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from click.testing import Result

from tests.clipledger.test_cli_settlement import PENDING, book, report, run  # noqa: F401 - fixtures

Run = Callable[..., Result]
OCTOBER = ("--since", "2026-10-01", "--until", "2026-10-31")
REPORTS: dict[str, tuple[str, ...]] = {
    "trial-balance": (),
    "roll-forward": ("--month", "2026-10"),
    "payables-ageing": (),
    "suspense-ageing": (),
    "receivables": (),
    "performance": OCTOBER,
}


@pytest.fixture
def sold(run: Run, tmp_path: Path) -> Run:  # noqa: F811
    """A sale of 651.00 with a commission of 130.20 that is nobody's."""
    assert run("import", report(tmp_path, PENDING)).exit_code == 0
    return run


def told(result: Result) -> Any:
    assert result.exit_code == 0, result.output
    return json.loads(result.stdout)


def rows(result: Result) -> list[dict[str, str]]:
    assert result.exit_code == 0, result.output
    return list(csv.DictReader(io.StringIO(result.stdout)))


def test_every_report_is_a_table_a_file_and_one_object(sold: Run) -> None:
    for name, options in REPORTS.items():
        assert sold("report", name, *options).exit_code == 0, name
        assert isinstance(told(sold("report", name, *options, "--json")), dict)
        assert sold("report", name, *options, "--csv").exit_code == 0, name


def test_they_say_what_is_in_the_books(sold: Run) -> None:
    trial = rows(sold("report", "trial-balance", "--csv"))
    assert [(row["account"], row["debit"], row["credit"]) for row in trial] == [
        ("assets:marketplace:shop", "130.20", ""),
        ("liabilities:suspense", "", "130.20"),
        ("total", "130.20", "130.20"),
    ]
    (suspended,) = rows(sold("report", "suspense-ageing", "--csv"))
    assert (suspended["party"], suspended["amount"]) == ("suspense", "130.20")
    *_, total = rows(sold("report", "receivables", "--by", "settlement", "--csv"))
    assert (total["marketplace"], total["outstanding"]) == ("shop", "130.20")
    found = told(sold("report", "performance", "--by", "product", *OCTOBER, "--json"))
    assert [(row["key"], row["gmv"], row["orders"]) for row in found["rows"]] == [("P-1", 65_100, 1)]
    people = sold("report", "performance", "--by", "month", "--sort", "orders", *OCTOBER).output.splitlines()
    assert people[1].split()[:6] == ["2026-10-01", "2026-10-31", "month", "2026-10", "CNY", "651.00"]


def test_an_empty_book_says_so(run: Run) -> None:  # noqa: F811
    for name, options in REPORTS.items():
        assert run("report", name, *options).output == "Nothing is in the books yet.\n", name


@pytest.mark.parametrize(
    ("typed", "rule"),
    [
        (("roll-forward",), "needs --month"),
        (("roll-forward", "--month", "2026-10", "--since", "2026-10-01"), "does not know --since"),
        (("payables-ageing", "--by", "clip"), "does not know --by"),
        (("receivables", "--by", "clip"), "--by is one of sale, settlement"),
        (("performance", "--by", "colour"), "--by is one of clipper"),
        (("performance", "--sort", "colour"), "--sort is one of key"),
        (("performance", "--since", "2026-10-31", "--until", "2026-10-01"), "at most ten years"),
        (("trial-balance", "--csv", "--json"), "either --csv or --json"),
        (("weather",), "is not one of"),
    ],
)
def test_what_is_typed_wrongly_is_refused(run: Run, typed: tuple[str, ...], rule: str) -> None:  # noqa: F811
    refused = run("report", *typed)
    assert refused.exit_code != 0
    assert rule in refused.output
