"""What people do about payouts: they resume what was halted, mend what is wrong, try again, cancel, pay again."""

from collections import Counter
from collections.abc import Awaitable, Callable

from sqlalchemy import text

from bench.faults.books import BEN, Payee, approved
from bench.faults.world import World
from clipledger.stripe_sandbox.refusals import Refusal
from settlement.errors import SettlementError
from settlement.payouts.halts import end_halt
from settlement.payouts.runs import resume
from settlement.payouts.steps import cancel, retry


class People:
    """Ana, Ben, the payees, and Stripe's support."""

    def __init__(self, world: World, payees: list[Payee]) -> None:
        self._world = world
        self._payees = payees
        self.funded: Counter[str] = Counter()

    async def acts(self) -> None:
        """One or two things that somebody might do now. What is refused stays undone."""
        things = (self._resume, self._end_halt, self._retry, self._cancel, self._reverse, self._reconnect, self._fund)
        weights = (3, 3, 3, 2, 2, 2, 1)
        for does in self._world.chance.choices((*things, self._pay_again), (*weights, 2), k=2):
            await self._do(does)

    async def _do(self, does: Callable[[], Awaitable[bool]]) -> None:
        try:
            if await does():
                self._world.seen[f"person: {does.__name__.strip('_').replace('_', ' ')}"] += 1
        except SettlementError:
            pass

    async def look_after_all(self) -> None:
        """Whatever waits for a person: rails and runs are let go on, and money is sent to Stripe."""
        for does in (self._end_halt, self._resume, self._fund):
            await self._do(does)

    async def _resume(self) -> bool:
        runs = [row.run_id for row in await self._world.rows(_HALTED_RUNS)]
        for run_id in runs:
            async with self._world.engine.begin() as connection:
                now = self._world.clock()
                await resume(connection, self._world.book_id, run_id, BEN, reason="looked at", now=now)
        return bool(runs)

    async def _end_halt(self) -> bool:
        if not await self._world.rows(_HALTED_RAIL):
            return False
        async with self._world.engine.begin() as connection:
            await end_halt(connection, "stripe", "user:2", self._world.clock())
        return True

    async def _retry(self) -> bool:
        for payout_id in await self._some("refused"):
            async with self._world.engine.begin() as connection:
                await retry(connection, self._world.book_id, payout_id, "user:1", self._world.clock())
            return True
        return False

    async def _cancel(self) -> bool:
        """Whichever, also such as may not be."""
        for payout_id in await self._some("refused", "ready", "unknown", "sending", "sent"):
            async with self._world.engine.begin() as connection:
                await cancel(connection, self._world.book_id, [payout_id], "user:1", "no", self._world.clock())
            return True
        return False

    async def _some(self, *states: str) -> list[int]:
        rows = [row.payout_id for row in await self._world.rows(_IN_STATES, states=[*states])]
        return self._world.chance.sample(rows, 1) if rows else []

    async def _reverse(self) -> bool:
        """Stripe's support takes a transfer back, or a part of it."""
        transfers = [*self._world.sandbox.state.transfers]
        if not transfers:
            return False
        chosen = self._world.chance.choice(transfers)
        part = chosen["amount"] // 3 if self._world.chance.random() < 0.4 else None
        try:
            self._world.sandbox.reverse_transfer(chosen["id"], part or None)
        except Refusal:
            return False
        return True

    async def _reconnect(self) -> bool:
        """A payee does what Stripe asks of it."""
        payee = self._world.chance.choice(self._payees)
        holder = self._world.sandbox.state.holders[payee.destination]
        if not holder.connected or holder.account["capabilities"].get("transfers") == "active":
            return False
        self._world.sandbox.set_capability(payee.destination, "active")
        return True

    async def _fund(self) -> bool:
        """Where the sandbox has too little for what is still to be paid."""
        wanting = {row.currency: int(row.amount) for row in await self._world.rows(_WANTING)}
        for currency, amount in wanting.items():
            has = self._world.sandbox.balance().get(currency.lower(), (0, 0))[0]
            if has < amount:
                self.funded[currency] += amount - has
                self._world.sandbox.fund(amount - has, currency.lower())
        return bool(wanting)

    async def _pay_again(self) -> bool:
        """A run of what is available again."""
        await approved(self._world)
        return True


_HALTED_RUNS = text("SELECT run_id FROM settlement.payout_runs WHERE book_id = :book AND state = 'halted'")
_HALTED_RAIL = text("SELECT FROM settlement.rail_halts WHERE rail = 'stripe' AND ended_at IS NULL LIMIT 1")
_IN_STATES = text("""
    SELECT payout_id FROM settlement.payouts
    WHERE book_id = :book AND state = ANY (CAST(:states AS text[])) ORDER BY payout_id
""")
_WANTING = text("""
    SELECT currency, sum(amount) AS amount FROM settlement.payouts
    WHERE book_id = :book AND state = 'ready' AND code = 'unfunded' GROUP BY currency ORDER BY currency
""")
