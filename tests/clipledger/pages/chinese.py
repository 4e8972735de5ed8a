"""What still stands in English on a Chinese page, apart from what may."""

import re
from collections.abc import Iterator

from bs4 import BeautifulSoup, Tag

LANGUAGE = "zh-Hans"
_WORD = r"[A-Za-z][A-Za-z'’]+"
_RUN = re.compile(rf"{_WORD}(?:[ ,;.]+{_WORD}){{2,}}")
"""Three words, one after another. Accounts' codes and the scopes of keys are joined by other marks."""
_RAW = ("code", "script", "style", "pre", "kbd")
_SPOKEN = ("title", "aria-label", "placeholder", "alt")
MAY_STAY = (
    "Lili Live Ltd",  # a name
    "It says so in the stream.",  # what somebody wrote
    "So it is",
    "clipper, platform, handle, handles, starts_at, ends_at, reference, accepted_at, document_sha256",  # columns
    "clipledger key revoke",  # a command
)
BRANDS = {"X", "Stripe", "TikTok", "Douyin", "YouTube"}
_PLANTED = ("planted", "onclick=p")
"""Of texts that a test has planted."""


def english(soup: BeautifulSoup) -> Iterator[str]:
    """What is said in English, by text and by attribute; nothing of a page that is in English."""
    if soup.html is None or soup.html.get("lang") != LANGUAGE:
        return
    texts = [str(each) for each in soup.find_all(string=True) if not each.find_parent(_RAW)]
    texts += [str(each[name]) for each in soup.find_all(True) for name in _SPOKEN if each.get(name)]
    for text in texts:
        said = " ".join(text.split())
        for known in MAY_STAY:
            said = said.replace(known, "")
        if _RUN.search(said) and not any(mark in said for mark in _PLANTED):
            yield f"in English: {said[:200]}"
    yield from (f"a badge in English: {each.get_text()}" for each in soup.select(".badge") if _is_english(each))


def _is_english(badge: Tag) -> bool:
    said = badge.get_text(strip=True)
    return said.isascii() and said not in BRANDS
