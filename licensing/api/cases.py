"""Cases over HTTP: clips that show the host's streams where no grant covers it."""

from typing import Annotated

import msgspec
from litestar import Response, get, post
from litestar.di import NamedDependency
from litestar.params import FromPath, JSONBody, QueryParameter
from msgspec import Meta
from sqlalchemy.ext.asyncio import AsyncConnection

from ledger.money import BIGINT_MAX
from licensing import cases
from licensing.api.scopes import READ, WRITE
from licensing.cases import Case, Found, State, Verdict
from licensing.states import By
from media.api.pages import Cursor, Limit, Page, number_of, page_of

_State = Annotated[State | None, QueryParameter(name="state", description="Only those in this state.")]


class FoundVideo(msgspec.Struct, kw_only=True, forbid_unknown_fields=True):
    """A video that was found, whose bytes have arrived, and the account that shows it."""

    upload: Annotated[int, Meta(ge=1, le=BIGINT_MAX, examples=[21], description="A whole upload; it can be used once.")]
    platform: Annotated[str, Meta(examples=["tiktok"])]
    handle: Annotated[str, Meta(examples=["lina.finds"])]
    url: Annotated[str | None, Meta(examples=["https://www.tiktok.com/@lina.finds/video/7345"])] = None


class CaseDecision(msgspec.Struct, kw_only=True, forbid_unknown_fields=True):
    """Why."""

    reason: Annotated[str, Meta(examples=["She has taken it down and paid."])]


class ShownCase(Case, frozen=True):
    """`contact_sheet`: where a picture of the video's frames over the stream's is, for a video of the host's own."""

    contact_sheet: str | None


@post("/cases", opt={**WRITE, "action": "case.report"}, summary="Report a video that was found")
async def report(
    data: JSONBody[FoundVideo],
    connection: NamedDependency[AsyncConnection],
    book_id: NamedDependency[int],
    actor: NamedDependency[str],
    book: FromPath[str],
) -> Response[ShownCase]:
    """It is looked for in the host's streams. Where it shows one without a grant, the case is opened."""
    found = Found(platform=data.platform, handle=data.handle, url=data.url)
    made = await cases.report(connection, book_id, data.upload, found, by=By("host", actor))
    return Response(_shown(book, made), headers={"Location": f"/v1/books/{book}/cases/{made.case_id}"})


@get("/cases", opt=READ, summary="Cases of unlicensed use")
async def list_all(
    connection: NamedDependency[AsyncConnection],
    book_id: NamedDependency[int],
    book: FromPath[str],
    in_state: _State = None,
    limit: Limit = 100,
    cursor: Cursor = None,
) -> Page[ShownCase]:
    """Newest first."""
    found = await cases.list_cases(connection, book_id, state=in_state, before=number_of(cursor), limit=limit + 1)
    return page_of([_shown(book, case) for case in found], limit, lambda case: case.case_id)


@get("/cases/{case_id:int}", opt=READ, summary="A case and its evidence")
async def show(
    case_id: FromPath[int],
    connection: NamedDependency[AsyncConnection],
    book_id: NamedDependency[int],
    book: FromPath[str],
) -> ShownCase:
    """States: looking, open, cleared, dismissed, settled."""
    return _shown(book, await cases.find_case(connection, book_id, case_id))


@post(
    "/cases/{case_id:int}/dismiss", opt={**WRITE, "action": "case.dismiss"}, status_code=200, summary="Dismiss a case"
)
async def dismiss(
    case_id: FromPath[int],
    data: JSONBody[CaseDecision],
    connection: NamedDependency[AsyncConnection],
    book_id: NamedDependency[int],
    actor: NamedDependency[str],
    book: FromPath[str],
) -> ShownCase:
    """Nothing is to be done about it."""
    return _shown(book, await _decide(connection, book_id, case_id, "dismissed", data, actor))


@post("/cases/{case_id:int}/settle", opt={**WRITE, "action": "case.settle"}, status_code=200, summary="Settle a case")
async def settle(
    case_id: FromPath[int],
    data: JSONBody[CaseDecision],
    connection: NamedDependency[AsyncConnection],
    book_id: NamedDependency[int],
    actor: NamedDependency[str],
    book: FromPath[str],
) -> ShownCase:
    """It came to an end between the host and whoever posted it."""
    return _shown(book, await _decide(connection, book_id, case_id, "settled", data, actor))


async def _decide(
    connection: AsyncConnection, book_id: int, case_id: int, verdict: Verdict, data: CaseDecision, actor: str
) -> Case:
    return await cases.decide(connection, book_id, case_id, verdict, reason=data.reason, by=By("host", actor))


def _shown(book: str, case: Case) -> ShownCase:
    has_sheet = case.clip_id is not None and case.evidence.segments
    sheet = f"/v1/books/{book}/clips/{case.clip_id}/contact-sheet" if has_sheet else None
    return ShownCase(**msgspec.structs.asdict(case), contact_sheet=sheet)


HOST_ROUTES = [report, list_all, show, dismiss, settle]
