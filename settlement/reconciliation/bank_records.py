"""What has been imported of a bank's statements, as the rail of bank files asks for it."""

from collections.abc import AsyncIterator, Sequence
from datetime import date
from typing import Any

from sqlalchemy import Row, select, text
from sqlalchemy.ext.asyncio import AsyncEngine

from settlement.rails.bank_lines import BankLine
from settlement.rails.protocol import RailBalance
from settlement.reconciliation.tables import external_lines

_CHUNK = 5_000
_ITS = external_lines.c


class ImportedBankLines:
    """`BankRecords` of one book."""

    def __init__(self, engine: AsyncEngine, book_id: int) -> None:
        self._engine, self._book_id = engine, book_id

    async def lines_of(self, end_to_end_id: str) -> Sequence[BankLine]:
        """In order of their days."""
        chosen = select(external_lines).where(*self._of_bank(), _ITS.reference == end_to_end_id)
        async with self._engine.connect() as connection:
            rows = await connection.execute(chosen.order_by(_ITS.booked_on, _ITS.line_id))
            return [_line(row) for row in rows]

    async def lines(self, since: date, until: date) -> AsyncIterator[BankLine]:
        """Booked from `since` on and before `until`."""
        within = (_ITS.booked_on >= since, _ITS.booked_on < until)
        after = 0
        while True:
            chosen = select(external_lines).where(*self._of_bank(), *within, _ITS.line_id > after)
            async with self._engine.connect() as connection:
                rows = (await connection.execute(chosen.order_by(_ITS.line_id).limit(_CHUNK))).all()
            for row in rows:
                yield _line(row)
            if len(rows) < _CHUNK:
                return
            after = rows[-1].line_id

    async def balances(self) -> Sequence[RailBalance]:
        """Closing balances of the newest statements, summed over accounts."""
        async with self._engine.connect() as connection:
            rows = await connection.execute(_BALANCES, {"book": self._book_id})
            return [RailBalance(row.currency, int(row.closing), 0) for row in rows]

    def _of_bank(self) -> tuple[Any, ...]:
        return _ITS.book_id == self._book_id, _ITS.source == "bank"


def _line(row: Row[Any]) -> BankLine:
    return BankLine(
        id=row.external_id,
        account=row.account,
        kind=row.kind,
        amount=row.amount,
        currency=row.currency,
        booked_on=row.booked_on,
        value_on=row.value_on,
        counterparty=row.counterparty,
        text=row.description,
        end_to_end_id=row.reference or None,
        reference=row.bank_reference or None,
        return_reason=row.return_reason,
    )


_BALANCES = text("""
    SELECT currency, sum(closing) AS closing
    FROM (
        SELECT DISTINCT ON (its.account, its.currency) its.currency, its.closing
        FROM settlement.bank_files AS file
        CROSS JOIN jsonb_to_recordset(file.statements)
            AS its (account text, currency text, closing bigint, closing_on date)
        WHERE file.book_id = :book AND its.closing IS NOT NULL AND its.closing_on IS NOT NULL
        ORDER BY its.account, its.currency, its.closing_on DESC, file.file_id DESC
    ) AS newest
    GROUP BY currency ORDER BY currency
""")
