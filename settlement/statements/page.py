"""What anybody gets to see of a statement whose code they have, as HTML: whatever is said in it is escaped."""

from collections.abc import Iterator, Sequence
from functools import lru_cache
from pathlib import Path

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup

from ledger.money import format_amount
from licensing.certificates import page as certificates
from licensing.certificates.labels import LABELS as LANGUAGES
from licensing.certificates.labels import TAGS, Language
from licensing.certificates.numbers import number_of, printed
from settlement.statements.labels import LABELS
from settlement.statements.papers import sealed_of, state_of
from settlement.statements.verifying import StatementVerdict

POLICY = certificates.POLICY
"""The page's Content-Security-Policy: its own style and nothing else."""

_TEMPLATES = Path(__file__).parent / "templates"
_LONGEST_SHOWN = 100

_Line = tuple[str, Sequence[str], bool]
"""A label, what stands beside it, and whether that is to be compared digit by digit."""


def verdict_page(verdict: StatementVerdict, language: Language) -> str:
    """Of a code that is known."""
    head = "holds" if verdict.state == "issued" else "replaced"
    text = LABELS[language][f"{head}_text"].format(revision=verdict.replaced_by)
    return _render(language, head, text, [*_lines(verdict, language)])


def unknown_page(said: str, language: Language) -> str:
    """Of one that is not."""
    say, code = LABELS[language], number_of(said)
    shown = said[:_LONGEST_SHOWN] if code is None else printed(code)
    return _render(language, "unknown", say["unknown_text"], [(say["code"], [shown], True)])


def _lines(verdict: StatementVerdict, language: Language) -> Iterator[_Line]:
    say = LABELS[language]
    yield say["host"], [verdict.host], False
    yield say["party"], [verdict.name], False
    yield say["month"], [verdict.month], False
    yield say["currency"], [verdict.currency], False
    yield say["closing"], [f"{format_amount(verdict.closing, verdict.currency)} {verdict.currency}"], False
    yield say["revision"], [str(verdict.revision)], False
    yield say["state"], [state_of(verdict.issued_at, verdict.replaced_by, language)], False
    yield say["code"], [printed(verdict.code)], True
    yield say["hash"], [verdict.sha256], True
    yield say["seal"], sealed_of(verdict.seal, language), verdict.seal is not None


def _render(language: Language, head: str, text: str, lines: Sequence[_Line]) -> str:
    others = {other: LANGUAGES[other]["language"] for other in LANGUAGES if other != language}
    words = {"say": LABELS[language], "tag": TAGS[language], "tags": TAGS, "others": others}
    return _environment().get_template("verdict.html").render(**words, head=head, text=text, lines=lines)


@lru_cache(maxsize=1)
def _environment() -> Environment:
    folders = [_TEMPLATES, Path(certificates.__file__).parent / "templates"]  # the layout is that of certificates
    made = Environment(loader=FileSystemLoader(folders), autoescape=True, undefined=StrictUndefined)
    made.globals["style"] = Markup(certificates.STYLE)  # noqa: S704 - our own file
    return made
