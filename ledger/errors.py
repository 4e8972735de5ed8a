"""What the ledger refuses.

LedgerError
├── invalid: the request cannot be obeyed whatever the state of the books
│   ├── InvalidAmount           zero where an amount must move something, not an integer, past bigint
│   ├── InvalidRate             not an exact fraction between 0 and 1
│   ├── UnknownCurrency         not a currency of `ledger.money`
│   ├── InvalidBook             a slug, name or time zone that no book can have
│   ├── InvalidPeriod           not a calendar month
│   ├── InvalidAccount          a code that no account can have
│   ├── UnknownAccount          an entry's line names an account the book does not have
│   ├── InvalidEntry            an entry that no book could hold
│   │   ├── UnbalancedEntry     its lines do not sum to zero in each currency
│   │   ├── EntryTooLarge       more lines than one entry may have
│   │   └── EntryTooSmall       fewer than two lines
│   ├── InvalidCursor           not a place that an earlier page gave
│   ├── InvalidSplit            weights or a rule that cannot divide an amount
│   └── SplitOutOfBounds        a rule outside the operator's policy
├── conflict: the books, as they stand, do not allow it
│   ├── PeriodLocked            the month the entry is to be booked in is locked
│   ├── PeriodNotEnded          a period is locked only after its last day
│   ├── PeriodNotLocked         only the last lock of a book can be taken back
│   ├── AlreadyReversed         an entry is reversed at most once
│   ├── AppendOnly              a change of what was recorded, instead of an entry that corrects it
│   ├── IdempotencyConflict     the key was used before, with other content
│   ├── DuplicateAccount        the book already has an account with this code and currency
│   └── DuplicateBook           the slug is taken
└── not_found: the address names nothing
    ├── BookNotFound
    ├── AccountNotFound         asked for by address; inside an entry's lines it is UnknownAccount
    ├── EntryNotFound
    ├── SealNotFound
    └── EntryNotSealed          the entry waits for the next seal

`kind` decides the HTTP status (invalid 422, conflict 409, not_found 404, forbidden 403); `code` is stable and
may be matched by clients. Tampered books are no error: verification returns them as findings.
"""

# ruff: noqa: N818 - these are named for what is wrong, as httpx names its own: `PeriodLocked`, not `PeriodLockedError`

from typing import ClassVar, Literal

_LONGEST_VALUE = 200  # characters of an offending value worth repeating to its sender


class LedgerError(Exception):
    """A refusal that has changed nothing.

    `field` is the offending input (`lines[2].amount`), `value` what it held, as text cut to 200 characters,
    and `rule` the sentence it breaks; a class with one rule only need not be told it.
    """

    kind: ClassVar[Literal["invalid", "conflict", "not_found", "forbidden"]]
    code: ClassVar[str]
    usual_rule: ClassVar[str | None] = None

    field: str | None
    value: str | None
    rule: str | None

    def __init__(self, field: str | None = None, value: object = None, rule: str | None = None) -> None:
        super().__init__(field, value, rule)  # as given, so that the error survives pickling
        self.field = field
        self.value = None if value is None else _as_text(value)
        self.rule = rule or self.usual_rule

    def __str__(self) -> str:
        said = ": ".join(part for part in (self.field, self.rule) if part) or self.code
        return said if self.value is None else f"{said} (got {self.value})"


def _as_text(value: object) -> str:
    try:
        text = str(value).encode(errors="backslashreplace").decode()  # half a surrogate pair could not be sent back
    except ValueError:  # Python refuses to print an integer past 4,300 digits
        return "a number too long to print"
    return text if len(text) <= _LONGEST_VALUE else text[: _LONGEST_VALUE - 1] + "…"


class InvalidAmount(LedgerError):
    kind = "invalid"
    code = "invalid-amount"


class InvalidRate(LedgerError):
    kind = "invalid"
    code = "invalid-rate"


class UnknownCurrency(LedgerError):
    kind = "invalid"
    code = "unknown-currency"
    usual_rule = "must be the ISO 4217 code of a national currency in use"


class InvalidBook(LedgerError):
    kind = "invalid"
    code = "invalid-book"


class InvalidPeriod(LedgerError):
    kind = "invalid"
    code = "invalid-period"
    usual_rule = "a calendar month, such as 2026-10"


class InvalidAccount(LedgerError):
    kind = "invalid"
    code = "invalid-account"


class UnknownAccount(LedgerError):
    kind = "invalid"
    code = "unknown-account"
    usual_rule = "must be an account of this book"


class InvalidEntry(LedgerError):
    kind = "invalid"
    code = "invalid-entry"


class UnbalancedEntry(InvalidEntry):
    code = "unbalanced-entry"
    usual_rule = "an entry's lines sum to zero in each currency"


class EntryTooLarge(InvalidEntry):
    code = "entry-too-large"


class EntryTooSmall(InvalidEntry):
    code = "entry-too-small"
    usual_rule = "an entry has at least two lines"


class InvalidSplit(LedgerError):
    kind = "invalid"
    code = "invalid-split"


class SplitOutOfBounds(LedgerError):
    kind = "invalid"
    code = "split-out-of-bounds"


class PeriodLocked(LedgerError):
    kind = "conflict"
    code = "period-locked"
    usual_rule = "nothing is posted into a locked period"


class PeriodNotEnded(LedgerError):
    kind = "conflict"
    code = "period-not-ended"
    usual_rule = "a period is locked only after its last day"


class PeriodNotLocked(LedgerError):
    kind = "conflict"
    code = "period-not-locked"
    usual_rule = "only the last month that is locked can be reopened"


class AlreadyReversed(LedgerError):
    kind = "conflict"
    code = "already-reversed"
    usual_rule = "an entry is reversed at most once"


class AppendOnly(LedgerError):
    kind = "conflict"
    code = "append-only"


class IdempotencyConflict(LedgerError):
    kind = "conflict"
    code = "idempotency-conflict"
    usual_rule = "a key may be used again only with the same content"


class DuplicateAccount(LedgerError):
    kind = "conflict"
    code = "duplicate-account"
    usual_rule = "a book has one account per code and currency"


class DuplicateBook(LedgerError):
    kind = "conflict"
    code = "duplicate-book"
    usual_rule = "a book's slug is unique"


class BookNotFound(LedgerError):
    kind = "not_found"
    code = "book-not-found"
    usual_rule = "no such book"


class AccountNotFound(LedgerError):
    kind = "not_found"
    code = "account-not-found"
    usual_rule = "no such account in this book"


class EntryNotFound(LedgerError):
    kind = "not_found"
    code = "entry-not-found"
    usual_rule = "no such entry in this book"


class SealNotFound(LedgerError):
    kind = "not_found"
    code = "seal-not-found"
    usual_rule = "no such seal in this book"


class EntryNotSealed(LedgerError):
    kind = "not_found"
    code = "entry-not-sealed"
    usual_rule = "the entry waits for the next seal"


class InvalidCursor(LedgerError):
    kind = "invalid"
    code = "invalid-cursor"
    usual_rule = "a next_cursor that an earlier page gave"
