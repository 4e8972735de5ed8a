"""The first page of a clipper: what is there for it, what is still held and until when, what comes next."""

from litestar import Response
from litestar.di import NamedDependency
from sqlalchemy.ext.asyncio import AsyncConnection

from clipledger.pages.routes import page
from clipledger.pages.view import View
from settlement import balances


@page("/clippers/{clipper:int}", space="clipper", scope="party:read")
async def dashboard(
    view: NamedDependency[View], connection: NamedDependency[AsyncConnection], party_id: NamedDependency[int]
) -> Response[str]:
    """In each currency, with each host."""
    return view.render("clipper/dashboard.html", earnings=await balances.earnings(connection, "clipper", party_id))
