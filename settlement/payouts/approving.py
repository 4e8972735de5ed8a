"""Approving a run: the plan is checked once more, the money is set aside, and every intent is written down.

All of it is one transaction, before any rail is called. From then on the run sends itself.
"""

from collections.abc import Iterator, Mapping, Sequence
from datetime import date, datetime
from typing import Any, NamedTuple

import msgspec
from sqlalchemy import Row, text
from sqlalchemy.ext.asyncio import AsyncConnection

from ledger.books import get_book
from ledger.entries import Line, NewEntry, post_batch
from settlement.closing import Person
from settlement.entries import open_accounts
from settlement.errors import SamePerson
from settlement.payouts.errors import RunOutdated
from settlement.payouts.lifecycle import approval_lines
from settlement.payouts.payouts import Happened, group_of, key_of, order_of, record
from settlement.payouts.planning import Planned, plan
from settlement.payouts.runs import locked, record_step, take_step
from settlement.rails.protocol import Rail
from settlement.recovering import lock_balances, recovery_lines
from settlement.suspense import book_today
from settlement.tax import record_withheld, withheld_lines


async def approve(
    connection: AsyncConnection, book_id: int, run_id: int, by: Person, rail: Rail, now: datetime
) -> None:
    """Set the money aside, and let it be sent. Once in a transaction: it posts one batch.

    Raises RunNotFound, WrongRunStep, SamePerson, RunOutdated.
    """
    await lock_balances(connection, book_id)
    today = await book_today(connection, book_id)
    was = await locked(connection, book_id, run_id, "approved")
    if was.submitted_by == by.user_id:
        raise SamePerson("run", run_id)
    await take_step(connection, book_id, run_id, "approved", pay_on=today, approved_by=by.user_id)
    planned = await _checked(connection, book_id, was, today)
    booked = await _book(connection, book_id, planned, today)
    taxed = [each.withheld for _, each in planned]
    its_entries = [entries.get("withheld_entry", entries["approval_entry"]) for entries in booked]
    await record_withheld(connection, book_id, taxed, its_entries)
    book = (await get_book(connection, book_id)).slug
    intents = [
        {**_intent(book_id, book, row, rail), **entries} for (row, _), entries in zip(planned, booked, strict=True)
    ]
    rows = msgspec.json.encode(intents).decode()
    await connection.execute(_APPROVE, {"book": book_id, "now": now, "rows": rows})
    approved = [Happened(row.payout_id, "approved", "ready", {"by": by.actor}) for row, _ in planned]
    await record(connection, book_id, approved, now)
    await record_step(connection, book_id, run_id, "approved", by, detail={"payouts": len(planned)})


async def _checked(
    connection: AsyncConnection, book_id: int, run: Row[Any], today: date
) -> list[tuple[Row[Any], Planned]]:
    """The plan's rows that are to be paid, each with what it would be now. Raises RunOutdated."""
    rows = (await connection.execute(_PLANNED, {"book": book_id, "run": run.run_id})).all()
    planned = {(row.party, row.currency): row.taken for row in rows}
    now = await plan(connection, book_id, run.rail, run.basis, today, at_most=planned)
    found = {(each.party, each.currency): each for each in now if each.code is None}
    checked = []
    for row in rows:
        each = found.get((row.party, row.currency))
        if each is None or _facts(each) != (row.taken, row.recovery, row.withheld, row.account_id, row.destination):
            raise RunOutdated("payout", f"{row.party} {row.currency}")
        checked.append((row, each))
    return checked


def _facts(planned: Planned) -> tuple[object, ...]:
    to = planned.destination
    amounts = planned.amounts
    return amounts.taken, amounts.recovery, amounts.withheld, to and to.account_id, to and to.destination


async def _book(
    connection: AsyncConnection, book_id: int, planned: Sequence[tuple[Row[Any], Planned]], on: date
) -> list[dict[str, int]]:
    """Post what each sets aside; the numbers of its entries, by the column that keeps them."""
    entries = [[*_entries(row, each, on)] for row, each in planned]
    flat = [entry for its in entries for _, entry in its]
    await open_accounts(connection, book_id, flat)
    posted = iter(await post_batch(connection, book_id, flat))
    return [{column: next(posted).entry_id for column, _ in its} for its in entries]


class _Part(NamedTuple):
    """What is booked of a payout, and the column that keeps its entry."""

    column: str
    description: str
    lines: Mapping[str, int]


def _entries(row: Row[Any], planned: Planned, on: date) -> Iterator[tuple[str, NewEntry]]:
    """One for each thing that is done with what was available, so that a statement tells each by itself."""
    party, amounts = planned.party, planned.amounts
    its = row.payout_id
    parts = (
        _Part("approval_entry", f"Payout {its}: approved", approval_lines(party, amounts)),
        _Part(
            "recovery_entry", f"Payout {its}: recovered for what is owed back", recovery_lines(party, amounts.recovery)
        ),
        _Part(
            "withheld_entry",
            f"Payout {its}: withheld for tax",
            withheld_lines(party, amounts.authority, amounts.withheld),
        ),
    )
    for column, description, lines in parts:
        if lines:
            yield (
                column,
                NewEntry(
                    idempotency_key=f"payout:{row.payout_id}:{column}",
                    effective_on=on,
                    description=description,
                    lines=tuple(Line(account, row.currency, amount) for account, amount in lines.items()),
                    metadata={"payout": str(row.payout_id), "run": str(row.run_id)},
                ),
            )


class _Asked(msgspec.Struct, frozen=True):
    """What `order_of` reads of a row, before the row has it."""

    payout_id: int
    run_id: int
    party: str
    currency: str
    amount: int
    destination: str
    key: str
    transfer_group: str


def _intent(book_id: int, book: str, row: Row[Any], rail: Rail) -> dict[str, Any]:
    key, group = key_of(book_id, row.payout_id, 1), group_of(book_id, row.payout_id)
    asked = _Asked(row.payout_id, row.run_id, row.party, row.currency, row.amount, row.destination, key, group)
    order = order_of(book, asked)
    refused = rail.refusal(order)
    if refused is not None:
        raise RunOutdated("payout", f"{row.party} {row.currency}", refused.reason)
    return {
        "payout_id": row.payout_id,
        "key": key,
        "transfer_group": group,
        "request_sha256": rail.request_hash(order),
    }


_PLANNED = text("""
    SELECT * FROM settlement.payouts
    WHERE book_id = :book AND run_id = :run AND state = 'planned' ORDER BY payout_id FOR UPDATE
""")

_APPROVE = text("""
    UPDATE settlement.payouts AS its SET
        state = 'ready', approval_entry = told.approval_entry, recovery_entry = told.recovery_entry,
        withheld_entry = told.withheld_entry, key = told.key, transfer_group = told.transfer_group,
        request_sha256 = told.request_sha256, next_attempt_at = :now
    FROM jsonb_to_recordset(CAST(:rows AS jsonb)) AS told (
        payout_id bigint, approval_entry bigint, recovery_entry bigint, withheld_entry bigint, key text,
        transfer_group text, request_sha256 text
    )
    WHERE its.book_id = :book AND its.payout_id = told.payout_id
""")
