"""A month made up, reconciled in a book: all that is clean is matched, and each defect is told by its kind."""

from uuid import uuid4

from sqlalchemy.ext.asyncio import AsyncEngine

from bench.reconciliation.books import fill, reconcile_book
from bench.reconciliation.judging import judge
from bench.reconciliation.month import make_month


async def test_a_small_month_of_another_seed_is_told_wholly(app_engine: AsyncEngine) -> None:
    month = make_month(3_000, 7, of_each_kind=4)
    book_id = await fill(app_engine, f"bench-{uuid4().hex}", month)
    found = await reconcile_book(app_engine, book_id, month)
    assert (found.verdict.clean_matched, found.verdict.defects_told, found.unproved) == (1, 1, 0), found.verdict.wrong
    assert (found.verdict.kinds, found.verdict.false_alarms) == (20, 0)


def test_the_same_seed_makes_the_same_month_and_another_another() -> None:
    assert make_month(200, 1) == make_month(200, 1)
    assert make_month(200, 1) != make_month(200, 2)


def test_a_defect_that_is_called_something_else_counts_as_missed() -> None:
    month = make_month(50, 3, of_each_kind=1)
    (names,) = month.defects["chargeback"]
    verdict = judge(month, set(month.clean), [("missing-in-ledger", names)])
    assert (verdict.clean_matched, verdict.defects_told, verdict.wrong.keys()) == (1, 0, month.defects.keys())
