"""The contact sheet of an identification: which files it needs, wherever they lie, and the picture made of them."""

import asyncio
from collections.abc import Sequence
from contextlib import AsyncExitStack
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

import msgspec
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from media.clips import FoundMatch, identification_of, place_of
from media.errors import NotIdentifiedYet, VideoFileNotFound
from media.places import Place
from media.sources import places_of
from media.storage import Storage

if TYPE_CHECKING:  # what draws is imported by who draws: the web server starts without numpy and scipy
    from media.identification import Match

_AT_ONCE = asyncio.Semaphore(2)
"""Sheets that one process makes at a time: each runs ffmpeg."""


@dataclass(frozen=True)
class _Facts:
    """`matches` count seconds from the start of the recordings in `sources`."""

    clip: Place
    sources: dict[int, Place]
    matches: "list[Match]"


async def sheet_of(
    engine: AsyncEngine, storage: Storage, book_id: int, clip_id: int, run_no: int | None = None
) -> bytes:
    """A JPEG: the clip's frames over the sources'. No transaction is open while it is made.

    Raises:
        ClipNotFound, IdentificationNotFound
        NotIdentifiedYet: the clip's bytes were deleted, or still lie in pieces.
    """
    from media.contact_sheet import contact_sheet

    async with engine.connect() as connection:
        facts = await _facts(connection, book_id, clip_id, run_no)
    async with _AT_ONCE, AsyncExitStack() as stack:
        clip = await stack.enter_async_context(storage.local(facts.clip))
        sources: dict[int, Path] = {}
        for source, place in facts.sources.items():
            try:
                sources[source] = await stack.enter_async_context(storage.local(place))
            except VideoFileNotFound:
                continue  # the sheet says so
        return await asyncio.to_thread(contact_sheet, clip, sources, facts.matches)


async def _facts(connection: AsyncConnection, book_id: int, clip_id: int, run_no: int | None) -> _Facts:
    found = (await identification_of(connection, book_id, clip_id, run_no)).matches
    clip = await place_of(connection, book_id, clip_id)
    if clip is None or clip.kind == "upload":
        raise NotIdentifiedYet("clip", clip_id)
    sources, starts = {}, {}
    for match in found:
        if match.source_id not in sources:
            recorded = await places_of(connection, book_id, match.source_id)
            for start, _, place in _around(recorded, (match.source_t0 + match.source_t1) / 2):
                sources[match.source_id], starts[match.source_id] = place, start
    return _Facts(clip, sources, [_of_recording(match, starts.get(match.source_id, 0.0)) for match in found])


def _around(recorded: Sequence[tuple[float, float, Place]], second: float) -> list[tuple[float, float, Place]]:
    """The recording that holds this second of the source, if its bytes can be read."""
    return [each for each in recorded if each[0] <= second < each[1] and each[2].kind != "upload"][:1]


def _of_recording(match: FoundMatch, start: float) -> "Match":
    """The match, with its evidence timed from the start of the recording that is shown.

    Where a source's matches lie in several recordings, those of the first match's show pictures.
    """
    from media.identification import Match

    columns = {**msgspec.structs.asdict(match), "source": match.source_id}
    whole = msgspec.convert({name: columns[name] for name in Match.__dataclass_fields__}, Match)
    times = tuple(time - start for time in whole.evidence.source_times)
    return replace(whole, evidence=replace(whole.evidence, source_times=times))
