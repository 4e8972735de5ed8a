"""What an import has posted, by account: by its keys, or in short, as kept when it ended."""

from collections.abc import Sequence

import msgspec
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

MOST = 50
"""Accounts that are told one by one in short; of more, those of clippers and of agencies are added up."""


class Amount(msgspec.Struct, frozen=True):
    """What moves on an account, in minor units; debits positive."""

    account: str
    currency: str
    amount: int


class Amounts(msgspec.Struct, frozen=True):
    """What moves on so many accounts, in minor units. Those of several parties are named by what these are, such as
    `liabilities:held:clipper`.
    """

    account: str
    currency: str
    amount: int
    accounts: int


async def posted_by(connection: AsyncConnection, book_id: int, import_id: int) -> list[Amount]:
    """What an import has posted so far, by account and currency."""
    rows = await connection.execute(_POSTED, _keys(book_id, import_id))
    return [Amount(row.code, row.currency, int(row.amount)) for row in rows]


async def posted_in_short(connection: AsyncConnection, book_id: int, import_id: int) -> Sequence[Amounts]:
    """The same in a few rows. It is kept once an import has ended, and worked out until then."""
    kept = await connection.scalar(_KEPT, {"book": book_id, "import": import_id})
    return await _in_short(connection, book_id, import_id) if kept is None else msgspec.convert(kept, list[Amounts])


async def keep_posted(connection: AsyncConnection, book_id: int, import_id: int) -> None:
    """Once all is posted."""
    posted = msgspec.json.encode(await _in_short(connection, book_id, import_id)).decode()
    await connection.execute(_KEEP, {"book": book_id, "import": import_id, "posted": posted})


async def _in_short(connection: AsyncConnection, book_id: int, import_id: int) -> list[Amounts]:
    rows = await connection.execute(_IN_SHORT, {**_keys(book_id, import_id), "most": MOST})
    return [Amounts(row.code, row.currency, int(row.amount), row.accounts) for row in rows]


def _keys(book_id: int, import_id: int) -> dict[str, object]:
    return {"book": book_id, "from": f"import:{import_id}:", "to": f"import:{import_id};"}  # ; is what follows :


_BY_ACCOUNT = """
    SELECT a.code, p.currency, sum(p.amount) AS amount
    FROM ledger.entries AS e
    JOIN ledger.postings AS p USING (book_id, entry_id)
    JOIN ledger.accounts AS a USING (book_id, account_id)
    WHERE e.book_id = :book AND e.idempotency_key >= :from AND e.idempotency_key < :to
    GROUP BY 1, 2
    HAVING sum(p.amount) <> 0
"""
_POSTED = text(f"{_BY_ACCOUNT} ORDER BY 1, 2")
_IN_SHORT = text(f"""
    SELECT CASE WHEN many THEN regexp_replace(code, ':(clipper|agency)-[0-9]+$', ':\\1') ELSE code END AS code,
           currency, sum(amount) AS amount, count(*) AS accounts
    FROM (SELECT code, currency, amount, count(*) OVER () > :most AS many FROM ({_BY_ACCOUNT}) AS its) AS told
    GROUP BY 1, 2 ORDER BY 1, 2
""")  # noqa: S608 - of constants
_KEPT = text("SELECT posted FROM settlement.imports WHERE book_id = :book AND import_id = :import")
_KEEP = text("""
    UPDATE settlement.imports SET posted = CAST(:posted AS jsonb) WHERE book_id = :book AND import_id = :import
""")
