"""What a clipper is paid next: when each host pays, about how much, and what is in the way. Nothing is booked by it.

An estimate: withholding is not taken off, and what sales, refunds and a month's close change until then is not known.
The run itself is worked out by `settlement.payouts.planning`.
"""

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from fractions import Fraction
from typing import Any, Literal
from zoneinfo import ZoneInfo

import msgspec
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

from ledger.money import parse_rate
from settlement.balances import Earnings
from settlement.payouts.accounts import Owner, PayoutAccount, list_accounts
from settlement.payouts.days import PayDays, next_due
from settlement.payouts.lifecycle import RailName
from settlement.payouts.planning import Basis
from settlement.recovering import recovery

Block = Literal["nothing", "below-minimum", "no-account", "account", "currency"]
"""Nothing to be paid by then; less than the terms pay out; no account, none that can be paid to yet, none that takes
the currency."""
_WHOLE = Fraction(1)


class Coming(msgspec.Struct, frozen=True, kw_only=True):
    """From one host in one currency, in minor units. `next_at` and `rail` are null where the host pays by hand.

    `amount` is what would be paid, `recovery` what is kept back of it for what is owed. `minimum` is the least that is
    paid out. With the basis `statement` no more is paid than issued statements say is available.
    """

    book: str
    host: str
    currency: str
    next_at: datetime | None
    rail: RailName | None
    basis: Basis | None
    amount: int
    recovery: int
    minimum: int
    block: Block | None


class _Schedule(msgspec.Struct, frozen=True):
    """Of a book that pays by itself."""

    next_at: datetime | None
    zone: ZoneInfo
    rail: RailName
    basis: Basis


class _Accepted(msgspec.Struct, frozen=True):
    """What all terms that the clipper has accepted say, by book, and by book and currency."""

    caps: Mapping[str, Fraction]
    minimums: Mapping[tuple[str, str], int]


async def coming(
    connection: AsyncConnection, clipper_id: int, earned: Sequence[Earnings], now: datetime
) -> list[Coming]:
    """In the order of `settlement.balances.earnings`, which gives `earned`."""
    schedules = await _schedules(connection, clipper_id, now)
    stated = await _stated(connection, clipper_id)
    accepted = await _accepted(connection, clipper_id)
    accounts = await list_accounts(connection, Owner(party_id=clipper_id))
    return [_coming(each, schedules.get(each.book), stated, accepted, accounts) for each in earned]


def _coming(
    earned: Earnings,
    schedule: _Schedule | None,
    stated: Mapping[tuple[str, str], int],
    accepted: _Accepted,
    accounts: Iterable[PayoutAccount],
) -> Coming:
    its = earned.balance
    key = earned.book, its.currency
    taken = _taken(earned, schedule, stated.get(key, 0))
    kept = recovery(taken, its.recoverable, accepted.caps.get(earned.book, _WHOLE))
    minimum = accepted.minimums.get(key, 0)
    rails = [each for each in accounts if schedule is None or each.rail == schedule.rail]
    return Coming(
        book=earned.book,
        host=earned.host,
        currency=its.currency,
        next_at=schedule.next_at if schedule else None,
        rail=schedule.rail if schedule else None,
        basis=schedule.basis if schedule else None,
        amount=taken - kept,
        recovery=kept,
        minimum=minimum,
        block=_block(taken - kept, minimum, its.currency, rails),
    )


def _taken(earned: Earnings, schedule: _Schedule | None, stated: int) -> int:
    """What is available then: as it is, or with what is released by the day of payment, or as statements say."""
    available = earned.balance.available
    if schedule is None:
        return max(available, 0)
    if schedule.basis == "statement":
        return max(min(available, stated), 0)
    if schedule.next_at is not None:
        pay_on = schedule.next_at.astimezone(schedule.zone).date()
        ahead = [*earned.releases, *earned.reserve_releases]
        available += sum(each.amount for each in ahead if each.on is not None and each.on <= pay_on)
    return max(available, 0)


def _block(amount: int, minimum: int, currency: str, accounts: Sequence[PayoutAccount]) -> Block | None:
    if not accounts:
        return "no-account"
    if all(each.state != "active" for each in accounts):
        return "account"
    if all(currency not in each.currencies for each in accounts if each.state == "active"):
        return "currency"
    if amount <= 0:
        return "nothing"
    return "below-minimum" if amount < minimum else None


# Reading ----------------------------------------------------------------------------------------------------


async def _schedules(connection: AsyncConnection, clipper_id: int, now: datetime) -> dict[str, _Schedule]:
    rows = await connection.execute(_SCHEDULES, {"clipper": clipper_id})
    return {row.slug: _schedule(row, now) for row in rows}


def _schedule(row: Any, now: datetime) -> _Schedule:
    days = PayDays(
        cadence=row.cadence,
        days=tuple(row.days),
        hour=row.hour,
        business_day=row.business_day,
        holidays=tuple(row.holidays),
    )
    zone = ZoneInfo(row.time_zone)
    return _Schedule(next_due(days, now, zone), zone, row.rail, row.basis)


async def _stated(connection: AsyncConnection, clipper_id: int) -> dict[tuple[str, str], int]:
    """By book and currency: what the last issued statement says is available, less what was paid since."""
    rows = await connection.execute(_STATED, {"clipper": clipper_id})
    return {(row.slug, row.currency): int(row.stated) for row in rows}


async def _accepted(connection: AsyncConnection, clipper_id: int) -> _Accepted:
    """The lowest of all that it has accepted."""
    caps: dict[str, Fraction] = {}
    minimums: dict[tuple[str, str], int] = {}
    for row in await connection.execute(_ACCEPTED, {"clipper": clipper_id}):
        key, least = (row.slug, row.currency), int(row.minimum)
        caps[row.slug] = min(caps.get(row.slug, _WHOLE), parse_rate(row.cap))
        minimums[key] = min(minimums.get(key, least), least)
    return _Accepted(caps, minimums)


# SQL --------------------------------------------------------------------------------------------------------

_SCHEDULES = text("""
    SELECT book.slug, book.time_zone, its.*
    FROM (SELECT DISTINCT book_id FROM licensing.grants WHERE clipper_id = :clipper) AS theirs
    JOIN settlement.payout_schedules AS its USING (book_id)
    JOIN ledger.books AS book USING (book_id)
    WHERE its.active
""")

_STATED = text("""
    SELECT book.slug, its.currency, its.closing_available - coalesce((
               SELECT sum(payout.taken - payout.returned)
               FROM settlement.payouts AS payout JOIN settlement.payout_runs AS run USING (book_id, run_id)
               WHERE payout.book_id = its.book_id AND payout.party = its.party AND payout.currency = its.currency
                 AND payout.approval_entry IS NOT NULL AND payout.state NOT IN ('cancelled', 'returned')
                 AND run.pay_on >= its.month + interval '1 month'
           ), 0) AS stated
    FROM (
        SELECT DISTINCT ON (book_id, currency) book_id, party, currency, month, closing_available
        FROM settlement.statements JOIN settlement.closings AS closing USING (book_id, month, revision)
        WHERE clipper_id = :clipper AND closing.state = 'issued'
        ORDER BY book_id, currency, month DESC
    ) AS its
    JOIN ledger.books AS book USING (book_id)
""")

_ACCEPTED = text("""
    SELECT DISTINCT book.slug, terms ->> 'recovery_cap' AS cap, terms #>> '{split,currency}' AS currency,
           CAST(terms ->> 'minimum_payout' AS bigint) AS minimum
    FROM licensing.grants AS held
    JOIN ledger.books AS book USING (book_id)
    JOIN licensing.grant_changes AS change USING (book_id, grant_id)
    JOIN licensing.terms_versions AS version
        ON version.book_id = held.book_id AND version.offer_id = held.offer_id
        AND version.version_no = change.version_no
    WHERE held.clipper_id = :clipper AND held.accepted_at IS NOT NULL
""")
