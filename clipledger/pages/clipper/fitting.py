"""Why an offer fits, and what approves at once, as a clipper reads it: sentences of the room, in the page's language.

The room says them in English. Here each is known by its form, and what stands in it is put into a sentence of the
pages' own; one of a form that nobody knows is shown as it is.
"""

import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass

from clipledger.pages.formats import Formats
from clipledger.pages.words import N_, WORDS
from licensing.scoring import Fit, Reason

FEATURES: Mapping[str, str] = {
    "gmv": N_("How much it sells"),
    "order_value": N_("Value of an order"),
    "conversion": N_("Orders per click"),
    "returns": N_("Returns"),
    "category": N_("Category"),
    "platform": N_("Your accounts"),
    "language": N_("Language"),
    "share": N_("What you get"),
}
EVIDENCE: Mapping[str, str] = {
    "none": N_("no sales yet"),
    "little": N_("few sales or clicks"),
    "some": N_("some sales or clicks"),
    "much": N_("many sales or clicks"),
}
_LEVEL = r"about (?:(?P<ratio>\S+) times (?P<end>or more |or less )?)?the market's"
_LEVELS: Mapping[str, str] = {
    "": N_("about %(ratio)s times the usual"),
    "or more ": N_("%(ratio)s times the usual or more"),
    "or less ": N_("%(ratio)s times the usual or less"),
}
_USUAL = N_("about the usual")
_FORMS: tuple[tuple[str, str], ...] = (
    (
        r"has sold nothing yet; counted as a typical offer",
        N_("It has sold nothing yet, and counts as a typical offer."),
    ),
    (
        r"its sales are among the top (?P<top>\d+) % of open offers in (?P<currency>\w+)",
        N_("Its sales are among the top %(top)s%% of open offers in %(currency)s."),
    ),
    (
        r"its sales are in the lower half of open offers in (?P<currency>\w+)",
        N_("Its sales are in the lower half of open offers in %(currency)s."),
    ),
    (rf"an order is worth {_LEVEL} in (?P<currency>\w+)", N_("An order is worth %(level)s in %(currency)s.")),
    (
        rf"no orders yet; one in (?P<word>\S+) is worth {_LEVEL} in (?P<currency>\w+)",
        N_("No orders yet; one in %(word)s is worth %(level)s in %(currency)s."),
    ),
    (rf"orders per click are {_LEVEL}", N_("Buyers order %(level)s per click.")),
    (
        rf"clicks are not known; (?P<word>\S+) converts at {_LEVEL}",
        N_("Clicks are not known; in %(word)s, orders per click are %(level)s."),
    ),
    (rf"returns are {_LEVEL}", N_("Returns are %(level)s.")),
    (rf"no orders yet; returns in (?P<word>\S+) are {_LEVEL}", N_("No orders yet; returns in %(word)s are %(level)s.")),
    (
        rf"the clipper's part of what is shared is (?P<part>\S+) %; with the commission it earns {_LEVEL} of a sale",
        N_("Your share is %(part)s%%; with the commission you earn %(level)s of a sale."),
    ),
    (
        rf"the clipper's part of what is shared is (?P<part>\S+) %; with the commission it earns {_LEVEL} of a sale, "
        r"going by what (?P<word>\S+) pays",
        N_("Your share is %(part)s%%; with the commission usual in %(word)s you earn %(level)s of a sale."),
    ),
    (r"(?P<part>\d+)% of your orders were in (?P<word>\S+)", N_("%(part)s%% of your orders were in %(word)s.")),
    (r"you name (?P<word>\S+) in your profile", N_("You name %(word)s in your profile.")),
    (r"you don't name (?P<word>\S+)", N_("Your profile does not name %(word)s.")),
    (
        r"you have neither sales nor categories in your profile yet",
        N_("You have neither sales nor categories in your profile yet."),
    ),
    (r"none of your accounts is confirmed yet", N_("None of your accounts is confirmed yet.")),
    (r"you have no confirmed account on (?P<words>.+)", N_("You have no confirmed account on %(words)s.")),
    (
        r"you have (?P<words>.+), where (?P<part>\d+)% of your orders were",
        N_("You have accounts on %(words)s, where %(part)s%% of your orders were."),
    ),
    (r"you have (?P<words>.+)", N_("You have accounts on %(words)s.")),
    (r"any language will do", N_("Any language will do.")),
    (r"your profile names no language", N_("Your profile names no language.")),
    (r"asks for (?P<tags>.+); you speak (?P<own>.*)", N_("It asks for %(tags)s; you speak %(own)s.")),
)
_APPROVALS: tuple[tuple[str, str], ...] = (
    (r"a confirmed account on each of (?P<words>.+)", N_("You have a confirmed account on each of %(words)s.")),
    (r"a profile in one of (?P<countries>.+)", N_("Your profile names one of these countries: %(countries)s.")),
    (r"a profile that names one of (?P<own>.+)", N_("Your profile names one of these languages: %(own)s.")),
    (r"at least (?P<part>\d+) approved clips", N_("At least %(part)s clips of yours were approved.")),
    (r"at least (?P<part>\d+) orders", N_("Your clips have brought at least %(part)s orders.")),
    (
        r"sales of at least (?P<part>\S+) (?P<currency>\w+)",
        N_("Your clips have sold for at least %(part)s %(currency)s."),
    ),
    (r"at most (?P<part>\S+) % of orders returned", N_("At most %(part)s%% of your orders were returned.")),
    (r"every application", N_("Every application is approved.")),
)
"""By what an application is approved at once: `licensing.marketplace.in_words`."""
_KNOWN = tuple((re.compile(form), said) for form, said in (*_FORMS, *_APPROVALS))


@dataclass(frozen=True)
class Told:
    """A reason: of what, how much it counts for, and what there is to say."""

    name: str
    sentence: str
    value: float
    weight: float
    contribution: float
    evidence: str
    known: bool

    @property
    def above(self) -> bool:
        """Whether it speaks for the offer, beyond what a typical one has."""
        return self.value > 0.5


def told(fit: Fit, say: Callable[[str], str], formats: Formats) -> list[Told]:
    """In the order of the fit: those that tell most come first."""
    return [_told(each, say, formats) for each in fit.reasons]


def _told(its: Reason, say: Callable[[str], str], formats: Formats) -> Told:
    name = say(FEATURES.get(its.feature, its.feature))
    sentence = sentence_of(its.reason, say, formats) or its.reason
    evidence = say(EVIDENCE[its.evidence])
    return Told(name, sentence, its.value, its.weight, its.contribution, evidence, its.known)


def sentence_of(said: str, say: Callable[[str], str], formats: Formats) -> str | None:
    """In the page's language; None where the room says what no form here knows."""
    for form, sentence in _KNOWN:
        match = form.fullmatch(said)
        if match:
            return say(sentence) % dict(_parts(match.groupdict(), say, formats))
    return None


def _parts(found: Mapping[str, str | None], say: Callable[[str], str], formats: Formats) -> Iterator[tuple[str, str]]:
    ratio, end = found.get("ratio"), found.get("end") or ""
    yield "level", say(_LEVELS[end]) % {"ratio": ratio} if ratio else say(_USUAL)
    for name in ("part", "top", "currency"):
        yield name, found.get(name) or ""
    for name in ("word", "words"):
        yield name, formats.listed([_word(each, say) for each in re.split(r" and | or |, ", found.get(name) or "")])
    yield "tags", ", ".join(formats.tongue(each) for each in (found.get("tags") or "").split(" or "))
    yield "countries", formats.listed([formats.country(each) for each in (found.get("countries") or "").split(", ")])
    yield "own", formats.listed([formats.tongue(each) for each in (found.get("own") or "").split(", ")])


def _word(raw: str, say: Callable[[str], str]) -> str:
    return say(WORDS[raw][0]) if raw in WORDS else raw.replace("-", " ")
