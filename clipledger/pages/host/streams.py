"""A host's streams: which there are, how far each is, adding one, and taking one out."""

from litestar import Response
from litestar.di import NamedDependency
from litestar.params import FromPath
from sqlalchemy.ext.asyncio import AsyncConnection

from clipledger.pages.host.uploading import with_video
from clipledger.pages.routes import page
from clipledger.pages.uploading import LARGEST_FORM
from clipledger.pages.view import View
from media.api.pages import Cursor, number_of, page_of
from media.appearances import clips_showing
from media.sources import Source, find_source, list_sources

_PAGE = 50


@page("/books/{book:str}/streams", space="host", scope="media:read", largest_body=LARGEST_FORM, takes=with_video)
async def streams(
    view: NamedDependency[View],
    connection: NamedDependency[AsyncConnection],
    book_id: NamedDependency[int],
    cursor: Cursor = None,
) -> Response[str]:
    """Newest first."""
    found = await list_sources(connection, book_id, before=number_of(cursor), limit=_PAGE + 1)
    shown = page_of(found, _PAGE, lambda source: source.source_id)
    working = any(_working(source) for source in shown.data)
    return view.render(
        "host/streams.html", streams=shown.data, cursor=shown.next_cursor, working=working, largest=LARGEST_FORM
    )


@page(
    "/books/{book:str}/streams/{source_id:int}",
    space="host",
    scope="media:read",
    largest_body=LARGEST_FORM,
    takes=with_video,
)
async def stream(
    view: NamedDependency[View],
    connection: NamedDependency[AsyncConnection],
    book_id: NamedDependency[int],
    source_id: FromPath[int],
) -> Response[str]:
    """One, recording by recording; also one that was removed, which clips may still show."""
    source = await find_source(connection, book_id, source_id)
    clips = await clips_showing(connection, book_id, source_id)
    return view.render("host/stream.html", source=source, clips=clips, working=_working(source), largest=LARGEST_FORM)


def _working(source: Source) -> bool:
    """Whether a recording is still to be read; a live stream without one waits for its host, not for us."""
    return bool(source.recordings) and source.state in ("waiting", "fingerprinting")


routes = [streams, stream]
