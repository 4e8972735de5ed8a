"""The templates, in each language, and what every page's browser may load: our own files, and nothing of others."""

import hashlib
from collections.abc import Callable
from functools import cache
from pathlib import Path

from babel.support import Translations
from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import escape

from clipledger.pages import plots
from clipledger.pages.languages import LANGUAGES, Language, locale_of, translations_of
from clipledger.pages.refusals import headline, in_language, rule
from clipledger.pages.tellings import told
from clipledger.pages.words import WORDS

STATIC = Path(__file__).parents[1] / "static"
POLICY = (
    "default-src 'none'; style-src 'self'; script-src 'self'; img-src 'self' data:; media-src 'self'; "
    "connect-src 'self'; base-uri 'none'; form-action 'self'; frame-ancestors 'none'"
)


@cache
def environment(language: Language) -> Environment:
    """Whose templates speak the language; whatever they show is escaped."""
    made = Environment(
        loader=FileSystemLoader(Path(__file__).parent),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        extensions=["jinja2.ext.i18n"],
    )
    translations = translations_of(language)
    made.install_gettext_translations(translations, newstyle=True)  # type: ignore[attr-defined]
    made.globals.update(_=made.globals["gettext"], gettext=_of_data(translations))

    def word(raw: object) -> str:
        """A word of the domain, in the language."""
        text = str(raw)
        return str(translations.ugettext(WORDS[text][0])) if text in WORDS else text.replace("_", " ").replace("-", " ")

    def brand(raw: object) -> str:
        """Of a platform or a marketplace: as it calls itself. One that nobody knows here has only its code."""
        text = str(raw)
        return word(text) if text in WORDS else text

    made.filters.update(brand=brand, word=word, tone=lambda raw: WORDS.get(str(raw), ("", "quiet"))[1])
    made.filters.update(headline=in_language(headline, language), rule=in_language(rule, language))
    made.filters.update(told=in_language(told, language))
    made.globals.update(
        asset=asset,
        bars=plots.bars,
        tag=locale_of(language).language if language == "en" else "zh-Hans",
        others={code: name for code, name in LANGUAGES.items() if code != language},
    )
    return made


def _of_data(translations: Translations) -> Callable[..., str]:
    """`gettext` of what is no constant of a template, unlike `_`: it may hold what people wrote, and stays text."""

    def gettext(message: object, **variables: object) -> str:
        text = translations.ugettext(str(message))
        return escape(text) % variables if variables else str(text)

    return gettext


@cache
def asset(name: str) -> str:
    """The address of a file of ours, which changes with what is in it: it may be kept for as long as one likes."""
    digest = hashlib.sha256((STATIC / name).read_bytes()).hexdigest()[:12]
    return f"/static/{name}?{digest}"
