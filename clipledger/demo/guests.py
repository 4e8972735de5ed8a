"""Who may look, in the browser, at what the demo leaves: those of its story, with passwords, and an operator."""

import secrets
from dataclasses import dataclass

from sqlalchemy.ext.asyncio import AsyncConnection

from clipledger.access.errors import UserNotFound
from clipledger.access.roles import grant_role
from clipledger.access.users import User, add_user, find_user, set_password
from clipledger.database import DatabaseUrls, create_engine
from clipledger.demo.stage import BOOK
from licensing.parties import list_memberships


@dataclass(frozen=True)
class Guest:
    """`role` is held for the host's book, or, by the operator, for the service; the clipper holds none."""

    name: str
    is_a: str
    role: str | None
    page: str

    @property
    def email(self) -> str:
        """To log in with."""
        return f"{self.name.lower()}@example.com"


ANA = Guest("Ana", "clipper", None, "/clippers/{clipper}")
LILI = Guest("Lili", "host", "host", "/books/{book}")
MEI = Guest("Mei", "finance", "finance", "/books/{book}/finance")
TOM = Guest("Tom", "who approves", "approver", "/books/{book}/finance")
OLU = Guest("Olu", "operator", "operator", "/operator")
GUESTS = (ANA, LILI, MEI, TOM, OLU)


async def invite(urls: DatabaseUrls) -> tuple[str, list[tuple[Guest, str]]]:
    """Their password, new in each demo, and of each the address of the page to begin with."""
    password = secrets.token_urlsafe(12)
    engine = create_engine(urls.app)
    async with engine.begin() as connection:
        users = {guest: await _user(connection, guest, password) for guest in GUESTS}
        for guest, user in users.items():
            if guest.role is not None:
                book = None if guest.role == "operator" else BOOK
                await grant_role(connection, user.user_id, guest.role, book)
        (clipper,) = await list_memberships(connection, users[ANA].user_id)
    await engine.dispose()
    places = {"clipper": clipper.party.party_id, "book": BOOK}
    return password, [(guest, guest.page.format(**places)) for guest in GUESTS]


async def _user(connection: AsyncConnection, guest: Guest, password: str) -> User:
    """Those of the story are there, with passwords that nobody knows."""
    try:
        user = await find_user(connection, guest.email)
    except UserNotFound:
        return await add_user(connection, guest.email, password, guest.name)
    await set_password(connection, user.user_id, password)
    return user
