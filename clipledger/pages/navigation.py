"""Where one can go: the pages of each space, and the places a person has.

A space is a kind of place: a clipper that one is a member of, a book's house or its finance, the service, one's own
account. A page stands in the menu of who holds its scope there.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Literal

from sqlalchemy.ext.asyncio import AsyncConnection

from clipledger.access.principal import Principal
from clipledger.pages.words import N_
from ledger.books import list_books
from licensing.parties import list_memberships

Space = Literal["clipper", "host", "finance", "operator", "account"]
Says = Callable[[str], str]


@dataclass(frozen=True)
class Item:
    """A page of a menu: its address under that of the place, what it is called, and the scope it takes to see it."""

    path: str
    label: str
    scope: str | None


@dataclass(frozen=True)
class Link:
    """What is shown of it."""

    href: str
    label: str
    current: bool = False


@dataclass(frozen=True)
class Entrance:
    """A place of a person's: what it is called, and the way into each of its spaces."""

    name: str
    kind: str
    links: tuple[Link, ...]


ADDRESSES: Mapping[Space, str] = {
    "clipper": "/clippers/{place}",
    "host": "/books/{place}",
    "finance": "/books/{place}/finance",
    "operator": "/operator",
    "account": "/account",
}
MENUS: Mapping[Space, tuple[Item, ...]] = {
    "clipper": (
        Item("", N_("Earnings"), "party:read"),
        Item("/clips", N_("Clips"), "party:read"),
        Item("/submit", N_("Hand in a clip"), "party:write"),
        Item("/statements", N_("Statements"), "party:read"),
        Item("/payouts", N_("Payouts"), "party:read"),
        Item("/offers", N_("Find offers"), "party:read"),
        Item("/licences", N_("Licences"), "party:read"),
        Item("/disputes", N_("Disputes"), "party:read"),
        Item("/settings", N_("Settings"), "party:read"),
    ),
    "host": (
        Item("", N_("Overview"), "licences:read"),
        Item("/offers", N_("Offers"), "licences:read"),
        Item("/applications", N_("Applications"), "licences:read"),
        Item("/grants", N_("Licences"), "licences:read"),
        Item("/streams", N_("Streams"), "media:read"),
        Item("/review", N_("Clip review"), "licences:read"),
        Item("/cases", N_("Unlicensed use"), "licences:read"),
        Item("/claims", N_("Disputes"), "licences:read"),
        Item("/webhooks", N_("Webhooks"), "webhooks:manage"),
    ),
    "finance": (
        Item("", N_("To do"), "settlement:read"),
        Item("/imports", N_("Marketplace reports"), "settlement:read"),
        Item("/suspense", N_("Suspense"), "settlement:read"),
        Item("/months", N_("Month end"), "settlement:read"),
        Item("/statements", N_("Statements"), "settlement:read"),
        Item("/payouts", N_("Payouts"), "settlement:read"),
        Item("/reconciliations", N_("Reconciliation"), "settlement:read"),
        Item("/adjustments", N_("Adjustments"), "settlement:read"),
        Item("/figures", N_("Figures"), "settlement:read"),
        Item("/ledger", N_("Ledger"), "ledger:read"),
        Item("/seals", N_("Seals"), "ledger:read"),
    ),
    "operator": (
        Item("", N_("Health"), "service:read"),
        Item("/books", N_("Hosts"), "books:open"),
        Item("/people", N_("People"), "access:manage"),
        Item("/policy", N_("Bounds of splits"), "licences:policy"),
        Item("/schedule", N_("Schedule"), "service:read"),
        Item("/rails", N_("Payout rails"), "rails:manage"),
        Item("/appeals", N_("Appeals"), "licences:policy"),
        Item("/handles", N_("Handles"), "parties:manage"),
        Item("/audit", N_("Audit trail"), "audit:read"),
    ),
    "account": (
        Item("", N_("Your account"), None),
        Item("/keys", N_("API keys"), None),
    ),
}
SPACES: Mapping[Space, str] = {
    "clipper": N_("Clipper"),
    "host": N_("Host"),
    "finance": N_("Finance"),
    "operator": N_("Operation"),
    "account": N_("Account"),
}


def menu_of(space: Space, place: str | int | None, may: Callable[[str], bool], path: str, say: Says) -> list[Link]:
    """The pages of a space that one may see; the current one is that whose address is the longest part of the path."""
    base = ADDRESSES[space].format(place=place)
    items = [(f"{base}{item.path}", item) for item in MENUS[space] if item.scope is None or may(item.scope)]
    here = max((address for address, _ in items if f"{path}/".startswith(f"{address}/")), key=len, default=None)
    return [Link(address, say(item.label), address == here) for address, item in items]


async def entrances(connection: AsyncConnection, principal: Principal, say: Says) -> list[Entrance]:
    """Everywhere one can go."""
    found = [
        Entrance(each.party.name, each.party.kind, (Link(f"/clippers/{each.party.party_id}", say(SPACES["clipper"])),))
        for each in await list_memberships(connection, principal.user_id)
        if each.party.kind == "clipper"
    ]
    for book in await list_books(connection, only=principal.seen, limit=500):
        links = _ways(principal, book.slug, book.book_id, say)
        if links:
            found.append(Entrance(book.name, "book", links))
    if any(principal.may(item.scope) for item in MENUS["operator"] if item.scope):
        found.append(Entrance(say(N_("The service")), "service", (Link("/operator", say(SPACES["operator"])),)))
    return found


def _ways(principal: Principal, slug: str, book_id: int, say: Says) -> tuple[Link, ...]:
    def may(scope: str) -> bool:
        return principal.may(scope, book_id)

    spaces: tuple[Space, ...] = ("host", "finance")
    menus = {space: menu_of(space, slug, may, "", say) for space in spaces}
    return tuple(Link(menu[0].href, say(SPACES[space])) for space, menu in menus.items() if menu)
