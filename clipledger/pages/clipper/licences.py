"""A clipper's licences: those it has, those it is offered, and one with its terms, its history and its certificate."""

from datetime import datetime
from typing import Annotated, get_args

from litestar import Response
from litestar.di import NamedDependency
from litestar.params import FromPath, QueryParameter
from sqlalchemy.ext.asyncio import AsyncConnection

from clipledger.pages.clipper.disputes import running
from clipledger.pages.clipper.hosts import reading_of, with_host
from clipledger.pages.clipper.plain_terms import WHO
from clipledger.pages.host.terms_lines import changed, examples
from clipledger.pages.routes import page
from clipledger.pages.view import View
from licensing.changes import GrantChange, history_of, moment
from licensing.claim_rules import RESPOND_DAYS
from licensing.grants import Grant, State, book_of_grant, find_grant, list_own_grants
from licensing.offers import TermsVersion, find_offer, find_terms
from licensing.own_names import offers_of_grants
from licensing.renewal import HELD, holds_from
from media.api.pages import Cursor, number_of, page_of

_PAGE = 50
_Show = Annotated[State | None, QueryParameter()]


@page("/clippers/{clipper:int}/licences", space="clipper", scope="party:read")
async def licences(
    view: NamedDependency[View],
    connection: NamedDependency[AsyncConnection],
    party_id: NamedDependency[int],
    show: _Show = None,
    cursor: Cursor = None,
) -> Response[str]:
    """Newest first; those that wait for an answer are also shown at the top."""
    found = await list_own_grants(connection, party_id, state=show, before=number_of(cursor), limit=_PAGE + 1)
    shown = page_of(found, _PAGE, lambda grant: grant.grant_id)
    offered = await list_own_grants(connection, party_id, state="offered", limit=_PAGE) if show is None else []
    return view.render(
        "clipper/licences.html",
        grants=shown.data,
        cursor=shown.next_cursor,
        offered=offered,
        names=await offers_of_grants(connection, party_id, [each.grant_id for each in (*shown.data, *offered)]),
        show=show,
        states=get_args(State),
    )


@page("/clippers/{clipper:int}/licences/{grant_id:int}", space="clipper", scope="party:read")
async def licence(
    view: NamedDependency[View],
    connection: NamedDependency[AsyncConnection],
    party_id: NamedDependency[int],
    grant_id: FromPath[int],
) -> Response[str]:
    """What was agreed on, what is proposed and what that would change, and what has happened."""
    book_id = await book_of_grant(connection, party_id, grant_id)
    view, book = await with_host(view, connection, book_id)
    grant = await find_grant(connection, book_id, grant_id)
    agreed = await find_terms(connection, book_id, grant.offer_id, grant.version_no)
    proposed = None
    if grant.proposed_no is not None:
        proposed = await find_terms(connection, book_id, grant.offer_id, grant.proposed_no)
    history = await history_of(connection, book_id, grant_id)
    versions = [agreed.terms, *([proposed.terms] if proposed else [])]
    reading = await reading_of(view, connection, book_id, *versions)
    lines = reading.lines(agreed.terms)
    return view.render(
        "clipper/licence.html",
        grant=grant,
        offer=await find_offer(connection, book_id, grant.offer_id),
        book=book,
        agreed=agreed,
        lines=lines,
        examples=examples(agreed.terms.split),
        who=WHO,
        proposed=proposed,
        changes=changed(lines, reading.lines(proposed.terms)) if proposed else [],
        holds_from=await _holds_from(connection, grant, agreed, proposed, history),
        history=history,
        claims=[each for each in await running(connection, party_id, grant_id) if each.submission_id is None],
        days=RESPOND_DAYS,
        reason=next((each.reason for each in reversed(history) if each.state == grant.state), None),
    )


async def _holds_from(
    connection: AsyncConnection,
    grant: Grant,
    agreed: TermsVersion,
    proposed: TermsVersion | None,
    history: list[GrantChange],
) -> datetime | None:
    """From when on newer terms would hold if they were accepted now, or will hold, having been accepted."""
    if proposed is None or grant.state not in HELD or grant.accepted_at is None:
        return None
    if grant.proposed_until is not None:
        return holds_from(grant, agreed.terms, proposed.terms, await moment(connection))
    return next((each.effective_at for each in reversed(history) if each.version_no == proposed.version_no), None)
