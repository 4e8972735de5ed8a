"""Where a sale ought to stand in the books, and what to post so that it stands there. Pure.

Where it ought to stand follows from what its newest observation says it is worth, whose it is, what claims hold, and
whether its hold has ended. What is posted is the difference between two standings, so the path by which a sale came
to stand somewhere leaves no trace in the balances. `docs/settlement.md` works an example by hand.
"""

from datetime import date, timedelta
from fractions import Fraction
from typing import Literal, NamedTuple

from msgspec import Struct

from ledger.money import parse_rate, portion
from ledger.waterfalls import Waterfall
from licensing.terms import AGENCY, CLIPPER, HOST, PLATFORM, Terms
from settlement.holds import Hold
from settlement.sale import Stage

DEFERRED_FEE = "liabilities:deferred-fee"
FEE_INCOME = "income:platform-fee"
SUSPENSE = "liabilities:suspense"


def marketplace_account(marketplace: str) -> str:
    """What a marketplace owes the book."""
    return f"assets:marketplace:{marketplace}"


def party_account(stage: Stage | Literal["reserve"], party: str) -> str:
    """What the book owes a party: `liabilities:held:clipper-7`. The host's party is `host`."""
    return f"liabilities:{stage}:{party}"


def clipper_party(clipper_id: int) -> str:
    """As accounts name a clipper."""
    return f"clipper-{clipper_id}"


def agency_party(agency_id: int) -> str:
    """As accounts name an agency."""
    return f"agency-{agency_id}"


class Standing(Struct, frozen=True, gc=False):
    """A sale's parts in minor units of its currency, and in which accounts they lie.

    Either `suspense` has all, or the others have. `reserved` is what of an available clipper's part lies in its
    reserve. `fee_earned`: the platform's part is income, no longer deferred.
    """

    suspense: int = 0
    platform: int = 0
    agency: int = 0
    host: int = 0
    clipper: int = 0
    reserved: int = 0
    stage: Stage = "held"
    fee_earned: bool = False
    clipper_id: int | None = None
    agency_id: int | None = None

    @property
    def posted(self) -> int:
        """What the marketplace owes for it."""
        return self.suspense + self.platform + self.agency + self.host + self.clipper


NOWHERE = Standing()
"""Of a sale of which nothing is in the books."""


class Place(Struct, frozen=True, gc=False):
    """Where a sale stands. `release_on` is the first day on which its hold has ended, null until it has settled;
    `reserve_until` the day on which its reserve is released, null where there is none (any more).
    """

    standing: Standing
    release_on: date | None = None
    reserve_until: date | None = None


class Agreement:
    """What a version of terms says of money, made ready for many sales."""

    __slots__ = ("agency_id", "currency", "hold", "reserve", "reserve_time", "split")

    def __init__(self, terms: Terms) -> None:
        self.split = Waterfall(terms.split)
        self.currency = terms.split.currency
        self.agency_id = terms.agency
        self.hold = timedelta(days=terms.hold_days)
        self.reserve: Fraction = parse_rate(terms.reserve)
        self.reserve_time = timedelta(days=terms.reserve_days)


class Earned(NamedTuple):
    """An attributed sale: whose, what it is worth, and on which day it settled, which is null until then."""

    clipper_id: int
    agreement: Agreement
    due: int
    settled_on: date | None


def suspended(due: int) -> Place:
    """Of a sale that is nobody's."""
    return Place(Standing(suspense=due))


def place_of(earned: Earned, was: Place, hold: Hold, today: date | None = None) -> Place:
    """Where an attributed sale ought to stand that stood at `was`.

    With `today`, a hold that has ended by then is released, and so is a reserve whose time is over; without, neither.
    What was released once stays available until a claim freezes it, whatever becomes of the sale.
    """
    agreement, settled_on = earned.agreement, earned.settled_on
    release_on = None if settled_on is None else _later(settled_on, agreement.hold)
    parts = _shared(earned, hold)
    stage = _stage(was.standing, release_on, hold, today)
    reserve_until = None
    if stage == "available":
        reserve_until = _reserve_until(agreement, was, release_on, today)
    reserved = portion(parts[CLIPPER], agreement.reserve)[0] if reserve_until is not None else 0
    standing = Standing(
        0,
        parts.get(PLATFORM, 0),
        parts.get(AGENCY, 0),
        parts[HOST],
        parts[CLIPPER],
        reserved,
        stage,
        settled_on is not None,
        earned.clipper_id,
        agreement.agency_id,
    )
    return Place(standing, release_on, reserve_until)


def _shared(earned: Earned, hold: Hold) -> dict[str, int]:
    """By party. What the clipper has forfeited is the host's."""
    parts = earned.agreement.split.parts(earned.due)
    if hold.forfeited:
        parts[HOST] += parts[CLIPPER]
        parts[CLIPPER] = 0
    return parts


def _stage(was: Standing, release_on: date | None, hold: Hold, today: date | None) -> Stage:
    if hold.frozen:
        return "frozen"
    if was.stage == "available" or (today is not None and release_on is not None and release_on <= today):
        return "available"
    return "held"


def _reserve_until(agreement: Agreement, was: Place, release_on: date | None, today: date | None) -> date | None:
    """Null if there is no reserve, or its time is over. One that was released is not kept back again."""
    if not agreement.reserve or (was.standing.stage == "available" and was.reserve_until is None):
        return None
    until = was.reserve_until if release_on is None else _later(release_on, agreement.reserve_time)
    return None if until is None or (today is not None and until <= today) else until


def _later(day: date, time: timedelta) -> date:
    """As far as the calendar goes."""
    return day + time if date.max - day >= time else date.max


# What to post -----------------------------------------------------------------------------------------------


def lines_between(was: Standing, now: Standing, marketplace: str) -> dict[str, int]:
    """What to post, by account; debits positive, zeros left out, the sum is zero.

    Both standings are in one currency: a sale whose currency changed goes to NOWHERE in the old one first.
    """
    if was is NOWHERE or was == NOWHERE:
        return lines_of(now, marketplace)
    lines = lines_of(now, marketplace)
    for account, amount in lines_of(was, marketplace).items():
        lines[account] = lines.get(account, 0) - amount
    return {account: amount for account, amount in lines.items() if amount}


def lines_of(standing: Standing, marketplace: str) -> dict[str, int]:
    """What the sale has on each account; debits positive, zeros left out, the sum is zero."""
    stage = standing.stage
    if standing.suspense:  # then it has all
        return {marketplace_account(marketplace): standing.suspense, SUSPENSE: -standing.suspense}
    amounts = {
        marketplace_account(marketplace): standing.posted,
        FEE_INCOME if standing.fee_earned else DEFERRED_FEE: -standing.platform,
        party_account(stage, HOST): -standing.host,
    }
    if standing.agency_id is not None:
        amounts[party_account(stage, agency_party(standing.agency_id))] = -standing.agency
    if standing.clipper_id is not None:
        clipper = clipper_party(standing.clipper_id)
        amounts[party_account(stage, clipper)] = standing.reserved - standing.clipper
        amounts[party_account("reserve", clipper)] = -standing.reserved
    return {account: amount for account, amount in amounts.items() if amount}
