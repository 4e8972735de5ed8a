"""Terms in sentences that people read, line by line, and what one version changes of another."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from clipledger.pages.formats import Formats
from clipledger.pages.words import N_, WORDS
from ledger.money import exponent
from ledger.splits import SplitRule, Take, evaluate
from licensing.terms import AGENCY, CLIPPER, HOST, PLATFORM, Terms

_SHOWN = 12
"""Of a long list, so many are named."""
_PPM = 1_000_000
_HUNDRED = 100

PARTIES: Mapping[str, str] = {
    PLATFORM: N_("The platform"),
    AGENCY: N_("The agency"),
    HOST: N_("You, the host"),
    CLIPPER: N_("The clipper"),
}
TAKES: Mapping[str, str] = {PLATFORM: N_("The platform takes first"), AGENCY: N_("The agency takes first")}
SHARES: Mapping[str, str] = {HOST: N_("Host's share"), CLIPPER: N_("Clipper's share")}
EXCLUSIVITY: Mapping[str, str] = {
    "none": N_("not exclusive: the clipper may work for other hosts"),
    "category": N_("exclusive in the offer's category"),
    "all": N_("exclusive: for no other host at all"),
}


@dataclass(frozen=True)
class Line:
    """A member of the terms: `key` names it, `value` is what is compared, `text` what people read."""

    key: str
    label: str
    text: str
    value: Any


@dataclass(frozen=True)
class Changed:
    """A line before and after; None where it was not there."""

    label: str
    before: str | None
    after: str | None


@dataclass(frozen=True)
class Example:
    """What each party gets of an order's commission of 100, from so much net sales of the month on."""

    net_gmv: int
    parts: Mapping[str, int]


def examples(rule: SplitRule) -> list[Example]:
    """In minor units: below the first tier, and at each."""
    hundred = _HUNDRED * 10 ** exponent(rule.currency)
    reached = [0, *(tier.net_gmv for tier in rule.tiers)]
    return [Example(net_gmv, evaluate(rule, hundred, net_gmv).parts) for net_gmv in reached]


def changed(before: Sequence[Line], after: Sequence[Line]) -> list[Changed]:
    """The lines that are not the same, in the order of the newer terms; those that are gone come last."""
    old, new = ({line.key: line for line in lines} for lines in (before, after))
    keys = [*new, *(key for key in old if key not in new)]
    pairs = [(old.get(key), new.get(key)) for key in keys]
    return [_changed(was, now) for was, now in pairs if was is None or now is None or was.value != now.value]


def _changed(was: Line | None, now: Line | None) -> Changed:
    label = next(line.label for line in (now, was) if line is not None)
    if was and now and isinstance(was.value, tuple) and isinstance(now.value, tuple) and _long(was, now):
        gone = [str(each) for each in was.value if each not in now.value]
        new = [str(each) for each in now.value if each not in was.value]
        return Changed(label, " ".join(f"− {each}" for each in gone), " ".join(f"+ {each}" for each in new))
    return Changed(label, was.text if was else None, now.text if now else None)


def _long(*lines: Line) -> bool:
    return any(len(line.value) > _SHOWN for line in lines)


class Reading:
    """Terms as they are read in one language."""

    def __init__(self, say: Callable[[str], str], formats: Formats) -> None:
        self._say = say
        self._formats = formats

    def lines(self, terms: Terms) -> list[Line]:
        """Every member."""
        return [
            *self._split(terms),
            *self._where(terms),
            *self._when(terms),
            *self._money(terms),
            *self._clips(terms),
            *self._papers(terms),
        ]

    def share(self, rule: SplitRule) -> str:
        """The clipper's share in short: `60%`, or `60% to 70%` where there are tiers."""
        place = [share.party for share in rule.shares].index(CLIPPER)
        rates = [self._part(weights, place) for weights in (rule.weights, *(tier.weights for tier in rule.tiers))]
        if len(rates) == 1:
            return rates[0]
        return self._say(N_("%(first)s to %(last)s")) % {"first": rates[0], "last": rates[-1]}

    def _split(self, terms: Terms) -> Iterator[Line]:
        say, rule = self._say, terms.split
        yield self._line("currency", N_("Currency"), rule.currency)
        if len(rule.takes) > 1:
            order = self._formats.listed([say(PARTIES.get(take.party, take.party)) for take in rule.takes])
            yield Line("takes", say(N_("Taken in this order")), order, tuple(take.party for take in rule.takes))
        for take in rule.takes:
            label = say(TAKES.get(take.party, take.party))
            yield Line(f"take:{take.party}", label, self._take(take, rule.currency), take)
        for place, share in enumerate(rule.shares):
            rate = {"rate": self._part(rule.weights, place), "weight": share.weight, "whole": sum(rule.weights)}
            text = say(N_("%(rate)s of what is left (%(weight)s of %(whole)s)")) % rate
            yield Line(f"share:{share.party}", say(SHARES.get(share.party, share.party)), text, rate)
        first = rule.shares[0].party
        yield Line("rank", say(N_("Half a cent goes to")), say(PARTIES.get(first, first)), first)
        for number, tier in enumerate(rule.tiers, 1):
            place = [share.party for share in rule.shares].index(CLIPPER)
            told = {
                "amount": self._formats.money(tier.net_gmv, rule.currency),
                "rate": self._part(tier.weights, place),
                "weights": ":".join(str(weight) for weight in tier.weights),
            }
            text = say(N_("from %(amount)s net sales in a month, the clipper gets %(rate)s (%(weights)s)")) % told
            yield Line(f"tier:{number}", say(N_("Tier %(number)s")) % {"number": number}, text, tier)
        if terms.agency is not None:
            yield self._line("agency", N_("Agency's number"), terms.agency)

    def _take(self, take: Take, currency: str) -> str:
        say = self._say
        base = N_("%(rate)s of the whole") if take.of == "gross" else N_("%(rate)s of what is left by others")
        told = [say(base) % {"rate": take.rate}]
        if take.fixed:
            told.append(say(N_("%(amount)s of each sale")) % {"amount": self._formats.money(take.fixed, currency)})
        return self._formats.listed(told)

    def _where(self, terms: Terms) -> Iterator[Line]:
        anything = N_("all")
        platforms = tuple(self._word(each) for each in terms.platforms)
        markets = tuple(self._word(each) for each in terms.marketplaces or ())
        countries = tuple(self._formats.country(each) for each in terms.territories or ())
        yield self._list("platforms", N_("Clips may be posted on"), platforms, anything)
        yield self._list("marketplaces", N_("Sales count on marketplaces"), markets, anything)
        yield self._list("territories", N_("Countries"), countries, anything)
        yield self._list("products", N_("Products"), terms.products, anything)
        yield self._list("excluded_products", N_("Products that do not count"), terms.excluded_products, N_("none"))
        yield self._list("streams", N_("Streams that may be clipped, by number"), terms.streams, anything)

    def _when(self, terms: Terms) -> Iterator[Line]:
        yield self._moment("starts_at", N_("Begins"), terms.starts_at)
        yield self._moment("ends_at", N_("Ends"), terms.ends_at)
        yield self._days("grant_days", N_("A licence lasts at most"), terms.grant_days)
        yield self._days("tail_days", N_("Sales after a licence's end still pay for"), terms.tail_days)
        yield self._days("rate_lock_days", N_("The rate is locked after acceptance for"), terms.rate_lock_days)
        said = self._say(EXCLUSIVITY[terms.exclusivity])
        yield Line("exclusivity", self._say(N_("Exclusivity")), said, terms.exclusivity)

    def _money(self, terms: Terms) -> Iterator[Line]:
        yield self._days("hold_days", N_("A sale is held for"), terms.hold_days)
        yield self._line("reserve", N_("Kept back as a reserve"), terms.reserve)
        yield self._days("reserve_days", N_("The reserve is kept for"), terms.reserve_days)
        yield self._line("recovery_cap", N_("At most this part of earnings repays what is owed"), terms.recovery_cap)
        least = self._formats.money(terms.minimum_payout, terms.split.currency)
        yield Line("minimum_payout", self._say(N_("Smallest payout")), least, terms.minimum_payout)

    def _clips(self, terms: Terms) -> Iterator[Line]:
        say, edits = self._say, terms.edits
        yield self._flag("edits.mirroring", N_("Mirroring the picture"), yes=edits.mirroring)
        yield Line("edits.fastest_ppm", say(N_("Fastest speed")), f"{edits.fastest_ppm / _PPM:g}×", edits.fastest_ppm)
        for field, label in (("shortest_s", N_("Shortest clip")), ("longest_s", N_("Longest clip"))):
            seconds = getattr(edits, field)
            text = say(N_("%(count)s seconds")) % {"count": self._formats.number(seconds)}
            yield Line(f"edits.{field}", say(label), text, seconds)
        own = self._formats.ppm(edits.own_footage_ppm)
        yield Line("edits.own_footage_ppm", say(N_("Footage from elsewhere, at most")), own, edits.own_footage_ppm)
        yield self._list(
            "disclosure.texts", N_("Says that it is advertising by one of"), terms.disclosure.texts, N_("none")
        )
        yield self._flag("disclosure.on_screen", N_("May say so in the picture"), yes=terms.disclosure.on_screen)
        hours = terms.review_hours
        text = say(N_("after %(count)s hours")) % {"count": hours} if hours is not None else say(N_("never"))
        yield Line("review_hours", say(N_("Clips are approved without a person")), text, hours)

    def _papers(self, terms: Terms) -> Iterator[Line]:
        yield self._line("licensor", N_("Licensor"), terms.licensor)
        if terms.document_sha256 is not None:
            yield self._line("document_sha256", N_("SHA-256 of the contract on paper"), terms.document_sha256)
        if terms.document_url is not None:
            yield self._line("document_url", N_("The contract's address"), terms.document_url)

    # Kinds of lines

    def _word(self, raw: str) -> str:
        return self._say(WORDS[raw][0]) if raw in WORDS else raw

    def _line(self, key: str, label: str, value: object) -> Line:
        return Line(key, self._say(label), str(value), value)

    def _list(self, key: str, label: str, values: Sequence[object] | None, otherwise: str) -> Line:
        if not values:
            return Line(key, self._say(label), self._say(otherwise), values)
        text = self._formats.listed([str(value) for value in values[:_SHOWN]])
        if len(values) > _SHOWN:
            text = self._say(N_("%(some)s, and %(more)s more")) % {"some": text, "more": len(values) - _SHOWN}
        return Line(key, self._say(label), text, tuple(values))

    def _moment(self, key: str, label: str, at: datetime | None) -> Line:
        text = self._formats.moment(at) if at is not None else self._say(N_("no end"))
        return Line(key, self._say(label), text, at)

    def _days(self, key: str, label: str, days: int | None) -> Line:
        text = self._formats.days(days) if days is not None else self._say(N_("as long as the terms run"))
        return Line(key, self._say(label), text, days)

    def _flag(self, key: str, label: str, *, yes: bool) -> Line:
        return Line(key, self._say(label), self._say(N_("yes") if yes else N_("no")), yes)

    def _part(self, weights: Sequence[int], place: int) -> str:
        return self._formats.ppm(weights[place] * _PPM // sum(weights))
