"""Clips of a book: submit, see what they were recognised as, look at it."""

from collections.abc import Sequence
from pathlib import Path
from typing import Annotated

import msgspec
from litestar import Response, get, post
from litestar.di import NamedDependency
from litestar.openapi import ResponseSpec
from litestar.params import FromPath, JSONBody, QueryParameter
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from media import clips
from media.api.pages import Cursor, Limit, Page, number_of, page_of
from media.api.places import IMPORT, READ, WRITE, Video, place_of, uploaded
from media.clips import Clip, Identification
from media.sheets import sheet_of
from media.storage import Storage

_Title = Annotated[str, msgspec.Meta(examples=["Red coat, 9:16"])]
_Run = Annotated[int | None, QueryParameter(ge=1, description="An earlier identification; else the newest.")]
JPEG = {200: ResponseSpec(bytes, media_type="image/jpeg", generate_examples=False, description="A picture.")}


class UploadedClip(msgspec.Struct, kw_only=True, forbid_unknown_fields=True):
    """A clip whose bytes have arrived."""

    title: _Title
    upload: Annotated[int, msgspec.Meta(examples=[18])]


class ImportedClip(msgspec.Struct, kw_only=True, forbid_unknown_fields=True):
    """A clip that lies where the service can read it."""

    title: _Title
    video: Video


@post("/clips", opt={**WRITE, "action": "clip.submit"}, summary="Submit an uploaded clip")
async def submit(
    data: JSONBody[UploadedClip],
    connection: NamedDependency[AsyncConnection],
    book_id: NamedDependency[int],
    actor: NamedDependency[str],
    book: FromPath[str],
) -> Response[Clip]:
    """It is identified by the next free worker."""
    place = await uploaded(connection, book_id, data.upload)
    assert place is not None
    return _made(book, await clips.submit_clip(connection, book_id, data.title, place, submitted_by=actor))


@post("/clips/import", opt={**IMPORT, "action": "clip.import"}, summary="Submit a clip by path or key")
async def submit_by_name(
    data: JSONBody[ImportedClip],
    connection: NamedDependency[AsyncConnection],
    storage: NamedDependency[Storage],
    folders: NamedDependency[Sequence[Path]],
    book_id: NamedDependency[int],
    actor: NamedDependency[str],
    book: FromPath[str],
) -> Response[Clip]:
    """The file stays where it is."""
    place = await place_of(data.video, storage, folders)
    return _made(book, await clips.submit_clip(connection, book_id, data.title, place, submitted_by=actor))


@get("/clips", opt=READ, summary="Clips")
async def list_all(
    connection: NamedDependency[AsyncConnection],
    book_id: NamedDependency[int],
    limit: Limit = 100,
    cursor: Cursor = None,
) -> Page[Clip]:
    """Newest first."""
    found = await clips.list_clips(connection, book_id, before=number_of(cursor), limit=limit + 1)
    return page_of(found, limit, lambda clip: clip.clip_id)


@get("/clips/{clip_id:int}", opt=READ, summary="A clip and how far it is")
async def show(
    clip_id: FromPath[int], connection: NamedDependency[AsyncConnection], book_id: NamedDependency[int]
) -> Clip:
    """States: waiting, working, identified, unrecognised, failed."""
    return await clips.find_clip(connection, book_id, clip_id)


@get("/clips/{clip_id:int}/matches", opt=READ, summary="What a clip shows")
async def show_matches(
    clip_id: FromPath[int],
    connection: NamedDependency[AsyncConnection],
    book_id: NamedDependency[int],
    run: _Run = None,
) -> Identification:
    """Which seconds of which source, how surely, and the evidence: the frames compared and how well they agreed."""
    return await clips.identification_of(connection, book_id, clip_id, run)


@get(
    "/clips/{clip_id:int}/contact-sheet",
    opt=READ,
    media_type="image/jpeg",
    responses=JPEG,
    summary="The clip's frames over the source's",
)
async def show_sheet(
    clip_id: FromPath[int],
    engine: NamedDependency[AsyncEngine],
    storage: NamedDependency[Storage],
    book_id: NamedDependency[int],
    run: _Run = None,
) -> Response[bytes]:
    """A JPEG for a person to see why. Sources that were removed are left out."""
    picture = await sheet_of(engine, storage, book_id, clip_id, run)
    return Response(picture, media_type="image/jpeg", headers={"Cache-Control": "private, max-age=3600"})


@post(
    "/clips/{clip_id:int}/identify",
    opt={**WRITE, "action": "clip.identify"},
    status_code=202,
    summary="Identify a clip again",
)
async def identify_again(
    clip_id: FromPath[int], connection: NamedDependency[AsyncConnection], book_id: NamedDependency[int]
) -> Clip:
    """As when sources were added since. Earlier identifications stay on record; the newest counts."""
    return await clips.identify_again(connection, book_id, clip_id)


def _made(book: str, clip: Clip) -> Response[Clip]:
    return Response(clip, headers={"Location": f"/v1/books/{book}/clips/{clip.clip_id}"})


ROUTES = [submit, submit_by_name, list_all, show, show_matches, show_sheet, identify_again]
