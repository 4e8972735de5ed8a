"""Whether a certificate holds, told to anybody who has its number, and nothing else."""

from datetime import datetime, timedelta
from typing import Literal

import msgspec
from sqlalchemy import func, select
from sqlalchemy.ext.asyncio import AsyncConnection

from licensing.certificates.facts import Certificate, certificate_by_number
from licensing.certificates.numbers import number_of
from licensing.tables import grant_changes, grants

Status = Literal["valid", "revoked", "unknown"]


class CertificateVerdict(msgspec.Struct, frozen=True):
    """`valid`: in force, or within the days after its end in which sales still pay. `revoked`: it was in force and is
    not now, be it revoked, resigned, suspended or run out. `unknown`: no certificate of this number has come into
    force.

    `matches`: whether the hash that was asked about is that of the certificate as it stands; null if none was.
    """

    status: Status
    checked_at: datetime
    matches: bool | None


async def verify(connection: AsyncConnection, said: str, sha256: str | None = None) -> CertificateVerdict:
    """What there is to say of a number as somebody has typed it, and of the hash on the paper in hand."""
    now: datetime = (await connection.execute(select(func.now()))).scalar_one()
    number = number_of(said)
    found = None if number is None else await certificate_by_number(connection, number)
    standing = None if found is None else await _standing(connection, found)
    status = "unknown" if found is None or standing is None else status_at(found, standing, now)
    if sha256 is None:
        return CertificateVerdict(status, now, None)
    matches = found is not None and status != "unknown" and sha256.strip().lower() == found.sha256
    return CertificateVerdict(status, now, matches)


def status_at(certificate: Certificate, standing: str, now: datetime) -> Status:
    """`standing` is the grant's state, or where that is expired, the state in which its time ran out.

    What has run out is judged by the clock alone, so that nothing depends on when the job that marks it has run.
    """
    facts = certificate.facts
    if now < facts.starts_at:
        return "unknown"
    if standing != "active":
        return "revoked"
    if facts.ends_at is None:
        return "valid" if certificate.state == "active" else "revoked"
    return "valid" if now - timedelta(days=facts.terms.tail_days) < facts.ends_at else "revoked"


async def _standing(connection: AsyncConnection, certificate: Certificate) -> str | None:
    if certificate.state != "expired":
        return certificate.state
    change = grant_changes.c
    of_grant = (change.book_id == grants.c.book_id) & (change.grant_id == grants.c.grant_id)
    before = (
        select(change.state)
        .select_from(grant_changes.join(grants, of_grant))
        .where(grants.c.certificate_no == certificate.facts.number, change.state != "expired")
        .order_by(change.change_no.desc())
        .limit(1)
    )
    state: str | None = await connection.scalar(before)
    return state
