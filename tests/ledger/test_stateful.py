"""Random histories of a book beside a model of it: every balance, at every date that matters, is the same.

A history that fails is printed by hypothesis, shrunk, as the steps that lead there.
"""

import asyncio
from collections.abc import Callable, Coroutine, Iterator
from dataclasses import dataclass
from datetime import date, timedelta
from itertools import product
from typing import Any, TypeVar
from zoneinfo import ZoneInfo

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule, run_state_machine_as_test
from msgspec.structs import replace
from sqlalchemy.ext.asyncio import AsyncEngine

from clipledger import database
from clipledger.database import DatabaseUrls
from ledger.accounts import AccountName, NewAccount
from ledger.balances import Moment
from ledger.entries import Line, NewEntry, Posted
from ledger.errors import AlreadyReversed, IdempotencyConflict, PeriodLocked
from ledger.splits import Share, SplitRule, Take, evaluate, evaluate_change
from tests.ledger.bookkeeper import Bookkeeper
from tests.ledger.model import Fact, Model
from tests.ledger.time_machine import let_days_pass

T = TypeVar("T")

ZONE = "Asia/Shanghai"
MONTHS = [date(2024, 12, 1), *(date(2025, month, 1) for month in range(1, 6))]
DAYS = [MONTHS[1] - timedelta(days=1), MONTHS[1], *(day - timedelta(days=1) for day in MONTHS[2:5]), MONTHS[2]]
FIRST_CHART = [
    NewAccount("assets:bank", "CNY", 4),
    NewAccount("income:sales", "CNY"),
    NewAccount("assets:bank", "JPY"),
    NewAccount("income:sales", "JPY", 2),
    NewAccount("liabilities:held:host", "CNY"),
    NewAccount("liabilities:held:clipper", "CNY"),
    NewAccount("income:platform-fee", "CNY"),
]
RULE = SplitRule(
    currency="CNY", takes=(Take("income:platform-fee", "5%"),),
    shares=(Share("liabilities:held:host", 4), Share("liabilities:held:clipper", 6)),
)  # fmt: skip

days = st.sampled_from(DAYS)
amounts = st.integers(-9, 9).filter(bool) | st.integers(-(10**15), 10**15).filter(bool)
currencies = st.sampled_from(["CNY", "JPY"])
maybe_month = st.none() | st.sampled_from(MONTHS)


@dataclass
class Desk:
    """A loop of its own, in which the steps of a history run one after the other."""

    runner: asyncio.Runner
    engine: AsyncEngine
    urls: DatabaseUrls

    def run(self, doing: Coroutine[Any, Any, T]) -> T:
        return self.runner.run(doing)


@pytest.fixture
def loop_of_its_own(tampered_urls: DatabaseUrls) -> Iterator[Desk]:
    with asyncio.Runner() as runner:
        desk = Desk(runner, database.create_engine(tampered_urls.app), tampered_urls)
        yield desk
        runner.run(desk.engine.dispose())


class History(RuleBasedStateMachine):
    def __init__(self, desk: Desk) -> None:
        super().__init__()
        self.desk = desk
        self.keeper = desk.run(Bookkeeper.of_new_book(desk.engine, FIRST_CHART, ZONE))
        self.names = [AccountName(account.code, account.currency) for account in FIRST_CHART]
        self.model = Model()
        self.seals: dict[int, str] = {}
        self.sales: list[tuple[int, dict[str, int]]] = []
        self.keys = 0

    # What happens ------------------------------------------------------------------------------------------

    @rule(code=st.sampled_from(["assets:cash", "assets:vault:a", "expenses:fees"]), currency=currencies)
    def open_an_account(self, code: str, currency: str) -> None:
        is_new = AccountName(code, currency) not in self.names
        assert self.desk.run(self.keeper.open(NewAccount(code, currency))) == is_new
        if is_new:
            self.names.append(AccountName(code, currency))

    @rule(data=st.data())
    def post(self, data: st.DataObject) -> None:
        entry = self.any_entry(data)
        self.must_be_posted([entry], lambda: self.keeper.post(entry))

    @rule(data=st.data())
    def post_a_batch(self, data: st.DataObject) -> None:
        batch = [self.any_entry(data) for _ in range(data.draw(st.integers(1, 5)))]
        batch += data.draw(st.lists(st.sampled_from(batch + [fact.entry for fact in self.model.facts]), max_size=2))
        self.must_be_posted(batch, lambda: self.keeper.post_batch(batch))

    @precondition(lambda self: self.model.locked_through > date.min)
    @rule(data=st.data())
    def post_a_late_fact(self, data: st.DataObject) -> None:
        """In the first open month, of a day in a locked one."""
        late = [day for day in DAYS if day.replace(day=1) <= self.model.locked_through]
        following = (self.model.locked_through + timedelta(days=31)).replace(day=1)
        entry = replace(self.any_entry(data), effective_on=data.draw(st.sampled_from(late)), period=following)
        self.must_be_posted([entry], lambda: self.keeper.post(entry))

    @precondition(lambda self: self.model.facts)
    @rule(data=st.data())
    def post_the_same_again(self, data: st.DataObject) -> None:
        fact = data.draw(st.sampled_from(self.model.facts))
        again = self.desk.run(self.keeper.post(fact.entry))
        assert (again.entry_id, again.created) == (fact.entry_id, False)

    @precondition(lambda self: self.model.facts)
    @rule(data=st.data())
    def post_other_content_under_a_used_key(self, data: st.DataObject) -> None:
        fact = data.draw(st.sampled_from(self.model.facts))
        other = replace(self.any_entry(data), idempotency_key=fact.entry.idempotency_key)
        bystander = self.any_entry(data)
        with pytest.raises(PeriodLocked if self.model.locked(bystander) else IdempotencyConflict):
            self.desk.run(self.keeper.post_batch([bystander, other]))

    @precondition(lambda self: self.model.facts)
    @rule(data=st.data(), day=days)
    def reverse(self, data: st.DataObject, day: date) -> None:
        fact = data.draw(st.sampled_from(self.model.facts))
        mirror = NewEntry(
            idempotency_key=self.next_key(),
            effective_on=day,
            description=f"Reversal of entry {fact.entry_id}",
            lines=tuple(replace(line, amount=-line.amount) for line in fact.entry.lines),
            reverses=fact.entry_id,
        )

        def reversed_() -> Coroutine[Any, Any, Posted]:
            return self.keeper.reverse(fact.entry_id, day.isoformat(), key=mirror.idempotency_key)

        if fact.reversed:
            with pytest.raises(AlreadyReversed if not self.model.locked(mirror) else (AlreadyReversed, PeriodLocked)):
                self.desk.run(reversed_())
        else:
            self.must_be_posted([mirror], reversed_)

    @rule(gross=st.integers(1, 99_999), day=days)
    def sell(self, gross: int, day: date) -> None:
        parts = evaluate(RULE, gross).parts
        if self.post_parts(parts, day):
            self.sales.append((gross, parts))

    @precondition(lambda self: self.sales)
    @rule(data=st.data(), day=days)
    def refund(self, data: st.DataObject, day: date) -> None:
        """Down to any smaller gross; what is posted so far is always the split of what remains."""
        position = data.draw(st.integers(0, len(self.sales) - 1))
        gross, parts = self.sales[position]
        remaining = data.draw(st.integers(0, gross))
        change = evaluate_change(RULE, parts, remaining)
        if self.post_parts(change, day):
            whole = evaluate(RULE, remaining).parts
            assert {party: parts.get(party, 0) + change.get(party, 0) for party in whole} == whole
            self.sales[position] = (remaining, whole)

    @rule(data=st.data())
    def many_write_at_once(self, data: st.DataObject) -> None:
        """Singles and a batch, some entries by two writers."""
        some = [self.any_entry(data) for _ in range(data.draw(st.integers(2, 5)))]
        work = [[each] for each in some] + [some[::-1], [data.draw(st.sampled_from(some))]]

        async def write() -> list[list[Posted] | BaseException]:
            return await asyncio.gather(*map(self.keeper.post_batch, work), return_exceptions=True)

        made: dict[str, Posted] = {}
        for said, answer in zip(work, self.desk.run(write()), strict=True):
            if any(map(self.model.locked, said)):
                assert isinstance(answer, PeriodLocked)
                continue
            assert not isinstance(answer, BaseException), answer
            for entry, posted in zip(said, answer, strict=True):
                first = made.setdefault(entry.idempotency_key, posted)
                assert first.entry_id == posted.entry_id
                if posted.created:
                    self.model.add(entry, posted.entry_id, self.recorded_on(posted))
        assert all(self.model.by_key(key) for key in made)

    @rule(skipped=st.integers(0, 1))
    def lock_a_month(self, skipped: int) -> None:
        open_ = [month for month in MONTHS if month > self.model.locked_through][:-1]
        if len(open_) > skipped:
            self.desk.run(self.keeper.lock(f"{open_[skipped]:%Y-%m}"))
            self.model.locked_through = open_[skipped]

    @precondition(lambda self: self.model.locked_through >= MONTHS[1])
    @rule()
    def reopen_the_last_month(self) -> None:
        last = self.model.locked_through
        self.desk.run(self.keeper.reopen(f"{last:%Y-%m}"))
        self.model.locked_through = (last - timedelta(days=1)).replace(day=1)

    @rule()
    def seal(self) -> None:
        for made in self.desk.run(self.keeper.seal_all()):
            self.seals[made.seal_no] = made.seal_hash

    @precondition(lambda self: not self.seals)
    @rule(number=st.integers(1, 40))
    def let_days_pass(self, number: int) -> None:
        self.desk.run(let_days_pass(self.desk.urls, self.keeper, number))
        for fact in self.model.facts:
            fact.recorded_on -= timedelta(days=number)

    # What must be so ---------------------------------------------------------------------------------------

    @invariant()
    def the_books_balance(self) -> None:
        self.compare(Moment())

    @rule(as_of=st.none() | days, through=maybe_month, data=st.data())
    def look_back(self, as_of: date | None, through: date | None, data: st.DataObject) -> None:
        moment = Moment(as_of=as_of, through=through, known_on=data.draw(st.sampled_from(self.days_of_knowledge())))
        name = data.draw(st.sampled_from(self.names))
        balance = self.desk.run(self.keeper.balance(name.code, moment, name.currency))
        assert balance == self.model.balances(moment).get(name, 0)

    @rule(data=st.data(), page=st.integers(1, 4))
    def read_a_statement(self, data: st.DataObject, page: int) -> None:
        name = data.draw(st.sampled_from(self.names))
        lines = self.desk.run(self.keeper.statement(name.code, name.currency, page=page))
        said = [(each.effective_on, each.entry_id, each.line, each.amount, each.balance) for each in lines]
        assert said == self.model.statement(name)

    def teardown(self) -> None:
        for as_of, known_on, through in product([None, *DAYS], self.days_of_knowledge(), [None, *MONTHS]):
            self.compare(Moment(as_of=as_of, known_on=known_on, through=through))
        self.desk.run(self.keeper.check())
        assert self.desk.run(self.keeper.verify(self.seals)).sound

    # Means -------------------------------------------------------------------------------------------------

    def compare(self, moment: Moment) -> None:
        trial = self.desk.run(self.keeper.trial_balance(moment))
        assert {AccountName(row.code, row.currency): row.balance for row in trial.rows} == self.model.balances(moment)
        assert trial.debits == trial.credits

    def days_of_knowledge(self) -> list[date | None]:
        known = {fact.recorded_on for fact in self.model.facts}
        return [None, *sorted(known | {day - timedelta(days=1) for day in known})]

    def any_entry(self, data: st.DataObject) -> NewEntry:
        """Two to four lines in one currency, the last of which balances the others."""
        currency = data.draw(currencies)
        codes = st.sampled_from([name.code for name in self.names if name.currency == currency])
        lines = [Line(data.draw(codes), currency, data.draw(amounts)) for _ in range(data.draw(st.integers(1, 3)))]
        if total := sum(line.amount for line in lines):
            lines.append(Line(data.draw(codes), currency, -total))
        day = data.draw(days)
        period = data.draw(maybe_month)
        return NewEntry(
            idempotency_key=self.next_key(),
            effective_on=day,
            description="a random entry",
            lines=tuple(lines),
            period=period if period and period > day else None,
        )

    def next_key(self) -> str:
        self.keys += 1
        return f"key {self.keys}"

    def post_parts(self, parts: dict[str, int], day: date) -> bool:
        """Whether it could be posted: commission owed to the bank's account, and whose it is."""
        lines = [Line(party, "CNY", -part) for party, part in parts.items() if part]
        if not lines:
            return False
        total = Line("assets:bank", "CNY", sum(parts.values()))
        entry = NewEntry(idempotency_key=self.next_key(), effective_on=day, description="a sale", lines=(total, *lines))
        return self.must_be_posted([entry], lambda: self.keeper.post(entry))

    def must_be_posted(self, said: list[NewEntry], posting: Callable[[], Coroutine[Any, Any, Any]]) -> bool:
        """Post, and compare the answer with the model's; False where a locked month must refuse it."""
        if any(self.model.locked(entry) and not self.model.by_key(entry.idempotency_key) for entry in said):
            with pytest.raises(PeriodLocked):
                self.desk.run(posting())
            return False
        answer = self.desk.run(posting())
        for entry, posted in zip(said, answer if isinstance(answer, list) else [answer], strict=True):
            known: Fact | None = self.model.by_key(entry.idempotency_key)
            assert posted.created == (known is None)
            if known is None:
                self.model.add(entry, posted.entry_id, self.recorded_on(posted))
            else:
                assert posted.entry_id == known.entry_id
        return True

    def recorded_on(self, posted: Posted) -> date:
        return posted.recorded_at.astimezone(ZoneInfo(ZONE)).date()


@pytest.mark.timeout(600)  # of which it needs few, unless it fails and hypothesis looks for the shortest history
def test_any_history_leaves_the_books_as_the_model_has_them(loop_of_its_own: Desk) -> None:
    run_state_machine_as_test(
        lambda: History(loop_of_its_own),  # type: ignore[arg-type]  # any maker of machines will do
        settings=settings(
            max_examples=15,
            stateful_step_count=30,
            deadline=None,
            print_blob=True,
            suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large],
        ),
    )
