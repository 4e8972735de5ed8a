"""What everybody is owed: for a host of all parties, for a clipper or agency its own with each host."""

from typing import Annotated

from litestar import Router, get
from litestar.di import NamedDependency, Provide
from litestar.params import QueryParameter
from sqlalchemy.ext.asyncio import AsyncConnection

from settlement import balances
from settlement.api.scopes import PARTY_READ, READ
from settlement.balances import Balances, EarningKind, Earnings

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


@get("/earnings", summary="What I have earned")
async def show_earnings(
    connection: NamedDependency[AsyncConnection], party_id: NamedDependency[int], kind: NamedDependency[EarningKind]
) -> list[Earnings]:
    """With each host, by currency: what is held and when it is released, what is available, in reserve or frozen."""
    return await balances.earnings(connection, kind, party_id)


def _mounted(kind: EarningKind) -> list[Router]:
    dependencies = {"kind": Provide(lambda: kind, sync_to_thread=False)}
    return [Router("", route_handlers=[show_earnings], opt=PARTY_READ, dependencies=dependencies)]


HOST_ROUTES = [show_balances]
CLIPPER_ROUTES = _mounted("clipper")
AGENCY_ROUTES = _mounted("agency")
