"""What is advised about an offer's share."""

from litestar import get
from litestar.di import NamedDependency
from litestar.params import FromPath
from sqlalchemy.ext.asyncio import AsyncConnection

from settlement import advice
from settlement.advice import Advice
from settlement.api.scopes import READ


@get("/offers/{offer_id:int}/advice", opt=READ, summary="Which share would net the host most")
async def show_advice(
    offer_id: FromPath[int], connection: NamedDependency[AsyncConnection], book_id: NamedDependency[int]
) -> Advice:
    """An estimate of how clippers' sales answer to their share, and of the share at which the host nets most, with its
    uncertainty; where the history can't tell, why, and what would make it answerable. Nothing is posted or published.
    """
    return await advice.advise(connection, book_id, offer_id)


HOST_ROUTES = [show_advice]
"""Under the host's book."""
