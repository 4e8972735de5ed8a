"""Refusals as people read them: the titles of problems and the rules that fields break, in the page's language.

The rooms say their rules in English, for programs as for people. Here the few that speak of the code's types are said
otherwise, and all are translated; those with figures in them by patterns: `at most {1} characters`.
"""

from collections.abc import Callable, Mapping
from functools import cache

from clipledger.pages.languages import Language, translations_of
from clipledger.pages.patterns import LONGEST, PLACE, Pattern, patterns, with_places
from clipledger.pages.words import N_, WORDS
from clipledger.web.problems import ProblemDetails

TITLES: Mapping[str, str] = {
    "append-only": N_("This can't be changed any more"),
    "bad-request": N_("This can't be understood"),
    "body-too-large": N_("This is too large"),
    "book-not-found": N_("There is nothing here"),
    "busy": N_("The service is busy"),
    "claim-not-found": N_("Dispute not found"),
    "client-disconnected": N_("It did not arrive whole"),
    "csrf-token-required": N_("This page has expired"),
    "database-unavailable": N_("The service can't answer just now"),
    "deadline-passed": N_("The time for this is over"),
    "does-not-add-up": N_("The amounts do not add up"),
    "entry-not-sealed": N_("The entry is not sealed yet"),
    "exceptions-open": N_("There are exceptions still"),
    "forbidden": N_("You may not do this"),
    "form-of-another-site": N_("This form came from another site"),
    "grant-not-found": N_("Licence not found"),
    "idempotency-conflict": N_("This was sent before, with other content"),
    "idempotency-in-flight": N_("This is being done already"),
    "idempotency-key-invalid": N_("This form can't be sent"),
    "idempotency-key-required": N_("This form can't be sent"),
    "idempotency-key-reused": N_("This was sent before, with other content"),
    "internal-error": N_("Something went wrong"),
    "invalid-bulk": N_("Something in the list is not right"),
    "invalid-claim": N_("Invalid dispute"),
    "invalid-grant": N_("Invalid licence"),
    "invalid-request": N_("Something here is not right"),
    "invalid-session": N_("Your session has ended"),
    "malformed-form": N_("This form can't be sent"),
    "malformed-request": N_("This can't be understood"),
    "method-not-allowed": N_("This can't be done here"),
    "not-found": N_("There is nothing here"),
    "overflow": N_("A number is too large"),
    "overloaded": N_("The service is busy"),
    "party-not-found": N_("There is nothing here"),
    "rail-not-set-up": N_("This payout rail is not set up"),
    "same-person": N_("Another person has to do this"),
    "scope-not-held": N_("You may not give this away"),
    "scope-required": N_("You may not do this"),
    "session-required": N_("Log in to do this"),
    "source-not-found": N_("Stream not found"),
    "stale-edition": N_("Somebody has changed this meanwhile"),
    "submission-not-found": N_("Clip not found"),
    "too-many-requests": N_("That was too often"),
    "unauthenticated": N_("Log in first"),
    "unavailable": N_("The service can't answer just now"),
    "unexplained": N_("Something is not explained yet"),
    "unknown-as-of": N_("Of what day is it?"),
    "unsupported-media-type": N_("A file of this kind can't be taken"),
    "wrong-as-of": N_("It is of another day"),
    "wrong-password": N_("That is not the right address or password"),
    "wrong-payout-step": N_("This is not the time for that"),
    "wrong-reconciliation-step": N_("This is not the time for that"),
    "wrong-run-step": N_("This is not the time for that"),
    "wrong-step": N_("This is not the time for that"),
    "wrong-transition": N_("This is not the time for that"),
}
"""Of codes that read badly, what pages say instead."""

PLAIN: Mapping[str, str] = {
    "Expected `int`, got {1}": N_("must be a whole number"),
    "Expected `int | null`, got {1}": N_("must be a whole number"),
    "Expected `bool`, got {1}": N_("must be yes or no"),
    "Expected `str`, got {1}": N_("must be text"),
    "Expected `date`, got {1}": N_("must be a day"),
    "Expected `datetime`, got {1}": N_("must be a day and a time"),
    "Expected `array`, got {1}": N_("must be a list"),
    "Expected `object`, got {1}": N_("must have several parts"),
    "Expected `{1}`, got `null`": N_("is required"),
    "Expected `{1}`, got {2}": N_("is not what belongs here"),
    "Expected `int` >= {1}": N_("must be at least {1}"),
    "Expected `int` <= {1}": N_("must be at most {1}"),
    "Expected `str` of length >= 1": N_("must not be empty"),
    "Expected `str` of length >= {1}": N_("must have at least {1} characters"),
    "Expected `str` of length <= {1}": N_("must have at most {1} characters"),
    "Expected `array` of length >= 1": N_("needs at least one"),
    "Expected `array` of length >= {1}": N_("needs at least {1}"),
    "Expected `array` of length <= {1}": N_("takes at most {1}"),
    "Expected `array` of length {1}": N_("takes exactly {1}"),
    "Expected `str` matching regex {1}": N_("is not written as it must be"),
    "Invalid enum value {1}": N_("is none of the choices"),
    "Invalid RFC3339 encoded datetime": N_("must be a day and a time"),
    "Invalid RFC3339 encoded date": N_("must be a day"),
    "Object missing required field `{1}`": N_("is required"),
    "is required": N_("is required"),
    "is not a field of this object": N_("is not known here"),
}
"""What the decoder of requests says, and how a person says it."""


def headline(problem: ProblemDetails, language: Language) -> str:
    """A problem's title."""
    code = problem.type.rpartition("/")[2]
    return str(translations_of(language).ugettext(TITLES.get(code, problem.title)))


def rule(text: str, language: Language) -> str:
    """A rule that a field breaks, or what else a problem says."""
    say = translations_of(language).ugettext
    plain = _filled(_plain(), text, say)
    if plain is not None:
        return plain
    translated = str(say(text))
    if translated != text or len(text) > LONGEST:
        return translated
    return _filled(with_places(language, "problems"), text, say) or text


def in_language(function: Callable[..., str], language: Language) -> Callable[..., str]:
    """For templates of one language."""
    return lambda told: function(told, language) if told else ""


def _filled(known: list[Pattern], text: str, say: Callable[[str], str]) -> str | None:
    """What the first pattern that fits says, in the language, with what stands in its places."""
    for pattern, said in known:
        if found := pattern.fullmatch(text):
            return PLACE.sub(lambda place: _word(found[f"p{place[1]}"], say), say(said))
    return None


def _word(told: str, say: Callable[[str], str]) -> str:
    return say(WORDS[told][0]) if told in WORDS else told


@cache
def _plain() -> list[Pattern]:
    return patterns(PLAIN)
