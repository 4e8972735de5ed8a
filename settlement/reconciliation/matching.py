"""Matching one account in one currency, rule by rule, surest first. Pure.

Lines are taken in an order made of what they say, never of how they arrived, so that the same lines match the same way
whenever and in whatever order they come. Each rule is one sweep over what is left; what a reference says is the same,
and is not, is set aside before anything is matched by its amount alone.
"""

import re
from collections.abc import Iterator, Mapping, Sequence

from settlement.reconciliation.differing import differences, left_over
from settlement.reconciliation.grouping import group
from settlement.reconciliation.kinds import Kind
from settlement.reconciliation.lines import (
    NO_STRANGERS,
    Found,
    Match,
    Ours,
    Residual,
    Rule,
    Strangers,
    Theirs,
    Tolerance,
)
from settlement.reconciliation.work import Work

_WORD = re.compile(r"[0-9a-z][0-9a-z._/-]{4,}")
"""What in a text may be a reference: five signs or more, and one of them a digit."""
_DIGIT = re.compile(r"[0-9]")

USUAL = Tolerance()

Parted = frozenset[tuple[tuple[int, int], int]]
"""Pairs of (entry, line) and outside line that a person has parted: no rule joins them again."""


def reconcile(
    ours: Sequence[Ours],
    theirs: Sequence[Theirs],
    *,
    strangers: Strangers = NO_STRANGERS,
    tolerance: Tolerance = USUAL,
    parted: Parted = frozenset(),
) -> Found:
    """Matches, and a residual for everything that is in none."""
    return finish(begin(ours, theirs, tolerance=tolerance, parted=parted), strangers)


def begin(
    ours: Sequence[Ours], theirs: Sequence[Theirs], *, tolerance: Tolerance = USUAL, parted: Parted = frozenset()
) -> Work:
    """All that references match; few lines are free after it."""
    work = Work(ours, theirs, tolerance, parted)
    _take_back(work)
    _by_reference(work)
    return work


def finish(work: Work, strangers: Strangers = NO_STRANGERS) -> Found:
    """The other rules, and what is left. Of `strangers`, those with the references of free lines are needed."""
    differences(work, strangers)
    _by_amount(work)
    group(work)
    left_over(work)
    return Found(work.matches, work.residuals)


def clear_transit(ours: Sequence[Ours], month_end: int, *, tolerance: Tolerance = USUAL) -> Found:
    """An account through which money passes: what went in and came out under one reference is matched, the rest is in
    transit, for longer than is usual or not.
    """
    by_name: dict[str, list[int]] = {}
    for place in sorted(range(len(ours)), key=lambda at: (ours[at].day, ours[at].entry_id, ours[at].line)):
        its = ours[place]
        by_name.setdefault(its.group or its.reference or f"entry {its.entry_id}", []).append(place)
    matches: list[Match] = []
    residuals: list[Residual] = []
    for name, places in by_name.items():
        if not sum(ours[place].amount for place in places):
            matches.append(Match("in-and-out", 100, (*places,), ()))
            continue
        days = month_end - ours[places[0]].day
        kind: Kind = "stale-in-transit" if days > tolerance.stale else "in-transit"
        residuals.append(Residual(kind, (*places,), (), f"{name} is in transit for {max(days, 0)} days"))
    return Found(matches, residuals)


# Rules --------------------------------------------------------------------------------------------------------


def _take_back(work: Work) -> None:
    """An entry, and the one that takes it back and names no movement of its own: neither moved outside."""
    undone = {its.reverses for its in work.ours if its.reverses is not None and not its.reference}
    if not undone:
        return
    lines: dict[tuple[int, int], list[int]] = {}
    for place in work.free_ours():
        its = work.ours[place]
        if its.entry_id in undone:
            lines.setdefault((its.entry_id, its.amount), []).append(place)
    for place in work.free_ours():
        its = work.ours[place]
        if its.reverses is None or its.reference:
            continue
        found = lines.get((its.reverses, -its.amount))
        if found:
            first = found.pop(0)
            work.match(Match("reversed", 100, (first, place), (), "the entry was taken back"))


def _by_reference(work: Work) -> None:
    _exact(work, "reference", 100, work.named)
    _exact(work, "other-reference", 98, work.named_otherwise)
    _exact(work, "reference-in-text", 95, {}, in_text=True)


def _exact(
    work: Work, rule: Rule, confidence: int, index: Mapping[tuple[str, int], list[int]], *, in_text: bool = False
) -> None:
    """The same reference, amount and currency, no more days apart than is allowed; of several, the nearest."""
    if in_text:
        index = _of_free(work)
    if not index:
        return
    ours, theirs, free, most = work.ours, work.theirs, work.our_free, work.tolerance.days_by_reference
    for place in work.free_theirs():
        its = theirs[place]
        for reference in _words(its.about) if in_text else (its.reference, *its.others):
            if not reference:
                continue
            found = index.get((reference, its.amount))
            if found is None:
                continue
            near = [(abs(ours[at].day - its.day), rank, at) for rank, at in enumerate(found) if free[at]]
            if near and min(near)[0] <= most and work.match(Match(rule, confidence, (min(near)[2],), (place,))):
                break


def _of_free(work: Work) -> dict[tuple[str, int], list[int]]:
    index: dict[tuple[str, int], list[int]] = {}
    for place in work.free_ours():
        its = work.ours[place]
        if its.reference:
            index.setdefault((its.reference.lower(), its.amount), []).append(place)
    return index


def _words(about: str) -> Iterator[str]:
    return (word for word in _WORD.findall(about) if _DIGIT.search(word))


def _by_amount(work: Work) -> None:
    """The same amount, a few days apart; neither says that it is something else. The nearest days first."""
    ours, theirs, free = work.ours, work.theirs, work.our_free
    index: dict[int, list[int]] = {}
    for place in work.free_ours():
        index.setdefault(ours[place].amount, []).append(place)
    waiting = [place for place in work.free_theirs() if theirs[place].amount in index]
    for apart in range(work.tolerance.days_by_amount + 1):
        left = []
        for place in waiting:
            its = theirs[place]
            fit = [at for at in index[its.amount] if free[at] and _may_be(ours[at], its)]
            found = [at for at in fit if abs(ours[at].day - its.day) == apart]
            if not found or not work.match(_likely(found, place, len(fit), apart)):
                left.append(place)
        waiting = left


def _may_be(mine: Ours, other: Theirs) -> bool:
    return not (mine.reference and other.reference)


def _likely(found: Sequence[int], place: int, rivals: int, apart: int) -> Match:
    days = "the same day" if not apart else f"{apart} day{'s' if apart > 1 else ''} apart"
    if rivals == 1:
        return Match("amount-and-date", 85, (found[0],), (place,), f"no other line of this amount; {days}")
    return Match("amount-and-date", 65, (found[0],), (place,), f"the nearest of {rivals} lines of this amount; {days}")
