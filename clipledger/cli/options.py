"""What commands ask for in the same words: a book, a day, a month, JSON."""

from collections.abc import Callable
from datetime import date, datetime

import click

from ledger.errors import InvalidPeriod
from ledger.periods import parse_period

Decorator = Callable[[Callable[..., None]], Callable[..., None]]

of_book = click.option("--book", "slug", required=True, help="The book's slug.")
as_json = click.option("--json", "as_json", is_flag=True, help="For scripts.")


def as_date(context: click.Context, parameter: click.Parameter, given: datetime | None) -> date | None:
    """The day, of what click reads as midnight."""
    return given and given.date()


def day(name: str, told: str) -> Decorator:
    """A day that may be left out."""
    return click.option(name, type=click.DateTime(["%Y-%m-%d"]), callback=as_date, metavar="YYYY-MM-DD", help=told)


def month(told: str) -> Decorator:
    """A month that must be said."""
    return click.option("--month", required=True, callback=_month, metavar="YYYY-MM", help=told)


def _month(context: click.Context, parameter: click.Parameter, given: str) -> date:
    try:
        return parse_period(given, "month")
    except InvalidPeriod as error:
        raise click.BadParameter(str(error.rule)) from None
