"""`clipledger settlement statements` and `explain`: a month's papers for everybody, and a sale down to its proof."""

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click
import msgspec
from rich.progress import BarColumn, MofNCompleteColumn, TextColumn, TimeRemainingColumn

from clipledger.cli.bars import bars
from clipledger.cli.connections import reading, run
from clipledger.cli.options import as_json, month, of_book
from clipledger.cli.tables import aligned, json_of, plain, table
from clipledger.settings import Settings
from ledger.money import format_amount

if TYPE_CHECKING:
    from licensing.certificates.labels import Language
    from settlement.explaining import Explained
    from settlement.statements.bulk import Bulk
    from settlement.statements.reading import Statement


@click.command()
@of_book
@month("The month they are of.")
@click.option(
    "--to", "folder", type=click.Path(file_okay=False, path_type=Path), help="Write a file of each into this folder."
)
@click.option("--form", type=click.Choice(["pdf", "json", "csv", "beancount"]), default="pdf", show_default=True)
@click.option("--language", type=click.Choice(["en", "zh"]), default="en", show_default=True, help="Of PDFs.")
@click.option("--jobs", type=click.IntRange(1, 64), default=2, show_default=True, help="Processes that set them.")
@as_json
def statements(slug: str, month: date, folder: Path | None, form: Any, language: Any, jobs: int, as_json: bool) -> None:
    """List the statements of a month, or write a file of each.

    What was broken off goes on: files that are as the folder's manifest says are not made again.
    Exits with 1 if one could not be made.
    """
    from settlement.statements.bulk import MANIFEST, Asked, current_statements, write_statements

    async def work() -> "tuple[list[Statement], Bulk | None]":
        async with reading(slug) as (connection, book):
            found = await current_statements(connection, book.book_id, month)
            if folder is None:
                return found, None
            url = Settings.from_environment().public_url
            asked = Asked(folder=folder, form=form, language=language, public_url=url, tell=told_on_papers)
            with _bar(len(found)) as told:
                return found, await write_statements(connection, book.book_id, found, asked, jobs, told)

    found, made = run(work())
    if made is None:
        click.echo(json_of(found) if as_json else _listed(found))
        return
    if as_json:
        summary = {"statements": len(found), "folder": folder, "manifest": MANIFEST, **msgspec.structs.asdict(made)}
        click.echo(msgspec.json.encode(summary, enc_hook=str).decode())
    else:
        click.echo(f"{made.written:,} written, {made.skipped:,} as they were, {len(made.failed):,} failed.")
        for name, why in sorted(made.failed.items()):
            click.echo(plain(f"{name}: {why}"), err=True)
    if made.failed:
        sys.exit(1)


def told_on_papers(text: str, language: "Language") -> str:
    """What the books tell, as pages tell it; they are imported only when it is asked for, by no paper in English."""
    from clipledger.pages.tellings import told

    return told(text, language)


def _listed(found: "list[Statement]") -> str:
    rows = [
        (
            *(str(its.statement_id), its.party, plain(its.name), its.currency, its.state, str(its.revision)),
            *(aligned(amount, its.currency) for amount in (its.opening.total, its.closing.total)),
        )
        for its in found
    ]
    heading = ("no", "party", "name", "currency", "state", "revision", "opening", "closing")
    return table([heading, *rows], {0, 5, 6, 7}) or "There are no statements of this month."


@contextmanager
def _bar(most: int) -> Iterator[Callable[[int], None]]:
    """Where somebody is watching."""
    columns = (TextColumn("statements"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    with bars(*columns) as bar:
        task = bar.add_task("", total=most)
        yield lambda done: bar.update(task, completed=done)


# Explain --------------------------------------------------------------------------------------------------------


@click.command()
@click.argument("sale_id", type=click.IntRange(1, 2**63 - 1), required=False)
@click.option("--order", metavar="NO", help="All lines of an order, by the marketplace's number.")
@of_book
@as_json
def explain(sale_id: int | None, order: str | None, slug: str, as_json: bool) -> None:
    """Why a sale stands where it stands: rows, attribution, terms, split, entries, seals.

    It is named by its number, or by its order's.
    """
    from settlement.errors import SaleNotFound
    from settlement.explaining import explain as explained
    from settlement.sales import Chosen, list_sales

    if (sale_id is None) == (order is None):
        raise click.UsageError("Name the sale by its number, or by --order; not by both.")

    async def work() -> "list[Explained]":
        async with reading(slug) as (connection, book):
            if sale_id is not None:
                return [await explained(connection, book.book_id, sale_id)]
            sales = await list_sales(connection, book.book_id, Chosen(order_no=order), limit=1000)
            if not sales:
                raise SaleNotFound("order", order)
            return [await explained(connection, book.book_id, sale.sale_id) for sale in reversed(sales)]

    found = run(work())
    click.echo(json_of(found) if as_json else "\n\n".join(_chain(its) for its in found))


def _chain(its: "Explained") -> str:
    """From the rows to the proofs, as a person reads it."""
    sale = its.sale
    said = [
        f"Sale {sale.sale_id}: {sale.marketplace} order {sale.order_no}, line {sale.line_no}, product {sale.product}",
        f"Sold on {sale.sold_on}, {sale.state}; its commission is {format_amount(sale.due, sale.currency)} "
        f"{sale.currency}",
    ]
    parts = {
        "What reports told; what counts has a star": _told(its),
        "Whose it is": _whose(its),
        "How it is shared": _shared(its),
        "What was posted, and where it stood then": _moved(its),
        "Entries, and the seals that hold them": _entries(its),
    }
    for heading, lines in parts.items():
        said += ["", heading, *(f"   {line}" for line in lines)]
    return "\n".join(plain(line).rstrip() for line in said)


def _told(its: "Explained") -> Iterator[str]:
    for told in its.told:
        estimated, actual, due = (
            format_amount(each, told.currency) for each in (told.estimated, told.actual, told.due)
        )
        yield (
            f"{'*' if told.newest else '-'} {told.as_of:%Y-%m-%d %H:%M} {told.name} row {told.row_no}: {told.state}, "
            f"estimated {estimated}, actual {actual}, due {due} {told.currency}"
        )
        yield f"  sha-256 {told.sha256}"


def _whose(its: "Explained") -> Iterator[str]:
    sale = its.sale
    if sale.rule is None:
        yield f"nobody's: {sale.reason}"
        return
    clip = "" if sale.submission_id is None else f", clip {sale.submission_id}"
    yield f"clipper {sale.clipper_id}, grant {sale.grant_id}{clip}: by its {sale.rule}, confidence {sale.confidence} %"


def _shared(its: "Explained") -> Iterator[str]:
    if its.working is None:
        yield "nothing is shared while it is in suspense"
        return
    yield f"by terms version {its.working.version_no} of offer {its.working.offer_id}, sha-256 {its.working.sha256}"
    yield from its.working.steps


def _moved(its: "Explained") -> list[str]:
    names = ("due", "suspense", "platform_part", "agency_part", "host_part", "clipper_part", "reserved")
    rows = [
        (
            *(str(each.change_no), each.cause, str(each.entry_id), each.stage),
            *(aligned(getattr(each, name), its.sale.currency) for name in names),
        )
        for each in its.moved
    ]
    heading = ("no", "cause", "entry", "stage", *(name.removesuffix("_part") for name in names))
    return table([heading, *rows], {0, 2, *range(4, 11)}).splitlines() or ["nothing"]


def _entries(its: "Explained") -> Iterator[str]:
    for entry in its.entries:
        yield f"{entry.entry_id} of {entry.effective_on}, booked in {entry.period:%Y-%m}: {entry.description}"
        if entry.proof is None:
            yield "  waits for the next seal"
        else:
            yield f"  seal {entry.proof.seal.seal_no}, {entry.proof.seal.seal_hash}"
