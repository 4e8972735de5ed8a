"""Clip review: what waits for a person, and one clip beside its stream and its terms."""

from typing import Annotated

from litestar import Response
from litestar.di import NamedDependency
from litestar.params import FromPath, QueryParameter
from sqlalchemy.ext.asyncio import AsyncConnection

from clipledger.pages.routes import page
from clipledger.pages.view import View
from ledger.money import BIGINT_MAX
from licensing.grants import find_grant
from licensing.names import names_of_parties, offers_of_grants
from licensing.offers import find_offer, find_terms
from licensing.publications import list_publications
from licensing.reviewing import count_to_review, list_to_review
from licensing.submissions import State, Submission, find_submission, list_submissions, with_segments
from media.api.pages import Cursor, number_of, page_of

_PAGE = 50
_Show = Annotated[State | None, QueryParameter(name="show")]
_Clipper = Annotated[int | None, QueryParameter(ge=1, le=BIGINT_MAX)]


@page("/books/{book:str}/review", space="host", scope="licences:read")
async def queue(
    view: NamedDependency[View],
    connection: NamedDependency[AsyncConnection],
    book_id: NamedDependency[int],
    show: _Show = None,
    clipper: _Clipper = None,
    cursor: Cursor = None,
) -> Response[str]:
    """What waits for a person, soonest deadline first; or the clips in another state, newest first."""
    place, most = number_of(cursor), _PAGE + 1
    if show is None and clipper is None:
        found = await list_to_review(connection, book_id, after=place, limit=most)
    else:
        found = await list_submissions(
            connection, book_id=book_id, clipper_id=clipper, state=show, before=place, limit=most
        )
    listed = page_of(found, _PAGE, lambda each: each.submission_id)
    return view.render(
        "host/review.html",
        clips=await with_segments(connection, book_id, listed.data),
        cursor=listed.next_cursor,
        names=await names_of_parties(connection, {each.clipper_id for each in listed.data}),
        offers=await offers_of_grants(connection, book_id, {each.grant_id for each in listed.data}),
        waiting=await count_to_review(connection, book_id),
        by_itself=_by_itself,
        show=show,
        clipper=clipper,
    )


@page("/books/{book:str}/review/{submission_id:int}", space="host", scope="licences:read")
async def clip(
    view: NamedDependency[View],
    connection: NamedDependency[AsyncConnection],
    book_id: NamedDependency[int],
    submission_id: FromPath[int],
) -> Response[str]:
    """One clip, all that a decision needs, and which clip comes after it."""
    found = await find_submission(connection, book_id, submission_id)
    grant = await find_grant(connection, book_id, found.grant_id)
    names = await names_of_parties(connection, [found.clipper_id])
    return view.render(
        "host/clip.html",
        clip=(await with_segments(connection, book_id, [found]))[0],
        grant=grant,
        offer=await find_offer(connection, book_id, grant.offer_id),
        terms=(await find_terms(connection, book_id, grant.offer_id, grant.version_no)).terms,
        clipper=names[found.clipper_id],
        posts=await list_publications(connection, book_id, submission_id),
        broken={finding.code: finding for finding in found.findings},
        by_itself=_by_itself(found) and grant.state == "active",
        waiting=await count_to_review(connection, book_id),
        following=await _following(connection, book_id, found),
        undisclosed=found.disclosed in ("missing", "refused"),
    )


async def _following(connection: AsyncConnection, book_id: int, reviewed: Submission) -> int | None:
    """The clip to look at next: that after it, else the first that waits."""
    for after in (reviewed.submission_id, None):
        for each in await list_to_review(connection, book_id, after=after, limit=2):
            if each.submission_id != reviewed.submission_id:
                return each.submission_id
    return None


def _by_itself(found: Submission) -> bool:
    """Whether it is approved without a person at `review_by`, if its grant is active then."""
    plain = found.state == "identified" and not found.findings and found.disclosed in ("caption", "on-screen")
    return plain and found.review_by is not None


routes = [queue, clip]
