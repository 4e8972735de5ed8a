"""How far the close of a month is, as a checklist: what is still open, what was drafted, and who did what."""

from datetime import date, datetime
from typing import Any

import msgspec
from sqlalchemy import select, text
from sqlalchemy.ext.asyncio import AsyncConnection

from ledger.periods import format_period, locked_through, next_month
from settlement.closing import Action, State, calendar_of
from settlement.exceptions import OpenMatter, open_matters
from settlement.statements.drafting import outdated
from settlement.tables import closing_events


class Step(msgspec.Struct, frozen=True):
    """One action of the close. Revisions are counted from 1; with `reopened` a new one begins."""

    action: Action
    state: State
    revision: int
    user_id: int
    actor: str
    reason: str | None
    detail: dict[str, Any]
    at: datetime


class Prepared(msgspec.Struct, frozen=True):
    """Statements of a month in one currency: how many, and what they sum up to."""

    currency: str
    statements: int
    opening: int
    closing: int


class Checklist(msgspec.Struct, frozen=True, kw_only=True):
    """How far the close of a month is. `cut_off` is the first moment after it, by the book's calendar. `exceptions` are
    what it would be closed over. `outdated`: statements whose balances the ledger has moved since they were drafted.

    `revision` grows each time the month is reopened; `statements` are of this revision. `reopening` is the step by
    which somebody has asked that it be reopened, while nobody has decided. `seal_no` is the ledger's seal through which
    every entry of the issued month is sealed, null until all of them are.
    """

    month: str
    state: State
    revision: int
    cut_off: datetime
    ended: bool
    locked: bool
    exceptions: list[OpenMatter]
    true_ups: int
    statements: list[Prepared]
    outdated: int
    reopening: Step | None
    seal_no: int | None
    steps: list[Step]


async def checklist(connection: AsyncConnection, book_id: int, month: date) -> Checklist:
    """Raises InvalidClose."""
    calendar = await calendar_of(connection, book_id, month)
    asked = {"book": book_id, "month": month}
    its = (await connection.execute(_CLOSING, asked)).one()
    steps = await _steps(connection, book_id, month)
    asking = [step for step in steps if step.action == "reopening-asked"]
    return Checklist(
        month=format_period(month),
        state=its.state,
        revision=its.revision,
        cut_off=calendar.cut_off,
        ended=calendar.ended,
        locked=(await locked_through(connection, book_id) or date.min) >= month,
        exceptions=await open_matters(connection, book_id, next_month(month)),
        true_ups=int((await connection.execute(_TRUE_UPS, asked)).scalar_one()),
        statements=[Prepared(*row) for row in await connection.execute(_PREPARED, {**asked, "revision": its.revision})],
        outdated=await outdated(connection, book_id, month) if its.state in ("draft", "submitted") else 0,
        reopening=asking[-1] if its.asked else None,
        seal_no=its.seal_no,
        steps=steps,
    )


async def _steps(connection: AsyncConnection, book_id: int, month: date) -> list[Step]:
    its = closing_events.c
    events = select(*(its[name] for name in Step.__struct_fields__)).where(its.book_id == book_id, its.month == month)
    return [Step(*row) for row in await connection.execute(events.order_by(its.event_no))]


_CLOSING = text("""
    SELECT coalesce(state, 'open') AS state, coalesce(revision, 1) AS revision, seal_no,
           reopening_by IS NOT NULL AS asked
    FROM (VALUES (1)) AS one LEFT JOIN settlement.closings ON book_id = :book AND month = :month
""")
_TRUE_UPS = text("SELECT count(*) FROM settlement.true_ups WHERE book_id = :book AND month = :month")
_OWED = "{0}_held + {0}_available + {0}_reserve + {0}_frozen + {0}_paying - {0}_recoverable"
_PREPARED = text(f"""
    SELECT currency, count(*), sum({_OWED.format("opening")})::bigint, sum({_OWED.format("closing")})::bigint
    FROM settlement.statements WHERE book_id = :book AND month = :month AND revision = :revision
    GROUP BY currency ORDER BY currency
""")  # noqa: S608 - of constants
