"""Certificates of grants for their two sides, and what anybody may learn of a number."""

from asyncio import to_thread
from collections.abc import Callable, Mapping
from typing import Annotated, Any, TypedDict

from litestar import MediaType, Request, Response, Router, get
from litestar.di import NamedDependency, Provide
from litestar.openapi import ResponseSpec
from litestar.params import FromPath, QueryParameter
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from licensing.api.scopes import PARTY_READ, PUBLIC, READ
from licensing.certificates.document import Document, document_of
from licensing.certificates.facts import Certificate, certificate_of
from licensing.certificates.labels import TAGS, Language, language_of
from licensing.certificates.page import POLICY, certificate_page, verdict_page
from licensing.certificates.pdf import pdf_of
from licensing.certificates.verification import CertificateVerdict, verify

_Request = Request[Any, Any, Any]
_Lang = Annotated[
    Language | None, QueryParameter(description="The language; else the one that Accept-Language prefers.")
]
_Hash = Annotated[str | None, QueryParameter(description="The SHA-256 that a paper in hand carries, to be compared.")]
_JSON = {200: ResponseSpec(Certificate, generate_examples=False, description="The certificate.")}
_PDF = {200: ResponseSpec(bytes, media_type="application/pdf", generate_examples=False, description="The paper.")}
_NOT_INDEXED = {"X-Robots-Tag": "noindex, nofollow"}


class Whose(TypedDict, total=False):
    """Whose grant it is: one of them."""

    book_id: int
    clipper_id: int


async def show(
    request: _Request,
    grant_id: FromPath[int],
    connection: NamedDependency[AsyncConnection],
    whose: NamedDependency[Whose],
    public_url: NamedDependency[str],
    lang: _Lang = None,
) -> Response[Any]:
    """A page for whoever accepts text/html, as browsers do, and else JSON. `sha256` is of `facts`: members in order of
    their names, no blanks, UTF-8; `names` can change and are not hashed. A grant whose terms nobody has accepted has
    no certificate.
    """
    found = await certificate_of(connection, grant_id, **whose)
    if "text/html" not in request.headers.get("accept", ""):
        return Response(found, headers={"Vary": "Accept"})
    document = _document(request, found, public_url, lang)
    return _page(certificate_page(document, f"certificate.pdf?lang={document.language}"), document.language)


async def show_paper(
    request: _Request,
    grant_id: FromPath[int],
    engine: NamedDependency[AsyncEngine],
    whose: NamedDependency[Whose],
    public_url: NamedDependency[str],
    lang: _Lang = None,
) -> Response[bytes]:
    """The same certificate gives the same bytes. It is tagged for screen readers (PDF/UA-1)."""
    async with engine.connect() as connection:  # none is held while it is set
        found = await certificate_of(connection, grant_id, **whose)
    document = _document(request, found, public_url, lang)
    name = f"certificate-{found.facts.number}-{document.language}.pdf"
    headers = {"Content-Disposition": f'inline; filename="{name}"', "Vary": "Accept-Language"}
    return Response(await to_thread(pdf_of, document), media_type="application/pdf", headers=headers)


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


# Two readers --------------------------------------------------------------------------------------------------


def _of_host(book_id: NamedDependency[int]) -> Whose:
    return {"book_id": book_id}


def _of_clipper(party_id: NamedDependency[int]) -> Whose:
    return {"clipper_id": party_id}


def _mounted(whose: Callable[[int], Whose], opt: Mapping[str, str], name: str) -> list[Router]:
    """The routes for one of the two; `name` is what a summary calls the certificate."""
    its = get("/grants/{grant_id:int}/certificate", responses=_JSON, summary=name)
    paper = get(
        "/grants/{grant_id:int}/certificate.pdf",
        media_type="application/pdf",
        responses=_PDF,
        summary=f"{name} as PDF",
    )
    dependencies = {"whose": Provide(whose, sync_to_thread=False)}
    return [Router("", route_handlers=[its(show), paper(show_paper)], opt=opt, dependencies=dependencies)]


HOST_ROUTES = _mounted(_of_host, READ, "The certificate of a grant")
CLIPPER_ROUTES = _mounted(_of_clipper, PARTY_READ, "The certificate of your grant")
SERVICE_ROUTES = [check]
PAGE_ROUTES = [check_page]
