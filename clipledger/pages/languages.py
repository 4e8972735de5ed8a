"""The pages' languages: English, in which they are written, and Chinese.

A catalogue is a `.po` file for each space of the house, read as it is when the process starts. Words of the domain,
such as the state of a grant, are in `clipledger.pages.words`.
"""

from collections.abc import Mapping
from functools import cache
from io import BytesIO
from pathlib import Path
from typing import Literal, get_args

from babel import Locale
from babel.messages.mofile import write_mo
from babel.messages.pofile import read_po
from babel.support import Translations

Language = Literal["en", "zh"]
LANGUAGES: Mapping[Language, str] = {"en": "English", "zh": "中文"}
"""By their codes, as each calls itself."""
COOKIE = "language"
CATALOGUES = Path(__file__).parent / "locale"


def language_of(cookie: str | None, accepted: str) -> Language:
    """The one chosen before, else the first of an Accept-Language header that we have, else English."""
    wanted = [cookie or "", *(part.split(";")[0].strip()[:2].lower() for part in _by_preference(accepted))]
    return next((language for want in wanted for language in get_args(Language) if want == language), "en")


def _by_preference(accepted: str) -> list[str]:
    def quality(part: str) -> float:
        _, _, weight = part.partition(";q=")
        try:
            return -float(weight or 1)
        except ValueError:
            return 0

    return sorted(accepted.split(","), key=quality)


@cache
def locale_of(language: Language) -> Locale:
    """How it writes numbers and dates."""
    return Locale.parse({"en": "en_GB", "zh": "zh_Hans_CN"}[language])


@cache
def translations_of(language: Language) -> Translations:
    """All its catalogues, as one."""
    whole = Translations()
    for path in sorted((CATALOGUES / language).glob("*.po")):
        with path.open("rb") as file:
            catalogue = read_po(file, locale=language)
        compiled = BytesIO()
        write_mo(compiled, catalogue)
        compiled.seek(0)
        one = Translations(compiled)
        whole.merge(one)
        whole.plural = one.plural  # else it would count as English does
    return whole
