"""Clips, and what they were found to show.

A clip may be identified again and again: each time is a run of its own that replaces no other, and the newest counts.
"""

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any, Literal

import msgspec
from sqlalchemy import ColumnElement, Row, and_, case, func, insert, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from media.errors import ClipNotFound, IdentificationNotFound
from media.places import Place
from media.sources import Failure, failure_of
from media.tables import clips, identifications, matches, sources
from media.titles import checked_title

if TYPE_CHECKING:  # reading what was found needs none of what finds it, which takes seconds to import
    from media.identification import Match

AGAIN_FOR = timedelta(days=30)
"""How long a clip that nothing was found for is looked at again when a source comes."""
_Rect = tuple[float, float, float, float]


class Clip(msgspec.Struct, frozen=True):
    """`state` tells what the newest identification came to, or that one is still to come."""

    clip_id: int
    title: str
    state: Literal["waiting", "working", "identified", "unrecognised", "failed"]
    duration_s: float | None
    failure: Failure | None
    submitted_by: str
    submitted_at: datetime


class FoundMatch(msgspec.Struct, frozen=True):
    """Seconds clip_t0 to clip_t1 of the clip are seconds source_t0 to source_t1 of the source.

    `speed`: source seconds per clip second. `clip_rect`, `source_rect`: the same content in both pictures (x0, y0, x1,
    y1 as fractions). `evidence`: the pictures that were compared, how well they agreed, and how surely the sound does.
    """

    match_no: int
    source_id: int
    clip_t0: float
    clip_t1: float
    source_t0: float
    source_t1: float
    score: float
    speed: float
    mirrored: bool
    clip_rect: _Rect
    source_rect: _Rect
    evidence: dict[str, Any]


class Identification(msgspec.Struct, frozen=True):
    """One run: when, by which `version` of the fingerprints, at which threshold, among how many sources."""

    run_no: int
    identified_at: datetime
    version: int
    threshold: float
    sources: int
    matches: tuple[FoundMatch, ...]


async def submit_clip(
    connection: AsyncConnection, book_id: int, title: str, place: Place, *, submitted_by: str
) -> Clip:
    """Register a clip to be identified. Raises InvalidTitle."""
    values = {"title": checked_title(title), "place": str(place), "submitted_by": submitted_by}
    row = insert(clips).values(book_id=book_id, **values).returning(clips)
    return _clip((await connection.execute(row)).one())


async def find_clip(connection: AsyncConnection, book_id: int, clip_id: int) -> Clip:
    """Raises ClipNotFound."""
    return _clip(await _row(connection, book_id, clip_id))


async def list_clips(
    connection: AsyncConnection, book_id: int, *, before: int | None = None, limit: int = 100
) -> list[Clip]:
    """Newest first, those before a given one."""
    chosen = select(clips).where(clips.c.book_id == book_id)
    if before is not None:
        chosen = chosen.where(clips.c.clip_id < before)
    return [_clip(row) for row in await connection.execute(chosen.order_by(clips.c.clip_id.desc()).limit(limit))]


async def place_of(connection: AsyncConnection, book_id: int, clip_id: int) -> Place | None:
    """Where its bytes lie. Raises ClipNotFound."""
    row = await _row(connection, book_id, clip_id)
    return Place.parse(row.place) if row.place else None


async def identify_again(connection: AsyncConnection, book_id: int, clip_id: int) -> Clip:
    """Have it identified once more, as when sources were added; one that waits already waits on.

    Raises ClipNotFound.
    """
    ended = clips.c.state.in_(["identified", "unrecognised", "failed"])
    again = update(clips).where(_named(book_id, clip_id), ended)
    due = {"state": "waiting", "again": False, "attempts": 0}
    await connection.execute(again.values(**due, failure_code=None, failure_rule=None))
    return await find_clip(connection, book_id, clip_id)


async def look_again(connection: AsyncConnection, book_id: int) -> None:
    """A source has grown: the book's clips of the last AGAIN_FOR that nothing was found for are due again.

    They come after those that nobody has looked at. One that is searched for at this moment is looked at again if that
    comes to nothing.
    """
    young = clips.c.submitted_at > func.now() - AGAIN_FOR
    here = and_(clips.c.book_id == book_id, clips.c.state.in_(["working", "unrecognised"]), young)
    in_order = select(clips.c.clip_id).where(here).order_by(clips.c.clip_id)  # as two that do this must lock them
    locked = in_order.with_for_update(key_share=True).cte("locked")
    unrecognised = clips.c.state == "unrecognised"
    due = {
        "again": True,
        "state": case((unrecognised, "waiting"), else_=clips.c.state),
        "attempts": case((unrecognised, 0), else_=clips.c.attempts),
    }
    await connection.execute(
        update(clips).where(clips.c.book_id == book_id, clips.c.clip_id == locked.c.clip_id).values(due)
    )


def settled(*, matched: bool) -> dict[str, Any]:
    """What becomes of a clip that was searched for; one that missed a source is due at once, see `look_again`."""
    if matched:
        return {"state": "identified"}
    return {
        "state": case((clips.c.again, "waiting"), else_="unrecognised"),
        "attempts": case((clips.c.again, 0), else_=clips.c.attempts),
    }


# Identifications --------------------------------------------------------------------------------------------


async def record_identification(
    connection: AsyncConnection,
    clip: tuple[int, int],
    found: "Sequence[Match]",
    *,
    version: int,
    threshold: float,
    searched: int,
) -> int:
    """Add a run for the clip (book_id, clip_id); returns how many matches it has.

    A source that was removed while it was searched does not match. The caller holds the clip's row.
    """
    book_id, clip_id = clip
    there = await _still_there(connection, book_id, {match.source for match in found})
    key = {"book_id": book_id, "clip_id": clip_id, "run_no": await _newest_run(connection, book_id, clip_id) + 1}
    made = {"version": version, "threshold": threshold, "sources": searched}
    await connection.execute(insert(identifications).values(**key, **made))
    valid = [match for match in found if match.source in there]
    if valid:
        rows = [{**key, "match_no": number, **plain_match(match)} for number, match in enumerate(valid, 1)]
        await connection.execute(insert(matches), rows)
    return len(valid)


async def _still_there(connection: AsyncConnection, book_id: int, source_ids: set[int]) -> set[int]:
    """Those of the sources that are not removed; none will be before this transaction ends."""
    here = and_(sources.c.book_id == book_id, sources.c.source_id.in_(source_ids), sources.c.removed_at.is_(None))
    chosen = select(sources.c.source_id).where(here).order_by(sources.c.source_id)
    return set(await connection.scalars(chosen.with_for_update(read=True)))


def plain_match(match: "Match") -> dict[str, Any]:
    """By the names of a `FoundMatch`, and of types that a database and JSON know."""
    plain = ("clip_t0", "clip_t1", "source_t0", "source_t1", "score", "speed", "mirrored")
    as_json = ("clip_rect", "source_rect", "evidence")
    return {
        "source_id": match.source,
        **{name: _builtin(getattr(match, name)) for name in (*plain, *as_json)},
    }


def _builtin(value: object) -> Any:
    """As the database driver takes it: numbers may come as numpy's."""
    return msgspec.to_builtins(value, enc_hook=lambda number: number.item())


async def identification_of(
    connection: AsyncConnection, book_id: int, clip_id: int, run_no: int | None = None
) -> Identification:
    """A run with its matches in order of the clip; without a number the newest.

    Raises:
        ClipNotFound
        IdentificationNotFound: no such run, or none yet.
    """
    await _row(connection, book_id, clip_id)
    number = await _newest_run(connection, book_id, clip_id) if run_no is None else run_no
    run = identifications.c
    chosen = select(identifications).where(run.book_id == book_id, run.clip_id == clip_id, run.run_no == number)
    row = (await connection.execute(chosen)).one_or_none()
    if row is None:
        raise IdentificationNotFound("run", run_no)
    names = [name for name in Identification.__struct_fields__ if name != "matches"]
    its = await _matches(connection, book_id, clip_id, number)
    return Identification(**{name: row._mapping[name] for name in names}, matches=its)


async def _matches(connection: AsyncConnection, book_id: int, clip_id: int, run_no: int) -> tuple[FoundMatch, ...]:
    here = and_(matches.c.book_id == book_id, matches.c.clip_id == clip_id, matches.c.run_no == run_no)
    names = FoundMatch.__struct_fields__
    columns = [matches.c[name] for name in names]
    rows = await connection.execute(select(*columns).where(here).order_by(matches.c.clip_t0, matches.c.match_no))
    return tuple(msgspec.convert(dict(zip(names, row, strict=True)), FoundMatch) for row in rows)


async def _newest_run(connection: AsyncConnection, book_id: int, clip_id: int) -> int:
    """Its number; 0 when there is none."""
    run = identifications.c
    newest = select(func.max(run.run_no)).where(run.book_id == book_id, run.clip_id == clip_id)
    return await connection.scalar(newest) or 0


async def _row(connection: AsyncConnection, book_id: int, clip_id: int) -> Row[Any]:
    row = (await connection.execute(select(clips).where(_named(book_id, clip_id)))).one_or_none()
    if row is None:
        raise ClipNotFound("clip", clip_id)
    return row


def _named(book_id: int, clip_id: int) -> ColumnElement[bool]:
    return and_(clips.c.book_id == book_id, clips.c.clip_id == clip_id)


def _clip(row: Row[Any]) -> Clip:
    names = [name for name in Clip.__struct_fields__ if name != "failure"]
    return Clip(failure=failure_of(row), **{name: row._mapping[name] for name in names})
