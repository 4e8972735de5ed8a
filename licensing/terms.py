"""Terms: what a host and a clipper agree on, as data, never changed once published.

A scope that is null is everything; one that is listed is that and no more. `sha256_of` is what a clipper accepts.
"""

import hashlib
import re
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from fractions import Fraction
from typing import Any, Literal

import msgspec
from msgspec import UNSET, Struct

from ledger.errors import LedgerError
from ledger.money import BIGINT_MAX, parse_rate
from ledger.splits import SplitPolicy, SplitRule
from licensing.errors import Invalid, InvalidTerms
from licensing.vocabulary import check_countries, check_platform, check_text, check_words

HOST, CLIPPER, AGENCY, PLATFORM = "host", "clipper", "agency", "platform"
PARTIES = (HOST, CLIPPER, AGENCY, PLATFORM)
"""Who may get a part of a sale; the platform is whoever runs the service."""

_HASH = re.compile(r"[0-9a-f]{64}")
_MOST_DAYS = 3660
_LEAST = {"grant_days": 1, "tail_days": 0, "hold_days": 0, "reserve_days": 0, "rate_lock_days": 0, "review_hours": 0}
_MOST_NAMES = 10_000
_MOST_TIERS = 100
_LARGEST_WEIGHT = 1_000_000
_EARLIEST, _LATEST = datetime(2000, 1, 1, tzinfo=UTC), datetime(2200, 1, 1, tzinfo=UTC)


class EditRules(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What a clipper may do to the picture. Lengths in seconds of the clip; `own_footage_ppm` is how much of it may
    come from elsewhere, in millionths.
    """

    mirroring: bool = True
    fastest_ppm: int = 2_000_000
    shortest_s: int = 3
    longest_s: int = 600
    own_footage_ppm: int = 1_000_000


class Disclosure(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What tells a viewer that this is advertising (FTC 16 CFR 255): one of `texts` in the caption, or in the picture
    where `on_screen` allows that.
    """

    texts: tuple[str, ...] = ("#ad",)
    on_screen: bool = True


class Terms(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, tag_field="form", tag=1):
    """One version of an offer's terms.

    `split` shares between host and clipper, after takes for the platform and, where `agency` names one, an agency.
    `platforms` are where a clip may be posted, `products` ids as the marketplace writes them, `streams` numbers of
    the host's sources, `marketplaces` where sales count. From `starts_at` to `ends_at` (the first moment outside) the
    offer's grants run, each at most `grant_days`; sales up to `tail_days` after a grant's end still pay. A sale is held
    for `hold_days`; `reserve` of what is then released is kept back `reserve_days` more. What is owed back is recovered
    from at most `recovery_cap` of later earnings. `minimum_payout` is in minor units of the split's currency. Newer
    terms touch a grant at the earliest `rate_lock_days` after it was accepted. `document_sha256` is of the contract on
    paper, if there is one.
    """

    licensor: str
    split: SplitRule
    agency: int | None = None
    platforms: tuple[str, ...]
    marketplaces: tuple[str, ...] | None = None
    territories: tuple[str, ...] | None = None
    products: tuple[str, ...] | None = None
    excluded_products: tuple[str, ...] = ()
    streams: tuple[int, ...] | None = None
    edits: EditRules = EditRules()
    disclosure: Disclosure = Disclosure()
    exclusivity: Literal["none", "category", "all"] = "none"
    starts_at: datetime
    ends_at: datetime | None = None
    grant_days: int | None = None
    tail_days: int = 0
    hold_days: int = 15
    reserve: str = "0%"
    reserve_days: int = 0
    recovery_cap: str = "100%"
    minimum_payout: int = 0
    rate_lock_days: int = 0
    review_hours: int | None = None
    document_sha256: str | None = None
    document_url: str | None = None


class Difference(Struct, frozen=True):
    """A member of the terms, by its path (`split.shares[1].weight`), before and after; null where there was none."""

    path: str
    before: Any
    after: Any


def encode(terms: Terms) -> bytes:
    """The terms as they are stored and hashed: JSON, members in order of their names."""
    return msgspec.json.encode(terms, order="sorted")


def decode(stored: object) -> Terms:
    """Terms as the database returns them. What was published once is not checked against today's rules."""
    return msgspec.convert(stored, Terms)


def sha256_of(terms: Terms) -> str:
    """What a clipper accepts and a certificate names: the hash of `encode`, in hexadecimal."""
    return hashlib.sha256(encode(terms)).hexdigest()


def clipper_ppm(terms: Terms) -> int:
    """The clipper's part of what is shared, below the first tier, in millionths, rounded down."""
    weights = {share.party: share.weight for share in terms.split.shares}
    return weights[CLIPPER] * 1_000_000 // sum(weights.values())


def differences(before: Terms, after: Terms) -> list[Difference]:
    """What is new, member by member, in order of their paths."""
    old, new = (dict(_leaves("", msgspec.to_builtins(terms))) for terms in (before, after))
    changed = sorted(path for path in {*old, *new} if old.get(path, UNSET) != new.get(path, UNSET))
    return [Difference(path, old.get(path), new.get(path)) for path in changed]


def _leaves(path: str, value: object) -> Iterator[tuple[str, object]]:
    if isinstance(value, dict) and value:
        for name, member in value.items():
            yield from _leaves(f"{path}.{name}" if path else name, member)
    elif isinstance(value, list | tuple) and any(isinstance(each, dict) for each in value):
        for position, each in enumerate(value):
            yield from _leaves(f"{path}[{position}]", each)
    elif value not in ([], ()):  # a list without members has no path of its own
        yield path, value


# What may be published --------------------------------------------------------------------------------------


def check_terms(terms: Terms, policy: SplitPolicy) -> Terms:
    """The terms, each of whose rules holds under the operator's policy.

    Raises:
        InvalidTerms: naming field, value and rule.
        InvalidSplit, SplitOutOfBounds: of the ledger, for the split.
    """
    check_text(terms.licensor, InvalidTerms, "licensor")
    _check_split(terms, policy)
    _check_scope(terms)
    _check_disclosure(terms.disclosure)
    _check_window(terms)
    _check_money(terms)
    _check_edits(terms.edits)
    _check_documents(terms)
    return terms


def _check_split(terms: Terms, policy: SplitPolicy) -> None:
    policy.check(terms.split)
    for position, take in enumerate(terms.split.takes):
        if take.party not in (AGENCY, PLATFORM):
            raise InvalidTerms(f"split.takes[{position}].party", take.party, f"must be {PLATFORM} or {AGENCY}")
    if len(terms.split.tiers) > _MOST_TIERS:
        raise InvalidTerms("split.tiers", len(terms.split.tiers), f"at most {_MOST_TIERS}")
    for weights in (terms.split.weights, *(tier.weights for tier in terms.split.tiers)):
        if max(weights) > _LARGEST_WEIGHT:
            raise InvalidTerms("split", max(weights), f"a weight is at most {_LARGEST_WEIGHT}")
    if (terms.agency is not None) != (AGENCY in terms.split.parties):
        raise InvalidTerms(
            "agency", terms.agency, "an agency is named where, and only where, the split gives it a part"
        )
    if terms.agency is not None:
        _check_number("agency", terms.agency)


def _check_scope(terms: Terms) -> None:
    if not terms.platforms:
        raise InvalidTerms("platforms", "[]", "at least one")
    for position, platform in enumerate(terms.platforms):
        check_platform(platform, InvalidTerms, f"platforms[{position}]")
    if terms.marketplaces is not None:
        check_words(terms.marketplaces, InvalidTerms, "marketplaces")
    if terms.territories is not None:
        check_countries(terms.territories, InvalidTerms, "territories")
    _check_products(terms)
    _check_streams(terms.streams or ())
    _check_lists(terms)


def _check_lists(terms: Terms) -> None:
    """A list says each thing once, and something; the scope that is everything is null."""
    for field in ("platforms", "marketplaces", "territories", "products", "excluded_products", "streams"):
        listed = getattr(terms, field)
        if listed == () and field != "excluded_products":
            raise InvalidTerms(field, "[]", "null for everything, else at least one")
        seen: set[object] = set()
        for position, each in enumerate(listed or ()):
            if each in seen:
                raise InvalidTerms(f"{field}[{position}]", each, "is listed twice")
            seen.add(each)


def _check_number(field: str, number: int) -> None:
    if not 1 <= number <= BIGINT_MAX:
        raise InvalidTerms(field, number, f"must be 1 to {BIGINT_MAX}")


def _check_disclosure(disclosure: Disclosure) -> None:
    if not 1 <= len(disclosure.texts) <= 20:
        raise InvalidTerms("disclosure.texts", len(disclosure.texts), "1 to 20 texts")
    for position, said in enumerate(disclosure.texts):
        check_text(said, InvalidTerms, f"disclosure.texts[{position}]")


def _check_products(terms: Terms) -> None:
    for field, names in (("products", terms.products or ()), ("excluded_products", terms.excluded_products)):
        if len(names) > _MOST_NAMES:
            raise InvalidTerms(field, len(names), f"at most {_MOST_NAMES}")
        for position, name in enumerate(names):
            place = f"{field}[{position}]"
            if check_text(name, InvalidTerms, place, most=100) != name:
                raise InvalidTerms(place, name, "the marketplace's id, without blanks around it")
    if both := set(terms.products or ()) & set(terms.excluded_products):
        raise InvalidTerms("excluded_products", min(both), "is listed as a product, too")


def _check_streams(streams: Sequence[int]) -> None:
    if len(streams) > _MOST_NAMES:
        raise InvalidTerms("streams", len(streams), f"at most {_MOST_NAMES}")
    for position, stream in enumerate(streams):
        _check_number(f"streams[{position}]", stream)


def check_instant(moment: datetime | None, refusal: type[Invalid], field: str) -> datetime | None:
    """A moment, if any, with its offset from UTC, in the years 2000 to 2199. Raises the refusal."""
    if moment is None:
        return None
    if moment.tzinfo is None:
        raise refusal(field, moment.isoformat(), "must name its offset from UTC, as 2026-10-05T20:00:00+08:00")
    if not _EARLIEST <= moment < _LATEST:
        raise refusal(field, moment.isoformat(), f"must lie in the years {_EARLIEST.year} to {_LATEST.year - 1}")
    return moment


def _check_window(terms: Terms) -> None:
    for field in ("starts_at", "ends_at"):
        check_instant(getattr(terms, field), InvalidTerms, field)
    if terms.ends_at is not None and terms.ends_at <= terms.starts_at:
        raise InvalidTerms("ends_at", terms.ends_at.isoformat(), "must be after starts_at")
    for field, least in _LEAST.items():
        value = getattr(terms, field)
        if value is not None and not least <= value <= _MOST_DAYS:
            raise InvalidTerms(field, value, f"must be {least} to {_MOST_DAYS}")


def _check_money(terms: Terms) -> None:
    reserve, cap = (_rate(field, getattr(terms, field)) for field in ("reserve", "recovery_cap"))
    if reserve and not terms.reserve_days:
        raise InvalidTerms("reserve_days", 0, "a reserve is kept back for at least one day")
    if not cap:
        raise InvalidTerms("recovery_cap", terms.recovery_cap, "must be above zero")
    if not 0 <= terms.minimum_payout <= 10**15:
        raise InvalidTerms("minimum_payout", terms.minimum_payout, "must be 0 to 10^15 minor units")


def _rate(field: str, said: str) -> Fraction:
    try:
        return parse_rate(said, field)
    except LedgerError as error:
        raise InvalidTerms(field, said, error.rule) from error


def _check_edits(edits: EditRules) -> None:
    if not 1 <= edits.shortest_s <= edits.longest_s <= 86_400:
        raise InvalidTerms("edits.longest_s", edits.longest_s, "1 ≤ shortest_s ≤ longest_s ≤ 86400")
    if not 1_000_000 <= edits.fastest_ppm <= 4_000_000:
        raise InvalidTerms("edits.fastest_ppm", edits.fastest_ppm, "must be 1000000 to 4000000")
    if not 0 <= edits.own_footage_ppm <= 1_000_000:
        raise InvalidTerms("edits.own_footage_ppm", edits.own_footage_ppm, "must be 0 to 1000000")


def _check_documents(terms: Terms) -> None:
    if terms.document_sha256 is not None and not _HASH.fullmatch(terms.document_sha256):
        raise InvalidTerms("document_sha256", terms.document_sha256, "64 hexadecimal digits in lower case")
    if terms.document_url is not None and not re.fullmatch(r"https://[!-~]{3,2000}", terms.document_url):
        raise InvalidTerms("document_url", terms.document_url, "must be an https address")
