"""A sale, explained: from the entries that booked it back to each row of a report that told of it."""

from dataclasses import dataclass

from litestar import Response
from litestar.di import NamedDependency
from litestar.params import FromPath
from sqlalchemy.ext.asyncio import AsyncConnection

from clipledger.pages.finance.names import parties
from clipledger.pages.finance.suspense import Number, Words, chosen_of, licences_to_choose
from clipledger.pages.finance.wording import CAUSES, REASONS, RULES, SHARES
from clipledger.pages.routes import page
from clipledger.pages.view import View
from clipledger.pages.workings import Worked, worked
from ledger.seals import proof_holds
from ledger.splits import Split, evaluate
from licensing.names import names_of_parties, offers_of_grants, titles_of_clips
from licensing.offers import TermsVersion, find_terms
from settlement.explaining import explain
from settlement.positions import agency_party, clipper_party
from settlement.sale import Sale


@dataclass(frozen=True)
class Shared:
    """How a sale is shared: under which version of which terms, and step by step."""

    version: TermsVersion
    split: Split
    steps: list[Worked]


@page("/books/{book:str}/finance/sales/{sale_id:int}", space="finance", scope="settlement:read")
async def sale(
    view: NamedDependency[View],
    connection: NamedDependency[AsyncConnection],
    book_id: NamedDependency[int],
    sale_id: FromPath[int],
    find: Words = None,
    under: Number = None,
) -> Response[str]:
    """Why this amount. `find` is whose licence is looked for, `under` the one under which it shall be earned."""
    its = await explain(connection, book_id, sale_id)
    choices = await licences_to_choose(connection, book_id, find)
    grants = {moved.grant_id for moved in its.moved if moved.grant_id} | ({its.sale.grant_id} - {None})
    entries = {entry.entry_id: entry for entry in its.entries}
    return view.render(
        "finance/sale.html",
        its=its,
        sale=its.sale,
        told=its.told,
        moved=its.moved,
        entries=entries,
        holds={entry.entry_id: proof_holds(entry.proof) for entry in its.entries if entry.proof},
        parties=await parties(view, connection, _earners(its.sale)),
        clips=await titles_of_clips(connection, book_id, [its.sale.submission_id or 0]),
        offers=await offers_of_grants(connection, book_id, [grant for grant in grants if grant]),
        clippers=await names_of_parties(connection, [its.sale.clipper_id or 0]),
        reasons=REASONS,
        rules=RULES,
        causes=CAUSES,
        find=find,
        choices=choices,
        under=chosen_of(choices, under),
        shared=await _shared(view, connection, book_id, its.sale),
        shares=SHARES,
    )


async def _shared(view: View, connection: AsyncConnection, book_id: int, its: Sale) -> Shared | None:
    """None for a sale that is in suspense."""
    if its.offer_id is None or its.version_no is None:
        return None
    version = await find_terms(connection, book_id, its.offer_id, its.version_no)
    split = evaluate(version.terms.split, its.due, its.tier)
    return Shared(version, split, worked(split, view.say, view.formats))


def _earners(its: Sale) -> list[str]:
    found = [None if its.clipper_id is None else clipper_party(its.clipper_id)]
    found.append(None if its.agency_id is None else agency_party(its.agency_id))
    return [party for party in found if party]
