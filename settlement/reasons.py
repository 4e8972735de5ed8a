"""Reasons: why a person did what nothing else explains. They stand in entries, and so on statements."""

from licensing.refusal import Refusal
from licensing.vocabulary import check_text

MOST_REASON = 900
"""Characters: an entry's description has 1,000, and says besides what the reason is of."""


def checked_reason(said: str, refusal: type[Refusal], field: str = "reason") -> str:
    """The reason without the blanks around it. Raises the refusal."""
    return check_text(said, refusal, field, most=MOST_REASON)
