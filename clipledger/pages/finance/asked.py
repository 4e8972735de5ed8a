"""What the address of a page of finance asks for: days and months, which a form leaves blank where nobody cares."""

from datetime import date
from typing import Annotated

from litestar.params import QueryParameter

from clipledger.web.problems import Problem

Day = Annotated[str, QueryParameter(max_length=10, description="A day, as 2026-10-31; blank for none.")]
Month = Annotated[str, QueryParameter(max_length=7, description="A month, as 2026-10; blank for none.")]
ROWS = 50
"""Of a page of a list."""


def day_of(told: str) -> date | None:
    """Raises Problem."""
    try:
        return date.fromisoformat(told) if told else None
    except ValueError as wrong:
        raise Problem(400, "no-such-day", "There is no such day.") from wrong


def month_of(told: str) -> date | None:
    """Its first day. Raises Problem."""
    return day_of(f"{told}-01") if told else None
