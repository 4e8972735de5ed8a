"""Who submits a month does not approve it, and who asks does not reopen it: the database itself says so.

The rule as people meet it is tested beside each step; here it is attacked with SQL by the service's own role, past all
that the code checks.
"""

import pytest
from sqlalchemy.exc import IntegrityError, ProgrammingError
from sqlalchemy.ext.asyncio import AsyncEngine

from tests.licensing.house import Host
from tests.settlement.books import APPROVER, FINANCE, Closer
from tests.settlement.shop import in_sql
from tests.settlement.till import Till


@pytest.fixture
def till(app_engine: AsyncEngine, host: Host) -> Till:
    return Till(app_engine, host)


@pytest.fixture
def closer(till: Till) -> Closer:
    return Closer(till)


async def attacked(till: Till, attack: str) -> None:
    people = {"one": FINANCE.user_id, "other": APPROVER.user_id}
    named = {name: number for name, number in people.items() if f":{name}" in attack}
    with pytest.raises((IntegrityError, ProgrammingError)):
        await in_sql(till, attack, **named)


@pytest.mark.parametrize(
    "attack",
    [
        "UPDATE settlement.closings SET state = 'issued', approved_by = :one WHERE book_id = :book",
        "UPDATE settlement.closings SET state = 'issued' WHERE book_id = :book",
        "UPDATE settlement.closings SET approved_by = :other WHERE book_id = :book",
        "UPDATE settlement.closings SET submitted_by = :other WHERE book_id = :book",
        "UPDATE settlement.closings SET state = 'issued', submitted_by = :other, approved_by = :one"
        " WHERE book_id = :book",
        "INSERT INTO settlement.closings (book_id, month, state, submitted_by, approved_by)"
        " VALUES (:book, '2026-01-01', 'issued', :one, :other)",
    ],
)
async def test_a_month_of_one_person_is_not_issued(till: Till, closer: Closer, attack: str) -> None:
    await closer.draft()
    await closer.submit()
    await attacked(till, attack)


async def test_a_drafted_month_is_not_issued_past_its_submission(till: Till, closer: Closer) -> None:
    await closer.draft()
    skipped = "UPDATE settlement.closings SET state = 'issued', submitted_by = :one, approved_by = :other"
    await attacked(till, f"{skipped} WHERE book_id = :book")


_REOPENED = "UPDATE settlement.closings SET state = 'open', revision = 2, reopening_by = NULL, approved_by = NULL"


@pytest.mark.parametrize(
    "attack",
    [
        f"{_REOPENED}, asked_by = :one, reopened_by = :one WHERE book_id = :book",
        f"{_REOPENED}, asked_by = :other, reopened_by = :one WHERE book_id = :book",
        f"{_REOPENED}, asked_by = :one WHERE book_id = :book",
        f"{_REOPENED} WHERE book_id = :book",
        "UPDATE settlement.closings SET reopening_by = :other WHERE book_id = :book",
        "UPDATE settlement.closings SET asked_by = :one, reopened_by = :other WHERE book_id = :book",
        "UPDATE settlement.closings SET approved_by = 99 WHERE book_id = :book",
    ],
)
async def test_a_month_is_not_reopened_by_one_person(till: Till, closer: Closer, attack: str) -> None:
    await closer.close()
    await closer.ask_reopening()
    await attacked(till, attack)


async def test_a_month_that_nobody_asked_to_reopen_is_not_reopened(till: Till, closer: Closer) -> None:
    await closer.close()
    await attacked(till, f"{_REOPENED}, asked_by = :one, reopened_by = :other WHERE book_id = :book")


async def test_who_asked_for_a_revision_and_who_reopened_for_it_stays_on_it(till: Till, closer: Closer) -> None:
    await closer.close()
    await closer.ask_reopening()
    await closer.reopen()
    await attacked(till, "UPDATE settlement.closings SET asked_by = 98, reopened_by = 99 WHERE book_id = :book")
    await closer.close()
    its = await in_sql(
        till, "SELECT submitted_by, approved_by, asked_by, reopened_by FROM settlement.closings WHERE book_id = :book"
    )
    assert its == [(FINANCE.user_id, APPROVER.user_id) * 2]
