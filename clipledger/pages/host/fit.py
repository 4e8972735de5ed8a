"""Why a clipper fits an offer, in the page's language. The reasons are `licensing.clipper_features`' sentences."""

import re
from collections.abc import Callable, Mapping

from clipledger.pages.formats import Formats
from clipledger.pages.words import N_, WORDS
from licensing.scoring import Reason

FEATURES: Mapping[str, str] = {
    "gmv": N_("Sales value"),
    "orders": N_("Orders"),
    "conversion": N_("Orders per click"),
    "returns": N_("Few returns"),
    "category": N_("Category"),
    "platform": N_("Platforms"),
    "language": N_("Language"),
    "capacity": N_("Time"),
}
_TOP = r"(?:among the top \d+ %|in the lower half)"
_TIMES = r"about (?:the market's|[\d.e+]+ times (?:or (?:more|less) )?the market's)"
_SENTENCES: tuple[tuple[str, str], ...] = (
    (rf"(?P<top>{_TOP}) of those who sell in (?P<where>.+)", N_("%(top)s of those who sell in %(where)s")),
    (
        rf"no sales in (?P<where>.+) yet; (?P<top>{_TOP}) of all clippers elsewhere",
        N_("no sales in %(where)s yet; %(top)s of all clippers elsewhere"),
    ),
    (r"no sales yet; counted as a typical clipper", N_("no sales yet; counted as a typical clipper")),
    (r"no orders yet; counted as a typical clipper", N_("no orders yet; counted as a typical clipper")),
    (rf"the orders it brings are (?P<top>{_TOP}) of all clippers", N_("the orders it brings are %(top)s of all")),
    (r"clicks in (?P<where>.+) are not known; counted as usual", N_("clicks in %(where)s are not known")),
    (rf"orders per click in (?P<where>.+) are (?P<times>{_TIMES})", N_("orders per click in %(where)s: %(times)s")),
    (r"no orders in (?P<where>.+) yet; counted as usual", N_("no orders in %(where)s yet; counted as usual")),
    (rf"returns in (?P<where>.+) are (?P<times>{_TIMES})", N_("returns in %(where)s: %(times)s")),
    (
        r"about (?P<part>\d+) % of its orders were in (?P<where>.+)",
        N_("about %(part)s %% of its orders were in %(where)s"),
    ),
    (r"neither sales nor categories in its profile yet", N_("neither sales nor categories in its profile yet")),
    (r"its profile names (?P<where>.+)", N_("its profile names %(where)s")),
    (r"its profile does not name (?P<where>.+)", N_("its profile does not name %(where)s")),
    (r"none of its accounts is confirmed yet", N_("none of its accounts is confirmed yet")),
    (r"no confirmed account on the offer's platforms", N_("no confirmed account on the offer's platforms")),
    (
        r"has confirmed accounts on (?P<count>\d+) of the offer's platforms; "
        r"about (?P<part>\d+) % of its orders were there",
        N_("confirmed accounts on the offer's platforms: %(count)s; about %(part)s %% of its orders were there"),
    ),
    (
        r"has confirmed accounts on (?P<count>\d+) of the offer's platforms",
        N_("confirmed accounts on the offer's platforms: %(count)s"),
    ),
    (r"the offer asks for no language", N_("the offer asks for no language")),
    (r"speaks (?P<what>.+)", N_("speaks %(what)s")),
    (r"its profile names no language", N_("its profile names no language")),
    (
        r"has not said how many clips it has time for; counted as usual",
        N_("has not said how many clips it has time for"),
    ),
    (rf"its time for one more grant is (?P<times>{_TIMES})", N_("its time for one more licence: %(times)s")),
    (r"among the top (?P<part>\d+) %", N_("among the top %(part)s %%")),
    (r"in the lower half", N_("in the lower half")),
    (r"about the market's", N_("about as the market")),
    (r"about (?P<number>\S+) times or more the market's", N_("%(number)s times the market's or more")),
    (r"about (?P<number>\S+) times or less the market's", N_("%(number)s times the market's or less")),
    (r"about (?P<number>\S+) times the market's", N_("about %(number)s times the market's")),
    (r"(?P<category>\S+) on (?P<platforms>.+)", N_("%(category)s on %(platforms)s")),
)
_READ = tuple((re.compile(pattern), message) for pattern, message in _SENTENCES)
_INNER = ("top", "times", "where")
"""Parts of a sentence that are phrases themselves."""


def told(say: Callable[[str], str], formats: Formats, reason: Reason) -> str:
    """The reason; as it is, where it is none of the sentences known here."""
    return _said(say, formats, reason.reason)


def _said(say: Callable[[str], str], formats: Formats, sentence: str) -> str:
    for pattern, message in _READ:
        if match := pattern.fullmatch(sentence):
            return say(message) % {name: _part(say, formats, name, text) for name, text in match.groupdict().items()}
    return sentence


def _part(say: Callable[[str], str], formats: Formats, name: str, text: str) -> str:
    if name in _INNER:
        return _said(say, formats, text)
    if name == "platforms":
        return formats.either([say(WORDS[each][0]) if each in WORDS else each for each in text.split(" or ")])
    return formats.tongues(text.split(", ")) if name == "what" else text
