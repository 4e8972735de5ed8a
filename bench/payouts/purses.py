"""A book that owes many clippers something, each with an account to be paid to."""

from collections.abc import Sequence

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncEngine

from bench.licensing.ground import Ground
from ledger.accounts import NewAccount, ensure_accounts
from ledger.books import open_book
from ledger.entries import Line, NewEntry, post_batch
from settlement.suspense import book_today

_RAIL = "assets:stripe"
_AT_ONCE = 1000


async def open_purse(
    engine: AsyncEngine, on: Ground, database: str, payees: int, accounts: Sequence[str]
) -> tuple[int, int]:
    """Its number, and what it owes in all, in cents."""
    async with engine.begin() as connection:
        first = 1 + int(await connection.scalar(text("SELECT coalesce(max(party_id), 0) FROM licensing.parties")) or 0)
        book_id = (await open_book(connection, f"book-from-{first}", "A host")).book_id
    last = first + payees - 1
    on.load(database, [_PARTIES.format(first=first, last=last)])
    numbers = range(first, last + 1)
    async with engine.begin() as connection:
        rows = [{"party": number, "account": accounts[number % len(accounts)]} for number in numbers]
        await connection.execute(_ACCOUNT, rows)
    owed = 0
    for start in range(first, last + 1, _AT_ONCE):
        owed += await _owe(engine, book_id, range(start, min(start + _AT_ONCE, last + 1)))
    on.load(database, [])
    return book_id, owed


async def _owe(engine: AsyncEngine, book_id: int, parties: range) -> int:
    amounts = {f"liabilities:available:clipper-{party}": 1_000 + party % 50_000 for party in parties}
    total = sum(amounts.values())
    lines = [Line(account, "USD", -amount) for account, amount in amounts.items()]
    async with engine.begin() as connection:
        names = [NewAccount(line.account, "USD") for line in lines]
        await ensure_accounts(connection, book_id, [NewAccount(_RAIL, "USD"), *names])
        entry = NewEntry(
            idempotency_key=f"earned:{parties.start}",
            effective_on=await book_today(connection, book_id),
            description="Earned, and paid in by the marketplace",
            lines=(Line(_RAIL, "USD", total), *lines),
        )
        await post_batch(connection, book_id, [entry])
    return total


_PARTIES = """
    INSERT INTO licensing.parties (party_id, kind, name, registered_by) OVERRIDING SYSTEM VALUE
    SELECT number, 'clipper', 'Clipper ' || number, 'bench' FROM generate_series({first}, {last}) AS number
"""
_ACCOUNT = text("""
    INSERT INTO settlement.payout_accounts (party_id, rail, destination, country, currencies, state, created_by)
    VALUES (:party, 'stripe', :account, 'US', ARRAY['USD'], 'active', 'bench')
""")
