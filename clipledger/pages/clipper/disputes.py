"""Disputes: what a host claims against the clipper and the clipper against a host; answered, proved, appealed."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Annotated, Literal, NamedTuple, get_args

from litestar import Response
from litestar.di import NamedDependency
from litestar.params import FromPath, QueryParameter
from sqlalchemy.ext.asyncio import AsyncConnection

from clipledger.pages.clipper.hosts import with_host
from clipledger.pages.routes import page
from clipledger.pages.view import View
from clipledger.pages.words import N_
from ledger.money import BIGINT_MAX
from licensing.changes import moment
from licensing.claim_rules import DECIDE_DAYS, FINAL, GROUNDS, RESPOND_DAYS, Claim, State, open_grounds
from licensing.claims import book_of_claim, claim_file, list_claims
from licensing.grants import book_of_grant, find_grant, list_own_grants
from licensing.own_clips import find_own_clip
from licensing.own_names import Of, offers_of_grants, titles_of_claims
from licensing.submissions import list_submissions
from media.api.pages import Cursor, number_of, page_of
from settlement.disputed import frozen_for

_PAGE = 50
_Show = Annotated[State | None, QueryParameter()]
_Number = Annotated[int | None, QueryParameter(ge=1, le=BIGINT_MAX)]
_RUNNING = 500
"""Of the clipper's newest own claims, among which those are that are not over."""
_DISPUTABLE: Sequence[Literal["suspended", "revoked"]] = ("suspended", "revoked")


class About(NamedTuple):
    """A clip or a licence that is to be disputed: what it is called, and on which grounds it can be."""

    name: str
    grounds: Sequence[str]


@dataclass(frozen=True)
class Choice:
    """What the clipper may do: the operation, what it is called, what will happen then, and what is said after it."""

    action: str
    operation: str
    label: str
    warning: str
    act: str
    done: str
    final: bool = False
    """Whether it ends the dispute."""


CHOICES = (
    Choice(
        "responded",
        "respond",
        N_("Answer"),
        N_("The host reads your answer and decides within 7 days. You can add evidence afterwards."),
        N_("Send the answer"),
        N_("Your answer is sent."),
    ),
    Choice(
        "appealed",
        "appeal",
        N_("Appeal"),
        N_("Whoever runs the service decides then, finally, for or against you. Say what was overlooked."),
        N_("Appeal"),
        N_("You have appealed."),
    ),
    Choice(
        "conceded",
        "concede",
        N_("Agree with the host …"),
        N_("This ends the dispute at once, against you, and can't be undone: what was frozen goes to the host, and a "
           "clip is rejected or removed."),
        N_("Agree with the host"),
        N_("The dispute is over: you have agreed with the host."),
        final=True,
    ),
    Choice(
        "withdrawn",
        "withdraw",
        N_("Withdraw it …"),
        N_("This ends the dispute at once and can't be undone: the host's decision stays."),
        N_("Withdraw it"),
        N_("You have withdrawn it."),
        final=True,
    ),
)  # fmt: skip


@page("/clippers/{clipper:int}/disputes", space="clipper", scope="party:read")
async def disputes(
    view: NamedDependency[View],
    connection: NamedDependency[AsyncConnection],
    party_id: NamedDependency[int],
    show: _Show = None,
    clip: _Number = None,
    grant: _Number = None,
    cursor: Cursor = None,
) -> Response[str]:
    """Newest first; and what there is to dispute: clips that were rejected, licences that were suspended or revoked.
    With a clip or a licence there is the form to dispute it.
    """
    found = await list_claims(connection, clipper_id=party_id, state=show, before=number_of(cursor), limit=_PAGE + 1)
    shown = page_of(found, _PAGE, lambda claim: claim.claim_id)
    own = await running(connection, party_id)
    grants, clips = await _disputable(connection, party_id, own)
    about = await _about(connection, party_id, clip, grant, own)
    return view.render(
        "clipper/disputes.html",
        claims=shown.data,
        cursor=shown.next_cursor,
        titles=await titles_of_claims(connection, party_id, [each.claim_id for each in shown.data]),
        hosts=await offers_of_grants(connection, party_id, [each.grant_id for each in shown.data]),
        show=show,
        states=get_args(State),
        grants=grants,
        clips=clips,
        about=about.name if about else None,
        grounds=[(name, GROUNDS[name].sentence) for name in about.grounds] if about else [],
        clip=clip,
        grant=grant,
        days=RESPOND_DAYS,
    )


async def running(connection: AsyncConnection, party_id: int, grant_id: int | None = None) -> list[Claim]:
    """The clipper's own that are not over, of one licence and its clips, if it is named."""
    its = await list_claims(connection, clipper_id=party_id, claimant="clipper", grant_id=grant_id, limit=_RUNNING)
    return [each for each in its if each.state not in FINAL]


async def _disputable(
    connection: AsyncConnection, party_id: int, own: Sequence[Claim]
) -> tuple[Mapping[int, Of], Mapping[int, str]]:
    """The newest licences and clips about whose end a clipper may claim and does not yet, by number."""
    disputed = {each.grant_id for each in own if each.submission_id is None}
    ended = [
        each.grant_id
        for state in _DISPUTABLE
        for each in await list_own_grants(connection, party_id, state=state, limit=_PAGE)
        if each.grant_id not in disputed
    ]
    rejected = await list_submissions(connection, clipper_id=party_id, state="rejected", limit=_PAGE)
    taken = {each.submission_id for each in own}
    clips = {each.submission_id: each.title for each in rejected if each.submission_id not in taken}
    return await offers_of_grants(connection, party_id, ended), clips


async def _about(
    connection: AsyncConnection, party_id: int, clip: int | None, grant: int | None, own: Sequence[Claim]
) -> About | None:
    """What is to be disputed. Raises SubmissionNotFound, GrantNotFound."""
    if clip is not None:
        its = (await find_own_clip(connection, party_id, clip)).submission
        taken = {each.ground for each in own if each.submission_id == clip}
        return About(
            its.title, [each for each in open_grounds("clipper", "submission", its.state) if each not in taken]
        )
    if grant is None:
        return None
    found = await find_grant(connection, await book_of_grant(connection, party_id, grant), grant)
    taken = {each.ground for each in own if (each.grant_id, each.submission_id) == (grant, None)}
    name = (await offers_of_grants(connection, party_id, [grant]))[grant].title
    return About(name, [each for each in open_grounds("clipper", "grant", found.state) if each not in taken])


@page("/clippers/{clipper:int}/disputes/{claim_id:int}", space="clipper", scope="party:read")
async def dispute(
    view: NamedDependency[View],
    connection: NamedDependency[AsyncConnection],
    party_id: NamedDependency[int],
    claim_id: FromPath[int],
) -> Response[str]:
    """Who said what, until when which side may do what, and what is frozen meanwhile."""
    book_id = await book_of_claim(connection, claim_id, party_id)
    view, book = await with_host(view, connection, book_id)
    file = await claim_file(connection, book_id, claim_id)
    its, now = file.claim, await moment(connection)
    mine = {each.action for each in file.moves if each.by == "clipper"}
    until = deadline(its)
    return view.render(
        "clipper/dispute.html",
        claim=its,
        evidence=file.evidence,
        book=book,
        title=(await titles_of_claims(connection, party_id, [claim_id]))[claim_id],
        ground=GROUNDS.get(its.ground),
        frozen=(await frozen_for(connection, book_id, [claim_id])).get(claim_id, ()),
        until=until,
        now=now,
        late=until is not None and until < now,
        choices=[each for each in CHOICES if each.action in mine],
        final=its.state in FINAL,
        won=_won(its),
        decide_days=DECIDE_DAYS,
    )


def deadline(claim: Claim) -> datetime | None:
    """The one that runs."""
    return {
        "open": claim.respond_by,
        "responded": claim.decide_by,
        "upheld": claim.appeal_by,
        "released": claim.appeal_by,
        "appealed": claim.decide_by,
    }.get(claim.state)


def _won(claim: Claim) -> bool | None:
    """Whether it was decided for the clipper, as far as it was decided."""
    if not claim.state.endswith(("upheld", "released")):
        return None
    return claim.state.endswith("upheld") == (claim.claimant == "clipper")
