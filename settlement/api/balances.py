"""What everybody is owed: for a host of all parties, for a clipper its own with each host."""

from typing import Annotated

from litestar import get
from litestar.di import NamedDependency
from litestar.params import QueryParameter
from sqlalchemy.ext.asyncio import AsyncConnection

from settlement import balances
from settlement.api.scopes import PARTY_READ, READ
from settlement.balances import Balances, Earnings

_Party = Annotated[
    str | None,
    QueryParameter(pattern="^(host|(clipper|agency)-[0-9]{1,19})$", description="Of one alone: host, clipper-7."),
]


@get("/balances", opt=READ, summary="What every party is owed")
async def show_balances(
    connection: NamedDependency[AsyncConnection], book_id: NamedDependency[int], party: _Party = None
) -> Balances:
    """By party and currency, from the ledger; what marketplaces owe, what is in suspense, the platform's fees. All
    amounts are in minor units.
    """
    return await balances.party_balances(connection, book_id, party)


@get("/earnings", opt=PARTY_READ, summary="What I have earned")
async def show_earnings(connection: NamedDependency[AsyncConnection], party_id: NamedDependency[int]) -> list[Earnings]:
    """With each host, by currency: what is held and when it is released, what is available, in reserve or frozen."""
    return await balances.earnings(connection, party_id)


HOST_ROUTES = [show_balances]
CLIPPER_ROUTES = [show_earnings]
