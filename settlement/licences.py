"""What licensing knows of the sales of a run, read for ten thousand at a time: registered clips, and grants.

The register is remembered from one batch to the next. Changes of grants are only ever added, and so are terms: as long
as the book has as many changes as before, all that was read still holds.
"""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime

from msgspec import Struct
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

from licensing.register import Register, load_register
from licensing.vocabulary import PLATFORMS
from settlement.arrays import planned, text_array


class Clip(Struct, frozen=True, gc=False):
    """A post of a clip that was registered."""

    platform: str
    content_id: str
    submission_id: int
    grant_id: int
    clip_id: int
    handle: str
    published_at: datetime


class Licences:
    """A book's grants, as far as anybody has asked for them."""

    def __init__(self, book_id: int) -> None:
        self._book_id = book_id
        self._forget(0)

    def _forget(self, changes: int) -> None:
        self._changes = changes
        self._accounts: set[str] = set()
        self._grant_ids: set[int] = set()
        self._register = Register(())

    async def register(
        self, connection: AsyncConnection, *, accounts: Iterable[str], grant_ids: Iterable[int]
    ) -> Register:
        """With the grants that list or listed one of the accounts, and those of these numbers, as committed by now."""
        changes = (await connection.execute(_CHANGES, {"book": self._book_id})).scalar_one()
        if changes != self._changes:
            self._forget(changes)
        more_accounts, more_ids = set(accounts) - self._accounts, set(grant_ids) - self._grant_ids
        if more_accounts or more_ids:
            more = await load_register(connection, self._book_id, accounts=more_accounts, grant_ids=more_ids)
            self._register = self._register.and_(more)
            self._accounts |= more_accounts
            self._grant_ids |= more_ids
        return self._register


_CHANGES = text("SELECT count(*) FROM licensing.grant_changes WHERE book_id = :book")

_CLIPS = """
    SELECT platform, content_id, submission_id, grant_id, clip_id, handle, published_at
    FROM unnest(%(platforms)s::text[], %(contents)s::text[]) AS asked (platform, content_id)
    CROSS JOIN LATERAL (
        SELECT p.submission_id, p.handle, p.published_at FROM licensing.publications AS p
        WHERE p.book_id = %(book)s AND p.platform = asked.platform AND p.content_id = asked.content_id
        OFFSET 0
    ) AS publication CROSS JOIN LATERAL (
        SELECT s.grant_id, s.clip_id FROM licensing.submissions AS s
        WHERE s.book_id = %(book)s AND s.submission_id = publication.submission_id
        OFFSET 0
    ) AS submission
    ORDER BY submission_id"""


async def clips(
    connection: AsyncConnection, book_id: int, contents: Iterable[tuple[str | None, str]]
) -> Mapping[str, Sequence[Clip]]:
    """By content id; removed posts, too, for what they have sold stays the clip's. A platform of None may be any."""
    asked = {
        (platform, content_id)
        for told, content_id in contents
        for platform in ((told,) if told is not None else PLATFORMS)
    }
    found: dict[str, list[Clip]] = defaultdict(list)
    if asked:
        arrays = {
            "platforms": text_array(platform for platform, _ in asked),
            "contents": text_array(content_id for _, content_id in asked),
        }
        rows = await planned(connection, _CLIPS, {"book": book_id, **arrays})
        for row in await rows.fetchall():
            found[row[1]].append(Clip(*row))
    return found
