"""Messages with places, such as `at most {1} characters`: known again in what the rooms have said."""

import re
from collections.abc import Mapping
from functools import cache

from babel.messages.pofile import read_po

from clipledger.pages.languages import CATALOGUES, Language

PLACE = re.compile(r"\{(\d+)\}")
LONGEST = 1000
"""Characters of a text that is compared with patterns."""
Pattern = tuple[re.Pattern[str], str]
"""What a text is compared with, its places being groups p1, p2 …, and the message."""


@cache
def catalogue(language: Language, name: str) -> Mapping[str, str]:
    """The messages of one catalogue, and what each is in the language; none in English, which needs no catalogue."""
    path = CATALOGUES / language / f"{name}.po"
    if not path.exists():
        return {}
    with path.open("rb") as file:
        return {str(each.id): str(each.string) for each in read_po(file, locale=language) if each.id and each.string}


@cache
def with_places(language: Language, name: str) -> list[Pattern]:
    """Those of its messages that have places, the most telling first."""
    return patterns({message: message for message in catalogue(language, name) if "{1}" in message})


def patterns(messages: Mapping[str, str]) -> list[Pattern]:
    """Of texts with places, and what to say for each; the most telling first."""
    ordered = sorted(messages, key=lambda message: len(PLACE.sub("", message)), reverse=True)
    return [(_pattern(message), messages[message]) for message in ordered]


def _pattern(message: str) -> re.Pattern[str]:
    parts = PLACE.split(message)
    told = [f"(?P<p{part}>.+?)" if place % 2 else re.escape(part) for place, part in enumerate(parts)]
    return re.compile("".join(told), re.DOTALL)
