"""The editor of terms: what stands in its fields, and terms out of what was typed there.

Names are those of `clipledger.pages.forms`. Platforms are numbered, so that each has a box of its own.
"""

from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime
from zoneinfo import ZoneInfo

import msgspec

from clipledger.pages.forms import read_form
from clipledger.pages.view import Form
from clipledger.web.problems import FieldFault
from ledger.errors import LedgerError
from ledger.money import format_amount
from ledger.splits import Share, SplitRule
from licensing.terms import CLIPPER, HOST, EditRules, Terms
from licensing.vocabulary import PLATFORMS

TAKES = 2
"""Rows of what is taken before the shares: the platform and an agency, each at most once."""
MORE_TIERS = 2
MORE_TEXTS = 2
"""Empty rows for more of them."""
_PLAIN = (
    *("licensor", "agency", "exclusivity", "grant_days", "tail_days", "hold_days", "reserve", "reserve_days"),
    *("recovery_cap", "rate_lock_days", "review_hours", "document_sha256", "document_url"),
)
_LISTS = ("marketplaces", "territories", "products", "excluded_products", "streams")
_IN_SPLIT = ("shares", "takes", "tiers", "currency")
_FIELDS = {"party": "takes[0].party", "takes": "takes[0].rate", "split": "shares"}
"""At which field of the editor something is told that is about several."""
_PERCENT = 10_000


def first_terms(licensor: str, currency: str, starts_at: datetime) -> Terms:
    """What a new offer's editor begins with."""
    split = SplitRule(currency=currency, shares=(Share(HOST, 4), Share(CLIPPER, 6)))
    return Terms(licensor=licensor, split=split, platforms=("douyin",), starts_at=starts_at.replace(microsecond=0))


def typed_of(terms: Terms, zone: str) -> dict[str, str]:
    """The terms as somebody would have typed them in that time zone."""
    plain = {f"terms.{name}": _text(getattr(terms, name)) for name in _PLAIN}
    lists = {f"terms.{name}[]@words": "\n".join(map(str, getattr(terms, name) or ())) for name in _LISTS}
    boxes = {f"terms.platforms[{PLATFORMS.index(platform)}]": platform for platform in terms.platforms}
    moments = {f"terms.{name}@{zone}": _local(getattr(terms, name), zone) for name in ("starts_at", "ends_at")}
    texts = {f"terms.disclosure.texts[{place}]": said for place, said in enumerate(terms.disclosure.texts)}
    least = format_amount(terms.minimum_payout, terms.split.currency).replace(",", "")
    return {
        **plain,
        **lists,
        **boxes,
        **moments,
        **texts,
        **_split(terms.split),
        **_edits(terms.edits),
        "terms.minimum_payout@{terms.split.currency}": least,
        "terms.disclosure.on_screen": _flag(yes=terms.disclosure.on_screen),
    }


def _split(rule: SplitRule) -> dict[str, str]:
    its = "terms.split"
    typed = {f"{its}.currency": rule.currency}
    for place, take in enumerate(rule.takes):
        typed |= {
            f"{its}.takes[{place}].party": take.party,
            f"{its}.takes[{place}].rate": take.rate,
            f"{its}.takes[{place}].of": "rest" if take.of == "rest" else "",
            f"{its}.takes[{place}].fixed@{{{its}.currency}}": _amount(take.fixed, rule.currency),
        }
    for place, share in enumerate(rule.shares):
        typed |= {f"{its}.shares[{place}].party": share.party, f"{its}.shares[{place}].weight": str(share.weight)}
    for place, tier in enumerate(rule.tiers):
        typed[f"{its}.tiers[{place}].net_gmv@{{{its}.currency}}"] = _amount(tier.net_gmv, rule.currency)
        typed |= {f"{its}.tiers[{place}].weights[{at}]": str(weight) for at, weight in enumerate(tier.weights)}
    return typed


def _edits(edits: EditRules) -> dict[str, str]:
    return {
        "terms.edits.mirroring": _flag(yes=edits.mirroring),
        "terms.edits.fastest_ppm": str(edits.fastest_ppm),
        "terms.edits.shortest_s": str(edits.shortest_s),
        "terms.edits.longest_s": str(edits.longest_s),
        "terms.edits.own_footage_ppm@percent": f"{edits.own_footage_ppm / _PERCENT:g}",
    }


def _text(value: object) -> str:
    return "" if value is None else str(value)


def _flag(*, yes: bool) -> str:
    return "true" if yes else "false"


def _amount(amount: int, currency: str) -> str:
    return format_amount(amount, currency).replace(",", "") if amount else ""


def _local(at: datetime | None, zone: str) -> str:
    if at is None:
        return ""
    return at.astimezone(ZoneInfo(zone)).replace(tzinfo=None).isoformat(timespec="auto" if at.second else "minutes")


def terms_of(typed: Mapping[str, str]) -> Terms | None:
    """The terms that were typed; None where they can't be read."""
    body = read_form(typed.items()).body
    try:
        return msgspec.convert(body.get("terms"), Terms, strict=False)
    except (msgspec.ValidationError, LedgerError):
        return None


def shown(form: Form, typed: Mapping[str, str]) -> Form:
    """The editor with this in its fields, each fault at the one that it is about."""
    return replace(form, typed=typed, faults=tuple(_placed(fault) for fault in form.faults))


def _placed(fault: FieldFault) -> FieldFault:
    """Rooms name members of the terms, and the ledger those of the split; the form has them within its own."""
    name = _FIELDS.get(fault.field, fault.field)
    if name.startswith(("terms", "period")):
        return fault
    if name.endswith(".weights"):
        name += "[0]"
    within = "terms.split." if name.partition("[")[0].partition(".")[0] in _IN_SPLIT else "terms."
    return FieldFault(within + name, fault.rule, fault.value)
