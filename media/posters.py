"""One picture of a clip, small, by which a person knows it again in a list."""

import asyncio
from io import BytesIO
from pathlib import Path

from sqlalchemy.ext.asyncio import AsyncEngine

from media.clips import find_clip, place_of
from media.errors import NotIdentifiedYet
from media.storage import Storage

WITHIN = (240, 240)
"""Pixels, width and height."""
_AT = 1 / 3
"""Of the clip's length: titles are over, and the end is not reached."""
_QUALITY = 80
_AT_ONCE = asyncio.Semaphore(2)
"""Pictures that one process makes at a time: each runs ffmpeg."""


async def poster_of(engine: AsyncEngine, storage: Storage, book_id: int, clip_id: int) -> bytes:
    """A JPEG. No transaction is open while it is made.

    Raises:
        ClipNotFound
        NotIdentifiedYet: nobody has read the clip yet, its bytes were deleted, or there is no such picture in it.
        VideoFileNotFound
    """
    async with engine.connect() as connection:
        clip = await find_clip(connection, book_id, clip_id)
        place = await place_of(connection, book_id, clip_id)
    if clip.duration_s is None or place is None or place.kind == "upload":
        raise NotIdentifiedYet("clip", clip_id)
    async with _AT_ONCE, storage.local(place) as path:
        drawn = await asyncio.to_thread(_drawn, path, clip.duration_s * _AT)
    if drawn is None:
        raise NotIdentifiedYet("clip", clip_id)
    return drawn


def _drawn(path: Path, at: float) -> bytes | None:
    from media.stills import stills  # by who draws alone: the web server starts without what reads videos

    picture = next(stills(path, [at], WITHIN))
    if picture is None:
        return None
    data = BytesIO()
    picture.save(data, "JPEG", quality=_QUALITY, optimize=True)
    return data.getvalue()
