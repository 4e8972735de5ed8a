"""How a sale is shared, step by step, in the page's language: what each takes, of what, and how that was rounded."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from fractions import Fraction

from clipledger.pages.formats import Formats
from clipledger.pages.words import N_
from ledger.splits import Split, Step


@dataclass(frozen=True)
class Worked:
    """What a party gets by a step, in minor units; how that is worked out; and what was done to it then."""

    party: str
    amount: int
    how: str
    notes: list[str]


def worked(split: Split, say: Callable[[str], str], formats: Formats) -> list[Worked]:
    """In the order of the steps."""
    its = _Working(split.currency, say, formats)
    return [Worked(step.party, step.output, its.how(step), [*its.notes(step)]) for step in split.steps]


class _Working:
    def __init__(self, currency: str, say: Callable[[str], str], formats: Formats) -> None:
        self._currency = currency
        self._say = say
        self._formats = formats

    def how(self, step: Step) -> str:
        say, of = self._say, self._formats.money(step.input, self._currency)
        if step.basis == "fixed":
            return say(N_("a fixed fee"))
        if step.basis == "gross":
            return say(N_("%(rate)s of the commission, %(amount)s")) % {"rate": step.rate, "amount": of}
        if step.basis == "rest":
            return say(N_("%(rate)s of what is left, %(amount)s")) % {"rate": step.rate, "amount": of}
        parts = {"parts": step.weight, "all": step.whole, "amount": of}
        return say(N_("%(parts)s of %(all)s parts of what is left, %(amount)s")) % parts

    def notes(self, step: Step) -> Iterator[str]:
        if step.rounding:
            up = abs(step.due) > abs(step.exact)
            rounded = N_("rounded up from %(exact)s") if up else N_("rounded down from %(exact)s")
            yield self._say(rounded) % {"exact": self._exactly(step.exact)}
        if step.output != step.due:
            yield self._say(N_("limited to what is left"))

    def _exactly(self, minor_units: Fraction) -> str:
        """A decimal where one exists, else an amount and a fraction of the currency's least."""
        decimal = self._formats.fraction(minor_units, self._currency)
        if decimal is not None:
            return decimal
        whole = int(minor_units)
        told = {"amount": self._formats.money(whole, self._currency), "least": self._formats.money(1, self._currency)}
        more = self._say(N_("%(amount)s and %(fraction)s of %(least)s"))
        return more % {**told, "fraction": str(abs(minor_units - whole))}
