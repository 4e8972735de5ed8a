"""What the database refuses, told in the ledger's own errors.

The rules stand in `0001_ledger.up.sql` and `0008_month_end.up.sql` of `migrations/sql`, which raise these codes; here
is their one translation.
"""

import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager

import psycopg
from sqlalchemy.exc import DBAPIError

from ledger.errors import (
    AlreadyReversed,
    AppendOnly,
    IdempotencyConflict,
    InvalidAmount,
    InvalidEntry,
    LedgerError,
    PeriodLocked,
    PeriodNotEnded,
    PeriodNotLocked,
    UnknownAccount,
)

_MEANT: Mapping[str, tuple[type[LedgerError], str | None]] = {
    "LG001": (InvalidEntry, None),
    "LG002": (AppendOnly, None),
    "LG003": (UnknownAccount, "account"),
    "LG005": (PeriodLocked, "period"),
    "LG006": (PeriodNotEnded, "period"),
    "LG007": (InvalidEntry, "reverses"),
    "LG010": (PeriodNotLocked, "period"),
}
"""The error for each code, and the field at fault; the value is the DETAIL, the rule the MESSAGE."""

_KEY = re.compile(r"=\(\d+, (\d+)\)")  # PostgreSQL's "Key (book_id, reverses)=(7, 12) already exists.", in any language
_SURROGATE = re.compile(r"[\ud800-\udfff]")


def storable(said: str) -> bool:
    """Whether PostgreSQL can hold the text: neither NUL nor half of a surrogate pair, which is no UTF-8."""
    return "\0" not in said and (said.isascii() or not _SURROGATE.search(said))


@contextmanager
def refusals(by_constraint: Mapping[str, LedgerError] | None = None) -> Iterator[None]:
    """Raise the ledger's error for a refusal of the database; any other failure passes as it is.

    `by_constraint` says what a violated constraint means to the caller.
    """
    try:
        yield
    except DBAPIError as error:
        if isinstance(error.orig, psycopg.Error):
            meant = (by_constraint or {}).get(error.orig.diag.constraint_name or "") or _meaning(error.orig)
            if meant is not None:
                raise meant from error
        raise


def _meaning(error: psycopg.Error) -> LedgerError | None:
    said, detail = error.diag.message_primary, error.diag.message_detail
    if found := _MEANT.get(error.sqlstate or ""):
        kind, field = found
        return kind(field, detail, said)
    if error.sqlstate == "LG004":
        return IdempotencyConflict("idempotency_key", detail)
    if error.sqlstate == "22003":
        return InvalidAmount("amount", rule="a movement of one account and day stays within a 64-bit integer")
    return _about_reversal(error)


def _about_reversal(error: psycopg.Error) -> LedgerError | None:
    found = _KEY.search(error.diag.message_detail or "")
    match error.diag.constraint_name:
        case "entries_reversed_once":
            return AlreadyReversed("reverses", found and found[1])
        case "entries_reverses":
            return InvalidEntry("reverses", found and found[1], "an earlier entry of this book")
    return None
