"""Whether a statement holds, told to anybody who has its code, and nothing else.

The code is on the paper and in every file; nobody can guess it. A draft is nobody's to ask about: it may be thrown
away.
"""

from datetime import datetime
from functools import lru_cache
from typing import Literal
from uuid import UUID

import msgspec
from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncConnection

from licensing.certificates.numbers import number_of
from settlement.errors import StatementNotFound
from settlement.statements import papers, reading
from settlement.statements.papers import Whole
from settlement.statements.reading import Statement, StatementSeal
from settlement.tables import statements

_LONGEST = 100  # of what is told again of what was asked
_HASHES = 10_000
"""So many hashes are kept: an issued statement's never changes, and a host's has a hundred thousand lines."""


class StatementVerdict(msgspec.Struct, frozen=True, kw_only=True):
    """What a paper may be compared with. `superseded`: the month was closed again, and revision `replaced_by` counts.

    `closing` is the closing total in minor units, `sha256` of the statement as JSON. `seal` covers every entry behind
    it; null until they are all sealed.
    """

    code: str
    host: str
    name: str
    month: str
    currency: str
    revision: int
    state: Literal["issued", "superseded"]
    replaced_by: int | None
    issued_at: datetime
    closing: int
    sha256: str
    seal: StatementSeal | None


async def verify(connection: AsyncConnection, said: str) -> StatementVerdict:
    """Of a code as somebody has typed it, in groups or not. Raises StatementNotFound."""
    code = number_of(said)
    if code is None:
        raise StatementNotFound("code", said[:_LONGEST])
    its = statements.c
    row = (await connection.execute(select(its.book_id, its.statement_id).where(its.code == UUID(code)))).first()
    if row is None:
        raise StatementNotFound("code", code)
    _, found = await reading.find_statement(connection, row.statement_id, book_id=row.book_id)
    if found.issued_at is None or found.state not in ("issued", "superseded"):
        raise StatementNotFound("code", code)
    return StatementVerdict(
        code=code,
        host=found.host,
        name=found.name,
        month=found.month,
        currency=found.currency,
        revision=found.revision,
        state=found.state,
        replaced_by=found.replaced_by,
        issued_at=found.issued_at,
        closing=found.closing.total,
        sha256=await _sha256(connection, row.book_id, found),
        seal=found.seal,
    )


async def whole_of(connection: AsyncConnection, book_id: int, statement: Statement) -> Whole:
    """A statement that was found, with all its lines."""
    number = statement.statement_id
    summary = await reading.summaries_of(connection, book_id, number)
    lines = [line async for some in reading.all_lines(connection, book_id, number) for line in some]
    return Whole(statement, summary, lines)


async def _sha256(connection: AsyncConnection, book_id: int, issued: Statement) -> str:
    """Once for each: it is public, and takes as long as the statement has lines."""
    known = _known()
    if (found := known.get(issued.code)) is None:
        found = papers.sha256_of(await whole_of(connection, book_id, issued))
        if len(known) >= _HASHES:
            known.clear()
        known[issued.code] = found
    return found


@lru_cache(maxsize=1)
def _known() -> dict[str, str]:
    """Of issued statements, by code."""
    return {}
