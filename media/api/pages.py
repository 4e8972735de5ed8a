"""Pages by keyset, newest first: a cursor is the number at which the last page ended."""

from collections.abc import Callable, Sequence
from typing import Annotated, Generic, TypeVar

import msgspec
from litestar.params import QueryParameter

from media.errors import InvalidCursor

T = TypeVar("T")

Limit = Annotated[int, QueryParameter(ge=1, le=1000, description="How many at most.")]
Cursor = Annotated[str | None, QueryParameter(description="`next_cursor` of the page before.")]


class Page(msgspec.Struct, Generic[T]):
    """Some rows, and the cursor of the next page; null at the end."""

    data: Sequence[T]
    next_cursor: str | None


def page_of(rows: Sequence[T], limit: int, number: Callable[[T], int]) -> Page[T]:
    """A page from rows fetched with `limit + 1`, the one too many telling that there is more."""
    shown = rows[:limit]
    return Page(shown, str(number(shown[-1])) if len(rows) > limit else None)


def number_of(cursor: str | None) -> int | None:
    """The number at which the page before ended. Raises InvalidCursor."""
    if cursor is None:
        return None
    if not (cursor.isascii() and cursor.isdigit() and len(cursor) < 19):
        raise InvalidCursor("cursor", cursor)
    return int(cursor)
