"""What is behind a line of a statement, for each of its three readers."""

from litestar import get
from litestar.di import NamedDependency
from litestar.params import FromPath
from sqlalchemy.ext.asyncio import AsyncConnection

from media.api.pages import Cursor, Limit, Page, number_of, page_of
from settlement.api.scopes import PARTY_READ, READ
from settlement.api.statements import Whose, mounted, of_agency, of_clipper, of_host
from settlement.statements import drilling, opening, reading
from settlement.statements.drilling import LineSale
from settlement.statements.opening import LineTrueUp, OpenedLine


@get("/statements/{statement_id:int}/lines/{line_no:int}", summary="A line of a statement, opened")
async def show(
    statement_id: FromPath[int],
    line_no: FromPath[int],
    connection: NamedDependency[AsyncConnection],
    whose: NamedDependency[Whose],
) -> OpenedLine:
    """The entry that it tells of with its postings to the party's accounts, and what that was posted for: an
    adjustment that two people decided, tax withheld, tiers reached. A line of sales has its sales beside it.
    """
    book_id, found = await reading.find_statement(connection, statement_id, **whose)
    return await opening.open_line(connection, book_id, found, line_no)


@get("/statements/{statement_id:int}/lines/{line_no:int}/sales", summary="The sales behind a line")
async def list_sales(
    statement_id: FromPath[int],
    line_no: FromPath[int],
    connection: NamedDependency[AsyncConnection],
    whose: NamedDependency[Whose],
    limit: Limit = 100,
    cursor: Cursor = None,
) -> Page[LineSale]:
    """In the order of their numbers, with what each moved in the month; together they are the line. A sale that was
    found to be of another clip or product afterwards is told there.
    """
    book_id, found = await reading.find_statement(connection, statement_id, **whose)
    after = number_of(cursor) or 0
    sales = await drilling.sales_behind(connection, book_id, found, line_no, after=after, limit=limit + 1)
    return page_of(sales, limit, lambda sale: sale.sale_id)


@get("/statements/{statement_id:int}/lines/{line_no:int}/true-ups", summary="The true-ups behind a line")
async def list_true_ups(
    statement_id: FromPath[int],
    line_no: FromPath[int],
    connection: NamedDependency[AsyncConnection],
    whose: NamedDependency[Whose],
    limit: Limit = 100,
    cursor: Cursor = None,
) -> Page[LineTrueUp]:
    """A host's line sums up those of all clippers."""
    book_id, found = await reading.find_statement(connection, statement_id, **whose)
    after = number_of(cursor) or 0
    true_ups = await opening.true_ups_behind(connection, book_id, found, line_no, after=after, limit=limit + 1)
    return page_of(true_ups, limit, lambda each: each.true_up_id)


_ROUTES = [show, list_sales, list_true_ups]
HOST_ROUTES = mounted(_ROUTES, of_host, READ)
CLIPPER_ROUTES = mounted(_ROUTES, of_clipper, PARTY_READ)
AGENCY_ROUTES = mounted(_ROUTES, of_agency, PARTY_READ)
