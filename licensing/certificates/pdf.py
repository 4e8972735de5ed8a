"""Certificates as PDF: the same document gives the same bytes."""

from pathlib import Path

import msgspec

from licensing.certificates.document import Document
from licensing.certificates.labels import TAGS
from licensing.typesetting import typeset

_TEMPLATE = Path(__file__).parent / "templates" / "certificate.typ"


def pdf_of(document: Document) -> bytes:
    """PDF/UA-1; see `licensing.typesetting`. It takes a moment of processor time: call it in a thread."""
    return typeset(_TEMPLATE, msgspec.json.encode({**msgspec.to_builtins(document), "tag": TAGS[document.language]}))
