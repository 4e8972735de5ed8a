"""Who submits a run of payouts does not approve it: the database itself says so to the service's own role.

The rule as people meet it is tested beside each step; here it is attacked with SQL, past all that the code checks.
"""

import pytest
from sqlalchemy import text
from sqlalchemy.exc import IntegrityError, ProgrammingError

from settlement.payouts.approving import approve
from settlement.payouts.runs import draft, submit
from tests.settlement.payouts.purse import ANA, BEN, NewPayee, Purse


async def attacked(purse: Purse, attack: str) -> None:
    people = {"one": ANA.user_id, "other": BEN.user_id}
    named = {name: number for name, number in people.items() if f":{name}" in attack}
    with pytest.raises((IntegrityError, ProgrammingError)):
        async with purse.engine.begin() as connection:
            await connection.execute(text(attack), {"book": purse.book_id, **named})


@pytest.fixture
async def drafted(purse: Purse, new_payee: NewPayee) -> int:
    await new_payee()
    async with purse.engine.begin() as connection:
        return (await draft(connection, purse.book_id, "stripe", "available", by=ANA)).run_id


@pytest.mark.parametrize(
    "attack",
    [
        "UPDATE settlement.payout_runs SET state = 'sending', approved_by = :one WHERE book_id = :book",
        "UPDATE settlement.payout_runs SET state = 'sending' WHERE book_id = :book",
        "UPDATE settlement.payout_runs SET state = 'done', approved_by = NULL WHERE book_id = :book",
        "UPDATE settlement.payout_runs SET submitted_by = :other WHERE book_id = :book",
        "UPDATE settlement.payout_runs SET state = 'sending', submitted_by = :other, approved_by = :one"
        " WHERE book_id = :book",
        "INSERT INTO settlement.payout_runs"
        " (book_id, rail, basis, pay_on, created_by, state, submitted_by, approved_by)"
        " VALUES (:book, 'stripe', 'available', now(), 'x', 'sending', :one, :other)",
    ],
)
async def test_a_run_of_one_person_is_not_approved(purse: Purse, drafted: int, attack: str) -> None:
    async with purse.engine.begin() as connection:
        await submit(connection, purse.book_id, drafted, ANA)
    await attacked(purse, attack)


@pytest.mark.usefixtures("drafted")
async def test_a_draft_is_not_approved_past_its_submission(purse: Purse) -> None:
    skipped = "UPDATE settlement.payout_runs SET state = 'sending', submitted_by = :one, approved_by = :other"
    await attacked(purse, f"{skipped} WHERE book_id = :book")


async def test_who_approved_a_run_stays_on_it(purse: Purse, drafted: int) -> None:
    async with purse.engine.begin() as connection:
        await submit(connection, purse.book_id, drafted, ANA)
    async with purse.engine.begin() as connection:
        await approve(connection, purse.book_id, drafted, BEN, purse.rail, purse.clock())
    for change in ("approved_by = 99", "submitted_by = 99", "state = 'draft', approved_by = NULL"):
        await attacked(purse, f"UPDATE settlement.payout_runs SET {change} WHERE book_id = :book")
    async with purse.engine.connect() as connection:
        its = text("SELECT submitted_by, approved_by FROM settlement.payout_runs WHERE run_id = :run")
        assert tuple((await connection.execute(its, {"run": drafted})).one()) == (ANA.user_id, BEN.user_id)
