"""A clipper's statements: which there are, what each says, and what is behind each of its lines."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from typing import Annotated

from litestar import Response
from litestar.di import NamedDependency
from litestar.params import FromPath, QueryParameter
from sqlalchemy.ext.asyncio import AsyncConnection

from clipledger.pages.clipper.wording import BALANCES, KINDS
from clipledger.pages.formats import Formats
from clipledger.pages.routes import page
from clipledger.pages.view import View
from ledger.books import find_book
from ledger.periods import parse_period
from licensing.certificates.numbers import printed
from media.api.pages import Cursor, number_of, page_of
from settlement.balances import earnings
from settlement.statements import drilling, opening, reading
from settlement.statements.reading import Statement, Summary

_LIST, _LINES, _SALES = 50, 50, 50
_Month = Annotated[str | None, QueryParameter(max_length=7)]
_Currency = Annotated[str | None, QueryParameter(max_length=3)]


@dataclass(frozen=True)
class Part:
    """All lines of one kind, and the place in the list of lines where they begin."""

    summary: Summary
    before: int


@page("/clippers/{clipper:int}/statements", space="clipper", scope="party:read")
async def statements(
    view: NamedDependency[View],
    connection: NamedDependency[AsyncConnection],
    party_id: NamedDependency[int],
    month: _Month = None,
    currency: _Currency = None,
    cursor: Cursor = None,
) -> Response[str]:
    """Newest first, those that the hosts have issued."""
    found = await reading.list_statements(
        connection,
        clipper_id=party_id,
        month=parse_period(month, "month") if month else None,
        currency=currency or None,
        before=number_of(cursor),
        limit=_LIST + 1,
    )
    earned = await earnings(connection, "clipper", party_id)
    return view.render(
        "clipper/statements.html",
        statements=page_of(found, _LIST, lambda each: each.statement_id),
        currencies=sorted({each.balance.currency for each in earned}),
        month=month,
        currency=currency,
    )


@page("/clippers/{clipper:int}/statements/{statement_id:int}", space="clipper", scope="party:read")
async def statement(
    statement_id: FromPath[int],
    view: NamedDependency[View],
    connection: NamedDependency[AsyncConnection],
    party_id: NamedDependency[int],
    cursor: Cursor = None,
) -> Response[str]:
    """What there was, what moved it, and what there is."""
    book_id, found = await reading.find_statement(connection, statement_id, clipper_id=party_id)
    summary = await reading.summaries_of(connection, book_id, statement_id)
    after = number_of(cursor) or 0
    lines = await reading.lines_of(connection, book_id, statement_id, after=after, limit=_LINES + 1)
    return (await _in_zone(view, connection, found)).render(
        "clipper/statement.html",
        its=found,
        parts=list(_parts(summary)),
        moved=found.closing.total - found.opening.total,
        lines=page_of(lines, _LINES, lambda line: line.line_no),
        newer=await _newer(connection, party_id, found),
        code=printed(found.code),
        kinds=KINDS,
        balances=BALANCES,
    )


@page("/clippers/{clipper:int}/statements/{statement_id:int}/lines/{line_no:int}", space="clipper", scope="party:read")
async def line(
    statement_id: FromPath[int],
    line_no: FromPath[int],
    view: NamedDependency[View],
    connection: NamedDependency[AsyncConnection],
    party_id: NamedDependency[int],
    cursor: Cursor = None,
) -> Response[str]:
    """The sales that make it up; or the entry that it tells of, and what that was posted for."""
    book_id, found = await reading.find_statement(connection, statement_id, clipper_id=party_id)
    opened = await opening.open_line(connection, book_id, found, line_no)
    after = number_of(cursor) or 0
    where = (connection, book_id, found, line_no)
    sales = await drilling.sales_behind(*where, after=after, limit=_SALES + 1) if opened.line.sales else []
    true_ups = await opening.true_ups_behind(*where, after=after, limit=_SALES + 1) if opened.true_ups else []
    return (await _in_zone(view, connection, found)).render(
        "clipper/line.html",
        its=found,
        opened=opened,
        sales=page_of(sales, _SALES, lambda sale: sale.sale_id),
        true_ups=page_of(true_ups, _SALES, lambda each: each.true_up_id),
        kinds=KINDS,
        balances=BALANCES,
    )


async def _in_zone(view: View, connection: AsyncConnection, found: Statement) -> View:
    """With moments as the host's clock tells them."""
    book = await find_book(connection, found.book)
    return replace(view, formats=Formats(view.language, book.time_zone))


def _parts(summary: Iterable[Summary]) -> Iterator[Part]:
    """Lines are in order of their kinds."""
    before = 0
    for each in summary:
        yield Part(each, before)
        before += each.lines


async def _newer(connection: AsyncConnection, party_id: int, found: Statement) -> Statement | None:
    """What counts in its place, once that is issued."""
    if found.replaced_by is None:
        return None
    month = parse_period(found.month)
    of_month = await reading.list_statements(connection, clipper_id=party_id, month=month, currency=found.currency)
    return next((each for each in of_month if each.book == found.book and each.state == "issued"), None)
