"""Commission that nobody is known to have earned: which, why, since when; and what a person decides of it."""

from typing import Annotated, Literal

import msgspec
from litestar import Response, get, post
from litestar.di import NamedDependency
from litestar.params import FromPath, JSONBody, QueryParameter
from sqlalchemy.ext.asyncio import AsyncConnection

from ledger.money import BIGINT_MAX
from media.api.pages import Cursor, Limit, Page, number_of, page_of
from settlement import resolutions, suspense
from settlement.api.scopes import IMPORT, READ
from settlement.resolutions import Followed, Resolution
from settlement.suspense import Ageing, Group, Suspended

_GrantNumber = Annotated[int, msgspec.Meta(ge=1, le=BIGINT_MAX, examples=[41])]
_Reason = Annotated[str, msgspec.Meta(examples=["Lina posted it before she registered the account."])]
_Currency = Annotated[str | None, QueryParameter(pattern="^[A-Z]{3}$", description="In this currency (ISO 4217).")]
_Why = Annotated[
    str | None,
    QueryParameter(pattern="^[a-z-]{1,50}$", description="For this reason: unknown-content, window, currency."),
]
_By = Annotated[Literal["handle", "content", "tracking"], QueryParameter(description="What they share.")]
_Withdrawn = Annotated[bool | None, QueryParameter(description="Those withdrawn, or those in force.")]


class Decided(msgspec.Struct, kw_only=True, forbid_unknown_fields=True):
    """Under which grant it was earned. The grant's history says which version of its terms counts."""

    grant_id: _GrantNumber
    reason: _Reason


class NewResolution(Decided, kw_only=True, forbid_unknown_fields=True):
    """The same of all sales of a post, an account or a tracking id, those that are still to come as well."""

    matches: Annotated[
        str,
        msgspec.Meta(
            examples=["handle:tiktok:lina", "content:7431580027", "tracking:amazon:lina-20"],
            description="content:ID, handle:PLATFORM:HANDLE or tracking:MARKETPLACE:ID",
        ),
    ]


@get("/suspense", opt=READ, summary="Sales in suspense")
async def show_suspense(
    connection: NamedDependency[AsyncConnection],
    book_id: NamedDependency[int],
    currency: _Currency = None,
    reason: _Why = None,
    limit: Limit = 100,
    cursor: Cursor = None,
) -> Page[Suspended]:
    """Newest first. Ages are in days since the sale."""
    today = await suspense.book_today(connection, book_id)
    found = await suspense.list_suspended(
        connection, book_id, today, currency=currency, reason=reason, before=number_of(cursor), limit=limit + 1
    )
    return page_of(found, limit, lambda sale: sale.sale_id)


@get("/suspense/ageing", opt=READ, summary="How long sales have been in suspense")
async def show_ageing(connection: NamedDependency[AsyncConnection], book_id: NamedDependency[int]) -> list[Ageing]:
    """By currency: 0 to 7, 8 to 30, 31 to 60, 61 to 90 days, and longer. The amounts sum to the ledger's."""
    return await suspense.ageing(connection, book_id, await suspense.book_today(connection, book_id))


@get("/suspense/groups", opt=READ, summary="What one resolution would resolve")
async def show_groups(
    connection: NamedDependency[AsyncConnection],
    book_id: NamedDependency[int],
    by: _By = "handle",
    limit: Limit = 100,
) -> list[Group]:
    """Sales in suspense that share an account, a post or a tracking id, the most sales first."""
    today = await suspense.book_today(connection, book_id)
    return await suspense.groups(connection, book_id, today, by, limit=limit)


@post("/suspense/{sale_id:int}/resolve", opt={**IMPORT, "action": "sale.resolve"}, summary="Say whose a sale is")
async def resolve_sale(
    sale_id: FromPath[int],
    data: JSONBody[Decided],
    connection: NamedDependency[AsyncConnection],
    book_id: NamedDependency[int],
    actor: NamedDependency[str],
    book: FromPath[str],
) -> Response[Followed]:
    """That one alone, be it in suspense or not. Where the terms do not cover it, it is in suspense all the same."""
    made = await resolutions.resolve_sale(connection, book_id, actor, sale_id, data.grant_id, data.reason)
    return _created(book, made)


@post("/resolutions", opt={**IMPORT, "action": "resolution.make"}, summary="Say whose all such sales are")
async def resolve(
    data: JSONBody[NewResolution],
    connection: NamedDependency[AsyncConnection],
    book_id: NamedDependency[int],
    actor: NamedDependency[str],
    book: FromPath[str],
) -> Response[Followed]:
    """Those reported so far, 10,000 at once and the others within the hour, and those to come."""
    made = await resolutions.resolve(connection, book_id, actor, data.matches, data.grant_id, data.reason)
    return _created(book, made)


@get("/resolutions", opt=READ, summary="Resolutions")
async def show_resolutions(
    connection: NamedDependency[AsyncConnection],
    book_id: NamedDependency[int],
    withdrawn: _Withdrawn = None,
    limit: Limit = 100,
    cursor: Cursor = None,
) -> Page[Resolution]:
    """Newest first."""
    found = await resolutions.list_resolutions(
        connection, book_id, withdrawn=withdrawn, before=number_of(cursor), limit=limit + 1
    )
    return page_of(found, limit, lambda each: each.resolution_id)


@get("/resolutions/{resolution_id:int}", opt=READ, summary="One resolution")
async def show_resolution(
    resolution_id: FromPath[int], connection: NamedDependency[AsyncConnection], book_id: NamedDependency[int]
) -> Resolution:
    """Who decided it, and why."""
    return await resolutions.find_resolution(connection, book_id, resolution_id)


@post(
    "/resolutions/{resolution_id:int}/withdraw",
    opt={**IMPORT, "action": "resolution.withdraw"},
    status_code=200,
    summary="Withdraw a resolution",
)
async def withdraw(
    resolution_id: FromPath[int],
    connection: NamedDependency[AsyncConnection],
    book_id: NamedDependency[int],
    actor: NamedDependency[str],
) -> Followed:
    """Its sales are again whose the rules say, or in suspense. The difference is posted."""
    return await resolutions.withdraw(connection, book_id, actor, resolution_id)


def _created(book: str, made: Followed) -> Response[Followed]:
    return Response(made, headers={"Location": f"/v1/books/{book}/resolutions/{made.resolution.resolution_id}"})


HOST_ROUTES = [
    show_suspense,
    show_ageing,
    show_groups,
    resolve_sale,
    resolve,
    show_resolutions,
    show_resolution,
    withdraw,
]
