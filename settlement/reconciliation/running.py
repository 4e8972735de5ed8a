"""Running a reconciliation: load, match, judge, write down. All of it is one transaction.

What rules matched before is matched anew, so that the result hangs on the lines alone, and not on when they came; what
a person matched, parted, explained or posted stays.
"""

import msgspec
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from settlement.closing import Person
from settlement.positions import marketplace_account
from settlement.reconciliation.by_line import reconcile_lines
from settlement.reconciliation.by_sale import reconcile_sales
from settlement.reconciliation.loading import Scope
from settlement.reconciliation.reconciliations import Sums, alone, record, source_of, take_step
from settlement.reconciliation.writing import forget

AT_ONCE = 20_000
"""Lines of both sides up to which a request waits for the result; with more a worker runs it."""


async def run(connection: AsyncConnection, book_id: int, reconciliation_id: int, by: Person | None) -> Sums:
    """Match what is free and write down what is not matched. Raises ReconciliationNotFound, WrongReconciliationStep."""
    row = await take_step(connection, book_id, reconciliation_id, "run")
    scope = Scope(row.account, row.currency, row.month)
    await alone(connection, book_id, scope.account, scope.currency)
    await forget(connection, book_id, reconciliation_id)
    work = reconcile_sales if scope.account.startswith(marketplace_account("")) else reconcile_lines
    sums = await work(connection, book_id, reconciliation_id, scope)
    done = {"sums": msgspec.to_builtins(sums), "run_at": text("now()"), "asked_at": None}
    await take_step(connection, book_id, reconciliation_id, "run", **done)
    await record(connection, book_id, reconciliation_id, "run", by, detail=done["sums"])
    return sums


async def ask(connection: AsyncConnection, book_id: int, reconciliation_id: int, by: Person) -> bool:
    """Run it if it is small; else leave it to a worker. Whether it was run. Raises as `run`."""
    row = await take_step(connection, book_id, reconciliation_id, "run")
    asked = {"book": book_id, "account": row.account, "currency": row.currency, "source": source_of(row.account)}
    if (await connection.execute(_SIZE, asked)).scalar_one() <= AT_ONCE:
        await run(connection, book_id, reconciliation_id, by)
        return True
    await take_step(connection, book_id, reconciliation_id, "run", asked_at=text("now()"))
    return False


async def run_asked(engine: AsyncEngine, book_id: int) -> int:
    """Each that was left to a worker, in a transaction of its own; how many."""
    async with engine.connect() as connection:
        waiting = (await connection.scalars(_ASKED, {"book": book_id})).all()
    for reconciliation_id in waiting:
        async with engine.begin() as connection:
            await run(connection, book_id, reconciliation_id, None)
    return len(waiting)


# SQL --------------------------------------------------------------------------------------------------------

_SIZE = text("""
    SELECT (SELECT count(*) FROM (
                SELECT FROM ledger.accounts AS its JOIN ledger.postings AS p USING (book_id, account_id)
                WHERE its.book_id = :book AND its.code = :account AND its.currency = :currency LIMIT 100000) AS a)
         + (SELECT count(*) FROM (
                SELECT FROM settlement.external_lines
                WHERE book_id = :book AND source = :source AND currency = :currency LIMIT 100000) AS b)
""")
_ASKED = text("SELECT reconciliation_id FROM settlement.reconciliations WHERE book_id = :book AND asked_at IS NOT NULL")
