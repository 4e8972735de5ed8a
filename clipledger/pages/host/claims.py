"""Disputes of a host: its own and those of clippers, their files, and what it may do next, with what that does."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Annotated

from litestar import Response
from litestar.di import NamedDependency
from litestar.params import FromPath, QueryParameter
from sqlalchemy.ext.asyncio import AsyncConnection

from clipledger.pages.routes import page
from clipledger.pages.view import View
from clipledger.pages.words import N_
from ledger.money import BIGINT_MAX
from licensing.claim_rules import FINAL, GROUNDS, Claim, State
from licensing.claims import ClaimFile, claim_file, list_claims
from licensing.names import names_of_parties, offers_of_grants, titles_of_clips
from media.api.pages import Cursor, number_of, page_of
from settlement.disputed import frozen_for

_PAGE = 50
_Show = Annotated[State | None, QueryParameter(name="show")]
_Number = Annotated[int | None, QueryParameter(ge=1, le=BIGINT_MAX)]


@dataclass(frozen=True)
class Choice:
    """Something that the host may do to a claim: by which `operation` under it, and what will happen then."""

    action: str
    operation: str
    label: str
    warning: str
    act: str
    done: str


_STANDS = N_(
    "You decide that your claim stands. What is frozen stays frozen. The clipper may appeal for 14 days; after that it "
    "is final: the clipper's part of everything sold until then goes to you, and a clip is taken down or rejected."
)
_GIVE_UP = N_(
    "You withdraw your claim. That is final at once: what is frozen because of it goes back to the clipper's balance, "
    "and the clip or licence stays as it is."
)
_CONCEDE = N_(
    "You say that the clipper is right. That is final at once: a rejected clip is approved, a suspended licence is "
    "active again, and for a revoked licence you owe the clipper a new one. No money is moved."
)
_REFUSE = N_(
    "You say that the clipper is wrong, and your decision stays. No money is moved. The clipper may appeal for 14 "
    "days; then the operator of the service decides."
)
_APPEAL = N_(
    "The operator of the service reads all that was said and decides for good, usually within 14 days. Money that was "
    "given back already is not frozen again; what is frozen stays so until then."
)
CHOICES: Mapping[str, Choice] = {
    each.action: each
    for each in (
        Choice(
            "upheld",
            "uphold",
            N_("Uphold your claim …"),
            _STANDS,
            N_("Uphold the claim"),
            N_("Your claim is upheld."),
        ),
        Choice(
            "withdrawn",
            "release",
            N_("Withdraw your claim …"),
            _GIVE_UP,
            N_("Withdraw the claim"),
            N_("Your claim is withdrawn."),
        ),
        Choice(
            "conceded",
            "uphold",
            N_("Agree with the clipper …"),
            _CONCEDE,
            N_("Agree"),
            N_("You have agreed with the clipper."),
        ),
        Choice(
            "released",
            "release",
            N_("Refuse the clipper's claim …"),
            _REFUSE,
            N_("Refuse the claim"),
            N_("The claim is refused."),
        ),
        Choice(
            "appealed",
            "appeal",
            N_("Appeal to the operator …"),
            _APPEAL,
            N_("Appeal"),
            N_("You have appealed."),
        ),
    )
}
"""By what `licensing.claim_rules` calls the move."""


@page("/books/{book:str}/claims", space="host", scope="licences:read")
async def claims(
    view: NamedDependency[View],
    connection: NamedDependency[AsyncConnection],
    book_id: NamedDependency[int],
    show: _Show = None,
    submission: _Number = None,
    grant: _Number = None,
    cursor: Cursor = None,
) -> Response[str]:
    """Newest first; the form for a new one may come filled in with the clip, or licence, that it is about."""
    found = await list_claims(connection, before=number_of(cursor), limit=_PAGE + 1, book_id=book_id, state=show)
    shown = page_of(found, _PAGE, lambda claim: claim.claim_id)
    clips = [*filter(None, (submission, *(each.submission_id for each in shown.data)))]
    granted = [*filter(None, (grant, *(each.grant_id for each in shown.data)))]
    return view.render(
        "host/claims.html",
        claims=shown.data,
        cursor=shown.next_cursor,
        names=await names_of_parties(connection, {each.clipper_id for each in shown.data}),
        clips=await titles_of_clips(connection, book_id, clips),
        offers=await offers_of_grants(connection, book_id, granted),
        frozen=await _frozen(view, connection, book_id, [each.claim_id for each in shown.data]),
        grounds=[(name, view.say(each.sentence)) for name, each in GROUNDS.items() if each.claimant == "host"],
        show=show,
        submission=submission,
        grant=grant,
    )


@page("/books/{book:str}/claims/{claim_id:int}", space="host", scope="licences:read")
async def claim(
    view: NamedDependency[View],
    connection: NamedDependency[AsyncConnection],
    book_id: NamedDependency[int],
    claim_id: FromPath[int],
) -> Response[str]:
    """One: what it is over, what is frozen, what was said, and what may be done next."""
    file = await claim_file(connection, book_id, claim_id)
    its, now = file.claim, datetime.now(UTC)
    clips = await titles_of_clips(connection, book_id, [its.submission_id] if its.submission_id else [])
    return view.render(
        "host/claim.html",
        claim=its,
        evidence=file.evidence,
        ground=GROUNDS[its.ground],
        clipper=(await names_of_parties(connection, [its.clipper_id]))[its.clipper_id],
        clip=clips.get(its.submission_id or 0),
        offer=(await offers_of_grants(connection, book_id, [its.grant_id]))[its.grant_id],
        frozen=(await _frozen(view, connection, book_id, [claim_id])).get(claim_id, ()),
        choices=list(_choices(file, now)),
        too_early=_too_early(its, now),
        ended=its.state in FINAL,
        now=now,
    )


async def _frozen(view: View, connection: AsyncConnection, book_id: int, claim_ids: list[int]) -> Mapping[int, object]:
    """Amounts are for who may read sales."""
    return await frozen_for(connection, book_id, claim_ids) if view.may("settlement:read") else {}


def _choices(file: ClaimFile, now: datetime) -> Iterator[Choice]:
    """What the host may do now."""
    actions = [move.action for move in file.moves if move.by == "host"]
    for action in actions:
        early = action == "upheld" and _too_early(file.claim, now)
        if not early and not _too_late(file.claim, action, now):
            yield CHOICES[action]


def _too_early(claim: Claim, now: datetime) -> bool:
    """Whether the clipper's answer must be waited for."""
    return claim.claimant == "host" and claim.state == "open" and now <= claim.respond_by


def _too_late(claim: Claim, action: str, now: datetime) -> bool:
    """Whether the clock decides now: it will do so within the hour."""
    ends = {"upheld": claim.decide_by, "appealed": claim.appeal_by}
    until = claim.respond_by if (claim.state, action) == ("open", "released") else ends.get(action)
    return until is not None and now > until


routes = [claims, claim]
