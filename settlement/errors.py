"""What this room refuses.

SettlementError
├── invalid: the request cannot be obeyed whatever there is
│   ├── InvalidResolution       says of no sales, or of no grant, that they go together
│   ├── InvalidClose            a month that is none, or no reason where one is asked for
│   ├── InvalidSettling         parked rows without a reason why they may be left
│   ├── InvalidOrder            a payment that no rail could be told to make
│   ├── InvalidAdjustment       of no amount, in no direction, or without a reason
│   ├── InvalidRemittance       of no amount, of another day, or of a marketplace that owes nothing
│   ├── InvalidWithholding      a rule, a profile or a payment that taxes cannot be worked out of
│   ├── UnknownParty            nobody whom the book owes anything
│   ├── InvalidReport           a period that ends before it begins, or is too long
│   ├── InvalidClicks           a batch whose moment is none, or yet to come
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
│   ├── SamePerson              who submits or asks does not approve
│   ├── MonthNotEnded, EarlierMonthOpen
│   ├── LaterMonthIssued        months are reopened from the last one back
│   ├── ExceptionsOpen          and nobody has said why the month is closed over them
│   ├── StatementsOutdated      the books have moved since they were drafted
│   ├── StatementsDiffer        the lines do not make up what the ledger says
│   ├── AlreadySettled          rows of a report that are not parked, or settled before
│   ├── AlreadyDecided          approved, refused or withdrawn before
│   ├── MoreThanRecoverable     a write-off of more than the party owes
│   ├── RemittanceDiffers       the reference was recorded before, with other facts
│   ├── RemittanceReversed      a remittance that was taken back before
│   ├── RuleExists              a withholding rule of this code and day, which stays as it is
│   ├── AlreadyResolved         sales that a resolution is about already; it is withdrawn first
│   ├── AlreadyWithdrawn        a resolution that is no longer followed
│   └── ImportRunning           somebody else is reading the report in at this moment
└── not_found: the address names nothing
    ├── ImportNotFound
    ├── StatementNotFound
    ├── LineNotFound            a statement's
    ├── ResolutionNotFound
    ├── AdjustmentNotFound
    ├── RemittanceNotFound
    └── SaleNotFound

`kind` decides the HTTP status (invalid 422, conflict 409, not_found 404); `code` is stable and may be matched by
clients. It is made of the class's name: `EmptyFile` is `empty-file`.
"""

# ruff: noqa: N818 - named for what is wrong, as in `ledger.errors`

import re

from licensing.refusal import Refusal

_UNSTORABLE = re.compile("[\0\ud800-\udfff]")


class SettlementError(Refusal):
    """What everything here is. It is kept with the report that was refused, so that the database has to hold it."""

    def _said(self, text: str) -> str:
        return _UNSTORABLE.sub("\ufffd", text)


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


class InvalidOrder(Invalid): ...


class InvalidAdjustment(Invalid): ...


class InvalidRemittance(Invalid): ...


class InvalidWithholding(Invalid): ...


class UnknownParty(Invalid):
    usual_rule = "host, clipper-7 with a grant in this book, or agency-3 of some of its terms"


class InvalidReport(Invalid): ...


class InvalidClicks(Invalid): ...


class WrongStep(Conflict): ...


class SamePerson(Conflict):
    usual_rule = "is approved by another person than the one who submitted it or asked for it"


class MonthNotEnded(Conflict):
    usual_rule = "has not ended by the book's calendar"


class EarlierMonthOpen(Conflict):
    usual_rule = "months are closed one after the other; this one has statements to issue"


class LaterMonthIssued(Conflict):
    usual_rule = "only the last month that is issued is reopened"


class ExceptionsOpen(Conflict):
    usual_rule = "say why the month is closed although there are exceptions"


class StatementsOutdated(Conflict):
    usual_rule = "the books have moved since the statements were drafted: draft them again"


class StatementsDiffer(Conflict):
    usual_rule = "opening and lines do not make up the balance of the ledger"


class InvalidSettling(Invalid): ...


class AlreadySettled(Conflict):
    usual_rule = "rows that are parked, and that nobody has settled before"


class AlreadyDecided(Conflict):
    usual_rule = "was approved, refused or withdrawn before"


class MoreThanRecoverable(Conflict): ...


class RemittanceDiffers(Conflict):
    usual_rule = "this marketplace's reference was recorded before, with other facts"


class RemittanceReversed(Conflict):
    usual_rule = "was taken back before"


class RuleExists(Conflict):
    usual_rule = "there is a rule of this code from this day on; a correction is valid from another day"


class ImportRunning(Conflict):
    usual_rule = "is being read in at this moment"


class ImportNotFound(NotFound): ...


class StatementNotFound(NotFound): ...


class LineNotFound(NotFound): ...


class InvalidResolution(Invalid): ...


class AlreadyResolved(Conflict):
    usual_rule = "a resolution is about these sales already; withdraw it first"


class AlreadyWithdrawn(Conflict):
    usual_rule = "was withdrawn before"


class ResolutionNotFound(NotFound): ...


class SaleNotFound(NotFound): ...


class AdjustmentNotFound(NotFound): ...


class RemittanceNotFound(NotFound): ...
