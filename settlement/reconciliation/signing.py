"""Two people: one submits a reconciliation that adds up, another signs it for good."""

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

from settlement.closing import Person
from settlement.errors import SamePerson
from settlement.reasons import checked_reason
from settlement.reconciliation.errors import DoesNotAddUp, InvalidReconciliation, NeverRun, Unexplained
from settlement.reconciliation.reconciliations import OPEN, locked, record, sums_of, take_step
from settlement.reconciliation.summing import moved_since


async def submit(connection: AsyncConnection, book_id: int, reconciliation_id: int, by: Person) -> None:
    """Hand it to another person. Raises WrongReconciliationStep, NeverRun, DoesNotAddUp, Unexplained."""
    was = await locked(connection, book_id, reconciliation_id, "run")
    if was.sums is None:
        raise NeverRun("reconciliation", reconciliation_id)
    its = {"book": book_id, "reconciliation": reconciliation_id}
    unexplained = await connection.scalar(_UNEXPLAINED, its)
    if unexplained:
        raise Unexplained("residuals", unexplained)
    if sums_of(was.sums).unproved or await moved_since(connection, book_id, was):
        raise DoesNotAddUp("reconciliation", reconciliation_id)
    await take_step(connection, book_id, reconciliation_id, "submitted", submitted_by=by.user_id, asked_at=None)
    await record(connection, book_id, reconciliation_id, "submitted", by, detail=was.sums)


async def give_back(connection: AsyncConnection, book_id: int, reconciliation_id: int, by: Person, reason: str) -> None:
    """Return it to draft. Raises WrongReconciliationStep, InvalidReconciliation."""
    said = checked_reason(reason, InvalidReconciliation)
    await take_step(connection, book_id, reconciliation_id, "returned", submitted_by=None)
    await record(connection, book_id, reconciliation_id, "returned", by, said)


async def sign(connection: AsyncConnection, book_id: int, reconciliation_id: int, by: Person) -> None:
    """For good. Raises WrongReconciliationStep, SamePerson, DoesNotAddUp."""
    was = await locked(connection, book_id, reconciliation_id, "signed")
    if was.submitted_by == by.user_id:
        raise SamePerson("reconciliation", reconciliation_id)
    if await moved_since(connection, book_id, was):
        raise DoesNotAddUp("reconciliation", reconciliation_id)
    await record(connection, book_id, reconciliation_id, "signed", by, detail=was.sums)
    await take_step(connection, book_id, reconciliation_id, "signed", signed_by=by.user_id)


_UNEXPLAINED = text(f"""
    SELECT count(*) FROM settlement.residuals
    WHERE book_id = :book AND reconciliation_id = :reconciliation AND {OPEN}
""")  # noqa: S608 - of constants
