"""Certificates and verdicts as HTML: no script, nothing from elsewhere, for phone, desk and printer."""

import hashlib
from base64 import b64encode
from functools import lru_cache
from pathlib import Path

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup

from licensing.certificates.document import Document, moment
from licensing.certificates.labels import LABELS, TAGS, Language
from licensing.certificates.numbers import number_of, printed
from licensing.certificates.verification import CertificateVerdict

_TEMPLATES = Path(__file__).parent / "templates"
STYLE = (_TEMPLATES / "style.css").read_text(encoding="utf-8")
_LONGEST_SHOWN = 100

POLICY = (
    f"default-src 'none'; style-src 'sha256-{b64encode(hashlib.sha256(STYLE.encode()).digest()).decode()}'; "
    "img-src data:; base-uri 'none'; form-action 'self'; frame-ancestors 'none'"
)
"""The pages' Content-Security-Policy: their own style and nothing else."""


def certificate_page(document: Document, pdf_url: str) -> str:
    """The page of a certificate, with a link to its PDF."""
    return _render("certificate.html", document.language, document=document, pdf_url=pdf_url)


def verdict_page(verdict: CertificateVerdict, language: Language, number: str, sha256: str) -> str:
    """What anybody gets to see; number and hash are as they were asked about."""
    checked = LABELS[language]["checked"].format(moment=moment(verdict.checked_at))
    known = number_of(number)
    shown = printed(known) if known else number[:_LONGEST_SHOWN]
    said = {"number": shown, "sha256": sha256[:_LONGEST_SHOWN]}
    return _render("verdict.html", language, verdict=verdict, checked=checked, **said)


def _render(template: str, language: Language, **values: object) -> str:
    others = {other: LABELS[other]["language"] for other in LABELS if other != language}
    words = {"say": LABELS[language], "tag": TAGS[language], "tags": TAGS, "others": others, "language": language}
    return _environment().get_template(template).render(**words, **values)


@lru_cache(maxsize=1)
def _environment() -> Environment:
    made = Environment(loader=FileSystemLoader(_TEMPLATES), autoescape=True, undefined=StrictUndefined)
    made.globals["style"] = Markup(STYLE)  # noqa: S704 - our own file
    return made
