"""Accounts of a book. One is addressed by code and currency: `/accounts/assets:bank/CNY`.

The colon may stand in a path as it is (RFC 3986, 3.3), and a code has no other character that would need escaping.
"""

from datetime import date
from typing import Annotated

import msgspec
from litestar import Response, get, post
from litestar.di import NamedDependency
from litestar.params import FromPath, FromQuery, JSONBody, QueryParameter
from sqlalchemy.ext.asyncio import AsyncConnection

from ledger.accounts import Account, AccountName, NewAccount, ensure_accounts, list_accounts, open_account
from ledger.api.pages import Cursor, Limit, Page, page_of
from ledger.api.parameters import POST, READ
from ledger.balances import Moment, balance
from ledger.errors import InvalidCursor
from ledger.money import format_amount
from ledger.statements import Place, StatementLine, account_statement

_ONE = "/accounts/{code:str}/{currency:str}"
_MOST_AT_ONCE = 10_000
_Prefix = Annotated[str, QueryParameter(description="Only codes that start so, such as `liabilities:held:`.")]


class AccountToOpen(NewAccount, frozen=True, forbid_unknown_fields=True):
    """The code's first word names the kind: assets, liabilities, income, expenses or equity. `stripes` (1 to 64) lets
    many post to a busy account at once.
    """

    code: Annotated[str, msgspec.Meta(examples=["assets:marketplace:douyin"])]
    currency: Annotated[str, msgspec.Meta(examples=["CNY"])]
    stripes: Annotated[int, msgspec.Meta(examples=[1])] = 1


class AccountsToOpen(msgspec.Struct, forbid_unknown_fields=True):
    """Up to 10,000."""

    accounts: Annotated[
        list[AccountToOpen],
        msgspec.Meta(
            min_length=1,
            max_length=_MOST_AT_ONCE,
            examples=[[{"code": "liabilities:held:lina", "currency": "CNY"}]],
        ),
    ]


class OpenedAccounts(msgspec.Struct):
    """How many were opened; the others were there."""

    opened: int


class Balance(msgspec.Struct):
    """In minor units, debit positive; `balance_text` is the same for people."""

    code: str
    currency: str
    balance: Annotated[int, msgspec.Meta(examples=[-123450])]
    balance_text: Annotated[str, msgspec.Meta(examples=["-1,234.50"])]


class StatementEntry(StatementLine, frozen=True, kw_only=True):
    """One posting, and the account's balance after it."""

    balance_text: str


@post("/accounts", opt={**POST, "action": "account.open"}, summary="Open an account")
async def open_one(
    data: JSONBody[AccountToOpen],
    connection: NamedDependency[AsyncConnection],
    book_id: NamedDependency[int],
    book: FromPath[str],
) -> Response[Account]:
    """An account has one currency; the same code may be opened in several."""
    account = await open_account(connection, book_id, data)
    return Response(account, headers={"Location": f"/v1/books/{book}/accounts/{account.code}/{account.currency}"})


@post("/accounts/batch", opt={**POST, "action": "account.open-many"}, status_code=200, summary="Open many accounts")
async def open_many(
    data: JSONBody[AccountsToOpen], connection: NamedDependency[AsyncConnection], book_id: NamedDependency[int]
) -> OpenedAccounts:
    """Those that the book has are left as they are."""
    return OpenedAccounts(await ensure_accounts(connection, book_id, data.accounts))


@get("/accounts", opt=READ, summary="Accounts")
async def list_all(
    connection: NamedDependency[AsyncConnection],
    book_id: NamedDependency[int],
    prefix: _Prefix = "",
    limit: Limit = 100,
    cursor: Cursor = None,
) -> Page[Account]:
    """By code and currency."""
    accounts = await list_accounts(connection, book_id, prefix=prefix, after=_name_of(cursor), limit=limit + 1)
    return page_of(accounts, limit, lambda account: f"{account.code}/{account.currency}")


@get(_ONE, opt=READ, summary="One account")
async def show(account: NamedDependency[Account]) -> Account:
    """As it was opened."""
    return account


@get(f"{_ONE}/balance", opt=READ, summary="An account's balance")
async def show_balance(
    connection: NamedDependency[AsyncConnection],
    book_id: NamedDependency[int],
    account: NamedDependency[Account],
    moment: NamedDependency[Moment],
) -> Balance:
    """Now, or as it stood; the three dates may be asked together."""
    found = await balance(connection, book_id, account.account_id, moment)
    return Balance(account.code, account.currency, found, format_amount(found, account.currency))


@get(f"{_ONE}/statement", opt=READ, summary="An account's statement")
async def show_statement(
    connection: NamedDependency[AsyncConnection],
    book_id: NamedDependency[int],
    account: NamedDependency[Account],
    since: FromQuery[date] = date.min,
    until: FromQuery[date] = date.max,
    limit: Limit = 100,
    cursor: Cursor = None,
) -> Page[StatementEntry]:
    """Postings by the day of effect, `since` and `until` included, each with the balance after it."""
    after = None if cursor is None else Place.parse(cursor)
    lines = await account_statement(
        connection, book_id, account.account_id, since=since, until=until, after=after, limit=limit + 1
    )
    shown = [
        StatementEntry(**msgspec.structs.asdict(line), balance_text=format_amount(line.balance, account.currency))
        for line in lines
    ]
    return page_of(shown, limit, lambda line: Place(line.effective_on, line.entry_id, line.line))


def _name_of(cursor: str | None) -> AccountName | None:
    if cursor is None:
        return None
    code, slash, currency = cursor.partition("/")
    if not slash:
        raise InvalidCursor("cursor", cursor)
    return AccountName(code, currency)


ROUTES = [open_one, open_many, list_all, show, show_balance, show_statement]
