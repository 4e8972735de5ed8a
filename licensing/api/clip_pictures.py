"""Pictures of a clipper's own clips, which lie in the host's book: a small one, and the frames beside the stream's.

They take a second to draw, and no transaction is open meanwhile: whose clip it is is found before, on a connection that
is given back at once.
"""

from litestar import Response, Router, get
from litestar.di import NamedDependency, Provide
from litestar.params import FromPath
from sqlalchemy.ext.asyncio import AsyncEngine

from licensing.api.scopes import PARTY_READ
from licensing.submissions import book_of_submission, find_submission
from media.api.clips import JPEG
from media.posters import poster_of
from media.sheets import sheet_of
from media.storage import Storage

_Clip = tuple[int, int]
"""book_id, clip_id"""


async def _its_clip(
    submission_id: FromPath[int], engine: NamedDependency[AsyncEngine], party_id: NamedDependency[int]
) -> _Clip:
    async with engine.connect() as connection:
        book_id = await book_of_submission(connection, party_id, submission_id)
        return book_id, (await find_submission(connection, book_id, submission_id)).clip_id


@get(
    "/submissions/{submission_id:int}/contact-sheet",
    opt=PARTY_READ,
    media_type="image/jpeg",
    responses=JPEG,
    summary="One's clip's frames over the stream's",
)
async def show_sheet(
    submission_id: FromPath[int],
    clip: NamedDependency[_Clip],
    engine: NamedDependency[AsyncEngine],
    storage: NamedDependency[Storage],
) -> Response[bytes]:
    """A JPEG that shows what the clip was recognised as. Streams that were removed are left out."""
    return _picture(await sheet_of(engine, storage, *clip), seconds=3600)


@get(
    "/submissions/{submission_id:int}/poster",
    opt=PARTY_READ,
    media_type="image/jpeg",
    responses=JPEG,
    summary="A small picture of one's clip",
)
async def show_poster(
    submission_id: FromPath[int],
    clip: NamedDependency[_Clip],
    engine: NamedDependency[AsyncEngine],
    storage: NamedDependency[Storage],
) -> Response[bytes]:
    """A JPEG, at most 240 pixels wide and high, as soon as the clip was read."""
    return _picture(await poster_of(engine, storage, *clip), seconds=86400)


def _picture(content: bytes, *, seconds: int) -> Response[bytes]:
    headers = {"Cache-Control": f"private, max-age={seconds}"}
    return Response(content, media_type="image/jpeg", headers=headers)


CLIPPER_ROUTES = [Router("", route_handlers=[show_sheet, show_poster], dependencies={"clip": Provide(_its_clip)})]
