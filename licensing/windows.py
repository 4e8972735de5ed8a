"""When a grant runs: what was asked for, within what the terms and the clock allow."""

from datetime import datetime, timedelta
from typing import NamedTuple

from licensing.errors import InvalidGrant
from licensing.terms import Terms, check_instant


class Window(NamedTuple):
    """`ends_at` is the first moment outside; None: no end."""

    starts_at: datetime
    ends_at: datetime | None


def window_of(
    terms: Terms, now: datetime, starts_at: datetime | None = None, ends_at: datetime | None = None
) -> Window:
    """The part of what is asked for that lies in the future and within the terms, at most their `grant_days` long.

    Raises InvalidGrant where nothing is left.
    """
    asked = [moment for moment in (check_instant(starts_at, InvalidGrant, "starts_at"),) if moment is not None]
    begins = max(now, terms.starts_at, *asked)
    limit = check_instant(ends_at, InvalidGrant, "ends_at")
    ends = min((end for end in (last_end(terms, begins), limit) if end is not None), default=None)
    if ends is not None and ends <= begins:
        raise InvalidGrant("ends_at", ends.isoformat(), f"must be after {begins.isoformat()}, when it would begin")
    return Window(begins, ends)


def last_end(terms: Terms, starts_at: datetime) -> datetime | None:
    """Until when a grant that begins then may run."""
    ends = [terms.ends_at] if terms.ends_at is not None else []
    if terms.grant_days is not None:
        ends.append(starts_at + timedelta(days=terms.grant_days))
    return min(ends, default=None)
