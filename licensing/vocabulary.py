"""The words that terms, handles and profiles are written in, and how each is checked.

Platforms are a closed list, so that a typing error doesn't become a platform of its own; the other words have a form.
"""

import re
import unicodedata
from collections.abc import Sequence

from ledger.refusals import storable
from licensing.errors import InvalidHandle
from licensing.refusal import Refusal

PLATFORMS = (
    "amazon",
    "bilibili",
    "douyin",
    "facebook",
    "instagram",
    "kuaishou",
    "lazada",
    "shopee",
    "tiktok",
    "twitch",
    "weibo",
    "weixin-channels",
    "x",
    "xiaohongshu",
    "youtube",
)

_WORD = re.compile(r"[a-z0-9]+(?:-[a-z0-9]+)*")
_COUNTRY = re.compile(r"[A-Z]{2}")
_LANGUAGE = re.compile(r"[a-z]{2,3}(?:-[A-Z][a-z]{3})?")
_LONGEST_WORD = 40
_LONGEST_HANDLE = 100
_INVISIBLE = ("C", "Z")
"""Unicode's classes of what can't be seen: controls, surrogates, spaces."""


def check_platform(platform: str, refusal: type[Refusal], field: str = "platform") -> str:
    """The platform. Raises the refusal."""
    if platform not in PLATFORMS:
        raise refusal(field, platform, f"must be one of {', '.join(PLATFORMS)}")
    return platform


def check_words(words: Sequence[str], refusal: type[Refusal], field: str, most: int = 50) -> tuple[str, ...]:
    """Categories: lower-case letters and digits, in words joined by hyphens. Raises the refusal."""
    return _checked(words, _WORD, "lower-case letters and digits in words joined by hyphens", refusal, field, most)


def check_languages(tags: Sequence[str], refusal: type[Refusal], field: str) -> tuple[str, ...]:
    """Language tags of BCP 47, of a language and perhaps its script: `zh`, `zh-Hant`. Raises the refusal."""
    return _checked(tags, _LANGUAGE, "a language as BCP 47 writes it, such as en or zh-Hant", refusal, field, 20)


def check_countries(codes: Sequence[str], refusal: type[Refusal], field: str) -> tuple[str, ...]:
    """Countries as ISO 3166-1 alpha-2 writes them. Raises the refusal."""
    return _checked(codes, _COUNTRY, "a country as ISO 3166-1 writes it, such as CN", refusal, field, 250)


def check_text(said: str, refusal: type[Refusal], field: str, *, least: int = 1, most: int = 200) -> str:
    """A text that people write, without the blanks around it. Raises the refusal."""
    stripped = said.strip()
    if not least <= len(stripped) <= most or not storable(stripped):
        raise refusal(field, said[:most], f"{least} to {most} characters, none of them NUL")
    return stripped


def normal_handle(handle: str, field: str = "handle") -> str:
    """A handle as it is compared: NFKC, case folded, without a leading @. Raises InvalidHandle."""
    normal = unicodedata.normalize("NFKC", unicodedata.normalize("NFKC", handle.strip()).casefold()).removeprefix("@")
    visible = all(unicodedata.category(character)[0] not in _INVISIBLE for character in normal)
    if not 1 <= len(normal) <= _LONGEST_HANDLE or not visible or "/" in normal:
        raise InvalidHandle(field, handle, f"1 to {_LONGEST_HANDLE} visible characters, no slash and no blank")
    return normal


def account_of(platform: str, handle: str) -> str:
    """An account as grants list it: `tiktok:lina`. Raises InvalidHandle."""
    return f"{check_platform(platform, InvalidHandle)}:{normal_handle(handle)}"


def _checked(
    words: Sequence[str], form: re.Pattern[str], rule: str, refusal: type[Refusal], field: str, most: int
) -> tuple[str, ...]:
    if len(words) > most:
        raise refusal(field, len(words), f"at most {most}")
    for position, word in enumerate(words):
        if len(word) > _LONGEST_WORD or not form.fullmatch(word):
            raise refusal(f"{field}[{position}]", word, rule)
    return tuple(dict.fromkeys(words))
