"""The month in a book: posted, imported, reconciled, and what came of it by the month's own names."""

import time
from collections.abc import Sequence
from datetime import date
from typing import NamedTuple

from sqlalchemy import insert, text
from sqlalchemy.ext.asyncio import AsyncEngine

from bench.reconciliation.judging import Name, Verdict, judge
from bench.reconciliation.month import Booked, Month, Moved
from ledger.accounts import NewAccount, ensure_accounts
from ledger.books import open_book
from ledger.entries import Line, NewEntry, post_batch
from settlement.arrays import driver
from settlement.closing import Person
from settlement.reconciliation.reconciliations import Sums, begin
from settlement.reconciliation.running import run
from settlement.tables import remittances

BY = Person(1, "bench")
OCTOBER = date(2026, 10, 1)
_COUNTER = "equity:opening"
_BATCH = 10_000


class Reconciled(NamedTuple):
    """What it took, in seconds of the wall and of this process's own, and what was found."""

    seconds: float
    own_seconds: float
    verdict: Verdict
    unproved: int


async def fill(engine: AsyncEngine, slug: str, month: Month) -> int:
    """A book with both sides in it; its number."""
    async with engine.begin() as connection:
        book_id = (await open_book(connection, slug, "Lili Live Ltd", "Asia/Shanghai")).book_id
        names = {(its.account, its.currency) for its in month.booked} | {
            (_COUNTER, its.currency) for its in month.booked
        }
        await ensure_accounts(connection, book_id, [NewAccount(*name) for name in sorted(names)])
    for start in range(0, len(month.booked), _BATCH):
        await _post(engine, book_id, month.booked[start : start + _BATCH])
    async with engine.begin() as connection:
        cursor = (await driver(connection)).cursor()
        async with cursor, cursor.copy(_COPY) as copy:
            for its in month.moved:
                on = date.fromordinal(its.day)
                account = "platform" if its.source == "stripe" else "DE89370400440532013000"
                await copy.write_row(
                    (
                        *(book_id, its.source, account, its.external_id, its.kind, its.amount, its.currency, on, on),
                        *(its.counterparty, its.text, its.reference, its.group, ""),
                    )
                )
    return book_id


async def _post(engine: AsyncEngine, book_id: int, lines: Sequence[Booked]) -> None:
    async with engine.begin() as connection:
        posted = await post_batch(connection, book_id, [_entry(its) for its in lines])
        paid = [
            {
                "book_id": book_id,
                "marketplace": its.market,
                "currency": its.currency,
                "amount": its.amount,
                "received_on": date.fromordinal(its.day),
                "account": its.account,
                "reference": its.reference,
                "recorded_by": "bench",
                "entry_id": made.entry_id,
            }
            for its, made in zip(lines, posted, strict=True)
            if its.market
        ]
        if paid:
            await connection.execute(insert(remittances), paid)


def _entry(its: Booked) -> NewEntry:
    told = {"reference": its.reference, "group": its.group, "run": "" if its.run is None else str(its.run)}
    return NewEntry(
        idempotency_key=f"bench:{its.number}",
        effective_on=date.fromordinal(its.day),
        description="Booked",
        lines=(Line(its.account, its.currency, its.amount), Line(_COUNTER, its.currency, -its.amount)),
        metadata={name: value for name, value in told.items() if value},
    )


async def reconcile_book(engine: AsyncEngine, book_id: int, month: Month) -> Reconciled:
    """Every account in every currency, each in a transaction."""
    accounts = {(its.account, its.currency) for its in month.booked} | {_place(its) for its in month.moved}
    sums: list[Sums] = []
    began, began_own = time.perf_counter(), time.process_time()
    for account, currency in sorted(accounts):
        async with engine.begin() as connection:
            its = await begin(connection, book_id, BY, account=account, currency=currency, month=OCTOBER)
            sums.append(await run(connection, book_id, its.reconciliation_id, BY))
    took, own = time.perf_counter() - began, time.process_time() - began_own
    async with engine.connect() as connection:
        matched: set[Name] = set()
        async for number, name in await connection.stream(_MATCHED, {"book": book_id}):
            matched.add(int(number) if name is None else name)
        residuals = [
            (row.kind, frozenset([*row.ours, *row.theirs]))
            for row in await connection.execute(_RESIDUALS, {"book": book_id})
        ]
    return Reconciled(took, own, judge(month, matched, residuals), sum(abs(each.unproved) for each in sums))


def _place(its: Moved) -> tuple[str, str]:
    return ("assets:bank" if its.source == "bank" else "assets:stripe"), its.currency


_COPY = b"""
    COPY settlement.external_lines (book_id, source, account, external_id, kind, amount, currency, booked_on, value_on,
        counterparty, description, reference, payment_group, bank_reference) FROM STDIN
"""
_MATCHED = text("""
    SELECT substr(e.idempotency_key, 7) AS number, NULL AS name
    FROM settlement.matched_postings AS m JOIN ledger.entries AS e USING (book_id, entry_id) WHERE m.book_id = :book
    UNION ALL
    SELECT NULL, its.external_id
    FROM settlement.matched_lines AS m JOIN settlement.external_lines AS its USING (book_id, line_id)
    WHERE m.book_id = :book
""")
_RESIDUALS = text("""
    SELECT kind, ARRAY(
               SELECT substr(e.idempotency_key, 7)::bigint
               FROM jsonb_array_elements(members -> 'postings') AS named
               JOIN ledger.entries AS e ON e.book_id = its.book_id AND e.entry_id = (named ->> 0)::bigint) AS ours,
           ARRAY(
               SELECT line.external_id FROM jsonb_array_elements_text(members -> 'lines') AS named
               JOIN settlement.external_lines AS line
                   ON line.book_id = its.book_id AND line.line_id = named::bigint) AS theirs
    FROM settlement.residuals AS its WHERE book_id = :book
""")
