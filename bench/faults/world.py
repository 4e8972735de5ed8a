"""A database, a sandbox that is new for each history, and what the jobs of payouts do on them."""

import random
from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any, cast
from urllib.parse import urlsplit

import stripe
from sqlalchemy import text
from sqlalchemy.exc import OperationalError, SQLAlchemyError
from sqlalchemy.ext.asyncio import AsyncEngine

from bench.faults.stage import Stage
from bench.faults.watching import WatchedEngine, WatchedPace, WatchedRail
from bench.faults.weather import Weather
from clipledger.stripe_sandbox import API_KEY, ConnectionFault, Sandbox
from settlement.payouts.looking_up import look_up_due
from settlement.payouts.paying import DUE
from settlement.payouts.rail_events import keep, process_due
from settlement.payouts.refreshing import refresh_stale
from settlement.payouts.sending import Sender
from settlement.payouts.stripe_events import Acting, read_event
from settlement.payouts.stripe_payees import Payees
from settlement.payouts.sweeping import sweep
from settlement.rails.stripe_client import API_VERSION
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
    transport: "Straight" = field(init=False)
    client: stripe.StripeClient = field(init=False)
    reader: AsyncEngine = field(init=False)
    """The same database, statement by statement."""

    def __post_init__(self) -> None:
        self.reader = self.engine.execution_options(isolation_level="AUTOCOMMIT")
        self.transport = Straight(Sandbox())
        self.client = stripe.StripeClient(
            API_KEY, stripe_version=API_VERSION, max_network_retries=0, http_client=self.transport
        )

    async def blocked(self) -> bool:
        """Whether anybody waits for a lock."""
        async with self.reader.connect() as connection:
            return bool(await connection.scalar(_BLOCKED))


class Straight(stripe.HTTPXClient):
    """From the SDK to a sandbox without httpx between, which takes as long as all the rest of a call."""

    def __init__(self, sandbox: Sandbox) -> None:
        super().__init__()
        self.sandbox = sandbox

    async def request_async(
        self, method: str, url: str, headers: Mapping[str, str], post_data: Any = None
    ) -> tuple[bytes, int, Mapping[str, str]]:
        parts = urlsplit(url)
        path = f"{parts.path}?{parts.query}" if parts.query else parts.path
        body = post_data.encode() if isinstance(post_data, str) else post_data or b""
        try:
            answer = self.sandbox.handle(method.upper(), path, headers, body)
        except ConnectionFault as fault:
            self._handle_request_error(fault)
        return answer.body, answer.status, {name.lower(): value for name, value in answer.headers.items()}


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
        ((due,),) = await self.rows(_DUE, now=self.clock())
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
        await refresh_stale(self.engine, self.payees.observe, clock=self.clock)

    @property
    def moved(self) -> int:
        """How often money has moved at the sandbox."""
        return len(self.sandbox.state.platform.balance_transactions)

    async def rows(self, query: Any, **asked: Any) -> Iterable[Any]:
        """What a person or a judge sees; never a part of the history."""
        self.stage.runs(1)
        try:
            return await self._rows(query, asked)
        except OperationalError:  # the server was restarted
            return await self._rows(query, asked)
        finally:
            self.stage.runs(-1)

    async def _rows(self, query: Any, asked: Any) -> Iterable[Any]:
        async with self.house.reader.connect() as connection:
            return (await connection.execute(query, {"book": self.book_id, **asked})).all()


_BLOCKED = text("""
    SELECT EXISTS (
        SELECT FROM pg_locks JOIN pg_stat_activity USING (pid) WHERE NOT granted AND datname = current_database()
    )
""")
_DUE = text(f"SELECT EXISTS (SELECT FROM {DUE.replace('now()', ':now')} AND book_id = :book)")
