"""By bank file: from the payee's account to the bank's statement, and whatever a bank may answer on the way."""

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import event, text

from ledger.entries import Line, NewEntry, post_batch
from ledger.errors import UnknownCurrency
from settlement.errors import SamePerson, UnknownFormat, UnreadableFile
from settlement.payouts.accounts import Owner, close_account, list_accounts
from settlement.payouts.banks import BankDetails, OwnAccount, account_of, open_bank_account, own_accounts
from settlement.payouts.errors import (
    AccountExists,
    InvalidPayoutAccount,
    InvalidRun,
    NothingFiled,
    NothingToPay,
    PayoutFileClosed,
    PayoutFileNotFound,
    RailNotSetUp,
    RunNotFound,
    RunOutdated,
    WrongPayoutStep,
    WrongRunStep,
)
from settlement.payouts.files import find_file, list_files
from settlement.payouts.lifecycle import STEPS
from settlement.rails.bank_messages import validate
from settlement.rails.bank_reasons import _REASONS as REASONS
from settlement.suspense import book_today
from tests.licensing.house import NewClipper
from tests.settlement.payouts.bank import OTHER, OWN, PAYEE, NewBankPayee, Office
from tests.settlement.payouts.purse import ANA
from tests.settlement.rails.bank_stand import answer

DUPLICATES = ("AM05", "DUPL")


async def sent(office: Office, new_bank_payee: NewBankPayee, **payee: Any) -> tuple[int, Any, str]:
    """A run of one payout that is in a file; the run, the file and the payout's key."""
    await new_bank_payee(**payee)
    run = await office.approved()
    file = await office.file(run)
    (key,) = office.bank.upload(await office.download(file))
    return run, file, key


# The whole way ------------------------------------------------------------------------------------------------


async def test_from_the_approved_run_to_the_statement(office: Office, new_bank_payee: NewBankPayee) -> None:
    payee = await new_bank_payee(10_000)
    paying = f"liabilities:paying:clipper-{payee.clipper_id}"
    run = await office.approved()
    await office.work()
    filed = await office.payout()
    assert (filed.state, await office.run(run)) == ("filed", ("sending", None))
    assert await office.balances() == {"assets:marketplace:tiktok": 10_000, paying: -10_000}, "nothing has left"

    file = await office.file(run)
    assert (file.payments, file.totals, file.told, file.closed) == (1, {"EUR": 10_000}, {"none": 1}, False)
    assert (await office.payout()).state == "sent"
    assert await office.run(run) == ("done", None)
    assert (await office.balances())["assets:in-transit:bank-file"] == 10_000
    content = await office.download(file)
    validate(content)
    (key,) = office.bank.upload(content)
    assert (await office.payout()).reference == key

    await office.answered(file, (key, "ACSP", None))
    assert (await office.payout()).state == "sent"
    await office.answered(file, (key, "ACSC", None))
    assert (await office.payout()).state == "sent", "only a statement shows that it was paid"
    assert (await office.found(file)).told == {"settled": 1}
    await office.look()
    assert (await office.payout()).state == "sent"

    office.bank.pay(content)
    for _ in range(2):
        await office.look()
        await office.imported(key, "somebody-elses", "")
    paid = await office.payout()
    assert paid.state == "paid"
    assert await office.balances() == {"assets:marketplace:tiktok": 10_000, "assets:bank": -10_000}
    trail = ["approved", "claimed", "filed", "sent", "answered", "answered", "confirmed"]
    assert await office.purse.trail(paid.payout_id) == trail


async def test_a_statement_is_enough_without_any_answer(office: Office, new_bank_payee: NewBankPayee) -> None:
    _, file, _ = await sent(office, new_bank_payee)
    office.bank.pay(await office.download(file))
    await office.look()
    assert (await office.payout()).state == "paid"


async def test_a_file_is_the_same_bytes_whenever_it_is_downloaded(office: Office, new_bank_payee: NewBankPayee) -> None:
    _, file, _ = await sent(office, new_bank_payee)
    first = await office.download(file)
    await office.own(OwnAccount(currency="EUR", account=OTHER))
    office.pass_(days=3)
    assert await office.download(file) == first


async def test_a_payment_is_in_one_file_only(office: Office, new_bank_payee: NewBankPayee) -> None:
    for _ in range(5):
        await new_bank_payee()
    run = await office.approved()
    made = await asyncio.gather(*(office.file(run) for _ in range(4)), return_exceptions=True)
    files = [each for each in made if not isinstance(each, BaseException)]
    assert all(isinstance(each, NothingFiled | WrongRunStep) for each in made if isinstance(each, BaseException)), made
    held = [key for file in files for key in office.bank.upload(await office.download(file))]
    assert len(held) == len(set(held)) == 5
    with pytest.raises(WrongRunStep):
        await office.file(run)


async def test_the_database_holds_a_key_in_one_file_only(office: Office, new_bank_payee: NewBankPayee) -> None:
    _, _, key = await sent(office, new_bank_payee)
    again = text("""
        INSERT INTO settlement.payout_file_lines (book_id, key, file_id, payout_id, batch_id, amount, currency)
        SELECT book_id, key, file_id, payout_id, batch_id, amount, currency FROM settlement.payout_file_lines
        WHERE key = :key
    """)
    with pytest.raises(Exception, match="payout_file_lines_pkey"):
        async with office.engine.begin() as connection:
            await connection.execute(again, {"key": key})


# Cancelling, and what does not go into a file -----------------------------------------------------------------


async def test_what_no_file_holds_can_be_cancelled_and_what_one_holds_can_not(
    office: Office, new_bank_payee: NewBankPayee
) -> None:
    await new_bank_payee()
    before = await office.balances()
    run = await office.approved()
    await office.work()
    await office.cancel(await office.payout())
    assert ((await office.payout()).state, await office.balances()) == ("cancelled", before)
    assert await office.run(run) == ("done", None)

    run = await office.approved()
    await office.file(run)
    newest = (await office.purse.payouts())[-1]
    with pytest.raises(WrongPayoutStep):
        await office.cancel(newest)


async def test_a_payee_that_took_its_account_back_is_left_out_of_the_file(
    office: Office, new_bank_payee: NewBankPayee
) -> None:
    gone, _ = await new_bank_payee(10_000), await new_bank_payee(20_000)
    run = await office.approved()
    await office.work()
    owner = Owner(party_id=gone.clipper_id)
    async with office.engine.begin() as connection:
        (account,) = await list_accounts(connection, owner)
        await close_account(connection, owner, account.account_id)
    file = await office.file(run)
    assert (file.payments, file.totals) == (1, {"EUR": 20_000})
    assert [each.state for each in await office.purse.payouts()] == ["refused", "sent"]


async def test_a_file_of_nothing_but_refusals_is_none(office: Office, new_bank_payee: NewBankPayee) -> None:
    await new_bank_payee()
    run = await office.approved()
    await office.work()
    await office.own(OwnAccount(currency="EUR", account=OTHER))
    with pytest.raises(NothingFiled):
        await office.file(run)
    refused = await office.payout()
    assert (refused.state, refused.code) == ("refused", "changed")
    await office.cancel(refused)
    run = await office.approved()
    assert (await office.file(run)).payments == 1


async def test_our_account_that_was_changed_before_anything_was_filed_refuses_it(
    office: Office, new_bank_payee: NewBankPayee
) -> None:
    await new_bank_payee()
    run = await office.approved()
    await office.own(OwnAccount(currency="EUR", account=OTHER))
    await office.work()
    assert ((await office.payout()).code, await office.run(run)) == ("changed", ("done", None))


async def test_files_are_made_of_runs_that_pay_by_file_and_are_not_halted(
    office: Office, new_bank_payee: NewBankPayee
) -> None:
    await new_bank_payee()
    run = await office.approved()
    with pytest.raises(RunNotFound):
        await office.file(run + 1_000_000)
    async with office.engine.begin() as connection:
        today = await book_today(connection, office.book_id)
    for wrong in (today - timedelta(days=1), today + timedelta(days=61)):
        with pytest.raises(InvalidRun, match="execute_on"):
            await office.file(run, wrong)
    assert (await office.payout()).state == "filed"
    file = await office.file(run, today + timedelta(days=7))
    assert file.execute_on == today + timedelta(days=7)


async def test_no_file_is_made_of_a_halted_run(office: Office, new_bank_payee: NewBankPayee) -> None:
    await new_bank_payee()
    run = await office.approved()
    await office.work()
    async with office.engine.begin() as connection:
        halt = text("UPDATE settlement.payout_runs SET state = 'halted', halted = 'x' WHERE run_id = :run")
        await connection.execute(halt, {"run": run})
    with pytest.raises(WrongRunStep, match="not halted"):
        await office.file(run)


async def test_less_money_in_paying_than_is_to_leave_makes_no_file(
    office: Office, new_bank_payee: NewBankPayee
) -> None:
    payee = await new_bank_payee()
    run = await office.approved()
    await office.work()
    lines = (
        Line(f"liabilities:paying:clipper-{payee.clipper_id}", "EUR", 1),
        Line(f"liabilities:available:clipper-{payee.clipper_id}", "EUR", -1),
    )
    async with office.engine.begin() as connection:
        on = await book_today(connection, office.book_id)
        slip = NewEntry(idempotency_key="wrong", effective_on=on, description="A slip", lines=lines)
        await post_batch(connection, office.book_id, [slip])
    with pytest.raises(RunOutdated):
        await office.file(run)
    assert (await office.payout()).state == "filed"


# What the bank rejects ----------------------------------------------------------------------------------------


async def test_what_the_bank_rejects_is_back_in_our_cash_and_says_why(
    office: Office, new_bank_payee: NewBankPayee
) -> None:
    """One payout for each reason that banks give but for duplicates."""
    reasons = sorted({*REASONS} - {*DUPLICATES})
    for _ in reasons:
        await new_bank_payee(10_000)
    run = await office.approved()
    before = await office.balances()
    file = await office.file(run)
    keys = office.bank.upload(await office.download(file))
    told = await office.answered(file, *((key, "RJCT", reason) for key, reason in zip(keys, reasons, strict=True)))
    assert (told.outcome, told.file.closed) == ({"rejected": len(reasons)}, True)
    by_key = dict(zip(keys, reasons, strict=True))
    for refused in await office.purse.payouts():
        fixed_by, _, words = REASONS[reason := by_key[f"{refused.transfer_group}-1"]]
        assert (refused.state, refused.code, refused.fixed_by) == ("refused", reason, fixed_by)
        assert words in (refused.reason or "")
    assert await office.balances() == before


async def test_what_was_rejected_goes_into_another_file_by_a_new_key(
    office: Office, new_bank_payee: NewBankPayee
) -> None:
    run, file, key = await sent(office, new_bank_payee)
    await office.answered(file, (key, "RJCT", "AM04"))
    with pytest.raises(PayoutFileClosed):
        await office.download(file)
    await office.retry(await office.payout())
    assert (await office.run(run))[0] == "sending"
    second = await office.file(run)
    content = await office.download(second)
    (new_key,) = office.bank.upload(content)
    assert (new_key != key, second.message_id != file.message_id) == (True, True)
    office.bank.pay(content)
    await office.look()
    assert (await office.payout()).state == "paid"
    assert await office.balances() == {"assets:marketplace:tiktok": 10_000, "assets:bank": -10_000}


async def test_what_was_rejected_can_be_cancelled(office: Office, new_bank_payee: NewBankPayee) -> None:
    await new_bank_payee(10_000, recoverable=1_000)
    before = await office.balances()
    run = await office.approved()
    file = await office.file(run)
    (key,) = office.bank.upload(await office.download(file))
    await office.answered(file, (key, "RJCT", "AC04"))
    await office.cancel(await office.payout())
    assert await office.balances() == before


async def test_a_rejected_batch_or_file_is_of_all_that_it_holds(office: Office, new_bank_payee: NewBankPayee) -> None:
    for _ in range(3):
        await new_bank_payee()
    run = await office.approved()
    file = await office.file(run)
    told = await office.answered(file, group="RJCT")
    assert told.outcome == {"rejected": 3}
    assert {each.state for each in await office.purse.payouts()} == {"refused"}


async def test_a_file_that_is_accepted_in_part_is_told_of_one_by_one(
    office: Office, new_bank_payee: NewBankPayee
) -> None:
    for _ in range(3):
        await new_bank_payee()
    run = await office.approved()
    file = await office.file(run)
    first, second, _ = keys = [*office.bank.upload(await office.download(file))]
    told = await office.answered(file, (first, "ACSP", None), (second, "RJCT", "AC01"), group="PART")
    assert told.outcome == {"pending": 1, "rejected": 1}
    states = {each.reference: each.state for each in await office.purse.payouts()}
    assert [states[key] for key in keys] == ["sent", "refused", "sent"]


async def test_an_answer_that_comes_again_changes_nothing(office: Office, new_bank_payee: NewBankPayee) -> None:
    _, file, key = await sent(office, new_bank_payee)
    content = answer(file.message_id, [(key, "RJCT", "AM04")])
    first, second = await office.hear(file, content), await office.hear(file, content)
    assert (first.new, second.new, first.outcome) == (True, False, second.outcome)
    refused = await office.payout()
    await office.retry(refused)
    await office.hear(file, content)
    assert (await office.payout()).state == "ready"
    later = answer(file.message_id, [(key, "RJCT", "AM04")], extra="<AcctSvcrRef>2</AcctSvcrRef>")
    await office.hear(file, later)
    assert (await office.payout()).state == "ready", "it is of the key before"


# Duplicates and contradictions --------------------------------------------------------------------------------


@pytest.mark.parametrize("reason", DUPLICATES)
async def test_what_the_bank_has_already_is_unknown_and_halts_the_run_until_a_statement_shows_it(
    office: Office, new_bank_payee: NewBankPayee, reason: str
) -> None:
    run, file, key = await sent(office, new_bank_payee)
    await office.answered(file, (key, "RJCT", reason))
    assert ((await office.payout()).state, (await office.run(run))[0]) == ("unknown", "halted")
    assert (await office.balances())["assets:in-transit:bank-file"] == 10_000

    await office.resume(run)
    for _ in range(4):  # whatever time passes, it is not taken for unpaid
        await office.work()
        office.pass_(days=2)
    assert ((await office.payout()).state, (await office.payout()).code) == ("unknown", "not-found")
    with pytest.raises(NothingFiled):
        await office.file(run)

    office.bank.book(key, -10_000)
    await office.work()
    await office.look()
    assert ((await office.payout()).state, await office.run(run)) == ("paid", ("done", None))
    assert await office.balances() == {"assets:marketplace:tiktok": 10_000, "assets:bank": -10_000}


async def test_what_was_settled_and_is_rejected_then_is_for_a_person(
    office: Office, new_bank_payee: NewBankPayee
) -> None:
    run, file, key = await sent(office, new_bank_payee)
    await office.answered(file, (key, "ACSC", None))
    await office.answered(file, (key, "RJCT", "AM04"))
    assert ((await office.payout()).state, (await office.run(run))[0]) == ("unknown", "halted")
    with pytest.raises(WrongPayoutStep):
        await office.not_paid(file)


async def test_what_was_rejected_and_is_settled_then_was_paid_after_all(
    office: Office, new_bank_payee: NewBankPayee
) -> None:
    _, file, key = await sent(office, new_bank_payee)
    await office.answered(file, (key, "RJCT", "AM04"))
    await office.answered(file, (key, "ACSC", None))
    assert (await office.payout()).state == "sent"
    assert (await office.balances())["assets:in-transit:bank-file"] == 10_000
    office.bank.book(key, -10_000)
    await office.look()
    assert (await office.payout()).state == "paid"


@pytest.mark.parametrize("filed", [False, True])
@pytest.mark.parametrize("by_statement", [False, True])
async def test_what_was_paid_by_its_old_key_is_not_paid_by_the_new_one(
    office: Office, new_bank_payee: NewBankPayee, by_statement: bool, filed: bool
) -> None:
    run, file, key = await sent(office, new_bank_payee)
    await office.answered(file, (key, "RJCT", "AM04"))
    await office.retry(await office.payout())
    if filed:
        await office.work()
    office.bank.book(key, -10_000)
    if by_statement:
        await office.look()
    else:
        await office.answered(file, (key, "ACSC", None))
    assert ((await office.payout()).state, (await office.run(run))[0]) == ("unknown", "halted")
    await office.resume(run)
    with pytest.raises(NothingFiled):
        await office.file(run)
    office.pass_(days=3)
    await office.work()
    await office.look()
    assert (await office.payout()).state == "paid"
    assert await office.balances() == {"assets:marketplace:tiktok": 10_000, "assets:bank": -10_000}


async def test_what_was_paid_by_two_keys_is_told(office: Office, new_bank_payee: NewBankPayee) -> None:
    run, file, key = await sent(office, new_bank_payee)
    await office.answered(file, (key, "RJCT", "AM04"))
    await office.retry(await office.payout())
    second = await office.file(run)
    office.bank.pay(await office.download(second))
    office.bank.book(key, -10_000)
    await office.look()
    state, why = await office.run(run)
    assert (state, key in (why or "")) == ("halted", True)
    assert (await office.payout()).state in ("sent", "paid")


async def test_what_was_cancelled_and_paid_is_told(office: Office, new_bank_payee: NewBankPayee) -> None:
    run, file, key = await sent(office, new_bank_payee)
    await office.answered(file, (key, "RJCT", "AM04"))
    await office.cancel(await office.payout())
    office.bank.book(key, -10_000)
    await office.look()
    assert ((await office.payout()).state, (await office.run(run))[0]) == ("cancelled", "halted")


@pytest.mark.parametrize("booked", [[-10_001], [-10_000, -10_000]])
async def test_another_amount_than_was_ordered_is_for_a_person(
    office: Office, new_bank_payee: NewBankPayee, booked: list[int]
) -> None:
    run, _, key = await sent(office, new_bank_payee)
    for amount in booked:
        office.bank.book(key, amount)
    await office.look()
    assert ((await office.payout()).state, (await office.run(run))[0]) == ("unknown", "halted")
    await office.look()
    assert await office.purse.trail((await office.payout()).payout_id) == [
        "approved",
        "claimed",
        "filed",
        "sent",
        "lost",
    ]


async def test_one_books_halt_is_not_anothers(office: Office, new_bank_payee: NewBankPayee) -> None:
    run, file, key = await sent(office, new_bank_payee)
    await office.answered(file, (key, "RJCT", "DUPL"))
    async with office.engine.connect() as connection:
        halts = await connection.scalar(text("SELECT count(*) FROM settlement.rail_halts WHERE rail = 'bank-file'"))
    assert (halts, (await office.run(run))[0]) == (0, "halted")


# What comes back ----------------------------------------------------------------------------------------------


async def test_what_the_bank_sends_back_is_available_again(office: Office, new_bank_payee: NewBankPayee) -> None:
    await new_bank_payee(10_000, recoverable=1_000)
    before = await office.balances()
    run = await office.approved()
    file = await office.file(run)
    content = await office.download(file)
    ((key, amount),) = office.bank.upload(content).items()
    office.bank.pay(content)
    office.bank.book(key, amount, "AC04")
    await office.look()
    back = await office.payout()
    assert (back.state, back.returned) == ("returned", amount)
    assert "the account is closed" in (back.reason or "")
    assert await office.balances() == before
    await office.look()
    assert await office.balances() == before


async def test_a_part_that_comes_back_is_available_again_once(office: Office, new_bank_payee: NewBankPayee) -> None:
    payee = await new_bank_payee(10_000)
    run = await office.approved()
    file = await office.file(run)
    (key,) = office.bank.upload(await office.download(file))
    office.bank.book(key, -10_000)
    await office.look()
    office.bank.book(key, 4_000, "AC04")
    for _ in range(2):
        await office.look()
        await office.imported(key)
    assert ((await office.payout()).state, (await office.payout()).returned) == ("paid", 4_000)
    assert (await office.balances())[f"liabilities:available:clipper-{payee.clipper_id}"] == -4_000


async def test_a_statement_is_heard_by_a_book_that_has_no_account_any_more(
    office: Office, new_bank_payee: NewBankPayee
) -> None:
    _, _, key = await sent(office, new_bank_payee)
    await office.own()
    office.bank.book(key, -10_000)
    await office.look()
    assert (await office.payout()).state == "paid"


# Files that never got there -----------------------------------------------------------------------------------


async def test_another_person_says_that_a_file_was_never_given_to_the_bank(
    office: Office, new_bank_payee: NewBankPayee
) -> None:
    run, file, _ = await sent(office, new_bank_payee)
    with pytest.raises(SamePerson):
        await office.not_paid(file, by=ANA)
    closed = await office.not_paid(file)
    assert (closed.told, closed.closed) == ({"not-paid": 1}, True)
    with pytest.raises(PayoutFileClosed):
        await office.download(file)
    assert ((await office.payout()).state, (await office.payout()).code) == ("refused", "not-paid")
    await office.retry(await office.payout())
    assert (await office.file(run)).payments == 1


async def test_what_the_bank_has_settled_or_booked_is_not_said_to_be_unpaid(
    office: Office, new_bank_payee: NewBankPayee
) -> None:
    for _ in range(3):
        await new_bank_payee()
    run = await office.approved()
    file = await office.file(run)
    settled, booked, free = keys = [*office.bank.upload(await office.download(file))]
    numbered = {each.reference: each.payout_id for each in await office.purse.payouts()}
    numbers = [numbered[key] for key in keys]
    await office.answered(file, (settled, "ACSC", None))
    office.bank.book(booked, -10_000)
    for wrong in ([numbers[0]], [numbers[1]], [numbers[2], 2**62]):
        with pytest.raises(WrongPayoutStep):
            await office.not_paid(file, wrong)
    await office.not_paid(file, [numbers[2]])
    assert free.endswith(f"{numbers[2]}-1")
    states = {each.payout_id: each.state for each in await office.purse.payouts()}
    assert [states[number] for number in numbers] == ["sent", "sent", "refused"]


# Forged and foreign answers -----------------------------------------------------------------------------------


async def test_an_answer_to_another_file_or_of_strange_payments_is_refused_whole(
    office: Office, new_bank_payee: NewBankPayee
) -> None:
    _, file, key = await sent(office, new_bank_payee)
    for content in (
        answer("CL0000", [(key, "RJCT", "AM04")]),
        answer(file.message_id, [(key, "RJCT", "AM04"), ("clp-1-1-1", "RJCT", "AM04")]),
        b"<?xml version='1.0'?><!DOCTYPE x [<!ENTITY a 'b'>]><x/>",
        b"\0\xff nothing",
    ):
        with pytest.raises(UnreadableFile):
            await office.hear(file, content)
    with pytest.raises(UnknownFormat):
        await office.hear(file, await office.download(file))
    assert (await office.payout()).state == "sent"


async def test_another_books_file_is_not_there(office: Office, new_bank_payee: NewBankPayee, new_host: Any) -> None:
    _, file, _ = await sent(office, new_bank_payee)
    other = await new_host()
    async with office.engine.connect() as connection:
        with pytest.raises(PayoutFileNotFound):
            await find_file(connection, other.book_id, file.file_id)


# Killed between any two steps ---------------------------------------------------------------------------------


class Killed(BaseException):
    """As if the process were gone: its transaction is rolled back."""


@pytest.mark.parametrize("at", range(10))
async def test_a_killed_process_leaves_what_the_next_one_finishes(
    office: Office, new_bank_payee: NewBankPayee, at: int
) -> None:
    """The way from the approval to the statement broken off before its n-th commit, and gone again from the start."""
    for _ in range(2):
        await new_bank_payee(10_000)
    run = await office.approved()
    with _killed_before_commit(office, at) as commits, suppress(Killed):
        await _whole_way(office, run)
    assert len(commits) == at + 1, "it was killed"
    office.pass_(minutes=6)
    await _whole_way(office, run)
    assert {each.state for each in await office.purse.payouts()} == {"paid"}
    assert await office.balances() == {"assets:marketplace:tiktok": 20_000, "assets:bank": -20_000}
    assert [line.amount for line in office.bank.booked] == [-10_000, -10_000]
    assert (await office.run(run))[0] == "done"


async def _whole_way(office: Office, run: int) -> None:
    """What people and jobs do, as far as it is not done."""
    await office.work()
    async with office.engine.connect() as connection:
        made = await list_files(connection, office.book_id, run)
    file = made[0] if made else await office.file(run)
    content = await office.download(file)
    if not office.bank.booked:
        office.bank.pay(content)
    first, _ = office.bank.upload(content)
    await office.hear(file, answer(file.message_id, [(first, "ACSP", None)]))
    await office.look()


@contextmanager
def _killed_before_commit(office: Office, at: int) -> Iterator[list[int]]:
    """What is given counts commits."""
    commits: list[int] = []

    def on_commit(_: object) -> None:
        commits.append(len(commits))
        if commits[-1] == at:
            raise Killed

    listening = (office.engine.sync_engine, "commit", on_commit)
    event.listen(*listening)
    try:
        yield commits
    finally:
        event.remove(*listening)


# Accounts -----------------------------------------------------------------------------------------------------


async def test_an_account_shows_its_last_digits_only(office: Office, new_clipper: NewClipper) -> None:
    clipper = await new_clipper()
    owner = Owner(party_id=clipper.clipper_id)
    async with office.engine.begin() as connection:
        made = await open_bank_account(connection, owner, PAYEE, "EUR", by="test")
    assert (made.destination, made.state, made.currencies, made.country) == ("…4300", "active", ("EUR",), "NL")
    assert "0417" not in repr(made)
    with pytest.raises(AccountExists):
        async with office.engine.begin() as connection:
            await open_bank_account(connection, owner, PAYEE, "EUR", by="test")


@pytest.mark.parametrize(
    ("changed", "field"),
    [
        ({"iban": "NL91ABNA0417164301"}, "iban"),
        ({"iban": None}, "iban"),
        ({"iban": None, "number": "12345"}, "bic"),
        ({"iban": None, "number": "12345", "clearing": "CNAPS:1"}, "clearing"),
        ({"bic": "NOT A BIC"}, "bic"),
        ({"holder": " "}, "holder"),
        ({"holder": "a\0b"}, "holder"),
        ({"holder": "李娜"}, "holder"),
        ({"bank_name": "\ud800"}, "bank_name"),
        ({"country": "nl"}, "country"),
    ],
)
async def test_accounts_that_can_not_be_are_refused(
    office: Office, new_clipper: NewClipper, changed: dict[str, Any], field: str
) -> None:
    owner = Owner(party_id=(await new_clipper()).clipper_id)
    given = {name: getattr(PAYEE, name) for name in PAYEE.__struct_fields__} | changed
    with pytest.raises(InvalidPayoutAccount) as refused:
        async with office.engine.begin() as connection:
            await open_bank_account(connection, owner, BankDetails(**given), "EUR", by="test")
    assert refused.value.field == field


async def test_a_book_without_an_account_in_the_currency_leaves_its_payees_out(
    office: Office, new_bank_payee: NewBankPayee
) -> None:
    await new_bank_payee()
    await office.own(OwnAccount(currency="USD", account=OWN))
    with pytest.raises(NothingToPay):
        await office.approved()
    await office.own()
    async with office.engine.connect() as connection:
        with pytest.raises(RailNotSetUp):
            await office.rails.of(connection, office.book_id, "bank-file")
        assert await own_accounts(connection, office.book_id) == []
    await office.work()


async def test_our_own_accounts_are_one_for_each_currency(office: Office) -> None:
    with pytest.raises(InvalidPayoutAccount):
        await office.own(OwnAccount(currency="EUR", account=OWN), OwnAccount(currency="EUR", account=OTHER))
    with pytest.raises(UnknownCurrency):
        await office.own(OwnAccount(currency="XYZ", account=OWN))
    await office.own(OwnAccount(currency="USD", account=OTHER), OwnAccount(currency="EUR", account=OWN))
    async with office.engine.connect() as connection:
        assert [each.currency for each in await own_accounts(connection, office.book_id)] == ["EUR", "USD"]


def test_a_blank_within_a_number_is_how_people_write_it() -> None:
    assert account_of(PAYEE).iban == "NL91ABNA0417164300"


def test_nothing_that_left_the_house_is_cancelled_or_tried_again_by_itself() -> None:
    assert "sent" not in STEPS["cancelled"]
    assert "sent" not in STEPS["released"]
    assert "filed" not in STEPS["released"]
