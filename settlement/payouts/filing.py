"""Making a file for the bank of what a run has filed.

The file, its bytes, what it holds and that its payments are sent are one transaction: a file that can be downloaded may
have been given to the bank. So a payment is in no file, or in one that is there to be downloaded; never in two.
"""

import asyncio
from collections.abc import Sequence
from datetime import date, datetime, timedelta
from typing import Any

from sqlalchemy import Row, insert, text
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from ledger.books import get_book
from settlement.closing import Person
from settlement.payouts.answers import Change, after_call
from settlement.payouts.banks import bank_rail
from settlement.payouts.claiming import refusal_of, short_of
from settlement.payouts.errors import InvalidRun, NothingFiled, RunNotFound, RunOutdated, WrongRunStep
from settlement.payouts.files import PayoutFile, find_file
from settlement.payouts.halts import Rails
from settlement.payouts.lifecycle import target
from settlement.payouts.pace import Pace
from settlement.payouts.payouts import order_of
from settlement.payouts.recording import Made, finish, lock_payouts, write
from settlement.payouts.sending import OTHER_ACCOUNT, Clock, Sender, utc_now
from settlement.payouts.tables import payout_file_lines, payout_files
from settlement.rails.bank_file import BankFile, BankFileRail
from settlement.rails.protocol import Order, Refused
from settlement.suspense import book_today

_AHEAD = timedelta(days=60)
"""The furthest day of execution: banks take files some weeks ahead."""


class Maker:
    """Makes files of runs."""

    def __init__(self, engine: AsyncEngine, rails: Rails, *, clock: Clock = utc_now) -> None:
        self._engine = engine
        self._rails = rails
        self._clock = clock

    async def make(self, book_id: int, run_id: int, by: Person, execute_on: date | None = None) -> PayoutFile:
        """One file of all that is approved and in no file yet. `execute_on` is the run's day unless it is said.
        That the bank won't pay what it holds is for another person to say.

        Raises RunNotFound, RailNotSetUp, WrongRunStep, NothingFiled, RunOutdated, InvalidRun.
        """
        async with self._engine.connect() as connection:
            await _check_run(connection, book_id, run_id)
            rail = await bank_rail(self._rails, connection, book_id)
        await Sender(self._engine, rail, "bank-file", pace=Pace(None), clock=self._clock).send_due(book_id)
        async with self._engine.begin() as connection:
            made = await make_file(connection, book_id, run_id, rail, by, self._clock(), execute_on)
        if made is None:
            raise NothingFiled("run", run_id, "every payout that waited for a file was refused; each says why")
        return made


async def make_file(
    connection: AsyncConnection,
    book_id: int,
    run_id: int,
    rail: BankFileRail,
    by: Person,
    now: datetime,
    execute_on: date | None,
) -> PayoutFile | None:
    """None where all were refused. Once in a transaction: it posts one batch.

    Raises RunNotFound, WrongRunStep, NothingFiled, RunOutdated, InvalidRun.
    """
    rows, refused = await _checked(connection, book_id, run_id, rail)
    run = await _check_run(connection, book_id, run_id, lock=True)
    on = await _execution(connection, book_id, run.pay_on, execute_on)
    made = [Made(row, after_call(row.state, why, row.attempts, now)) for row, why in refused]
    file_id = None
    if rows:
        orders = [order for _, order in rows]
        built = await asyncio.to_thread(rail.make_file, orders, created=now, execute_on=on)
        file_id = await _keep(connection, book_id, run_id, built, on, by, now)
        made += [Made(row, _sent(row, file_id, now)) for row, _ in rows]
        await _keep_lines(connection, book_id, file_id, built, [row for row, _ in rows])
    await write(connection, book_id, sorted(made, key=lambda each: each.row.payout_id), now)
    await finish(connection, book_id, now)
    return None if file_id is None else await find_file(connection, book_id, file_id)


async def _check_run(connection: AsyncConnection, book_id: int, run_id: int, *, lock: bool = False) -> Row[Any]:
    asked = {"book": book_id, "run": run_id}
    run = (await connection.execute(_LOCK_RUN if lock else _RUN, asked)).one_or_none()
    if run is None:
        raise RunNotFound("run", run_id)
    if run.rail != "bank-file":
        raise WrongRunStep("rail", run.rail, "only what is paid by bank file goes into files")
    if run.state != "sending":
        raise WrongRunStep("state", run.state, "files are made of a run that is approved, and not halted")
    return run


async def _execution(connection: AsyncConnection, book_id: int, pay_on: date, asked: date | None) -> date:
    today = await book_today(connection, book_id)
    if asked is not None and not today <= asked <= today + _AHEAD:
        raise InvalidRun("execute_on", asked, f"from {today} on, {_AHEAD.days} days ahead at most")
    return asked or max(pay_on, today)


async def _checked(
    connection: AsyncConnection, book_id: int, run_id: int, rail: BankFileRail
) -> tuple[list[tuple[Row[Any], Order]], list[tuple[Row[Any], Refused]]]:
    """What goes into the file, and what does not and why. Raises NothingFiled, RunOutdated."""
    filed = {row.payout_id: row for row in await connection.execute(_FILED, {"book": book_id, "run": run_id})}
    rows = await lock_payouts(connection, book_id, [*filed])
    rows = {number: row for number, row in rows.items() if row.state == "filed"}
    if not rows:
        raise NothingFiled("run", run_id)
    for (party, currency), missing in (await short_of(connection, book_id, [*rows.values()])).items():
        raise RunOutdated("run", run_id, f"{missing} {currency} less lies in paying for {party} than is to be paid")
    book = (await get_book(connection, book_id)).slug
    taken, refused = [], []
    for number, row in rows.items():
        order = order_of(book, row)
        why = refusal_of(filed[number]) or rail.refusal(order) or _changed(row, order, rail)
        if why is None:
            taken.append((row, order))
        else:
            refused.append((row, why))
    return taken, refused


def _changed(row: Row[Any], order: Order, rail: BankFileRail) -> Refused | None:
    return None if rail.request_hash(order) == row.request_sha256 else OTHER_ACCOUNT


def _sent(row: Row[Any], file_id: int, now: datetime) -> Change:
    return Change(
        action="sent",
        state=target(row.state, "sent"),
        detail={"reference": row.key, "file": file_id},
        reference=row.key,
        sent_at=now,
        file_id=file_id,
    )


async def _keep(
    connection: AsyncConnection,
    book_id: int,
    run_id: int,
    built: BankFile,
    execute_on: date,
    by: Person,
    now: datetime,
) -> int:
    row = insert(payout_files).values(
        book_id=book_id,
        run_id=run_id,
        message_id=built.message_id,
        sha256=built.sha256,
        content=built.content,
        payments=built.count,
        totals=dict(built.totals),
        execute_on=execute_on,
        user_id=by.user_id,
        made_by=by.actor,
        made_at=now,
    )
    return int((await connection.execute(row.returning(payout_files.c.file_id))).scalar_one())


async def _keep_lines(
    connection: AsyncConnection, book_id: int, file_id: int, built: BankFile, rows: Sequence[Row[Any]]
) -> None:
    """The key's uniqueness is the last guard against a payment in two files."""
    payout_of = {row.key: row.payout_id for row in rows}
    lines = [
        {
            "book_id": book_id,
            "key": line.key,
            "file_id": file_id,
            "payout_id": payout_of[line.key],
            "batch_id": line.batch_id,
            "amount": line.amount,
            "currency": line.currency,
        }
        for line in built.lines
    ]
    await connection.execute(insert(payout_file_lines), lines)


_RUN = text("SELECT rail, state, pay_on FROM settlement.payout_runs WHERE book_id = :book AND run_id = :run")
_LOCK_RUN = text(f"{_RUN.text} FOR UPDATE")

_FILED = text("""
    SELECT its.payout_id, its.destination, its.currency, account.state AS account_state,
           account.destination AS account_destination, account.currencies
    FROM settlement.payouts AS its JOIN settlement.payout_accounts AS account USING (account_id)
    WHERE its.book_id = :book AND its.run_id = :run AND its.state = 'filed'
""")
