"""The register of a book's grants, for judging sales: every grant's whole history, and the terms that it names.

It is bitemporal: `GrantHistory.standing_at` tells how a grant stood at one moment as it was known at another. An
attribute (state, version of the terms, window, accounts) has the value of the last change that sets it, in order of
(effective_at, change_no). A change that is effective at a moment holds at that moment.

A register is made whole and never changed. Build it anew for what was committed since.
"""

from bisect import bisect_right
from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from itertools import groupby
from typing import Any, NamedTuple

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

from licensing.changes import GrantChange
from licensing.terms import Terms, decode

VersionKey = tuple[int, int]
"""A version of terms: offer_id, version_no."""

# The terms come second: what a change names was committed before it, so the second snapshot has all of them.
_GRANTS = """
    SELECT grants.grant_id, offer_id, clipper_id, change_no, action, change.state, change.version_no,
        change.starts_at, change.ends_at, change.handles, effective_at, recorded_at
    FROM licensing.grants JOIN licensing.grant_changes AS change USING (book_id, grant_id)
    WHERE book_id = :book_id {candidates}
    ORDER BY grant_id, effective_at, change_no
"""
_CANDIDATES = """AND grant_id IN (
        SELECT unnest(CAST(:grant_ids AS bigint[]))
        UNION
        SELECT ever.grant_id FROM licensing.grant_changes AS ever
        WHERE ever.book_id = :book_id AND {listed}
    )
"""
_LISTED = "ever.handles && CAST(:accounts AS text[])"
# An overlap compares each account with each; the test for one of many is hashed.
_LISTED_OF_MANY = """EXISTS (
            SELECT FROM unnest(ever.handles) AS listed (account) WHERE account = ANY (CAST(:accounts AS text[]))
        )"""
_ALL = text(_GRANTS.format(candidates=""))
_SOME = text(_GRANTS.format(candidates=_CANDIDATES.format(listed=_LISTED)))
_MANY = text(_GRANTS.format(candidates=_CANDIDATES.format(listed=_LISTED_OF_MANY)))
_TERMS = text("""
    SELECT offer_id, version_no, terms, sha256
    FROM licensing.terms_versions JOIN unnest(CAST(:offers AS bigint[]), CAST(:numbers AS integer[]))
        AS named (offer_id, version_no) USING (offer_id, version_no)
    WHERE book_id = :book_id
""")


class Scope:
    """One version's terms, ready to be asked what they cover. `tail` is how long after a grant's end sales count."""

    __slots__ = ("excluded", "products", "sha256", "streams", "tail", "terms", "version_no")

    def __init__(self, version_no: int, terms: Terms, sha256: str) -> None:
        self.version_no = version_no
        self.terms = terms
        self.sha256 = sha256
        self.products = None if terms.products is None else frozenset(terms.products)
        self.excluded = frozenset(terms.excluded_products)
        self.streams = None if terms.streams is None else frozenset(terms.streams)
        self.tail = timedelta(days=terms.tail_days)


class Standing(NamedTuple):
    """How a grant stood; null is what no change had set. `scope` is of the terms in force.

    `state` is never `expired`: that is the clock's word for the end of a window, which `ends_at` tells (the first
    moment outside, the earlier of the window's end and of the expiry), and a grant that was suspended or never
    accepted when it ended is so still.
    """

    state: str | None = None
    scope: Scope | None = None
    starts_at: datetime | None = None
    ends_at: datetime | None = None
    accounts: tuple[str, ...] = ()


NOTHING = Standing()
"""A grant before its first change."""


class GrantHistory:
    """One grant and all its changes, at least one, in any order; `scopes` has each version of terms that they name."""

    def __init__(
        self,
        grant_id: int,
        offer_id: int,
        clipper_id: int,
        changes: Iterable[GrantChange],
        scopes: Mapping[VersionKey, Scope],
    ) -> None:
        self.grant_id = grant_id
        self.offer_id = offer_id
        self.clipper_id = clipper_id
        self._changes = sorted(changes, key=lambda change: (change.effective_at, change.change_no))
        numbers = {change.version_no for change in self._changes if change.version_no is not None}
        self._scopes = {number: scopes[offer_id, number] for number in numbers}
        self._moments = [change.effective_at for change in self._changes]
        self._standings = [NOTHING, *_standings(self._changes, self._scopes)]
        self.accounts = frozenset(account for change in self._changes for account in change.handles or ())
        """All that it ever listed."""
        self._first_recorded = min(change.recorded_at for change in self._changes)
        self._last_recorded = max(change.recorded_at for change in self._changes)

    def is_known(self, at: datetime | None) -> bool:
        """Whether anything had been recorded of it by then; None: by now."""
        return at is None or self._first_recorded <= at

    def standing_at(self, moment: datetime, known_at: datetime | None = None) -> Standing:
        """How it stood at that moment, by what had been recorded at `known_at`; None: by all there is."""
        if known_at is None or self._last_recorded <= known_at:
            return self._standings[bisect_right(self._moments, moment)]
        known = [each for each in self._changes if each.effective_at <= moment and each.recorded_at <= known_at]
        return [NOTHING, *_standings(known, self._scopes)][-1]


def _standings(changes: Iterable[GrantChange], scopes: Mapping[int, Scope]) -> Iterator[Standing]:
    """How a grant stood after each of its changes, which are in order."""
    state, scope, starts_at, ends_at, accounts = NOTHING
    expired_at = None
    for change in changes:
        if change.state == "expired":
            expired_at = expired_at or change.effective_at
        elif change.state is not None:
            state, expired_at = change.state, None
        if change.version_no is not None:
            scope = scopes[change.version_no]
        if change.starts_at is not None:
            starts_at, ends_at = change.starts_at, change.ends_at
        if change.handles is not None:
            accounts = change.handles
        yield Standing(state, scope, starts_at, _earlier(ends_at, expired_at), accounts)


def _earlier(one: datetime | None, other: datetime | None) -> datetime | None:
    """Null is no moment at all."""
    return one or other if one is None or other is None else min(one, other)


class Register:
    """The grants of one book, found by number or by an account (`tiktok:lina`) that they list or once listed."""

    def __init__(self, grants: Iterable[GrantHistory]) -> None:
        self._by_id = {grant.grant_id: grant for grant in grants}
        self._by_account: dict[str, list[GrantHistory]] = {}
        for grant_id in sorted(self._by_id):
            grant = self._by_id[grant_id]
            for account in grant.accounts:
                self._by_account.setdefault(account, []).append(grant)

    def and_(self, more: "Register") -> "Register":
        """The grants of both; of one that is in both as the second has it."""
        return Register((self._by_id | more._by_id).values())

    def grant(self, grant_id: int) -> GrantHistory | None:
        return self._by_id.get(grant_id)

    def of_account(self, account: str) -> Sequence[GrantHistory]:
        """In order of their numbers."""
        return self._by_account.get(account, ())


async def load_register(
    connection: AsyncConnection,
    book_id: int,
    *,
    accounts: Iterable[str] | None = None,
    grant_ids: Iterable[int] | None = None,
) -> Register:
    """The book's register as committed by now; with accounts or numbers, of the grants that have one of them alone."""
    if accounts is None and grant_ids is None:
        rows = await connection.execute(_ALL, {"book_id": book_id})
    else:
        listed = list(accounts or ())
        some = {"accounts": listed, "grant_ids": list(grant_ids or ())}
        rows = await connection.execute(_MANY if len(listed) > 100 else _SOME, {"book_id": book_id, **some})
    found = rows.all()
    scopes = await _scopes(connection, book_id, {(row[1], row[6]) for row in found})
    grants = groupby(found, lambda row: (row[0], row[1], row[2]))
    return Register(GrantHistory(*key, map(_change, its), scopes) for key, its in grants)


async def _scopes(
    connection: AsyncConnection, book_id: int, named: Iterable[tuple[int, int | None]]
) -> dict[VersionKey, Scope]:
    keys = [key for key in named if key[1] is not None]
    asked = {"offers": [offer_id for offer_id, _ in keys], "numbers": [number for _, number in keys]}
    rows = await connection.execute(_TERMS, {"book_id": book_id, **asked})
    return {(row.offer_id, row.version_no): Scope(row.version_no, decode(row.terms), row.sha256) for row in rows}


def _change(row: Sequence[Any]) -> GrantChange:
    """Read by position, for there are tens of thousands; moments in UTC, which Python compares fastest."""
    _, _, _, number, action, state, version_no, starts_at, ends_at, handles, effective_at, recorded_at = row
    return GrantChange(
        change_no=number,
        action=action,
        state=state,
        version_no=version_no,
        starts_at=starts_at and starts_at.astimezone(UTC),
        ends_at=ends_at and ends_at.astimezone(UTC),
        handles=None if handles is None else tuple(handles),
        effective_at=effective_at.astimezone(UTC),
        recorded_at=recorded_at.astimezone(UTC),
    )
