"""A month of a host's book as its accountant would write it, every number worked out by hand.

A host sells on a marketplace that pays commission. The platform takes 5 % of it and the agency 10 %; host and clipper
share the rest 4:6, 3:7 or 5:5. What each earns is held until the goods can no longer come back, then available, then
paid. One row is one entry; `after it` says what then stands on some accounts, each on its own side of the books.
"""

import re
from dataclasses import dataclass, field
from datetime import date

import pytest
from sqlalchemy.ext.asyncio import AsyncEngine

from ledger.accounts import NewAccount
from ledger.entries import Line, NewEntry
from ledger.errors import PeriodLocked
from ledger.money import format_amount, parse_amount
from ledger.splits import Share, SplitRule, Take, evaluate, evaluate_change
from tests.ledger.bookkeeper import Bookkeeper, at, nothing_changes

ACCOUNTS = {
    "market": "assets:marketplace:douyin",
    "stripe": "assets:stripe",
    "transit": "assets:in-transit:stripe",
    "owed by bo": "assets:recoverable:bo",
    "deferred": "liabilities:deferred-fee",
    "fee": "income:platform-fee",
    "suspense": "liabilities:suspense",
    "tax": "liabilities:withheld:tax",
    "bad debt": "expenses:bad-debt",
    **{
        f"{party} {state}": f"liabilities:{state}:{party}"
        for party in ("agency", "host", "anna", "bo")
        for state in ("held", "available", "reserve", "frozen", "paying")
    },
}

SEPTEMBER = """
  day | what happens                         | debit                    | credit                   | after it
------+--------------------------------------+--------------------------+--------------------------+------------------
09-01 | sale 1 accrues 130.20, 4:6 with Anna | market            130.20 | deferred            6.51 | market     130.20
      |                                      |                          | agency held        13.02 | anna held   66.40
      |                                      |                          | host held          44.27 |
      |                                      |                          | anna held          66.40 |
09-02 | sale 2 accrues 100.00, 3:7 with Bo   | market            100.00 | deferred            5.00 | market     230.20
      |                                      |                          | agency held        10.00 | host held   69.77
      |                                      |                          | host held          25.50 |
      |                                      |                          | bo held            59.50 |
09-03 | sale 3 accrues 33.33, 5:5 with Anna  | market             33.33 | deferred            1.67 | deferred    13.18
      |                                      |                          | agency held         3.33 | agency held 26.35
      |                                      |                          | host held          14.17 | host held   83.94
      |                                      |                          | anna held          14.16 | anna held   80.56
09-05 | half of sale 1 comes back            | deferred            3.25 | market             65.10 | market     198.43
      |                                      | agency held         6.51 |                          | host held   61.80
      |                                      | host held          22.14 |                          | anna held   47.36
      |                                      | anna held          33.20 |                          |
09-06 | a sale of nobody's accrues 20.00     | market             20.00 | suspense           20.00 | suspense    20.00
09-08 | it was sale 4, 3:7 with Bo           | suspense           20.00 | deferred            1.00 | suspense     0.00
      |                                      |                          | agency held         2.00 | bo held     71.40
      |                                      |                          | host held           5.10 |
      |                                      |                          | bo held            11.90 |
09-15 | sale 1 settles, a tenth of Anna's    | deferred            3.26 | fee                 3.26 | fee          3.26
      | part into her reserve                | agency held         6.51 | agency available    6.51 | anna held   14.16
      |                                      | host held          22.13 | host available     22.13 | anna reserve 3.32
      |                                      | anna held          33.20 | anna reserve        3.32 |
      |                                      |                          | anna available     29.88 |
09-16 | sale 2 settles                       | deferred            5.00 | fee                 5.00 | fee          8.26
      |                                      | agency held        10.00 | agency available   10.00 | bo held     11.90
      |                                      | host held          25.50 | host available     25.50 |
      |                                      | bo held            59.50 | bo available       59.50 |
09-18 | the host disputes sale 3             | anna held          14.16 | anna frozen        14.16 | anna held    0.00
09-20 | and takes it back                    | anna frozen        14.16 | anna held          14.16 | anna frozen  0.00
09-20 | the marketplace pays                 | stripe            165.10 | market            165.10 | market      53.33
09-22 | tax is withheld from Bo              | bo available       11.90 | tax                11.90 | tax         11.90
09-25 | Anna's payout is approved            | anna available     29.88 | anna paying        29.88 | anna paying 29.88
09-25 | Bo's payout is approved              | bo available       47.60 | bo paying          47.60 | bo paying   47.60
09-26 | Anna's transfer is sent              | transit            29.88 | stripe             29.88 | stripe     135.22
09-26 | Bo's transfer is sent                | transit            47.60 | stripe             47.60 | stripe      87.62
09-27 | Anna's payout is confirmed           | anna paying        29.88 | transit            29.88 | transit     47.60
09-27 | Bo's payout fails                    | bo paying          47.60 | bo available       47.60 | transit      0.00
      |                                      | stripe             47.60 | transit            47.60 | stripe     135.22
09-28 | all of sale 2 comes back, from Bo    | fee                 5.00 | market            100.00 | market     -46.67
      | as much as he has                    | agency available   10.00 |                          | bo available 0.00
      |                                      | host available     25.50 |                          | owed by bo  11.90
      |                                      | bo available       47.60 |                          |
      |                                      | owed by bo         11.90 |                          |
09-30 | sale 4 settles                       | deferred            1.00 | fee                 1.00 | fee          4.26
      |                                      | agency held         2.00 | agency available    2.00 | deferred     1.67
      |                                      | host held           5.10 | host available      5.10 |
      |                                      | bo held            11.90 | bo available       11.90 |
09-30 | Bo gives back, at most half of it    | bo available        5.95 | owed by bo          5.95 | owed by bo   5.95
"""

END_OF_SEPTEMBER = """
market           -46.67     deferred            1.67     agency held         3.33     anna held          14.16
stripe           135.22     fee                 4.26     agency available    8.51     anna reserve        3.32
owed by bo         5.95     tax                11.90     host held          14.17     bo available        5.95
                                                         host available     27.23
"""

OCTOBER = """
  day | what happens                         | debit                    | credit                   | after it
------+--------------------------------------+--------------------------+--------------------------+------------------
09-29 | sale 5 is heard of, 10.00, 5:5, Anna | market             10.00 | deferred            0.50 | market     -36.67
      |                                      |                          | agency held         1.00 | anna held   18.41
      |                                      |                          | host held           4.25 |
      |                                      |                          | anna held           4.25 |
10-02 | what Bo still owes is written off    | bad debt            5.95 | owed by bo          5.95 | bad debt     5.95
10-10 | the marketplace takes back its due   | market             36.67 | stripe             36.67 | market       0.00
"""


SHARED = """
sale 1 accrues  | 130.20 | 4 : 6 | anna
sale 2 accrues  | 100.00 | 3 : 7 | bo
sale 3 accrues  |  33.33 | 5 : 5 | anna
it was sale 4   |  20.00 | 3 : 7 | bo
sale 5 is heard |  10.00 | 5 : 5 | anna
"""

ANNA_HELD = """
09-01  66.40  66.40
09-03  14.16  80.56
09-05 -33.20  47.36
09-15 -33.20  14.16
09-18 -14.16   0.00
09-20  14.16  14.16
09-29   4.25  18.41
"""


@dataclass
class Event:
    """Amounts of lines in minor units, debit positive; of balances each on its account's own side."""

    day: date
    text: str
    lines: list[tuple[str, int]] = field(default_factory=list)
    after: dict[str, int] = field(default_factory=dict)

    def entry(self, period: date | None = None) -> NewEntry:
        return NewEntry(
            idempotency_key=f"{self.day} {self.text}",
            effective_on=self.day,
            description=self.text,
            lines=tuple(Line(ACCOUNTS[name], "CNY", amount) for name, amount in self.lines),
            period=period,
        )


def events_of(table: str) -> list[Event]:
    """The rows of a table; one without a day goes on with the row above it."""
    events: list[Event] = []
    for row in table.strip().splitlines()[2:]:
        day, text, debit, credit, after = (cell.strip() for cell in row.split("|"))
        if day:
            events.append(Event(day_of(day), text))
        elif text:
            events[-1].text += f" {text}"
        events[-1].lines += [*amounts_of(debit), *((name, -amount) for name, amount in amounts_of(credit))]
        events[-1].after |= dict(amounts_of(after))
    return events


def amounts_of(cell: str) -> list[tuple[str, int]]:
    """`agency held 13.02`, once or several times."""
    found = re.findall(r"([a-z][a-z ]*?) +(-?[0-9.]+)", cell)
    return [(name, parse_amount(amount, "CNY")) for name, amount in found]


def day_of(day: str) -> date:
    return date.fromisoformat(f"2025-{day}")


def own_side(code: str, balance: int) -> int:
    return balance if code.startswith(("assets:", "expenses:")) else -balance


def in_words(balances: dict[str, int]) -> dict[str, str]:
    """By the accountant's names, in yuan, each on its own side."""
    names = {code: name for name, code in ACCOUNTS.items()}
    return {names[code]: format_amount(own_side(code, balance), "CNY") for code, balance in balances.items()}


def as_said(amounts: dict[str, int]) -> dict[str, str]:
    return {name: format_amount(amount, "CNY") for name, amount in amounts.items()}


def rule_of(ratio: str, party: str) -> SplitRule:
    host, clipper = ratio.split(" : ")
    return SplitRule(
        currency="CNY",
        takes=(Take("deferred", "5%"), Take("agency held", "10%")),
        shares=(Share("host held", int(host)), Share(f"{party} held", int(clipper))),
    )


@pytest.fixture
async def accountant(app_engine: AsyncEngine) -> Bookkeeper:
    """Keeps a book with the accounts of the example, and September in it, entry by entry."""
    keeper = await Bookkeeper.of_new_book(app_engine, [NewAccount(code, "CNY") for code in ACCOUNTS.values()])
    for event in events_of(SEPTEMBER):
        await keeper.post(event.entry())
        now = in_words({code: await keeper.balance(code) for code in (ACCOUNTS[name] for name in event.after)})
        assert now == as_said(event.after), event.text
    return keeper


async def test_september_ends_with_the_balances_that_the_accountant_expects(accountant: Bookkeeper) -> None:
    expected = as_said(dict(amounts_of(END_OF_SEPTEMBER)))
    assert in_words(await accountant.balances()) == expected
    trial = await accountant.trial_balance()
    assert trial.debits == trial.credits == {"CNY": 141_17}
    await accountant.check()


@pytest.mark.parametrize("sale", SHARED.strip().splitlines())
def test_the_accountant_shares_a_sale_as_the_rule_does(sale: str) -> None:
    text, gross, ratio, party = (cell.strip() for cell in sale.split("|"))
    event = next(event for event in events_of(SEPTEMBER) + events_of(OCTOBER) if event.text.startswith(text))
    parts = evaluate(rule_of(ratio, party), parse_amount(gross, "CNY")).parts
    assert {name: -amount for name, amount in event.lines if amount < 0} == parts


def test_the_accountant_takes_a_refund_back_as_the_rule_does() -> None:
    accrual, refund = (
        next(each for each in events_of(SEPTEMBER) if text in each.text) for text in ("sale 1 a", "half")
    )
    accrued = {name: -amount for name, amount in accrual.lines if amount < 0}
    change = evaluate_change(rule_of("4 : 6", "anna"), accrued, 65_10)
    assert {name: -amount for name, amount in refund.lines if amount > 0} == change


async def test_clearing_accounts_return_to_zero(accountant: Bookkeeper) -> None:
    balances = await accountant.balances()
    clearing = [code for name, code in ACCOUNTS.items() if name in ("transit", "suspense") or "paying" in name]
    assert not set(clearing) & set(balances)
    assert "liabilities:frozen:anna" not in balances


async def test_posting_the_month_again_in_one_batch_changes_nothing(accountant: Bookkeeper) -> None:
    async with nothing_changes(accountant):
        again = await accountant.post_batch([event.entry() for event in events_of(SEPTEMBER)])
        assert not any(posted.created for posted in again)


async def test_a_sale_heard_of_after_the_close_is_booked_in_october_and_keeps_its_day(accountant: Bookkeeper) -> None:
    await accountant.lock("2025-09")
    late, *rest = events_of(OCTOBER)
    with pytest.raises(PeriodLocked):
        await accountant.post(late.entry())
    for event in (late, *rest):
        await accountant.post(event.entry(period=date(2025, 10, 1)))
        now = in_words({code: await accountant.balance(code) for code in (ACCOUNTS[name] for name in event.after)})
        assert now == as_said(event.after), event.text
    closed = in_words(await accountant.balances(at(through="2025-09")))
    assert closed == as_said(dict(amounts_of(END_OF_SEPTEMBER)))
    known_since = in_words(await accountant.balances(at(as_of="2025-09-30")))
    assert known_since == {**closed, "market": "-36.67", "deferred": "2.17", "agency held": "4.33",
                           "host held": "18.42", "anna held": "18.41"}  # fmt: skip
    statement = [
        f"{line.effective_on:%m-%d} {format_amount(-line.amount, 'CNY'):>6} {format_amount(-line.balance, 'CNY'):>6}"
        for line in await accountant.statement(ACCOUNTS["anna held"])
    ]
    assert statement == ANNA_HELD.strip().splitlines()
    await accountant.seal_all()
    assert (await accountant.check()).unsealed == 0
