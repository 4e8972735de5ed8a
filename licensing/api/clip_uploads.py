"""A clipper's uploads, under the grant for which they are meant: media's own routes, mounted once more.

They lie in the host's book, but are the clipper's until a clip is made of them: the host doesn't see them.
"""

from typing import Any

from litestar import Request, Router
from litestar.di import NamedDependency, Provide
from litestar.params import FromPath
from sqlalchemy.ext.asyncio import AsyncEngine

from licensing import submissions
from licensing.api.books import note
from licensing.api.scopes import PARTY_READ, PARTY_WRITE
from media.api import uploads


async def _owner(party_id: NamedDependency[int]) -> str | None:
    return submissions.owner_of(party_id)


async def _book_to_append_to(
    request: Request[Any, Any, Any],
    grant_id: FromPath[int],
    engine: NamedDependency[AsyncEngine],
    party_id: NamedDependency[int],
) -> int:
    """Found before the first byte, on a connection that is given back at once."""
    async with engine.connect() as connection:
        return note(request, await submissions.book_to_upload_to(connection, party_id, grant_id))


_beside_bytes = {"owner": Provide(_owner)}
_of_bytes = {**_beside_bytes, "book_id": Provide(_book_to_append_to)}

clipper_uploads = Router(
    "/grants/{grant_id:int}",
    route_handlers=[
        Router("", route_handlers=uploads.READING, opt=PARTY_READ, dependencies=_beside_bytes),
        Router("", route_handlers=uploads.WRITING, opt=PARTY_WRITE, dependencies=_beside_bytes),
        Router("", route_handlers=uploads.APPENDING, opt=PARTY_WRITE, dependencies=_of_bytes),
    ],
)
