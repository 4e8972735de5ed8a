"""Why this amount: one sale of a clipper's, from what the marketplace said to the entries that booked it."""

from dataclasses import dataclass, replace

from litestar import Response
from litestar.di import NamedDependency
from litestar.params import FromPath
from sqlalchemy.ext.asyncio import AsyncConnection

from clipledger.pages.clipper.wording import BALANCES, CAUSES, RULES, SHARES
from clipledger.pages.formats import Formats
from clipledger.pages.routes import page
from clipledger.pages.view import View
from clipledger.pages.workings import Worked, worked
from ledger.books import get_book
from ledger.splits import Split, evaluate
from licensing.grants import Grant, find_grant
from licensing.offers import TermsVersion, find_terms
from settlement.explaining import book_of_own, explain_own
from settlement.sale import Sale


@dataclass(frozen=True)
class Shared:
    """How a sale is shared: by which grant, under which version of which terms, and step by step."""

    grant: Grant
    version: TermsVersion
    split: Split
    steps: list[Worked]


@page("/clippers/{clipper:int}/sales/{sale_id:int}", space="clipper", scope="party:read")
async def sale(
    sale_id: FromPath[int],
    view: NamedDependency[View],
    connection: NamedDependency[AsyncConnection],
    party_id: NamedDependency[int],
) -> Response[str]:
    """What a clipper may see of it."""
    book_id = await book_of_own(connection, party_id, sale_id)
    book = await get_book(connection, book_id)
    found = await explain_own(connection, party_id, sale_id)
    return replace(view, formats=Formats(view.language, book.time_zone)).render(
        "clipper/sale.html",
        sale=found.sale,
        found=found,
        host=book.name,
        shared=await _shared(view, connection, book_id, found.sale),
        balances=BALANCES,
        causes=CAUSES,
        rules=RULES,
        shares=SHARES,
    )


async def _shared(view: View, connection: AsyncConnection, book_id: int, its: Sale) -> Shared | None:
    """None for a sale that is in suspense."""
    if its.grant_id is None or its.offer_id is None or its.version_no is None:
        return None
    version = await find_terms(connection, book_id, its.offer_id, its.version_no)
    grant = await find_grant(connection, book_id, its.grant_id)
    split = evaluate(version.terms.split, its.due, its.tier)
    return Shared(grant, version, split, worked(split, view.say, view.formats))
