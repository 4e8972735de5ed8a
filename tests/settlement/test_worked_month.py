"""A month in the books of one host, October 2026, with every sum worked out by hand.

The host sells on one marketplace, in China for yuan and in the United States for dollars. Its terms:

    CNY   platform 5 %, agency 3 10 %; host and clipper share the rest 4 : 6, and 35 : 65 once the clipper's net sales
          of the month reach 300,000.00. Hold 5 days; a reserve of 10 % for 7 days more; of what is owed back at most
          30 % of a payment is recovered.
    USD   platform 5 %; host and clipper share the rest 1 : 1. Hold 5 days, no reserve.

    so of 10,000.00 CNY of commission     500.00 platform, 1,000.00 agency, 3,400.00 host, 5,100.00 clipper
    and of 1,000.00 USD                    50.00 platform,                    475.00 host,   475.00 clipper

Ana and Ben are clippers in China, Cara in the United States. Commission is a tenth of what is sold.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from typing import Any
from uuid import uuid4

import pytest
from msgspec.structs import replace
from sqlalchemy.ext.asyncio import AsyncEngine

from ledger.accounts import NewAccount, ensure_accounts
from ledger.entries import Line, NewEntry, post_batch
from ledger.splits import Share, SplitRule, Take, Tier
from ledger.verification import verify
from licensing.terms import Terms
from media.storage import Storage
from settlement import adjustments
from settlement.adjustments import Proposed
from settlement.recovering import Payable, lock_balances, payables, recovery_lines
from settlement.remittances import NewRemittance, record_remittances
from settlement.reports.roll_forward_sql import MOVES
from settlement.resolutions import resolve
from settlement.tax import Payment, record_withheld, withheld_lines, withhold
from settlement.tax_rules import add_rule, set_profile
from settlement.true_ups import list_true_ups
from tests.licensing.house import TERMS, Granted, Host, NewGrant, NewHost
from tests.settlement import rolls
from tests.settlement.books import APPROVER, FINANCE, OCTOBER, Closer, moved, told
from tests.settlement.desk import Desk
from tests.settlement.market import written
from tests.settlement.shop import WITHDRAWN, decide, dispute, settle, sums
from tests.settlement.test_withholding import example
from tests.settlement.till import Till

YUAN: Terms = replace(
    TERMS,
    split=SplitRule(
        currency="CNY",
        takes=(Take("platform", "5%"), Take("agency", "10%")),
        shares=(Share("host", 4), Share("clipper", 6)),
        tiers=(Tier(300_000_00, (35, 65)),),
    ),
    agency=3,
    hold_days=5,
    reserve="10%",
    reserve_days=7,
    recovery_cap="30%",
)
DOLLARS: Terms = replace(
    TERMS,
    split=SplitRule(currency="USD", takes=(Take("platform", "5%"),), shares=(Share("host", 1), Share("clipper", 1))),
    hold_days=5,
)


def day(number: int) -> date:
    return date(2026, 10, number)


# The reports ------------------------------------------------------------------------------------------------


def order(
    number: int, handle: str, sold: int, estimated: int, state: str, settled: int | None = None, actual: int = 0,
    currency: str = "CNY",
) -> tuple[str, ...]:  # fmt: skip
    """An order line as the marketplace tells it: sold on a day of October, commission in whole units. Net sales are
    ten times what the commission is now.
    """
    now = {"pending": estimated, "settled": actual, "void": 0}[state]
    return (
        "shop", f"O-{number}", "1", currency, "P-1", "1", "0", f"{estimated * 10}.00", f"{now * 10}.00",
        f"{estimated}.00", f"{actual}.00" if state == "settled" else "", state, "tiktok", handle, "", "", "",
        f"2026-10-{sold:02}T12:00:00+08:00", f"2026-10-{settled:02}T12:00:00+08:00" if settled else "",
    )  # fmt: skip


@dataclass(frozen=True)
class Month:
    """The host's month, with what happens in it; each act is a transaction of its own."""

    desk: Desk
    ana: Granted
    ben: Granted
    cara: Granted

    @property
    def till(self) -> Till:
        return Till(self.desk.engine, self.desk.host)

    @property
    def closer(self) -> Closer:
        return Closer(self.till)

    @property
    def reports(self) -> dict[date, bytes]:
        """By the day of which each tells."""
        ana, ben, cara = (self.handle(grant) for grant in (self.ana, self.ben, self.cara))
        first = [
            order(1, ana, 1, 10_000, "settled", 2, 10_000),
            order(2, ana, 2, 20_000, "pending"),
            order(3, ben, 2, 10_000, "settled", 2, 10_000),
            order(4, "nobody", 2, 4_000, "settled", 2, 4_000),  # whose account this is, nobody has said
            order(5, cara, 1, 1_000, "settled", 2, 1_000, "USD"),
        ]
        half = order(2, ana, 2, 20_000, "settled", 4, 10_000)  # one of the two was sent back
        third = [
            order(2, ana, 2, 20_000, "void"),  # and now the other, too
            order(6, ana, 13, 20_000, "settled", 14, 20_000),
            order(7, ben, 14, 10_000, "settled", 14, 10_000),
        ]
        last = [third[1], order(8, ana, 30, 10_000, "pending")]
        return {
            day(3): written(first), day(5): written([first[0], half]), day(15): written(third), day(31): written(last)
        }  # fmt: skip

    @staticmethod
    def handle(grant: Granted) -> str:
        return grant.clipper.accounts[0].removeprefix("tiktok:")

    @staticmethod
    def party(grant: Granted) -> str:
        return f"clipper-{grant.clipper.clipper_id}"

    async def read(self, told_of: date) -> None:
        await self.desk.read(self.reports[told_of], told_of)

    async def resolve(self, on: date) -> None:
        """Ben says that the account is his, and finance believes it."""
        async with self.desk.engine.begin() as connection:
            said = "He has shown us the account"
            await resolve(
                connection, self.desk.book_id, "user:1", "handle:tiktok:nobody", self.ben.grant_id, said, today=on
            )

    async def receive(self, on: date, currency: str, amount: int) -> None:
        async with self.desk.engine.begin() as connection:
            its = NewRemittance(
                marketplace="shop", currency=currency, amount=amount, received_on=on, account="assets:bank",
                reference=f"{on} {currency}",
            )  # fmt: skip
            await record_remittances(connection, self.desk.book_id, "user:1", [its])

    async def adjust(self, on: date, **what: Any) -> None:
        """Finance proposes it, somebody else approves."""
        async with self.desk.engine.begin() as connection:
            asked = Proposed(currency="CNY", **what)
            its = await adjustments.propose(connection, self.desk.book_id, FINANCE, asked)
        async with self.desk.engine.begin() as connection:
            await adjustments.approve(connection, self.desk.book_id, its.adjustment_id, APPROVER, today=on)

    async def tax(self, grant: Granted, code: str) -> None:
        async with self.desk.engine.begin() as connection:
            its = self.desk.book_id, "user:1"
            await add_rule(connection, *its, code, date(2026, 1, 1), example(code))
            await set_profile(connection, *its, self.party(grant), code, date(2026, 1, 1), "By its papers")

    async def pay(self, grant: Granted, on: date) -> Payable:
        """All that is available: kept back what is owed, withheld the tax, then approved, sent and confirmed."""
        async with self.desk.engine.begin() as connection:
            book_id = self.desk.book_id
            await lock_balances(connection, book_id)
            (its,) = await payables(connection, book_id, parties=[self.party(grant)])
            (taxed,) = await withhold(connection, book_id, [Payment(its.party, its.currency, its.gross, on)])
            paying, available = f"liabilities:paying:{its.party}", f"liabilities:available:{its.party}"
            steps = {
                "Kept back for what was refunded": _lines(its.currency, recovery_lines(its.party, its.recovery)),
                "Tax withheld": _lines(its.currency, withheld_lines(its.party, taxed.authority, taxed.withheld)),
                "Payout approved": _lines(its.currency, {available: taxed.net, paying: -taxed.net}),
                "Payout sent": _lines(its.currency, {"assets:in-transit:bank": taxed.net, "assets:bank": -taxed.net}),
                "Payout confirmed": _lines(its.currency, {paying: taxed.net, "assets:in-transit:bank": -taxed.net}),
            }
            entries = [
                NewEntry(idempotency_key=uuid4().hex, effective_on=on, description=said, lines=lines)
                for said, lines in steps.items()
                if lines
            ]
            accounts = {(line.account, line.currency) for entry in entries for line in entry.lines}
            await ensure_accounts(connection, book_id, [NewAccount(*name) for name in sorted(accounts)])
            posted = await post_batch(connection, book_id, entries)
            booked = next(
                made.entry_id
                for entry, made in zip(entries, posted, strict=True)
                if entry.description == "Tax withheld"
            )
            await record_withheld(connection, book_id, [taxed], [booked])
        return its


def _lines(currency: str, amounts: Mapping[str, int]) -> tuple[Line, ...]:
    return tuple(Line(account, currency, amount) for account, amount in amounts.items())


async def month_of(engine: AsyncEngine, storage_url: str, host: Host, new_grant: NewGrant, like: Month | None) -> Month:
    """With new clippers, or those of another."""
    people = [each.clipper for each in (like.ana, like.ben, like.cara)] if like else [None] * 3
    ana = await new_grant(host, terms=YUAN, clipper=people[0])
    ben = await new_grant(host, offer_id=ana.offer_id, clipper=people[1])
    cara = await new_grant(host, terms=DOLLARS, clipper=people[2])
    return Month(Desk(engine, Storage(storage_url), host, [ana, ben, cara]), ana, ben, cara)


@pytest.fixture
async def october(app_engine: AsyncEngine, host: Host, new_grant: NewGrant, storage_url: str) -> Month:
    return await month_of(app_engine, storage_url, host, new_grant, None)


@pytest.fixture
async def again(october: Month, new_host: NewHost, new_grant: NewGrant, storage_url: str) -> Month:
    """The same at another host's."""
    return await month_of(october.desk.engine, storage_url, await new_host(), new_grant, october)


# The month --------------------------------------------------------------------------------------------------


async def test_october(october: Month) -> None:
    ana, ben, cara = (october.party(grant) for grant in (october.ana, october.ben, october.cara))

    async def stands(party: str, currency: str = "CNY") -> dict[str, int]:
        return sums(await october.till.balances(currency), party)

    await october.tax(october.ana, "cn-labour-service")
    await october.tax(october.cara, "us-backup")

    # 3 October: the first report. Two sales have settled, all is still held; order 4 is nobody's.
    #   Ana   10,000 and (pending) 20,000: 5,100 + 10,200 = 15,300     Ben 5,100     Cara 475 USD
    await october.read(day(3))
    assert await stands(ana) == {"held": 15_300_00}
    assert await stands(ben) == {"held": 5_100_00}
    assert await stands(cara, "USD") == {"held": 475_00}
    assert await stands("agency-3") == {"held": 4_000_00}
    assert (await october.till.balances())["liabilities:suspense"] == -4_000_00

    # 5 October: half of order 2 came back while it was held; it settled at 10,000.00. Ana has 5,100 of it, not 10,200.
    await october.read(day(5))
    assert await stands(ana) == {"held": 10_200_00}

    # 7 October: the hold of what settled on the 2nd has ended. A tenth of a clipper's part is kept: 510.00.
    await settle(october.till, day(7))
    assert await stands(ana) == {"held": 5_100_00, "available": 4_590_00, "reserve": 510_00}
    assert await stands(ben) == {"available": 4_590_00, "reserve": 510_00}
    assert await stands(cara, "USD") == {"available": 475_00}

    # 9 October: order 2, too.
    await settle(october.till, day(9))
    assert await stands(ana) == {"available": 9_180_00, "reserve": 1_020_00}

    # 10 October: order 4 is Ben's. 2,040.00 of 4,000.00 are his; the hold has ended on the 7th, 204.00 are kept.
    await october.resolve(day(10))
    assert await stands(ben) == {"available": 6_426_00, "reserve": 714_00}
    assert "liabilities:suspense" not in await october.till.balances()

    # 11 October: the marketplace pays 30,000.00 CNY of 34,000.00, and all 1,000.00 USD.
    await october.receive(day(11), "CNY", 30_000_00)
    await october.receive(day(11), "USD", 1_000_00)
    assert (await october.till.balances())["assets:marketplace:shop"] == 4_000_00

    # 12 October: Ana and Cara are paid.
    #   Ana    9,180.00 × 80 % = 7,344.00 × 20 % = 1,468.80 tax, so 7,711.20
    #   Cara     475.00 × 24 %                   =   114.00 tax, so   361.00
    paid = await october.pay(october.ana, day(12))
    assert (paid.available, paid.recovery, paid.gross) == (9_180_00, 0, 9_180_00)
    await october.pay(october.cara, day(12))
    assert await stands(ana) == {"reserve": 1_020_00}
    assert await stands(cara, "USD") == {}
    assert (await october.till.balances())["assets:bank"] == 22_288_80  # 30,000.00 − 7,711.20
    assert await stands("cn-sta") == {"withheld": 1_468_80}
    assert await stands("us-irs", "USD") == {"withheld": 114_00}

    # 14 October: the reserves of orders 1, 3 and 4 have ended: Ana 510.00, Ben 510.00 + 204.00.
    await settle(october.till, day(14))
    assert await stands(ana) == {"available": 510_00, "reserve": 510_00}
    assert await stands(ben) == {"available": 7_140_00}

    # 15 October: the rest of order 2 came back, after it was paid: 4,590.00 of what is available, and its reserve.
    #   510.00 − 4,590.00 = −4,080.00, which Ana owes. Order 6 is new: 10,200.00 of 20,000.00.
    await october.read(day(15))
    assert await stands(ana) == {"held": 10_200_00, "available": -4_080_00}
    await settle(october.till, day(15))
    assert await stands(ana) == {"held": 10_200_00, "recoverable": -4_080_00}

    # 16 October: the host says that Ben's sales are not true. All that comes of them is frozen, order 7 as well, in
    # every party's accounts: 7,140.00 + 5,100.00 of Ben's, 3,400.00 + 1,360.00 + 3,400.00 of the host's own.
    claim = await dispute(october.till, october.ben)
    await settle(october.till, day(16))
    assert await stands(ben) == {"frozen": 12_240_00}
    assert (await stands("host"))["frozen"] == 8_160_00
    assert (await stands("agency-3"))["frozen"] == 2_400_00

    # 19 October: order 6 is released, 1,020.00 of it kept.
    await settle(october.till, day(19))
    assert await stands(ana) == {"available": 9_180_00, "reserve": 1_020_00, "recoverable": -4_080_00}

    # 20 October: finance makes good 200.00 to Ana, at the host's expense; another person approves.
    why = "A return of September was not hers"
    await october.adjust(day(20), kind="adjustment", party=ana, amount=200_00, against="host", reason=why)

    # 22 October: the host withdraws its claim. Orders 3 and 4 are available again, their reserves are over; order 7
    # would have been released on the 19th, and 510.00 of it are kept until the 26th.
    await decide(october.till, claim, WITHDRAWN)
    await settle(october.till, day(22))
    assert await stands(ben) == {"available": 11_730_00, "reserve": 510_00}

    # 23 October: Ana is paid again. Of 9,180.00 + 200.00 at most 30 % go to what she owes:
    #   9,380.00 × 30 % = 2,814.00, leaving 6,566.00 to be paid and 4,080.00 − 2,814.00 = 1,266.00 owed.
    #   Tax of the month: (9,180.00 + 6,566.00) × 80 % = 12,596.80 × 20 % = 2,519.36, less 1,468.80 = 1,050.56.
    #   So 5,515.44 are sent.
    paid = await october.pay(october.ana, day(23))
    assert (paid.available, paid.recovery, paid.gross) == (9_380_00, 2_814_00, 6_566_00)
    assert await stands(ana) == {"reserve": 1_020_00, "recoverable": -1_266_00}
    assert await stands("cn-sta") == {"withheld": 2_519_36}

    # 26 October: the last reserves. 29 October: two people let Ana off 66.00.
    await settle(october.till, day(26))
    assert await stands(ana) == {"available": 1_020_00, "recoverable": -1_266_00}
    assert await stands(ben) == {"available": 12_240_00}
    off = "Less than it costs to ask for"
    await october.adjust(day(29), kind="write-off", party=ana, amount=66_00, against="book", reason=off)

    # 31 October: the last report. Order 8 is pending: 5,100.00 held.
    await october.read(day(31))
    assert await stands(ana) == {"held": 5_100_00, "available": 1_020_00, "recoverable": -1_200_00}

    # The close. Ana has sold 100,000.00 + 200,000.00 + 100,000.00 net, above 300,000.00; Ben 240,000.00.
    #   Host and clipper share 34,000.00 of her 40,000.00: 65 % are 22,100.00, of which she has 20,400.00.
    await october.closer.close()
    async with october.desk.engine.connect() as connection:
        (tier,) = await list_true_ups(connection, october.desk.book_id, OCTOBER)
        assert (await verify(connection, october.desk.book_id)).findings == []
    assert (tier.net_gmv, tier.clipper_part, tier.clipper_change) == (400_000_00, 20_400_00, 1_700_00)
    checklist = await october.closer.checklist()
    assert (checklist.state, checklist.locked) == ("issued", True)
    # Nobody has reconciled bank and Stripe, in yuan and in dollars; the close said why nevertheless.
    open_ = [(its.matter, its.currency) for its in checklist.exceptions]
    assert open_ == [("unreconciled", "CNY"), ("unreconciled", "USD")]
    assert [(each.currency, each.statements, each.closing) for each in checklist.statements] == [
        ("CNY", 4, 45_120_00),  # 6,620.00 + 12,240.00 + 19,860.00 + 6,400.00
        ("USD", 2, 475_00),
    ]

    # The roll-forward of all clippers in yuan: 30,600.00 + 12,240.00 earned, 10,200.00 refunded, 200.00 made good,
    # 1,700.00 for the tier; 4,080.00 became owed back, and 2,814.00 of it were kept. Once it is kept, it says the same.
    read = await rolls.read(october.till, OCTOBER)
    clippers = next(row for row in read[1].rows if (row.party, row.currency) == ("clippers", "CNY"))
    assert [getattr(clippers, move) for move in MOVES] == [
        42_840_00, -10_200_00, 200_00, 1_700_00, -2_519_36, 1_266_00, -13_226_64,
    ]  # fmt: skip
    assert (clippers.closing, clippers.recoverable) == (20_060_00, 1_200_00)
    assert await rolls.keep(october.till)
    assert await rolls.read(october.till, OCTOBER) == read

    # Ana's statement. Earned less refunded less tax less paid, and what she was let off:
    #   30,600.00 − 10,200.00 + 200.00 + 66.00 + 1,700.00 − 2,519.36 − 13,226.64 = 6,620.00
    whole = await october.closer.statement(ana)
    assert told(whole) == [
        ("earned", "P-1", 4, {"held": 30_600_00}),  # 5,100 + 10,200 + 10,200 + 5,100
        ("refund", "P-1", 1, {"held": -5_100_00, "available": -4_590_00, "reserve": -510_00}),
        ("adjustment", _reason(whole, why), 0, {"available": 200_00}),
        ("adjustment", _reason(whole, off), 0, {"recoverable": -66_00}),
        ("true-up", "Tiers reached by the end of 2026-10", 0, {"held": 1_700_00}),
        ("release", None, 3, {"held": -20_400_00, "available": 20_400_00}),
        ("reserve", None, 3, {"available": -510_00, "reserve": 510_00}),  # kept 2,040.00, let go 1,530.00
        ("recovery", "Refunded after it was paid: owed back", 0, {"available": 4_080_00, "recoverable": 4_080_00}),
        ("recovery", "Kept back for what was refunded", 0, {"available": -2_814_00, "recoverable": -2_814_00}),
        ("withholding", "Tax withheld", 0, {"available": -1_468_80}),
        ("withholding", "Tax withheld", 0, {"available": -1_050_56}),
        ("payout", "Payout approved", 0, {"available": -7_711_20, "paying": 7_711_20}),
        ("payout", "Payout confirmed", 0, {"paying": -7_711_20}),
        ("payout", "Payout approved", 0, {"available": -5_515_44, "paying": 5_515_44}),
        ("payout", "Payout confirmed", 0, {"paying": -5_515_44}),
    ]
    its = whole.statement
    assert (its.opening.total, its.closing.total) == (0, 6_620_00)
    assert moved(its.closing) == {"held": 6_800_00, "available": 1_020_00, "recoverable": 1_200_00}

    # Ben's: 5,100.00 + 2,040.00 + 5,100.00.
    whole = await october.closer.statement(ben)
    assert told(whole)[0] == ("earned", "P-1", 3, {"held": 10_200_00, "available": 1_836_00, "reserve": 204_00})
    assert moved(whole.statement.closing) == {"available": 12_240_00}

    # The host's: orders 1, 3, 4, 6 and 7 (3,400 + 3,400 + 1,360 + 6,800 + 3,400), less 200.00; held 3,400 − 1,700.
    whole = await october.closer.statement("host")
    assert moved(whole.statement.closing) == {"held": 1_700_00, "available": 18_160_00}
    assert moved((await october.closer.statement("host", currency="USD")).statement.closing) == {"available": 475_00}

    # The agency's: 1,000 + 1,000 + 400 + 2,000 + 1,000, and 1,000 held.
    whole = await october.closer.statement("agency-3")
    assert moved(whole.statement.closing) == {"held": 1_000_00, "available": 5_400_00}

    # Cara's: 475.00 earned, 114.00 withheld, 361.00 paid.
    whole = await october.closer.statement(cara, currency="USD")
    assert [(kind, amounts) for kind, _, _, amounts in told(whole)] == [
        ("earned", {"held": 475_00}),
        ("release", {"held": -475_00, "available": 475_00}),
        ("withholding", {"available": -114_00}),
        ("payout", {"available": -361_00, "paying": 361_00}),
        ("payout", {"paying": -361_00}),
    ]
    assert moved(whole.statement.closing) == {}

    # The trial balance: what there is, debits positive, sums to nothing in each currency.
    assert await october.till.balances("CNY") == {
        "assets:marketplace:shop": 34_000_00,  # orders of 64,000.00, of which 30,000.00 were paid
        "assets:bank": 16_773_36,  # 30,000.00 − 7,711.20 − 5,515.44
        f"assets:recoverable:{ana}": 1_200_00,
        "expenses:bad-debt": 66_00,
        f"liabilities:held:{ana}": -6_800_00,
        f"liabilities:available:{ana}": -1_020_00,
        f"liabilities:available:{ben}": -12_240_00,
        "liabilities:held:host": -1_700_00,
        "liabilities:available:host": -18_160_00,
        "liabilities:held:agency-3": -1_000_00,
        "liabilities:available:agency-3": -5_400_00,
        "liabilities:withheld:cn-sta": -2_519_36,
        "liabilities:deferred-fee": -500_00,  # of order 8
        "income:platform-fee": -2_700_00,
    }
    assert await october.till.balances("USD") == {
        "assets:bank": 639_00,  # 1,000.00 − 361.00
        "liabilities:available:host": -475_00,
        "liabilities:withheld:us-irs": -114_00,
        "income:platform-fee": -50_00,
    }


def _reason(whole: Any, why: str) -> str:
    """The label that ends with it."""
    (label,) = [line.label for line in whole.lines if line.label and line.label.endswith(f": {why}")]
    return str(label)


async def test_the_same_reports_in_another_order_make_the_same_books(october: Month, again: Month) -> None:
    """Once as the month went, and once the other way round, all at its end. Nobody is paid, for a payment follows from
    what was known on its day.
    """
    for told_of, then in ((3, 7), (5, 9), (15, 19), (31, 31)):
        await october.read(day(told_of))
        await settle(october.till, day(then))
    await october.resolve(day(31))
    claim = await dispute(october.till, october.ben)
    await settle(october.till, day(31))
    await decide(october.till, claim, WITHDRAWN)

    await again.resolve(day(1))
    for told_of in (31, 15, 3, 5):
        await again.read(day(told_of))
    for month in (october, again):
        await settle(month.till, day(31))
        await month.closer.close()
    assert await october.desk.balances() == await again.desk.balances()
    for party in (*(october.party(grant) for grant in (october.ana, october.ben)), "host", "agency-3"):
        its, other = [await month.closer.statement(party) for month in (october, again)]
        assert its.statement.closing == other.statement.closing
