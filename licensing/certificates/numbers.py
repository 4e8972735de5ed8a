"""Numbers of certificates: 128 random bits as 32 hexadecimal digits, which nobody can guess.

`licensing.issuing` draws one for each grant.
"""

import re

_NUMBER = re.compile(r"[0-9a-f]{32}")
_BETWEEN = str.maketrans("", "", "-‐‑‒– ")


def printed(number: str) -> str:
    """As people read it: groups of four, joined by hyphens."""
    return "-".join(number[start : start + 4] for start in range(0, len(number), 4))


def number_of(said: str) -> str | None:
    """The number that somebody has typed, in groups or not; None for what can be none."""
    number = said.translate(_BETWEEN).lower()
    return number if _NUMBER.fullmatch(number) else None
