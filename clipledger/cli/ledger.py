"""`clipledger ledger …`: the books, for operators. To run this is permission enough."""

import os
import re
import sys
from collections.abc import AsyncIterator, Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import date
from pathlib import Path
from typing import BinaryIO, get_args

import click
import msgspec
from rich.progress import BarColumn, MofNCompleteColumn, TimeRemainingColumn
from sqlalchemy.ext.asyncio import AsyncConnection

from clipledger.access.audit import Event, record
from clipledger.cli.bars import bars
from clipledger.cli.connections import SNAPSHOT, actor, connected, reading, run, writing
from clipledger.cli.options import as_date, as_json, day, of_book
from clipledger.cli.tables import aligned, json_of, plain, table
from ledger import (
    Account,
    Book,
    Moment,
    Place,
    StatementLine,
    TrialBalance,
    Verification,
    account_statement,
    count_entries,
    export_book,
    find_account,
    format_amount,
    format_period,
    list_books,
    lock_period,
    open_book,
    seal,
    trial_balance,
    verify,
)
from ledger.exports import Format
from ledger.seals import Seal

_PAGE = 1000
_KNOWN_SEAL = re.compile(r"([0-9]{1,9}):([0-9a-f]{64})")


@click.group()
def ledger() -> None:
    """The books: open, read, export, lock, seal, verify."""


def _known_seals(context: click.Context, parameter: click.Parameter, given: Sequence[str]) -> dict[int, str]:
    found = [_KNOWN_SEAL.fullmatch(text) for text in given]
    for text, match in zip(given, found, strict=True):
        if match is None:
            raise click.BadParameter(f"{text!r} is not NUMBER:HASH as `clipledger ledger seal` prints it")
    return {int(match[1]): match[2] for match in found if match}


_MONTH = click.DateTime(["%Y-%m"])


# Books ---------------------------------------------------------------------------------------------------------


@ledger.command("open-book")
@click.argument("slug")
@click.argument("name")
@click.option("--time-zone", default="UTC", show_default=True, help="IANA name; says which day it is for the book.")
@as_json
def open_new(slug: str, name: str, time_zone: str, as_json: bool) -> None:
    """Open an empty book under SLUG, which names it for good."""

    async def work() -> Book:
        async with connected() as connection, connection.begin():
            book = await open_book(connection, slug, name, time_zone)
            await record(connection, Event(actor(), "book.open", slug, book.book_id))
        return book

    book = run(work())
    click.echo(json_of(book) if as_json else f"Opened book {book.slug}.")


@ledger.command()
@as_json
def books(as_json: bool) -> None:
    """Every book."""

    async def work() -> list[Book]:
        found: list[Book] = []
        async with connected(**SNAPSHOT) as connection:
            while page := await list_books(connection, after=found[-1].slug if found else "", limit=_PAGE):
                found += page
        return found

    found = run(work())
    rows = [(book.slug, plain(book.name), book.time_zone, f"{book.opened_at:%Y-%m-%d %H:%M}") for book in found]
    _print(json_of(found) if as_json else table([("book", "name", "time zone", "opened"), *rows]))


# Balances ------------------------------------------------------------------------------------------------------


@ledger.command("trial-balance")
@of_book
@day("--as-of", "Counting what had happened by the end of this day.")
@day("--known-on", "Counting what the books had learned by the end of this day.")
@click.option("--through", type=_MONTH, callback=as_date, metavar="YYYY-MM", help="Booked in months up to this one.")
@click.option("--depth", type=click.IntRange(1, 100), help="Sum accounts by so many words of their codes.")
@as_json
def show_trial_balance(
    slug: str, as_of: date | None, known_on: date | None, through: date | None, depth: int | None, as_json: bool
) -> None:
    """Every account that ever moved, debits and credits apart."""

    async def work() -> TrialBalance:
        async with reading(slug) as (connection, book):
            return await trial_balance(connection, book.book_id, Moment(as_of, known_on, through), depth=depth)

    trial = run(work())
    _print(json_of(trial) if as_json else _trialtable(trial))


def _trialtable(trial: TrialBalance) -> str:
    rows: list[tuple[str, ...]] = [("account", "currency", "debit", "credit")]
    for row in trial.rows:
        sides = aligned(abs(row.balance), row.currency), ""
        rows.append((row.code, row.currency, *(sides if row.balance >= 0 else sides[::-1])))
    for currency in sorted({row.currency for row in trial.rows}):
        sums = (aligned(side.get(currency, 0), currency) for side in (trial.debits, trial.credits))
        rows.append(("total", currency, *sums))
    return table(rows, right={2, 3})


@ledger.command()
@click.argument("code", metavar="ACCOUNT")
@click.argument("currency")
@of_book
@day("--since", "Effective from this day.")
@day("--until", "Effective to this day.")
@click.option("--json", "as_json", is_flag=True, help="For scripts: one object a line.")
def statement(code: str, currency: str, slug: str, since: date | None, until: date | None, as_json: bool) -> None:
    """An account's postings by day of effect, each with the balance after it."""

    async def work() -> None:
        async with reading(slug) as (connection, book):
            account = await find_account(connection, book.book_id, code, currency)
            async for line in _lines(connection, book, account, since or date.min, until or date.max):
                click.echo(json_of(line) if as_json else _shown(line, currency))

    run(work())


async def _lines(
    connection: AsyncConnection, book: Book, account: Account, since: date, until: date
) -> AsyncIterator[StatementLine]:
    after: Place | None = None
    while page := await account_statement(
        connection, book.book_id, account.account_id, since=since, until=until, after=after, limit=_PAGE
    ):
        for line in page:
            yield line
        after = Place(page[-1].effective_on, page[-1].entry_id, page[-1].line)


def _shown(line: StatementLine, currency: str) -> str:
    amounts = f"{format_amount(line.amount, currency):>22} {format_amount(line.balance, currency):>22}"
    return f"{line.effective_on} {line.entry_id:>12} {amounts}  {plain(line.description)}"


# Export --------------------------------------------------------------------------------------------------------


@ledger.command()
@of_book
@click.option("--format", "form", type=click.Choice(get_args(Format)), required=True)
@click.option("-o", "--output", type=click.Path(dir_okay=False, path_type=Path), help="A file instead of stdout.")
def export(slug: str, form: Format, output: Path | None) -> None:
    """Write the whole book, as it is at one moment."""

    async def work() -> None:
        async with reading(slug) as (connection, book):
            with _written(output) as file:
                async for block in export_book(connection, book, form):
                    file.write(block.encode())

    run(work())


@contextmanager
def _written(output: Path | None) -> Iterator[BinaryIO]:
    """A file that takes its name only when it is whole."""
    if output is None:
        yield sys.stdout.buffer
        return
    unfinished = output.with_name(f"{output.name}.unfinished")
    try:
        with unfinished.open("wb") as file:
            yield file
        os.replace(unfinished, output)
    except OSError as error:
        raise click.ClickException(f"Can't write {output}: {error.strerror}") from error
    finally:
        unfinished.unlink(missing_ok=True)


# Lock, seal, verify --------------------------------------------------------------------------------------------


@ledger.command()
@click.argument("month", type=_MONTH, callback=as_date, metavar="YYYY-MM")
@of_book
def lock(month: date, slug: str) -> None:
    """Lock the book through a month, for good: nothing is posted into it or before it any more."""

    async def work() -> None:
        async with writing(slug, "period.lock", period=format_period(month)) as (connection, book):
            await lock_period(connection, book.book_id, month, locked_by=actor())

    run(work())
    click.echo(f"{slug} is locked through {format_period(month)}.")


@ledger.command("seal")
@of_book
@as_json
def make_seal(slug: str, as_json: bool) -> None:
    """Seal what is unsealed.

    Keep the printed NUMBER:HASH elsewhere: `verify --seal` takes it, and then finds even books rewritten whole.
    """

    async def work() -> list[Seal]:
        async with writing(slug, "book.seal") as (connection, book):
            return await seal(connection, book.book_id)

    made = run(work())
    said = "\n".join(f"{each.seal_no}:{each.seal_hash}" for each in made)
    click.echo(json_of(made) if as_json else said or "Nothing to seal.")


@ledger.command("verify")
@of_book
@click.option("--seal", "known", multiple=True, metavar="NUMBER:HASH", callback=_known_seals, help="A seal you noted.")
@as_json
def verify_book(slug: str, known: Mapping[int, str], as_json: bool) -> None:
    """Check the whole book: sums, movements, and every entry against its seal. Exits with 1 if anything is wrong."""

    async def work() -> Verification:
        async with reading(slug) as (connection, book):
            return await _verified(connection, book, known)

    found = run(work())
    click.echo(json_of({"sound": found.sound, **msgspec.structs.asdict(found)}) if as_json else _told(found))
    if not found.sound:
        sys.exit(1)


async def _verified(connection: AsyncConnection, book: Book, known: Mapping[int, str]) -> Verification:
    """With a bar where somebody is watching."""
    with bars("{task.description}", BarColumn(), MofNCompleteColumn(), TimeRemainingColumn()) as bar:
        task = bar.add_task("entries", total=await count_entries(connection, book.book_id))

        def show(entries: int) -> None:
            bar.update(task, completed=entries)

        return await verify(connection, book.book_id, known_seals=known, progress=show)


def _told(found: Verification) -> str:
    waiting = f"; {found.unsealed:,} entries wait for the next seal" if found.unsealed else ""
    return "\n".join(
        [
            f"{found.entries:,} entries, {found.postings:,} postings, {found.seals:,} seals{waiting}.",
            *(plain(f"{finding.rule}: {finding.subject} {finding.detail}") for finding in found.findings),
            "Sound." if found.sound else f"Not sound: {len(found.findings):,} findings.",
        ]
    )


# Output --------------------------------------------------------------------------------------------------------


def _print(said: str) -> None:
    if said:
        click.echo(said)
