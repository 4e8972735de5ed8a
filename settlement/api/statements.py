"""Statements of months: a host's all, a clipper's own once they are issued; as pages of lines and as files."""

from asyncio import to_thread
from typing import Annotated, Any, Literal

import msgspec
from litestar import Request, Response, get
from litestar.di import NamedDependency
from litestar.openapi import ResponseSpec
from litestar.params import FromPath, QueryParameter
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from ledger.periods import parse_period
from licensing.certificates.labels import Language, language_of
from media.api.pages import Cursor, Limit, Page, number_of, page_of
from settlement.api.scopes import PARTY_READ, READ
from settlement.statements import papers, reading
from settlement.statements.papers import Whole
from settlement.statements.reading import EarningsLine, Statement, Summary

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
_JSON = {200: ResponseSpec(Whole, generate_examples=False, description="All of it.")}
_PDF = {200: ResponseSpec(bytes, media_type="application/pdf", generate_examples=False, description="The paper.")}


class StatementWithLines(msgspec.Struct, frozen=True):
    """A statement, what its lines of each kind sum up to, and a page of its lines in their order."""

    statement: Statement
    summary: list[Summary]
    lines: Page[EarningsLine]


# A host's ----------------------------------------------------------------------------------------------------


@get("/statements", opt=READ, summary="Statements")
async def list_all(
    connection: NamedDependency[AsyncConnection],
    book_id: NamedDependency[int],
    month: _Month = None,
    party: _Party = None,
    currency: _Currency = None,
    limit: Limit = 100,
    cursor: Cursor = None,
) -> Page[Statement]:
    """Of all parties, drafts too; newest first. Amounts are in minor units."""
    found = await reading.list_statements(
        connection,
        book_id=book_id,
        month=None if month is None else parse_period(month, "month"),
        party=party,
        currency=currency,
        before=number_of(cursor),
        limit=limit + 1,
    )
    return page_of(found, limit, lambda each: each.statement_id)


@get("/statements/{statement_id:int}", opt=READ, summary="A statement")
async def show(
    statement_id: FromPath[int],
    connection: NamedDependency[AsyncConnection],
    book_id: NamedDependency[int],
    limit: Limit = 100,
    cursor: Cursor = None,
) -> StatementWithLines:
    """With a page of its lines. Opening and lines make up the closing, for each balance and for the total."""
    return await _shown(connection, statement_id, limit, cursor, book_id=book_id)


@get("/statements/{statement_id:int}/statement.json", opt=READ, responses=_JSON, summary="A statement, all of it")
async def whole(
    statement_id: FromPath[int], connection: NamedDependency[AsyncConnection], book_id: NamedDependency[int]
) -> Response[bytes]:
    """The same statement gives the same bytes."""
    return await _file(connection, statement_id, "json", book_id=book_id)


@get(
    "/statements/{statement_id:int}/statement.csv",
    opt=READ,
    media_type="text/csv",
    responses=_CSV,
    summary="A statement as CSV",
)
async def table(
    statement_id: FromPath[int], connection: NamedDependency[AsyncConnection], book_id: NamedDependency[int]
) -> Response[bytes]:
    """Amounts are decimals. No text in it is taken for a formula."""
    return await _file(connection, statement_id, "csv", book_id=book_id)


@get(
    "/statements/{statement_id:int}/statement.pdf",
    opt=READ,
    media_type="application/pdf",
    responses=_PDF,
    summary="A statement as PDF",
)
async def paper(
    request: _Request,
    statement_id: FromPath[int],
    engine: NamedDependency[AsyncEngine],
    book_id: NamedDependency[int],
    lang: _Lang = None,
) -> Response[bytes]:
    """The same statement gives the same bytes. It is tagged for screen readers (PDF/UA-1)."""
    return await _printed(request, engine, statement_id, lang, book_id=book_id)


# A clipper's own ---------------------------------------------------------------------------------------------


@get("/statements", opt=PARTY_READ, summary="Your statements")
async def list_own(
    connection: NamedDependency[AsyncConnection],
    party_id: NamedDependency[int],
    month: _Month = None,
    currency: _Currency = None,
    limit: Limit = 100,
    cursor: Cursor = None,
) -> Page[Statement]:
    """Of every host, those that are issued; newest first. Amounts are in minor units."""
    found = await reading.list_statements(
        connection,
        clipper_id=party_id,
        month=None if month is None else parse_period(month, "month"),
        currency=currency,
        before=number_of(cursor),
        limit=limit + 1,
    )
    return page_of(found, limit, lambda each: each.statement_id)


@get("/statements/{statement_id:int}", opt=PARTY_READ, summary="A statement of yours")
async def show_own(
    statement_id: FromPath[int],
    connection: NamedDependency[AsyncConnection],
    party_id: NamedDependency[int],
    limit: Limit = 100,
    cursor: Cursor = None,
) -> StatementWithLines:
    """With a page of its lines. Opening and lines make up the closing, for each balance and for the total."""
    return await _shown(connection, statement_id, limit, cursor, clipper_id=party_id)


@get(
    "/statements/{statement_id:int}/statement.json",
    opt=PARTY_READ,
    responses=_JSON,
    summary="A statement of yours, all of it",
)
async def whole_own(
    statement_id: FromPath[int], connection: NamedDependency[AsyncConnection], party_id: NamedDependency[int]
) -> Response[bytes]:
    """The same statement gives the same bytes."""
    return await _file(connection, statement_id, "json", clipper_id=party_id)


@get(
    "/statements/{statement_id:int}/statement.csv",
    opt=PARTY_READ,
    media_type="text/csv",
    responses=_CSV,
    summary="A statement of yours as CSV",
)
async def table_own(
    statement_id: FromPath[int], connection: NamedDependency[AsyncConnection], party_id: NamedDependency[int]
) -> Response[bytes]:
    """Amounts are decimals. No text in it is taken for a formula."""
    return await _file(connection, statement_id, "csv", clipper_id=party_id)


@get(
    "/statements/{statement_id:int}/statement.pdf",
    opt=PARTY_READ,
    media_type="application/pdf",
    responses=_PDF,
    summary="A statement of yours as PDF",
)
async def paper_own(
    request: _Request,
    statement_id: FromPath[int],
    engine: NamedDependency[AsyncEngine],
    party_id: NamedDependency[int],
    lang: _Lang = None,
) -> Response[bytes]:
    """The same statement gives the same bytes. It is tagged for screen readers (PDF/UA-1)."""
    return await _printed(request, engine, statement_id, lang, clipper_id=party_id)


# Both --------------------------------------------------------------------------------------------------------


async def _shown(
    connection: AsyncConnection, statement_id: int, limit: int, cursor: str | None, **whose: int
) -> StatementWithLines:
    after = number_of(cursor) or 0
    book_id, found = await reading.find_statement(connection, statement_id, **whose)
    summary = await reading.summaries_of(connection, book_id, statement_id)
    lines = await reading.lines_of(connection, book_id, statement_id, after=after, limit=limit + 1)
    return StatementWithLines(found, summary, page_of(lines, limit, lambda line: line.line_no))


async def _whole(connection: AsyncConnection, statement_id: int, **whose: int) -> Whole:
    book_id, found = await reading.find_statement(connection, statement_id, **whose)
    summary = await reading.summaries_of(connection, book_id, statement_id)
    lines = [line async for some in reading.all_lines(connection, book_id, statement_id) for line in some]
    return Whole(found, summary, lines)


async def _file(
    connection: AsyncConnection, statement_id: int, form: Literal["json", "csv"], **whose: int
) -> Response[bytes]:
    found = await _whole(connection, statement_id, **whose)
    if form == "json":
        return _attached(papers.json_of(found), found, form, "application/json")
    return _attached(papers.csv_of(found).encode(), found, form, "text/csv")


async def _printed(
    request: _Request, engine: AsyncEngine, statement_id: int, lang: Language | None, **whose: int
) -> Response[bytes]:
    """No connection is held while it is set."""
    async with engine.connect() as connection:
        found = await _whole(connection, statement_id, **whose)
    language = language_of(lang, request.headers.get("accept-language", ""))
    response = _attached(await to_thread(papers.pdf_of, found, language), found, "pdf", "application/pdf", language)
    response.headers["Vary"] = "Accept-Language"
    return response


def _attached(body: bytes, found: Whole, form: str, media_type: str, language: str | None = None) -> Response[bytes]:
    its = found.statement
    name = "-".join(filter(None, ("statement", its.book, its.month, its.party, its.currency, language)))
    disposition = {"Content-Disposition": f'inline; filename="{name}.{form}"'}
    return Response(body, media_type=media_type, headers=disposition)


HOST_ROUTES = [list_all, show, whole, table, paper]
CLIPPER_ROUTES = [list_own, show_own, whole_own, table_own, paper_own]
