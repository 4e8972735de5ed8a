"""What people are called on finance's pages: those who did something, and those whom the book owes."""

from collections.abc import Iterable

from sqlalchemy.ext.asyncio import AsyncConnection

from clipledger.access.people import people_behind
from clipledger.pages.view import View
from clipledger.pages.words import N_
from licensing.names import names_of_parties

_SERVICE = ("system", "worker", "preview")
_YOU, _THE_SERVICE = N_("you"), N_("the service")


async def called(view: View, connection: AsyncConnection, actors: Iterable[str | None]) -> dict[str, str]:
    """Of the actors that trails name: `you`, a name, or as the trail has it."""
    asked = {actor for actor in actors if actor}
    people = await people_behind(connection, asked)
    return {actor: _called(view, actor, people.get(actor)) for actor in asked}


def _called(view: View, actor: str, known: object) -> str:
    user_id = getattr(known, "user_id", None)
    if view.principal is not None and user_id == view.principal.user_id:
        return view.say(_YOU)
    if actor in _SERVICE:
        return view.say(_THE_SERVICE)
    return str(getattr(known, "called", actor))


async def parties(view: View, connection: AsyncConnection, named: Iterable[str]) -> dict[str, str]:
    """By how accounts name them: `clipper-7`; the host is called as its book."""
    numbers = {party: int(party.partition("-")[2]) for party in named if "-" in party}
    found = await names_of_parties(connection, numbers.values())
    return {"host": view.place, **{party: found.get(number, party) for party, number in numbers.items()}}
