"""Remittances: record what marketplaces have paid, and take back what was recorded by mistake."""

from datetime import date
from typing import Annotated, Literal

import msgspec
from litestar import Response, get, post
from litestar.di import NamedDependency
from litestar.params import FromPath, JSONBody, QueryParameter
from sqlalchemy.ext.asyncio import AsyncConnection

from media.api.pages import Cursor, Limit, Page, number_of, page_of
from settlement import remittances
from settlement.api.scopes import IMPORT, READ
from settlement.reasons import MOST_REASON
from settlement.remittances import Account, NewRemittance, Remittance

_ACCOUNTS: dict[str, Account] = {"bank": "assets:bank", "stripe": "assets:stripe"}
_Market = Annotated[
    str | None, QueryParameter(pattern="^[a-z0-9-]{1,100}$", description="Of one marketplace: tiktok-shop.")
]
_Currency = Annotated[str | None, QueryParameter(pattern="^[A-Z]{3}$", description="In this currency (ISO 4217).")]


class Receipt(msgspec.Struct, kw_only=True, forbid_unknown_fields=True):
    """What came in, in minor units (negative where the marketplace took money back), on which day by the book's
    calendar, and where. The reference is the marketplace's or the bank's own; each is recorded once.
    """

    marketplace: Annotated[str, msgspec.Meta(examples=["tiktok-shop"])]
    currency: Annotated[str, msgspec.Meta(examples=["CNY"])]
    amount: Annotated[int, msgspec.Meta(examples=[1302000])]
    received_on: Annotated[date, msgspec.Meta(examples=["2026-11-05"])]
    account: Annotated[Literal["bank", "stripe"], msgspec.Meta(examples=["bank"])]
    reference: Annotated[str, msgspec.Meta(min_length=1, max_length=200, examples=["TTS-2026-10-B17"])]


class Mistake(msgspec.Struct, kw_only=True, forbid_unknown_fields=True):
    """Why it is taken back."""

    reason: Annotated[
        str, msgspec.Meta(min_length=1, max_length=MOST_REASON, examples=["It was another host's payment."])
    ]


@post("/remittances", opt={**IMPORT, "action": "remittance.record"}, summary="Record what a marketplace has paid")
async def record(
    data: JSONBody[Receipt],
    connection: NamedDependency[AsyncConnection],
    book_id: NamedDependency[int],
    book: FromPath[str],
    actor: NamedDependency[str],
) -> Response[Remittance]:
    """With the same reference and the same facts it is the one on record; with other facts it is refused. What came in
    a month that is locked is booked in the first open one, with its own date.
    """
    told = NewRemittance(**{**msgspec.structs.asdict(data), "account": _ACCOUNTS[data.account]})
    (made,) = await remittances.record_remittances(connection, book_id, actor, [told])
    return Response(made, headers={"Location": f"/v1/books/{book}/remittances/{made.remittance_id}"})


@get("/remittances", opt=READ, summary="What marketplaces have paid")
async def list_all(
    connection: NamedDependency[AsyncConnection],
    book_id: NamedDependency[int],
    marketplace: _Market = None,
    currency: _Currency = None,
    limit: Limit = 100,
    cursor: Cursor = None,
) -> Page[Remittance]:
    """Newest first, those taken back included."""
    found = await remittances.list_remittances(
        connection, book_id, marketplace=marketplace, currency=currency, before=number_of(cursor), limit=limit + 1
    )
    return page_of(found, limit, lambda each: each.remittance_id)


@get("/remittances/{remittance_id:int}", opt=READ, summary="One remittance")
async def show(
    remittance_id: FromPath[int], connection: NamedDependency[AsyncConnection], book_id: NamedDependency[int]
) -> Remittance:
    """Who recorded it, and by which entry it was booked."""
    return await remittances.find_remittance(connection, book_id, remittance_id)


@post(
    "/remittances/{remittance_id:int}/reverse",
    opt={**IMPORT, "action": "remittance.reverse"},
    status_code=200,
    summary="Take a remittance back",
)
async def reverse(
    remittance_id: FromPath[int],
    data: JSONBody[Mistake],
    connection: NamedDependency[AsyncConnection],
    book_id: NamedDependency[int],
    actor: NamedDependency[str],
) -> Remittance:
    """By an entry of today that undoes the first. Its reference may be recorded again."""
    return await remittances.reverse_remittance(connection, book_id, actor, remittance_id, data.reason)


HOST_ROUTES = [record, list_all, show, reverse]
