"""What moved at Stripe: each balance transaction becomes a line of the book that it is of.

Several hosts share the platform's balance. A line is of the book that its transfer's group names (`clp-7-123`), the one
of the payout whose transfer it is, or the one that a top-up names (`clp-7` as its group, or in its description). What
names none is the platform's own, for operators to see; they may say once whose it is. A fee that Stripe takes off a
movement is a line of its own, after its movement.
"""

import re
from collections import defaultdict
from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import msgspec
from msgspec import Struct
from sqlalchemy import select, text, update
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from ledger.books import list_books
from ledger.money import BIGINT_MAX
from settlement.payouts.sending import Clock, utc_now
from settlement.rails.protocol import Movement, MovementKind, Rail
from settlement.reasons import checked_reason
from settlement.reconciliation.bank_files import KEEP_LINES
from settlement.reconciliation.errors import InvalidReconciliation, PlatformLineNotFound, WrongReconciliationStep
from settlement.reconciliation.lines import TheirKind
from settlement.reconciliation.tables import platform_lines

PLATFORM = "platform"
"""The rail's account: there is one."""

_WHAT = "balance-transactions"
_OVERLAP = timedelta(days=1)
"""How far back each import begins before the end of the last; what came before is recognised."""
_FIRST = timedelta(days=90)
_GROUP = re.compile(r"clp-([0-9]{1,18})(?:-[0-9]+)*")
_NAMED = re.compile(r"\bclp-([0-9]{1,18})\b")
_CHUNK = 1_000
_KINDS: Mapping[MovementKind, TheirKind] = {
    "transfer": "transfer",
    "return": "return",
    "charge": "charge",
    "refund": "refund",
    "payout": "payout",
    "payout-return": "payout-return",
    "fee": "fee",
    "top-up": "top-up",
    "other": "other",
}
_CHARGEBACK = re.compile(r"chargeback|dispute", re.IGNORECASE)


class PlatformLine(Struct, frozen=True):
    """What moved at a rail and names no book; whose it is once an operator has said so."""

    line_id: int
    source: str
    account: str
    external_id: str
    kind: str
    amount: int
    currency: str
    moved_at: datetime
    reference: str
    description: str
    book_id: int | None
    assigned_by: str | None
    assigned_at: datetime | None
    reason: str | None


class RailImport(Struct, frozen=True):
    """Lines that are new: of books, and of none."""

    of_books: int
    of_platform: int


_COLUMNS = [platform_lines.c[name] for name in PlatformLine.__struct_fields__]


async def import_movements(
    engine: AsyncEngine, rail: Rail, *, since: datetime | None = None, clock: Clock = utc_now
) -> RailImport:
    """All that moved since the last import. Raises RailUnavailable; what was kept before stays, and comes again."""
    now = clock()
    if since is None:
        since = await _through(engine, now) - _OVERLAP
    kept = [0, 0]
    waiting: list[Movement] = []
    async for movement in rail.movements(since, now):
        waiting.append(movement)
        if len(waiting) == _CHUNK:
            await _take(engine, rail, waiting, kept)
            waiting = []
    await _take(engine, rail, waiting, kept)
    async with engine.begin() as connection:
        await connection.execute(_SWEPT, {"what": _WHAT, "now": now})
    return RailImport(*kept)


async def _take(engine: AsyncEngine, rail: Rail, movements: Sequence[Movement], kept: list[int]) -> None:
    if not movements:
        return
    async with engine.connect() as connection:
        known = await _known_books(connection, movements)
    books = {each.id: known.get(each.source or "") or _named_book(each) for each in movements}
    for each in movements:
        if books[each.id] is None and each.kind in ("transfer", "return") and each.source:
            books[each.id] = await _asked_book(rail, each.source)
    async with engine.begin() as connection:
        zones = await _zones(connection, {book for book in books.values() if book is not None})
        by_book: dict[int | None, list[Movement]] = defaultdict(list)
        for each in movements:
            book = books[each.id]
            by_book[book if book in zones else None].append(each)
        for book, its in sorted(by_book.items(), key=lambda pair: (pair[0] is None, pair[0])):
            if book is None:
                kept[1] += await _keep_platforms(connection, its)
            else:
                rows = [row for each in its for row in _rows(each, zones[book])]
                kept[0] += await _keep(connection, book, rows)


async def _known_books(connection: AsyncConnection, movements: Sequence[Movement]) -> dict[str, int]:
    """Books by reference: of payouts, and of lines of the same thing that came before."""
    named = {"references": [*{each.source for each in movements if each.source}]}
    return {row.reference: row.book_id for row in await connection.execute(_BOOKS, named)}


def _named_book(movement: Movement) -> int | None:
    found = _GROUP.fullmatch(movement.group or "")
    if found is None and movement.kind == "top-up":
        found = _NAMED.search(movement.description)
    return int(found[1]) if found else None


async def _asked_book(rail: Rail, reference: str) -> int | None:
    """A transfer that no payout knows yet, or that is not ours."""
    status = await rail.status(reference)
    found = _GROUP.fullmatch((status.group if status else None) or "")
    return int(found[1]) if found else None


async def _zones(connection: AsyncConnection, books: set[int]) -> dict[int, ZoneInfo]:
    """Of those that there are."""
    if not books:
        return {}
    return {each.book_id: ZoneInfo(each.time_zone) for each in await list_books(connection, only=sorted(books))}


def _rows(movement: Movement, zone: ZoneInfo) -> list[dict[str, Any]]:
    """The movement, and the fee that was taken off it."""
    kind = _kind(movement)
    usual: dict[str, Any] = {
        "source": "stripe",
        "account": PLATFORM,
        "currency": movement.currency,
        "booked_on": movement.created.astimezone(zone).date(),
        "value_on": movement.available_on,
        "counterparty": "",
        "description": movement.description[:2000].replace("\0", ""),
        "reference": movement.source or "",
        "payment_group": movement.group or "",
        "bank_reference": "",
    }
    rows = [{**usual, "external_id": movement.id, "kind": kind, "amount": movement.amount}]
    if movement.fee:
        rows.append({**usual, "external_id": f"{movement.id}:fee", "kind": "fee", "amount": -movement.fee})
    return [row for row in rows if row["amount"]]


def _kind(movement: Movement) -> TheirKind:
    if movement.kind_there == "adjustment" and _CHARGEBACK.search(movement.description):
        return "chargeback"
    return _KINDS[movement.kind]


async def _keep(connection: AsyncConnection, book_id: int, rows: Sequence[Mapping[str, Any]]) -> int:
    told = msgspec.json.encode(rows).decode()
    return len((await connection.execute(KEEP_LINES, {"book": book_id, "rows": told})).all())


async def _keep_platforms(connection: AsyncConnection, movements: Sequence[Movement]) -> int:
    rows = [{**row, "moved_at": each.created} for each in movements for row in _rows(each, ZoneInfo("UTC"))]
    return len((await connection.execute(_KEEP, {"rows": msgspec.json.encode(rows).decode()})).all())


async def _through(engine: AsyncEngine, now: datetime) -> datetime:
    async with engine.connect() as connection:
        found: datetime | None = await connection.scalar(_THROUGH, {"what": _WHAT})
    return found or now - _FIRST


# Of the platform --------------------------------------------------------------------------------------------


async def list_platform_lines(
    connection: AsyncConnection, *, assigned: bool | None = None, before: int | None = None, limit: int = 100
) -> list[PlatformLine]:
    """Newest first by number, those before a given one."""
    its = platform_lines.c
    chosen = select(*_COLUMNS).where(its.line_id < (before or BIGINT_MAX))
    if assigned is not None:
        chosen = chosen.where(its.book_id.is_not(None) if assigned else its.book_id.is_(None))
    rows = await connection.execute(chosen.order_by(its.line_id.desc()).limit(limit))
    return [PlatformLine(*row) for row in rows]


async def assign(connection: AsyncConnection, line_id: int, book_id: int, actor: str, reason: str) -> PlatformLine:
    """Say once of which book it is; it becomes a line of that book.

    Raises PlatformLineNotFound, InvalidReconciliation, WrongReconciliationStep.
    """
    said = checked_reason(reason, InvalidReconciliation)
    its = platform_lines.c
    row = (
        await connection.execute(select(platform_lines).where(its.line_id == line_id).with_for_update())
    ).one_or_none()
    if row is None:
        raise PlatformLineNotFound("platform line", line_id)
    if row.book_id is not None:
        raise WrongReconciliationStep("line", line_id, "whose it is was said before")
    zone = (await _zones(connection, {book_id}))[book_id]
    line = {name: row._mapping[name] for name in _COPIED}
    line |= {"booked_on": row.moved_at.astimezone(zone).date(), "counterparty": "", "payment_group": ""}
    await _keep(connection, book_id, [{**line, "bank_reference": ""}])
    change = {"book_id": book_id, "assigned_by": actor, "assigned_at": text("now()"), "reason": said}
    here = update(platform_lines).where(its.line_id == line_id).values(**change).returning(*_COLUMNS)
    return PlatformLine(*(await connection.execute(here)).one())


_COPIED = ("source", "account", "external_id", "kind", "amount", "currency", "value_on", "reference", "description")

# SQL --------------------------------------------------------------------------------------------------------

_BOOKS = text("""
    SELECT DISTINCT ON (w.reference) w.reference, its.book_id
    FROM unnest(CAST(:references AS text[])) AS w (reference)
    JOIN settlement.payouts AS its ON its.reference = w.reference AND its.rail = 'stripe'
    ORDER BY w.reference, its.book_id
""")
_KEEP = text("""
    INSERT INTO settlement.platform_lines (source, account, external_id, kind, amount, currency, moved_at, value_on,
                                           reference, description)
    SELECT source, account, external_id, kind, amount, currency, moved_at, value_on, reference, description
    FROM jsonb_to_recordset(CAST(:rows AS jsonb)) AS its (source text, account text, external_id text, kind text,
        amount bigint, currency text, moved_at timestamptz, value_on date, reference text, description text)
    ON CONFLICT (source, account, external_id) DO NOTHING
    RETURNING line_id
""")
_THROUGH = text("SELECT through FROM settlement.rail_sweeps WHERE rail = 'stripe' AND what = :what")
_SWEPT = text("""
    INSERT INTO settlement.rail_sweeps (rail, what, through, swept_at) VALUES ('stripe', :what, :now, :now)
    ON CONFLICT (rail, what) DO UPDATE SET through = greatest(rail_sweeps.through, excluded.through), swept_at = :now
""")
