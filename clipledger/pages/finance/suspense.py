"""Commission that nobody is known to have earned: by what the sales share, and what a person decides of them."""

from collections.abc import Sequence
from typing import Annotated, Any

from litestar import Response
from litestar.di import NamedDependency
from litestar.params import QueryParameter
from sqlalchemy.ext.asyncio import AsyncConnection

from clipledger.pages.finance.names import called
from clipledger.pages.finance.wording import REASONS
from clipledger.pages.plots import Point
from clipledger.pages.routes import page
from clipledger.pages.view import View
from clipledger.pages.words import N_
from clipledger.web.problems import FieldFault
from ledger.money import BIGINT_MAX
from licensing.grant_search import FoundGrant, search_grants
from licensing.grants import State
from licensing.names import offers_of_grants
from media.api.pages import Cursor, number_of, page_of
from settlement import resolutions, suspense
from settlement.errors import InvalidResolution
from settlement.suspense import Ageing, By

_ROWS = 50
_GROUPS = 25
_RULES = 25
_CHOICES = 25
_Why = Annotated[str | None, QueryParameter(pattern="^[a-z-]{1,50}$")]
Words = Annotated[str | None, QueryParameter(max_length=500, pattern=r"^[^\x00]*$")]
Number = Annotated[int | None, QueryParameter(ge=1, le=BIGINT_MAX)]
_By = Annotated[By, QueryParameter()]
_Count = Annotated[int | None, QueryParameter(ge=0, le=BIGINT_MAX)]
_Currency = Annotated[str | None, QueryParameter(pattern="^[A-Z]{3}$")]
_DAYS, _OLDER = N_("%(first)s to %(last)s days"), N_("over %(last)s days")


@page("/books/{book:str}/finance/suspense", space="finance", scope="settlement:read")
async def waiting(
    view: NamedDependency[View],
    connection: NamedDependency[AsyncConnection],
    book_id: NamedDependency[int],
    by: _By = "handle",
    reason: _Why = None,
    currency: _Currency = None,
    about: Words = None,
    find: Words = None,
    under: Number = None,
    moved: _Count = None,
    cursor: Cursor = None,
) -> Response[str]:
    """What lies there and for how long, what one rule would clear, each sale, and the rules made so far. `about` is
    what a rule shall be about, `find` whose licence is looked for, `under` the one that was chosen; `moved` sales have
    just followed one.
    """
    today = await suspense.book_today(connection, book_id)
    found = await suspense.list_suspended(
        connection, book_id, today, currency=currency, reason=reason, before=number_of(cursor), limit=_ROWS + 1
    )
    shown = page_of(found, _ROWS, lambda sale: sale.sale_id)
    choices = await licences_to_choose(connection, book_id, find)
    rules = await resolutions.list_resolutions(connection, book_id, limit=_RULES)
    ageing = await suspense.ageing(connection, book_id, today)
    return view.render(
        "finance/suspense.html",
        ageing=ageing,
        plots={each.currency: _points(view, each) for each in ageing},
        groups=await suspense.groups(connection, book_id, today, by, limit=_GROUPS),
        by=by,
        reasons=REASONS,
        chosen={"reason": reason, "currency": currency},
        sales=shown.data,
        cursor=shown.next_cursor,
        rules=rules,
        who=await called(view, connection, [name for rule in rules for name in (rule.resolved_by, rule.withdrawn_by)]),
        offers=await offers_of_grants(connection, book_id, [rule.grant_id for rule in rules]),
        about=about,
        find=find,
        moved=moved,
        choices=choices,
        under=chosen_of(choices, under),
        **await _asked(view, connection, book_id, about),
    )


async def _asked(view: View, connection: AsyncConnection, book_id: int, about: str | None) -> dict[str, Any]:
    """What a rule about this would clear, if that can be read as something to make a rule of; the fields that ask."""
    if not about:
        return {"asking": view.asking("asked"), "clears": None}
    try:
        return {"asking": view.asking("asked"), "clears": await resolutions.would_clear(connection, book_id, about)}
    except InvalidResolution as wrong:
        return {"asking": view.asking("asked", [FieldFault("about", str(wrong.rule))]), "clears": None}


async def licences_to_choose(connection: AsyncConnection, book_id: int, find: str | None) -> Sequence[FoundGrant]:
    """Those of a clipper that is looked for, in whatever state, once they were accepted; else the newest in force."""
    state: State | None = None if find else "active"
    found = await search_grants(connection, book_id, find, state=state, limit=_CHOICES)
    return [grant for grant in found if grant.state not in ("offered", "declined")]


def chosen_of(choices: Sequence[FoundGrant], number: int | None) -> FoundGrant | None:
    """The one of this number."""
    return next((grant for grant in choices if grant.grant_id == number), None)


def _points(view: View, ageing: Ageing) -> Sequence[Point]:
    points = []
    for bucket in ageing.buckets:
        if bucket.to_days is None:
            short, name = f"> {bucket.from_days - 1}", view.say(_OLDER) % {"last": bucket.from_days - 1}
        else:
            short = f"{bucket.from_days}–{bucket.to_days}"
            name = view.say(_DAYS) % {"first": bucket.from_days, "last": bucket.to_days}
        points.append(Point(short, name, bucket.amount, view.formats.money(bucket.amount, ageing.currency)))
    return points
