"""Whose book a request is about that names none: a clipper's routes name grants, clips and claims alone.

Whoever finds the book notes it for the front door, so that the audit trail of a book tells what its clippers did.
"""

from collections.abc import Awaitable, Callable, Mapping
from typing import Any

from litestar import Request
from litestar.di import NamedDependency
from sqlalchemy.ext.asyncio import AsyncConnection

from licensing.applications import book_of_application
from licensing.claims import book_of_claim
from licensing.grants import book_of_grant
from licensing.submissions import book_of_submission

_Find = Callable[[AsyncConnection, int, int], Awaitable[int]]


async def _of_claim(connection: AsyncConnection, clipper_id: int, claim_id: int) -> int:
    return await book_of_claim(connection, claim_id, clipper_id)


_FINDS: Mapping[str, _Find] = {
    "grant_id": book_of_grant,
    "submission_id": book_of_submission,
    "application_id": book_of_application,
    "claim_id": _of_claim,
}
"""By the name of the number in the path."""


def note(request: Request[Any, Any, Any], book_id: int) -> int:
    """The same book, noted."""
    request.scope["state"]["book_id"] = book_id
    return book_id


async def book_of_path(
    request: Request[Any, Any, Any], connection: NamedDependency[AsyncConnection], party_id: NamedDependency[int]
) -> int:
    """Of the clipper's own thing that the path names. Raises GrantNotFound, SubmissionNotFound and so on."""
    name = next(name for name in _FINDS if name in request.path_params)
    return note(request, await _FINDS[name](connection, party_id, request.path_params[name]))
