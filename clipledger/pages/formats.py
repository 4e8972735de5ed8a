"""Amounts, rates and moments as people read them, in their language.

Nothing is rounded: an amount shows every digit of its currency's minor unit.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from fractions import Fraction
from functools import lru_cache
from zoneinfo import ZoneInfo

from babel import Locale, UnknownLocaleError, dates, numbers
from babel.lists import format_list

from clipledger.pages.languages import Language, locale_of
from ledger.money import exponent

MINUS = "\N{MINUS SIGN}"
NO_BREAK = "\N{NO-BREAK SPACE}"
_PPM = 1_000_000
_MOST_DECIMALS = 24
"""Beside those of the currency: a rate written as a percentage has 14 at most; only a ratio may have no end."""
_MINUTES: dict[Language, str] = {"en": "d MMM y, HH:mm", "zh": "y年M月d日 HH:mm"}


@dataclass(frozen=True)
class Formats:
    """In one language; moments in one time zone, which is that of the book that a page is about."""

    language: Language
    zone: str = "UTC"

    @property
    def _locale(self) -> Locale:
        return locale_of(self.language)

    def money(self, amount: int, currency: str) -> str:
        """Minor units with the currency's sign: `CN¥1,234.50`, `−US$3.00`."""
        return _money(amount, currency, self.language)

    def fraction(self, amount: Fraction, currency: str) -> str | None:
        """Minor units that need not be whole, as `money`, with all decimals that it takes; None if it has no end."""
        for more in range(_MOST_DECIMALS):
            scaled = amount * 10**more
            if scaled.denominator == 1:
                return _money(scaled.numerator, currency, self.language, more)
        return None

    def currency(self, code: str) -> str:
        """What it is called: `Chinese yuan` for CNY."""
        return numbers.get_currency_name(code, locale=self._locale)

    def country(self, code: str) -> str:
        """By its ISO 3166 code: `Spain` for ES."""
        return str(self._locale.territories.get(code, code))

    def tongue(self, tag: str) -> str:
        """A language by its BCP 47 tag: `Chinese` for zh."""
        try:
            return Locale.parse(tag, sep="-").get_display_name(self._locale) or tag
        except (ValueError, UnknownLocaleError):
            return tag

    def tongues(self, tags: Iterable[str]) -> str:
        """Several languages, as a list."""
        return self.listed([self.tongue(tag) for tag in tags])

    def number(self, value: int) -> str:
        """With its thousands apart."""
        return numbers.format_decimal(value, locale=self._locale).replace("-", MINUS)

    def percent(self, rate: Fraction | Decimal, decimals: int = 1) -> str:
        """A rate of one: `0.1302` is `13.02 %`. Rounded to so many decimals, for it is no amount."""
        pattern = f"#,##0.{'#' * decimals}%"
        exact = Decimal(rate.numerator) / rate.denominator if isinstance(rate, Fraction) else rate
        return numbers.format_percent(exact, format=pattern, locale=self._locale).replace("-", MINUS)

    def ppm(self, rate: int) -> str:
        """A rate in millionths, whole."""
        return self.percent(Fraction(rate, _PPM), 4)

    def day(self, day: date) -> str:
        """`14 Oct 2026`; of a moment, in the page's time zone."""
        if isinstance(day, datetime):
            day = day.astimezone(ZoneInfo(self.zone)).date()
        return dates.format_date(day, "medium", locale=self._locale)

    def month(self, month: str | date) -> str:
        """`2026-10` as `October 2026`."""
        first = date.fromisoformat(f"{month}-01") if isinstance(month, str) else month
        return dates.format_skeleton("yMMMM", first, locale=self._locale)

    def short_month(self, month: str | date) -> str:
        """`2026-10` as `Oct`, for the foot of a plot."""
        first = date.fromisoformat(f"{month}-01") if isinstance(month, str) else month
        return dates.format_skeleton("MMM", first, locale=self._locale)

    def short_day(self, day: date) -> str:
        """`14/10`, for the foot of a plot."""
        return dates.format_skeleton("Md", day, locale=self._locale)

    def moment(self, at: datetime) -> str:
        """To the minute, in the page's time zone: `14 Oct 2026, 18:05`."""
        return dates.format_datetime(at, _MINUTES[self.language], ZoneInfo(self.zone), self._locale)

    def ago(self, at: datetime, now: datetime | None = None) -> str:
        """How long ago, or ahead: `3 days ago`."""
        return dates.format_timedelta(at - (now or datetime.now(UTC)), add_direction=True, locale=self._locale)

    def days(self, count: int) -> str:
        """`3 days`."""
        return dates.format_timedelta(timedelta(days=count), granularity="day", threshold=10_000, locale=self._locale)

    def clock(self, milliseconds: int) -> str:
        """A place in a video: `1:02:03.4`."""
        seconds, rest = divmod(milliseconds, 1000)
        hours, minutes = seconds // 3600, seconds // 60 % 60
        head = f"{hours}:{minutes:02}" if hours else f"{minutes}"
        return f"{head}:{seconds % 60:02}.{rest // 100}"

    def size(self, octets: int) -> str:
        """Of a file or a disk, in megabytes, or in gigabytes: `13.2 MB`."""
        unit, name = (10**9, "GB") if octets >= 10**9 else (10**6, "MB")
        return f"{numbers.format_decimal(Decimal(octets) / unit, '#,##0.#', self._locale)} {name}"

    def listed(self, words: list[str]) -> str:
        """`a, b and c`."""
        return format_list(words, locale=self._locale) if words else ""

    def either(self, words: list[str]) -> str:
        """`a, b or c`."""
        return format_list(words, style="or", locale=self._locale) if words else ""


@lru_cache(maxsize=20_000)
def _money(amount: int, currency: str, language: Language, more: int = 0) -> str:
    """With `more` decimals than the currency has, in units as small as these."""
    decimals = exponent(currency) + more
    exact = Decimal(abs(amount)).scaleb(-decimals)
    locale = locale_of(language)
    pattern = "#,##0" + (f".{'0' * decimals}" if decimals else "")
    sign = numbers.get_currency_symbol(currency, locale)
    gap = NO_BREAK if sign[-1].isalpha() else ""
    return f"{MINUS if amount < 0 else ''}{sign}{gap}{numbers.format_decimal(exact, pattern, locale)}"
