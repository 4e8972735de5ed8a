"""The ledger to be looked through: from the trial balance to an account, its postings, an entry, and what caused it."""

import re
from collections.abc import Iterable, Mapping, Sequence
from datetime import date
from typing import Annotated, NamedTuple

from litestar import Response
from litestar.di import NamedDependency
from litestar.params import FromPath, QueryParameter
from litestar.response import Redirect
from sqlalchemy.ext.asyncio import AsyncConnection

from clipledger.pages.finance.asked import ROWS, Day, day_of
from clipledger.pages.finance.names import called, parties
from clipledger.pages.routes import page
from clipledger.pages.view import View
from clipledger.pages.words import N_
from ledger.accounts import Account, AccountName, find_account, list_accounts
from ledger.api.pages import Page, page_of
from ledger.balances import AccountBalance, Moment, TrialBalance, balance, balances_of, trial_balance
from ledger.entries import Line, canonical_content, find_entry
from ledger.errors import EntryNotSealed
from ledger.seals import InclusionProof, inclusion_proof, proof_holds
from ledger.statements import Place, account_statement
from media.api.pages import Cursor, number_of
from settlement.kept_reports import TRIAL_BALANCE, report_lately
from settlement.parties import BALANCES_CODE, PARTY
from settlement.sources import sources_of
from settlement.statements.reading import places_of_entry

_PARTY, _BALANCE = re.compile(PARTY), re.compile(BALANCES_CODE)
_ACTORS = ("by", "proposed-by", "approved-by")
"""Metadata that name who did something."""
_DEPTH = 2
"""Words of an account's code by which the trial balance sums."""

ACCOUNTS: Mapping[str, str] = {
    "assets:bank": N_("Bank"),
    "assets:stripe": N_("Balance at Stripe"),
    "assets:in-transit": N_("Sent and not confirmed yet"),
    "assets:marketplace": N_("Owed by marketplaces"),
    "assets:recoverable": N_("Owed back by parties"),
    "equity:opening": N_("Opening balances"),
    "expenses:adjustments": N_("Adjustments borne"),
    "expenses:bad-debt": N_("Written off"),
    "expenses:chargebacks": N_("Chargebacks"),
    "expenses:payout-fees": N_("Fees of payouts"),
    "expenses:reconciliation-differences": N_("Differences written off"),
    "income:platform-fee": N_("Platform fees earned"),
    "liabilities:available": N_("Available to parties"),
    "liabilities:deferred-fee": N_("Platform fees not earned yet"),
    "liabilities:frozen": N_("Frozen by disputes"),
    "liabilities:held": N_("Held for parties"),
    "liabilities:paying": N_("Being paid out"),
    "liabilities:reserve": N_("Reserves of parties"),
    "liabilities:suspense": N_("Suspense: nobody's yet"),
    "liabilities:unidentified": N_("Not identified"),
    "liabilities:withheld": N_("Withheld for authorities"),
}
"""What accounts are, by the first words of their codes."""


class Side(NamedTuple):
    """Sums of what stands in one currency."""

    currency: str
    rows: Sequence[AccountBalance]
    debits: int
    credits: int


def named_account(code: str) -> str:
    """What an account is, in English, for the page to translate; nothing where nobody has named it."""
    return ACCOUNTS.get(":".join(code.split(":")[:_DEPTH]), "")


@page("/books/{book:str}/finance/ledger", space="finance", scope="ledger:read")
async def accounts(
    view: NamedDependency[View],
    connection: NamedDependency[AsyncConnection],
    book_id: NamedDependency[int],
    as_of: Day = "",
    below: Annotated[str, QueryParameter(max_length=200)] = "",
    cursor: Cursor = None,
) -> Response[str] | Redirect:
    """The trial balance; or the accounts below one of its rows."""
    moment = Moment(day_of(as_of))
    if below:
        return await _below(view, connection, book_id, moment, below, cursor)
    if moment.as_of is None:
        trial, summed = await report_lately(connection, book_id, TRIAL_BALANCE)
    else:
        trial, summed = await trial_balance(connection, book_id, moment, depth=_DEPTH), None
    return view.render(
        "finance/ledger.html", balance_sheets=_sides(trial), as_of=moment.as_of, summed=summed, named=named_account
    )


async def _below(
    view: View, connection: AsyncConnection, book_id: int, moment: Moment, below: str, cursor: str | None
) -> Response[str] | Redirect:
    found = await list_accounts(connection, book_id, prefix=below, after=_after(cursor), limit=ROWS + 1)
    shown: Page[Account] = page_of(found, ROWS, lambda its: f"{its.code}/{its.currency}")
    its = [each for each in shown.data if each.code == below or each.code.startswith(f"{below}:")]
    if cursor is None and len(its) == 1 and its[0].code == below:
        return Redirect(f"{view.base}/ledger/{below}/{its[0].currency}", status_code=303)
    return view.render(
        "finance/accounts.html",
        below=below,
        accounts=its,
        balances=await balances_of(connection, book_id, [each.account_id for each in its], moment),
        names=await _names(view, connection, [each.code for each in its]),
        as_of=moment.as_of,
        next_cursor=shown.next_cursor,
        named=named_account,
    )


@page("/books/{book:str}/finance/ledger/{code:str}/{currency:str}", space="finance", scope="ledger:read")
async def account(
    view: NamedDependency[View],
    connection: NamedDependency[AsyncConnection],
    book_id: NamedDependency[int],
    code: FromPath[str],
    currency: FromPath[str],
    since: Day = "",
    until: Day = "",
    cursor: Cursor = None,
) -> Response[str]:
    """Its postings, oldest first, each with the balance after it."""
    its = await find_account(connection, book_id, code, currency)
    first, last = day_of(since) or date.min, day_of(until) or date.max
    after = None if cursor is None else Place.parse(cursor)
    lines = await account_statement(
        connection, book_id, its.account_id, since=first, until=last, after=after, limit=ROWS + 1
    )
    shown = page_of(lines, ROWS, lambda line: Place(line.effective_on, line.entry_id, line.line))
    return view.render(
        "finance/account.html",
        account=its,
        balance=await balance(connection, book_id, its.account_id),
        lines=shown.data,
        next_cursor=shown.next_cursor,
        since=since,
        until=until,
        name=(await _names(view, connection, [code])).get(code),
        named=named_account,
    )


@page("/books/{book:str}/finance/ledger/entries/{entry_id:int}", space="finance", scope="ledger:read")
async def entry(
    view: NamedDependency[View],
    connection: NamedDependency[AsyncConnection],
    book_id: NamedDependency[int],
    entry_id: FromPath[int],
    cursor: Cursor = None,
) -> Response[str]:
    """What it moved, why, and that it is sealed."""
    its = await find_entry(connection, book_id, entry_id)
    proof = await _proof(connection, book_id, entry_id)
    sources = await sources_of(connection, book_id, entry_id, its.metadata)
    start = number_of(cursor) or 0
    shown = its.lines[start : start + ROWS]
    theirs = {(line.account, line.currency) for line in shown if _BALANCE.fullmatch(line.account)}
    whose = [(code.rpartition(":")[2], currency) for code, currency in theirs] if view.may("settlement:read") else []
    told = await places_of_entry(connection, book_id, entry_id, its.booked_in, whose) if whose else {}
    owed = [each.name for each in sources.causes if _PARTY.fullmatch(each.name)]
    return view.render(
        "finance/entry.html",
        entry=its,
        lines=shown,
        told={(code, currency): told.get((code.rpartition(":")[2], currency)) for code, currency in theirs},
        next_cursor=str(start + ROWS) if len(its.lines) > start + ROWS else None,
        totals=_totals(its.lines),
        sources=sources,
        names=await parties(view, connection, owed),
        people=await called(view, connection, [its.metadata.get(name) for name in _ACTORS]),
        proof=proof,
        holds=proof is not None and proof_holds(proof),
        content=canonical_content(book_id, its).decode() if len(its.lines) <= ROWS else None,
        named=named_account,
    )


async def _proof(connection: AsyncConnection, book_id: int, entry_id: int) -> InclusionProof | None:
    try:
        return await inclusion_proof(connection, book_id, entry_id)
    except EntryNotSealed:
        return None


def _sides(trial: TrialBalance) -> list[Side]:
    currencies = sorted({row.currency for row in trial.rows})
    return [
        Side(
            currency,
            [row for row in trial.rows if row.currency == currency],
            trial.debits.get(currency, 0),
            trial.credits.get(currency, 0),
        )
        for currency in currencies
    ]


def _totals(lines: Sequence[Line]) -> list[tuple[str, int, int]]:
    """By currency: both sides of an entry."""
    return [
        (
            currency,
            sum(line.amount for line in lines if line.currency == currency and line.amount > 0),
            -sum(line.amount for line in lines if line.currency == currency and line.amount < 0),
        )
        for currency in sorted({line.currency for line in lines})
    ]


async def _names(view: View, connection: AsyncConnection, codes: Iterable[str]) -> dict[str, str]:
    """Of the parties whose accounts they are, by the accounts' codes."""
    owners = {code: party for code in codes if _PARTY.fullmatch(party := code.rpartition(":")[2])}
    names = await parties(view, connection, owners.values())
    return {code: names[party] for code, party in owners.items()}


def _after(cursor: str | None) -> AccountName | None:
    return None if cursor is None else AccountName(*cursor.rpartition("/")[::2])
