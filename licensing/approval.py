"""Automatic approval: what a clipper must show for its application to be approved without a person.

Rules and facts are values, `assess` is pure, and each rule says what it asked, what it found and whether that will do,
to the host and to the clipper alike.
"""

from collections.abc import Iterable, Iterator
from typing import Any

import msgspec
from msgspec import Struct

from licensing.errors import InvalidApproval
from licensing.vocabulary import check_countries, check_languages, check_platform

_MILLION = 1_000_000
_MOST = 10**15


class Approval(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The rules that must all hold; one that is null asks for nothing, so `{}` approves everybody.

    `platforms`: a confirmed handle on each of them. `countries`, `languages`: the clipper's profile names one of them.
    `least_approved_clips`: clips that any host has approved. `least_orders`, `least_gmv` (minor units of the offer's
    currency), `most_returned_ppm` (returned orders in a million): of all it has sold. Who has sold nothing has no
    return rate, and so none that is low enough.
    """

    platforms: tuple[str, ...] | None = None
    countries: tuple[str, ...] | None = None
    languages: tuple[str, ...] | None = None
    least_approved_clips: int | None = None
    least_orders: int | None = None
    least_gmv: int | None = None
    most_returned_ppm: int | None = None


class Facts(Struct, frozen=True, kw_only=True):
    """What is known of a clipper when it applies. `gmv` is in minor units of the offer's currency."""

    platforms: tuple[str, ...] = ()
    country: str | None = None
    languages: tuple[str, ...] = ()
    approved_clips: int = 0
    orders: int = 0
    returned: int = 0
    gmv: int = 0

    @property
    def returned_ppm(self) -> int | None:
        """Rounded up, so that what is over a bound never seems within it; null without orders."""
        return -(-self.returned * _MILLION // self.orders) if self.orders else None


class Finding(Struct, frozen=True):
    """One rule: what it asked, and what the clipper had to show."""

    rule: str
    asked: Any
    value: Any
    passed: bool


def check_approval(approval: Approval) -> Approval:
    """The rules, each of which can be met. Raises InvalidApproval."""
    for field in ("platforms", "countries", "languages"):
        if getattr(approval, field) == ():
            raise InvalidApproval(f"approval.{field}", "[]", "null for no rule, else at least one")
    for position, platform in enumerate(approval.platforms or ()):
        check_platform(platform, InvalidApproval, f"approval.platforms[{position}]")
    check_countries(approval.countries or (), InvalidApproval, "approval.countries")
    check_languages(approval.languages or (), InvalidApproval, "approval.languages")
    for field, least, most in (
        ("least_approved_clips", 1, _MOST),
        ("least_orders", 1, _MOST),
        ("least_gmv", 1, _MOST),
        ("most_returned_ppm", 0, _MILLION),
    ):
        value = getattr(approval, field)
        if value is not None and not least <= value <= most:
            raise InvalidApproval(f"approval.{field}", value, f"must be {least} to {most}")
    return approval


def decode_approval(stored: object) -> Approval | None:
    """Rules as the database returns them; None where a person decides."""
    return None if stored is None else msgspec.convert(stored, Approval)


def assess(approval: Approval, facts: Facts) -> list[Finding]:
    """What each rule that asks for something found, in the order of the rules."""
    return list(_findings(approval, facts))


def passed(findings: Iterable[Finding]) -> bool:
    """Whether nothing speaks against approving at once."""
    return all(finding.passed for finding in findings)


def _findings(approval: Approval, facts: Facts) -> Iterator[Finding]:
    if approval.platforms is not None:
        yield Finding("platforms", approval.platforms, facts.platforms, {*approval.platforms} <= {*facts.platforms})
    if approval.countries is not None:
        yield Finding("countries", approval.countries, facts.country, facts.country in approval.countries)
    if approval.languages is not None:
        yield Finding("languages", approval.languages, facts.languages, not _apart(approval.languages, facts.languages))
    for rule, least, value in (
        ("least_approved_clips", approval.least_approved_clips, facts.approved_clips),
        ("least_orders", approval.least_orders, facts.orders),
        ("least_gmv", approval.least_gmv, facts.gmv),
    ):
        if least is not None:
            yield Finding(rule, least, value, value >= least)
    if approval.most_returned_ppm is not None:
        rate = facts.returned_ppm
        yield Finding(
            "most_returned_ppm",
            approval.most_returned_ppm,
            rate,
            rate is not None and rate <= approval.most_returned_ppm,
        )


def _apart(asked: Iterable[str], had: Iterable[str]) -> bool:
    return {*asked}.isdisjoint(had)
