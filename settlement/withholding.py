"""Withholding: how much of a payment is kept for a tax authority, by rules that are data. Pure.

A rule is one of a few kinds of calculator; its rates and thresholds are in it, none are in the code. Amounts are
integers of minor units, rates exact fractions; what is withheld is rounded once, at the end, to the minor unit (half of
one is withheld: `ledger.money.portion`). `docs/withholding.md` has examples, which a tax adviser has to check.
"""

import re
from collections.abc import Iterator, Mapping
from fractions import Fraction
from typing import Any, ClassVar, Literal, NamedTuple, Protocol

import msgspec
from msgspec import Struct

from ledger.errors import LedgerError
from ledger.money import BIGINT_MAX, check_amount, exponent, format_amount, parse_rate, portion
from settlement.errors import InvalidWithholding

Period = Literal["payment", "month", "year"]
"""What payments are taken together: those of a calendar month or year of the book's calendar, or each by itself."""

_AUTHORITY = re.compile(r"[a-z0-9]+(?:-[a-z0-9]+)*")
_LONGEST_AUTHORITY = 40
_MOST_BRACKETS = 50
_WHOLE = Fraction(1)


class Base(NamedTuple):
    """What tax is worked out of: a payment of `gross` in one currency. Before it, `paid` was paid to the party in the
    rule's period, and of that `withheld` for the rule's authority.
    """

    currency: str
    gross: int
    paid: int = 0
    withheld: int = 0


class Tax(Struct, frozen=True):
    """What is withheld of a payment, from 0 to all of it, and how that was worked out, in words."""

    withheld: int
    steps: tuple[str, ...]


class Calculator(Protocol):
    """A kind of rule. `period` says which payments it takes together; `currency` is that of its thresholds, null where
    it has none. `check` refuses what no calculation can be made of, with InvalidWithholding.
    """

    @property
    def authority(self) -> str: ...
    @property
    def period(self) -> Period: ...
    @property
    def currency(self) -> str | None: ...

    def check(self) -> None: ...
    def tax(self, base: Base) -> Tax: ...


class Exempt(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, tag_field="kind", tag="none"):
    """Nothing is withheld: `basis` says why, as `Form W-9 received`."""

    authority: str
    basis: str

    period: ClassVar[Period] = "payment"
    currency: ClassVar[None] = None

    def check(self) -> None:
        """Raises InvalidWithholding."""
        _check_authority(self.authority)
        if not 1 <= len(self.basis.strip()) <= 200 or not self.basis.isprintable():
            raise InvalidWithholding("rule.basis", self.basis, "1 to 200 characters that can be printed")

    def tax(self, base: Base) -> Tax:
        """None."""
        return Tax(0, (f"nothing is withheld: {self.basis}",))


class Flat(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, tag_field="kind", tag="flat"):
    """A `rate` of each payment, as `ledger.money.parse_rate` reads it."""

    authority: str
    rate: str

    period: ClassVar[Period] = "payment"
    currency: ClassVar[None] = None

    def check(self) -> None:
        """Raises InvalidWithholding."""
        _check_authority(self.authority)
        _rate("rule.rate", self.rate)

    def tax(self, base: Base) -> Tax:
        """The rate of what is paid."""
        withheld, _ = portion(base.gross, parse_rate(self.rate))
        return Tax(withheld, (f"{self.rate} of {_money(base.gross, base)} = {_money(withheld, base)}",))


class Allowance(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What of a period's gross `up_to` so much (included; null for any more) is not taxed: `fixed`, or a `share`."""

    up_to: int | None = None
    fixed: int = 0
    share: str = "0%"


class Bracket(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The `rate` of what is taxed where that is `up_to` so much (included; null for any more), less
    `quick_deduction`: what the lower brackets tax less.
    """

    up_to: int | None = None
    rate: str
    quick_deduction: int = 0


class Brackets(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, tag_field="kind", tag="brackets"):
    """Of all that is paid in a `period` an allowance is left free, the rest is taxed by the bracket it reaches; what
    was withheld before in the period counts against it. So several payments withhold what one would, as far as the last
    of them reaches. Amounts are in minor units of `currency`; allowances and brackets go upward, the last is for all
    above.
    """

    authority: str
    currency: str
    period: Period
    allowances: tuple[Allowance, ...] = ()
    brackets: tuple[Bracket, ...]

    def check(self) -> None:
        """Raises InvalidWithholding."""
        _check_authority(self.authority)
        try:
            exponent(self.currency)
        except LedgerError as fault:
            raise InvalidWithholding("rule.currency", self.currency, fault.rule) from None
        if self.allowances:
            _check_upward("rule.allowances", [each.up_to for each in self.allowances])
        _check_upward("rule.brackets", [each.up_to for each in self.brackets])
        for number, allowance in enumerate(self.allowances):
            _check_allowance(f"rule.allowances[{number}]", allowance)
        for number, bracket in enumerate(self.brackets):
            _rate(f"rule.brackets[{number}].rate", bracket.rate)
            _minor(f"rule.brackets[{number}].quick_deduction", bracket.quick_deduction)
        self._check_steps()

    def _check_steps(self) -> None:
        for number, (lower, upper) in enumerate(zip(self.brackets, self.brackets[1:], strict=False), 1):
            edge = lower.up_to or 0
            least = edge * parse_rate(lower.rate) - lower.quick_deduction
            if edge * parse_rate(upper.rate) - upper.quick_deduction < least:
                field = f"rule.brackets[{number}].quick_deduction"
                raise InvalidWithholding(field, upper.quick_deduction, "who earns more is not taxed less")

    def tax(self, base: Base) -> Tax:
        """What the period's tax is by now, less what was withheld before; at most the payment."""
        whole = base.paid + base.gross
        allowance = next((each for each in self.allowances if each.up_to is None or whole <= each.up_to), Allowance())
        untaxed = _WHOLE - parse_rate(allowance.share)
        rest = max(whole - allowance.fixed, 0)
        taxed, _ = portion(rest, untaxed)
        bracket = next(each for each in self.brackets if each.up_to is None or taxed <= each.up_to)
        # One rounding: of the product, not of what is taxed and then again of its tax.
        by_rate, _ = portion(rest, untaxed * parse_rate(bracket.rate))
        due = max(by_rate - bracket.quick_deduction, 0)
        withheld = min(max(due - base.withheld, 0), base.gross)
        return Tax(withheld, tuple(_steps(base, self.period, allowance, taxed, bracket, due, withheld)))


Rule = Exempt | Flat | Brackets
"""Every kind there is; one more is one more class here."""


def decode(stored: object) -> Rule:
    """A rule as the database returns it. What is in force is not checked against today's rules."""
    return msgspec.convert(stored, Rule)  # type: ignore[no-any-return]


def encode(rule: Rule) -> Mapping[str, Any]:
    """As the database takes it."""
    return dict(msgspec.to_builtins(rule))


# In words ---------------------------------------------------------------------------------------------------


def _steps(
    base: Base, period: Period, allowance: Allowance, taxed: int, bracket: Bracket, due: int, withheld: int
) -> Iterator[str]:
    before, whole = _money(base.paid, base), _money(base.paid + base.gross, base)
    if period == "payment":
        yield f"paid: {_money(base.gross, base)}"
    elif period == "month":
        yield f"paid in the month before {before}, with this {whole}"
    else:
        yield f"paid in the year before {before}, with this {whole}"
    if allowance.fixed or parse_rate(allowance.share):
        free = allowance.share if parse_rate(allowance.share) else _money(allowance.fixed, base)
        yield f"allowance {free}, taxed {_money(taxed, base)}"
    if bracket.quick_deduction:
        less = _money(bracket.quick_deduction, base)
        yield f"{bracket.rate} of {_money(taxed, base)} less {less} = {_money(due, base)}"
    else:
        yield f"{bracket.rate} of {_money(taxed, base)} = {_money(due, base)}"
    if base.withheld:
        yield f"withheld before {_money(base.withheld, base)}, now {_money(withheld, base)}"


def _money(amount: int, base: Base) -> str:
    return f"{format_amount(amount, base.currency)} {base.currency}"


# Checks -----------------------------------------------------------------------------------------------------


def _check_authority(authority: str) -> None:
    if len(authority) > _LONGEST_AUTHORITY or not _AUTHORITY.fullmatch(authority):
        rule = f"lower-case letters and digits in words joined by hyphens, {_LONGEST_AUTHORITY} at most"
        raise InvalidWithholding("rule.authority", authority, rule)


def _check_upward(field: str, limits: list[int | None]) -> None:
    if not 1 <= len(limits) <= _MOST_BRACKETS:
        raise InvalidWithholding(field, len(limits), f"1 to {_MOST_BRACKETS}")
    if limits[-1] is not None:
        raise InvalidWithholding(f"{field}[{len(limits) - 1}].up_to", limits[-1], "the last goes to any amount: null")
    reached = 0
    for number, limit in enumerate(limits[:-1]):
        if limit is None or not reached < limit <= BIGINT_MAX:
            rule = f"above {reached}, at most {BIGINT_MAX}; null is the last"
            raise InvalidWithholding(f"{field}[{number}].up_to", limit, rule)
        reached = limit


def _check_allowance(field: str, allowance: Allowance) -> None:
    _minor(f"{field}.fixed", allowance.fixed)
    if _rate(f"{field}.share", allowance.share) and allowance.fixed:
        raise InvalidWithholding(field, allowance.fixed, "fixed or a share, not both")


def _rate(field: str, rate: str) -> Fraction:
    try:
        return parse_rate(rate, field)
    except LedgerError as fault:
        raise InvalidWithholding(field, rate, fault.rule) from None


def _minor(field: str, amount: int) -> None:
    try:
        least = check_amount(field, amount)
    except LedgerError as fault:
        raise InvalidWithholding(field, amount, fault.rule) from None
    if least < 0:
        raise InvalidWithholding(field, amount, "zero or more")
