"""`clipledger settlement advise`: which share of an offer would net the host most, as far as its history can tell."""

from typing import TYPE_CHECKING

import click
import msgspec

from clipledger.cli.connections import reading, run
from clipledger.cli.options import as_json, of_book
from clipledger.cli.tables import json_of, plain, table
from ledger.money import format_amount
from licensing.errors import LicensingError

if TYPE_CHECKING:
    from settlement.advice import Advice

_LARGEST = 2**63 - 1


@click.command()
@of_book
@click.option("--offer", "offer_id", required=True, type=click.IntRange(1, _LARGEST), help="The offer's number.")
@as_json
def advise(slug: str, offer_id: int, as_json: bool) -> None:
    """Say which share would net the host most, with the estimate's uncertainty; or why nothing can be advised."""

    async def work() -> "Advice":
        from settlement.advice import advise as advised

        async with reading(slug) as (connection, book):
            return await advised(connection, book.book_id, offer_id)

    try:
        found = run(work())
    except LicensingError as error:
        raise click.ClickException(str(error)) from error
    click.echo(json_of(found) if as_json else _said(found))


def _said(found: "Advice") -> str:
    said = [plain(found.told)]
    said += [plain(f"Needed: {each.needed}") for each in found.refused]
    if found.data is not None:
        its = found.data
        said.append(
            f"Of {its.since} to {its.until}: {its.sales:,} sales, {its.clippers:,} clippers, "
            f"{its.clippers_moved:,} of them with a share that has moved."
        )
    if found.elasticity is not None:
        low, likely, high = msgspec.structs.astuple(found.elasticity)
        said.append(f"Elasticity of sales to the share: {likely:.2f}, {low:.2f} to {high:.2f}.")
    said.append(_curve(found))
    said += [plain(f"Mind: {each}") for each in found.caveats]
    return "\n".join(filter(None, said))


def _curve(found: "Advice") -> str:
    """The host's net by share."""
    rows = [
        (f"{point.share_ppm / 10_000:.1f} %", *(format_amount(its, found.currency or "") for its in _amounts(point)))
        for point in found.curve
    ]
    return table([("clipper's share", "host's net, at least", "likely", "at most"), *rows], {0, 1, 2, 3})


def _amounts(point: object) -> tuple[int, ...]:
    return tuple(getattr(point, name) for name in ("low", "likely", "high"))
