"""People: who has an account, what each may do in which book, and their keys."""

from typing import Annotated

from litestar import Response
from litestar.di import NamedDependency
from litestar.params import FromPath, QueryParameter
from sqlalchemy.ext.asyncio import AsyncConnection

from clipledger.access import keys, roles, users
from clipledger.access.roles import ROLES
from clipledger.pages.operator.books import MANY
from clipledger.pages.routes import page
from clipledger.pages.view import View
from clipledger.pages.words import N_
from ledger.books import list_books
from ledger.money import BIGINT_MAX
from licensing.errors import PartyNotFound
from licensing.parties import Party, find_party, list_memberships
from media.api.pages import Cursor, number_of, page_of

_ON_A_PAGE = 50
_ROLES = {
    "host": N_("Host: offers, licences, streams, clip review"),
    "reviewer": N_("Reviewer: streams and clip review"),
    "finance": N_("Finance: imports, month end, payouts, bookings"),
    "approver": N_("Approver: approves what finance has prepared"),
    "operator": N_("Operator: runs the whole service"),
}
assert set(_ROLES) == set(ROLES)
_Named = Annotated[str, QueryParameter(pattern="^[^\\x00\\ud800-\\udfff]{0,200}$")]
_Party = Annotated[str, QueryParameter(name="party", max_length=40)]


@page("/operator/people", space="operator", scope="access:manage")
async def list_all(
    view: NamedDependency[View], connection: NamedDependency[AsyncConnection], named: _Named = "", cursor: Cursor = None
) -> Response[str]:
    """In the order in which they came."""
    found = await users.list_users(connection, number_of(cursor) or 0, _ON_A_PAGE + 1, named=named.strip())
    shown = page_of(found, _ON_A_PAGE, lambda user: user.user_id)
    held = await roles.held_roles(connection, [user.user_id for user in shown.data])
    return view.render("operator/people.html", people=shown.data, held=held, named=named, cursor=shown.next_cursor)


@page("/operator/people/{user_id:int}", space="operator", scope="access:manage")
async def show(
    view: NamedDependency[View],
    connection: NamedDependency[AsyncConnection],
    user_id: FromPath[int],
    party_no: _Party = "",
) -> Response[str]:
    """One person, with everything that they may do."""
    user = await users.get_user(connection, user_id)
    return view.render(
        "operator/person.html",
        user=user,
        roles=(await roles.held_roles(connection, [user_id]))[user_id],
        all_roles=[(role, view.say(what)) for role, what in _ROLES.items()],
        memberships=await list_memberships(connection, user_id, limit=_ON_A_PAGE),
        keys=await keys.list_keys(connection, user_id, limit=_ON_A_PAGE),
        books=await list_books(connection, limit=MANY),
        party_no=party_no,
        party=await _party(connection, party_no.strip()),
    )


async def _party(connection: AsyncConnection, number: str) -> Party | None:
    """The one of that number, to make the person a member of."""
    if not (number.isascii() and number.isdigit() and int(number) <= BIGINT_MAX):
        return None
    try:
        return await find_party(connection, int(number))
    except PartyNotFound:
        return None
