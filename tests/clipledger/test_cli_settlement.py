"""`clipledger settlement`, as finance types it."""

import asyncio
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest
from click.testing import CliRunner, Result
from sqlalchemy.engine import make_url

from clipledger.cli import main
from clipledger.database import DatabaseUrls, create_engine
from ledger import open_book

Run = Callable[..., Result]
HEADER = "marketplace,order,line,currency,product,quantity,refunded,gmv,estimated,actual,state,placed_at\n"
PENDING = "shop,A-1,1,CNY,P-1,1,0,651.00,130.20,,pending,2026-10-03T12:30:00Z\n"
SETTLED = "shop,A-1,1,CNY,P-1,1,0,651.00,130.20,100.00,settled,2026-10-03T12:30:00Z\n"
FAULTY = "shop,A-2,1,CNY,P-1,one,0,651.00,130.20,,pending,2026-10-03T12:30:00Z\n"


@pytest.fixture
def book(urls: DatabaseUrls) -> str:
    slug = f"book-{uuid4().hex}"

    async def made() -> None:
        engine = create_engine(urls.app)
        async with engine.begin() as connection:
            await open_book(connection, slug, "A host", "Asia/Shanghai")
        await engine.dispose()

    asyncio.run(made())
    return slug


@pytest.fixture
def run(urls: DatabaseUrls, book: str, tmp_path: Path) -> Run:
    plain = make_url(urls.app).set(drivername="postgresql").render_as_string(hide_password=False)
    env = {"DATABASE_URL": plain, "CLIPLEDGER_VAR": str(tmp_path / "var")}

    def invoke(*arguments: str) -> Result:
        return CliRunner().invoke(main, ["settlement", *arguments, "--book", book], env=env)

    return invoke


def report(folder: Path, rows: str, name: str = "shop_2026-10-05.csv") -> str:
    path = folder / name
    path.write_text(HEADER + rows)
    return str(path)


def told(result: Result) -> Any:
    assert result.exit_code == 0, result.output
    return json.loads(result.stdout)


def test_a_report_is_imported_and_told_as_one_object(run: Run, tmp_path: Path) -> None:
    found = told(run("import", report(tmp_path, PENDING + FAULTY), "--json"))
    assert (found["format"], found["as_of"], found["rows"], found["state"]) == ("generic", "2026-10-05", 2, "done")
    assert found["sales"] == {"new": 1, "changed": 0, "unchanged": 0}
    fault = {"row": 2, "column": "quantity", "value": "one", "rule": "must be a whole number such as 3"}
    assert found["parked"] == [fault]
    assert found["posted"] == [
        {"account": "assets:marketplace:shop", "currency": "CNY", "amount": 13020, "text": "130.20"},
        {"account": "liabilities:suspense", "currency": "CNY", "amount": -13020, "text": "-130.20"},
    ]


def test_a_file_twice_is_told_and_changes_nothing(run: Run, tmp_path: Path) -> None:
    path = report(tmp_path, PENDING)
    first, again = told(run("import", path, "--json")), told(run("import", path, "--json"))
    assert (again["import_id"], again["already_imported"], again["posted"]) == (first["import_id"], True, [])
    people = run("import", path)
    assert (people.exit_code, "nothing changes" in people.output) == (0, True)
    assert told(run("balances", "--json"))["suspense"] == [
        {"currency": "CNY", "amount": 13020, "text": {"amount": "130.20"}}
    ]


def test_a_preview_posts_nothing(run: Run, tmp_path: Path) -> None:
    found = told(run("import", report(tmp_path, PENDING), "--preview", "--json"))
    assert (found["import_id"], found["sales"]["new"], found["posted"][0]["amount"]) == (None, 1, 13020)
    assert told(run("balances", "--json"))["receivables"] == []
    assert "nothing was posted" in run("import", report(tmp_path, PENDING), "--preview").output


def test_a_file_of_no_known_day_needs_to_be_told_it(run: Run, tmp_path: Path) -> None:
    path = report(tmp_path, PENDING, "shop.csv")
    refused = run("import", path)
    assert (refused.exit_code, "neither the file nor its name says of what day it is" in refused.output) == (1, True)
    assert told(run("import", path, "--as-of", "2026-10-06", "--json"))["as_of"] == "2026-10-06"


def test_one_bad_row_refuses_the_file_where_that_is_asked_for(run: Run, tmp_path: Path) -> None:
    path = report(tmp_path, PENDING + FAULTY)
    refused = run("import", path, "--refuse", "--json")
    assert (refused.exit_code, json.loads(refused.stdout)["state"]) == (1, "refused")
    assert "row 2, column quantity: must be a whole number" in json.loads(refused.stdout)["failure"]["rule"]
    assert told(run("balances", "--json"))["receivables"] == []


def test_people_are_told_in_tables(run: Run, tmp_path: Path) -> None:
    assert run("balances").output == "Nothing is in the books yet.\n"
    assert run("suspense").output == "Nothing is in suspense.\n"
    run("import", report(tmp_path, PENDING))
    later = run("import", report(tmp_path, SETTLED, "shop_2026-10-20.csv")).output.splitlines()
    assert later[:2] == [
        "shop_2026-10-20.csv: generic, as of 2026-10-20, 1 rows",
        "Sales: 0 new, 1 changed, 0 as they were.",
    ]
    assert later[3].split() == ["assets:marketplace", "CNY", "-30.20"]
    assert run("balances").output.splitlines()[1].split() == ["shop", "CNY", "100.00"]


def test_what_is_no_report_is_refused_in_one_line(run: Run, tmp_path: Path) -> None:
    path = tmp_path / "notes_2026-10-05.txt"
    path.write_text("a,b,c\n1,2,3\n")
    refused = run("import", str(path))
    assert refused.exit_code == 1
    assert refused.output.startswith("Error: header: no reader knows this header")
