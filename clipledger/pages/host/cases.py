"""Unlicensed use: videos that show the host's streams without a licence, the evidence, and how each case ended."""

from typing import Annotated

from litestar import Response
from litestar.di import NamedDependency
from litestar.params import FromPath, QueryParameter
from sqlalchemy.ext.asyncio import AsyncConnection

from clipledger.pages.host.uploading import with_video
from clipledger.pages.routes import page
from clipledger.pages.uploading import LARGEST_FORM
from clipledger.pages.view import View
from clipledger.pages.words import WORDS
from licensing.cases import State, find_case, list_cases
from licensing.names import names_of_parties
from licensing.vocabulary import PLATFORMS
from media.api.pages import Cursor, number_of, page_of

_PAGE = 50
_Show = Annotated[State | None, QueryParameter(name="show")]


@page("/books/{book:str}/cases", space="host", scope="licences:read", largest_body=LARGEST_FORM, takes=with_video)
async def cases(
    view: NamedDependency[View],
    connection: NamedDependency[AsyncConnection],
    book_id: NamedDependency[int],
    show: _Show = None,
    cursor: Cursor = None,
) -> Response[str]:
    """Newest first, and the form by which a video that was found is reported."""
    found = await list_cases(connection, book_id, state=show, before=number_of(cursor), limit=_PAGE + 1)
    shown = page_of(found, _PAGE, lambda each: each.case_id)
    return view.render(
        "host/cases.html",
        cases=shown.data,
        cursor=shown.next_cursor,
        names=await names_of_parties(connection, {each.clipper_id for each in shown.data if each.clipper_id}),
        show=show,
        largest=LARGEST_FORM,
        platforms=[(name, view.say(WORDS[name][0])) for name in PLATFORMS],
    )


@page("/books/{book:str}/cases/{case_id:int}", space="host", scope="licences:read")
async def case(
    view: NamedDependency[View],
    connection: NamedDependency[AsyncConnection],
    book_id: NamedDependency[int],
    case_id: FromPath[int],
) -> Response[str]:
    """One, with what it shows."""
    found = await find_case(connection, book_id, case_id)
    names = await names_of_parties(connection, [found.clipper_id] if found.clipper_id else [])
    return view.render("host/case.html", case=found, clipper=names.get(found.clipper_id or 0))


routes = [cases, case]
