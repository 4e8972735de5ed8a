"""What is advised about an offer's share, from its own history; or why nothing is. It posts and publishes nothing.

The estimate is `settlement.optimising`'s. Whole numbers are made of its floats here: amounts in minor units, low ends
rounded down and high ends up, shares in millionths. They are estimates all the same.
"""

import asyncio
from collections.abc import Sequence
from datetime import date, timedelta
from itertools import pairwise
from math import ceil, floor

import numpy as np
from msgspec import Struct
from sqlalchemy.ext.asyncio import AsyncConnection

from ledger.money import format_amount
from licensing.offers import find_offer
from licensing.policies import policy_in_force
from licensing.terms import Terms, differences
from settlement.histories import History, load_history
from settlement.optimising import advising
from settlement.optimising.advising import BASE_WEEKS, Found, Span
from settlement.optimising.estimating import CONFIDENCE
from settlement.optimising.grounds import Ground, NoAdvice, no_advice

METHOD = (
    "Poisson pseudo-maximum-likelihood of each clipper's weekly commission on the logarithm of its share, with effects "
    "of its own for each clipper and each week; intervals by clipper. An estimate: nothing is posted by it."
)
CAVEATS = (
    "Clippers who sell to the same buyers take sales from each other: what all of them would answer is then less than "
    "what one of them did.",
    "Whoever takes weeks to answer a new share has not answered wholly yet in the newest weeks.",
    "It says nothing of clippers who would come or leave because of the share, nor of shares that nobody has had.",
)
_LEAST_SHARE = 0.01
_MILLION = 1_000_000


class AdviceData(Struct, frozen=True, kw_only=True):
    """Of what it was estimated: whole weeks from `since` to `until`, clippers with sales, how many of them have had
    their share moved, the shares that there were, in millionths, and how many clippers have had each.
    """

    since: date
    until: date
    weeks: int
    sales: int
    clippers: int
    clippers_moved: int
    shares_had: dict[int, int]


class Estimated(Struct, frozen=True):
    """A number and the ends of its interval. It is an estimate, never an amount."""

    low: float
    likely: float
    high: float


class EstimatedShare(Struct, frozen=True):
    """The clipper's part of what host and clipper share, in millionths, and the ends of its interval."""

    low_ppm: int
    likely_ppm: int
    high_ppm: int


class EstimatedAmount(Struct, frozen=True):
    """In minor units; the interval's ends are rounded away from its middle."""

    low: int
    likely: int
    high: int


class AdvicePoint(Struct, frozen=True):
    """What the host would have netted of the base weeks, in minor units, with that share for all."""

    share_ppm: int
    low: int
    likely: int
    high: int


class Advice(Struct, frozen=True, kw_only=True):
    """`refused` says why nothing is advised; what could be estimated all the same is there to be looked at.

    `today_ppm` is the mean share in force. `looked_at` are the shares between the operator's bounds and not far from
    those that clippers have had. `base_since` to `base_until` are the weeks of which `net_today`, `gain` and `curve`
    say what the host nets. Intervals hold nine times out of ten where the caveats do not apply.
    """

    offer_id: int
    currency: str | None
    method: str
    confidence: float
    data: AdviceData | None
    elasticity: Estimated | None
    today_ppm: int | None
    looked_at: tuple[int, int] | None
    best: EstimatedShare | None
    advised_ppm: int | None
    base_since: date | None
    base_until: date | None
    net_today: EstimatedAmount | None
    gain: EstimatedAmount | None
    curve: list[AdvicePoint]
    refused: list[NoAdvice]
    caveats: list[str]
    told: str


async def advise(connection: AsyncConnection, book_id: int, offer_id: int) -> Advice:
    """By the offer's sales and grants as they are known now. Raises OfferNotFound."""
    newest = (await find_offer(connection, book_id, offer_id)).version_no
    history = await load_history(connection, book_id, offer_id)
    if history is None or newest is None:
        return _refused(offer_id, None, "no-sales")
    if ground := _unfit(history, newest):
        return _refused(offer_id, history, ground)
    bounds = (await policy_in_force(connection)).bounds
    low, high = (ratio[1] / sum(ratio) for ratio in (bounds.most, bounds.least))
    kept = history.rates[newest].kept
    found = await asyncio.to_thread(advising.advise, history.panel, kept, (max(low, _LEAST_SHARE), high))
    return _answer(offer_id, history, found)


def _unfit(history: History, newest: int) -> Ground | None:
    """Why no single share and currency describes what clippers have had."""
    terms = [history.versions[number] for number in history.used]
    if not terms:
        return "no-sales"
    if len({its.split.currency for its in history.versions.values()}) > 1:
        return "several-currencies"
    if any(its.split.tiers for its in terms):
        return "tiers"
    return None if history.rates[newest].kept else "nothing-shared"


# The answer -------------------------------------------------------------------------------------------------


def _refused(offer_id: int, history: History | None, ground: Ground) -> Advice:
    """Before anything could be estimated."""
    panel = None if history is None else history.panel
    moved = 0 if panel is None else int((panel.steps() != 0).any(axis=1).sum())
    return _answer(offer_id, history, Found(0 if panel is None else len(panel.output), 0, moved, [ground]))


def _answer(offer_id: int, history: History | None, found: Found) -> Advice:
    slope = found.elasticity
    currency = None if history is None else history.versions[max(history.versions)].split.currency
    refused = [no_advice(ground) for ground in found.grounds]
    base = (None, None) if history is None or not found.curve else _base(history)
    return Advice(
        offer_id=offer_id,
        currency=currency,
        method=METHOD,
        confidence=CONFIDENCE,
        data=None if history is None else _data(history, found),
        elasticity=None
        if slope is None
        else Estimated(*(round(its, 3) for its in (slope.low, slope.value, slope.high))),
        today_ppm=_ppm(found.today),
        looked_at=found.allowed and (round(found.allowed[0] * _MILLION), round(found.allowed[1] * _MILLION)),
        best=None if found.best is None else EstimatedShare(*(round(its * _MILLION) for its in _ends(found.best))),
        advised_ppm=_ppm(found.advised),
        base_since=base[0],
        base_until=base[1],
        net_today=_amount(found.net_today),
        gain=_amount(found.gain),
        curve=[AdvicePoint(round(each.share * _MILLION), *_whole(each.net)) for each in found.curve],
        refused=refused,
        caveats=[*CAVEATS, *(_also_changed(history) if history is not None else ())],
        told=_told(currency, found, refused),
    )


def _base(history: History) -> tuple[date, date]:
    weeks = min(BASE_WEEKS, history.panel.output.shape[1])
    return history.until - timedelta(days=7 * weeks - 1), history.until


def _data(history: History, found: Found) -> AdviceData:
    had = np.round(history.panel.share / history.panel.rest * _MILLION)
    shares = {int(share): int((had == share).any(axis=1).sum()) for share in np.unique(had[history.panel.seen])}
    return AdviceData(
        since=history.since,
        until=history.until,
        weeks=history.panel.output.shape[1],
        sales=history.sales,
        clippers=found.clippers,
        clippers_moved=found.moved,
        shares_had=shares,
    )


def _also_changed(history: History) -> list[str]:
    """What of the terms moved together with the share, and may be what clippers answered to."""
    used: Sequence[Terms] = [history.versions[number] for number in sorted(history.used)]
    paths = {
        difference.path.split("[")[0].split(".")[0]
        for before, after in pairwise(used)
        for difference in differences(before, after)
    }
    others = sorted(paths - {"split"})
    return (
        [f"Other terms changed as well, and may be what clippers answered to: {', '.join(others)}."] if others else []
    )


def _ppm(share: float | None) -> int | None:
    return None if share is None else round(share * _MILLION)


def _ends(span: Span) -> tuple[float, float, float]:
    return span.low, span.likely, span.high


def _whole(span: Span) -> tuple[int, int, int]:
    return floor(span.low), round(span.likely), ceil(span.high)


def _amount(span: Span | None) -> EstimatedAmount | None:
    return None if span is None else EstimatedAmount(*_whole(span))


def _told(currency: str | None, found: Found, refused: Sequence[NoAdvice]) -> str:
    """In sentences, amounts in units of the currency."""
    gain = _amount(found.gain)
    if found.advised is None or gain is None or found.today is None or currency is None:
        return " ".join(["Nothing is advised.", *(each.told for each in refused)])
    low, likely, high = (format_amount(its, currency) for its in (gain.low, gain.likely, gain.high))
    return (
        f"A clipper's share of {found.advised:.1%} is advised; today it is {found.today:.1%} on average. Of the last "
        f"{BASE_WEEKS} weeks' sales you would have netted {low} to {high} {currency} more, {likely} most likely. "
        "This is an estimate."
    )
