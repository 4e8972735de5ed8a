"""Disputes that were appealed: the operator has the last word."""

from typing import Annotated, Literal

from litestar import Response
from litestar.di import NamedDependency
from litestar.params import FromPath, QueryParameter
from sqlalchemy.ext.asyncio import AsyncConnection

from clipledger.pages.operator.books import books_named
from clipledger.pages.routes import page
from clipledger.pages.view import View
from clipledger.pages.words import N_
from licensing.appeals import find_of_any_book, list_of_every_book
from licensing.claim_rules import GROUNDS, Claim, State
from licensing.claims import claim_file
from media.api.pages import Cursor, number_of, page_of

_ON_A_PAGE = 50
_InState = Annotated[State | Literal["all"], QueryParameter(name="state")]


@page("/operator/appeals", space="operator", scope="licences:policy")
async def list_all(
    view: NamedDependency[View],
    connection: NamedDependency[AsyncConnection],
    in_state: _InState = "appealed",
    cursor: Cursor = None,
) -> Response[str]:
    """Of every book; unless asked otherwise, those that wait for a decision."""
    state = None if in_state == "all" else in_state
    found = await list_of_every_book(connection, state=state, before=number_of(cursor), limit=_ON_A_PAGE + 1)
    claims = page_of(found, _ON_A_PAGE, lambda each: each.claim.claim_id)
    books = await books_named(connection, {each.book_id for each in claims.data})
    return view.render("operator/appeals.html", claims=claims, books=books, state=in_state)


@page("/operator/appeals/{claim_id:int}", space="operator", scope="licences:policy")
async def show(
    view: NamedDependency[View], connection: NamedDependency[AsyncConnection], claim_id: FromPath[int]
) -> Response[str]:
    """What both sides said, and the decision."""
    found = await find_of_any_book(connection, claim_id)
    its = await claim_file(connection, found.book_id, claim_id)
    book = (await books_named(connection, {found.book_id}))[found.book_id]
    return view.render(
        "operator/appeal.html",
        its=found,
        file=its,
        book=book,
        ground=GROUNDS.get(found.claim.ground),
        effect=view.say(_effect(found.claim)),
    )


def _effect(claim: Claim) -> str:
    """What a decision for the claim does at once; `licensing.outcomes` does it."""
    if claim.claimant == "host":
        return _REMOVED if claim.submission_id is not None else _NOTHING
    return {"wrongly-suspended": _RESUMED, "wrongly-revoked": _OWED}.get(claim.ground, _APPROVED)


_REMOVED = N_(
    "This is the last word, and money that is frozen is freed by it. If you uphold the claim, the clip is taken "
    "down, or rejected where it is not live yet. If you release it, everything stays as it is."
)
_NOTHING = N_(
    "This is the last word, and money that is frozen is freed by it. Nothing is done to the licence: if you uphold the "
    "claim, the host may suspend or revoke it."
)
_RESUMED = N_("This is the last word. If you uphold the claim, the licence is active again at once.")
_OWED = N_("This is the last word. If you uphold the claim, the host owes the clipper a new licence.")
_APPROVED = N_("This is the last word. If you uphold the claim, the clip is approved at once.")
