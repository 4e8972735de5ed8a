"""One line for several: a bank's one booking of many payments, or a marketplace's one payment of several. Pure.

Only lines that are known to belong together are added up: of one marketplace that the other line names, or of one run
of payouts. The search is bounded, and takes nothing where two answers would do.
"""

from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from itertools import accumulate

from settlement.reconciliation.differing import family_of
from settlement.reconciliation.lines import Match, Rule, Theirs
from settlement.reconciliation.work import Work

_Found = tuple[Rule, int, tuple[int, ...]]


def group(work: Work) -> None:
    """Several of ours for one of theirs, then several of theirs for one of ours."""
    families: dict[str, list[int]] = defaultdict(list)
    for place in work.free_ours():
        if work.ours[place].family:
            families[work.ours[place].family].append(place)
    if not families:
        return
    told = _many_to_one(work, families)
    for name in sorted(told):
        for place in families[name]:
            if work.our_free[place]:
                _several_of_theirs(work, place, [at for at in told[name] if work.their_free[at]])


def _many_to_one(work: Work, families: Mapping[str, Sequence[int]]) -> dict[str, list[int]]:
    """Match what can be; of what is left, lines by the only family that they name."""
    markets = {name for name in families if not name.startswith("run:")}
    runs = sorted(families.keys() - markets)
    told: dict[str, list[int]] = defaultdict(list)
    for at in [*work.free_theirs()]:
        names = _named(work.theirs[at], markets, runs)
        if not _several_of_ours(work, at, names, families) and len(names) == 1:
            told[names[0]].append(at)
    return told


def _named(its: Theirs, markets: set[str], runs: Sequence[str]) -> Sequence[str]:
    """Families that the line may be of."""
    if its.kind == "transfer" and not its.reference:
        return runs
    name = family_of(its, markets) if its.kind in ("receipt", "charge", "other", "transfer") else None
    return (name,) if name else ()


def _several_of_ours(work: Work, at: int, names: Sequence[str], families: Mapping[str, Sequence[int]]) -> bool:
    its = work.theirs[at]
    for name in names:
        free = [place for place in families[name] if work.our_free[place]]
        near = _near(free, lambda place: work.ours[place].day, its.day, work.tolerance.days_in_group)
        found = _adding_up(
            near, lambda place: work.ours[place].amount, lambda place: work.ours[place].day, its.amount, work
        )
        if found:
            rule, confidence, places = found
            said = f"{len(places)} lines of {name} for one"
            if work.match(Match(rule, confidence, places, (at,), said)):
                return True
    return False


def _several_of_theirs(work: Work, place: int, free: Sequence[int]) -> None:
    its = work.ours[place]
    near = _near(free, lambda at: work.theirs[at].day, its.day, work.tolerance.days_in_group)
    found = _adding_up(near, lambda at: work.theirs[at].amount, lambda at: work.theirs[at].day, its.amount, work)
    if found:
        rule, confidence, places = found
        work.match(Match(rule, confidence, (place,), places, f"one line of {its.family} for {len(places)}"))


def _near(places: Sequence[int], day: Callable[[int], int], on: int, most: int) -> list[int]:
    return [place for place in places if abs(day(place) - on) <= most]


def _adding_up(
    places: Sequence[int], amount: Callable[[int], int], day: Callable[[int], int], wanted: int, work: Work
) -> _Found | None:
    """All of one day, all of the window, or the only choice of some of them."""
    same = [place for place in places if (amount(place) > 0) == (wanted > 0)]
    if len(same) < 2:
        return None
    days: dict[int, list[int]] = defaultdict(list)
    for place in same:
        days[day(place)].append(place)
    for on in sorted(days):
        if len(days[on]) > 1 and sum(map(amount, days[on])) == wanted:
            return "group-of-day", 90, (*days[on],)
    if sum(map(amount, same)) == wanted:
        return "group-of-window", 85, (*same,)
    if len(same) > work.tolerance.candidates:
        return None
    only = _only_choice([amount(place) for place in same], wanted, work.tolerance.tries)
    return ("group-of-some", 75, tuple(same[at] for at in only)) if only else None


def _only_choice(amounts: Sequence[int], wanted: int, tries: int) -> tuple[int, ...] | None:
    """The places of two or more amounts of one sign that make the sum; null if none does, several do, or the search
    takes more steps than it may.
    """
    sizes = sorted(((abs(each), at) for at, each in enumerate(amounts)), key=lambda its: (-its[0], its[1]))
    rest = [*accumulate((size for size, _ in reversed(sizes)), initial=0)][::-1]
    found: list[tuple[int, ...]] = []
    open_: list[tuple[int, int, tuple[int, ...]]] = [(0, abs(wanted), ())]
    for _ in range(tries):
        if not open_ or len(found) > 1:
            break
        at, missing, chosen = open_.pop()
        if not missing:
            found.append(chosen)
        elif missing <= rest[at]:
            size, place = sizes[at]
            open_.append((at + 1, missing, chosen))
            if size <= missing:
                open_.append((at + 1, missing - size, (*chosen, place)))
    if open_ or len(found) != 1 or len(found[0]) < 2:
        return None
    return tuple(sorted(found[0]))
