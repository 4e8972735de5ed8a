"""`clipledger settlement …`: reports in, balances out, for finance. To run this is permission enough.

What reads reports is imported by the commands that do.
"""

import sys
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING, Any
from zoneinfo import ZoneInfo

import click
import msgspec
from rich.progress import BarColumn, DownloadColumn, TextColumn, TimeRemainingColumn
from sqlalchemy.ext.asyncio import AsyncEngine

from clipledger.access.audit import Event, record
from clipledger.cli.bars import bars
from clipledger.cli.connections import actor, connections, reading, run
from clipledger.cli.options import as_json as as_json
from clipledger.cli.options import day
from clipledger.cli.options import of_book as of_book
from clipledger.cli.tables import aligned, json_of, plain, table
from clipledger.settings import Settings
from ledger.books import Book, find_book
from ledger.money import format_amount
from media.storage import Storage

if TYPE_CHECKING:
    from settlement.balances import Balances
    from settlement.checking import Progress as Far
    from settlement.importing import Imported
    from settlement.imports import Request
    from settlement.posted import Amount
    from settlement.previewing import Preview
    from settlement.report import Import

_CONNECTIONS = 2
"""One holds the import, the other writes."""
_SHOWN = 20
"""Parked rows that are told to people; scripts get _LISTED at most."""
_LISTED = 10_000


@click.group()
def settlement() -> None:
    """Marketplaces' reports, and what is owed to whom."""


# Reports --------------------------------------------------------------------------------------------------------


@settlement.command("import")
@click.argument("path", metavar="FILE", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@of_book
@day("--as-of", "Of what day the report is, where neither the file nor its name says so.")
@click.option("--zone", help="Of its times without a zone (IANA); else the marketplace's usual one.")
@click.option("--preview", is_flag=True, help="Say what it would post, and post nothing.")
@click.option(
    "--refuse", is_flag=True, help="Refuse the whole file where one row can't be read; else that row is parked."
)
@as_json
def import_report(
    path: Path, slug: str, as_of: date | None, zone: str | None, preview: bool, refuse: bool, as_json: bool
) -> None:
    """Read a marketplace's report into the books.

    A file that was imported before is recognised, and changes nothing; one that was broken off goes on.
    Exits with 1 if it is refused.
    """
    from settlement.imports import Request

    asked = Request(file=path, name=path.name, as_of=as_of, zone=zone, on_fault="refuse" if refuse else "park")

    async def work() -> dict[str, Any]:
        settings = Settings.from_environment()
        async with connections(_CONNECTIONS) as engine:
            async with engine.connect() as connection:
                book = await find_book(connection, slug)
            if preview:
                return await _previewed(engine, book, asked)
            return await _imported(engine, Storage(settings.media_storage), book, asked)

    found = run(work())
    click.echo(json_of(found) if as_json else _told(found))
    if found["state"] == "refused":
        sys.exit(1)


async def _imported(engine: AsyncEngine, storage: Storage, book: Book, asked: "Request") -> dict[str, Any]:
    from settlement.importing import run_import
    from settlement.imports import begin_import, list_parked
    from settlement.posted import posted_by

    report, new = await begin_import(engine, storage, book.book_id, asked, created_by=actor())
    if new:
        async with engine.begin() as connection:
            detail = {"import": report.import_id, "sha256": report.sha256, "as_of": report.as_of.isoformat()}
            await record(connection, Event(actor(), "settlement.import", report.name, book.book_id, detail))
    with _bar(report.size) as told:
        done = await run_import(engine, storage, book.book_id, report.import_id, told)
    again = report.state != "reading"
    async with engine.connect() as connection:
        posted = [] if again else await posted_by(connection, book.book_id, report.import_id)
        parked = await list_parked(connection, book.book_id, report.import_id, limit=_LISTED)
    its = done.report
    return {
        "import_id": its.import_id,
        "state": its.state,
        "already_imported": again,
        **_facts(book, its, done),
        "rows": its.rows_read,
        "parked_rows": its.parked,
        "parked": [_fault(row.row_no, row.column_name, row.value, row.rule) for row in reversed(parked)],
        "posted": _amounts(posted),
        "failure": its.failure,
    }


async def _previewed(engine: AsyncEngine, book: Book, asked: "Request") -> dict[str, Any]:
    from settlement.previewing import preview

    found = await preview(engine, book.book_id, asked)
    return {
        "import_id": None,
        "state": "preview",
        "already_imported": found.already_imported,
        **_facts(book, found, found),
        "rows": found.rows,
        "sample": found.sample,
        "parked_rows": len(found.parked),
        "parked": [_fault(row.row_no, row.column, row.text, row.rule) for row in found.parked[:_LISTED]],
        "posted": _amounts(found.posted),
        "failure": None,
    }


def _facts(book: Book, report: "Import | Preview", counted: "Imported | Preview") -> dict[str, Any]:
    return {
        "file": report.name,
        "sha256": report.sha256,
        "format": report.format,
        "as_of": report.as_of.astimezone(ZoneInfo(book.time_zone)).date(),
        "sales": {"new": counted.new, "changed": counted.changed, "unchanged": counted.unchanged},
    }


def _fault(row_no: int, column: str | None, value: str | None, rule: str) -> dict[str, Any]:
    return {"row": row_no, "column": column, "value": value, "rule": rule}


def _amounts(posted: "Sequence[Amount]") -> list[dict[str, Any]]:
    return [
        {
            "account": its.account,
            "currency": its.currency,
            "amount": its.amount,
            "text": format_amount(its.amount, its.currency),
        }
        for its in posted
    ]


def _told(found: dict[str, Any]) -> str:
    said = [plain(f"{found['file']}: {found['format']}, as of {found['as_of']}, {found['rows']:,} rows")]
    if found["already_imported"]:
        return f"{said[0]}. Imported before, as {found['import_id']}: nothing changes."
    if found["failure"]:
        return plain(f"{said[0]}. Refused: {found['failure'].rule}")
    if found.get("sample"):
        said.append("Of its first rows only; nothing was posted:")
    elif found["state"] == "preview":
        said.append("A preview; nothing was posted:")
    said.append("Sales: {new:,} new, {changed:,} changed, {unchanged:,} as they were.".format_map(found["sales"]))
    if found["parked"]:
        rows = [(f"{row['row']:,}", *(plain(row[name] or "") for name in ("column", "value", "rule")))
                for row in found["parked"][:_SHOWN]]  # fmt: skip
        more = f", the first {_SHOWN}" if found["parked_rows"] > _SHOWN else ""
        said += [
            f"{found['parked_rows']:,} rows are parked{more}:",
            table([("row", "column", "value", "rule"), *rows], {0}),
        ]
    return "\n".join([*said, _posted(found["posted"])]).rstrip()


def _posted(posted: Sequence[dict[str, Any]]) -> str:
    """By kinds of accounts: of eleven thousand clippers nobody reads a line each."""
    sums: Counter[tuple[str, str]] = Counter()
    for its in posted:
        sums[":".join(its["account"].split(":")[:2]), its["currency"]] += its["amount"]
    rows = [(account, currency, aligned(amount, currency)) for (account, currency), amount in sorted(sums.items())]
    return table([("account", "currency", "posted"), *rows], {2})


@contextmanager
def _bar(size: int) -> "Iterator[Callable[[Far], None]]":
    """Bytes and rows, where somebody is watching."""
    columns = (TextColumn("{task.description}"), BarColumn(), DownloadColumn(), TimeRemainingColumn())
    with bars(*columns) as bar:
        task = bar.add_task("", total=size)

        def told(far: "Far") -> None:
            said = "checked" if far.checking else "posted"
            bar.update(task, completed=far.bytes, description=f"{far.rows:,} rows {said}")

        yield told


# Balances -------------------------------------------------------------------------------------------------------


@settlement.command()
@of_book
@as_json
def balances(slug: str, as_json: bool) -> None:
    """What each party is owed and where it stands; what nobody is known to have earned; what marketplaces owe."""
    from settlement.balances import party_balances

    async def work() -> "Balances":
        async with reading(slug) as (connection, book):
            return await party_balances(connection, book.book_id)

    found = run(work())
    click.echo(json_of(_with_texts(msgspec.to_builtins(found))) if as_json else _balances(found))


_STANDING = ("held", "available", "reserve", "frozen", "paying", "recoverable", "paid")
_AMOUNTS = frozenset({*_STANDING, "amount", "deferred", "earned"})


def _with_texts(value: Any) -> Any:
    """Beside amounts in minor units, under `text`, the same as people write them."""
    if isinstance(value, list):
        return [_with_texts(each) for each in value]
    if not isinstance(value, dict):
        return value
    found = {name: _with_texts(member) for name, member in value.items()}
    if currency := value.get("currency"):
        found["text"] = {name: format_amount(its, currency) for name, its in value.items() if name in _AMOUNTS}
    return found


def _balances(found: "Balances") -> str:
    parties = [
        (each.party, each.currency, *(aligned(getattr(each, name), each.currency) for name in _STANDING))
        for each in found.parties
    ]
    owed = [(each.marketplace, each.currency, aligned(each.amount, each.currency)) for each in found.receivables]
    others = [(each.currency, aligned(each.amount, each.currency)) for each in found.suspense]
    fees = [
        (each.currency, *(aligned(its, each.currency) for its in (each.deferred, each.earned))) for each in found.fees
    ]
    tables = [
        table([("party", "currency", *_STANDING), *parties], range(2, 9)),
        table([("marketplace", "currency", "owes"), *owed], {2}),
        table([("suspense", ""), *others], {1}),
        table([("platform fee", "deferred", "earned"), *fees], {1, 2}),
    ]
    return "\n\n".join(filter(None, tables)) or "Nothing is in the books yet."


@settlement.command()
@of_book
@as_json
def suspense(slug: str, as_json: bool) -> None:
    """Commission that nobody is known to have earned: how much, for how long, and what would resolve it."""
    from settlement.suspense import ageing, book_today, groups

    async def work() -> dict[str, Any]:
        async with reading(slug) as (connection, book):
            today = await book_today(connection, book.book_id)
            return {
                "ageing": await ageing(connection, book.book_id, today),
                "groups": await groups(connection, book.book_id, today, "content"),
            }

    found = run(work())
    if as_json:
        click.echo(json_of(_with_texts(msgspec.to_builtins(found))))
        return
    rows = [
        (plain(each.matches), each.currency, f"{each.sales:,}", aligned(each.amount, each.currency), f"{each.oldest:,}")
        for each in found["groups"]
    ]
    said = table([("what it says", "currency", "sales", "amount", "days"), *rows], {2, 3, 4})
    click.echo(said or "Nothing is in suspense.")
