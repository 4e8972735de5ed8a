"""Reasons: why a person did what nothing else explains. They stand in entries, and so on statements."""

from ledger.refusals import storable
from settlement.errors import Invalid

MOST_REASON = 900
"""Characters: an entry's description has 1,000, and says besides what the reason is of."""


def checked_reason(said: str, refusal: type[Invalid], field: str = "reason") -> str:
    """The reason without the blanks around it. Raises the refusal."""
    stripped = said.strip()
    if not 1 <= len(stripped) <= MOST_REASON or not storable(stripped):
        raise refusal(field, said, f"1 to {MOST_REASON} characters, none of them NUL")
    return stripped
