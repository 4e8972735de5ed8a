"""What a room above media and ledger refuses with; each room has a tree of its own below it."""

import re
from typing import ClassVar, Literal

_LONGEST_VALUE = 200  # characters of an offending value worth repeating to its sender
_WORD = re.compile(r"(?<!^)(?=[A-Z])")


class Refusal(Exception):  # noqa: N818 - named for what it is, as in `ledger.errors`
    """A refusal that has changed nothing.

    `field` is the offending input, `value` what it held, as text cut to 200 characters, and `rule` the sentence
    it breaks; a class with one rule only need not be told it.

    `kind` decides the HTTP status (invalid 422, conflict 409, not_found 404); `code` is stable and may be matched by
    clients. It is made of the class's name: `InvalidTerms` is `invalid-terms`.
    """

    kind: ClassVar[Literal["invalid", "conflict", "not_found"]]
    code: ClassVar[str]
    usual_rule: ClassVar[str | None] = None

    def __init_subclass__(cls) -> None:
        cls.code = _WORD.sub("-", cls.__name__).lower()

    def __init__(self, field: str | None = None, value: object = None, rule: str | None = None) -> None:
        super().__init__(field, value, rule)  # as given, so that the error survives pickling
        self.field = field
        self.value = None if value is None else self._said(str(value))[:_LONGEST_VALUE]
        self.rule = self._said(rule) if rule else self.usual_rule

    def _said(self, text: str) -> str:
        """How a text of the request is repeated."""
        return text

    def __str__(self) -> str:
        said = ": ".join(part for part in (self.field, self.rule) if part) or self.code
        return said if self.value is None else f"{said} (got {self.value})"
