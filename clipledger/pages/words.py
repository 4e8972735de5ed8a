"""Words of the domain as people read them: states, kinds, reasons. Templates show them by `word` and `badge`.

A word that is missing here is shown as it is, with a test that fails (`tests/clipledger/pages/test_words.py`).
"""

from collections.abc import Mapping


def N_(message: str) -> str:  # noqa: N802 - gettext's name for it: marked here, translated where it is shown
    """A message of the catalogues."""
    return message


Tone = str
"""good, bad, wait or quiet: how a badge is coloured, beside what it says."""

WORDS: Mapping[str, tuple[str, Tone]] = {
    "active": (N_("active"), "good"),
    "approved": (N_("approved"), "good"),
    "closed": (N_("closed"), "quiet"),
    "draft": (N_("draft"), "quiet"),
    "issued": (N_("issued"), "good"),
    "open": (N_("open"), "wait"),
    "offered": (N_("offered"), "wait"),
    "paid": (N_("paid"), "good"),
    "pending": (N_("pending"), "wait"),
    "rejected": (N_("rejected"), "bad"),
    "revoked": (N_("revoked"), "bad"),
    "submitted": (N_("submitted"), "wait"),
    "suspended": (N_("suspended"), "bad"),
    "withdrawn": (N_("withdrawn"), "quiet"),
}
