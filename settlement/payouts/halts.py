"""Rails: which are set up, and which are halted until a person has looked at why."""

from collections.abc import Awaitable, Callable, Mapping
from datetime import datetime

import msgspec
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

from settlement.payouts.errors import RailNotHalted, RailNotSetUp
from settlement.payouts.lifecycle import RailName
from settlement.rails.protocol import Rail

RAILS: tuple[RailName, ...] = ("stripe", "bank-file")


RailOfBook = Callable[[AsyncConnection, int], Awaitable[Rail]]
"""A book's own, as the database says it is set up now. Raises RailNotSetUp."""


class Rails:
    """The rails that this installation pays by: those of all books, and those that each book sets up for itself."""

    def __init__(self, rails: Mapping[RailName, Rail], by_book: Mapping[RailName, RailOfBook] | None = None) -> None:
        self._rails = dict(rails)
        self._by_book = dict(by_book or {})

    def __contains__(self, name: RailName) -> bool:
        return name in self._rails or name in self._by_book

    def shared(self, name: RailName) -> Rail:
        """Of all books. Raises RailNotSetUp."""
        if name not in self._rails:
            raise RailNotSetUp("rail", name)
        return self._rails[name]

    async def of(self, connection: AsyncConnection, book_id: int, name: RailName) -> Rail:
        """As the book pays by it. Raises RailNotSetUp."""
        if name in self._by_book:
            return await self._by_book[name](connection, book_id)
        return self.shared(name)


class RailState(msgspec.Struct, frozen=True):
    """`halted` says why nothing is sent by it, and since when. What each book sets up for itself is set up here."""

    rail: RailName
    set_up: bool
    halted: str | None
    halted_at: datetime | None


async def rail_states(connection: AsyncConnection, rails: Rails) -> list[RailState]:
    """Of every rail there is."""
    halted = {row.rail: row for row in await connection.execute(_HALTED)}
    states = []
    for name in RAILS:
        row = halted.get(name)
        reason, since = (row.reason, row.halted_at) if row is not None else (None, None)
        states.append(RailState(name, name in rails, reason, since))
    return states


async def end_halt(connection: AsyncConnection, rail: RailName, by: str, now: datetime) -> None:
    """Let it be used again; its runs are resumed one by one. Raises RailNotHalted."""
    ended = await connection.execute(_END, {"rail": rail, "by": by, "now": now})
    if not ended.rowcount:
        raise RailNotHalted("rail", rail)


_HALTED = text("SELECT rail, reason, halted_at FROM settlement.rail_halts WHERE ended_at IS NULL")
_END = text("UPDATE settlement.rail_halts SET ended_at = :now, ended_by = :by WHERE rail = :rail AND ended_at IS NULL")
