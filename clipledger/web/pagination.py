"""Pages by keyset: a cursor is where the last page ended, so rows that come or go shift nothing."""

import base64
import binascii
from collections.abc import Callable, Sequence
from typing import Annotated, Generic, TypeVar

import msgspec
from litestar.params import QueryParameter

from clipledger.web.problems import FieldFault, Problem

T = TypeVar("T")

PageLimit = Annotated[int, QueryParameter(ge=1, le=1000, description="How many at most.")]
PageCursor = Annotated[str | None, QueryParameter(description="`next_cursor` of the page before.")]


class Page(msgspec.Struct, Generic[T]):
    """Some rows, and the cursor of the next page; null at the end."""

    data: Sequence[T]
    next_cursor: str | None


def page_of(rows: Sequence[T], limit: int, place: Callable[[T], int]) -> Page[T]:
    """A page from rows fetched with `limit + 1`, the one too many telling that there is more."""
    shown = rows[:limit]
    more = len(rows) > limit
    return Page(shown, base64.urlsafe_b64encode(b"%d" % place(shown[-1])).decode() if more else None)


def place_of(cursor: str | None) -> int | None:
    """Where the page before ended. Raises Problem 400."""
    if cursor is None:
        return None
    try:
        return int(base64.urlsafe_b64decode(cursor.encode()))
    except (ValueError, binascii.Error):
        fault = FieldFault("cursor", "must be the next_cursor of a page", cursor[:200])
        raise Problem(400, "invalid-cursor", faults=[fault]) from None
