"""Submissions over HTTP: clips are uploaded and handed in under a grant, recognised, reviewed, taken down."""

from typing import Annotated, Literal, TypeVar

import msgspec
from litestar import Response, get, post
from litestar.di import NamedDependency
from litestar.params import FromPath, JSONBody, QueryParameter
from msgspec import Meta
from sqlalchemy.ext.asyncio import AsyncConnection

from ledger.money import BIGINT_MAX
from licensing import reviewing, submissions
from licensing.api.clip_uploads import clipper_uploads
from licensing.api.scopes import PARTY_READ, PARTY_WRITE, READ, WRITE
from licensing.states import By
from licensing.submissions import ClipAbout, Recognised, State, Submission
from media.api.pages import Cursor, Limit, Page, number_of, page_of

_Upload = Annotated[int, Meta(ge=1, le=BIGINT_MAX, examples=[18], description="A whole upload; it can be used once.")]
_State = Annotated[State | None, QueryParameter(name="state", description="Only those in this state.")]
_Id = Annotated[int | None, QueryParameter(ge=1, le=BIGINT_MAX)]
_Shown = TypeVar("_Shown", bound=Submission)
_Reason = Annotated[str, Meta(examples=["The red coat is not on sale any more."])]


class SubmittedClip(msgspec.Struct, kw_only=True, forbid_unknown_fields=True):
    """A clip whose bytes have arrived. `on_screen`: the disclosure is in the picture."""

    upload: _Upload
    title: Annotated[str, Meta(examples=["Red coat, 9:16"])]
    caption: Annotated[str, Meta(examples=["The coat everybody asks about #ad"])] = ""
    products: Annotated[tuple[str, ...], Meta(examples=[["1729384756"]])] = ()
    on_screen: bool = False

    @property
    def about(self) -> ClipAbout:
        """Without its bytes."""
        return ClipAbout(title=self.title, caption=self.caption, products=self.products, on_screen=self.on_screen)


class ReviewApproval(msgspec.Struct, kw_only=True, forbid_unknown_fields=True):
    """`disclosure`: `confirmed` where the reviewer has seen it, though it was not found."""

    disclosure: Annotated[Literal["confirmed"] | None, Meta(examples=["confirmed"])] = None


class ReviewRejection(msgspec.Struct, kw_only=True, forbid_unknown_fields=True):
    """`disclosure`: `refused` where the clip doesn't say, or not so that people notice, that it is advertising."""

    reason: _Reason
    disclosure: Annotated[Literal["refused"] | None, Meta(examples=["refused"])] = None


class TakingDown(msgspec.Struct, kw_only=True, forbid_unknown_fields=True):
    """Why; its clipper reads it."""

    reason: _Reason


class Removal(msgspec.Struct, kw_only=True, forbid_unknown_fields=True):
    """Why, if there is something to say."""

    reason: _Reason | None = None


class Reviewable(Recognised, frozen=True):
    """`contact_sheet`: where a picture of the clip's frames over the stream's is; null where it shows no stream."""

    contact_sheet: str | None


# For hosts --------------------------------------------------------------------------------------------------


@post(
    "/grants/{grant_id:int}/submissions",
    opt={**WRITE, "action": "submission.create"},
    summary="Submit a clip on a clipper's behalf",
)
async def submit_for(
    grant_id: FromPath[int],
    data: JSONBody[SubmittedClip],
    connection: NamedDependency[AsyncConnection],
    book_id: NamedDependency[int],
    actor: NamedDependency[str],
    book: FromPath[str],
) -> Response[Submission]:
    """An upload of the host's own, as one that the clipper has sent elsewhere."""
    by = By("host", actor)
    made = await submissions.submit(connection, book_id, grant_id, data.upload, data.about, by=by)
    return Response(made, headers={"Location": f"/v1/books/{book}/submissions/{made.submission_id}"})


@get("/submissions", opt=READ, summary="Submissions")
async def list_all(
    connection: NamedDependency[AsyncConnection],
    book_id: NamedDependency[int],
    in_state: _State = None,
    grant: _Id = None,
    clipper: _Id = None,
    limit: Limit = 100,
    cursor: Cursor = None,
) -> Page[Submission]:
    """Newest first."""
    found = await submissions.list_submissions(
        connection,
        book_id=book_id,
        clipper_id=clipper,
        grant_id=grant,
        state=in_state,
        before=number_of(cursor),
        limit=limit + 1,
    )
    return page_of(found, limit, _number)


@get("/submissions/to-review", opt=READ, summary="Submissions that wait for a person")
async def list_to_review(
    connection: NamedDependency[AsyncConnection],
    book_id: NamedDependency[int],
    book: FromPath[str],
    limit: Limit = 100,
    cursor: Cursor = None,
) -> Page[Reviewable]:
    """First those that are approved soonest without a person; with what each shows and what speaks against it."""
    found = await reviewing.list_to_review(connection, book_id, after=number_of(cursor), limit=limit + 1)
    shown = await submissions.with_segments(connection, book_id, found)
    return page_of([_reviewable(book, each) for each in shown], limit, _number)


@get("/submissions/{submission_id:int}", opt=READ, summary="A submission")
async def show(
    submission_id: FromPath[int],
    connection: NamedDependency[AsyncConnection],
    book_id: NamedDependency[int],
    book: FromPath[str],
) -> Reviewable:
    """With what it shows, and what speaks against it."""
    return _reviewable(book, await _recognised(connection, book_id, submission_id))


@post(
    "/submissions/{submission_id:int}/approve",
    opt={**WRITE, "action": "submission.approve"},
    status_code=200,
    summary="Approve a submission",
)
async def approve(
    submission_id: FromPath[int],
    data: JSONBody[ReviewApproval],
    connection: NamedDependency[AsyncConnection],
    book_id: NamedDependency[int],
    actor: NamedDependency[str],
) -> Submission:
    """It may be posted. Where its disclosure was not found, the reviewer has to say that it is there. A rejected one is
    thereby approved after all, as where a claim was upheld that it was rejected wrongly.
    """
    by, confirmed = By("host", actor), data.disclosure == "confirmed"
    return await reviewing.approve(connection, book_id, submission_id, confirmed=confirmed, by=by)


@post(
    "/submissions/{submission_id:int}/reject",
    opt={**WRITE, "action": "submission.reject"},
    status_code=200,
    summary="Reject a submission",
)
async def reject(
    submission_id: FromPath[int],
    data: JSONBody[ReviewRejection],
    connection: NamedDependency[AsyncConnection],
    book_id: NamedDependency[int],
    actor: NamedDependency[str],
) -> Submission:
    """It must not be posted. An approved one can still be rejected as long as it is not live."""
    by, refused = By("host", actor), data.disclosure == "refused"
    return await reviewing.reject(connection, book_id, submission_id, reason=data.reason, refused=refused, by=by)


@post(
    "/submissions/{submission_id:int}/take-down",
    opt={**WRITE, "action": "submission.take-down"},
    status_code=200,
    summary="Take a live clip down",
)
async def take_down(
    submission_id: FromPath[int],
    data: JSONBody[TakingDown],
    connection: NamedDependency[AsyncConnection],
    book_id: NamedDependency[int],
    actor: NamedDependency[str],
) -> Submission:
    """What it has sold stays sold."""
    return await submissions.remove(connection, book_id, submission_id, reason=data.reason, by=By("host", actor))


# For clippers -----------------------------------------------------------------------------------------------


@post(
    "/grants/{grant_id:int}/submissions",
    opt={**PARTY_WRITE, "action": "submission.create"},
    summary="Submit a clip under a grant",
)
async def submit(
    grant_id: FromPath[int],
    data: JSONBody[SubmittedClip],
    connection: NamedDependency[AsyncConnection],
    party_id: NamedDependency[int],
    book_id: NamedDependency[int],
    actor: NamedDependency[str],
) -> Response[Submission]:
    """It is recognised by the next free worker; then the host reviews it, or the time for that runs out."""
    by = By("clipper", actor)
    made = await submissions.submit(connection, book_id, grant_id, data.upload, data.about, by=by)
    return Response(made, headers={"Location": f"/v1/clippers/{party_id}/submissions/{made.submission_id}"})


@get("/submissions", opt=PARTY_READ, summary="One's submissions")
async def list_mine(
    connection: NamedDependency[AsyncConnection],
    party_id: NamedDependency[int],
    in_state: _State = None,
    grant: _Id = None,
    limit: Limit = 100,
    cursor: Cursor = None,
) -> Page[Submission]:
    """Newest first, of all hosts."""
    before = number_of(cursor)
    found = await submissions.list_submissions(
        connection, clipper_id=party_id, grant_id=grant, state=in_state, before=before, limit=limit + 1
    )
    return page_of([_told(each) for each in found], limit, _number)


@get("/submissions/{submission_id:int}", opt=PARTY_READ, summary="One's submission")
async def show_mine(
    submission_id: FromPath[int], connection: NamedDependency[AsyncConnection], book_id: NamedDependency[int]
) -> Recognised:
    """What it was recognised as, where it stands, and why."""
    return _told(await _recognised(connection, book_id, submission_id))


@post(
    "/submissions/{submission_id:int}/remove",
    opt={**PARTY_WRITE, "action": "submission.remove"},
    status_code=200,
    summary="Take one's submission back",
)
async def remove_mine(
    submission_id: FromPath[int],
    data: JSONBody[Removal],
    connection: NamedDependency[AsyncConnection],
    book_id: NamedDependency[int],
    actor: NamedDependency[str],
) -> Submission:
    """What it has sold stays sold."""
    return await submissions.remove(connection, book_id, submission_id, reason=data.reason, by=By("clipper", actor))


def _told(found: _Shown) -> _Shown:
    """Without who of the host decided."""
    return msgspec.structs.replace(found, decided_by=None)


async def _recognised(connection: AsyncConnection, book_id: int, submission_id: int) -> Recognised:
    found = await submissions.find_submission(connection, book_id, submission_id)
    return (await submissions.with_segments(connection, book_id, [found]))[0]


def _reviewable(book: str, found: Recognised) -> Reviewable:
    sheet = f"/v1/books/{book}/clips/{found.clip_id}/contact-sheet" if found.segments else None
    return Reviewable(**msgspec.structs.asdict(found), contact_sheet=sheet)


def _number(submission: Submission) -> int:
    return submission.submission_id


HOST_ROUTES = [submit_for, list_all, list_to_review, show, approve, reject, take_down]
CLIPPER_ROUTES = [submit, list_mine, show_mine, remove_mine, clipper_uploads]
