"""Double-entry books: accounts, entries, postings, balances, periods, splits and seals.

The ledger could serve any business. It knows nothing of hosts, clips or payout rails, and apart from
`ledger.api` nothing of HTTP. A use case is one async function that takes a connection first; it never commits, for the
transaction is the caller's. What it refuses is a LedgerError, one of those in `ledger.errors`.
"""

from ledger.accounts import (
    BUSY_STRIPES,
    Account,
    AccountName,
    Kind,
    NewAccount,
    ensure_accounts,
    find_account,
    list_accounts,
    open_account,
)
from ledger.balances import NOW, AccountBalance, Moment, TrialBalance, balance, trial_balance
from ledger.books import Book, find_book, list_books, open_book
from ledger.entries import (
    MAX_LINES,
    Entry,
    Line,
    NewEntry,
    Posted,
    count_entries,
    find_entry,
    find_entry_by_key,
    list_entries,
    post,
    post_batch,
    reverse,
)
from ledger.errors import LedgerError
from ledger.exports import export_book, trial_balance_csv
from ledger.money import allocate, allocate_in_turn, format_amount, parse_amount, parse_rate, portion
from ledger.periods import (
    PeriodLock,
    Reopening,
    format_period,
    list_locks,
    list_reopenings,
    lock_period,
    locked_through,
    month_of,
    parse_period,
    reopen_period,
)
from ledger.seals import InclusionProof, Seal, find_seal, inclusion_proof, list_seals, proof_holds, seal
from ledger.splits import Split, SplitPolicy, SplitRule, evaluate, evaluate_change, true_up
from ledger.statements import Place, StatementLine, account_statement
from ledger.verification import Finding, Verification, verify

__all__ = [
    "BUSY_STRIPES",
    "MAX_LINES",
    "NOW",
    "Account",
    "AccountBalance",
    "AccountName",
    "Book",
    "Entry",
    "Finding",
    "InclusionProof",
    "Kind",
    "LedgerError",
    "Line",
    "Moment",
    "NewAccount",
    "NewEntry",
    "PeriodLock",
    "Place",
    "Posted",
    "Reopening",
    "Seal",
    "Split",
    "SplitPolicy",
    "SplitRule",
    "StatementLine",
    "TrialBalance",
    "Verification",
    "account_statement",
    "allocate",
    "allocate_in_turn",
    "balance",
    "count_entries",
    "ensure_accounts",
    "evaluate",
    "evaluate_change",
    "export_book",
    "find_account",
    "find_book",
    "find_entry",
    "find_entry_by_key",
    "find_seal",
    "format_amount",
    "format_period",
    "inclusion_proof",
    "list_accounts",
    "list_books",
    "list_entries",
    "list_locks",
    "list_reopenings",
    "list_seals",
    "lock_period",
    "locked_through",
    "month_of",
    "open_account",
    "open_book",
    "parse_amount",
    "parse_period",
    "parse_rate",
    "portion",
    "post",
    "post_batch",
    "proof_holds",
    "reopen_period",
    "reverse",
    "seal",
    "trial_balance",
    "trial_balance_csv",
    "true_up",
    "verify",
]
