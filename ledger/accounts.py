"""Accounts: where amounts lie. Each has a code, a kind that the code's first word names, and one currency."""

import re
from collections.abc import Sequence
from datetime import datetime
from typing import Literal

import msgspec
from sqlalchemy import insert, select, text, tuple_
from sqlalchemy.ext.asyncio import AsyncConnection

from ledger import tables
from ledger.errors import AccountNotFound, DuplicateAccount, InvalidAccount, InvalidCursor
from ledger.money import exponent
from ledger.refusals import refusals, storable

Kind = Literal["asset", "liability", "income", "expense", "equity"]

BUSY_STRIPES = 16
"""Stripes for an account that most of a book's entries touch, such as what a marketplace owes."""

_CODE = re.compile(r"(?:assets|liabilities|income|expenses|equity)(?::[A-Za-z0-9][A-Za-z0-9_.-]*)+")
_CODE_RULE = (
    "assets, liabilities, income, expenses or equity, then names of letters, digits, '_', '.' and '-', "
    "joined by colons, 200 characters at most"
)


class AccountName(msgspec.Struct, frozen=True, order=True):
    """What an entry's line calls an account: the same code may stand in several currencies."""

    code: str
    currency: str


class NewAccount(msgspec.Struct, frozen=True):
    """`stripes` (1 to 64): over how many rows a day's movement is spread, so that concurrent entries need not
    wait for one another; see BUSY_STRIPES.
    """

    code: str
    currency: str
    stripes: int = 1


class Account(msgspec.Struct, frozen=True):
    """An account as it was opened; nothing of it ever changes."""

    account_id: int
    code: str
    currency: str
    kind: Kind
    stripes: int
    opened_at: datetime

    @property
    def name(self) -> AccountName:
        """What an entry's line calls it."""
        return AccountName(self.code, self.currency)


_COLUMNS = [tables.accounts.c[name] for name in Account.__struct_fields__]


def check_account(account: NewAccount, field: str = "") -> None:
    """Raises InvalidAccount or UnknownCurrency; `field` is put before the field's name."""
    if len(account.code) > 200 or not _CODE.fullmatch(account.code):
        raise InvalidAccount(f"{field}code", account.code, _CODE_RULE)
    exponent(account.currency, f"{field}currency")
    if not 1 <= account.stripes <= 64:
        raise InvalidAccount(f"{field}stripes", account.stripes, "1 to 64")


async def open_account(connection: AsyncConnection, book_id: int, account: NewAccount) -> Account:
    """Open one account.

    Raises:
        InvalidAccount, UnknownCurrency: no account can be so.
        DuplicateAccount: the book has it.
    """
    check_account(account)
    statement = insert(tables.accounts).values(book_id=book_id, **msgspec.structs.asdict(account))
    with refusals({"accounts_code": DuplicateAccount("code", account.code)}):
        row = (await connection.execute(statement.returning(*_COLUMNS))).one()
    return Account(**row._mapping)


async def ensure_accounts(connection: AsyncConnection, book_id: int, wanted: Sequence[NewAccount]) -> int:
    """Open those of the accounts that the book does not have; the number opened.

    Raises InvalidAccount or UnknownCurrency, and then opens none.
    """
    for position, account in enumerate(wanted):
        check_account(account, f"accounts[{position}].")
    opened = await connection.execute(
        text("""
            INSERT INTO ledger.accounts (book_id, code, currency, stripes)
            SELECT :book, w.code, w.currency, w.stripes
            FROM unnest(CAST(:codes AS text[]), CAST(:currencies AS text[]), CAST(:stripes AS smallint[]))
                AS w (code, currency, stripes)
            ORDER BY w.code, w.currency  -- so that two callers never wait for one another in a circle
            ON CONFLICT ON CONSTRAINT accounts_code DO NOTHING"""),
        {
            "book": book_id,
            "codes": [account.code for account in wanted],
            "currencies": [account.currency for account in wanted],
            "stripes": [account.stripes for account in wanted],
        },
    )
    return opened.rowcount


async def find_account(connection: AsyncConnection, book_id: int, code: str, currency: str) -> Account:
    """The account with this code and currency. Raises AccountNotFound."""
    if not storable(code + currency):
        raise AccountNotFound("account", f"{code} {currency}")
    statement = select(*_COLUMNS).where(
        tables.accounts.c.book_id == book_id,
        tables.accounts.c.code == code,
        tables.accounts.c.currency == currency,
    )
    row = (await connection.execute(statement)).one_or_none()
    if row is None:
        raise AccountNotFound("account", f"{code} {currency}")
    return Account(**row._mapping)


async def list_accounts(
    connection: AsyncConnection,
    book_id: int,
    *,
    prefix: str = "",
    after: AccountName | None = None,
    limit: int = 100,
) -> list[Account]:
    """Accounts by code and currency: those whose code starts with `prefix` and which come after a given one.

    Raises InvalidCursor where `after` can be no account.
    """
    if after is not None and not storable(after.code + after.currency):
        raise InvalidCursor("cursor", f"{after.code}/{after.currency}")
    if not storable(prefix):
        return []
    table = tables.accounts
    statement = select(*_COLUMNS).where(table.c.book_id == book_id, table.c.code.startswith(prefix, autoescape=True))
    if after is not None:
        statement = statement.where(tuple_(table.c.code, table.c.currency) > (after.code, after.currency))
    statement = statement.order_by(table.c.code, table.c.currency).limit(limit)
    return [Account(**row._mapping) for row in await connection.execute(statement)]
