"""Bank accounts: payees', which files pay to, and a book's own, which they pay from.

A payee's account is paid to from the moment it is given. It is the party's own, whichever host pays, so no host's
finance can be asked to confirm it; what guards it is that two people approve every run, and that an account given after
a run was approved is never paid by that run. Nobody is shown more of its number than the last digits.
"""

from collections.abc import Callable, Sequence
from dataclasses import asdict

import msgspec
from sqlalchemy import delete, select, text
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from ledger.money import exponent
from licensing.vocabulary import check_text
from settlement.errors import InvalidOrder
from settlement.payouts.accounts import Owner, PayoutAccount, Standing, add_account, count_accounts
from settlement.payouts.errors import InvalidPayoutAccount, RailNotSetUp
from settlement.payouts.halts import Rails
from settlement.payouts.tables import bank_accounts
from settlement.rails.bank_accounts import BankAccount
from settlement.rails.bank_file import BankFileRail, BankRecords
from settlement.rails.bank_messages import latin

_LONGEST = 140  # characters of a name, as files hold it
_MOST_CURRENCIES = 50


class BankDetails(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True, forbid_unknown_fields=True):
    """An account by its `iban`; or by its `number` and its bank, by `bic` or by `clearing`, the bank's number in a
    national clearing system such as `CNAPS:102100099996`.
    """

    holder: str
    country: str
    iban: str | None = None
    number: str | None = None
    bic: str | None = None
    clearing: str | None = None
    bank_name: str | None = None


class OwnAccount(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """An account of the book's own in one currency."""

    currency: str
    account: BankDetails


def account_of(details: BankDetails, currency: str | None = None) -> BankAccount:
    """Checked, without the blanks that people write. `currency` if it takes no other.

    Raises InvalidPayoutAccount, UnknownCurrency.
    """
    if currency is not None:
        exponent(currency)
    name = details.bank_name
    try:
        return BankAccount(
            holder=check_text(details.holder, InvalidPayoutAccount, "holder", most=_LONGEST),
            country=details.country,
            iban=_closed_up(details.iban),
            number=details.number and details.number.strip(),
            bic=_closed_up(details.bic),
            clearing=_closed_up(details.clearing),
            bank_name=name and check_text(name, InvalidPayoutAccount, "bank_name", most=_LONGEST),
            currency=currency,
        )
    except InvalidOrder as wrong:
        raise InvalidPayoutAccount(wrong.field, wrong.value, wrong.rule) from wrong


def _closed_up(code: str | None) -> str | None:
    return code and "".join(code.split()).upper()


# Payees' ------------------------------------------------------------------------------------------------------


async def open_bank_account(
    connection: AsyncConnection, owner: Owner, details: BankDetails, currency: str, *, by: str
) -> PayoutAccount:
    """Be paid to this account, at once. Raises AccountExists, InvalidPayoutAccount, UnknownCurrency."""
    account = account_of(details, currency)
    if currency == "EUR" and account.sepa and latin(account.holder) is None:
        raise InvalidPayoutAccount("holder", account.holder, "transfers in euros carry Latin letters only")
    before = await count_accounts(connection, owner, "bank-file")
    return await add_account(
        connection,
        owner,
        "bank-file",
        f"{owner.name}-{before + 1}",
        account.country,
        Standing("active", (currency,), ()),
        by=by,
        details=_kept(account),
    )


def _kept(account: BankAccount) -> dict[str, str]:
    return {name: value for name, value in asdict(account).items() if value is not None}


# A book's own -------------------------------------------------------------------------------------------------


async def own_accounts(connection: AsyncConnection, book_id: int) -> list[OwnAccount]:
    """By currency."""
    its = bank_accounts.c
    chosen = select(its.currency, its.details).where(its.book_id == book_id).order_by(its.currency)
    return [
        OwnAccount(currency=row.currency, account=msgspec.convert(row.details, BankDetails))
        for row in await connection.execute(chosen)
    ]


async def set_own_accounts(
    connection: AsyncConnection, book_id: int, accounts: Sequence[OwnAccount], *, by: str
) -> list[OwnAccount]:
    """These and no others. What was approved to be paid from another is not put into a file any more.

    Raises InvalidPayoutAccount, UnknownCurrency.
    """
    if len(accounts) > _MOST_CURRENCIES:
        raise InvalidPayoutAccount("accounts", len(accounts), f"at most {_MOST_CURRENCIES}")
    for each in accounts:
        exponent(each.currency)
    checked = {each.currency: _kept(account_of(each.account)) for each in accounts}
    if len(checked) < len(accounts):
        raise InvalidPayoutAccount("accounts", None, "one account for each currency")
    its = bank_accounts.c
    await connection.execute(delete(bank_accounts).where(its.book_id == book_id, its.currency.not_in(checked)))
    for currency, details in sorted(checked.items()):
        row = insert(bank_accounts).values(book_id=book_id, currency=currency, details=details, updated_by=by)
        told = {"details": row.excluded.details, "updated_by": by, "updated_at": text("now()")}
        await connection.execute(
            row.on_conflict_do_update(
                index_elements=[its.book_id, its.currency], set_=told, where=its.details != row.excluded.details
            )
        )
    return await own_accounts(connection, book_id)


async def own_currencies(connection: AsyncConnection, book_id: int) -> frozenset[str]:
    """Those that its files can pay in."""
    its = bank_accounts.c
    return frozenset((await connection.scalars(select(its.currency).where(its.book_id == book_id))).all())


# The rail -----------------------------------------------------------------------------------------------------

RecordsOf = Callable[[AsyncEngine, int], BankRecords]
"""What was imported of a book's bank statements."""


class BankRails:
    """`RailOfBook`: each book's own accounts, the payees of its payouts, and its bank's statements."""

    def __init__(self, records_of: RecordsOf) -> None:
        self._records_of = records_of

    async def __call__(self, connection: AsyncConnection, book_id: int) -> BankFileRail:
        """Of a book that has made files even where it has no account any more: statements still tell of them.

        Raises RailNotSetUp.
        """
        own = await own_accounts(connection, book_id)
        if not own and not await connection.scalar(_HAS_FILES, {"book": book_id}):
            raise RailNotSetUp("rail", "bank-file", "the book has no bank account to pay from")
        rows = await connection.execute(_PAYEES, {"book": book_id})
        payees = {row.destination: BankAccount(**row.details) for row in rows}
        accounts = {each.currency: account_of(each.account) for each in own}
        return BankFileRail(accounts, payees, self._records_of(connection.engine, book_id))


async def bank_rail(rails: Rails, connection: AsyncConnection, book_id: int) -> BankFileRail:
    """The book's. Raises RailNotSetUp."""
    rail = await rails.of(connection, book_id, "bank-file")
    assert isinstance(rail, BankFileRail)
    return rail


_HAS_FILES = text("SELECT EXISTS (SELECT FROM settlement.payout_files WHERE book_id = :book)")

_PAYEES = text("""
    SELECT destination, details FROM settlement.payout_accounts
    WHERE rail = 'bank-file' AND account_id IN (
        SELECT account_id FROM settlement.payouts
        WHERE book_id = :book AND rail = 'bank-file' AND state NOT IN ('left-out', 'paid', 'returned', 'cancelled')
    )
""")
