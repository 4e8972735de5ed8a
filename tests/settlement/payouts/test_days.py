"""Which days a book pays on, by the calendar alone."""

from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from settlement.payouts.days import BusinessDay, Cadence, PayDays, check_days, moment_of, newest_due, next_due, pay_days
from settlement.payouts.errors import InvalidSchedule

SHANGHAI, NEW_YORK = ZoneInfo("Asia/Shanghai"), ZoneInfo("America/New_York")
FRIDAYS = PayDays(cadence="weekly", days=(5,))
TWICE = PayDays(cadence="semi-monthly", days=(15, 31))
NUMBERS: dict[Cadence, tuple[int, ...]] = {"weekly": (3,), "monthly": (31,), "semi-monthly": (1, 15)}


def test_a_week_has_one_day() -> None:
    found = pay_days(FRIDAYS, date(2026, 10, 1), date(2026, 10, 31))
    assert found == [date(2026, 10, day) for day in (2, 9, 16, 23, 30)]


def test_the_thirty_first_is_the_last_of_any_month() -> None:
    found = pay_days(TWICE, date(2026, 2, 3), date(2026, 3, 1))
    assert found == [date(2026, 2, 16)], "15 February 2026 is a Sunday, and 28 February a Saturday: paid on 2 March"
    assert pay_days(TWICE, date(2026, 3, 1), date(2026, 3, 3)) == [date(2026, 3, 2)]


def test_a_day_off_is_made_up_for_before_or_after_or_not_at_all() -> None:
    august = date(2026, 8, 1)  # a Saturday
    by_rule = {
        rule: pay_days(PayDays(cadence="monthly", days=(1,), business_day=rule), date(2026, 7, 25), date(2026, 8, 10))
        for rule in RULES
    }
    assert by_rule == {"previous": [date(2026, 7, 31)], "same": [august], "next": [date(2026, 8, 3)]}


def test_a_holiday_is_no_business_day() -> None:
    golden_week = tuple(date(2026, 10, day) for day in range(1, 9))
    days = PayDays(cadence="monthly", days=(1,), holidays=golden_week)
    assert pay_days(days, date(2026, 10, 1), date(2026, 10, 31)) == [date(2026, 10, 9)]


def test_two_days_that_fall_on_one_business_day_are_one() -> None:
    days = PayDays(cadence="semi-monthly", days=(3, 4))
    assert pay_days(days, date(2026, 10, 1), date(2026, 10, 31)) == [date(2026, 10, 5)]


def test_the_hour_is_by_the_books_clock() -> None:
    due = date(2026, 10, 2)
    before = datetime(2026, 10, 2, 0, 59, tzinfo=UTC)
    assert moment_of(FRIDAYS, due, SHANGHAI) == datetime(2026, 10, 2, 1, tzinfo=UTC)
    assert newest_due(FRIDAYS, before, SHANGHAI) == date(2026, 9, 25)
    assert newest_due(FRIDAYS, before + timedelta(minutes=1), SHANGHAI) == due
    assert next_due(FRIDAYS, before, SHANGHAI) == datetime(2026, 10, 2, 1, tzinfo=UTC)


def test_an_hour_that_the_clock_leaps_over_or_strikes_twice_comes_once() -> None:
    sundays = PayDays(cadence="weekly", days=(7,), hour=2, business_day="same")
    leap, fall = date(2026, 3, 8), date(2026, 11, 1)
    assert moment_of(sundays, leap, NEW_YORK) == datetime(2026, 3, 8, 7, tzinfo=UTC), "2:00 is 3:00 that day"
    ones = PayDays(cadence="weekly", days=(7,), hour=1, business_day="same")
    assert moment_of(ones, fall, NEW_YORK) == datetime(2026, 11, 1, 5, tzinfo=UTC), "the first of two"


RULES: tuple[BusinessDay, ...] = ("next", "previous", "same")
EVERY = [
    PayDays(cadence=cadence, days=numbers, business_day=rule) for cadence, numbers in NUMBERS.items() for rule in RULES
]


@given(
    days=st.sampled_from(EVERY),
    now=st.datetimes(datetime(2020, 1, 1), datetime(2035, 1, 1)),
    zone=st.sampled_from([SHANGHAI, NEW_YORK, ZoneInfo("Pacific/Apia")]),
)
def test_what_comes_next_is_the_newest_once_it_has_come(days: PayDays, now: datetime, zone: ZoneInfo) -> None:
    moment = now.replace(tzinfo=UTC)
    coming = next_due(days, moment, zone)
    assert coming is not None
    assert coming > moment
    newest = newest_due(days, coming, zone)
    assert newest is not None
    assert moment_of(days, newest, zone) == coming
    assert newest_due(days, coming - timedelta(seconds=1), zone) != newest


@pytest.mark.parametrize(
    ("wrong", "field"),
    [
        (PayDays(cadence="weekly", days=(8,)), "days"),
        (PayDays(cadence="weekly", days=(1, 2)), "days"),
        (PayDays(cadence="semi-monthly", days=(3, 3)), "days"),
        (PayDays(cadence="monthly", days=()), "days"),
        (PayDays(cadence="monthly", days=(0,)), "days"),
        (PayDays(cadence="monthly", days=(1,), hour=24), "hour"),
        (PayDays(cadence="monthly", days=(1,), holidays=(date(2026, 1, 1),) * 1001), "holidays"),
    ],
)
def test_days_that_no_calendar_has_are_refused(wrong: PayDays, field: str) -> None:
    with pytest.raises(InvalidSchedule) as refused:
        check_days(wrong)
    assert refused.value.field == field
