"""On which days a book pays. Pure.

A schedule names weekdays or days of the month; which days those are follows from the calendar alone, so that a clock
that jumps, a summer time or a service that was down changes nothing: what is due is the newest day that has come.
"""

from calendar import monthrange
from collections.abc import Iterator, Sequence
from datetime import UTC, date, datetime, time, timedelta
from typing import Annotated, Literal
from zoneinfo import ZoneInfo

import msgspec

from settlement.payouts.errors import InvalidSchedule

Cadence = Literal["weekly", "semi-monthly", "monthly"]
BusinessDay = Literal["next", "previous", "same"]

_HOW_MANY: dict[Cadence, int] = {"weekly": 1, "semi-monthly": 2, "monthly": 1}
_SATURDAY = 5
_MOST_HOLIDAYS = 1000
_AROUND = timedelta(days=45)
"""Farther than any shift to a business day that is worth looking at."""
_LONGEST_SHIFT = timedelta(days=31)


class PayDays(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """`days` are weekdays, 1 is Monday, or days of the month, where 31 is the last of any month. `hour` is by the
    book's clock. Saturdays, Sundays and `holidays` are no business days.
    """

    cadence: Annotated[Cadence, msgspec.Meta(examples=["semi-monthly"])]
    days: Annotated[tuple[int, ...], msgspec.Meta(examples=[[15, 31]])]
    hour: Annotated[int, msgspec.Meta(examples=[9])] = 9
    business_day: Annotated[BusinessDay, msgspec.Meta(examples=["next"])] = "next"
    holidays: Annotated[tuple[date, ...], msgspec.Meta(examples=[["2026-10-01", "2026-10-02"]])] = ()


def check_days(days: PayDays) -> None:
    """Raises InvalidSchedule."""
    wanted, most = _HOW_MANY[days.cadence], 7 if days.cadence == "weekly" else 31
    if len(set(days.days)) != wanted or len(days.days) != wanted or not all(1 <= day <= most for day in days.days):
        rule = f"{wanted} different numbers from 1 to {most}" if wanted > 1 else f"one number from 1 to {most}"
        raise InvalidSchedule("days", list(days.days), f"{days.cadence}: {rule}")
    if not 0 <= days.hour <= 23:
        raise InvalidSchedule("hour", days.hour, "0 to 23")
    if len(days.holidays) > _MOST_HOLIDAYS:
        raise InvalidSchedule("holidays", len(days.holidays), f"at most {_MOST_HOLIDAYS} days")


def newest_due(days: PayDays, now: datetime, zone: ZoneInfo) -> date | None:
    """The newest day of payment that has come, by the book's clock; None if none has in the last weeks."""
    today = now.astimezone(zone).date()
    come = [day for day in pay_days(days, today - _AROUND, today) if moment_of(days, day, zone) <= now]
    return max(come, default=None)


def next_due(days: PayDays, now: datetime, zone: ZoneInfo) -> datetime | None:
    """The next moment at which a day of payment comes."""
    today = now.astimezone(zone).date()
    coming = (moment_of(days, day, zone) for day in pay_days(days, today - timedelta(days=1), today + _AROUND))
    return min((moment for moment in coming if moment > now), default=None)


def pay_days(days: PayDays, first: date, last: date) -> list[date]:
    """The days of payment from first to last, in order; two that fall on one business day are one."""
    named = _named(days, first - _LONGEST_SHIFT, last + _LONGEST_SHIFT)
    return sorted({day for each in named if first <= (day := _shifted(days, each)) <= last})


def moment_of(days: PayDays, day: date, zone: ZoneInfo) -> datetime:
    """When the day's hour strikes first; where the clock leaps over it, when it would have."""
    return datetime.combine(day, time(days.hour), zone).astimezone(UTC)


def _named(days: PayDays, first: date, last: date) -> Iterator[date]:
    for offset in range((last - first).days + 1):
        day = first + timedelta(days=offset)
        if (day.isoweekday() in days.days) if days.cadence == "weekly" else _in_month(days.days, day):
            yield day


def _in_month(numbers: Sequence[int], day: date) -> bool:
    last = monthrange(day.year, day.month)[1]
    return any(day.day == min(number, last) for number in numbers)


def _shifted(days: PayDays, day: date) -> date:
    """To a business day, as far as a month; a schedule without any in a month pays on the day itself."""
    if days.business_day == "same":
        return day
    step = timedelta(days=1 if days.business_day == "next" else -1)
    holidays = frozenset(days.holidays)
    shifted = day
    while shifted.weekday() >= _SATURDAY or shifted in holidays:
        shifted += step
        if abs(shifted - day) > _LONGEST_SHIFT:
            return day
    return shifted
