"""A clipper's clips as it looks at them: with every host, what each shows, where it was posted, and under what licence.

All that a page of clips tells is read in a handful of queries, however many there are.
"""

from collections.abc import Collection
from datetime import datetime
from typing import Any, Literal

from msgspec import Struct, convert, structs
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

from ledger.money import BIGINT_MAX
from licensing.errors import SubmissionNotFound
from licensing.publications import Publication
from licensing.segments import Segment, segments_of_clips
from licensing.submissions import State, Submission, submission_of
from licensing.terms import Terms, decode

SubmissionKey = tuple[int, int]
"""book_id, submission_id"""


class Licence(Struct, frozen=True):
    """A grant under which a clip may be handed in now, with its terms in force. `zone` is that of the host's book."""

    grant_id: int
    offer_id: int
    offer: str
    host: str
    zone: str
    handles: tuple[str, ...]
    starts_at: datetime
    ends_at: datetime | None
    terms: Terms


class OwnClip(Struct, frozen=True):
    """`reading` is how far its video was read, and `failure` why it can't be; `handles` are the grant's accounts, as
    `platform:handle`. `duration_s` is null until it was read.
    """

    submission: Submission
    book_id: int
    host: str
    zone: str
    offer_id: int
    offer: str
    handles: tuple[str, ...]
    reading: Literal["waiting", "working", "identified", "unrecognised", "failed"] | None
    failure: str | None
    duration_s: float | None
    segments: tuple[Segment, ...]
    publications: tuple[Publication, ...]

    @property
    def key(self) -> SubmissionKey:
        """By which settlement knows it."""
        return self.book_id, self.submission.submission_id


async def list_own_clips(
    connection: AsyncConnection,
    clipper_id: int,
    *,
    state: State | None = None,
    before: int | None = None,
    limit: int = 50,
) -> list[OwnClip]:
    """Of all hosts, newest first, those before a given one."""
    asked = {"state": state, "one": None, "before": BIGINT_MAX if before is None else before, "limit": limit}
    return await _read(connection, {"clipper": clipper_id, **asked})


async def find_own_clip(connection: AsyncConnection, clipper_id: int, submission_id: int) -> OwnClip:
    """Raises SubmissionNotFound."""
    asked = {"state": None, "one": submission_id, "before": BIGINT_MAX, "limit": 1}
    found = await _read(connection, {"clipper": clipper_id, **asked})
    if not found:
        raise SubmissionNotFound("submission", submission_id)
    return found[0]


async def licences_for_clips(connection: AsyncConnection, clipper_id: int) -> list[Licence]:
    """Active grants of a clipper that have not ended, newest first."""
    return [_licence(row) for row in await connection.execute(_LICENCES, {"clipper": clipper_id})]


# Reading ----------------------------------------------------------------------------------------------------


async def _read(connection: AsyncConnection, asked: dict[str, Any]) -> list[OwnClip]:
    rows = (await connection.execute(_CLIPS, asked)).all()
    segments = await segments_of_clips(connection, [(row.book_id, row.clip_id) for row in rows])
    posted = await _publications(connection, [(row.book_id, row.submission_id) for row in rows])
    return [
        _clip(row, segments[row.book_id, row.clip_id], posted.get((row.book_id, row.submission_id), ())) for row in rows
    ]


async def _publications(
    connection: AsyncConnection, clips: Collection[SubmissionKey]
) -> dict[SubmissionKey, tuple[Publication, ...]]:
    asked = {"books": [book_id for book_id, _ in clips], "numbers": [number for _, number in clips]}
    found: dict[SubmissionKey, tuple[Publication, ...]] = {}
    for row in await connection.execute(_PUBLICATIONS, asked):
        key = row.book_id, row.submission_id
        named = {name: row._mapping[name] for name in Publication.__struct_fields__}
        found[key] = (*found.get(key, ()), Publication(**named))
    return found


def _clip(row: Any, segments: tuple[Segment, ...], publications: tuple[Publication, ...]) -> OwnClip:
    """Without who of the host decided."""
    names = ("book_id", "host", "zone", "offer_id", "offer", "handles", "reading", "failure", "duration_s")
    about = {name: row._mapping[name] for name in names}
    told = structs.replace(submission_of(row), decided_by=None)
    return convert({"submission": told, **about, "segments": segments, "publications": publications}, OwnClip)


def _licence(row: Any) -> Licence:
    named = {name: row._mapping[name] for name in Licence.__struct_fields__}
    return convert({**named, "terms": decode(row.terms)}, Licence)


# SQL --------------------------------------------------------------------------------------------------------

_CLIPS = text("""
    SELECT its.*, book.name AS host, book.time_zone AS zone, offer_id, offer.title AS offer, held.handles,
           clip.state AS reading, clip.failure_code AS failure, clip.duration_s
    FROM licensing.submissions AS its
    JOIN ledger.books AS book USING (book_id)
    JOIN licensing.grants AS held USING (book_id, grant_id)
    JOIN licensing.offers AS offer USING (book_id, offer_id)
    LEFT JOIN media.clips AS clip USING (book_id, clip_id)
    WHERE its.clipper_id = :clipper AND submission_id < :before
        AND (CAST(:state AS text) IS NULL OR its.state = :state)
        AND (CAST(:one AS bigint) IS NULL OR submission_id = :one)
    ORDER BY submission_id DESC LIMIT :limit
""")

_PUBLICATIONS = text("""
    SELECT its.*
    FROM unnest(CAST(:books AS bigint[]), CAST(:numbers AS bigint[])) AS asked (book_id, submission_id)
    JOIN licensing.publications AS its USING (book_id, submission_id)
    ORDER BY book_id, submission_id, publication_id
""")

_LICENCES = text("""
    SELECT held.grant_id, held.offer_id, offer.title AS offer, book.name AS host, book.time_zone AS zone, held.handles,
           held.starts_at, held.ends_at, version.terms
    FROM licensing.grants AS held
    JOIN ledger.books AS book USING (book_id)
    JOIN licensing.offers AS offer USING (book_id, offer_id)
    JOIN licensing.terms_versions AS version
        ON version.book_id = held.book_id AND version.offer_id = held.offer_id
        AND version.version_no = held.version_no
    WHERE held.clipper_id = :clipper AND held.state = 'active' AND (held.ends_at IS NULL OR held.ends_at > now())
    ORDER BY held.grant_id DESC
""")
