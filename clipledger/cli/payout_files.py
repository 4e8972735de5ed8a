"""`clipledger payouts file`, `files`, `status` and `not-paid`: files for the bank, and what the bank says of them."""

import sys
from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING

import click
import msgspec
from sqlalchemy.ext.asyncio import AsyncEngine

from clipledger.cli.connections import SNAPSHOT, actor, connected, connections, run
from clipledger.cli.options import as_json, day, of_book
from clipledger.cli.tables import plain, table
from clipledger.settings import Settings
from ledger.books import Book, find_book
from ledger.money import format_amount

if TYPE_CHECKING:
    from settlement.closing import Person
    from settlement.payouts.file_answers import Answered
    from settlement.payouts.files import PayoutFile

_LARGEST = 2**63 - 1
_CONNECTIONS = 2

_run = click.argument("run_id", metavar="RUN", type=click.IntRange(1, _LARGEST))
_file = click.argument("file_id", metavar="FILE", type=click.IntRange(1, _LARGEST))


@click.command("file")
@_run
@of_book
@click.option(
    "--to",
    "folder",
    required=True,
    type=click.Path(file_okay=False, path_type=Path),
    help="The folder that it is written into.",
)
@day("--execute-on", "When the bank shall pay, unless on the run's day.")
@click.option("--by", "email", metavar="EMAIL", help="Who makes it: a user with a role.")
@click.option("--again", is_flag=True, help="Write the run's files that were made before; make none.")
@as_json
def make_file(
    run_id: int, slug: str, folder: Path, execute_on: date | None, email: str | None, again: bool, as_json: bool
) -> None:
    """Make a file for the bank of what a run has filed, and write it.

    What is in a file counts as sent. A file that was lost is written again with --again: the same bytes.
    """
    from clipledger.cli.people import acting, on_record
    from clipledger.rails import rails_of
    from settlement.payouts.files import content_of, list_files
    from settlement.payouts.filing import Maker
    from settlement.payouts.runs import find_run

    async def made(engine: AsyncEngine, book: Book, by_email: str) -> "PayoutFile":
        async with engine.connect() as connection:
            by = await acting(connection, book, by_email, "settlement:import", f"make files of {slug}")
        its = await Maker(engine, rails_of(Settings.from_environment())).make(book.book_id, run_id, by, execute_on)
        async with engine.begin() as connection:
            await on_record(connection, "payout-file.make", str(its.file_id), book, by, by_email)
        return its

    async def work() -> "list[tuple[PayoutFile, bytes]]":
        async with connections(_CONNECTIONS) as engine:
            async with engine.connect() as connection:
                book = await find_book(connection, slug)
                await find_run(connection, book.book_id, run_id)
                before = await list_files(connection, book.book_id, run_id)
            found = [its for its in before if not its.closed] if email is None else [await made(engine, book, email)]
            async with engine.connect() as connection:
                return [(its, await content_of(connection, book.book_id, its.file_id)) for its in found]

    if again == (email is not None):
        raise click.UsageError("Either --by, who makes a file, or --again.")
    written = [_written(its, content, folder) for its, content in run(work())]
    click.echo(msgspec.json.encode([its for its, _ in written]).decode() if as_json else _told(written))


def _written(its: "PayoutFile", content: bytes, folder: Path) -> "tuple[PayoutFile, Path]":
    """For its owner's eyes alone: it holds whole account numbers."""
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / its.name
    path.touch(mode=0o600)
    path.write_bytes(content)
    return its, path


def _told(written: "list[tuple[PayoutFile, Path]]") -> str:
    lines = [f"{path}: file {its.file_id}, {its.payments:,} payments, {_sums(its)}" for its, path in written]
    return "\n".join(map(plain, lines)) or "The run has no file."


def _sums(its: "PayoutFile") -> str:
    return ", ".join(f"{format_amount(total, currency)} {currency}" for currency, total in sorted(its.totals.items()))


@click.command("files")
@_run
@of_book
@as_json
def show_files(run_id: int, slug: str, as_json: bool) -> None:
    """A run's files for the bank, and what the bank has said of them."""
    from settlement.payouts.files import list_files
    from settlement.payouts.runs import find_run

    async def work() -> "list[PayoutFile]":
        async with connected(**SNAPSHOT) as connection:
            book_id = (await find_book(connection, slug)).book_id
            await find_run(connection, book_id, run_id)
            return await list_files(connection, book_id, run_id)

    found = run(work())
    click.echo(msgspec.json.encode(found).decode() if as_json else _listed(found))


def _listed(found: "list[PayoutFile]") -> str:
    rows = [
        (str(its.file_id), its.message_id, str(its.execute_on), f"{its.payments:,}", _sums(its), _words(its.told))
        for its in found
    ]
    heading = ("file", "message", "pays on", "payments", "sums", "the bank says")
    return table([heading, *rows], {0, 3}) or "The run has no file."


def _words(told: dict[str, int]) -> str:
    return ", ".join(f"{count:,} {'nothing' if word == 'none' else word}" for word, count in sorted(told.items()))


@click.command("status")
@click.argument("path", metavar="ANSWER", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@of_book
@as_json
def take_answer(path: Path, slug: str, as_json: bool) -> None:
    """Take the bank's answer (pain.002) to one of the book's files; the answer says to which.

    Exits with 1 if something was not paid.
    """
    from settlement.payouts.file_answers import LARGEST_ANSWER, receive_answer
    from settlement.payouts.files import file_of_message
    from settlement.rails.bank_answers import read_answer

    if path.stat().st_size > LARGEST_ANSWER:
        raise click.ClickException(f"{path} has more than {LARGEST_ANSWER >> 20} MB.")
    content = path.read_bytes()

    async def work() -> "Answered":
        async with connections(_CONNECTIONS) as engine:
            async with engine.connect() as connection:
                book_id = (await find_book(connection, slug)).book_id
                file_id = await file_of_message(connection, book_id, read_answer(content).message_id)
            return await receive_answer(engine, book_id, file_id, content, actor())

    found = run(work())
    said = _words(found.outcome) or "nothing of any payment"
    before = "" if found.new else " It was taken before."
    click.echo(msgspec.json.encode(found).decode() if as_json else plain(f"File {found.file.file_id}: {said}.{before}"))
    if found.outcome.keys() & {"rejected", "duplicate"}:
        sys.exit(1)


@click.command("not-paid")
@_file
@of_book
@click.option("--payout", "payouts", multiple=True, type=click.IntRange(1, _LARGEST), help="Of these alone.")
@click.option("--reason", required=True, help="Why that is certain.")
@click.option("--by", "email", required=True, metavar="EMAIL", help="Who says so: a user with a role.")
@as_json
def not_paid(file_id: int, slug: str, payouts: tuple[int, ...], reason: str, email: str, as_json: bool) -> None:
    """Say that the bank has not paid what a file holds, and won't: it may be tried again then."""
    from clipledger.cli.people import acting, on_record
    from clipledger.rails import rails_of
    from settlement.payouts.file_answers import Undone

    async def work() -> "PayoutFile":
        async with connections(_CONNECTIONS) as engine:
            async with engine.connect() as connection:
                book = await find_book(connection, slug)
                by: Person = await acting(connection, book, email, "settlement:approve", f"approve payouts of {slug}")
            undone = Undone(engine, rails_of(Settings.from_environment()))
            found = await undone.declare(book.book_id, file_id, by, reason, payouts or None)
            async with engine.begin() as connection:
                await on_record(connection, "payout-file.not-paid", str(file_id), book, by, email)
            return found

    found = run(work())
    click.echo(msgspec.json.encode(found).decode() if as_json else plain(f"File {file_id}: {_words(found.told)}."))


COMMANDS = (make_file, show_files, take_answer, not_paid)
"""For the group `payouts`."""
