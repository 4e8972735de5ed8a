"""A ledger in plain Python: a list of what was posted, summed anew for every question. Slow, and easy to believe."""

from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import date

from ledger.accounts import AccountName
from ledger.balances import Moment
from ledger.entries import NewEntry


@dataclass
class Fact:
    entry: NewEntry
    entry_id: int
    recorded_on: date
    reversed: bool = False


@dataclass
class Model:
    facts: list[Fact] = field(default_factory=list)
    locked_through: date = date.min

    def locked(self, entry: NewEntry) -> bool:
        return entry.booked_in <= self.locked_through

    def by_key(self, key: str) -> Fact | None:
        return next((fact for fact in self.facts if fact.entry.idempotency_key == key), None)

    def add(self, entry: NewEntry, entry_id: int, recorded_on: date) -> None:
        self.facts.append(Fact(entry, entry_id, recorded_on))
        for fact in self.facts:
            if fact.entry_id == entry.reverses:
                fact.reversed = True

    def balances(self, moment: Moment) -> dict[AccountName, int]:
        """Of every account that ever moved, as far as the moment goes."""
        sums: dict[AccountName, int] = defaultdict(int)
        for fact in self._known(moment):
            for line in fact.entry.lines:
                sums[AccountName(line.account, line.currency)] += line.amount
        return dict(sums)

    def statement(self, name: AccountName) -> list[tuple[date, int, int, int, int]]:
        """Day, entry, line, amount and the balance after it."""
        postings = sorted(
            (fact.entry.effective_on, fact.entry_id, number, line.amount)
            for fact in self.facts
            for number, line in enumerate(fact.entry.lines, 1)
            if (line.account, line.currency) == (name.code, name.currency)
        )
        return [(*posting, sum(each[3] for each in postings[: at + 1])) for at, posting in enumerate(postings)]

    def _known(self, moment: Moment) -> Iterator[Fact]:
        for fact in self.facts:
            if (
                fact.entry.effective_on <= (moment.as_of or date.max)
                and fact.recorded_on <= (moment.known_on or date.max)
                and fact.entry.booked_in <= (moment.through or date.max)
            ):
                yield fact
