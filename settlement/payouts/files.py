"""Files for the bank: what a run's files hold, and what the bank has said of it."""

from datetime import date, datetime

import msgspec
from sqlalchemy import Row, text
from sqlalchemy.ext.asyncio import AsyncConnection

from settlement.payouts.errors import PayoutFileClosed, PayoutFileNotFound
from settlement.rails.bank_answers import FileLine


class PayoutFile(msgspec.Struct, frozen=True, kw_only=True):
    """`totals` are minor units by currency, to be compared with the bank's page. `told` counts its payments by the
    bank's last word: pending, settled, rejected, duplicate, or none; `not-paid` is a person's. One of which something
    was refused is `closed`: it is not handed out again.
    """

    file_id: int
    run_id: int
    message_id: str
    sha256: str
    payments: int
    totals: dict[str, int]
    execute_on: date
    made_by: str
    made_at: datetime
    told: dict[str, int]
    closed: bool

    @property
    def name(self) -> str:
        """As it is saved."""
        return f"{self.message_id}.xml"


async def find_file(connection: AsyncConnection, book_id: int, file_id: int) -> PayoutFile:
    """Raises PayoutFileNotFound."""
    row = (await connection.execute(_FIND, {"book": book_id, "file": file_id})).one_or_none()
    if row is None:
        raise PayoutFileNotFound("file", file_id)
    return _file(row)


async def list_files(connection: AsyncConnection, book_id: int, run_id: int) -> list[PayoutFile]:
    """Newest first."""
    return [_file(row) for row in await connection.execute(_LIST, {"book": book_id, "run": run_id})]


async def file_of_message(connection: AsyncConnection, book_id: int, message_id: str) -> int:
    """Raises PayoutFileNotFound."""
    found = await connection.scalar(_OF_MESSAGE, {"book": book_id, "message": message_id})
    if found is None:
        raise PayoutFileNotFound("message", message_id)
    return int(found)


async def content_of(connection: AsyncConnection, book_id: int, file_id: int) -> bytes:
    """The same bytes, whenever it is asked for. Raises PayoutFileNotFound, PayoutFileClosed."""
    found = await find_file(connection, book_id, file_id)
    if found.closed:
        raise PayoutFileClosed("file", file_id)
    content = await connection.scalar(_CONTENT, {"book": book_id, "file": file_id})
    return bytes(content)


async def lines_of(connection: AsyncConnection, book_id: int, file_id: int) -> list[Row[tuple[object, ...]]]:
    """What it holds: payout_id, key, batch_id, amount, currency, told, file_id."""
    return [*await connection.execute(_LINES, {"book": book_id, "file": file_id})]


def file_line(row: Row[tuple[object, ...]]) -> FileLine:
    """As the bank's answer is read against."""
    return FileLine(row.key, row.batch_id, row.amount, row.currency)


def _file(row: Row[tuple[object, ...]]) -> PayoutFile:
    return PayoutFile(**row._mapping)


_CHOSEN = """
    SELECT file_id, run_id, message_id, sha256, payments, totals, execute_on, made_by, made_at, told,
           told ?| ARRAY['rejected', 'not-paid'] AS closed
    FROM settlement.payout_files AS file
    JOIN LATERAL (
        SELECT coalesce(jsonb_object_agg(word, payments), '{}') AS told
        FROM (
            SELECT coalesce(told, 'none') AS word, count(*) AS payments FROM settlement.payout_file_lines AS line
            WHERE line.book_id = file.book_id AND line.file_id = file.file_id GROUP BY told
        ) AS counted
    ) AS its ON true
    WHERE book_id = :book AND """
_FIND = text(_CHOSEN + "file_id = :file")
_LIST = text(_CHOSEN + "run_id = :run ORDER BY file_id DESC")
_OF_MESSAGE = text("SELECT file_id FROM settlement.payout_files WHERE book_id = :book AND message_id = :message")
_CONTENT = text("SELECT content FROM settlement.payout_files WHERE book_id = :book AND file_id = :file")
_LINES = text("""
    SELECT payout_id, key, batch_id, amount, currency, told, file_id FROM settlement.payout_file_lines
    WHERE book_id = :book AND file_id = :file ORDER BY payout_id
""")
