"""Password sessions, kept by the server.

The cookie holds 256 random bits, the database their SHA-256. A session ends when idle for IDLE, at the latest
after LONGEST, on logging out, and when its user is disabled or changes the password. The CSRF token is a MAC
under the session's own token (the synchronizer token pattern, with nothing more to store).
"""

import hashlib
import hmac
import secrets
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import delete, func, text
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncConnection

from clipledger.access import errors
from clipledger.access.principal import Principal, grants_of_roles
from clipledger.access.tables import sessions

IDLE = timedelta(hours=8)
LONGEST = timedelta(days=7)
_LONGEST_USER_AGENT = 500

_FIND = text("""
    SELECT s.session_id, s.user_id, u.email, s.last_seen_at < now() - interval '1 minute' AS stale,
           (SELECT coalesce(jsonb_agg(jsonb_build_array(g.role, g.book_id)), '[]')
            FROM clipledger.role_grants g WHERE g.user_id = s.user_id) AS roles
    FROM clipledger.sessions s JOIN clipledger.users u USING (user_id)
    WHERE s.token_hash = :token_hash AND s.expires_at > now() AND s.last_seen_at > now() - :idle
      AND u.disabled_at IS NULL
""")
_TOUCH = text("UPDATE clipledger.sessions SET last_seen_at = now() WHERE session_id = :session_id")
_FORGET = text("DELETE FROM clipledger.sessions WHERE expires_at <= now() OR last_seen_at <= now() - :idle")


@dataclass(frozen=True)
class OpenedSession:
    """`token` goes into the cookie and nowhere else; `csrf_token` to the page that will send it back."""

    session_id: int
    token: str
    csrf_token: str
    expires_at: datetime


async def open_session(
    connection: AsyncConnection, user_id: int, ip: str | None = None, user_agent: str = ""
) -> OpenedSession:
    """For a user whose password has just been checked."""
    token = secrets.token_urlsafe(32)
    row = insert(sessions).values(
        user_id=user_id,
        token_hash=_digest(token),
        expires_at=func.now() + LONGEST,
        ip=ip,
        user_agent=user_agent[:_LONGEST_USER_AGENT],
    )
    stored = await connection.execute(row.returning(sessions.c.session_id, sessions.c.expires_at))
    session_id, expires_at = stored.one()
    return OpenedSession(session_id, token, csrf_token(token), expires_at)


async def authenticate_session(connection: AsyncConnection, token: str) -> Principal:
    """Also notes, at most once a minute, that the session is in use. Raises InvalidSession."""
    found = await connection.execute(_FIND, {"token_hash": _digest(token), "idle": IDLE})
    row = found.mappings().first()
    if row is None:
        raise errors.InvalidSession
    if row["stale"]:
        await connection.execute(_TOUCH, {"session_id": row["session_id"]})
    grants = grants_of_roles(row["roles"])
    return Principal(f"user:{row['user_id']}", row["user_id"], row["email"], grants, row["session_id"])


async def end_session(connection: AsyncConnection, session_id: int) -> None:
    """Log out."""
    await connection.execute(delete(sessions).where(sessions.c.session_id == session_id))


async def end_sessions_of(connection: AsyncConnection, user_id: int) -> None:
    """Log out everywhere."""
    await connection.execute(delete(sessions).where(sessions.c.user_id == user_id))


async def forget_expired_sessions(connection: AsyncConnection) -> int:
    """Delete what no cookie can revive; returns how many."""
    return (await connection.execute(_FORGET, {"idle": IDLE})).rowcount


def csrf_token(token: str) -> str:
    """The CSRF token of the session with this token."""
    return hmac.new(token.encode(), b"csrf", hashlib.sha256).hexdigest()


def csrf_matches(token: str, presented: str) -> bool:
    """Whether `presented` is the CSRF token of this session, in constant time."""
    return hmac.compare_digest(csrf_token(token).encode(), presented.encode())


def _digest(token: str) -> bytes:
    return hashlib.sha256(token.encode()).digest()
