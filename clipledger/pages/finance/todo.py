"""What waits for somebody in finance: how much of it, for how long, and who may do it."""

from datetime import date
from typing import Any

from litestar import Response
from litestar.di import NamedDependency
from sqlalchemy.ext.asyncio import AsyncConnection

from clipledger.pages.finance.names import parties
from clipledger.pages.routes import page
from clipledger.pages.view import View
from settlement import suspense
from settlement.adjustments import list_adjustments
from settlement.awaiting import reports_being_read, unsettled_rows, waiting_runs
from settlement.months import Month, list_months
from settlement.reconciliation.reconciliations import list_reconciliations

_MOST = 20
"""Of each queue so many are listed; the page of its own has all."""


@page("/books/{book:str}/finance", space="finance", scope="settlement:read")
async def to_do(
    view: NamedDependency[View], connection: NamedDependency[AsyncConnection], book_id: NamedDependency[int]
) -> Response[str]:
    """The work queues."""
    today: date = await suspense.book_today(connection, book_id)
    adjustments = await list_adjustments(connection, book_id, state="proposed", limit=_MOST + 1)
    queues: dict[str, Any] = {
        "rows": await unsettled_rows(connection, book_id),
        "reading": await reports_being_read(connection, book_id),
        "suspense": await suspense.ageing(connection, book_id, today),
        "months": _to_close(await list_months(connection, book_id, limit=_MOST)),
        "runs": await waiting_runs(connection, book_id),
        "drafts": await list_reconciliations(connection, book_id, state="draft", limit=_MOST + 1),
        "submitted": await list_reconciliations(connection, book_id, state="submitted", limit=_MOST + 1),
        "adjustments": adjustments,
    }
    return view.render(
        "finance/todo.html",
        **queues,
        nothing=not any(queues.values()),
        parties=await parties(view, connection, {each.party for each in adjustments}),
        me=view.principal.user_id if view.principal else None,
        most=_MOST,
    )


def _to_close(months: list[Month]) -> list[Month]:
    """Those that have ended and are not issued, the oldest first, and those of which somebody asks a reopening."""
    return [each for each in reversed(months) if each.reopening_by or (_open(each) and each.ended)]


def _open(month: Month) -> bool:
    """What was locked without ever having been drafted was closed elsewhere."""
    if month.state == "open":
        return month.booked and (month.revision > 1 or not month.locked)
    return month.state != "issued"
