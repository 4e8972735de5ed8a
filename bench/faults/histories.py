"""A book with payees, an approved run, and what befalls it; then quiet, until nothing changes."""

from collections import Counter
from collections.abc import Callable, Coroutine
from typing import Any

from sqlalchemy import text
from sqlalchemy.exc import OperationalError

from bench.faults.books import Payee, open_purse
from bench.faults.judging import Finding, judge
from bench.faults.people import People
from bench.faults.stage import Stop, Verdict
from bench.faults.world import House, World
from settlement.rails.protocol import Order, RailError

_STANDING = text("""
    SELECT its.payout_id, its.state, its.code, its.returned, run.state AS run_state,
           its.state NOT IN ('ready', 'sending', 'unknown', 'sent') AND run.state = 'done' AS still
    FROM settlement.payouts AS its JOIN settlement.payout_runs AS run USING (book_id, run_id)
    WHERE its.book_id = :book ORDER BY its.payout_id
""")
_CLEAR = (
    text("UPDATE settlement.rail_halts SET ended_at = now(), ended_by = 'bench' WHERE ended_at IS NULL"),
    text("UPDATE settlement.rail_events SET processed_at = now(), outcome = 'left' WHERE processed_at IS NULL"),
    text("UPDATE settlement.payout_accounts SET state = 'closed' WHERE state <> 'closed'"),
)

_KILLS = (0, 0, 0.03, 0.1, 0.25)
_BREAKS = (0, 0, 0, 0.03, 0.1)
_FREEZES = (0, 0, 0.02, 0.06)
_PAUSES = ({"seconds": 1}, {"seconds": 40}, {"minutes": 3}, {"minutes": 6}, {"minutes": 20}, {"hours": 2}, {"hours": 8})
_OUTAGES = ({"hours": 23.5}, {"hours": 24.5}, {"hours": 26}, {"hours": 80})
_QUIET = ({"minutes": 2}, {"minutes": 20}, {"hours": 2}, {"hours": 26}, {"hours": 2}, {"hours": 26})
_ROUNDS = 14


class History:
    """One history, by its seed."""

    def __init__(self, house: House, seed: int, seen: Counter[str]) -> None:
        self.world = World(house, seed, seen)
        self.seed = seed
        self.chance = self.world.chance
        self.seen = seen
        self.payees: list[Payee] = []
        self.funded: Counter[str] = Counter()
        self.trace: list[str] = []
        self._kills, self._breaks = self.chance.choice(_KILLS), self.chance.choice(_BREAKS)
        self._freezes = self.chance.choice(_FREEZES)
        self._doomed = self.chance.choice((None, self.chance.randrange(40)))
        """The boundary at which somebody dies for sure."""
        self._passed = 0
        self._late: list[Order] = []
        self._people = People(self.world, self.payees)
        self._careless = self.chance.random() < 0.3
        """Whether nobody comes to look at what is halted."""

    async def run(self) -> list[Finding]:
        """What is wrong in the end; nothing, it is hoped."""
        world = self.world
        await open_purse(world, self.payees, self.funded)
        self._people.funded = self.funded
        world.sandbox.faults = world.weather
        for _ in range(self.chance.choice((1, 2, 2, 3, 4, 5))):
            await self._scene()
            self._time_passes()
        await self._quiet()
        self.seen.update(world.weather.counted())
        findings = await judge(world, self.payees, self.funded)
        await self.clear()
        return findings

    # Unrest ---------------------------------------------------------------------------------------------------

    async def _scene(self) -> None:
        world, chance = self.world, self.chance
        scene: dict[str, Coroutine[Any, Any, None]] = {"worker": self._guarded("worker", world.pay)}
        if chance.random() < 0.35:
            scene["second worker"] = self._guarded("second worker", world.pay)
            self.seen["two workers"] += 1
        for name, does, how_often in (("webhooks", world.hear, 0.4), ("sweep", world.sweep, 0.15)):
            if chance.random() < how_often:
                scene[name] = self._guarded(name, does)
        if chance.random() < 0.35:
            scene["person"] = self._guarded("person", self._people.acts)
        self.trace.append(f"-- {world.clock.now:%d %H:%M:%S} {', '.join(scene)}")
        await world.stage.play(scene, self._verdict)
        await self._arrive_late()

    async def _guarded(self, name: str, does: Callable[[], Coroutine[Any, Any, None]]) -> None:
        """As a job runs: a fault of the database or of the rail ends it, and the next run goes on."""
        try:
            await does()
        except (OperationalError, RailError) as fault:
            self.trace.append(f"{name} fell: {type(fault).__name__} {str(fault)[:100]}")
            if "deadlock" in str(fault):
                self.seen["deadlock"] += 1
        except ExceptionGroup as group:
            if group.split((OperationalError, RailError))[1] is not None:
                raise

    def _verdict(self, stops: list[Stop]) -> tuple[Stop, Verdict]:
        stop = self.chance.choice(sorted(stops, key=lambda each: each.actor.name))  # not as the database was quick
        self._passed += 1
        drawn = self.chance.random()
        verdict: Verdict = "go"
        if self._passed == self._doomed or drawn < self._kills:
            verdict = self._killed(stop)
        elif drawn < self._kills + self._breaks and not stop.at.startswith(("rail.", "pace", "sleep")):
            verdict = self._broken(stop, stops)
        elif drawn > 1 - self._freezes:
            self._frozen(under_way=bool(self._late) or any(each.at == "rail.send begin" for each in stops))
        self.trace.append(f"{stop.actor.name}: {stop.at}{'' if verdict == 'go' else f' -> {verdict!r:.40}'}")
        return stop, verdict

    def _killed(self, stop: Stop) -> Verdict:
        self.seen["kill"] += 1
        self.seen[f"kill at {stop.at}"] += 1
        order = self.world.rail.begun.pop(id(stop.actor), None)
        if stop.at == "rail.send begin" and order is not None and self.chance.random() < 0.5:
            self._late.append(order)
        return "kill"

    def _broken(self, stop: Stop, stops: list[Stop]) -> Verdict:
        """A connection that breaks; or all, as when the server is restarted."""
        if self.chance.random() < 0.3:
            self.seen["database restarted"] += 1
            for other in stops:
                if other is not stop and other.at.endswith(" commit"):
                    other.turn.set_exception(_broken_off())
            stops[:] = [each for each in stops if not each.turn.done()]
            self._restart()
        self.seen["connection broken"] += 1
        self.seen[f"connection broken at {stop.at.rpartition(' ')[2]}"] += 1
        return _broken_off()

    def _restart(self) -> None:
        restart = self.world.house.restart
        if restart is not None and self.chance.random() < 0.05:
            restart()
            self.seen["database server really restarted"] += 1

    def _frozen(self, *, under_way: bool) -> None:
        """Time passes for all, while they stand where they stand. A request that is under way arrives in minutes."""
        passes = self.chance.choice(_PAUSES[:4] if under_way else _PAUSES + _OUTAGES)
        self.seen["frozen for more than 24 h" if passes.get("hours", 0) > 24 else "frozen"] += 1
        self.trace.append(f"   frozen: {passes}")
        self.world.pass_(**passes)

    def _time_passes(self) -> None:
        outage = self.chance.random() < 0.12
        passes = self.chance.choice(_OUTAGES if outage else _PAUSES)
        self.seen["outage of more than 24 h" if passes.get("hours", 0) > 24 else "time passes"] += 1
        self.world.pass_(**passes)

    # Quiet ----------------------------------------------------------------------------------------------------

    async def _arrive_late(self) -> None:
        """What somebody sent who died before it was heard."""
        for order in self._late:
            self.seen["request heard after its sender died"] += 1
            self.world.weather.ordered(order)
            await self.world.real_rail.send(order)
        self._late.clear()

    async def _quiet(self) -> None:
        """Nothing goes wrong any more. The jobs run, people look, until nothing changes."""
        world = self.world
        world.weather.clear()
        before, swept = (), -1
        for round_ in range(_ROUNDS):
            if not self._careless:
                await self._people.look_after_all()
            await world.pay()
            swept = await self._hear_of_all(swept)
            now = tuple(await world.rows(_STANDING))
            if (now == before and round_ > len(_QUIET)) or all(row.still for row in now):
                break
            before = now
            world.pass_(**_QUIET[round_ % len(_QUIET)])
        world.pass_(hours=1)
        await self._hear_of_all(swept)

    async def _hear_of_all(self, swept: int) -> int:
        """Sweep where money has moved since `swept`, and take what webhooks tell; how much has moved by now."""
        moved = self.world.moved
        if moved != swept:
            await self.world.sweep()
        await self.world.hear()
        return moved

    async def clear(self) -> None:
        """Nothing of this history is left to befall the next."""
        async with self.world.real_engine.begin() as connection:
            for statement in _CLEAR:
                await connection.execute(statement)


def _broken_off() -> OperationalError:
    return OperationalError("broken off", {}, Exception("server closed the connection unexpectedly"))
