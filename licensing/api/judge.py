"""Judging sales: whether a licence covered them, as it was when they were made."""

from collections.abc import Sequence
from datetime import datetime
from typing import Annotated

import msgspec
from litestar import post
from litestar.di import NamedDependency
from litestar.params import JSONBody
from sqlalchemy.ext.asyncio import AsyncConnection

from ledger.money import BIGINT_MAX
from licensing.api.scopes import READ
from licensing.errors import InvalidHandle, InvalidSale
from licensing.judge import SaleFacts, Verdict, judge
from licensing.register import load_register
from licensing.vocabulary import account_of, check_platform

LARGEST_BODY = 16 * 1024 * 1024
"""Bytes; 10,000 sales with all their facts fit."""
_MOST_AT_ONCE = 10_000

_EXAMPLE = {
    "sold_at": "2026-10-05T20:15:00+08:00",
    "platform": "douyin",
    "handle": "lina",
    "product": "10293847",
    "territory": "CN",
    "marketplace": "douyin",
}
_Number = Annotated[int, msgspec.Meta(ge=1, le=BIGINT_MAX)]
_Name = Annotated[str, msgspec.Meta(max_length=200)]
_Country = Annotated[str, msgspec.Meta(pattern="^[A-Z]{2}$")]
_Marketplace = Annotated[str, msgspec.Meta(pattern="^[a-z0-9]+(-[a-z0-9]+)*$", max_length=40)]


class SaleToJudge(SaleFacts, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What is known of a sale; leave out or null what isn't.

    `source_ids` are the streams that the clip shows, `grant_id` the grant that the clip was submitted under: then no
    other is considered. Moments name their offset from UTC.
    """

    sold_at: Annotated[datetime, msgspec.Meta(examples=[_EXAMPLE["sold_at"]])]
    platform: Annotated[str, msgspec.Meta(examples=[_EXAMPLE["platform"]])]
    handle: Annotated[_Name | None, msgspec.Meta(examples=[_EXAMPLE["handle"]])] = None
    product: Annotated[_Name | None, msgspec.Meta(examples=[_EXAMPLE["product"]])] = None
    territory: Annotated[_Country | None, msgspec.Meta(examples=[_EXAMPLE["territory"]])] = None
    marketplace: Annotated[_Marketplace | None, msgspec.Meta(examples=[_EXAMPLE["marketplace"]])] = None
    source_ids: Annotated[tuple[_Number, ...] | None, msgspec.Meta(examples=[[7]])] = None
    grant_id: Annotated[_Number | None, msgspec.Meta(examples=[31])] = None
    published_at: Annotated[datetime | None, msgspec.Meta(examples=["2026-10-04T12:00:00+08:00"])] = None


class Sales(msgspec.Struct, kw_only=True, forbid_unknown_fields=True):
    """Up to 10,000 sales; `known_at`: by what had been recorded then, else by all that is."""

    sales: Annotated[list[SaleToJudge], msgspec.Meta(min_length=1, max_length=_MOST_AT_ONCE, examples=[[_EXAMPLE]])]
    known_at: Annotated[datetime | None, msgspec.Meta(examples=["2026-10-31T00:00:00+08:00"])] = None


class Verdicts(msgspec.Struct):
    """One for each sale, in the order in which they were sent."""

    verdicts: list[Verdict]


@post(
    "/judge",
    opt={**READ, "idempotency": False, "action": "sale.judge"},
    request_max_body_size=LARGEST_BODY,
    status_code=200,
    summary="Judge sales",
)
async def judge_sales(
    data: JSONBody[Sales], connection: NamedDependency[AsyncConnection], book_id: NamedDependency[int]
) -> Verdicts:
    """Licensed, unlicensed or ambiguous, by which grant and terms, and which condition failed. It changes nothing."""
    _check_moment(data.known_at, "known_at")
    accounts = _accounts(data.sales)
    grant_ids = {sale.grant_id for sale in data.sales if sale.grant_id is not None}
    register = await load_register(connection, book_id, accounts=accounts, grant_ids=grant_ids)
    return Verdicts([judge(register, sale, known_at=data.known_at) for sale in data.sales])


def _accounts(sales: Sequence[SaleFacts]) -> set[str]:
    """The accounts of the sales. Raises InvalidSale where a fact could not be true of any."""
    found = set()
    for position, sale in enumerate(sales):
        field = f"sales[{position}]"
        _check_moment(sale.sold_at, f"{field}.sold_at")
        _check_moment(sale.published_at, f"{field}.published_at")
        check_platform(sale.platform, InvalidSale, f"{field}.platform")
        if sale.handle is not None:
            found.add(_account(sale.platform, sale.handle, f"{field}.handle"))
    return found


def _account(platform: str, handle: str, field: str) -> str:
    try:
        return account_of(platform, handle)
    except InvalidHandle as refusal:
        raise InvalidSale(field, handle, refusal.rule) from refusal


def _check_moment(moment: datetime | None, field: str) -> None:
    if moment is not None and moment.tzinfo is None:
        raise InvalidSale(field, moment.isoformat(), "must name its offset from UTC")


HOST_ROUTES = [judge_sales]
