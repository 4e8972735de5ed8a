"""Tax in a book: dated rules and profiles, what was paid before, and what is withheld of what is paid next."""

from datetime import date
from typing import Any

import msgspec
import pytest
from httpx import AsyncClient
from sqlalchemy.exc import IntegrityError, ProgrammingError
from sqlalchemy.ext.asyncio import AsyncEngine

from clipledger.access import roles
from ledger.accounts import NewAccount, ensure_accounts
from ledger.entries import Line, NewEntry, post, reverse
from ledger.errors import InvalidAmount, UnknownCurrency
from settlement.errors import InvalidWithholding, RuleExists, UnknownParty
from settlement.tax import Payment, Withheld, list_withholdings, record_withheld, withheld_lines, withhold
from settlement.tax_rules import TaxProfile, add_rule, list_profiles, list_rules, set_profile
from settlement.withholding import Bracket, Brackets, Flat, Rule
from tests.clipledger.front_door import Person as User
from tests.clipledger.front_door import posting, problem
from tests.licensing.house import Granted, Host, NewGrant, NewUser
from tests.settlement.books import Closer, told
from tests.settlement.shop import in_sql, sums
from tests.settlement.test_withholding import EXAMPLES, example
from tests.settlement.till import Till

WHY = "No Form W-9 by the day of payment."
LONG_AGO = date(2019, 1, 1)


@pytest.fixture
def till(app_engine: AsyncEngine, host: Host) -> Till:
    return Till(app_engine, host)


@pytest.fixture
async def ana(host: Host, new_grant: NewGrant) -> str:
    return party(await new_grant(host))


def party(granted: Granted) -> str:
    return f"clipper-{granted.clipper.clipper_id}"


async def rule(till: Till, code: str, its: Rule | None = None, valid_from: date = LONG_AGO) -> None:
    async with till.engine.begin() as connection:
        await add_rule(connection, till.book_id, "user:1", code, valid_from, its or example(code))


async def profile(till: Till, whose: str, code: str | None, valid_from: date = LONG_AGO, why: str = WHY) -> TaxProfile:
    async with till.engine.begin() as connection:
        return await set_profile(connection, till.book_id, "user:1", whose, code, valid_from, why)


async def worked_out(till: Till, *payments: Payment) -> list[Withheld]:
    async with till.engine.connect() as connection:
        return await withhold(connection, till.book_id, payments)


async def pay(till: Till, payment: Payment) -> tuple[Withheld, int]:
    """With the tax alone in its entry; what was withheld, and the entry."""
    async with till.engine.begin() as connection:
        (its,) = await withhold(connection, till.book_id, [payment])
        net, kept = its.gross - its.withheld, withheld_lines(its.party, its.authority, its.withheld)
        lines = [
            Line(f"liabilities:available:{its.party}", its.currency, net),
            Line("assets:bank", its.currency, -net),
            *(Line(account, its.currency, amount) for account, amount in kept.items()),
        ]
        await ensure_accounts(connection, till.book_id, [NewAccount(line.account, line.currency) for line in lines])
        key = f"payout:{its.party}:{its.paid_on}:{its.gross}"
        entry = NewEntry(idempotency_key=key, effective_on=its.paid_on, description="Payout", lines=tuple(lines))
        number = (await post(connection, till.book_id, entry)).entry_id
        await record_withheld(connection, till.book_id, [its], [number])
    return its, number


def cny(whose: str, gross: int, day: int = 5, month: int = 10) -> Payment:
    return Payment(whose, "CNY", gross, date(2026, month, day))


# What is withheld -------------------------------------------------------------------------------------------


async def test_payments_of_a_month_are_taken_together_and_those_of_the_next_begin_anew(till: Till, ana: str) -> None:
    """3,000.00, then 2,000.00: 440.00 and 360.00, as docs/withholding.md has it; in November 440.00 again."""
    await rule(till, "cn-labour-service")
    await profile(till, ana, "cn-labour-service")
    amounts = [(await pay(till, each))[0].withheld for each in (
        cny(ana, 300_000, 5), cny(ana, 200_000, 20), cny(ana, 300_000, 1, 11)
    )]  # fmt: skip
    assert amounts == [44_000, 36_000, 44_000]
    assert sums(await till.balances(), "cn-sta") == {"withheld": 124_000}
    async with till.engine.connect() as connection:
        found = await list_withholdings(connection, till.book_id, party=ana, month=date(2026, 10, 1))
    assert [(its.gross, its.withheld, its.code) for its in found] == [
        (200_000, 36_000, "cn-labour-service"),
        (300_000, 44_000, "cn-labour-service"),
    ]
    assert found[0].steps[-1] == "withheld before 440.00 CNY, now 360.00 CNY"


async def test_payments_of_one_call_are_taken_together_by_their_days(till: Till, ana: str) -> None:
    await rule(till, "cn-labour-service")
    await profile(till, ana, "cn-labour-service")
    later, other, first = await worked_out(till, cny(ana, 200_000, 20), cny("host", 10_000), cny(ana, 300_000, 5))
    assert (first.withheld, later.withheld, other.withheld) == (44_000, 36_000, 0)
    assert (later.net, later.authority, other.authority, other.code) == (164_000, "cn-sta", None, None)


async def test_payments_of_a_year_are_taken_together_and_those_of_the_next_begin_anew(till: Till, ana: str) -> None:
    brackets = (Bracket(up_to=10_000, rate="0%"), Bracket(rate="20%", quick_deduction=2_000))
    await rule(till, "yearly", Brackets(authority="x", currency="CNY", period="year", brackets=brackets))
    await profile(till, ana, "yearly")
    payments = [Payment(ana, "CNY", 10_000, day) for day in (date(2025, 12, 31), date(2026, 1, 1), date(2026, 11, 5))]
    assert [each.withheld for each in await worked_out(till, *payments)] == [0, 0, 2_000]
    assert [(await pay(till, payment))[0].withheld for payment in payments] == [0, 0, 2_000]


async def test_payments_without_a_rule_are_on_record_and_count_when_there_is_one(till: Till, ana: str) -> None:
    assert (await pay(till, cny(ana, 300_000, 5)))[0].withheld == 0
    await rule(till, "cn-labour-service")
    await profile(till, ana, "cn-labour-service", date(2026, 10, 10))
    assert (await worked_out(till, cny(ana, 200_000, 9)))[0].withheld == 0
    assert (await worked_out(till, cny(ana, 200_000, 10)))[0].withheld == 80_000  # of 5,000.00, none withheld before


async def test_a_payment_that_was_taken_back_counts_no_longer(till: Till, ana: str) -> None:
    await rule(till, "cn-labour-service")
    await profile(till, ana, "cn-labour-service")
    _, entry = await pay(till, cny(ana, 300_000, 5))
    async with till.engine.begin() as connection:
        await reverse(connection, till.book_id, entry, idempotency_key="failed", effective_on=date(2026, 10, 7))
    assert (await worked_out(till, cny(ana, 200_000, 20)))[0].withheld == 24_000  # (2,000 − 800) × 20 %
    assert sums(await till.balances(), "cn-sta") == {}


async def test_the_rule_and_the_profile_of_the_day_count_and_what_was_said_last(till: Till, ana: str) -> None:
    def flat(rate: str) -> Flat:
        return Flat(authority="us-irs", rate=rate)

    await rule(till, "us-backup", flat("24%"))
    await rule(till, "us-backup", flat("28%"), date(2026, 10, 15))
    await rule(till, "us-w9")
    await profile(till, ana, "us-backup", date(2026, 10, 2))
    await profile(till, ana, "us-backup", date(2026, 10, 20))
    await profile(till, ana, "us-w9", date(2026, 10, 20), "It came")
    await profile(till, ana, None, date(2026, 10, 25), "Moved away")
    made = await worked_out(till, *(Payment(ana, "USD", 100_00, date(2026, 10, day)) for day in (1, 2, 14, 15, 20, 25)))
    assert [(its.code, its.withheld) for its in made] == [
        (None, 0), ("us-backup", 2_400), ("us-backup", 2_400), ("us-backup", 2_800), ("us-w9", 0), (None, 0)
    ]  # fmt: skip
    assert [its.valid_from for its in made[1:4]] == [LONG_AGO, LONG_AGO, date(2026, 10, 15)]


async def test_a_payment_in_another_currency_than_its_rule_is_blocked_and_never_recorded(till: Till, ana: str) -> None:
    await rule(till, "cn-labour-service")
    await profile(till, ana, "cn-labour-service")
    (its,) = await worked_out(till, Payment(ana, "USD", 10_000, date(2026, 10, 5)))
    assert its.blocked == "the rule cn-labour-service is in CNY, the payment in USD"
    async with till.engine.begin() as connection:
        with pytest.raises(InvalidWithholding):
            await record_withheld(connection, till.book_id, [its], [1])


async def test_what_is_no_payment_is_refused(till: Till, ana: str) -> None:
    for bad, refusal in (
        (cny(ana, 0), InvalidWithholding),
        (cny(ana, -5), InvalidWithholding),
        (msgspec.structs.replace(cny(ana, 5), taxed_before=6), InvalidWithholding),
        (cny(ana, 2**63), InvalidAmount),
        (Payment(ana, "XXX", 5, LONG_AGO), UnknownCurrency),
    ):
        with pytest.raises(refusal, match=r"payments\[1\]"):
            await worked_out(till, cny(ana, 1), bad)
    assert await worked_out(till) == []


async def test_another_book_s_rules_and_payments_do_not_count(
    till: Till, ana: str, new_host: Any, new_grant: NewGrant
) -> None:
    await rule(till, "us-backup")
    other = Till(till.engine, await new_host())
    await profile(till, "host", "us-backup")
    assert (await worked_out(other, cny("host", 100)))[0].withheld == 0
    with pytest.raises(InvalidWithholding, match="no rule of this code"):
        await profile(other, "host", "us-backup")
    with pytest.raises(UnknownParty):
        await profile(other, ana, None)


async def test_a_clipper_reads_on_its_statement_what_was_withheld(till: Till, ana: str) -> None:
    closer = Closer(till)
    await rule(till, "us-backup")
    await profile(till, ana, "us-backup")
    await closer.post(
        date(2026, 10, 3), "Earned", {f"liabilities:available:{ana}": -10_000, "assets:bank": 10_000}, "USD"
    )
    (its,) = await worked_out(till, Payment(ana, "USD", 10_000, date(2026, 10, 5)))
    lines = withheld_lines(ana, its.authority, its.withheld)
    await closer.post(date(2026, 10, 5), "Backup withholding", lines, "USD")
    await closer.draft()
    assert told(await closer.statement(ana, currency="USD"))[1] == (
        "withholding", "Backup withholding", 0, {"available": -2_400}
    )  # fmt: skip


# Rules and profiles -----------------------------------------------------------------------------------------


async def test_rules_are_added_and_never_changed(till: Till) -> None:
    await rule(till, "us-backup")
    with pytest.raises(RuleExists):
        await rule(till, "us-backup", Flat(authority="us-irs", rate="1%"))
    await rule(till, "us-backup", Flat(authority="us-irs", rate="1%"), date(2027, 1, 1))
    async with till.engine.connect() as connection:
        found = await list_rules(connection, till.book_id)
    assert [(its.valid_from, its.rule) for its in found] == [
        (date(2027, 1, 1), Flat(authority="us-irs", rate="1%")),
        (LONG_AGO, example("us-backup")),
    ]
    for code, day, bad in (
        ("US", LONG_AGO, example("us-backup")),
        ("x" * 41, LONG_AGO, example("us-backup")),
        ("x", date(1999, 12, 31), example("us-backup")),
        ("x", date(2200, 1, 1), example("us-backup")),
        ("x", LONG_AGO, Flat(authority="us-irs", rate="101%")),
    ):
        with pytest.raises(InvalidWithholding):
            await rule(till, code, bad, day)


async def test_a_profile_names_a_rule_in_force_a_party_and_a_reason(till: Till, ana: str) -> None:
    await rule(till, "us-backup")
    for whose, code, day, why, refusal in (
        (ana, "us-backup", date(2018, 12, 31), WHY, InvalidWithholding),
        (ana, "nothing", LONG_AGO, WHY, InvalidWithholding),
        (ana, "a\0", LONG_AGO, WHY, InvalidWithholding),
        (ana, "us-backup", LONG_AGO, " ", InvalidWithholding),
        (ana, "us-backup", date(2200, 1, 1), WHY, InvalidWithholding),
        ("clipper-0", "us-backup", LONG_AGO, WHY, UnknownParty),
    ):
        with pytest.raises(refusal):
            await profile(till, whose, code, day, why)
    first, second = await profile(till, ana, "us-backup"), await profile(till, "host", None)
    async with till.engine.connect() as connection:
        assert await list_profiles(connection, till.book_id) == [second, first]
        assert await list_profiles(connection, till.book_id, party=ana) == [first]
        assert await list_profiles(connection, till.book_id, before=second.profile_id, limit=1) == [first]


@pytest.mark.parametrize("table", ["withholding_rules", "tax_profiles", "withholdings"])
async def test_what_was_said_and_withheld_stays(till: Till, ana: str, table: str) -> None:
    await rule(till, "us-backup")
    await profile(till, ana, "us-backup")
    await pay(till, Payment(ana, "USD", 10_000, date(2026, 10, 5)))
    for attack in (
        f"DELETE FROM settlement.{table} WHERE book_id = :book",
        f"UPDATE settlement.{table} SET code = code WHERE book_id = :book",
        f"TRUNCATE settlement.{table} CASCADE",
    ):
        with pytest.raises((IntegrityError, ProgrammingError)):
            await in_sql(till, attack)


# Over HTTP --------------------------------------------------------------------------------------------------


@pytest.fixture
async def finance(new_user: NewUser, host: Host) -> User:
    return await new_user(roles.ROLES["finance"], "finance", host.book)


@pytest.fixture
async def approver(new_user: NewUser, host: Host) -> User:
    return await new_user(roles.ROLES["approver"], "approver", host.book)


async def test_rules_profiles_and_withholdings_over_http(
    client: AsyncClient, till: Till, ana: str, finance: User, approver: User
) -> None:
    path = till.host.path
    rules = f"{path}/withholding-rules"
    for code, body in EXAMPLES.items():
        assert (await client.post(rules, headers=posting(finance), json=body)).status_code == 403
        made = await client.post(rules, headers=posting(approver), json=body)
        assert (made.status_code, made.json()["code"]) == (201, code)
    again = await client.post(rules, headers=posting(approver), json=EXAMPLES["us-backup"])
    assert problem(again)["type"] == "/problems/rule-exists"
    shown = (await client.get(rules, headers=finance.bearer)).json()
    assert [each["code"] for each in shown] == sorted(EXAMPLES)

    said = {"party": ana, "code": "us-backup", "valid_from": "2026-01-01", "reason": WHY}
    made = await client.post(f"{path}/tax-profiles", headers=posting(finance), json=said)
    assert made.status_code == 201
    profiles = (await client.get(f"{path}/tax-profiles?party={ana}", headers=finance.bearer)).json()
    assert profiles["data"] == [made.json()]
    assert made.json()["set_by"].startswith("key:")

    await pay(till, Payment(ana, "USD", 10_000, date(2026, 10, 5)))
    found = (await client.get(f"{path}/withholdings?party={ana}&month=2026-10", headers=finance.bearer)).json()
    assert [(its["gross"], its["withheld"]) for its in found["data"]] == [(10_000, 2_400)]
    other = (await client.get(f"{path}/withholdings?month=2026-11", headers=finance.bearer)).json()
    assert other["data"] == []
    for month in ("x", "0001-01", "9999-12"):
        assert (await client.get(f"{path}/withholdings?month={month}", headers=finance.bearer)).status_code == 422


@pytest.mark.parametrize(
    ("path", "wrong"),
    [
        ("withholding-rules", {"code": "X"}),
        ("withholding-rules", {"valid_from": "1999-01-01"}),
        ("withholding-rules", {"rule": {"kind": "flat", "authority": "x", "rate": "200%"}}),
        ("withholding-rules", {"rule": {"kind": "guess"}}),
        ("tax-profiles", {"code": "nothing"}),
        ("tax-profiles", {"party": "clipper-99999999999999999999"}),
        ("tax-profiles", {"reason": "\0"}),
    ],
)
async def test_bad_input_is_refused(
    client: AsyncClient, till: Till, ana: str, finance: User, approver: User, path: str, wrong: dict[str, Any]
) -> None:
    good = EXAMPLES["us-backup"]
    if path == "tax-profiles":
        await rule(till, "us-backup")
        good = {"party": ana, "code": "us-backup", "valid_from": "2026-01-01", "reason": WHY}
    who = finance if path == "tax-profiles" else approver
    answer = await client.post(f"{till.host.path}/{path}", headers=posting(who), json={**good, **wrong})
    assert answer.status_code in (400, 422)
