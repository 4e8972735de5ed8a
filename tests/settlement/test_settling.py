"""Whatever order things happen in, and however often the job has run between them, the books end the same."""

import random
from collections.abc import Awaitable, Callable
from datetime import UTC, date, datetime
from functools import partial
from typing import Any

import msgspec
import pytest
from sqlalchemy.ext.asyncio import AsyncEngine

from licensing.states import By
from settlement.resolutions import resolve, withdraw
from tests.licensing.house import TERMS, Granted, NewGrant, NewHost
from tests.settlement.shop import CONCEDED, WITHDRAWN, decide, dispute, settle
from tests.settlement.till import Till, by, facts, publish

OURS = msgspec.structs.replace(TERMS, hold_days=15, reserve="10%", reserve_days=30)
SETTLED = {"state": "settled", "settled_at": datetime(2026, 10, 20, 4, tzinfo=UTC)}
DAYS = (date(2026, 10, 6), date(2026, 11, 4), date(2026, 11, 10), date(2026, 12, 10))

Act = Callable[[], Awaitable[object]]


class Story:
    """Five sales and what happens to them, in the order in which it is written or in another; the job runs between."""

    def __init__(self, till: Till, grant: Granted, order: random.Random | None) -> None:
        self.till = till
        self.grant = grant
        self.order = order
        self.day = DAYS[0]

    async def books(self) -> list[tuple[str, int]]:
        """Once it has all happened: while reserves are kept, and after them."""
        acts = await self.acts()
        if self.order:
            self.order.shuffle(acts)
        for number, act in enumerate(acts):
            await act()
            self.day = DAYS[number * 3 // len(acts)]
            await self.perhaps_settle()
        await settle(self.till, DAYS[2])
        middle = await self.balances()
        await settle(self.till, DAYS[3])
        assert await settle(self.till, DAYS[3]) == {}
        return [*middle, *await self.balances()]

    async def acts(self) -> list[Act]:
        post = {name: f"{name}-{self.grant.grant_id}" for name in ("kept", "lost")}
        async with self.till.engine.begin() as connection:
            kept, lost = [await publish(connection, self.grant, content_id) for content_id in post.values()]
        self.sold = await self.till.sell(
            facts(platform="tiktok", content_id=post["kept"], due=9_999),
            facts(platform="tiktok", content_id=post["lost"], due=7_777),
            facts(**by(self.grant), due=3_333),
            facts(tracking_id="link-1", due=5_555),
            facts(tracking_id="link-2", due=1_111),
        )
        return [
            *(partial(self.told, number, **SETTLED) for number in range(len(self.sold))),
            partial(self.told, 0, due=5_001),
            partial(self.told, 1, due=2_223),
            partial(self.told, 3, due=4_444),
            partial(self.disputed, kept, WITHDRAWN),
            partial(self.disputed, lost, CONCEDED),
            partial(self.resolved, "tracking:tiktok:link-1", kept=True),
            partial(self.resolved, "tracking:tiktok:link-2", kept=False),
        ]

    async def told(self, number: int, **news: Any) -> None:
        [sale] = await self.till.sales([self.sold[number].sale_id])
        await self.till.tell(sale, **news)

    async def disputed(self, clip: int, end: tuple[str, By]) -> None:
        claim = await dispute(self.till, self.grant, clip)
        await self.perhaps_settle()
        await decide(self.till, claim, end)

    async def resolved(self, matches: str, *, kept: bool) -> None:
        book_id = self.till.book_id
        async with self.till.engine.begin() as connection:
            made = await resolve(connection, book_id, "user:1", matches, self.grant.grant_id, "It was theirs.")
        if not kept:
            await self.perhaps_settle()
            async with self.till.engine.begin() as connection:
                await withdraw(connection, book_id, "user:1", made.resolution.resolution_id)

    async def perhaps_settle(self) -> None:
        if self.order and self.order.random() < 0.6:
            await settle(self.till, self.day, limit=self.order.choice((1, 2, 100)))

    async def balances(self) -> list[tuple[str, int]]:
        found = await self.till.balances()
        assert sum(found.values()) == 0
        party = f"clipper-{self.grant.clipper.clipper_id}"
        return sorted((code.replace(party, "clipper"), amount) for code, amount in found.items())


@pytest.mark.parametrize("seed", range(6))
async def test_any_order_of_reports_claims_resolutions_and_runs_ends_in_the_same_books(
    app_engine: AsyncEngine, new_host: NewHost, new_grant: NewGrant, seed: int
) -> None:
    found = []
    for order in (None, random.Random(seed)):
        host = await new_host()
        grant = await new_grant(host, terms=OURS)
        found.append(await Story(Till(app_engine, host), grant, order).books())
    assert found[0] == found[1]
    assert {"liabilities:reserve:clipper", "liabilities:suspense"} <= {code for code, _ in found[0]}
