"""Lines that a reference says are the same and that differ; and what every line that is left is. Pure."""

import re
from collections import defaultdict
from collections.abc import Container, Mapping, Sequence
from typing import Literal

from settlement.reconciliation.kinds import Kind
from settlement.reconciliation.lines import Match, Ours, Residual, Stranger, Strangers, TheirKind, Theirs
from settlement.reconciliation.work import Work

_PPM = 1_000_000
_WORD = re.compile(r"[0-9a-z]+")
_MOST_WORDS = 4
"""Of a marketplace's name."""


def differences(work: Work, strangers: Strangers) -> None:
    """Set aside, or match with what differs, all whose reference says that they are something else's."""
    _duplicates(work)
    for name, mine, other in _sharing(work):
        if len(mine) == 1 == len(other):
            _pair(work, name, mine[0], other[0])
        else:
            _several(work, name, mine, other)
    _strange(work, strangers)


# The same once more -------------------------------------------------------------------------------------------


def _duplicates(work: Work) -> None:
    """The reference and the amount of a line that is matched."""
    theirs = work.theirs
    wanted = {(theirs[at].reference, theirs[at].amount) for at in work.free_theirs() if theirs[at].reference}
    matched = {
        its
        for at, each in enumerate(theirs)
        if not work.their_free[at] and (its := (each.reference, each.amount)) in wanted
    }
    for place in work.free_theirs():
        another = theirs[place]
        if (another.reference, another.amount) in matched:
            said = f"{another.reference} moved the same amount before"
            work.set_aside(Residual("duplicate-outside", (), (place,), said))
    for place in work.free_ours():
        mine = work.ours[place]
        same = work.named.get((mine.reference, mine.amount), ()) if mine.reference else ()
        if any(not work.our_free[at] for at in same if at != place):
            said = f"{mine.reference} is booked with the same amount before"
            work.set_aside(Residual("duplicate-in-ledger", (place,), (), said))


# The same, and not ----------------------------------------------------------------------------------------------


def _sharing(work: Work) -> list[tuple[str, list[int], list[int]]]:
    """Free lines of both sides by a reference that they share, each under the first that it shares."""
    other: dict[str, list[int]] = defaultdict(list)
    for place in work.free_theirs():
        for name in _names(work.theirs[place]):
            other[name].append(place)
    mine: dict[str, list[int]] = defaultdict(list)
    for place in work.free_ours():
        line = work.ours[place]
        shared = next((name for name in (line.reference, line.group) if name in other), None)
        if shared is not None:
            mine[shared].append(place)
    taken: set[int] = set()
    found = []
    for name in sorted(mine):
        left = [place for place in other[name] if place not in taken]
        taken.update(left)
        if left:
            found.append((name, mine[name], left))
    return found


def _names(its: Theirs) -> list[str]:
    """By which it may be something of ours. What came back, and fees, have the names of what they are about."""
    if its.kind in ("return", "fee", "payout-return"):
        return []
    return [name for name in dict.fromkeys((its.reference, *its.others)) if name]


def _pair(work: Work, name: str, place: int, at: int) -> None:
    mine, other = work.ours[place], work.theirs[at]
    more = other.amount - mine.amount
    days = abs(other.day - mine.day)
    if not more and days <= work.tolerance.days_by_reference:
        return  # a person has parted them
    if not more:
        said = f"{name}: {days} days apart"
        work.set_aside(Residual("date-out-of-tolerance", (place,), (at,), said))
    elif other.amount == -mine.amount:
        work.set_aside(Residual("sign-differs", (place,), (at,), f"{name}: booked the wrong way round"))
    elif days <= work.tolerance.days_by_reference and (kind := _explained(work, mine, other)):
        _match_with_difference(work, name, place, at, kind)
    else:
        said = f"{name}: {mine.amount} is booked, {other.amount} moved"
        work.set_aside(Residual("amount-differs", (place,), (at,), said))


def _explained(work: Work, mine: Ours, other: Theirs) -> Literal["fee-not-booked", "fx-difference"] | None:
    """What a difference that is small enough comes of."""
    more = other.amount - mine.amount
    if other.converted and abs(more) * _PPM <= abs(mine.amount) * work.tolerance.fx_ppm:
        return "fx-difference"
    if more < 0 and -more * _PPM <= abs(mine.amount) * work.tolerance.fee_ppm:
        return "fee-not-booked"
    return None


def _match_with_difference(
    work: Work, name: str, place: int, at: int, kind: Literal["fee-not-booked", "fx-difference"]
) -> None:
    more = work.theirs[at].amount - work.ours[place].amount
    rule: Literal["reference-less-fee", "reference-fx"] = "reference-fx"
    said = f"{name}: {more:+} by the bank's rate"
    if kind == "fee-not-booked":
        rule = "reference-less-fee"
        said = f"{name}: {-more} less, as much as a fee"
    if work.match(Match(rule, 90, (place,), (at,), said)):
        number = len(work.matches) - 1
        work.set_aside(Residual(kind, (place,), (at,), said, match=number))


def _several(work: Work, name: str, mine: Sequence[int], other: Sequence[int]) -> None:
    """Several of one reference: one match if they make the same sum."""
    booked, moved = sum(work.ours[at].amount for at in mine), sum(work.theirs[at].amount for at in other)
    days = [work.ours[at].day for at in mine] + [work.theirs[at].day for at in other]
    near = max(days) - min(days) <= work.tolerance.days_by_reference
    if booked == moved and near:
        said = f"{len(mine)} lines and {len(other)} of the reference {name}"
        if work.match(Match("reference-group", 95, (*mine,), (*other,), said)):
            return
    if booked == moved:
        said = f"{name}: {max(days) - min(days)} days apart"
        work.set_aside(Residual("date-out-of-tolerance", (*mine,), (*other,), said))
        return
    said = f"{name}: {len(mine)} lines make {booked}, {len(other)} make {moved}"
    work.set_aside(Residual("grouped-remainder", (*mine,), (*other,), said))


# Elsewhere ------------------------------------------------------------------------------------------------------


def _strange(work: Work, strangers: Strangers) -> None:
    for place in work.free_ours():
        mine = work.ours[place]
        found = strangers.theirs.get(mine.reference) if mine.reference else None
        if found:
            if found.account:
                said = f"{mine.reference} moved on {found.account}: {found.amount}"
            else:
                said = f"{mine.reference} moved in {found.currency}: {found.amount}"
            work.set_aside(Residual(_elsewhere(found), (place,), (), said, stranger=found))
    for place in work.free_theirs():
        other = work.theirs[place]
        found = strangers.ours.get(other.reference) if other.reference and other.kind != "fee" else None
        if found:
            if found.account:
                said = f"{other.reference} is booked on {found.account}: {found.amount}"
            else:
                said = f"{other.reference} is booked in {found.currency}: {found.amount}"
            work.set_aside(Residual(_elsewhere(found), (), (place,), said, stranger=found))


def _elsewhere(found: Stranger) -> Kind:
    return "wrong-account" if found.account else "currency-differs"


# What is left ---------------------------------------------------------------------------------------------------

_BY_KIND: Mapping[TheirKind, Kind] = {
    "fee": "fee-not-booked",
    "chargeback": "chargeback",
    "payout": "own-transfer-not-booked",
    "payout-return": "own-transfer-not-booked",
    "top-up": "top-up-not-booked",
}


def left_over(work: Work) -> None:
    """Each line that nothing has taken is a residual of its own."""
    families = {line.family for line in work.ours if line.family and not line.family.startswith("run:")}
    for place in [*work.free_ours()]:
        name = work.ours[place].reference
        said = f"{name} is booked and did not move" if name else "booked, and nothing like it moved"
        work.set_aside(Residual("missing-outside", (place,), (), said))
    for place in [*work.free_theirs()]:
        its = work.theirs[place]
        kind = _kind(its, families)
        work.set_aside(Residual(kind, (), (place,), f"{its.reference or its.kind}: moved, and is not booked"))


def _kind(its: Theirs, families: set[str]) -> Kind:
    if its.kind in _BY_KIND:
        return _BY_KIND[its.kind]
    if its.kind == "return":
        return "reversal-not-booked" if its.source == "stripe" else "returned-payment-not-booked"
    if its.kind == "transfer" and its.reference:
        return "unknown-reference"
    if its.amount > 0 and its.kind in ("receipt", "charge") and family_of(its, families):
        return "remittance-not-recorded"
    return "missing-in-ledger"


def family_of(its: Theirs, families: Container[str]) -> str | None:
    """The marketplace that the line names, word by word; null if none, or several."""
    words = _WORD.findall(its.about)
    named = {
        name
        for first in range(len(words))
        for after in range(first + 1, min(first + _MOST_WORDS, len(words)) + 1)
        if (name := "-".join(words[first:after])) in families
    }
    whole = [name for name in named if not any(name != other and name in other for other in named)]
    return whole[0] if len(whole) == 1 else None
