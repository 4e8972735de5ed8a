"""A bank's file is taken in: its lines are kept, and payments by file that it shows have left or come back at once.

The two are apart, for a file is kept whatever becomes of what it shows: broken off between them, the hourly look at
statements goes on, and so does sending the file again.
"""

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncEngine

from media.storage import Storage
from settlement.payouts.banks import bank_rail
from settlement.payouts.halts import Rails
from settlement.payouts.statement_lines import observe_keys
from settlement.reconciliation.bank_files import BankFile, import_file


async def take_in(
    engine: AsyncEngine,
    storage: Storage,
    rails: Rails,
    book_id: int,
    content: bytes,
    *,
    name: str,
    account: str | None,
    created_by: str,
) -> tuple[BankFile, bool]:
    """The file, and whether it is new; as `import_file`, which says what may be wrong with it."""
    kept, new = await import_file(engine, storage, book_id, content, name=name, account=account, created_by=created_by)
    async with engine.connect() as connection:
        keys = (await connection.scalars(_OURS, {"book": book_id, "file": kept.file_id})).all()
        rail = await bank_rail(rails, connection, book_id) if keys else None
    if rail is not None:
        await observe_keys(engine, rail, book_id, keys)
    return kept, new


_OURS = text("""
    SELECT DISTINCT line.reference
    FROM settlement.external_lines AS line JOIN settlement.payout_file_lines AS its
        ON its.book_id = line.book_id AND its.key = line.reference
    WHERE line.book_id = :book AND line.source = 'bank' AND line.file_id = :file AND line.reference <> ''
""")
