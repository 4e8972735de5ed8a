"""A database, a sandbox that is new for each history, and what the jobs of payouts do on them."""

import random
from collections import Counter
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any, cast

import stripe
from sqlalchemy import text
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.ext.asyncio import AsyncEngine

from bench.faults.stage import Stage
from bench.faults.watching import WatchedEngine, WatchedPace, WatchedRail
from bench.faults.weather import Weather
from clipledger.stripe_sandbox import API_KEY, Sandbox
from clipledger.stripe_sandbox.in_process import SandboxTransport
from settlement.payouts.looking_up import look_up_due
from settlement.payouts.paying import DUE
from settlement.payouts.rail_events import keep, process_due
from settlement.payouts.sending import Sender
from settlement.payouts.stripe_events import Acting, read_event
from settlement.payouts.stripe_payees import Payees
from settlement.payouts.sweeping import sweep
from settlement.rails.stripe_client import stripe_client
from settlement.rails.stripe_rail import StripeRail


class Hands:
    """A clock whose hands are moved. No two looks at it show the same moment."""

    def __init__(self, now: datetime) -> None:
        self.now = now

    def __call__(self) -> datetime:
        self.now += timedelta(microseconds=1)
        return self.now

    def pass_(self, **time: float) -> None:
        self.now += timedelta(**time)


Restart = Callable[[], None]
"""Stops the database's server and starts it again."""


@dataclass
class House:
    """What all histories share: a database, and a client for whichever sandbox there is."""

    engine: AsyncEngine
    restart: Restart | None = None
    transport: SandboxTransport = field(init=False)
    client: stripe.StripeClient = field(init=False)

    def __post_init__(self) -> None:
        self.transport = SandboxTransport(Sandbox())
        self.client = stripe_client(API_KEY, transport=self.transport)

    async def blocked(self) -> bool:
        """Whether anybody waits for a lock."""
        async with self.engine.connect() as connection:
            return bool(await connection.scalar(_BLOCKED))


class World:
    """One history's: its clock, its sandbox and its book, and the jobs that run on them."""

    def __init__(self, house: House, seed: int, seen: Counter[str]) -> None:
        self.chance = random.Random(seed)
        tomorrow = datetime.now(UTC).replace(hour=0, minute=0, second=0, microsecond=0) + timedelta(days=1)
        self.clock = Hands(tomorrow + timedelta(seconds=self.chance.randrange(86_400)))
        self.seen = seen
        self.house = house
        self.weather = Weather(self.chance)
        self.sandbox = Sandbox(clock=lambda: self.clock.now.timestamp(), seed=seed)
        self.weather.state = self.sandbox.state
        house.transport.sandbox = self.sandbox
        self.stage = Stage(house.blocked)
        self.real_engine = house.engine
        self.engine = cast(AsyncEngine, WatchedEngine(house.engine, self.stage))
        self.real_rail = StripeRail(house.client)
        self.rail = WatchedRail(self.real_rail, self.stage, self.weather.ordered, seen)
        self.payees = Payees(self.engine, house.client, "US")
        self.pace = WatchedPace(self.stage, sleep=self.sleep, seconds=lambda: self.clock().timestamp())
        self.book_id = 0
        self.batch = self.chance.choice((1, 2, 100))

    async def sleep(self, seconds: float) -> None:
        """Time passes, and others may act."""
        self.clock.pass_(seconds=seconds)
        await self.stage.boundary("sleep")

    def pass_(self, **time: float) -> None:
        self.clock.pass_(**time)
        self.sandbox.tick()

    # The jobs -------------------------------------------------------------------------------------------------

    async def pay(self) -> None:
        """As `settlement.payouts.paying.pay_due`, with this clock for its pauses; only where the job would."""
        async with self.engine.connect() as connection:
            due = await connection.scalar(_DUE, {"book": self.book_id, "now": self.clock()})
        if due:
            await look_up_due(self.engine, self.rail, "stripe", self.book_id, clock=self.clock)
            given: dict[str, Any] = {"pace": self.pace, "clock": self.clock, "sleep": self.sleep, "batch": self.batch}
            await Sender(self.engine, self.rail, "stripe", **given).send_due(self.book_id)

    async def hear(self) -> None:
        """Webhooks that have come, each signed and kept; then they are acted upon."""
        outbox = self.sandbox.outbox
        for delivery in outbox.due():
            _, headers, body = outbox.message(delivery)
            event = read_event(body, headers["Stripe-Signature"], delivery.endpoint.secret)
            try:
                async with self.engine.begin() as connection:
                    new = await keep(connection, "stripe", event)
            except SQLAlchemyError:
                outbox.sent(delivery, 500)
                raise
            self.seen["webhook taken" if new else "webhook taken again"] += 1
            outbox.sent(delivery, 200)
        acting = Acting(self.engine, self.rail, self.payees, clock=self.clock)
        await process_due(self.engine, "stripe", acting, clock=self.clock)

    async def sweep(self) -> None:
        await sweep(self.engine, self.rail, "stripe", clock=self.clock)

    async def rows(self, query: Any, **asked: Any) -> Iterable[Any]:
        """What a person or a judge sees; never a part of the history."""
        async with self.real_engine.connect() as connection:
            return (await connection.execute(query, {"book": self.book_id, **asked})).all()


_BLOCKED = text("SELECT EXISTS (SELECT FROM pg_locks WHERE NOT granted)")
_DUE = text(f"SELECT EXISTS (SELECT FROM {DUE.replace('now()', ':now')} AND run.book_id = :book)")
