"""What licensing knows of the sales of a run, read for ten thousand at a time: registered clips, and grants.

It is remembered from one batch to the next, for as long as the book's `State` stays the same.
"""

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from typing import NamedTuple

from msgspec import Struct
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

from licensing.register import Register, load_register
from licensing.vocabulary import PLATFORMS
from settlement.arrays import planned, text_array
from settlement.holds import HOLDING

_REMEMBERED = 200_000
"""Posts; who has asked for more forgets them."""


class Clip(Struct, frozen=True, gc=False):
    """A post of a clip that was registered."""

    platform: str
    content_id: str
    submission_id: int
    grant_id: int
    clip_id: int
    handle: str
    published_at: datetime


class State(NamedTuple):
    """By what one sees that whatever decides whose sales are, and what claims do to them, is as it was.

    How many changes of grants, posts, posts removed, resolutions and resolutions withdrawn the book has; and the claims
    that do anything to sales. Changes of grants and terms are only ever added, and what one names was there before it;
    a resolution that is withdrawn stays so; a post changes only by being removed and put back. Of streams it says
    nothing.
    """

    changes: int
    posts: int
    removed: int
    resolutions: int
    withdrawn: int
    claims: str


async def state_of(connection: AsyncConnection, book_id: int) -> State:
    """As committed by now."""
    return State(*(await connection.execute(_STATE, {"book": book_id})).one())


class Licences:
    """A book's grants and clips, as far as anybody has asked for them. For one task at a time."""

    def __init__(self, book_id: int) -> None:
        self.book_id = book_id
        self._forget(None)

    def _forget(self, state: State | None) -> None:
        self._state = state
        self._accounts: set[str] = set()
        self._grant_ids: set[int] = set()
        self._register = Register(())
        self._posts: set[tuple[str, str]] = set()
        self._clips: dict[str, list[Clip]] = {}

    async def refresh(self, connection: AsyncConnection) -> State:
        """Forget what may no longer be so. What is read from now on is read in this state, or in a later one."""
        state = await state_of(connection, self.book_id)
        if state != self._state or len(self._posts) > _REMEMBERED:
            self._forget(state)
        return state

    async def register(
        self, connection: AsyncConnection, *, accounts: Iterable[str], grant_ids: Iterable[int]
    ) -> Register:
        """With the grants that list or listed one of the accounts, and those of these numbers."""
        more_accounts, more_ids = set(accounts) - self._accounts, set(grant_ids) - self._grant_ids
        if more_accounts or more_ids:
            more = await load_register(connection, self.book_id, accounts=more_accounts, grant_ids=more_ids)
            self._register = self._register.and_(more)
            self._accounts |= more_accounts
            self._grant_ids |= more_ids
        return self._register

    async def clips(
        self, connection: AsyncConnection, contents: Iterable[tuple[str | None, str]]
    ) -> Mapping[str, Sequence[Clip]]:
        """By content id, at least these, in order; removed posts, too, for what they have sold stays the clip's. A
        platform of None may be any.
        """
        asked = {
            (platform, content_id)
            for told, content_id in contents
            for platform in ((told,) if told is not None else PLATFORMS)
        } - self._posts
        if asked:
            arrays = {
                "platforms": text_array(platform for platform, _ in asked),
                "contents": text_array(content_id for _, content_id in asked),
            }
            rows = await planned(connection, _CLIPS, {"book": self.book_id, **arrays})
            for row in await rows.fetchall():
                its = self._clips.setdefault(row[1], [])
                its.append(Clip(*row))
                its.sort(key=lambda clip: clip.submission_id)
            self._posts |= asked
        return self._clips


_STATE = text(f"""
    SELECT (SELECT count(*) FROM licensing.grant_changes WHERE book_id = :book),
           (SELECT count(*) FROM licensing.publications WHERE book_id = :book),
           (SELECT count(*) FROM licensing.publications WHERE book_id = :book AND removed_at IS NOT NULL),
           its.made, its.withdrawn,
           (SELECT coalesce(string_agg(concat_ws(' ', claim_id, state, frozen, decided_at), ',' ORDER BY claim_id), '')
            FROM licensing.claims WHERE book_id = :book AND {HOLDING})
    FROM (SELECT count(*) AS made, count(withdrawn_at) AS withdrawn
          FROM settlement.resolutions WHERE book_id = :book) AS its
""")  # noqa: S608 - of constants

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
    ) AS submission"""
