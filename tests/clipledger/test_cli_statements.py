"""`clipledger settlement statements` and `explain`: a month's files, which survive a kill, and one sale's chain."""

import asyncio
import hashlib
import json
import os
import pickle
import signal
import subprocess
import sys
from collections.abc import Callable
from datetime import date
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from beancount import loader
from click.testing import CliRunner, Result
from sqlalchemy.engine import make_url
from sqlalchemy.ext.asyncio import AsyncEngine

from clipledger.cli import main
from clipledger.cli.statements import told_on_papers
from clipledger.database import DatabaseUrls
from settlement.statements.papers import file_name, pdf_of
from tests.licensing.house import Host, NewGrant, new_clipper, new_grant, new_host, new_offer, new_user  # noqa: F401
from tests.settlement.books import Closer
from tests.settlement.shop import in_sql
from tests.settlement.till import Till, by, facts

Run = Callable[..., Result]
MONTH = "2026-10"


@pytest.fixture
async def host(new_host: Any) -> Host:  # noqa: F811
    made: Host = await new_host()
    return made


@pytest.fixture
async def closed(app_engine: AsyncEngine, host: Host, new_grant: NewGrant) -> Closer:  # noqa: F811
    """A month of three clippers: five statements."""
    till = Till(app_engine, host)
    closer = Closer(till)
    for _ in range(3):
        granted = await new_grant(host)
        await till.sell(facts(**by(granted), due=13_020), facts(**by(granted), due=8_000))
    await closer.close()
    return closer


@pytest.fixture
def environment(urls: DatabaseUrls, tmp_path: Path) -> dict[str, str]:
    plain = make_url(urls.app).set(drivername="postgresql").render_as_string(hide_password=False)
    return {
        "DATABASE_URL": plain,
        "CLIPLEDGER_VAR": str(tmp_path / "var"),
        "CLIPLEDGER_PUBLIC_URL": "https://c.example",
    }


@pytest.fixture
def run(environment: dict[str, str], host: Host) -> Run:
    def invoke(*arguments: str) -> Result:
        return CliRunner().invoke(main, ["settlement", *arguments, "--book", host.book], env=environment)

    return invoke


async def told(run: Run, *arguments: str) -> Any:
    result = await asyncio.to_thread(run, *arguments, "--json")
    assert result.exit_code == 0, result.output
    return json.loads(result.stdout)


def lines_of(folder: Path) -> dict[str, dict[str, Any]]:
    lines = (folder / "manifest.jsonl").read_text().splitlines()
    return {line["file"]: line for line in map(json.loads, lines)}


async def test_a_months_statements_are_listed(run: Run, closed: Closer) -> None:
    found = await told(run, "statements", "--month", MONTH)
    assert [(each["party"][:7], each["state"], each["revision"]) for each in found] == [
        ("host", "issued", 1),
        *[("clipper", "issued", 1)] * 3,
    ]
    people = (await asyncio.to_thread(run, "statements", "--month", MONTH)).output.splitlines()
    assert people[0].split() == ["no", "party", "name", "currency", "state", "revision", "opening", "closing"]
    assert len(people) == 5
    none = await asyncio.to_thread(run, "statements", "--month", "2026-09")
    assert none.output == "There are no statements of this month.\n"
    assert await told(run, "statements", "--month", "2026-09") == []


@pytest.mark.parametrize("form", ["pdf", "json", "csv", "beancount"])
async def test_a_file_of_each_is_written_and_named_in_the_manifest(
    run: Run, closed: Closer, tmp_path: Path, form: str
) -> None:
    folder = tmp_path / "papers" / "october"
    asked = ("statements", "--month", MONTH, "--to", str(folder), "--form", form, "--jobs", "1")
    made = await told(run, *asked)
    assert (made["statements"], made["written"], made["skipped"], made["failed"]) == (4, 4, 0, {})
    lines = lines_of(folder)
    files = {path.name for path in folder.iterdir()} - {"manifest.jsonl"}
    assert files == set(lines)
    assert all(
        name.endswith(f".{form}") and name.startswith(f"statement-{closed.till.host.book}-2026-10-") for name in files
    )
    for name, line in lines.items():
        content = (folder / name).read_bytes()
        assert (line["sha256"], line["size"]) == (hashlib.sha256(content).hexdigest(), len(content))
        if form == "beancount":
            assert loader.load_string(content.decode())[1] == []
        if form == "pdf":
            assert b"https://c.example/s/" in content
    assert made["bytes_written"] == sum(line["size"] for line in lines.values())


async def test_what_is_there_is_not_made_again_and_what_is_not_is(run: Run, closed: Closer, tmp_path: Path) -> None:
    asked = ("statements", "--month", MONTH, "--to", str(tmp_path / "x"), "--jobs", "1")
    await told(run, *asked)
    first = lines_of(tmp_path / "x")
    (gone, broken, *_) = sorted(first)
    (tmp_path / "x" / gone).unlink()
    (tmp_path / "x" / broken).write_bytes(b"%PDF-")
    again = await told(run, *asked)
    assert (again["written"], again["skipped"]) == (2, 2)
    assert lines_of(tmp_path / "x") == first
    assert hashlib.sha256((tmp_path / "x" / broken).read_bytes()).hexdigest() == first[broken]["sha256"]
    assert (await told(run, *asked))["skipped"] == 4
    other = await told(run, *asked, "--language", "zh")
    assert (other["written"], len(lines_of(tmp_path / "x"))) == (4, 8)


async def test_chinese_papers_tell_what_the_books_do_in_chinese(
    run: Run, app_engine: AsyncEngine, host: Host, tmp_path: Path
) -> None:
    closer = Closer(Till(app_engine, host))
    lines = {"liabilities:available:host": -500, "expenses:adjustments": 500}
    await closer.post(date(2026, 10, 9), "Adjustment 7: Order 5762 was miscounted.", lines)
    await closer.draft()
    await told(run, "statements", "--month", MONTH, "--to", str(tmp_path), "--language", "zh", "--jobs", "1")
    its = await closer.statement("host")
    paper = (tmp_path / file_name(its.statement, "pdf", "zh")).read_bytes()
    assert paper == pdf_of(its, "zh", "https://c.example", told_on_papers)
    assert paper != pdf_of(its, "zh", "https://c.example", lambda text, _: text)
    assert pickle.loads(pickle.dumps(told_on_papers)) is told_on_papers  # as worker processes get it


async def test_a_manifest_that_was_broken_off_is_read_as_far_as_it_goes(
    run: Run, closed: Closer, tmp_path: Path
) -> None:
    asked = ("statements", "--month", MONTH, "--to", str(tmp_path), "--form", "json", "--jobs", "1")
    await told(run, *asked)
    manifest = tmp_path / "manifest.jsonl"
    whole = manifest.read_bytes()
    manifest.write_bytes(whole[:-20])
    again = await told(run, *asked)
    assert (again["written"], again["skipped"]) == (1, 3)
    assert manifest.read_bytes() == whole


async def test_a_run_that_is_killed_goes_on(
    closed: Closer, environment: dict[str, str], run: Run, tmp_path: Path
) -> None:
    folder = tmp_path / "papers"
    arguments = ["settlement", "statements", "--book", closed.till.host.book, "--month", MONTH, "--to", str(folder)]
    command = [sys.executable, "-m", "clipledger", *arguments, "--jobs", "2"]
    begin = partial(subprocess.Popen, command, env={**os.environ, **environment}, start_new_session=True)
    process = await asyncio.to_thread(begin)
    try:
        for _ in range(600):
            if any(folder.glob("*.pdf")):
                break
            assert process.poll() is None
            await asyncio.sleep(0.02)
    finally:
        os.killpg(process.pid, signal.SIGKILL)
        process.wait()
    there = {path.name: path.stat().st_mtime_ns for path in folder.glob("*.pdf")}
    assert there
    for name in there:
        assert (folder / name).read_bytes().endswith(b"%%EOF")  # whole
    made = await told(run, "statements", "--month", MONTH, "--to", str(folder))
    assert made["written"] + made["skipped"] == 4
    assert {path.name for path in folder.glob("*.pdf")} == set(lines_of(folder))


async def test_one_that_cannot_be_made_keeps_no_other(run: Run, closed: Closer, tmp_path: Path) -> None:
    found = await told(run, "statements", "--month", MONTH)
    its = found[0]
    (tmp_path / f"statement-{its['book']}-2026-10-host-CNY.json").mkdir()
    asked = ("statements", "--month", MONTH, "--to", str(tmp_path), "--form", "json", "--jobs", "1")
    result = await asyncio.to_thread(run, *asked, "--json")
    made = json.loads(result.stdout)
    assert (result.exit_code, made["written"], len(made["failed"])) == (1, 3, 1)
    people = await asyncio.to_thread(run, *asked)
    assert "0 written, 3 as they were, 1 failed." in people.output


async def test_what_is_no_month_or_no_book_is_refused(run: Run, closed: Closer, environment: dict[str, str]) -> None:
    for month in ("2026-13", "October", ""):
        result = await asyncio.to_thread(run, "statements", "--month", month)
        assert result.exit_code == 2, month
    arguments = ["settlement", "statements", "--book", "nobody", "--month", MONTH]
    result = await asyncio.to_thread(CliRunner().invoke, main, arguments, env=environment)
    assert result.exit_code == 1


# Explain ----------------------------------------------------------------------------------------------------


async def test_a_sale_is_explained_to_a_person(run: Run, closed: Closer) -> None:
    (sale_id, order), *_ = await _sales(closed)
    said = (await asyncio.to_thread(run, "explain", str(sale_id))).output
    for words in (
        f"Sale {sale_id}: tiktok order {order}, line 1, product 17",
        "its commission is 130.20 CNY",
        "by its handle, confidence 80 %",
        "by terms version 1 of offer",
        "observed",
        "booked in 2026-10",
    ):
        assert words in said, said
    (found,) = await told(run, "explain", "--order", order)
    assert found["sale"]["sale_id"] == sale_id
    assert found["entries"][0]["proof"] is None or found["entries"][0]["proof"]["seal"]["seal_no"] == 1


async def test_a_sale_that_is_none_is_refused_in_one_line(run: Run, closed: Closer) -> None:
    for arguments in (("explain", "999999999"), ("explain", "--order", "none")):
        result = await asyncio.to_thread(run, *arguments)
        assert (result.exit_code, len(result.output.splitlines())) == (1, 1)
    (sale_id, order), *_ = await _sales(closed)
    for named in ((), (str(sale_id), "--order", order), ("0",)):
        assert (await asyncio.to_thread(run, "explain", *named)).exit_code == 2


async def _sales(closed: Closer) -> list[tuple[int, str]]:
    rows = await in_sql(closed.till, "SELECT sale_id, order_no FROM settlement.sales WHERE book_id = :book ORDER BY 1")
    return [(int(number), str(order)) for number, order in rows]
