"""Files of a bank: camt.053, or our own CSV; kept whole, their lines kept once.

A file is known by its SHA-256, a line by what it says: sent twice, or overlapping, they do no harm. Rows that can't be
read are parked with the rule that they break; a camt.053 that does not add up is refused as a whole.
"""

import asyncio
import hashlib
from collections.abc import Mapping, Sequence
from datetime import date, datetime
from typing import Any, Literal

import msgspec
from msgspec import Struct
from sqlalchemy import Row, select, text
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from ledger.refusals import storable
from media.storage import Storage
from settlement.errors import UnreadableFile
from settlement.rails.bank_lines import BankLine, RowFault, read_good_lines
from settlement.rails.bank_statements import read_statements
from settlement.reconciliation.errors import BankFileNotFound, InvalidBankFile
from settlement.reconciliation.tables import bank_file_faults, bank_files

Form = Literal["camt.053", "csv"]

_CHUNK = 5_000
_LONGEST_ACCOUNT = 100


class StatementBalances(Struct, frozen=True):
    """What the bank says of one account; minor units."""

    id: str
    account: str
    currency: str
    opening: int | None
    closing: int | None
    closing_on: date | None


class BankFile(Struct, frozen=True):
    """`new_lines` are those that no earlier file had, `parked` rows could not be read."""

    file_id: int
    name: str
    sha256: str
    size: int
    format: Form
    lines: int
    new_lines: int
    parked: int
    statements: list[StatementBalances]
    created_by: str
    created_at: datetime


class ParkedLine(Struct, frozen=True):
    """A row that could not be read: what stands in it, and the rule it breaks."""

    row_no: int
    value: str | None
    rule: str
    raw: list[str]


class _Content(Struct, frozen=True):
    form: Form
    lines: Sequence[BankLine]
    statements: Sequence[StatementBalances]
    faults: Sequence[RowFault]


_COLUMNS = [bank_files.c[name] for name in BankFile.__struct_fields__]


async def import_file(
    engine: AsyncEngine,
    storage: Storage,
    book_id: int,
    content: bytes,
    *,
    name: str,
    account: str | None,
    created_by: str,
) -> tuple[BankFile, bool]:
    """Keep a file and its lines; whether it is new. `account` is whose lines a CSV holds; a camt.053 says so itself.

    Raises FileRefused, InvalidBankFile; nothing was kept.
    """
    said = name.replace("\0", "").strip()[-500:]
    if not said or not storable(said):
        raise InvalidBankFile("name", name, "1 to 500 characters, none of them NUL")
    digest = hashlib.sha256(content).hexdigest()
    async with engine.connect() as connection:
        if known := await _known(connection, book_id, digest):
            return known, False
    read = await asyncio.to_thread(_read, content, account)
    key = f"bank-files/{book_id}/{digest}"
    await storage.put(key, content)
    async with engine.begin() as connection:
        await connection.execute(_ALONE, {"book": book_id})
        if known := await _known(connection, book_id, digest):
            return known, False
        return await _keep(connection, book_id, read, said, digest, len(content), key, created_by), True


def _read(content: bytes, account: str | None) -> _Content:
    if content.lstrip()[:1] == b"<" or content[:4] in (b"\xef\xbb\xbf<", b"\xff\xfe<\0", b"\xfe\xff\0<"):
        found = read_statements(content)
        told = [
            StatementBalances(its.id, its.account, its.currency, its.opening, its.closing, its.closing_on)
            for its in found
        ]
        lines = [line for its in found for line in its.lines]
        _check(lines)
        return _Content("camt.053", lines, told, [])
    if account is None or not 1 <= len(account.strip()) <= _LONGEST_ACCOUNT or not storable(account):
        raise InvalidBankFile("account", account, "whose lines they are: an IBAN, or the bank's number")
    lines, faults = read_good_lines(content, account.strip())
    _check(lines)
    return _Content("csv", lines, [], faults)


def _check(lines: Sequence[BankLine]) -> None:
    """A line without an amount moved nothing; texts are those that a database can hold."""
    for line in lines:
        if not all(storable(each) for each in (line.text, line.counterparty, line.reference or "")):
            raise UnreadableFile("file", line.id, "holds characters that are none")


async def _keep(
    connection: AsyncConnection,
    book_id: int,
    read: _Content,
    name: str,
    digest: str,
    size: int,
    key: str,
    created_by: str,
) -> BankFile:
    moved = [line for line in read.lines if line.amount]
    new = await _new_lines(connection, book_id, moved)
    values: dict[str, Any] = {"name": name, "sha256": digest, "size": size, "key": key, "format": read.form}
    values |= {"lines": len(read.lines), "new_lines": new, "parked": len(read.faults), "created_by": created_by}
    values["statements"] = msgspec.to_builtins(read.statements)
    made = insert(bank_files).values(book_id=book_id, **values).returning(*_COLUMNS)
    kept = _file((await connection.execute(made)).one())
    rows = [_row(line, kept.file_id) for line in moved]
    for start in range(0, len(rows), _CHUNK):
        told = msgspec.json.encode(rows[start : start + _CHUNK]).decode()
        await connection.execute(KEEP_LINES, {"book": book_id, "rows": told})
    if read.faults:
        faults = [
            {
                "book_id": book_id,
                "file_id": kept.file_id,
                "row_no": fault.row_no,
                "value": None if fault.value is None else _storable(str(fault.value))[:500],
                "rule": fault.rule,
                "raw": [_storable(cell)[:2000] for cell in fault.raw],
            }
            for fault in read.faults
        ]
        await connection.execute(insert(bank_file_faults), faults)
    return kept


async def _new_lines(connection: AsyncConnection, book_id: int, lines: Sequence[BankLine]) -> int:
    """How many no earlier file had. Only one file of a book is kept at a time, so it stays true."""
    its = {"book": book_id, "ids": [line.id for line in lines], "accounts": [line.account for line in lines]}
    return len({(line.account, line.id) for line in lines}) - int((await connection.execute(_OLD, its)).scalar_one())


def _storable(said: str) -> str:
    return said.replace("\0", "").encode(errors="replace").decode()


def _row(line: BankLine, file_id: int) -> Mapping[str, Any]:
    return {
        "source": "bank",
        "account": line.account,
        "external_id": line.id,
        "kind": line.kind,
        "amount": line.amount,
        "currency": line.currency,
        "booked_on": line.booked_on,
        "value_on": line.value_on,
        "counterparty": line.counterparty,
        "description": line.text,
        "reference": line.end_to_end_id or "",
        "payment_group": "",
        "bank_reference": line.reference or "",
        "return_reason": line.return_reason,
        "file_id": file_id,
    }


# Reading ----------------------------------------------------------------------------------------------------


async def find_file(connection: AsyncConnection, book_id: int, file_id: int) -> BankFile:
    """Raises BankFileNotFound."""
    its = bank_files.c
    chosen = select(*_COLUMNS).where(its.book_id == book_id, its.file_id == file_id)
    row = (await connection.execute(chosen)).one_or_none()
    if row is None:
        raise BankFileNotFound("bank file", file_id)
    return _file(row)


async def list_files(
    connection: AsyncConnection, book_id: int, *, before: int | None = None, limit: int = 100
) -> list[BankFile]:
    """Newest first by number, those before a given one."""
    its = bank_files.c
    chosen = select(*_COLUMNS).where(its.book_id == book_id)
    if before is not None:
        chosen = chosen.where(its.file_id < before)
    return [_file(row) for row in await connection.execute(chosen.order_by(its.file_id.desc()).limit(limit))]


async def list_faults(
    connection: AsyncConnection, book_id: int, file_id: int, *, before: int | None = None, limit: int = 100
) -> list[ParkedLine]:
    """The last rows of the file first, those before a given one."""
    its = bank_file_faults.c
    chosen = select(*(its[name] for name in ParkedLine.__struct_fields__)).where(
        its.book_id == book_id, its.file_id == file_id
    )
    if before is not None:
        chosen = chosen.where(its.row_no < before)
    return [ParkedLine(*row) for row in await connection.execute(chosen.order_by(its.row_no.desc()).limit(limit))]


async def _known(connection: AsyncConnection, book_id: int, digest: str) -> BankFile | None:
    its = bank_files.c
    row = (
        await connection.execute(select(*_COLUMNS).where(its.book_id == book_id, its.sha256 == digest))
    ).one_or_none()
    return None if row is None else _file(row)


def _file(row: Row[Any]) -> BankFile:
    told = row._asdict()
    return BankFile(**{**told, "statements": msgspec.convert(told["statements"], list[StatementBalances])})


# SQL --------------------------------------------------------------------------------------------------------

_ALONE = text("SELECT pg_advisory_xact_lock(hashtextextended('bank files of ' || :book, 0))")
_OLD = text("""
    SELECT count(*) FROM (SELECT DISTINCT id, account
                          FROM unnest(CAST(:ids AS text[]), CAST(:accounts AS text[])) AS w (id, account)) AS w
    JOIN settlement.external_lines AS its
        ON its.book_id = :book AND its.source = 'bank' AND its.account = w.account AND its.external_id = w.id
""")
KEEP_LINES = text("""
    INSERT INTO settlement.external_lines (book_id, source, account, external_id, kind, amount, currency, booked_on,
        value_on, counterparty, description, reference, payment_group, bank_reference, return_reason, file_id)
    SELECT :book, source, account, external_id, kind, amount, currency, booked_on, value_on, counterparty, description,
           reference, payment_group, bank_reference, return_reason, file_id
    FROM jsonb_to_recordset(CAST(:rows AS jsonb)) AS its (source text, account text, external_id text, kind text,
        amount bigint, currency text, booked_on date, value_on date, counterparty text, description text,
        reference text, payment_group text, bank_reference text, return_reason text, file_id bigint)
    ON CONFLICT (book_id, source, account, external_id) DO NOTHING
    RETURNING line_id
""")
"""Each line once."""
