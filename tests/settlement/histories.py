"""An offer with a history: many clippers, weeks of sales, and shares that moved; put straight into the tables."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from typing import Any
from uuid import uuid4

import msgspec
import numpy as np
from sqlalchemy import insert
from sqlalchemy.ext.asyncio import AsyncEngine

from ledger.splits import Share, SplitRule, Take
from licensing import tables
from licensing.terms import Terms, encode, sha256_of
from settlement.tables import sales
from tests.licensing.house import LONG_AGO, TERMS, Host, NewOffer
from tests.settlement.till import facts

MONDAY = date(2026, 1, 5)
"""Of the first week."""


def terms_of(host: int, clipper: int, **more: Any) -> Terms:
    """With takes of 10 % before."""
    shares = (Share("host", host), Share("clipper", clipper))
    split = SplitRule(currency="CNY", takes=(Take("platform", "10%"),), shares=shares)
    return msgspec.structs.replace(TERMS, split=split, **more)


@dataclass(frozen=True)
class Past:
    """A host's offer; versions 2 and on are published beside the first, which all grants begin with."""

    engine: AsyncEngine
    host: Host
    offer_id: int

    async def publish(self, number: int, terms: Terms) -> None:
        stored = {"terms": msgspec.json.decode(encode(terms)), "sha256": sha256_of(terms), "published_by": "test"}
        key = {"book_id": self.host.book_id, "offer_id": self.offer_id, "version_no": number}
        its = tables.offers.c
        named = tables.offers.update().where(its.book_id == self.host.book_id, its.offer_id == self.offer_id)
        async with self.engine.begin() as connection:
            await connection.execute(insert(tables.terms_versions).values(**key, **stored))
            await connection.execute(named.values(version_no=number))

    async def grant(self, moves: Sequence[Mapping[int, int]], late: timedelta = timedelta()) -> list[tuple[int, int]]:
        """A grant for each clipper, with the weeks at whose beginning, or so much later, it got which version;
        (grant, clipper).
        """
        book = {"book_id": self.host.book_id}
        async with self.engine.begin() as connection:
            party = {"kind": "clipper", "name": "Ana", "registered_by": "test"}
            row = insert(tables.parties).returning(tables.parties.c.party_id, sort_by_parameter_order=True)
            clippers = list(await connection.scalars(row, [party] * len(moves)))
            its: dict[str, Any] = {
                **book,
                "offer_id": self.offer_id,
                "state": "active",
                "version_no": 1,
                "starts_at": LONG_AGO,
            }
            its |= {"handles": [], "created_by": "test", "accepted_at": LONG_AGO, "accepted_by": "test"}
            made = insert(tables.grants).returning(tables.grants.c.grant_id, sort_by_parameter_order=True)
            rows = [{**its, "clipper_id": each, "certificate_no": uuid4().hex} for each in clippers]
            grants = list(await connection.scalars(made, rows))
            changes = [
                change
                for grant, each in zip(grants, moves, strict=True)
                for change in _changes(book, grant, each, late)
            ]
            await connection.execute(insert(tables.grant_changes), changes)
        return list(zip(grants, clippers, strict=True))

    async def sell(self, whose: Sequence[tuple[int, int]], dues: Any) -> None:
        """An order a week of each (rows: clippers, columns: weeks), worth so many minor units; none where it is 0."""
        rows = [
            {
                **facts(due=int(due), sold_on=day, sold_at=datetime(day.year, day.month, day.day, 4, tzinfo=UTC)),
                "book_id": self.host.book_id,
                "offer_id": self.offer_id,
                "grant_id": grant,
                "clipper_id": clipper,
                "version_no": 1,
                "rule": "handle",
            }
            for (grant, clipper), row in zip(whose, dues, strict=True)
            for week, due in enumerate(row)
            for day in [MONDAY + timedelta(days=7 * week + 6)]
            if due
        ]
        async with self.engine.begin() as connection:
            await connection.execute(insert(sales), rows)


def _changes(book: Mapping[str, int], grant: int, moves: Mapping[int, int], late: timedelta) -> list[dict[str, Any]]:
    told: dict[str, Any] = {**book, "grant_id": grant, "actor": "test", "recorded_at": LONG_AGO}
    first: dict[str, Any] = {
        "action": "accepted",
        "state": "active",
        "version_no": 1,
        "starts_at": LONG_AGO,
        "effective_at": LONG_AGO,
    }
    again: dict[str, Any] = {"action": "terms accepted", "state": None, "starts_at": None}
    later = [{**again, "version_no": number, "effective_at": _begin(week) + late} for week, number in moves.items()]
    return [{**told, **each, "change_no": number} for number, each in enumerate([first, *later], 1)]


def _begin(week: int) -> datetime:
    """The midnight with which a week begins in Shanghai."""
    day = MONDAY + timedelta(days=7 * week)
    return datetime(day.year, day.month, day.day, tzinfo=UTC) - timedelta(hours=8)


async def past(engine: AsyncEngine, host: Host, new_offer: NewOffer, first: Terms) -> Past:
    return Past(engine, host, await new_offer(host, first))


def answering(
    moves: Sequence[Mapping[int, int]], weeks: int, elasticity: float, shares: Mapping[int, float], seed: int = 1
) -> Any:
    """What clippers sell who answer to their share with that elasticity, nearly without luck."""
    chance = np.random.default_rng(seed)
    share = np.full((len(moves), weeks), shares[1])
    for place, its in enumerate(moves):
        for week, number in its.items():
            share[place, week:] = shares[number]
    skill, season = chance.lognormal(11, 0.5, (len(moves), 1)), np.exp(0.3 * np.sin(np.arange(weeks) / 4))
    return np.rint(skill * season * (share / shares[1]) ** elasticity * chance.lognormal(0, 0.1, share.shape))
