"""What this room refuses.

SettlementError
├── invalid: the request cannot be obeyed whatever there is
│   └── FileRefused             a report that can't be read as a whole; what is wrong with one row is `Quarantined`
│       ├── EmptyFile           no bytes, no rows, or no header
│       ├── UnknownFormat       a header that no reader knows
│       ├── MissingColumn       a known format without a column that is needed
│       ├── UnknownColumn       a known format with a column that it does not have
│       ├── UnreadableFile      neither text, nor a spreadsheet, nor JSON, or damaged beyond rows
│       ├── TruncatedFile       breaks off: a quotation mark never closed, JSON or a spreadsheet cut short
│       ├── FileTooLarge        would unpack to, or hold in one row, more than is allowed
│       ├── MixedNumbers        1.234,56 and 1,234.56 in one file
│       └── AmbiguousNumbers    nothing in it says whether 1.234 is more than a thousand
├── conflict: the state of things does not allow it
└── not_found: the address names nothing

`kind` decides the HTTP status (invalid 422, conflict 409, not_found 404); `code` is stable and may be matched by
clients. It is made of the class's name: `EmptyFile` is `empty-file`.
"""

# ruff: noqa: N818 - named for what is wrong, as in `ledger.errors`

import re
from typing import ClassVar, Literal

_LONGEST_VALUE = 200  # characters of an offending value worth repeating to its sender
_WORD = re.compile(r"(?<!^)(?=[A-Z])")
_UNSENDABLE = re.compile("[\0\ud800-\udfff]")


class SettlementError(Exception):
    """A refusal that has changed nothing.

    `field` is the offending input, `value` what it held, as text cut to 200 characters, and `rule` the sentence
    it breaks; a class with one rule only need not be told it.
    """

    kind: ClassVar[Literal["invalid", "conflict", "not_found"]]
    code: ClassVar[str]
    usual_rule: ClassVar[str | None] = None

    def __init_subclass__(cls) -> None:
        cls.code = _WORD.sub("-", cls.__name__).lower()

    def __init__(self, field: str | None = None, value: object = None, rule: str | None = None) -> None:
        super().__init__(field, value, rule)  # as given, so that the error survives pickling
        self.field = field
        self.value = None if value is None else _UNSENDABLE.sub("\ufffd", str(value))[:_LONGEST_VALUE]
        self.rule = rule or self.usual_rule

    def __str__(self) -> str:
        said = ": ".join(part for part in (self.field, self.rule) if part) or self.code
        return said if self.value is None else f"{said} (got {self.value})"


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
