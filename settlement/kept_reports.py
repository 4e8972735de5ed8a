"""Reports on a large book that are kept whole, as of lately: pages show them without adding up all accounts and sales.

Each is kept as it was made, row by row, so that a page of a long one is read alone. All are of one moment, of which the
pages tell. A small book's are never late, for nothing of it is kept; files and the API always make them anew.
"""

import json
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import partial
from typing import Any, Generic, TypeVar

import msgspec
from sqlalchemy import Row, text
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from ledger.balances import TrialBalance, trial_balance
from ledger.money import BIGINT_MAX
from settlement.lately import AT_LEAST, EVERY, LARGE, TOLD, turn
from settlement.reports import receivables
from settlement.reports.ageing import AgeingReport, payables_ageing
from settlement.reports.performance_sql import plan_for_all
from settlement.reports.receivables import ReceivablesReport

R = TypeVar("R", TrialBalance, AgeingReport, ReceivablesReport)


@dataclass(frozen=True)
class Report(Generic[R]):
    """A report that is kept by this name: of what form, and how it is made of what is known now."""

    name: str
    form: type[R]
    make: Callable[[AsyncConnection, int], Awaitable[R]]


TRIAL_BALANCE = Report("trial-balance", TrialBalance, partial(trial_balance, depth=2))
"""By the first two words of accounts."""
PAYABLES = Report("payables-ageing", AgeingReport, payables_ageing)
"""Of today."""
RECEIVABLES: Mapping[receivables.By, Report[ReceivablesReport]] = {
    "sale": Report("receivables-by-sale", ReceivablesReport, partial(receivables.receivables, by="sale")),
    "settlement": Report(
        "receivables-by-settlement", ReceivablesReport, partial(receivables.receivables, by="settlement")
    ),
}
_ALL: Sequence[Report[Any]] = (TRIAL_BALANCE, PAYABLES, *RECEIVABLES.values())


async def report_lately(
    connection: AsyncConnection, book_id: int, which: Report[R], *, offset: int = 0, limit: int | None = None
) -> tuple[R, datetime | None]:
    """With its rows after so many, all of them without a limit; and as of when it is, if it is kept."""
    until = BIGINT_MAX if limit is None else offset + limit
    asked = {"book": book_id, "name": which.name, "after": offset, "until": until}
    found = (await connection.execute(_FIND, asked)).all()
    if not found:
        made = await which.make(connection, book_id)
        return msgspec.structs.replace(made, rows=made.rows[offset:until]), None
    whole, *rows = found
    told = json.loads(whole.content) | {"rows": [json.loads(row.content) for row in rows]}
    return msgspec.convert(told, which.form), whole.as_of


async def refresh_reports(
    engine: AsyncEngine, book_id: int, *, every: timedelta = EVERY, at_least: int = AT_LEAST
) -> bool:
    """Make a book's reports, if anything in it has changed since they were made, or a day has begun; whether there was
    anything to do. Two at once take turns.
    """
    asked = {"book": book_id, "every": every, "least": at_least, "names": [each.name for each in _ALL]}
    async with engine.connect() as connection:
        if not await connection.scalar(_DUE, asked):
            return False
    async with turn(engine, "settlement.kept_reports") as connection:
        if not await connection.scalar(_DUE, asked):
            return False
        await plan_for_all(connection)
        await connection.execute(_FORGET, asked)
        stands = (await connection.execute(_STANDS, asked)).one()
        for report in _ALL:
            await _keep(connection, book_id, report, stands)
    return True


async def _keep(connection: AsyncConnection, book_id: int, report: Report[Any], stands: Row[Any]) -> None:
    told = msgspec.to_builtins(await report.make(connection, book_id))
    parts = [{**told, "rows": []}, *told["rows"]]
    content = [json.dumps(part, ensure_ascii=False) for part in parts]
    asked = {"book": book_id, "name": report.name, "content": content, **stands._mapping}
    await connection.execute(_KEEP, asked)


# SQL --------------------------------------------------------------------------------------------------------

# Entries are never changed, nor do they go, and imports end once: where there are as many as there were, they are the
# same, however long it took to commit them. They are counted only where nothing else says that it is due.
_ALL_TOLD = """
    ((SELECT count(*) FROM ledger.entries WHERE book_id = :book)
     + (SELECT count(*) FROM settlement.imports WHERE book_id = :book AND finished_at IS NOT NULL))"""
_DUE = text(f"""
    SELECT {LARGE}
       AND (kept.reports < cardinality(CAST(:names AS text[]))
            OR kept.as_of <= now() - CAST(:every AS interval)
               AND (CAST(kept.as_of AT TIME ZONE time_zone AS date) < CAST(now() AT TIME ZONE time_zone AS date)
                    OR {TOLD} > kept.as_of - interval '10 minutes' OR kept.told <> {_ALL_TOLD}))
    FROM ledger.books CROSS JOIN (
        SELECT count(*) AS reports, min(as_of) AS as_of, min(told) AS told FROM settlement.kept_reports
        WHERE book_id = :book AND name = ANY (CAST(:names AS text[])) AND place = 0) AS kept
    WHERE book_id = :book
""")  # noqa: S608 - of constants

_FIND = text("""
    SELECT as_of, content FROM settlement.kept_reports
    WHERE book_id = :book AND name = :name AND place <= :until AND (place = 0 OR place > :after) ORDER BY place
""")
# The transaction's moment, of which the reports take their day, too: those that waited for their turn past midnight are
# of the day before, and due again.
_STANDS = text(f"SELECT now() AS as_of, {_ALL_TOLD} AS told")
_FORGET = text("DELETE FROM settlement.kept_reports WHERE book_id = :book")
_KEEP = text("""
    INSERT INTO settlement.kept_reports (book_id, name, place, content, told, as_of)
    SELECT :book, :name, place - 1, content, :told, :as_of
    FROM unnest(CAST(:content AS text[])) WITH ORDINALITY AS part (content, place)
""")
