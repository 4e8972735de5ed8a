"""Adjustments and write-offs: proposed by one person, decided by another."""

from typing import Annotated

import msgspec
from litestar import Response, get, post
from litestar.di import NamedDependency
from litestar.params import FromPath, JSONBody, QueryParameter
from sqlalchemy.ext.asyncio import AsyncConnection

from media.api.pages import Cursor, Limit, Page, number_of, page_of
from settlement import adjustments
from settlement.adjustments import Adjustment, Against, Kind, Proposed, State
from settlement.api.scopes import APPROVE, IMPORT, READ
from settlement.closing import Person
from settlement.parties import PARTY
from settlement.reasons import MOST_REASON

_Reason = Annotated[
    str, msgspec.Meta(min_length=1, max_length=MOST_REASON, examples=["Order 5762 was counted for the wrong clip."])
]
_State = Annotated[State | None, QueryParameter(name="state", description="In this state.")]
_Party = Annotated[str | None, QueryParameter(pattern=PARTY, description="Of one alone: host, clipper-7.")]


class NewAdjustment(msgspec.Struct, kw_only=True, forbid_unknown_fields=True):
    """So much more is owed to the party (less, if negative), taken from the host or from the book; or so much of what
    it owes is written off, which is positive and against the book. In minor units. The reason is shown to the party.
    """

    kind: Annotated[Kind, msgspec.Meta(examples=["adjustment"])] = "adjustment"
    party: Annotated[str, msgspec.Meta(examples=["clipper-7"], description="host, clipper-7 or agency-3")]
    currency: Annotated[str, msgspec.Meta(examples=["CNY"])]
    amount: Annotated[int, msgspec.Meta(examples=[1250])]
    against: Annotated[Against, msgspec.Meta(examples=["host"])] = "book"
    reason: _Reason


class Refusal(msgspec.Struct, kw_only=True, forbid_unknown_fields=True):
    """Why it is not done."""

    reason: _Reason


@post("/adjustments", opt={**IMPORT, "action": "adjustment.propose"}, summary="Propose an adjustment or a write-off")
async def propose(
    data: JSONBody[NewAdjustment],
    connection: NamedDependency[AsyncConnection],
    book_id: NamedDependency[int],
    book: FromPath[str],
    person: NamedDependency[Person],
) -> Response[Adjustment]:
    """Nothing moves until another person approves it."""
    asked = Proposed(**msgspec.structs.asdict(data))
    made = await adjustments.propose(connection, book_id, person, asked)
    return Response(made, headers={"Location": f"/v1/books/{book}/adjustments/{made.adjustment_id}"})


@get("/adjustments", opt=READ, summary="Adjustments and write-offs")
async def list_all(
    connection: NamedDependency[AsyncConnection],
    book_id: NamedDependency[int],
    in_state: _State = None,
    party: _Party = None,
    limit: Limit = 100,
    cursor: Cursor = None,
) -> Page[Adjustment]:
    """Newest first."""
    found = await adjustments.list_adjustments(
        connection, book_id, state=in_state, party=party, before=number_of(cursor), limit=limit + 1
    )
    return page_of(found, limit, lambda each: each.adjustment_id)


@get("/adjustments/{adjustment_id:int}", opt=READ, summary="One adjustment")
async def show(
    adjustment_id: FromPath[int], connection: NamedDependency[AsyncConnection], book_id: NamedDependency[int]
) -> Adjustment:
    """Who proposed it and why, who decided it, and by which entry it was booked."""
    return await adjustments.find_adjustment(connection, book_id, adjustment_id)


@post(
    "/adjustments/{adjustment_id:int}/approve",
    opt={**APPROVE, "action": "adjustment.approve"},
    status_code=200,
    summary="Approve an adjustment: book it",
)
async def approve(
    adjustment_id: FromPath[int],
    connection: NamedDependency[AsyncConnection],
    book_id: NamedDependency[int],
    person: NamedDependency[Person],
) -> Adjustment:
    """By another person than the one who proposed it. It is dated today; a write-off is at most what the party owes."""
    return await adjustments.approve(connection, book_id, adjustment_id, person)


@post(
    "/adjustments/{adjustment_id:int}/refuse",
    opt={**APPROVE, "action": "adjustment.refuse"},
    status_code=200,
    summary="Refuse an adjustment",
)
async def refuse(
    adjustment_id: FromPath[int],
    data: JSONBody[Refusal],
    connection: NamedDependency[AsyncConnection],
    book_id: NamedDependency[int],
    person: NamedDependency[Person],
) -> Adjustment:
    """With the reason. By another person than the one who proposed it."""
    return await adjustments.refuse(connection, book_id, adjustment_id, person, data.reason)


@post(
    "/adjustments/{adjustment_id:int}/withdraw",
    opt={**IMPORT, "action": "adjustment.withdraw"},
    status_code=200,
    summary="Withdraw an adjustment",
)
async def withdraw(
    adjustment_id: FromPath[int],
    connection: NamedDependency[AsyncConnection],
    book_id: NamedDependency[int],
    person: NamedDependency[Person],
) -> Adjustment:
    """By the person who proposed it, before it is decided."""
    return await adjustments.withdraw(connection, book_id, adjustment_id, person)


HOST_ROUTES = [propose, list_all, show, approve, refuse, withdraw]
