"""Disputes: opened, answered, decided, appealed, by hosts and clippers; appeals decided by the operator."""

from collections.abc import Mapping, Sequence
from typing import Annotated, Any

import msgspec
from litestar import Request, Response, Router, get, post
from litestar.di import NamedDependency
from litestar.params import FromPath, JSONBody, QueryParameter
from sqlalchemy.ext.asyncio import AsyncConnection

from ledger.money import BIGINT_MAX
from licensing import claims
from licensing.api.books import note
from licensing.api.scopes import ANYONE, PARTY_READ, PARTY_WRITE, POLICY, READ, WRITE
from licensing.api.sides import by_clipper, by_host
from licensing.claim_evidence import Statement
from licensing.claim_rules import GROUNDS, Claim, Claimant, State, Verdict
from licensing.claims import ClaimFile
from licensing.states import By
from media.api.pages import Cursor, Limit, Page, number_of, page_of

_Number = Annotated[int, msgspec.Meta(ge=1, le=BIGINT_MAX, examples=[41])]
_InState = Annotated[State | None, QueryParameter(name="state", description="Claims in this state only.")]


class Said(msgspec.Struct, kw_only=True, forbid_unknown_fields=True):
    """What a side says, and what it points to: an address, or the SHA-256 of a file."""

    statement: Annotated[str, msgspec.Meta(examples=["The price is shown at 00:41 of the stream."])]
    url: Annotated[str | None, msgspec.Meta(examples=["https://example.com/screenshot.png"])] = None
    sha256: Annotated[str | None, msgspec.Meta(examples=["9f86d081884c7d65" * 4])] = None

    @property
    def as_statement(self) -> Statement:
        """The same, as the room takes it."""
        return Statement(self.statement, self.url, self.sha256)


class NewClaim(Said, kw_only=True, forbid_unknown_fields=True):
    """A dispute over a clip (`submission_id`) or over a grant (`grant_id`): one of the two."""

    ground: Annotated[str, msgspec.Meta(examples=["false-advertising"], description="See /v1/claim-grounds.")]
    submission_id: _Number | None = None
    grant_id: Annotated[int, msgspec.Meta(ge=1, le=BIGINT_MAX)] | None = None


class Decision(msgspec.Struct, kw_only=True, forbid_unknown_fields=True):
    """The last word on an appealed claim."""

    verdict: Annotated[Verdict, msgspec.Meta(examples=["release"])]
    reason: Annotated[str, msgspec.Meta(examples=["The statement is in the stream, word for word."])]


class GroundShown(msgspec.Struct):
    """A ground, whose it is, and over what: a `submission`, a `grant`."""

    ground: str
    claimant: Claimant
    over: Sequence[str]
    sentence: str


# Both sides -------------------------------------------------------------------------------------------------


@get("/claims/{claim_id:int}", summary="A claim, its file and who may do what next")
async def show(
    claim_id: FromPath[int], connection: NamedDependency[AsyncConnection], book_id: NamedDependency[int]
) -> ClaimFile:
    """Deadlines that have no meaning yet are null."""
    return await claims.claim_file(connection, book_id, claim_id)


@post("/claims/{claim_id:int}/appeal", opt={"action": "claim.appeal"}, status_code=200, summary="Appeal")
async def appeal(
    claim_id: FromPath[int],
    data: JSONBody[Said],
    connection: NamedDependency[AsyncConnection],
    book_id: NamedDependency[int],
    by: NamedDependency[By],
) -> Claim:
    """For whom it went against, until `appeal_by`; the operator decides."""
    return await claims.move_claim(connection, book_id, claim_id, "appealed", by, data.as_statement)


@post("/claims/{claim_id:int}/evidence", opt={"action": "claim.evidence"}, status_code=200, summary="Say more")
async def add_evidence(
    claim_id: FromPath[int],
    data: JSONBody[Said],
    connection: NamedDependency[AsyncConnection],
    book_id: NamedDependency[int],
    by: NamedDependency[By],
) -> ClaimFile:
    """Until the claim is final. The other side reads it."""
    return await claims.add_evidence(connection, book_id, claim_id, by, data.as_statement)


# Hosts ------------------------------------------------------------------------------------------------------


@post("/claims", opt={**WRITE, "action": "claim.open"}, summary="Dispute a clip or a grant's sales")
async def open_as_host(
    data: JSONBody[NewClaim],
    connection: NamedDependency[AsyncConnection],
    book_id: NamedDependency[int],
    by: NamedDependency[By],
    book: FromPath[str],
) -> Response[Claim]:
    """The money concerned is frozen until the claim is released or finally decided."""
    claim = await _open(connection, by, {"book_id": book_id}, data)
    return Response(claim, headers={"Location": f"/v1/books/{book}/claims/{claim.claim_id}"})


@get("/claims", opt=READ, summary="Claims")
async def list_for_host(
    connection: NamedDependency[AsyncConnection],
    book_id: NamedDependency[int],
    in_state: _InState = None,
    limit: Limit = 100,
    cursor: Cursor = None,
) -> Page[Claim]:
    """The host's own and those of clippers, newest first."""
    return await _page(connection, limit, cursor, book_id=book_id, state=in_state)


@post("/claims/{claim_id:int}/uphold", opt={**WRITE, "action": "claim.uphold"}, status_code=200, summary="Uphold")
async def uphold(
    claim_id: FromPath[int],
    data: JSONBody[Said],
    connection: NamedDependency[AsyncConnection],
    book_id: NamedDependency[int],
    by: NamedDependency[By],
) -> Claim:
    """One's own claim, after the clipper's response or `respond_by`; a clipper's is thereby conceded, and final: a clip
    is approved, a grant resumed. A revocation stays; `owed` says that the clipper is due a new grant.
    """
    return await claims.decide_claim(connection, book_id, claim_id, "uphold", by, data.as_statement)


@post("/claims/{claim_id:int}/release", opt={**WRITE, "action": "claim.release"}, status_code=200, summary="Release")
async def release(
    claim_id: FromPath[int],
    data: JSONBody[Said],
    connection: NamedDependency[AsyncConnection],
    book_id: NamedDependency[int],
    by: NamedDependency[By],
) -> Claim:
    """One's own claim is thereby withdrawn, and final; a clipper's is refused, and the clipper may appeal."""
    return await claims.decide_claim(connection, book_id, claim_id, "release", by, data.as_statement)


# Clippers ---------------------------------------------------------------------------------------------------


@post("/claims", opt={**PARTY_WRITE, "action": "claim.open"}, summary="Dispute a host's decision")
async def open_as_clipper(
    data: JSONBody[NewClaim],
    connection: NamedDependency[AsyncConnection],
    party_id: NamedDependency[int],
    by: NamedDependency[By],
    request: Request[Any, Any, Any],
) -> Response[Claim]:
    """A clip that was rejected, a grant that was suspended or revoked."""
    claim = await _open(connection, by, {"clipper_id": party_id}, data)
    note(request, await claims.book_of_claim(connection, claim.claim_id, party_id))
    return Response(claim, headers={"Location": f"/v1/clippers/{party_id}/claims/{claim.claim_id}"})


@get("/claims", opt=PARTY_READ, summary="Claims")
async def list_for_clipper(
    connection: NamedDependency[AsyncConnection],
    party_id: NamedDependency[int],
    in_state: _InState = None,
    limit: Limit = 100,
    cursor: Cursor = None,
) -> Page[Claim]:
    """Of and against this clipper with every host, newest first."""
    return await _page(connection, limit, cursor, clipper_id=party_id, state=in_state)


@post(
    "/claims/{claim_id:int}/respond", opt={**PARTY_WRITE, "action": "claim.respond"}, status_code=200, summary="Respond"
)
async def respond(
    claim_id: FromPath[int],
    data: JSONBody[Said],
    connection: NamedDependency[AsyncConnection],
    book_id: NamedDependency[int],
    by: NamedDependency[By],
) -> Claim:
    """To a host's claim, until `respond_by`; silence upholds it."""
    return await claims.move_claim(connection, book_id, claim_id, "responded", by, data.as_statement)


@post(
    "/claims/{claim_id:int}/concede", opt={**PARTY_WRITE, "action": "claim.concede"}, status_code=200, summary="Concede"
)
async def concede(
    claim_id: FromPath[int],
    data: JSONBody[Said],
    connection: NamedDependency[AsyncConnection],
    book_id: NamedDependency[int],
    by: NamedDependency[By],
) -> Claim:
    """A host's claim; it is final at once, and the clip is rejected or removed."""
    return await claims.move_claim(connection, book_id, claim_id, "conceded", by, data.as_statement)


@post(
    "/claims/{claim_id:int}/withdraw",
    opt={**PARTY_WRITE, "action": "claim.withdraw"},
    status_code=200,
    summary="Withdraw",
)
async def withdraw(
    claim_id: FromPath[int],
    data: JSONBody[Said],
    connection: NamedDependency[AsyncConnection],
    book_id: NamedDependency[int],
    by: NamedDependency[By],
) -> Claim:
    """One's own claim; it is final at once."""
    return await claims.move_claim(connection, book_id, claim_id, "withdrawn", by, data.as_statement)


# The operator, and everybody --------------------------------------------------------------------------------


@get("/claims", opt=POLICY, summary="Claims of every book")
async def list_for_operator(
    connection: NamedDependency[AsyncConnection],
    in_state: _InState = "appealed",
    limit: Limit = 100,
    cursor: Cursor = None,
) -> Page[Claim]:
    """Newest first; unless said otherwise those that were appealed."""
    return await _page(connection, limit, cursor, state=in_state)


@get("/claims/{claim_id:int}", opt=POLICY, summary="A claim of any book, and its file")
async def show_to_operator(claim_id: FromPath[int], connection: NamedDependency[AsyncConnection]) -> ClaimFile:
    """Everything that both sides said."""
    return await claims.claim_file(connection, await claims.book_of_claim(connection, claim_id), claim_id)


@post(
    "/claims/{claim_id:int}/decide", opt={**POLICY, "action": "claim.decide"}, status_code=200, summary="Decide finally"
)
async def decide(
    claim_id: FromPath[int],
    data: JSONBody[Decision],
    request: Request[Any, Any, Any],
    connection: NamedDependency[AsyncConnection],
    actor: NamedDependency[str],
) -> Claim:
    """A claim that was appealed, once and for all, with reasons that both sides read. What is upheld has its effect at
    once, which the claim's file tells.
    """
    book_id = note(request, await claims.book_of_claim(connection, claim_id))
    action = "finally upheld" if data.verdict == "uphold" else "finally released"
    by = By("operator", actor)
    return await claims.move_claim(connection, book_id, claim_id, action, by, Statement(data.reason))


@get("/claim-grounds", opt=ANYONE, summary="On which grounds one may claim")
async def show_grounds() -> list[GroundShown]:
    """A closed list."""
    return [GroundShown(name, each.claimant, each.over, each.sentence) for name, each in GROUNDS.items()]


async def _open(connection: AsyncConnection, by: By, whose: dict[str, int], data: NewClaim) -> Claim:
    over = {"grant_id": data.grant_id, "submission_id": data.submission_id}
    return await claims.open_claim(connection, by, whose, data.ground, data.as_statement, **over)


async def _page(connection: AsyncConnection, limit: int, cursor: str | None, **these: Any) -> Page[Claim]:
    found = await claims.list_claims(connection, before=number_of(cursor), limit=limit + 1, **these)
    return page_of(found, limit, lambda claim: claim.claim_id)


def _reading(opt: Mapping[str, str]) -> Router:
    return Router("", route_handlers=[show], opt=opt)


def _writing(opt: Mapping[str, str]) -> Router:
    return Router("", route_handlers=[appeal, add_evidence], opt=opt)


HOST_ROUTES = [by_host(open_as_host, list_for_host, _reading(READ), uphold, release, _writing(WRITE))]
CLIPPER_ROUTES = [
    by_clipper(
        open_as_clipper, list_for_clipper, _reading(PARTY_READ), respond, concede, withdraw, _writing(PARTY_WRITE)
    )
]
SERVICE_ROUTES = [list_for_operator, show_to_operator, decide, show_grounds]
