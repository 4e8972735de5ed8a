"""`clipledger reconcile`: bank files in, a month's accounts matched, residuals out, two people's sign-off.

The two-person rule holds here, too: whoever does a step is named, is a user, and holds a role in the book that may.
"""

import sys
from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click
import msgspec

from clipledger.access.audit import Event, record
from clipledger.cli.connections import SNAPSHOT, actor, connected, connections, run
from clipledger.cli.people import acting, on_record
from clipledger.cli.settlement import as_json, of_book
from clipledger.cli.tables import aligned, plain, table
from clipledger.rails import rails_of
from clipledger.settings import Settings
from ledger.books import find_book
from ledger.errors import LedgerError
from ledger.periods import parse_period
from media.storage import Storage

if TYPE_CHECKING:
    from settlement.reconciliation.board import BoardRow
    from settlement.reconciliation.reconciliations import Reconciliation
    from settlement.reconciliation.residuals import ResidualRow


def _month(context: click.Context, parameter: click.Parameter, given: str) -> date:
    try:
        return parse_period(given, "month")
    except LedgerError as error:
        raise click.BadParameter(str(error)) from error


_MONTH = click.option("--month", required=True, callback=_month, metavar="YYYY-MM", help="Such as 2026-10.")
_ACCOUNT = click.option("--account", default="assets:bank", show_default=True, help="Of the ledger.")
_CURRENCY = click.option("--currency", required=True, metavar="CODE", help="ISO 4217, such as CNY.")
_BY = click.option("--by", "email", required=True, metavar="EMAIL", help="Who does it: a user with a role in the book.")
_REASON = click.option("--reason", required=True, help="Why.")


@click.group()
def reconcile() -> None:
    """Reconcile the ledger with what the bank and Stripe say."""


@reconcile.command(name="import")
@click.argument("path", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@click.option("--account", help="Whose lines a CSV holds: the IBAN. A camt.053 says so itself.")
@of_book
@as_json
def import_(path: Path, account: str | None, slug: str, as_json: bool) -> None:
    """Keep a bank's file: camt.053, or CSV. Exits with 1 if rows of it could not be read."""
    from settlement.reconciliation.bank_files import list_faults
    from settlement.reconciliation.taking_in import take_in

    content, settings = path.read_bytes(), Settings.from_environment()

    async def work() -> tuple[Any, bool, list[Any]]:
        storage, rails = Storage(settings.media_storage), rails_of(settings)
        async with connections(2) as engine:
            async with engine.connect() as connection:
                book_id = (await find_book(connection, slug)).book_id
            kept, new = await take_in(
                engine, storage, rails, book_id, content, name=path.name, account=account, created_by=actor()
            )
            async with engine.begin() as connection:
                if new:
                    detail = {"file": kept.file_id, "sha256": kept.sha256}
                    await record(connection, Event(actor(), "bank-file.import", kept.name, book_id, detail))
                return kept, new, await list_faults(connection, book_id, kept.file_id, limit=20)

    kept, new, faults = run(work())
    if as_json:
        told = {**msgspec.to_builtins(kept), "new": new, "faults": msgspec.to_builtins(faults)}
        click.echo(msgspec.json.encode(told).decode())
    else:
        again = "" if new else ", sent before"
        click.echo(plain(f"{kept.name}{again}: {kept.lines:,} lines, {kept.new_lines:,} new, {kept.parked:,} parked."))
        for fault in reversed(faults):
            click.echo(plain(f"row {fault.row_no}: {fault.rule} (got {fault.value})"), err=True)
    if kept.parked:
        sys.exit(1)


@reconcile.command()
@_MONTH
@of_book
@as_json
def board(slug: str, month: date, as_json: bool) -> None:
    """What of a month is reconciled. Exits with 1 if something is not signed."""
    from settlement.reconciliation.board import board as rows_of

    async def work() -> "list[BoardRow]":
        async with connected(**SNAPSHOT) as connection:
            return await rows_of(connection, (await find_book(connection, slug)).book_id, month)

    found = run(work())
    click.echo(msgspec.json.encode(found).decode() if as_json else _board(found))
    if any(row.state != "signed" for row in found):
        sys.exit(1)


def _board(found: "list[BoardRow]") -> str:
    heading = ("account", "currency", "state", "ledger", "difference", "residuals", "unexplained")
    rows = [
        (
            *(row.account, row.currency, row.state, aligned(row.ledger, row.currency)),
            "–" if row.difference is None else aligned(row.difference, row.currency),
            *(str(row.residuals), str(row.unexplained)),
        )
        for row in found
    ]
    return table([heading, *rows], {3, 4, 5, 6}) or "There is nothing to reconcile in this month."


@reconcile.command(name="run")
@_ACCOUNT
@_CURRENCY
@_MONTH
@_BY
@of_book
@as_json
def run_(account: str, currency: str, month: date, email: str, slug: str, as_json: bool) -> None:
    """Match the lines of an account, and say what does not match."""
    from settlement.reconciliation.reconciliations import begin, find_reconciliation
    from settlement.reconciliation.residuals import list_residuals
    from settlement.reconciliation.running import run as match

    async def work() -> "tuple[Reconciliation, list[ResidualRow]]":
        async with connected() as connection, connection.begin():
            book = await find_book(connection, slug)
            by = await acting(connection, book, email, "settlement:import", "run a reconciliation")
            its = await begin(connection, book.book_id, by, account=account, currency=currency, month=month)
            await match(connection, book.book_id, its.reconciliation_id, by)
            await on_record(connection, "reconciliation.run", str(its.reconciliation_id), book, by, email)
            done = await find_reconciliation(connection, book.book_id, its.reconciliation_id)
            return done, await list_residuals(connection, book.book_id, its.reconciliation_id, limit=200)

    its, found = run(work())
    if as_json:
        told = {"reconciliation": its, "residuals": found}
        click.echo(msgspec.json.encode(told).decode())
    else:
        click.echo("\n".join(_told(its, found)))


def _told(its: "Reconciliation", found: "list[ResidualRow]") -> list[str]:
    said = [f"Reconciliation {its.reconciliation_id} of {its.account} in {its.currency}, {its.month}: {its.state}"]
    if its.sums is not None:
        sums = its.sums
        amounts = (("ledger", sums.ledger), ("outside", sums.outside), ("residuals", sums.residuals))
        said += [f"   {name:10} {aligned(amount, its.currency):>20}" for name, amount in amounts]
        said.append(f"   {'timing':10} {aligned(sums.timing, its.currency):>20}   {sums.matches:,} matches")
    heading = ("no", "kind", "owner", "days", "amount", "what")
    rows = [
        (
            *(str(each.residual_id), each.kind, each.owner, str(each.age)),
            "" if each.currency is None else aligned(each.amount, each.currency),
            plain(each.said) + ("" if each.explanation is None else " (explained)"),
        )
        for each in found
        if each.entry_id is None
    ]
    return [*said, table([heading, *rows], {0, 3, 4}) or "Everything matches."]


@reconcile.command()
@click.argument("reconciliation_id", type=click.IntRange(1, 2**63 - 1))
@click.option("--form", type=click.Choice(["csv", "json"]), default="csv", show_default=True)
@of_book
def residuals(reconciliation_id: int, form: str, slug: str) -> None:
    """Write the residuals of a reconciliation."""
    from ledger.sheets import csv_text
    from settlement.reconciliation.reconciliations import find_reconciliation
    from settlement.reconciliation.residuals import MOST_EXPORTED, list_residuals, sheet

    async def work() -> "list[ResidualRow]":
        async with connected(**SNAPSHOT) as connection:
            book_id = (await find_book(connection, slug)).book_id
            await find_reconciliation(connection, book_id, reconciliation_id)
            return await list_residuals(connection, book_id, reconciliation_id, limit=MOST_EXPORTED)

    found = run(work())[::-1]
    click.echo(csv_text(sheet(found)) if form == "csv" else msgspec.json.encode(found).decode(), nl=form == "json")


@reconcile.command()
@click.argument("reconciliation_id", type=click.IntRange(1, 2**63 - 1))
@click.argument("residual_id", type=click.IntRange(1, 2**63 - 1))
@_BY
@_REASON
@click.option("--post", is_flag=True, help="Post the entry that is proposed.")
@of_book
def explain(reconciliation_id: int, residual_id: int, email: str, reason: str, post: bool, slug: str) -> None:
    """Say why a line does not match, or post what puts it right."""
    from settlement.reconciliation.putting_right import post_entry
    from settlement.reconciliation.residuals import explain as explained

    async def work() -> str:
        async with connected() as connection, connection.begin():
            book = await find_book(connection, slug)
            by = await acting(connection, book, email, "settlement:import", "explain a residual")
            its = (connection, book.book_id, reconciliation_id, residual_id, by)
            said = "explained"
            if post:
                said = f"posted as entry {await post_entry(*its, reason=reason)}; run it again"
            else:
                await explained(*its, reason)
            action = f"reconciliation.{'post' if post else 'explain'}"
            await on_record(connection, action, str(reconciliation_id), book, by, email, residual=residual_id)
            return said

    click.echo(f"Residual {residual_id} is {run(work())}.")


@reconcile.command()
@click.argument("reconciliation_id", type=click.IntRange(1, 2**63 - 1))
@_BY
@of_book
def submit(reconciliation_id: int, email: str, slug: str) -> None:
    """Hand it to another person."""
    from settlement.reconciliation.signing import submit as submitted

    async def work() -> None:
        async with connected() as connection, connection.begin():
            book = await find_book(connection, slug)
            by = await acting(connection, book, email, "settlement:import", "submit a reconciliation")
            await submitted(connection, book.book_id, reconciliation_id, by)
            await on_record(connection, "reconciliation.submit", str(reconciliation_id), book, by, email)

    run(work())
    click.echo(f"Reconciliation {reconciliation_id} is submitted.")


@reconcile.command(name="sign-off")
@click.argument("reconciliation_id", type=click.IntRange(1, 2**63 - 1))
@_BY
@of_book
def sign_off(reconciliation_id: int, email: str, slug: str) -> None:
    """Sign it off, as another person than the one who submitted it."""
    from settlement.reconciliation.signing import sign

    async def work() -> None:
        async with connected() as connection, connection.begin():
            book = await find_book(connection, slug)
            by = await acting(connection, book, email, "settlement:approve", "sign a reconciliation")
            await sign(connection, book.book_id, reconciliation_id, by)
            await on_record(connection, "reconciliation.sign", str(reconciliation_id), book, by, email)

    run(work())
    click.echo(f"Reconciliation {reconciliation_id} is signed.")
