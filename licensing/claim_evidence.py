"""The file of a claim: what each side said and pointed to, in order, and what was decided why. Nobody can change it."""

import re
from collections.abc import Sequence
from datetime import datetime
from urllib.parse import urlsplit

import msgspec
from sqlalchemy import and_, func, select, text
from sqlalchemy.ext.asyncio import AsyncConnection

from ledger.refusals import storable
from licensing.errors import InvalidClaim
from licensing.states import By, Side
from licensing.tables import claim_evidence
from licensing.vocabulary import check_text

MOST_STATEMENTS = 50
"""Of one side in one file, beside what moves need."""
_LONGEST_URL = 2000
_SHA256 = re.compile(r"[0-9a-f]{64}")
_APPEND = text("""
    INSERT INTO licensing.claim_evidence (book_id, claim_id, evidence_no, side, statement, url, sha256, added_by)
    SELECT :book_id, :claim_id, count(*) + 1, :side, :statement, :url, :sha256, :actor
    FROM licensing.claim_evidence WHERE book_id = :book_id AND claim_id = :claim_id
""")


class Statement(msgspec.Struct, frozen=True):
    """What a side says, and what it points to: an address, or a file by its SHA-256 as 64 hexadecimal digits."""

    statement: str
    url: str | None = None
    sha256: str | None = None


class Evidence(msgspec.Struct, frozen=True):
    """A statement in the file; decisions' reasons are there, too."""

    evidence_no: int
    side: Side
    statement: str
    url: str | None
    sha256: str | None
    added_at: datetime


async def evidence_of(connection: AsyncConnection, book_id: int, claim_id: int) -> Sequence[Evidence]:
    """In the order in which it was said."""
    its = claim_evidence.c
    chosen = select(*(its[name] for name in Evidence.__struct_fields__))
    here = and_(its.book_id == book_id, its.claim_id == claim_id)
    return [Evidence(**row._mapping) for row in await connection.execute(chosen.where(here).order_by(its.evidence_no))]


async def check_room(connection: AsyncConnection, book_id: int, claim_id: int, side: Side) -> None:
    """Raises InvalidClaim where the side has said MOST_STATEMENTS things."""
    its = claim_evidence.c
    theirs = and_(its.book_id == book_id, its.claim_id == claim_id, its.side == side)
    if (await connection.scalar(select(func.count()).where(theirs)) or 0) >= MOST_STATEMENTS:
        raise InvalidClaim("evidence", MOST_STATEMENTS, "no more statements of one side in one file")


async def append(connection: AsyncConnection, book_id: int, claim_id: int, by: By, said: Statement) -> None:
    """Put a checked statement into the file of a claim whose row the caller holds."""
    values = {**msgspec.structs.asdict(said), "statement": said.statement.strip()}
    await connection.execute(
        _APPEND, {"book_id": book_id, "claim_id": claim_id, "side": by.side, "actor": by.actor, **values}
    )


def check(said: Statement) -> None:
    """Raises InvalidClaim."""
    check_text(said.statement, InvalidClaim, "statement", most=5000)
    if said.url is not None and not _is_address(said.url):
        raise InvalidClaim("url", said.url, f"http(s)://host/…, at most {_LONGEST_URL} characters")
    if said.sha256 is not None and not _SHA256.fullmatch(said.sha256):
        raise InvalidClaim("sha256", said.sha256, "64 hexadecimal digits, in lower case")


def _is_address(url: str) -> bool:
    try:
        parts = urlsplit(url)
    except ValueError:
        return False
    plain = url.isprintable() and " " not in url and storable(url) and len(url) <= _LONGEST_URL
    return plain and parts.scheme in {"http", "https"} and bool(parts.hostname)
