"""What anybody may learn of a statement whose code they have."""

from typing import Annotated, Any

from litestar import MediaType, Request, Response, get
from litestar.di import NamedDependency
from litestar.params import FromPath, QueryParameter
from sqlalchemy.ext.asyncio import AsyncConnection

from licensing.certificates.labels import TAGS, Language, language_of
from settlement.api.scopes import PUBLIC
from settlement.errors import StatementNotFound
from settlement.statements.page import POLICY, unknown_page, verdict_page
from settlement.statements.verifying import StatementVerdict, verify

_Request = Request[Any, Any, Any]
_Lang = Annotated[
    Language | None, QueryParameter(description="The language; else the one that Accept-Language prefers.")
]
_NOT_INDEXED = {"X-Robots-Tag": "noindex, nofollow"}


@get("/statements/{code:str}", opt=PUBLIC, summary="Whether a statement holds")
async def check(code: FromPath[str], connection: NamedDependency[AsyncConnection]) -> Response[StatementVerdict]:
    """For anybody who has the code on a paper: what the paper has to say, and whether another revision has replaced it.
    Drafts are not found.
    """
    return Response(await verify(connection, code), headers=_NOT_INDEXED)


@get("/s/{code:str}", opt=PUBLIC, media_type=MediaType.HTML, include_in_schema=False, summary="The same in words")
async def check_page(
    request: _Request, code: FromPath[str], connection: NamedDependency[AsyncConnection], lang: _Lang = None
) -> Response[str]:
    """The address that a statement carries."""
    language = language_of(lang, request.headers.get("accept-language", ""))
    headers = {
        **_NOT_INDEXED,
        "Content-Security-Policy": POLICY,
        "Content-Language": TAGS[language],
        "Vary": "Accept-Language",
    }
    try:
        page, status = verdict_page(await verify(connection, code), language), 200
    except StatementNotFound:
        page, status = unknown_page(code, language), 404
    return Response(page, media_type=MediaType.HTML, headers=headers, status_code=status)


SERVICE_ROUTES = [check]
PAGE_ROUTES = [check_page]
