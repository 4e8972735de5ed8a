"""Resolutions: what a person has decided of sales that the rules could not attribute, or attributed wrongly.

A resolution is about one sale, or about all that share a post, an account or a tracking id, now and later. It names
the grant under which they were earned; which version of its terms, the grant's history says. Nothing is posted by hand:
the sales are attributed anew, and the difference is. The first batch follows within the caller's transaction, the
rest when `settlement.settling` next does what is due; withdrawing is followed in the same way.
"""

from collections.abc import Mapping
from datetime import date, datetime
from typing import Any, NamedTuple

from msgspec import Struct
from sqlalchemy import ColumnElement, func, select, text, update
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncConnection

from licensing.errors import InvalidHandle
from licensing.grants import find_grant
from licensing.vocabulary import account_of, check_text
from settlement import tables
from settlement.due import BATCH, Batch, Step, take, waiting
from settlement.errors import AlreadyResolved, AlreadyWithdrawn, InvalidResolution, ResolutionNotFound
from settlement.sales import find_sale
from settlement.suspense import book_today

_FORMS = "content:ID, handle:PLATFORM:HANDLE or tracking:MARKETPLACE:ID"
_LONGEST = 500


class Resolution(Struct, frozen=True):
    """`matches` is `content:7431…`, `handle:tiktok:lina`, `tracking:amazon:lina-20`, or of one order line
    `sale:tiktok:5799…:1`. `done`: all its sales have followed it, or, once withdrawn, have left it.
    """

    resolution_id: int
    matches: str
    grant_id: int
    reason: str
    resolved_by: str
    resolved_at: datetime
    withdrawn_by: str | None
    withdrawn_at: datetime | None
    done: bool


class Followed(Struct, frozen=True):
    """A resolution that was made or withdrawn, and how many sales have moved in the books at once."""

    resolution: Resolution
    moved: int


class Clearing(Struct, frozen=True):
    """Sales of one currency that are in suspense and that a resolution would be about; `amount` is in minor units."""

    currency: str
    sales: int
    amount: int


# Deciding ---------------------------------------------------------------------------------------------------


async def resolve(
    connection: AsyncConnection,
    book_id: int,
    actor: str,
    matches: str,
    grant_id: int,
    reason: str,
    *,
    today: date | None = None,
) -> Followed:
    """Say under which grant all sales of a post, an account or a tracking id are earned. Once in a transaction.

    `today` is by the book's calendar, unless another day is named.

    Raises:
        InvalidResolution: matches no such thing, has no reason, or the grant was never accepted.
        GrantNotFound: of licensing.
        AlreadyResolved: by a resolution that is not withdrawn.
    """
    return await _resolve(connection, book_id, actor, checked(matches), grant_id, reason, today)


async def resolve_sale(
    connection: AsyncConnection, book_id: int, actor: str, sale_id: int, grant_id: int, reason: str
) -> Followed:
    """Say it of one sale alone, whatever is said of others like it. Raises SaleNotFound, and what `resolve` does."""
    sale = await find_sale(connection, book_id, sale_id)
    matches = f"sale:{sale.marketplace}:{sale.order_no}:{sale.line_no}"
    return await _resolve(connection, book_id, actor, matches, grant_id, reason)


async def withdraw(connection: AsyncConnection, book_id: int, actor: str, resolution_id: int) -> Followed:
    """Follow it no longer: its sales are whose the rules say, or in suspense. Once in a transaction.

    Raises ResolutionNotFound, AlreadyWithdrawn.
    """
    values = {"withdrawn_by": actor, "withdrawn_at": func.now(), "swept_to": 0}
    its = tables.resolutions.c
    living = update(tables.resolutions).where(
        its.book_id == book_id, its.resolution_id == resolution_id, its.withdrawn_at.is_(None)
    )
    if not (await connection.execute(living.values(values))).rowcount:
        await find_resolution(connection, book_id, resolution_id)
        raise AlreadyWithdrawn("resolution", resolution_id)
    return await _followed(connection, book_id, resolution_id)


def checked(matches: str) -> str:
    """In the form in which it is stored, accounts as grants list them. Raises InvalidResolution."""
    said = check_text(matches, InvalidResolution, "matches", most=_LONGEST)
    kind, _, rest = said.partition(":")
    first, _, second = rest.partition(":")
    if kind == "handle" and first and second:
        try:
            return f"handle:{account_of(first, second)}"
        except InvalidHandle as fault:
            raise InvalidResolution("matches", said, fault.rule) from None
    if (kind == "content" and rest) or (kind == "tracking" and first and second):
        return said
    raise InvalidResolution("matches", said, f"must be {_FORMS}")


async def _resolve(
    connection: AsyncConnection,
    book_id: int,
    actor: str,
    matches: str,
    grant_id: int,
    reason: str,
    today: date | None = None,
) -> Followed:
    grant = await find_grant(connection, book_id, grant_id)
    if grant.accepted_at is None:
        raise InvalidResolution("grant_id", grant_id, "must be of a grant whose terms were accepted")
    said = check_text(reason, InvalidResolution, "reason", most=2000)
    values = {"book_id": book_id, "matches": matches, "grant_id": grant_id, "reason": said, "resolved_by": actor}
    made = insert(tables.resolutions).values(values).on_conflict_do_nothing()
    resolution_id = await connection.scalar(made.returning(tables.resolutions.c.resolution_id))
    if resolution_id is None:
        raise AlreadyResolved("matches", matches)
    return await _followed(connection, book_id, resolution_id, today)


async def _followed(
    connection: AsyncConnection, book_id: int, resolution_id: int, today: date | None = None
) -> Followed:
    day = today or await book_today(connection, book_id)
    batch = await _sweep(connection, book_id, resolution_id, day, BATCH)
    return Followed(await find_resolution(connection, book_id, resolution_id), batch.moved)


# Reading ----------------------------------------------------------------------------------------------------

_COLUMNS = [
    *(tables.resolutions.c[name] for name in Resolution.__struct_fields__[:-1]),
    tables.resolutions.c.swept_to.is_(None).label("done"),
]


async def find_resolution(connection: AsyncConnection, book_id: int, resolution_id: int) -> Resolution:
    """Raises ResolutionNotFound."""
    its = tables.resolutions.c
    chosen = select(*_COLUMNS).where(its.book_id == book_id, its.resolution_id == resolution_id)
    row = (await connection.execute(chosen)).one_or_none()
    if row is None:
        raise ResolutionNotFound("resolution", resolution_id)
    return Resolution(*row)


async def list_resolutions(
    connection: AsyncConnection,
    book_id: int,
    *,
    withdrawn: bool | None = None,
    before: int | None = None,
    limit: int = 100,
) -> list[Resolution]:
    """Newest first, those before a given one; those in force, or those withdrawn, alone."""
    its = tables.resolutions.c
    chosen = select(*_COLUMNS).where(its.book_id == book_id)
    if withdrawn is not None:
        chosen = chosen.where(its.withdrawn_at.is_not(None) if withdrawn else its.withdrawn_at.is_(None))
    if before is not None:
        chosen = chosen.where(its.resolution_id < before)
    rows = await connection.execute(chosen.order_by(its.resolution_id.desc()).limit(limit))
    return [Resolution(*row) for row in rows]


async def would_clear(connection: AsyncConnection, book_id: int, matches: str) -> list[Clearing]:
    """What is in suspense of all that a resolution would be about, by currency; whether its grant covers them, only
    attribution will tell. Raises InvalidResolution.
    """
    its = tables.sales.c
    asked = await _asked(connection, book_id, checked(matches), its.rule.is_(None), its.suspense != 0)
    rows = await connection.execute(text(_CLEARED.format(asked.condition)), {"book": book_id, **asked.parameters})
    return [Clearing(row.currency, row.sales, int(row.amount)) for row in rows]


# Following --------------------------------------------------------------------------------------------------


async def sweep_due(
    connection: AsyncConnection, book_id: int, today: date, *, after: int = 0, limit: int = BATCH
) -> Batch | None:
    """Let the next so many sales follow a resolution that was made or withdrawn; None where all have followed."""
    its = tables.resolutions.c
    due = select(its.resolution_id).where(its.book_id == book_id, its.swept_to.is_not(None))
    resolution_id = await connection.scalar(due.order_by(its.resolution_id).limit(1).with_for_update(skip_locked=True))
    return None if resolution_id is None else await _sweep(connection, book_id, resolution_id, today, limit)


async def reattribute_due(
    connection: AsyncConnection, book_id: int, today: date, *, after: int = 0, limit: int = BATCH
) -> Batch | None:
    """Ask anew of sales in suspense whose they are, the next so many after one; None where there are no more.

    Since they were reported, a clip may have got its post, a grant its account.
    """
    return await take(connection, book_id, _SUSPENDED, today, after, limit)


async def _sweep(connection: AsyncConnection, book_id: int, resolution_id: int, today: date, limit: int) -> Batch:
    its = tables.resolutions.c
    named = (its.book_id == book_id, its.resolution_id == resolution_id)
    row = (await connection.execute(select(tables.resolutions).where(*named).with_for_update())).one()
    if row.withdrawn_at:
        asked = _Asked(_LEFT, {"grant_id": row.grant_id})
    else:
        asked = await _asked(connection, book_id, row.matches)
    metadata = {"resolution": str(resolution_id)}
    step = _step(asked.condition)
    batch = await take(connection, book_id, step, today, row.swept_to, limit, metadata=metadata, **asked.parameters)
    swept_to = batch.last if batch and batch.looked == limit else None
    await connection.execute(update(tables.resolutions).where(*named).values(swept_to=swept_to))
    return batch or Batch(0, 0, 0)


class _Asked(NamedTuple):
    condition: str
    parameters: Mapping[str, Any]


async def _asked(connection: AsyncConnection, book_id: int, matches: str, *within: ColumnElement[bool]) -> _Asked:
    """Sales that it is about, perhaps only of some; whose each of them is, attribution says."""
    kind, _, rest = matches.partition(":")
    first, _, second = rest.partition(":")
    match kind:
        case "content":
            return _Asked(_OF_CONTENT, {"content": rest})
        case "handle":
            spellings = await _spellings(connection, book_id, first, rest, *within)
            return _Asked(_OF_HANDLE, {"platform": first, "spellings": spellings})
        case "tracking":
            return _Asked(_OF_TRACKING, {"marketplace": first, "tracking": second})
        case _:
            parts = second.split(":")  # an order's own number may hold a colon
            orders = [":".join(parts[:end]) for end in range(1, len(parts))]
            return _Asked(_OF_LINE, {"marketplace": first, "orders": orders, "line": second})


async def _spellings(
    connection: AsyncConnection, book_id: int, platform: str, account: str, *within: ColumnElement[bool]
) -> list[str]:
    """In which reports have written this account. How handles compare, the database does not know."""
    its = tables.sales.c
    named = (its.book_id == book_id, its.platform == platform, its.handle.is_not(None))
    written = select(its.handle).where(*named, *within)
    return [handle for handle in await connection.scalars(written.distinct()) if _is(platform, handle, account)]


def _is(platform: str, handle: str, account: str) -> bool:
    try:
        return account_of(platform, handle) == account
    except InvalidHandle:
        return False


def _step(condition: str) -> Step:
    """What is locked is waited for: nobody will look again."""
    return Step("attributed", "Sales attributed", waiting(condition, locking=""), attribute=True)


_OF_CONTENT = "content_id = :content"
_OF_HANDLE = "platform = :platform AND handle = ANY (CAST(:spellings AS text[]))"
_OF_TRACKING = "marketplace = :marketplace AND tracking_id = :tracking"
_OF_LINE = (
    "marketplace = :marketplace AND order_no = ANY (CAST(:orders AS text[])) AND order_no || ':' || line_no = :line"
)
_LEFT = "rule = 'resolution' AND grant_id = :grant_id"
_SUSPENDED = Step("attributed", "Suspense looked at again", waiting("rule IS NULL"), attribute=True)

_CLEARED = """
    SELECT currency, count(*) AS sales, sum(suspense) AS amount FROM settlement.sales
    WHERE book_id = :book AND rule IS NULL AND suspense <> 0 AND {}
    GROUP BY currency ORDER BY currency
"""
