"""A certificate in words: the same sections and lines for the page and for the paper."""

from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime

import msgspec

from ledger.money import format_amount, format_decimal
from ledger.splits import Take
from licensing.certificates.facts import Certificate, Facts, Names
from licensing.certificates.labels import LABELS, Language
from licensing.certificates.numbers import printed
from licensing.terms import AGENCY, CLIPPER, HOST, EditRules

_MOST_SHOWN = 60
"""Names of a list that are worth reading; the rest are in the terms, whose hash stands beside them."""

_Say = Callable[..., str]


class Line(msgspec.Struct, frozen=True):
    """A label and what stands beside it; `code` is to be compared digit by digit."""

    label: str
    values: tuple[str, ...]
    code: bool = False


class Section(msgspec.Struct, frozen=True):
    """Lines under a heading."""

    heading: str
    lines: tuple[Line, ...]


class Document(msgspec.Struct, frozen=True, kw_only=True):
    """`labels` are the words of the language, for what a page or a paper says around the sections."""

    language: Language
    number: str
    licensee: str
    offer: str
    state: str
    in_force: bool
    verify_url: str
    sections: tuple[Section, ...]
    labels: dict[str, str]


def document_of(certificate: Certificate, language: Language, verify_url: str) -> Document:
    """The certificate in a language."""
    labels = LABELS[language]

    def say(name: str, **values: object) -> str:
        return labels[name].format(**values)

    facts, names = certificate.facts, certificate.names
    state = say("since", state=say(certificate.state), moment=moment(certificate.state_since))
    sections = (
        Section(say("licence"), _licence(facts, names, say, state)),
        Section(say("covers"), _scope(facts, names, say)),
        Section(say("sharing"), _sharing(facts, say)),
        Section(say("proof"), _proof(certificate, say, verify_url)),
    )
    return Document(
        language=language,
        number=printed(facts.number),
        licensee=names.licensee,
        offer=names.offer,
        state=state,
        in_force=certificate.state == "active",
        verify_url=verify_url,
        sections=sections,
        labels=labels,
    )


def moment(at: datetime) -> str:
    """In UTC, to the minute, or to the second where that is not a whole minute."""
    return f"{at.astimezone(UTC):{'%Y-%m-%d %H:%M:%S' if at.second else '%Y-%m-%d %H:%M'}} UTC"


# Sections ---------------------------------------------------------------------------------------------------


def _licence(facts: Facts, names: Names, say: _Say, state: str) -> tuple[Line, ...]:
    start, tail = moment(facts.starts_at), facts.terms.tail_days
    end = None if facts.ends_at is None else moment(facts.ends_at)
    named = {
        "number": (printed(facts.number),),
        "state": (state,),
        "licensor": (facts.licensor,),
        "licensee": (names.licensee,),
        "accounts": tuple(_account(account) for account in facts.accounts),
        "offer": (names.offer,),
        "agency": () if names.agency is None else (names.agency,),
        "window": (say("from", start=start) if end is None else say("from_to", start=start, end=end),),
        "tail": (say("tail_days", days=tail) if tail else say("no_tail"),),
    }
    return _lines(say, named, code=("number",))


def _scope(facts: Facts, names: Names, say: _Say) -> tuple[Line, ...]:
    terms = facts.terms
    streams = None if names.streams is None else [f"{each.title} (#{each.source_id})" for each in names.streams]
    screen = "caption_or_screen" if terms.disclosure.on_screen else "caption"
    named = {
        "platforms": _listed(terms.platforms, say),
        "territories": _listed(terms.territories, say, everything="everywhere"),
        "marketplaces": _listed(terms.marketplaces, say),
        "products": _listed(terms.products, say),
        "excluded": _listed(terms.excluded_products or (), say),
        "streams": (say("all"),) if streams is None else _each(streams, say),
        "edits": _edits(terms.edits, say),
        "disclosure": (say(screen, texts=say("comma").join(terms.disclosure.texts)),),
        "exclusivity": (say(f"{terms.exclusivity}_exclusive"),),
    }
    return _lines(say, named)


def _sharing(facts: Facts, say: _Say) -> tuple[Line, ...]:
    rule = facts.terms.split
    parties = [share.party for share in rule.shares]

    def ratio(weights: Sequence[int]) -> str:
        weight = dict(zip(parties, weights, strict=True))
        return f"{_party(HOST, say)} {weight[HOST]} : {_party(CLIPPER, say)} {weight[CLIPPER]}"

    tiers = [
        say(
            "tier", amount=format_amount(tier.net_gmv, rule.currency), currency=rule.currency, ratio=ratio(tier.weights)
        )
        for tier in rule.tiers
    ]
    named = {
        "takes": tuple(_taken(take, rule.currency, say) for take in rule.takes) or (say("nothing"),),
        "shares": (ratio(rule.weights),),
        "tiers": tuple(tiers),
    }
    return _lines(say, named)


def _proof(certificate: Certificate, say: _Say, verify_url: str) -> tuple[Line, ...]:
    facts = certificate.facts
    named = {
        "accepted": (say("attested" if facts.attested else "by_clipper", moment=moment(facts.accepted_at)),),
        "terms": (say("version", number=facts.terms_version),),
        "terms_hash": (facts.terms_sha256,),
        "document_hash": () if facts.terms.document_sha256 is None else (facts.terms.document_sha256,),
        "hash": (certificate.sha256,),
        "verify": (verify_url,),
    }
    return _lines(say, named, code=("terms_hash", "document_hash", "hash", "verify"))


def _lines(say: _Say, named: Mapping[str, tuple[str, ...]], code: Sequence[str] = ()) -> tuple[Line, ...]:
    """Those that have something to say."""
    return tuple(Line(say(name), values, name in code) for name, values in named.items() if values)


# Values -----------------------------------------------------------------------------------------------------


def _account(account: str) -> str:
    platform, _, handle = account.partition(":")
    return f"{platform} @{handle}"


def _listed(names: Sequence[str] | None, say: _Say, everything: str = "all") -> tuple[str, ...]:
    """In one line. None is everything, and what is empty has no line."""
    if names is None:
        return (say(everything),)
    return (say("comma").join(_each(names, say)),) if names else ()


def _each(names: Sequence[str], say: _Say) -> tuple[str, ...]:
    """The first of them, and how many more there are."""
    more = len(names) - _MOST_SHOWN
    return (*names[:_MOST_SHOWN], say("more", count=more)) if more > 0 else tuple(names)


def _edits(edits: EditRules, say: _Say) -> tuple[str, ...]:
    return (
        say("mirroring" if edits.mirroring else "no_mirroring"),
        say("speed", times=_decimal(edits.fastest_ppm, 6)),
        say("length", shortest=edits.shortest_s, longest=edits.longest_s),
        say("own_footage", percent=_decimal(edits.own_footage_ppm, 4)),
    )


def _decimal(scaled: int, decimals: int) -> str:
    """`scaled` / 10^decimals without zeros at its end."""
    return format_decimal(scaled, decimals).rstrip("0").rstrip(".")


def _taken(take: Take, currency: str, say: _Say) -> str:
    """What one take is, such as `0.50 CNY of each sale and 5% of the gross commission to the service`."""
    parts = []
    if take.fixed:
        parts.append(say("fixed", amount=format_amount(take.fixed, currency), currency=currency))
    if take.rate != "0%" or not parts:
        parts.append(say(f"of_{take.of}", rate=take.rate))
    return say("to", part=say("and").join(parts), party=_party(take.party, say))


def _party(party: str, say: _Say) -> str:
    return say("party_agency" if party == AGENCY else party)
