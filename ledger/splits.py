"""Split rules: who gets which part of a gross amount, as data, evaluated as a waterfall.

In this order, and within each in the order the rule lists them:

1. fixed fees;
2. rates of the gross;
3. rates of the rest, which is what the takes before have left;
4. shares of what remains, by weights, which tiers may replace.

Parties are names to which the caller gives meaning. `docs/splits.md` works an example by hand and says what
is guaranteed. In short: the parts sum to the gross, a negative gross mirrors the positive one, and when the
gross moves towards or away from zero no party moves the other way. So a refund is the difference of two
evaluations, and books that have seen the same gross are the same, whatever path they took.
"""

from collections.abc import Iterator, Mapping, Sequence
from fractions import Fraction
from math import lcm
from typing import Literal

from msgspec import Struct

from ledger.errors import InvalidAmount, InvalidSplit, SplitOutOfBounds
from ledger.money import (
    allocate_in_turn,
    check_amount,
    check_weights,
    exponent,
    format_amount,
    format_decimal,
    parse_rate,
    portion,
)

_MOST_DECIMALS = 24  # a rate written as a percentage has at most 14; only a ratio such as 1:2 may have no end


class Take(Struct, frozen=True, forbid_unknown_fields=True):
    """A cut before the shares: `fixed` minor units, a `rate` as `ledger.money.parse_rate` reads it, or both.

    A rate is of the whole gross, or of the rest left by all fixed fees, rates of the gross and earlier rates
    of the rest. No take gets more than is left.
    """

    party: str
    rate: str = "0%"
    of: Literal["gross", "rest"] = "gross"
    fixed: int = 0


class Share(Struct, frozen=True, forbid_unknown_fields=True):
    """A party's weight in what the takes have left."""

    party: str
    weight: int


class Tier(Struct, frozen=True, forbid_unknown_fields=True):
    """Weights, in the order of the rule's shares, once the month's net GMV reaches `net_gmv` minor units."""

    net_gmv: int
    weights: tuple[int, ...]


class SplitRule(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, tag_field="version", tag=1):
    """A rule for one currency. The order of takes and shares is their rank: half a unit goes to the earlier.

    Raises InvalidSplit, InvalidRate, InvalidAmount or UnknownCurrency when built, from JSON as well.
    """

    currency: str
    takes: tuple[Take, ...] = ()
    shares: tuple[Share, ...]
    tiers: tuple[Tier, ...] = ()

    def __post_init__(self) -> None:
        exponent(self.currency)
        if "" in self.parties or len(set(self.parties)) < len(self.parties):
            raise InvalidSplit("party", ", ".join(self.parties), "each party is named, and named once")
        check_weights("shares", self.weights)
        for position, take in enumerate(self.takes):
            parse_rate(take.rate, f"takes[{position}].rate")
            if check_amount(f"takes[{position}].fixed", take.fixed) < 0:
                raise InvalidAmount(f"takes[{position}].fixed", take.fixed, "must be zero or more")
        if (together := sum(rate for _, rate in self.rates_of("gross"))) > 1:
            raise InvalidSplit("takes", together, "the rates of the gross are together at most 100%")
        self._check_tiers()

    def _check_tiers(self) -> None:
        reached = 0
        for position, tier in enumerate(self.tiers):
            if check_amount(f"tiers[{position}].net_gmv", tier.net_gmv) <= reached:
                raise InvalidSplit(f"tiers[{position}].net_gmv", tier.net_gmv, f"must be above {reached}")
            if len(tier.weights) != len(self.shares):
                raise InvalidSplit(f"tiers[{position}].weights", tier.weights, "one weight for each share")
            check_weights(f"tiers[{position}].weights", tier.weights)
            reached = tier.net_gmv

    @property
    def parties(self) -> tuple[str, ...]:
        """Everyone the rule names, by rank."""
        return (*(take.party for take in self.takes), *(share.party for share in self.shares))

    @property
    def weights(self) -> tuple[int, ...]:
        """The shares' weights below the first tier."""
        return tuple(share.weight for share in self.shares)

    def rates_of(self, base: Literal["gross", "rest"]) -> list[tuple[Take, Fraction]]:
        """The takes with a rate above zero of that base, by rank, each with its exact rate."""
        rates = [(take, parse_rate(take.rate)) for take in self.takes if take.of == base]
        return [(take, rate) for take, rate in rates if rate]

    def tier_at(self, net_gmv: int) -> Tier:
        """The highest tier reached; below the first, a tier from 0 with the shares' own weights."""
        reached = Tier(0, self.weights)
        for tier in self.tiers:
            if tier.net_gmv <= net_gmv:
                reached = tier
        return reached


class SplitPolicy(Struct, frozen=True, forbid_unknown_fields=True):
    """The operator's bounds for the ratio between two sharing parties, first : second."""

    parties: tuple[str, str]
    least: tuple[int, int]
    most: tuple[int, int]

    def check(self, rule: SplitRule) -> None:
        """Raise SplitOutOfBounds, naming the bound, if the shares or any tier lie outside.

        Raises InvalidSplit if the rule does not share between exactly these two parties.
        """
        sharing = [share.party for share in rule.shares]
        if sorted(sharing) != sorted(self.parties):
            rule_broken = f"must share between {' and '.join(self.parties)}"
            raise InvalidSplit("shares", ", ".join(sharing), rule_broken)
        first, second = (sharing.index(party) for party in self.parties)
        self._check_ratio("shares", rule.weights[first], rule.weights[second])
        for position, tier in enumerate(rule.tiers):
            self._check_ratio(f"tiers[{position}].weights", tier.weights[first], tier.weights[second])

    def _check_ratio(self, field: str, first: int, second: int) -> None:
        ratio = " : ".join(self.parties)
        if first * self.least[1] < self.least[0] * second:
            bound = f"{ratio} must be at least {self.least[0]}:{self.least[1]}"
            raise SplitOutOfBounds(field, f"{first}:{second}", bound)
        if first * self.most[1] > self.most[0] * second:
            bound = f"{ratio} must be at most {self.most[0]}:{self.most[1]}"
            raise SplitOutOfBounds(field, f"{first}:{second}", bound)


DEFAULT_POLICY = SplitPolicy(parties=("host", "clipper"), least=(3, 7), most=(5, 5))


class Step(Struct, frozen=True):
    """One line of the working: `weight / whole` of `input`, rounded to `due`; `output` of that was left."""

    party: str
    basis: Literal["fixed", "gross", "rest", "share"]
    rate: str
    input: int
    weight: int
    whole: int
    due: int
    output: int

    @property
    def exact(self) -> Fraction:
        """Minor units before rounding."""
        return Fraction(self.input * self.weight, self.whole)

    @property
    def rounding(self) -> Fraction:
        """What rounding added, in minor units; negative where it took away."""
        return self.due - self.exact

    def mirrored(self) -> "Step":
        """The same step of the opposite gross."""
        return Step(self.party, self.basis, self.rate, -self.input, self.weight, self.whole, -self.due, -self.output)


class Split(Struct, frozen=True):
    """A gross amount divided: `parts` by party in order of rank, and the working.

    `tier` is the net GMV from which the weights applied, 0 below the first tier. Given back to `evaluate` as
    `net_gmv`, it picks the same weights again.
    """

    currency: str
    gross: int
    tier: int
    parts: dict[str, int]
    steps: tuple[Step, ...]

    def explain(self) -> list[str]:
        """The working in words, for someone with a pencil; every number in units of the currency."""
        lines = [f"gross {format_amount(self.gross, self.currency)} {self.currency}"]
        if self.tier:
            lines.append(f"tier from net GMV {format_amount(self.tier, self.currency)}")
        lines.extend(_in_words(step, self.currency) for step in self.steps)
        parts = [f"{party} {format_amount(part, self.currency)}" for party, part in self.parts.items()]
        return [*lines, f"{' + '.join(parts)} = {format_amount(self.gross, self.currency)}"]


def evaluate(rule: SplitRule, gross: int, net_gmv: int = 0) -> Split:
    """Divide `gross` minor units; a negative gross mirrors the positive one.

    `net_gmv` is what the period had sold, net, before this sale: a tier holds for the sales after the one
    that reached it. Raises InvalidAmount.
    """
    check_amount("gross", gross)
    tier = rule.tier_at(check_amount("net_gmv", net_gmv))
    steps = tuple(_waterfall(rule, abs(gross), tier.weights))
    if gross < 0:
        steps = tuple(step.mirrored() for step in steps)
    parts = dict.fromkeys(rule.parties, 0)
    for step in steps:
        parts[step.party] += step.output
    return Split(rule.currency, gross, tier.net_gmv, parts, steps)


def evaluate_change(rule: SplitRule, already: Mapping[str, int], gross: int, net_gmv: int = 0) -> dict[str, int]:
    """What to post so that the parts posted `already` become those of `gross`; who has no change is left out.

    `gross` is what the sale is now known to be worth, all refunds taken off. A party the rule does not name
    gives back what it has. Under one rule and tier, changes in any number and order end in the same parts.
    """
    parts = evaluate(rule, gross, net_gmv).parts
    return _nonzero({party: parts.get(party, 0) - already.get(party, 0) for party in {**parts, **already}})


def true_up(rule: SplitRule, accrued: Mapping[int, Mapping[str, int]], net_gmv: int) -> dict[str, int]:
    """What to post at the period's close so that all its sales are shared at the tier finally reached.

    `accrued` sums the period's parts by `Split.tier`. What was accrued below or above the final tier is
    shared again, once per tier; takes do not move, so the changes sum to zero.
    """
    final = rule.tier_at(net_gmv)
    changes = {share.party: 0 for share in rule.shares}
    for tier, parts in accrued.items():
        if tier != final.net_gmv:
            pool = sum(parts.get(party, 0) for party in changes)
            for party, part in zip(changes, allocate_in_turn(pool, final.weights), strict=True):
                changes[party] += part - parts.get(party, 0)
    return _nonzero(changes)


def _nonzero(changes: dict[str, int]) -> dict[str, int]:
    return {party: change for party, change in changes.items() if change}


def _waterfall(rule: SplitRule, gross: int, weights: Sequence[int]) -> Iterator[Step]:
    """The steps of a gross that is not negative, in the order of the module's docstring."""
    left = gross
    for take in rule.takes:
        if take.fixed:
            output = min(take.fixed, left)
            left -= output
            yield Step(take.party, "fixed", "", take.fixed, 1, 1, take.fixed, output)
    for (take, rate), due in zip(rule.rates_of("gross"), _dues_of_gross(rule, gross), strict=True):
        output = min(due, left)
        left -= output
        yield Step(take.party, "gross", take.rate, gross, rate.numerator, rate.denominator, due, output)
    for take, rate in rule.rates_of("rest"):
        part, rest = portion(left, rate)
        yield Step(take.party, "rest", take.rate, left, rate.numerator, rate.denominator, part, part)
        left = rest
    whole = sum(weights)
    for share, weight, part in zip(rule.shares, weights, allocate_in_turn(left, weights), strict=True):
        yield Step(share.party, "share", f"{weight}/{whole}", left, weight, whole, part, part)


def _dues_of_gross(rule: SplitRule, gross: int) -> tuple[int, ...]:
    """All rates of the gross in one division: rounded one by one they could make the rest jump against it."""
    rates = [rate for _, rate in rule.rates_of("gross")]
    whole = lcm(*(rate.denominator for rate in rates))
    weights = [rate.numerator * (whole // rate.denominator) for rate in rates]
    return allocate_in_turn(gross, (*weights, whole - sum(weights)))[:-1]


_BASES = {"gross": "gross", "rest": "the rest", "share": "the remaining"}


def _in_words(step: Step, currency: str) -> str:
    if step.basis == "fixed":
        said = f"{step.party}: fixed fee {format_amount(step.due, currency)}"
    else:
        base = f"{_BASES[step.basis]} {format_amount(step.input, currency)}"
        said = f"{step.party}: {step.rate} of {base} = {_exactly(step.exact, currency)}"
    if step.rounding:
        way = "up" if abs(step.due) > abs(step.exact) else "down"
        said += f", rounded {way} to {format_amount(step.due, currency)}"
    if step.output != step.due:
        said += f", limited to the {format_amount(step.output, currency)} left"
    return said


def _exactly(minor_units: Fraction, currency: str) -> str:
    """In units of the currency: a decimal where one exists, else the sum of a decimal and a fraction."""
    decimals = exponent(currency)
    for more in range(_MOST_DECIMALS):
        scaled = minor_units * 10**more
        if scaled.denominator == 1:
            return format_decimal(scaled.numerator, decimals + more)
    towards_zero = int(minor_units)
    fraction = abs(minor_units - towards_zero)
    return f"{format_amount(towards_zero, currency)} and {fraction} of {format_decimal(1, decimals)}"
