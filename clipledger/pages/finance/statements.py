"""Statements of all parties, drafts too: found by month, party and state, read, and opened line by line."""

from typing import Annotated

from litestar import Response
from litestar.di import NamedDependency
from litestar.params import FromPath, QueryParameter
from sqlalchemy.ext.asyncio import AsyncConnection

from clipledger.pages.finance.suspense import Words
from clipledger.pages.finance.wording import BALANCES as LABELS
from clipledger.pages.finance.wording import KINDS
from clipledger.pages.routes import page
from clipledger.pages.view import View
from ledger.periods import parse_period
from licensing.names import titles_of_clips
from media.api.pages import Cursor, number_of, page_of
from settlement.months import list_months
from settlement.parties import PARTY
from settlement.statements import drilling, opening, reading
from settlement.statements.drafting import BALANCES
from settlement.statements.reading import Amounts, State

_ROWS = 50
_Month = Annotated[str | None, QueryParameter(pattern="^([0-9]{4}-[0-9]{2})?$")]
_Currency = Annotated[str | None, QueryParameter(pattern="^([A-Z]{3})?$")]
_State = Annotated[str | None, QueryParameter(name="state", pattern="^(draft|submitted|issued|superseded)?$")]
_Party = Annotated[str | None, QueryParameter(pattern=f"{PARTY}|^$")]
STATES: tuple[State, ...] = ("draft", "submitted", "issued", "superseded")


@page("/books/{book:str}/finance/statements", space="finance", scope="settlement:read")
async def statements(
    view: NamedDependency[View],
    connection: NamedDependency[AsyncConnection],
    book_id: NamedDependency[int],
    month: _Month = None,
    party: _Party = None,
    name: Words = None,
    currency: _Currency = None,
    in_state: _State = None,
    cursor: Cursor = None,
) -> Response[str]:
    """Newest first."""
    found = await reading.list_statements(
        connection,
        book_id=book_id,
        month=parse_period(month, "month") if month else None,
        party=party or None,
        name=name or None,
        currency=currency or None,
        state=next((state for state in STATES if state == in_state), None),
        before=number_of(cursor),
        limit=_ROWS + 1,
    )
    shown = page_of(found, _ROWS, lambda each: each.statement_id)
    return view.render(
        "finance/statements.html",
        statements=shown.data,
        cursor=shown.next_cursor,
        months=[each.month for each in await list_months(connection, book_id, limit=36)],
        states=STATES,
        chosen={"month": month, "party": party, "name": name, "currency": currency, "state": in_state},
    )


@page("/books/{book:str}/finance/statements/{statement_id:int}", space="finance", scope="settlement:read")
async def statement(
    view: NamedDependency[View],
    connection: NamedDependency[AsyncConnection],
    book_id: NamedDependency[int],
    statement_id: FromPath[int],
    cursor: Cursor = None,
) -> Response[str]:
    """What was owed before, what moved, and what is owed then."""
    _, its = await reading.find_statement(connection, statement_id, book_id=book_id)
    after = number_of(cursor) or 0
    found = await reading.lines_of(connection, book_id, statement_id, after=after, limit=_ROWS + 1)
    shown = page_of(found, _ROWS, lambda line: line.line_no)
    summary = await reading.summaries_of(connection, book_id, statement_id)
    return view.render(
        "finance/statement.html",
        statement=its,
        labels=LABELS,
        kinds=KINDS,
        summary=summary,
        balances=_touched([its.opening, its.closing, *(each.amounts for each in summary)]),
        lines=shown.data,
        cursor=shown.next_cursor,
    )


@page(
    "/books/{book:str}/finance/statements/{statement_id:int}/lines/{line_no:int}",
    space="finance",
    scope="settlement:read",
)
async def line(
    view: NamedDependency[View],
    connection: NamedDependency[AsyncConnection],
    book_id: NamedDependency[int],
    statement_id: FromPath[int],
    line_no: FromPath[int],
    cursor: Cursor = None,
) -> Response[str]:
    """What a line is made of: an entry and what it was posted for, or sales, of which it is the sum."""
    _, its = await reading.find_statement(connection, statement_id, book_id=book_id)
    opened = await opening.open_line(connection, book_id, its, line_no)
    after = number_of(cursor) or 0
    sales = await drilling.sales_behind(connection, book_id, its, line_no, after=after, limit=_ROWS + 1)
    shown = page_of(sales, _ROWS, lambda sale: sale.sale_id)
    true_ups = []
    if opened.true_ups:
        true_ups = await opening.true_ups_behind(connection, book_id, its, line_no, after=after, limit=_ROWS + 1)
    trued_up = page_of(true_ups, _ROWS, lambda each: each.true_up_id)
    return view.render(
        "finance/line.html",
        statement=its,
        labels=LABELS,
        kinds=KINDS,
        opened=opened,
        line=opened.line,
        balances=_touched([opened.line.amounts]),
        sales=shown.data,
        true_ups=trued_up.data,
        cursor=shown.next_cursor or trued_up.next_cursor,
        clips=await titles_of_clips(connection, book_id, [opened.line.submission_id or 0]),
    )


def _touched(amounts: list[Amounts]) -> list[str]:
    """Of a party's balances those on which there is anything."""
    return [name for name in BALANCES if any(getattr(each, name) for each in amounts)]
