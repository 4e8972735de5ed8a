"""Recovering: what was refunded after it was paid is owed back, and kept from later payments, within the terms' cap."""

import asyncio
from datetime import date
from fractions import Fraction
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy.ext.asyncio import AsyncEngine

from settlement import recovering
from settlement.recovering import Payable, payables, recover_negative, recovery, recovery_caps, recovery_lines
from tests.licensing.house import TERMS, Granted, Host, NewGrant
from tests.settlement.books import Closer, told
from tests.settlement.shop import in_sql, settle, sums
from tests.settlement.till import Till, by, facts

NOVEMBER = date(2026, 11, 5)
HALF = Fraction(1, 2)


@pytest.fixture
def till(app_engine: AsyncEngine, host: Host) -> Till:
    return Till(app_engine, host)


@pytest.fixture
def closer(till: Till) -> Closer:
    return Closer(till)


@pytest.fixture
async def grant(host: Host, new_grant: NewGrant) -> Granted:
    return await new_grant(host)


def party(granted: Granted) -> str:
    return f"clipper-{granted.clipper.clipper_id}"


async def recovered(till: Till, on: date = NOVEMBER) -> int:
    async with till.engine.begin() as connection:
        return await recover_negative(connection, till.book_id, on)


async def move(closer: Closer, whose: str, amount: int, currency: str = "CNY") -> None:
    """Make so much more available, or less."""
    lines = {"expenses:test": amount, f"liabilities:available:{whose}": -amount}
    await closer.post(NOVEMBER, "A test's", lines, currency)


async def found(till: Till, **how: Any) -> list[Payable]:
    async with till.engine.connect() as connection:
        return await payables(connection, till.book_id, **how)


# Shortfalls -------------------------------------------------------------------------------------------------


async def test_a_refund_after_a_payout_is_owed_back(till: Till, closer: Closer, grant: Granted) -> None:
    """74.21 of 130.20 are the clipper's. They are paid out, then the order is refunded whole."""
    sold = (await till.sell(facts(**by(grant), state="settled")))[0]
    await settle(till, date(2026, 10, 20))
    whose = party(grant)
    await closer.post(date(2026, 10, 21), "Payout", {f"liabilities:available:{whose}": 7_421, "assets:bank": -7_421})
    await till.tell(sold, due=0, state="void")
    assert sums(await till.balances(), whose) == {"available": -7_421}
    assert await settle(till, NOVEMBER) == {"recover_negative": 1}
    balances = await till.balances()
    assert balances[f"assets:recoverable:{whose}"] == 7_421
    assert f"liabilities:available:{whose}" not in balances
    assert await settle(till, NOVEMBER) == {}
    entry = (await till.entries())[-1]
    assert (entry.effective_on, entry.description) == (NOVEMBER, "Refunded after it was paid: owed back")


async def test_all_parties_of_a_book_are_one_batch_in_each_currency(
    till: Till, closer: Closer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(recovering, "_PARTIES_AT_ONCE", 2)
    for whose, amount, currency in (
        ("clipper-1", -5, "CNY"), ("clipper-2", -7, "CNY"), ("clipper-3", -9, "CNY"), ("clipper-1", -2, "USD"),
        ("host", -11, "USD"), ("clipper-4", 3, "CNY"), ("agency-3", 0 - 1, "CNY"),
    ):  # fmt: skip
        await move(closer, whose, amount, currency)
    before = len(await till.entries())
    assert await recovered(till) == 6
    assert len(await till.entries()) == before + 3  # two of CNY with two parties each, and one of USD
    assert sums(await till.balances(), "clipper-3") == {"recoverable": -9}
    assert sums(await till.balances(), "clipper-4") == {"available": 3}
    assert sums(await till.balances("USD"), "host") == {"recoverable": -11}
    assert await recovered(till) == 0
    assert len(await till.entries()) == before + 3


async def test_the_same_shortfall_once_more_is_another(till: Till, closer: Closer) -> None:
    for times in (1, 2, 3):
        await move(closer, "clipper-1", -5)
        assert await recovered(till) == 1
        assert sums(await till.balances(), "clipper-1") == {"recoverable": -5 * times}


async def test_runs_at_once_move_a_shortfall_once(till: Till, closer: Closer) -> None:
    await move(closer, "clipper-1", -5)
    assert sorted(await asyncio.gather(*(recovered(till) for _ in range(4)))) == [0, 0, 0, 1]
    assert sums(await till.balances(), "clipper-1") == {"recoverable": -5}


async def test_a_refund_that_is_taken_back_again_is_available_while_the_debt_stands(
    till: Till, closer: Closer, grant: Granted
) -> None:
    whose = party(grant)
    await move(closer, whose, -500)
    await recovered(till)
    await move(closer, whose, 500)
    await recovered(till)
    assert sums(await till.balances(), whose) == {"available": 500, "recoverable": -500}
    (its,) = await found(till)
    assert (its.recovery, its.gross) == (500, 0)


async def test_a_clipper_reads_what_it_owes(till: Till, closer: Closer, grant: Granted) -> None:
    await till.sell(facts(**by(grant)))
    await closer.post(
        date(2026, 10, 8), "Correction", {f"liabilities:available:{party(grant)}": 500, "income:other": -500}
    )
    await recovered(till, date(2026, 10, 9))
    await closer.draft()
    assert told(await closer.statement(party(grant)))[1:] == [
        ("adjustment", "Correction", 0, {"available": -500}),
        ("recovery", "Refunded after it was paid: owed back", 0, {"available": 500, "recoverable": 500}),
    ]


# Payments ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("available", "recoverable", "cap", "kept"),
    [
        (1_000, 400, Fraction(1), 400),  # all that is owed
        (1_000, 4_000, Fraction(1), 1_000),  # all that there is
        (1_000, 4_000, HALF, 500),  # all that the terms allow
        (1_001, 4_000, HALF, 500),  # half a cent is the party's
        (1_000, 4_000, Fraction(0), 0),
        (1_000, 0, Fraction(1), 0),
        (0, 400, Fraction(1), 0),
        (-5, 400, Fraction(1), 0),
        (1_000, -5, Fraction(1), 0),
    ],
)
def test_at_most_the_cap_of_a_payment_is_kept(available: int, recoverable: int, cap: Fraction, kept: int) -> None:
    assert recovery(available, recoverable, cap) == kept


@given(st.integers(0, 2**62), st.integers(0, 2**62), st.fractions(0, 1, max_denominator=10_000))
def test_never_more_than_is_owed_nor_than_the_cap(available: int, recoverable: int, cap: Fraction) -> None:
    kept = recovery(available, recoverable, cap)
    assert 0 <= kept <= min(available, recoverable)
    assert kept - available * cap <= HALF
    if kept < recoverable:
        assert abs(kept - available * cap) <= HALF


async def test_the_lowest_cap_of_the_terms_a_clipper_has_accepted_counts(
    till: Till, host: Host, grant: Granted, new_grant: NewGrant
) -> None:
    for cap in ("50%", "25.5%"):
        await new_grant(host, clipper=grant.clipper, terms=msgspec.structs.replace(TERMS, recovery_cap=cap))
    other = await new_grant(host, terms=msgspec.structs.replace(TERMS, recovery_cap="80%"))
    offered = await new_grant(host, clipper=other.clipper, terms=msgspec.structs.replace(TERMS, recovery_cap="0%"))
    await in_sql(
        till,
        "UPDATE licensing.grants SET accepted_at = NULL, accepted_by = NULL, state = 'offered' WHERE grant_id = :grant",
        grant=offered.grant_id,
    )
    numbers = [grant.clipper.clipper_id, other.clipper.clipper_id, 2**40]
    async with till.engine.connect() as connection:
        caps = await recovery_caps(connection, till.book_id, numbers)
    assert caps == dict(zip(numbers, (Fraction(51, 200), Fraction(4, 5), Fraction(1)), strict=True))


async def test_what_could_be_paid_with_what_is_kept_back_of_it(
    till: Till, host: Host, closer: Closer, new_grant: NewGrant
) -> None:
    """The minimum is the lowest of the terms in the payment's currency; a host and an agency have none."""
    terms = msgspec.structs.replace(TERMS, recovery_cap="40%", minimum_payout=1_000)
    grant = await new_grant(host, terms=terms)
    await new_grant(host, clipper=grant.clipper, terms=msgspec.structs.replace(terms, minimum_payout=700))
    whose = party(grant)
    await closer.post(NOVEMBER, "Owed", {f"assets:recoverable:{whose}": 900, "assets:bank": -900})
    for payee, amount, currency in (
        (whose, 2_000, "CNY"),
        (whose, 50, "USD"),
        ("host", 10, "CNY"),
        ("clipper-1", -3, "CNY"),
    ):
        await move(closer, payee, amount, currency)
    its, dollars, host_s = sorted(await found(till), key=lambda each: (each.party == "host", each.currency))
    assert its == Payable(party=whose, currency="CNY", available=2_000, recoverable=900, recovery=800, minimum=700)
    assert its.gross == 1_200
    assert (dollars.gross, dollars.minimum, host_s.gross, host_s.minimum) == (50, 0, 10, 0)
    assert [each.party for each in await found(till, parties=["host", "clipper-1"])] == ["host"]
    assert recovery_lines(whose, its.recovery) == {
        f"assets:recoverable:{whose}": -800,
        f"liabilities:available:{whose}": 800,
    }
    assert recovery_lines(whose, dollars.recovery) == {}
