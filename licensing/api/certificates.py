"""Certificates of grants for their two sides, and what anybody may learn of a number."""

from asyncio import to_thread
from collections.abc import Awaitable, Callable
from typing import Annotated, Any

from litestar import MediaType, Request, Response, get
from litestar.di import NamedDependency
from litestar.openapi import ResponseSpec
from litestar.params import FromPath, QueryParameter
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from licensing.api.scopes import PARTY_READ, PUBLIC, READ
from licensing.certificates.document import Document, document_of
from licensing.certificates.facts import Certificate, certificate_for_clipper, certificate_for_host
from licensing.certificates.labels import TAGS, Language, language_of
from licensing.certificates.page import POLICY, certificate_page, verdict_page
from licensing.certificates.pdf import pdf_of
from licensing.certificates.verification import CertificateVerdict, verify

_Request = Request[Any, Any, Any]
_Find = Callable[[AsyncConnection, int, int], Awaitable[Certificate]]
_Lang = Annotated[
    Language | None, QueryParameter(description="The language; else the one that Accept-Language prefers.")
]
_Hash = Annotated[str | None, QueryParameter(description="The SHA-256 that a paper in hand carries, to be compared.")]
_JSON = {200: ResponseSpec(Certificate, generate_examples=False, description="The certificate.")}
_PDF = {200: ResponseSpec(bytes, media_type="application/pdf", generate_examples=False, description="The paper.")}
_NOT_INDEXED = {"X-Robots-Tag": "noindex, nofollow"}


@get("/grants/{grant_id:int}/certificate", opt=READ, responses=_JSON, summary="The certificate of a grant")
async def show_to_host(
    request: _Request,
    grant_id: FromPath[int],
    connection: NamedDependency[AsyncConnection],
    book_id: NamedDependency[int],
    public_url: NamedDependency[str],
    lang: _Lang = None,
) -> Response[Any]:
    """A page for whoever accepts text/html, as browsers do, and else JSON. `sha256` is of `facts`: members in order of
    their names, no blanks, UTF-8; `names` can change and are not hashed. A grant whose terms nobody has accepted has
    no certificate.
    """
    return _shown(request, await certificate_for_host(connection, book_id, grant_id), public_url, lang)


@get(
    "/grants/{grant_id:int}/certificate.pdf",
    opt=READ,
    media_type="application/pdf",
    responses=_PDF,
    summary="The certificate of a grant as PDF",
)
async def print_for_host(
    request: _Request,
    grant_id: FromPath[int],
    engine: NamedDependency[AsyncEngine],
    book_id: NamedDependency[int],
    public_url: NamedDependency[str],
    lang: _Lang = None,
) -> Response[bytes]:
    """The same certificate gives the same bytes. It is tagged for screen readers (PDF/UA-1)."""
    return await _printed(request, engine, certificate_for_host, (book_id, grant_id), public_url, lang)


@get("/grants/{grant_id:int}/certificate", opt=PARTY_READ, responses=_JSON, summary="The certificate of your grant")
async def show_to_clipper(
    request: _Request,
    grant_id: FromPath[int],
    connection: NamedDependency[AsyncConnection],
    party_id: NamedDependency[int],
    public_url: NamedDependency[str],
    lang: _Lang = None,
) -> Response[Any]:
    """A page for whoever accepts text/html, as browsers do, and else JSON. `sha256` is of `facts`: members in order of
    their names, no blanks, UTF-8; `names` can change and are not hashed. A grant whose terms nobody has accepted has
    no certificate.
    """
    return _shown(request, await certificate_for_clipper(connection, party_id, grant_id), public_url, lang)


@get(
    "/grants/{grant_id:int}/certificate.pdf",
    opt=PARTY_READ,
    media_type="application/pdf",
    responses=_PDF,
    summary="The certificate of your grant as PDF",
)
async def print_for_clipper(
    request: _Request,
    grant_id: FromPath[int],
    engine: NamedDependency[AsyncEngine],
    party_id: NamedDependency[int],
    public_url: NamedDependency[str],
    lang: _Lang = None,
) -> Response[bytes]:
    """The same certificate gives the same bytes. It is tagged for screen readers (PDF/UA-1)."""
    return await _printed(request, engine, certificate_for_clipper, (party_id, grant_id), public_url, lang)


@get("/certificates/{number:str}", opt=PUBLIC, summary="Whether a certificate holds")
async def check(
    number: FromPath[str], connection: NamedDependency[AsyncConnection], sha256: _Hash = None
) -> Response[CertificateVerdict]:
    """For anybody. `valid`: in force, or within the days after its end in which sales still pay. `revoked`: it was in
    force and is not now. `unknown`: no certificate of this number has come into force. Nothing else is told.
    """
    return Response(await verify(connection, number, sha256), headers=_NOT_INDEXED)


@get(
    "/certificates/{number:str}",
    opt=PUBLIC,
    media_type=MediaType.HTML,
    include_in_schema=False,
    summary="The same in words",
)
async def check_page(
    request: _Request,
    number: FromPath[str],
    connection: NamedDependency[AsyncConnection],
    lang: _Lang = None,
    sha256: _Hash = None,
) -> Response[str]:
    """The address that a certificate carries."""
    language = _language(request, lang)
    asked = (sha256 or "").strip()
    verdict = await verify(connection, number, asked or None)
    return _page(verdict_page(verdict, language, number, asked), language)


def _shown(request: _Request, found: Certificate, public_url: str, lang: Language | None) -> Response[Any]:
    if "text/html" not in request.headers.get("accept", ""):
        return Response(found, headers={"Vary": "Accept"})
    document = _document(request, found, public_url, lang)
    return _page(certificate_page(document, f"certificate.pdf?lang={document.language}"), document.language)


async def _printed(
    request: _Request, engine: AsyncEngine, find: _Find, key: tuple[int, int], public_url: str, lang: Language | None
) -> Response[bytes]:
    """No connection is held while it is set."""
    async with engine.connect() as connection:
        found = await find(connection, *key)
    document = _document(request, found, public_url, lang)
    name = f"certificate-{found.facts.number}-{document.language}.pdf"
    headers = {"Content-Disposition": f'inline; filename="{name}"', "Vary": "Accept-Language"}
    return Response(await to_thread(pdf_of, document), media_type="application/pdf", headers=headers)


def _document(request: _Request, found: Certificate, public_url: str, lang: Language | None) -> Document:
    return document_of(found, _language(request, lang), f"{public_url}/certificates/{found.facts.number}")


def _language(request: _Request, lang: Language | None) -> Language:
    return language_of(lang, request.headers.get("accept-language", ""))


def _page(html: str, language: Language) -> Response[str]:
    headers = {
        **_NOT_INDEXED,
        "Content-Security-Policy": POLICY,
        "Content-Language": TAGS[language],
        "Vary": "Accept, Accept-Language",
    }
    return Response(html, media_type=MediaType.HTML, headers=headers)


HOST_ROUTES = [show_to_host, print_for_host]
CLIPPER_ROUTES = [show_to_clipper, print_for_clipper]
SERVICE_ROUTES = [check]
PAGE_ROUTES = [check_page]
