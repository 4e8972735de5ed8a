"""Whether a clip says that it is advertising, as 16 CFR 255 and the marketplaces' rules want it.

The terms name the texts that say so. A caption is read as people read it: however wide or large its letters are
(NFKC, case folded), whatever the blanks. A hashtag counts as a whole only: `#ad` is not in `#adore`. Any other text
counts as whole words, where its script has blanks between them.
"""

import re
import unicodedata
from typing import Literal

from licensing.terms import Disclosure

Disclosed = Literal["caption", "on-screen", "missing", "confirmed", "refused"]
"""Where it was found; `confirmed` and `refused` are what a person said who looked."""

_SPACED = (  # letters and digits of scripts that put blanks between words: not Thai, Khmer, Chinese, Japanese, Korean
    r"[^\W\u0e00-\u0eff\u1000-\u109f\u1100-\u11ff\u1780-\u17ff\u2e80-\ua4cf\uac00-\ud7ff\uf900-\ufaff"
    "\U00020000-\U0003ffff]"
)


def disclosed(caption: str, disclosure: Disclosure, *, on_screen: bool) -> Literal["caption", "on-screen", "missing"]:
    """Where the clip discloses; `on_screen` is what the clipper says, and counts where the terms allow that."""
    said = _plain(caption)
    if any(_whole(_plain(text)).search(said) for text in disclosure.texts):
        return "caption"
    return "on-screen" if on_screen and disclosure.on_screen else "missing"


def _plain(text: str) -> str:
    return " ".join(unicodedata.normalize("NFKC", text).casefold().split())


def _whole(text: str) -> re.Pattern[str]:
    if text.startswith("#"):
        return re.compile(rf"(?<!\w){re.escape(text)}(?!\w)")
    before = f"(?<!{_SPACED})" if re.match(_SPACED, text) else ""
    after = f"(?!{_SPACED})" if re.search(f"{_SPACED}$", text) else ""
    return re.compile(before + re.escape(text) + after)
