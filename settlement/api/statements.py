"""Statements of months: a host's all, a clipper's or agency's own once they are issued; as pages of lines and as files.

Nothing here says whose statements they are: where the routes are mounted, `opt` says who may, and the dependency
`whose` for whom. There are three such places; each sees its own only.
"""

from asyncio import to_thread
from collections.abc import Callable, Mapping, Sequence
from typing import Annotated, Any, TypedDict

import msgspec
from litestar import Request, Response, Router, get
from litestar.di import NamedDependency, Provide
from litestar.handlers import HTTPRouteHandler
from litestar.openapi import ResponseSpec
from litestar.params import FromPath, QueryParameter
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from ledger.periods import parse_period
from licensing.certificates.labels import Language, language_of
from media.api.pages import Cursor, Limit, Page, number_of, page_of
from settlement.api.scopes import PARTY_READ, READ
from settlement.statements import papers, plaintext, reading
from settlement.statements.papers import Telling, Whole
from settlement.statements.reading import EarningsLine, Statement, Summary
from settlement.statements.verifying import whole_of

_Request = Request[Any, Any, Any]
_Month = Annotated[str | None, QueryParameter(description="Of this month only, as 2026-10.")]
_Party = Annotated[
    str | None,
    QueryParameter(pattern=r"^(host|(clipper|agency)-[0-9]+)$", description="Of `host`, `clipper-7`, `agency-3` only."),
]
_Currency = Annotated[str | None, QueryParameter(pattern=r"^[A-Z]{3}$", description="In this currency only.")]
_Lang = Annotated[
    Language | None, QueryParameter(description="The language; else the one that Accept-Language prefers.")
]
_CSV = {200: ResponseSpec(str, media_type="text/csv", generate_examples=False, description="The rows.")}
_JSON = {200: ResponseSpec(papers.StatementFile, generate_examples=False, description="All of it.")}
_BEANCOUNT = {200: ResponseSpec(str, media_type="text/plain", generate_examples=False, description="The file.")}
_PDF = {200: ResponseSpec(bytes, media_type="application/pdf", generate_examples=False, description="The paper.")}


class Whose(TypedDict, total=False):
    """Who reads: one of them."""

    book_id: int
    clipper_id: int
    agency_id: int


class StatementWithLines(msgspec.Struct, frozen=True):
    """A statement, what its lines of each kind sum up to, and a page of its lines in their order."""

    statement: Statement
    summary: list[Summary]
    lines: Page[EarningsLine]


@get("/statements", summary="Statements")
async def list_all(
    connection: NamedDependency[AsyncConnection],
    whose: NamedDependency[Whose],
    month: _Month = None,
    party: _Party = None,
    currency: _Currency = None,
    limit: Limit = 100,
    cursor: Cursor = None,
) -> Page[Statement]:
    """Newest first: a host's of all parties, drafts too; your own of every host, once they are issued. Where a month
    was reopened, those that were issued before stay, superseded. Amounts are in minor units.
    """
    found = await reading.list_statements(
        connection,
        month=None if month is None else parse_period(month, "month"),
        party=party,
        currency=currency,
        before=number_of(cursor),
        limit=limit + 1,
        **whose,
    )
    return page_of(found, limit, lambda each: each.statement_id)


@get("/statements/{statement_id:int}", summary="A statement")
async def show(
    statement_id: FromPath[int],
    connection: NamedDependency[AsyncConnection],
    whose: NamedDependency[Whose],
    limit: Limit = 100,
    cursor: Cursor = None,
) -> StatementWithLines:
    """With a page of its lines. Opening and lines make up the closing, for each balance and for the total."""
    after = number_of(cursor) or 0
    book_id, found = await reading.find_statement(connection, statement_id, **whose)
    summary = await reading.summaries_of(connection, book_id, statement_id)
    lines = await reading.lines_of(connection, book_id, statement_id, after=after, limit=limit + 1)
    return StatementWithLines(found, summary, page_of(lines, limit, lambda line: line.line_no))


@get("/statements/{statement_id:int}/statement.json", responses=_JSON, summary="A statement, all of it")
async def whole(
    statement_id: FromPath[int], connection: NamedDependency[AsyncConnection], whose: NamedDependency[Whose]
) -> Response[bytes]:
    """The same statement gives the same bytes."""
    found = await _whole(connection, statement_id, whose)
    return _attached(papers.json_of(found), found, "json", "application/json")


@get(
    "/statements/{statement_id:int}/statement.csv",
    media_type="text/csv",
    responses=_CSV,
    summary="A statement as CSV",
)
async def table(
    statement_id: FromPath[int], connection: NamedDependency[AsyncConnection], whose: NamedDependency[Whose]
) -> Response[bytes]:
    """Amounts are decimals. No text in it is taken for a formula."""
    found = await _whole(connection, statement_id, whose)
    return _attached(papers.csv_of(found).encode(), found, "csv", "text/csv")


@get(
    "/statements/{statement_id:int}/statement.beancount",
    media_type="text/plain",
    responses=_BEANCOUNT,
    summary="A statement as plain-text accounting",
)
async def ledger_file(
    statement_id: FromPath[int], connection: NamedDependency[AsyncConnection], whose: NamedDependency[Whose]
) -> Response[bytes]:
    """In the party's own books, as beancount reads them: the closing balances are assertions."""
    found = await _whole(connection, statement_id, whose)
    return _attached(plaintext.beancount_of(found).encode(), found, "beancount", "text/plain")


@get(
    "/statements/{statement_id:int}/statement.pdf",
    media_type="application/pdf",
    responses=_PDF,
    summary="A statement as PDF",
)
async def paper(
    request: _Request,
    statement_id: FromPath[int],
    engine: NamedDependency[AsyncEngine],
    whose: NamedDependency[Whose],
    public_url: NamedDependency[str],
    tell: NamedDependency[Telling],
    lang: _Lang = None,
) -> Response[bytes]:
    """The same statement gives the same bytes. It is tagged for screen readers (PDF/UA-1)."""
    async with engine.connect() as connection:  # none is held while it is set
        found = await _whole(connection, statement_id, whose)
    language = language_of(lang, request.headers.get("accept-language", ""))
    body = await to_thread(papers.pdf_of, found, language, public_url, tell)
    response = _attached(body, found, "pdf", "application/pdf", language)
    response.headers["Vary"] = "Accept-Language"
    return response


async def _whole(connection: AsyncConnection, statement_id: int, whose: Whose) -> Whole:
    book_id, found = await reading.find_statement(connection, statement_id, **whose)
    return await whole_of(connection, book_id, found)


def _attached(
    body: bytes, found: Whole, form: str, media_type: str, language: Language | None = None
) -> Response[bytes]:
    name = papers.file_name(found.statement, form, language)
    disposition = {"Content-Disposition": f'inline; filename="{name}"'}
    return Response(body, media_type=media_type, headers=disposition)


# Three readers -----------------------------------------------------------------------------------------------


def of_host(book_id: NamedDependency[int]) -> Whose:
    return {"book_id": book_id}


def of_clipper(party_id: NamedDependency[int]) -> Whose:
    return {"clipper_id": party_id}


def of_agency(party_id: NamedDependency[int]) -> Whose:
    return {"agency_id": party_id}


def mounted(routes: Sequence[HTTPRouteHandler], whose: Callable[[int], Whose], opt: Mapping[str, str]) -> list[Router]:
    """The routes for one of the three."""
    return [Router("", route_handlers=routes, opt=opt, dependencies={"whose": Provide(whose, sync_to_thread=False)})]


_ROUTES = [list_all, show, whole, table, ledger_file, paper]
HOST_ROUTES = mounted(_ROUTES, of_host, READ)
CLIPPER_ROUTES = mounted(_ROUTES, of_clipper, PARTY_READ)
AGENCY_ROUTES = mounted(_ROUTES, of_agency, PARTY_READ)
