"""What this room refuses.

SettlementError
├── invalid: the request cannot be obeyed whatever there is
│   ├── InvalidResolution       says of no sales, or of no grant, that they go together
│   ├── InvalidClose            a month that is none, or no reason where one is asked for
│   └── FileRefused             a report that can't be read as a whole; what is wrong with one row is `Quarantined`
│       ├── EmptyFile           no bytes, no rows, or no header
│       ├── UnknownFormat       a header that no reader knows
│       ├── MissingColumn       a known format without a column that is needed
│       ├── UnknownColumn       a known format with a column that it does not have
│       ├── UnreadableFile      neither text, nor a spreadsheet, nor JSON, or damaged beyond rows
│       ├── TruncatedFile       breaks off: a quotation mark never closed, JSON or a spreadsheet cut short
│       ├── FileTooLarge        would unpack to, or hold in one row, more than is allowed
│       ├── MixedNumbers        1.234,56 and 1,234.56 in one file
│       ├── AmbiguousNumbers    nothing in it says whether 1.234 is more than a thousand
│       ├── UnknownAsOf         neither the file, nor its name, nor who sends it says of what day it is
│       ├── WrongAsOf           the file says otherwise, or tells of what came later
│       └── RowsRefused         rows that can't be read, in a file that was to be read whole or not at all
├── conflict: the state of things does not allow it
│   ├── WrongStep               the close of the month is not that far, or further
│   ├── SamePerson              who submits does not approve
│   ├── MonthNotEnded, EarlierMonthOpen
│   ├── ExceptionsOpen          and nobody has said why the month is closed over them
│   ├── StatementsOutdated      the books have moved since they were drafted
│   ├── StatementsDiffer        the lines do not make up what the ledger says
│   ├── AlreadyResolved         sales that a resolution is about already; it is withdrawn first
│   ├── AlreadyWithdrawn        a resolution that is no longer followed
│   └── ImportRunning           somebody else is reading the report in at this moment
└── not_found: the address names nothing
    ├── ImportNotFound
    ├── StatementNotFound
    ├── ResolutionNotFound
    └── SaleNotFound

`kind` decides the HTTP status (invalid 422, conflict 409, not_found 404); `code` is stable and may be matched by
clients. It is made of the class's name: `EmptyFile` is `empty-file`.
"""

# ruff: noqa: N818 - named for what is wrong, as in `ledger.errors`

from licensing.refusal import Refusal


class SettlementError(Refusal):
    """What everything here is."""


class Invalid(SettlementError):
    kind = "invalid"


class Conflict(SettlementError):
    kind = "conflict"


class NotFound(SettlementError):
    kind = "not_found"
    usual_rule = "there is none, or none that you may see"


class FileRefused(Invalid): ...


class EmptyFile(FileRefused):
    usual_rule = "holds nothing"


class UnknownFormat(FileRefused): ...


class MissingColumn(FileRefused): ...


class UnknownColumn(FileRefused): ...


class UnreadableFile(FileRefused): ...


class TruncatedFile(FileRefused): ...


class FileTooLarge(FileRefused): ...


class MixedNumbers(FileRefused):
    usual_rule = "1.234,56 and 1,234.56 do not go together in one file"


class AmbiguousNumbers(FileRefused):
    usual_rule = "nothing in the file says whether 1.234 is more than a thousand"


class UnknownAsOf(FileRefused):
    usual_rule = "neither the file nor its name says of what day it is; say so, as 2026-10-31"


class WrongAsOf(FileRefused): ...


class RowsRefused(FileRefused): ...


class InvalidClose(Invalid): ...


class WrongStep(Conflict): ...


class SamePerson(Conflict):
    usual_rule = "is approved by another person than the one who submitted it"


class MonthNotEnded(Conflict):
    usual_rule = "has not ended by the book's calendar"


class EarlierMonthOpen(Conflict):
    usual_rule = "months are closed one after the other; this one has statements to issue"


class ExceptionsOpen(Conflict):
    usual_rule = "say why the month is closed although there are exceptions"


class StatementsOutdated(Conflict):
    usual_rule = "the books have moved since the statements were drafted: draft them again"


class StatementsDiffer(Conflict):
    usual_rule = "opening and lines do not make up the balance of the ledger"


class ImportRunning(Conflict):
    usual_rule = "is being read in at this moment"


class ImportNotFound(NotFound): ...


class StatementNotFound(NotFound): ...


class InvalidResolution(Invalid): ...


class AlreadyResolved(Conflict):
    usual_rule = "a resolution is about these sales already; withdraw it first"


class AlreadyWithdrawn(Conflict):
    usual_rule = "was withdrawn before"


class ResolutionNotFound(NotFound): ...


class SaleNotFound(NotFound): ...
