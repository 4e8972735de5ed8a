"""Remittances: what a marketplace has paid is booked once, in a month that is open, and can be taken back."""

import asyncio
from collections.abc import Sequence
from datetime import date, timedelta
from typing import Any

import pytest
from httpx import AsyncClient
from sqlalchemy.exc import IntegrityError, ProgrammingError
from sqlalchemy.ext.asyncio import AsyncEngine

from clipledger.access import roles
from ledger.errors import InvalidAmount, UnknownCurrency
from ledger.periods import lock_period
from settlement.errors import InvalidRemittance, RemittanceDiffers, RemittanceNotFound, RemittanceReversed
from settlement.remittances import (
    NewRemittance,
    Remittance,
    find_remittance,
    list_remittances,
    record_remittances,
    reverse_remittance,
)
from settlement.suspense import book_today
from tests.clipledger.front_door import Person as User
from tests.clipledger.front_door import posting, problem
from tests.licensing.house import Host, NewUser
from tests.settlement.books import OCTOBER
from tests.settlement.shop import in_sql
from tests.settlement.till import Till, facts

PAID_ON = date(2026, 10, 25)
OWED = "assets:marketplace:tiktok"


@pytest.fixture
async def till(app_engine: AsyncEngine, host: Host) -> Till:
    """TikTok owes it 130.20."""
    till = Till(app_engine, host)
    await till.sell(facts(due=13_020))
    return till


def paid(reference: str = "B17", amount: int = 10_000, **more: Any) -> NewRemittance:
    usual = {"marketplace": "tiktok", "currency": "CNY", "received_on": PAID_ON, "account": "assets:bank"}
    return NewRemittance(reference=reference, amount=amount, **{**usual, **more})


async def record(till: Till, *told: NewRemittance) -> list[Remittance]:
    async with till.engine.begin() as connection:
        return await record_remittances(connection, till.book_id, "user:1", told)


async def take_back(till: Till, its: Remittance | int, reason: str = "Another host's") -> Remittance:
    number = its if isinstance(its, int) else its.remittance_id
    async with till.engine.begin() as connection:
        return await reverse_remittance(connection, till.book_id, "user:1", number, reason)


async def of_remittances(till: Till) -> Sequence[Any]:
    return [entry for entry in await till.entries() if entry.metadata.get("cause") == "remittance"]


async def test_what_came_in_is_no_longer_owed(till: Till) -> None:
    (its,) = await record(till, paid())
    balances = await till.balances()
    assert (balances["assets:bank"], balances[OWED]) == (10_000, 3_020)
    (entry,) = await of_remittances(till)
    assert (entry.entry_id, entry.effective_on, entry.period) == (its.entry_id, PAID_ON, OCTOBER)
    assert entry.description == "Paid by tiktok: B17"
    assert (its.recorded_by, its.reversed_by, its.account) == ("user:1", None, "assets:bank")


async def test_what_came_in_today_is_recorded_once_by_two_who_tell_it_at_once(till: Till) -> None:
    async with till.engine.connect() as connection:
        today = await book_today(connection, till.book_id)
    async with till.engine.begin() as first, till.engine.begin() as second:
        (its,) = await record_remittances(first, till.book_id, "user:1", [paid(received_on=today)])
        waits = asyncio.ensure_future(record_remittances(second, till.book_id, "user:2", [paid(received_on=today)]))
        await asyncio.sleep(0.3)
        await first.commit()
        assert await waits == [its]
    assert (await till.balances())["assets:bank"] == 10_000


async def test_many_are_booked_at_once_each_by_itself_and_told_in_their_order(till: Till) -> None:
    told = [
        paid("B3", 300, account="assets:stripe"),
        paid("B1", 100),
        paid("B2", -50),  # taken back by the marketplace
        paid("D1", 700, currency="USD"),
    ]
    made = await record(till, *told)
    assert [(its.reference, its.amount) for its in made] == [("B3", 300), ("B1", 100), ("B2", -50), ("D1", 700)]
    assert len({its.entry_id for its in made}) == 4
    balances = await till.balances()
    assert (balances["assets:bank"], balances["assets:stripe"], balances[OWED]) == (50, 300, 12_670)
    assert (await till.balances("USD")) == {"assets:bank": 700, OWED: -700}


async def test_the_same_reference_with_the_same_facts_is_the_same_payment(till: Till) -> None:
    (first,) = await record(till, paid())
    (again,) = await record(till, paid(" B17 "))
    mixed = await record(till, paid("B18", 5), paid(), paid("B18", 5))
    assert first == again == mixed[1]
    assert mixed[0] == mixed[2]
    assert len(await of_remittances(till)) == 2


@pytest.mark.parametrize(
    "other",
    [{"amount": 9_999}, {"currency": "USD"}, {"received_on": date(2026, 10, 24)}, {"account": "assets:stripe"}],
)
async def test_the_same_reference_with_other_facts_is_refused(till: Till, other: dict[str, Any]) -> None:
    await record(till, paid())
    before = await till.balances()
    with pytest.raises(RemittanceDiffers) as refused:
        await record(till, paid("B18"), paid(**other))
    assert (refused.value.field, refused.value.value) == ("remittances[1].reference", "B17")
    with pytest.raises(RemittanceDiffers):
        await record(till, paid("B19"), paid("B19", **{"amount": 1, **other}), paid("B19"))
    assert await till.balances() == before  # nothing of either was booked


async def test_another_marketplace_may_use_the_same_reference(till: Till) -> None:
    await till.sell(facts(marketplace="amazon", due=500))
    made = await record(till, paid(), paid(amount=500, marketplace="amazon"))
    assert len({its.remittance_id for its in made}) == 2


async def test_two_who_record_the_same_at_once_record_it_once(till: Till) -> None:
    first, second = await asyncio.gather(record(till, paid()), record(till, paid()))
    assert first == second
    assert (await till.balances())["assets:bank"] == 10_000


async def test_what_came_in_a_locked_month_is_booked_in_the_first_open_one(till: Till) -> None:
    async with till.engine.begin() as connection:
        await lock_period(connection, till.book_id, OCTOBER, locked_by="test")
    await record(till, paid(), paid("B18", received_on=date(2026, 9, 30)), paid("B19", received_on=date(2026, 11, 2)))
    november = date(2026, 11, 1)
    assert [(entry.effective_on, entry.period) for entry in await of_remittances(till)] == [
        (PAID_ON, november),
        (date(2026, 9, 30), november),
        (date(2026, 11, 2), november),
    ]


async def test_what_is_taken_back_is_undone_once_and_its_reference_is_free(till: Till) -> None:
    before = await till.balances()
    (its,) = await record(till, paid())
    undone = await take_back(till, its)
    assert await till.balances() == before
    assert (undone.reason, undone.remittance_id) == ("Another host's", its.remittance_id)
    reversal = (await till.entries())[-1]
    assert (reversal.entry_id, reversal.reverses) == (undone.reversed_by, its.entry_id)
    assert reversal.description == f"Remittance {its.remittance_id} taken back by user:1: Another host's"
    with pytest.raises(RemittanceReversed):
        await take_back(till, its)
    (again,) = await record(till, paid(amount=9_000))
    await take_back(till, again)
    (third,) = await record(till, paid())
    assert third.entry_id not in (its.entry_id, again.entry_id)
    assert (await till.balances())["assets:bank"] == 10_000


async def test_what_cannot_have_come_in_is_refused(till: Till, host: Host) -> None:
    async with till.engine.connect() as connection:
        tomorrow = await book_today(connection, till.book_id) + timedelta(days=1)
    for bad, refusal in (
        (paid(amount=0), InvalidRemittance),
        (paid(amount=2**63), InvalidAmount),
        (paid(currency="XXX"), UnknownCurrency),
        (paid(received_on=tomorrow), InvalidRemittance),
        (paid(received_on=date(1999, 12, 31)), InvalidRemittance),
        (paid(marketplace="tiktokk"), InvalidRemittance),
        (paid(marketplace=""), InvalidRemittance),
        (paid(reference=" "), InvalidRemittance),
        (paid(reference="x" * 201), InvalidRemittance),
        (paid(reference="a\0"), InvalidRemittance),
        (paid(reference="\ud800"), InvalidRemittance),
    ):
        with pytest.raises(refusal):
            await record(till, bad)
    assert await of_remittances(till) == []
    (its,) = await record(till, paid())
    for reason in ("", "a\0", "x" * 901):
        with pytest.raises(InvalidRemittance):
            await take_back(till, its, reason)
    with pytest.raises(RemittanceNotFound):
        await take_back(till, 2**40)


async def test_they_are_listed_newest_first(till: Till) -> None:
    await till.sell(facts(marketplace="amazon", due=500))
    made = await record(till, paid("1"), paid("2", currency="USD"), paid("3", marketplace="amazon"))
    numbers = [its.remittance_id for its in made]
    async with till.engine.connect() as connection:

        async def found(**chosen: Any) -> list[int]:
            return [
                numbers.index(its.remittance_id) for its in await list_remittances(connection, till.book_id, **chosen)
            ]

        assert await found() == [2, 1, 0]
        assert await found(marketplace="tiktok") == [1, 0]
        assert await found(currency="USD") == [1]
        assert await found(before=numbers[2], limit=1) == [1]
        assert await find_remittance(connection, till.book_id, numbers[0]) == made[0]


@pytest.mark.parametrize(
    "attack",
    [
        "DELETE FROM settlement.remittances WHERE book_id = :book",
        "UPDATE settlement.remittances SET amount = 1 WHERE book_id = :book",
        "UPDATE settlement.remittances SET reversed_by = 1 WHERE book_id = :book",
        "TRUNCATE settlement.remittances",
    ],
)
async def test_what_was_recorded_stays(till: Till, attack: str) -> None:
    await record(till, paid())
    with pytest.raises((IntegrityError, ProgrammingError)):
        await in_sql(till, attack)


# Over HTTP --------------------------------------------------------------------------------------------------


@pytest.fixture
async def finance(new_user: NewUser, host: Host) -> User:
    return await new_user(roles.ROLES["finance"], "finance", host.book)


BODY = {
    "marketplace": "tiktok",
    "currency": "CNY",
    "amount": 10_000,
    "received_on": "2026-10-25",
    "account": "bank",
    "reference": "B17",
}


async def test_a_remittance_over_http(client: AsyncClient, till: Till, finance: User) -> None:
    path = f"{till.host.path}/remittances"
    assert (await client.post(path, headers=posting(till.host.person), json=BODY)).status_code == 403
    made = await client.post(path, headers=posting(finance), json=BODY)
    assert (made.status_code, made.json()["account"]) == (201, "assets:bank")
    place = made.headers["location"]
    assert (await client.post(path, headers=posting(finance), json=BODY)).headers["location"] == place
    differs = await client.post(path, headers=posting(finance), json={**BODY, "amount": 1})
    assert (problem(differs)["type"], differs.status_code) == ("/problems/remittance-differs", 409)
    assert (await client.get(place, headers=till.host.person.bearer)).json() == made.json()
    undone = await client.post(f"{place}/reverse", headers=posting(finance), json={"reason": "Not ours"})
    assert (undone.status_code, undone.json()["reason"]) == (200, "Not ours")
    shown = (await client.get(f"{path}?marketplace=tiktok&currency=CNY", headers=finance.bearer)).json()
    assert shown == {"data": [undone.json()], "next_cursor": None}


@pytest.mark.parametrize(
    "wrong",
    [
        {"amount": 0}, {"amount": 2**63}, {"amount": 1.5}, {"currency": "XYZ"}, {"received_on": "2999-01-01"},
        {"received_on": "tomorrow"}, {"account": "cash"}, {"reference": ""}, {"reference": "a\0"},
        {"marketplace": "nowhere"}, {"extra": 1},
    ],
)  # fmt: skip
async def test_bad_input_is_refused(client: AsyncClient, till: Till, finance: User, wrong: dict[str, Any]) -> None:
    body = {**BODY, **wrong}
    answer = await client.post(f"{till.host.path}/remittances", headers=posting(finance), json=body)
    assert answer.status_code in (400, 422)
    if answer.status_code == 422:
        assert problem(answer)["field"] == next(iter(wrong))
