"""From lines in the database to matches and residuals: every kind, by hand, put right, signed, and then for good."""

import asyncio
from collections.abc import Awaitable, Callable
from datetime import date
from typing import Any

import pytest
from sqlalchemy import text
from sqlalchemy.exc import DBAPIError

from ledger.errors import UnbalancedEntry
from ledger.periods import lock_period
from settlement.errors import SamePerson
from settlement.reconciliation.board import board
from settlement.reconciliation.by_hand import PostingName, match, unmatch
from settlement.reconciliation.errors import (
    AlreadyMatched,
    AlreadyPosted,
    AlreadyUndone,
    DoesNotAddUp,
    InvalidMatch,
    InvalidReconciliation,
    MatchNotFound,
    NeverRun,
    NothingProposed,
    OriginNotSigned,
    ReconciliationNotFound,
    ResidualNotFound,
    WrongReconciliationStep,
)
from settlement.reconciliation.outside import list_lines
from settlement.reconciliation.proposals import ProposedLine
from settlement.reconciliation.putting_right import post_entry
from settlement.reconciliation.reconciliations import begin, events_of
from settlement.reconciliation.residuals import explain
from settlement.reconciliation.running import run
from settlement.reconciliation.signing import give_back, submit
from tests.licensing.house import NewHost
from tests.settlement.reconciliation.office import ANA, BANK, BEN, NOVEMBER, OCTOBER, Desktop, Office, moved, only

STRIPE = "assets:stripe"
DECEMBER = date(2026, 12, 1)


async def signed(desk: Desktop) -> None:
    await desk.explain_all()
    await desk.submit()
    await desk.sign()


async def post_right(desk: Desktop, residual_id: int, *lines: ProposedLine, reason: str = "Seen") -> int:
    async with desk.office.engine.begin() as connection:
        return await post_entry(
            connection, desk.office.book_id, desk.number, residual_id, ANA, reason=reason, lines=lines
        )


async def joined(desk: Desktop, postings: list[tuple[int, int]], lines: list[int], reason: str = "The same") -> int:
    named = [PostingName(*each) for each in postings]
    async with desk.office.engine.begin() as connection:
        return await match(
            connection, desk.office.book_id, desk.number, ANA, postings=named, lines=lines, reason=reason
        )


async def part(desk: Desktop, match_id: int, reason: str = "Not the same") -> None:
    async with desk.office.engine.begin() as connection:
        await unmatch(connection, desk.office.book_id, desk.number, match_id, ANA, reason)


async def outside(office: Office) -> list[int]:
    """Numbers of all lines, as they came."""
    async with office.engine.connect() as connection:
        return [its.line_id for its in reversed(await list_lines(connection, office.book_id))]


# Kinds ------------------------------------------------------------------------------------------------------


async def test_a_line_on_the_wrong_account_is_moved(office: Office) -> None:
    await office.book(500, reference="po_1", account=STRIPE)
    await office.hear(moved(500, reference="po_1", kind="receipt"))
    stripe = await office.run(STRIPE)
    its = only(await stripe.residuals(), "wrong-account")
    assert await (await office.run()).kinds() == [("wrong-account", -500)]
    await post_right(stripe, its.residual_id)
    assert {name: its for name, its in (await office.balances()).items() if name.startswith("assets")} == {BANK: 500}
    assert await (await office.run(STRIPE)).kinds() == []
    assert await (await office.run()).kinds() == []


async def test_a_line_in_another_currency_is_booked_in_that_one(office: Office) -> None:
    await office.book(500, reference="B1")
    await office.hear(moved(70, reference="B1", currency="USD", kind="receipt"))
    desk = await office.run()
    its = only(await desk.residuals(), "currency-differs")
    await post_right(desk, its.residual_id)
    assert await (await office.run()).kinds() == []
    assert await (await office.run(currency="USD")).kinds() == []


async def test_a_line_the_wrong_way_round_is_booked_twice_the_other_way(office: Office) -> None:
    await office.book(500, reference="B1")
    await office.hear(moved(-500, reference="B1"))
    desk = await office.run()
    its = only(await desk.residuals(), "sign-differs")
    assert (its.ledger_amount, its.outside_amount, its.amount) == (500, -500, 1000)
    await post_right(desk, its.residual_id)
    assert (await office.balances())[BANK] == -500
    assert await (await office.run()).kinds() == []


async def test_what_is_booked_and_did_not_move_is_taken_back(office: Office) -> None:
    entry = await office.book(500)
    desk = await office.run()
    its = only(await desk.residuals(), "missing-outside")
    assert its.proposal is not None
    assert its.proposal.reverses == entry
    await post_right(desk, its.residual_id)
    assert await office.balances() == {}
    assert await (await office.run()).kinds() == []


async def test_a_payout_is_never_proposed_to_be_taken_back(office: Office) -> None:
    await office.book(-500, reference="clp-1-1-1", payout="1")
    desk = await office.run()
    its = only(await desk.residuals(), "missing-outside")
    assert its.proposal is None
    with pytest.raises(NothingProposed):
        await post_right(desk, its.residual_id)


async def test_transit_that_is_stale_and_that_is_not(office: Office) -> None:
    transit = "assets:in-transit:stripe"
    for amount, day, group in ((100, 1, "g1"), (-100, 3, "g1"), (50, 2, "g2"), (70, 30, "g3")):
        await office.book(amount, f"2026-10-{day:02}", account=transit, group=group)
    desk = await office.run(transit)
    assert await desk.kinds() == [("stale-in-transit", 50), ("in-transit", 70)]
    assert await desk.rules() == ["in-and-out"]
    assert (await desk.find()).unexplained == 1  # what is in transit as usual needs no reason


# The month's end --------------------------------------------------------------------------------------------


async def test_what_moves_after_the_months_end_is_of_time_and_the_rest_is_the_next_months(office: Office) -> None:
    await office.book(500, "2026-10-31", "B1")
    await office.book(300, "2026-11-03", "B2")
    await office.hear(moved(500, "2026-11-02", "B1"), moved(300, "2026-11-03", "B2"), moved(9, "2026-11-04"))
    october = await office.run()
    assert (october.sums.timing, await october.kinds()) == (500, [])
    november = await office.run(month=NOVEMBER)
    assert (november.sums.timing, await november.kinds()) == (0, [("missing-in-ledger", -9)])


async def test_a_fact_that_came_late_counts_in_the_month_it_is_booked_in(office: Office) -> None:
    async with office.engine.begin() as connection:
        await lock_period(connection, office.book_id, OCTOBER, locked_by="test")
    await office.book(500, "2026-10-30", "B1", period=NOVEMBER)
    await office.hear(moved(500, "2026-10-30", "B1"))
    october = await office.run()
    assert (october.sums.ledger, october.sums.outside, october.sums.timing) == (0, 500, -500)
    assert (await office.run(month=NOVEMBER)).sums.timing == 0


async def test_an_entry_that_puts_a_locked_month_right_is_booked_in_the_next(office: Office) -> None:
    await office.hear(moved(-350, "2026-10-29", kind="fee"))
    desk = await office.run()
    async with office.engine.begin() as connection:
        await lock_period(connection, office.book_id, OCTOBER, locked_by="test")
    await post_right(desk, only(await desk.residuals(), "fee-not-booked").residual_id)
    again = await office.run()
    assert (again.sums.timing, again.sums.outside, await again.kinds()) == (350, -350, [])
    assert await (await office.run(month=NOVEMBER)).kinds() == []


async def test_a_difference_of_matched_lines_is_carried_until_it_is_booked(office: Office) -> None:
    await office.book(1000, reference="B1")
    await office.hear(moved(990, reference="B1"))
    october = await office.run()
    await october.explain_all("The bank looks into it")
    await october.submit()
    await october.sign()
    november = await office.run(month=NOVEMBER)
    (its,) = await november.residuals()
    assert (its.kind, its.amount, its.since, its.explanation) == (
        *("fee-not-booked", 10, date(2026, 10, 5)),
        "The bank looks into it",
    )
    await post_right(november, its.residual_id)
    assert await (await office.run(month=NOVEMBER)).kinds() == []
    assert await (await office.run(month=date(2026, 12, 1))).kinds() == []


async def test_a_carried_difference_is_put_right_where_it_is_from_until_that_is_signed(office: Office) -> None:
    await office.book(1000, reference="B1")
    await office.hear(moved(990, reference="B1"))
    october = await office.run()
    november, december = await office.run(month=NOVEMBER), await office.run(month=DECEMBER)
    ((own,), (its,), (last,)) = [await each.residuals() for each in (october, november, december)]
    for desk, carried in ((november, its), (december, last)):
        with pytest.raises(OriginNotSigned) as refusal:
            await post_right(desk, carried.residual_id)
        assert refusal.value.rule == "is carried from 2026-10, which is not signed: put it right there"
    await post_right(october, own.residual_id)
    with pytest.raises(AlreadyPosted):
        await post_right(november, its.residual_id)
    assert (await office.balances())[BANK] == 990
    for month in (OCTOBER, NOVEMBER, DECEMBER):
        assert await (await office.run(month=month)).kinds() == []


async def test_a_carried_difference_is_put_right_in_one_of_the_months_that_carry_it(office: Office) -> None:
    await office.book(1000, reference="B1")
    await office.hear(moved(990, reference="B1"))
    october = await office.run()
    await signed(october)
    december = await office.run(month=DECEMBER)
    november = await office.run(month=NOVEMBER)  # begun later: each carries October's
    with pytest.raises(OriginNotSigned, match="2026-11"):
        await post_right(december, (await december.residuals())[0].residual_id)
    both = [(desk, (await desk.residuals())[0].residual_id) for desk in (november, november)]
    done = await asyncio.gather(*(post_right(*each) for each in both), return_exceptions=True)
    assert [type(each) for each in done if isinstance(each, Exception)] == [AlreadyPosted]
    with pytest.raises(AlreadyPosted):
        await post_right(december, (await december.residuals())[0].residual_id)
    assert await (await office.run(month=DECEMBER)).kinds() == []
    assert (await office.balances())[BANK] == 990


async def test_what_was_put_right_after_a_later_month_was_signed_is_carried_no_further(office: Office) -> None:
    await office.book(1000, reference="B1")
    await office.hear(moved(990, reference="B1"))
    october = await office.run()
    (own,) = await october.residuals()
    await signed(await office.run(month=NOVEMBER))
    december = await office.run(month=DECEMBER)
    await post_right(october, own.residual_id)
    with pytest.raises(AlreadyPosted):
        await post_right(december, (await december.residuals())[0].residual_id)
    assert await (await office.run(month=DECEMBER)).kinds() == []


async def test_what_is_no_longer_found_where_it_is_from_is_not_put_right(office: Office) -> None:
    await office.book(1000, reference="B1")
    await office.hear(moved(990, reference="B1"))
    october = await office.run()
    november = await office.run(month=NOVEMBER)
    (its,) = await november.residuals()
    (match_id,) = [each.match_id for each in await october.matches()]
    await part(october, match_id)
    await signed(await office.run())
    with pytest.raises(DoesNotAddUp):
        await post_right(november, its.residual_id)


async def test_the_newest_reason_for_a_carried_difference_stays_when_it_is_run_again(office: Office) -> None:
    await office.book(1000, reference="B1")
    await office.hear(moved(990, reference="B1"))
    october, november = await office.run(), await office.run(month=NOVEMBER)
    for desk, reason in (
        (november, "The bank looks into it"),
        (october, "Asked the bank"),
        (november, "It pays it back"),
    ):
        (its,) = await desk.residuals()
        async with office.engine.begin() as connection:
            await explain(connection, office.book_id, desk.number, its.residual_id, ANA, reason)
        (again,) = await (await office.run(month=NOVEMBER)).residuals()
        assert again.explanation == reason
    assert [its.explanation for its in await (await office.run()).residuals()] == ["Asked the bank"]


# By hand ----------------------------------------------------------------------------------------------------


async def test_lines_are_matched_by_hand_and_stay_so(office: Office) -> None:
    entry = await office.book(500)
    await office.hear(moved(500, "2026-10-25"))
    desk = await office.run()
    assert await desk.kinds() == [("missing-outside", 500), ("missing-in-ledger", -500)]
    (line,) = await outside(office)
    number = await joined(desk, [(entry, 1)], [line])
    again = await office.run()
    assert (await again.kinds(), await again.rules()) == ([], ["by-hand"])
    with pytest.raises(AlreadyMatched):
        await joined(again, [(entry, 1)], [line])
    await part(again, number)
    with pytest.raises(AlreadyUndone):
        await part(again, number)
    assert (await (await office.run()).kinds()) == [("missing-outside", 500), ("missing-in-ledger", -500)]


async def test_what_was_parted_is_not_matched_by_a_rule_again(office: Office) -> None:
    await office.book(500, reference="B1")
    await office.hear(moved(500, reference="B1"))
    desk = await office.run()
    (its,) = await desk.matches()
    await part(desk, its.match_id)
    again = await office.run()
    assert await again.rules() == []
    assert [kind for kind, _ in await again.kinds()] == ["missing-in-ledger", "missing-outside"]


async def test_what_does_not_belong_together_is_not_matched_by_hand(office: Office, new_host: NewHost) -> None:
    entry = await office.book(500)
    other = Office(office.engine, office.storage, await new_host())
    theirs = await other.book(500)
    await office.hear(moved(400), moved(500, currency="USD"))
    desk = await office.run()
    less, dollars = await outside(office)
    wrong: list[tuple[list[tuple[int, int]], list[int]]] = [
        ([(entry, 1)], [less]), ([(entry, 1)], [dollars]), ([(entry, 2)], [less]), ([(theirs, 1)], [less]),
        ([(entry, 1)], []), ([], []), ([(entry, 1), (entry, 1)], [less]), ([(entry, 1)], [2**62]),
    ]  # fmt: skip
    for postings, lines in wrong:
        with pytest.raises(InvalidMatch):
            await joined(desk, postings, lines)
    with pytest.raises(InvalidReconciliation):
        await joined(desk, [(entry, 1)], [less], reason=" ")
    with pytest.raises(MatchNotFound):
        await part(desk, 2**62)


# Putting right ----------------------------------------------------------------------------------------------


async def test_other_lines_may_be_posted_if_they_put_it_right(office: Office) -> None:
    await office.hear(moved(-350, kind="fee"))
    desk = await office.run()
    (its,) = await desk.residuals()
    short = (ProposedLine(BANK, "CNY", -300), ProposedLine("expenses:bank", "CNY", 300))
    with pytest.raises(InvalidReconciliation):
        await post_right(desk, its.residual_id, *short)
    with pytest.raises(UnbalancedEntry):
        await post_right(desk, its.residual_id, ProposedLine(BANK, "CNY", -350), ProposedLine("expenses:x", "CNY", 1))
    right = (ProposedLine(BANK, "CNY", -350), ProposedLine("expenses:bank", "CNY", 350))
    await post_right(desk, its.residual_id, *right)
    assert (await office.balances())["expenses:bank"] == 350
    with pytest.raises(AlreadyPosted):
        await post_right(desk, its.residual_id)
    with pytest.raises(ResidualNotFound):
        await post_right(desk, 2**62)


# Two people -------------------------------------------------------------------------------------------------


async def test_it_is_submitted_once_it_was_run_and_adds_up(office: Office) -> None:
    await office.book(500, reference="B1")
    async with office.engine.begin() as connection:
        its = await begin(connection, office.book_id, ANA, account=BANK, currency="CNY", month=OCTOBER)
        with pytest.raises(NeverRun):
            await submit(connection, office.book_id, its.reconciliation_id, ANA)
    desk = await office.run()
    await desk.explain_all()
    await office.hear(moved(500, reference="B1"))
    with pytest.raises(DoesNotAddUp):
        await desk.submit()
    desk = await office.run()
    await desk.submit()
    with pytest.raises(WrongReconciliationStep):
        await office.run()
    async with office.engine.begin() as connection:
        await give_back(connection, office.book_id, desk.number, BEN, "Look again")
    await desk.submit()
    with pytest.raises(SamePerson):
        await desk.sign(ANA)
    await desk.sign(BEN)
    async with office.engine.connect() as connection:
        actions = [its.action for its in await events_of(connection, office.book_id, desk.number)]
        (row,) = [row for row in await board(connection, office.book_id, OCTOBER) if row.account == BANK]
    assert actions[-4:] == ["submitted", "returned", "submitted", "signed"]
    assert (row.state, row.difference, row.unexplained) == ("signed", 0, 0)


async def test_what_came_in_between_keeps_it_from_being_signed(office: Office) -> None:
    await office.book(500, reference="B1")
    await office.hear(moved(500, reference="B1"))
    desk = await office.run()
    await desk.submit()
    await office.book(1, "2026-10-02")
    with pytest.raises(DoesNotAddUp):
        await desk.sign()


@pytest.mark.parametrize(
    "attack",
    [
        "UPDATE settlement.reconciliations SET state = 'draft', submitted_by = NULL, signed_by = NULL "
        "WHERE book_id = :book",
        "UPDATE settlement.reconciliations SET sums = '{}' WHERE book_id = :book",
        "DELETE FROM settlement.reconciliations WHERE book_id = :book",
        "DELETE FROM settlement.matches WHERE book_id = :book",
        "DELETE FROM settlement.matched_lines WHERE book_id = :book",
        "DELETE FROM settlement.matched_postings WHERE book_id = :book",
        "UPDATE settlement.matches SET undone_by = 'x', undone_at = now(), undone_reason = 'x', members = '{}' "
        "WHERE book_id = :book",
        "INSERT INTO settlement.matches (book_id, reconciliation_id, rule, confidence, ledger_amount, outside_amount, "
        "made_by) SELECT book_id, reconciliation_id, 'reference', 100, 1, 1, 'x' "
        "FROM settlement.reconciliations WHERE book_id = :book",
        "INSERT INTO settlement.matched_lines (book_id, line_id, match_id) "
        "SELECT book_id, 999999, match_id FROM settlement.matches WHERE book_id = :book",
        "UPDATE settlement.residuals SET explanation = 'Other' WHERE book_id = :book",
        "UPDATE settlement.residuals SET ledger_amount = 0 WHERE book_id = :book",
        "DELETE FROM settlement.residuals WHERE book_id = :book",
        "DELETE FROM settlement.reconciliation_events WHERE book_id = :book",
        "UPDATE settlement.external_lines SET amount = 1 WHERE book_id = :book",
        "DELETE FROM settlement.external_lines WHERE book_id = :book",
        "DELETE FROM settlement.bank_files WHERE book_id = :book",
        "TRUNCATE settlement.matches",
        "TRUNCATE settlement.residuals",
        "TRUNCATE settlement.external_lines CASCADE",
    ],
)
async def test_what_is_signed_stays_whatever_the_service_tries(office: Office, attack: str) -> None:
    await office.book(500, reference="B1")
    await office.hear(moved(500, reference="B1"), moved(7))
    desk = await office.run()
    await desk.explain_all()
    await desk.submit()
    await desk.sign()
    before = await desk.residuals(), await desk.matches(), await desk.find()
    with pytest.raises(DBAPIError):
        async with office.engine.begin() as connection:
            await connection.execute(text(attack), {"book": office.book_id} if ":book" in attack else {})
    assert (await desk.residuals(), await desk.matches(), await desk.find()) == before


async def test_the_database_lets_nobody_sign_their_own(office: Office) -> None:
    await office.book(500, reference="B1")
    await office.hear(moved(500, reference="B1"))
    desk = await office.run()
    await desk.submit(ANA)
    for change in ("signed_by = 1", "signed_by = 3, submitted_by = 2"):
        query = text(f"UPDATE settlement.reconciliations SET state = 'signed', {change} WHERE book_id = :book")
        async with office.engine.connect() as connection:
            with pytest.raises(DBAPIError):
                await connection.execute(query, {"book": office.book_id})


async def test_what_a_person_matched_stays_even_in_a_draft(office: Office) -> None:
    entry = await office.book(500)
    await office.hear(moved(500, "2026-10-25"))
    desk = await office.run()
    await joined(desk, [(entry, 1)], await outside(office))
    with pytest.raises(DBAPIError):
        async with office.engine.begin() as connection:
            await connection.execute(
                text("DELETE FROM settlement.matches WHERE book_id = :book"), {"book": office.book_id}
            )


# Refused ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "told",
    [
        {"account": "liabilities:suspense"},
        {"account": "assets:recoverable:host"},
        {"month": date(2026, 10, 2)},
        {"month": date(1999, 10, 1)},
    ],
)
async def test_what_cannot_be_reconciled(office: Office, told: dict[str, Any]) -> None:
    asked: dict[str, Any] = {"account": BANK, "currency": "CNY", "month": OCTOBER, **told}
    async with office.engine.begin() as connection:
        with pytest.raises(InvalidReconciliation):
            await begin(connection, office.book_id, ANA, **asked)


async def test_anothers_is_not_there(office: Office, new_host: NewHost) -> None:
    other = Office(office.engine, office.storage, await new_host())
    await other.hear(moved(-1, kind="fee"))
    desk = await other.run()
    (its,) = await desk.residuals()
    tries: list[Callable[[Any], Awaitable[Any]]] = [
        lambda c: run(c, office.book_id, desk.number, ANA),
        lambda c: submit(c, office.book_id, desk.number, ANA),
        lambda c: explain(c, office.book_id, desk.number, its.residual_id, ANA, "x"),
        lambda c: post_entry(c, office.book_id, desk.number, its.residual_id, ANA, reason="x"),
    ]
    for each in tries:
        async with office.engine.begin() as connection:
            with pytest.raises(ReconciliationNotFound):
                await each(connection)


async def test_running_it_again_changes_nothing_and_keeps_what_was_said(office: Office) -> None:
    await office.book(500, reference="B1")
    await office.book(20, reference="B2")
    await office.hear(moved(500, reference="B1"), moved(-3, kind="fee"))
    desk = await office.run()
    await desk.explain_all("Known")
    before = await desk.residuals()
    again = await office.run()
    assert (await again.residuals(), again.sums) == (before, desk.sums)
    assert {its.explanation for its in before} == {"Known"}
