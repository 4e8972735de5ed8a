"""Titles of sources and clips: what people call them."""

import re

from media.errors import InvalidTitle

_SURROGATE = re.compile(r"[\ud800-\udfff]")


def checked_title(title: str) -> str:
    """The title, as PostgreSQL can hold it: neither NUL nor half of a surrogate pair. Raises InvalidTitle."""
    if not 1 <= len(title) <= 200 or "\0" in title or _SURROGATE.search(title):
        raise InvalidTitle("title", title.replace("\0", "·"))
    return title
