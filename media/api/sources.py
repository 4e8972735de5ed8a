"""Sources of a book: register a stream, watch it being fingerprinted, let it grow, remove it."""

from collections.abc import Sequence
from datetime import datetime
from pathlib import Path
from typing import Annotated

import msgspec
from litestar import Response, delete, get, post
from litestar.di import NamedDependency
from litestar.params import FromPath, JSONBody
from sqlalchemy.ext.asyncio import AsyncConnection

from media import sources
from media.api.pages import Cursor, Limit, Page, number_of, page_of
from media.api.places import IMPORT, READ, WRITE, Video, place_of, uploaded
from media.errors import InvalidTime
from media.places import Place
from media.sources import Source
from media.storage import Storage

_Title = Annotated[str, msgspec.Meta(examples=["Autumn launch, 5 October"])]
_Upload = Annotated[int, msgspec.Meta(examples=[17], description="A whole upload; it can be used once.")]
_Start = Annotated[
    float | None,
    msgspec.Meta(examples=[300.0], description="Seconds from the source's start; else where the one before ends."),
]


class SourceAbout(msgspec.Struct, kw_only=True, forbid_unknown_fields=True):
    """`live`: more recordings will come. `recorded_at`: when the stream began, with its time zone."""

    title: _Title
    live: bool = False
    recorded_at: datetime | None = None


class UploadedSource(SourceAbout, kw_only=True, forbid_unknown_fields=True):
    """`upload` may be left out while the source is live."""

    upload: _Upload | None = None


class ImportedSource(SourceAbout, kw_only=True, forbid_unknown_fields=True):
    """A source whose recording lies where the service can read it."""

    video: Video


class UploadedRecording(msgspec.Struct, kw_only=True, forbid_unknown_fields=True):
    """The next stretch of a live source: a video by itself, be it five minutes or all the rest."""

    upload: _Upload
    starts_s: _Start = None


class ImportedRecording(msgspec.Struct, kw_only=True, forbid_unknown_fields=True):
    """The next stretch of a live source, which lies where the service can read it."""

    video: Video
    starts_s: _Start = None


@post("/sources", opt={**WRITE, "action": "source.create"}, summary="Register an uploaded source")
async def create(
    data: JSONBody[UploadedSource],
    connection: NamedDependency[AsyncConnection],
    book_id: NamedDependency[int],
    actor: NamedDependency[str],
    book: FromPath[str],
) -> Response[Source]:
    """It is fingerprinted by the next free worker, and searched from its first ten minutes on."""
    place = await uploaded(connection, book_id, data.upload)
    return _made(book, await _create(connection, book_id, data, place, actor))


@post("/sources/import", opt={**IMPORT, "action": "source.import"}, summary="Register a source by path or key")
async def create_by_name(
    data: JSONBody[ImportedSource],
    connection: NamedDependency[AsyncConnection],
    storage: NamedDependency[Storage],
    folders: NamedDependency[Sequence[Path]],
    book_id: NamedDependency[int],
    actor: NamedDependency[str],
    book: FromPath[str],
) -> Response[Source]:
    """The file stays where it is, and is not deleted with the source."""
    place = await place_of(data.video, storage, folders)
    return _made(book, await _create(connection, book_id, data, place, actor))


@get("/sources", opt=READ, summary="Sources")
async def list_all(
    connection: NamedDependency[AsyncConnection],
    book_id: NamedDependency[int],
    limit: Limit = 100,
    cursor: Cursor = None,
) -> Page[Source]:
    """Newest first, without those that were removed."""
    found = await sources.list_sources(connection, book_id, before=number_of(cursor), limit=limit + 1)
    return page_of(found, limit, lambda source: source.source_id)


@get("/sources/{source_id:int}", opt=READ, summary="A source and how far it is")
async def show(
    source_id: FromPath[int], connection: NamedDependency[AsyncConnection], book_id: NamedDependency[int]
) -> Source:
    """States: waiting, fingerprinting, ready, failed, removed. What is fingerprinted is searched in any of them."""
    return await sources.find_source(connection, book_id, source_id)


@post(
    "/sources/{source_id:int}/recordings",
    opt={**WRITE, "action": "source.grow"},
    summary="Add an uploaded recording to a live source",
)
async def grow(
    source_id: FromPath[int],
    data: JSONBody[UploadedRecording],
    connection: NamedDependency[AsyncConnection],
    book_id: NamedDependency[int],
) -> Source:
    """Without `starts_s` it begins where the one before ends."""
    place = await uploaded(connection, book_id, data.upload)
    assert place is not None
    return await sources.add_recording(connection, book_id, source_id, place, starts_s=data.starts_s)


@post(
    "/sources/{source_id:int}/recordings/import",
    opt={**IMPORT, "action": "source.grow"},
    summary="Add a recording to a live source by path or key",
)
async def grow_by_name(
    source_id: FromPath[int],
    data: JSONBody[ImportedRecording],
    connection: NamedDependency[AsyncConnection],
    storage: NamedDependency[Storage],
    folders: NamedDependency[Sequence[Path]],
    book_id: NamedDependency[int],
) -> Source:
    """Without `starts_s` it begins where the one before ends."""
    place = await place_of(data.video, storage, folders)
    return await sources.add_recording(connection, book_id, source_id, place, starts_s=data.starts_s)


@post("/sources/{source_id:int}/finish", opt={**WRITE, "action": "source.finish"}, status_code=200, summary="Finish")
async def finish(
    source_id: FromPath[int], connection: NamedDependency[AsyncConnection], book_id: NamedDependency[int]
) -> Source:
    """A live source gets no more recordings. Doing it twice changes nothing."""
    return await sources.finish_source(connection, book_id, source_id)


@delete("/sources/{source_id:int}", opt={**WRITE, "action": "source.remove"}, summary="Remove a source")
async def remove(
    source_id: FromPath[int], connection: NamedDependency[AsyncConnection], book_id: NamedDependency[int]
) -> None:
    """It is never matched again, and its uploaded bytes are deleted. What clips were found to show stays on record."""
    await sources.remove_source(connection, book_id, source_id)


async def _create(
    connection: AsyncConnection, book_id: int, data: SourceAbout, place: Place | None, actor: str
) -> Source:
    if data.recorded_at is not None and data.recorded_at.tzinfo is None:
        raise InvalidTime(
            "recorded_at", data.recorded_at, "an instant with its time zone, as 2026-10-05T20:00:00+08:00"
        )
    about = {"live": data.live, "recorded_at": data.recorded_at}
    return await sources.create_source(connection, book_id, data.title, place, created_by=actor, **about)  # type: ignore[arg-type]


def _made(book: str, source: Source) -> Response[Source]:
    return Response(source, headers={"Location": f"/v1/books/{book}/sources/{source.source_id}"})


ROUTES = [create, create_by_name, list_all, show, grow, grow_by_name, finish, remove]
