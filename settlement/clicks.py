"""Clicks on clips' shopping links, day by day, as platforms or a host's own links count them.

A number is of (day, platform, content id). The newest moment of which it was told counts, in whatever order they come;
of two numbers told of the same moment the larger does. So the same batch again changes nothing.
"""

from collections.abc import Mapping, Sequence
from datetime import UTC, date, datetime, timedelta
from typing import Annotated, Any

from msgspec import Meta, Struct
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

from ledger.money import BIGINT_MAX
from ledger.refusals import storable
from licensing.vocabulary import PLATFORMS
from settlement.arrays import array, text_array
from settlement.errors import InvalidClicks

MOST_ROWS = 10_000
_LONGEST_ID = 200
_AHEAD = timedelta(days=1)
"""Clocks differ, and somewhere it is tomorrow already."""
_FIRST = date(2000, 1, 1)


class Clicks(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """How many there were on a day; the platform's own day."""

    day: Annotated[str, Meta(max_length=40, examples=["2026-10-03"])]
    platform: Annotated[str, Meta(max_length=100, examples=["tiktok"])]
    content_id: Annotated[str, Meta(max_length=1000, examples=["7431580027"])]
    clicks: Annotated[int, Meta(examples=[1200])]


class RefusedClicks(Struct, frozen=True):
    """A row that can't be counted; 1 is the batch's first."""

    row: int
    field: str
    value: str
    rule: str


class Counted(Struct, frozen=True):
    """What became of a batch: rows that came, that were told otherwise, that stayed as they were, or were refused.

    `unknown` are those of content that is on record for no clip: they wait, and count once it is.
    """

    new: int
    changed: int
    unchanged: int
    unknown: int
    refused: Sequence[RefusedClicks]


async def count_clicks(
    connection: AsyncConnection, book_id: int, rows: Sequence[Clicks], *, as_of: datetime | None, told_by: str
) -> Counted:
    """Take the batch in, but for what of it is refused; as of now, unless another moment is named.

    Raises InvalidClicks.
    """
    moment = _moment(as_of)
    good: dict[tuple[date, str, str], int] = {}
    refused = []
    for number, row in enumerate(rows, 1):
        fault = _take(good, row, moment)
        if fault is not None:
            refused.append(RefusedClicks(number, *fault))
    told = (await connection.execute(_WRITE, _parameters(book_id, good, moment, told_by))).one()
    unchanged = len(good) - told.new - told.changed
    return Counted(told.new, told.changed, unchanged, told.unknown, refused)


def _moment(as_of: datetime | None) -> datetime:
    now = datetime.now(UTC)
    if as_of is None:
        return now
    if as_of.tzinfo is None:
        raise InvalidClicks("as_of", as_of, "must be a moment with its offset such as 2026-10-05T20:00:00+08:00")
    if as_of > now + _AHEAD:
        raise InvalidClicks("as_of", as_of, "is yet to come: nothing told later could count")
    return as_of


def _take(good: dict[tuple[date, str, str], int], row: Clicks, moment: datetime) -> tuple[str, str, str] | None:
    """Add the row, or say which field of it holds what against which rule."""
    day = _day(row.day)
    if day is None or not _FIRST <= day <= (moment + _AHEAD).date():
        return "day", row.day, "must be a day such as 2026-10-03, from 2000 on and not after the batch's as_of"
    if row.platform not in PLATFORMS:
        return "platform", _shown(row.platform), f"must be one of {', '.join(PLATFORMS)}"
    if not 1 <= len(row.content_id) <= _LONGEST_ID or not storable(row.content_id):
        return "content_id", _shown(row.content_id), f"1 to {_LONGEST_ID} characters, none of them NUL"
    if not 0 <= row.clicks <= BIGINT_MAX:
        return "clicks", str(row.clicks), f"must lie between 0 and {BIGINT_MAX}"
    if good.setdefault((day, row.platform, row.content_id), row.clicks) != row.clicks:
        return "clicks", str(row.clicks), "an earlier row tells another number of the same day, platform and content"
    return None


def _day(said: str) -> date | None:
    try:
        return date.fromisoformat(said) if len(said) == len("2026-10-03") else None
    except ValueError:
        return None


def _shown(value: str) -> str:
    return "".join("\ufffd" if character == "\0" or "\ud800" <= character <= "\udfff" else character
                   for character in value[:_LONGEST_ID])  # fmt: skip


def _parameters(
    book_id: int, good: Mapping[tuple[date, str, str], int], moment: datetime, told_by: str
) -> dict[str, Any]:
    """In order of their keys, so that two batches lock their rows in one order."""
    ordered = sorted(good.items())
    return {
        "book": book_id,
        "days": array(day for (day, _, _), _ in ordered),
        "platforms": text_array(platform for (_, platform, _), _ in ordered),
        "contents": text_array(content for (_, _, content), _ in ordered),
        "clicks": array(clicks for _, clicks in ordered),
        "as_of": moment,
        "told_by": told_by,
    }


_WRITE = text("""
    WITH told AS MATERIALIZED (
        SELECT * FROM unnest(CAST(:days AS date[]), CAST(:platforms AS text[]), CAST(:contents AS text[]),
                             CAST(:clicks AS bigint[])) AS told (day, platform, content_id, clicks)
    ), written AS (
        INSERT INTO settlement.clicks AS its (book_id, day, platform, content_id, clicks, as_of, told_by)
        SELECT :book, day, platform, content_id, clicks, :as_of, :told_by FROM told
        ON CONFLICT (book_id, day, platform, content_id) DO UPDATE
            SET clicks = excluded.clicks, as_of = excluded.as_of, told_by = excluded.told_by, told_at = now()
            WHERE (excluded.as_of, excluded.clicks) > (its.as_of, its.clicks)
        RETURNING xmax = 0 AS is_new
    )
    SELECT count(*) FILTER (WHERE is_new) AS new, count(*) FILTER (WHERE NOT is_new) AS changed,
           (SELECT count(*) FROM told WHERE NOT EXISTS (
                SELECT FROM licensing.publications AS posting WHERE posting.book_id = :book
                AND posting.platform = told.platform AND posting.content_id = told.content_id)) AS unknown
    FROM written
""")
