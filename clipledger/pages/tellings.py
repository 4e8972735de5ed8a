"""What the books tell, in the page's language: descriptions of entries, why a payout was refused, what does not match.

The rooms tell it in English, and it is kept so. Here each sentence is known by its message in the catalogue `told`
(`clipledger.pages.told_messages` finds them); what is not among them, such as what a person wrote, stays as it is.
"""

import re
from functools import cache

from clipledger.pages.languages import Language, translations_of
from clipledger.pages.patterns import LONGEST, PLACE, Pattern, catalogue, patterns, with_places
from clipledger.pages.refusals import rule
from clipledger.pages.words import WORDS

_CATALOGUE = "told"
_TYPED = frozenset(
    {
        "Adjustment {1}: {2}",
        "Entry {1} taken back: {2}",
        "Paid by {1}: {2}",
        "Payout {1} cancelled: {2}",
        "Reconciliation of {1}: {2}",
        "Remittance {1} taken back by {2}: {3}",
        "Report {1}",
        "Write-off {1}: {2}",
    }
)
"""Messages in whose last place stands what a person wrote."""
_NAMING = frozenset({"Paid by {1}: {2}"})
"""Those that name a marketplace by its code: in English, too, pages call it as it calls itself."""
_BROKEN = frozenset({"{1} row {2}, {3}: {4}", "{1} row {2}, whole row: {3}"})
"""Those in whose last place stands the rule that a row has broken."""


def told(text: str, language: Language) -> str:
    """A sentence of the books, with what stands in its places; of `words: more`, the more is whose it is."""
    messages = catalogue(language, _CATALOGUE)
    if text in messages or len(text) > LONGEST:
        return messages.get(text, text)
    for pattern, message in with_places(language, _CATALOGUE) or _naming():
        if found := pattern.fullmatch(text):
            return _filled(message, found, language)
    words, _, more = text.partition(": ")
    return f"{messages[words]}：{more}" if words in messages else text


def _filled(message: str, found: re.Match[str], language: Language) -> str:
    def value(place: re.Match[str]) -> str:
        its = found[f"p{place[1]}"]
        if not message.endswith(place[0]):
            return _word(its, language) if its in WORDS else told(its, language)
        if message in _TYPED:
            return its
        return rule(its, language) if message in _BROKEN else told(its, language)

    return PLACE.sub(value, catalogue(language, _CATALOGUE).get(message, message))


@cache
def _naming() -> list[Pattern]:
    return patterns({message: message for message in _NAMING})


def _word(raw: str, language: Language) -> str:
    return str(translations_of(language).ugettext(WORDS[raw][0]))
