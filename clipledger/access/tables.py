"""The tables of migration 0002: schema `clipledger`, users to idempotency records."""

from sqlalchemy import (
    ARRAY,
    BigInteger,
    CheckConstraint,
    Column,
    DateTime,
    ForeignKey,
    Identity,
    Index,
    LargeBinary,
    MetaData,
    SmallInteger,
    Table,
    Text,
    UniqueConstraint,
    func,
)
from sqlalchemy.dialects.postgresql import INET, JSONB

from ledger.tables import books

metadata = MetaData(schema="clipledger")

_ASCII = Text(collation="C")
_NOW = func.now()


def _identity(name: str) -> Column[int]:
    return Column(name, BigInteger, Identity(always=True), primary_key=True)


def _moment(name: str, *, required: bool = True) -> Column[object]:
    return Column(name, DateTime(timezone=True), nullable=not required, server_default=_NOW if required else None)


users = Table(
    "users",
    metadata,
    _identity("user_id"),
    Column("email", _ASCII, CheckConstraint("email = lower(email) AND length(email) <= 254"), nullable=False),
    Column("name", Text, CheckConstraint("length(name) <= 200"), nullable=False),
    Column("password_hash", Text, nullable=False),
    _moment("created_at"),
    _moment("password_changed_at"),
    _moment("disabled_at", required=False),
    UniqueConstraint("email", name="users_email"),
)

role_grants = Table(
    "role_grants",
    metadata,
    _identity("role_grant_id"),
    Column("user_id", BigInteger, ForeignKey(users.c.user_id), nullable=False),
    Column("role", _ASCII, nullable=False),
    Column("book_id", BigInteger, ForeignKey(books.c.book_id)),
    _moment("granted_at"),
    UniqueConstraint("user_id", "role", "book_id", name="role_grants_once", postgresql_nulls_not_distinct=True),
    CheckConstraint("(role = 'operator') = (book_id IS NULL)", name="role_grants_place"),
)

sessions = Table(
    "sessions",
    metadata,
    _identity("session_id"),
    Column("user_id", BigInteger, ForeignKey(users.c.user_id), nullable=False),
    Column("token_hash", LargeBinary, CheckConstraint("length(token_hash) = 32"), nullable=False),
    _moment("created_at"),
    _moment("last_seen_at"),
    Column("expires_at", DateTime(timezone=True), nullable=False),
    Column("ip", INET),
    Column("user_agent", Text, CheckConstraint("length(user_agent) <= 500"), nullable=False),
    UniqueConstraint("token_hash", name="sessions_token_hash"),
    Index("sessions_of_user", "user_id"),
    Index("sessions_expiry", "expires_at"),
)

api_keys = Table(
    "api_keys",
    metadata,
    _identity("key_id"),
    Column("user_id", BigInteger, ForeignKey(users.c.user_id), nullable=False),
    Column("prefix", _ASCII, nullable=False),
    Column("secret_hash", LargeBinary, CheckConstraint("length(secret_hash) = 32"), nullable=False),
    Column("name", Text, CheckConstraint("length(name) BETWEEN 1 AND 200"), nullable=False),
    Column("scopes", ARRAY(Text), CheckConstraint("cardinality(scopes) >= 1"), nullable=False),
    Column("book_id", BigInteger, ForeignKey(books.c.book_id)),
    _moment("created_at"),
    _moment("expires_at", required=False),
    _moment("revoked_at", required=False),
    _moment("last_used_at", required=False),
    UniqueConstraint("prefix", name="api_keys_prefix"),
    Index("api_keys_of_user", "user_id", "key_id"),
)

audit_events = Table(
    "audit_events",
    metadata,
    _identity("event_id"),
    _moment("at"),
    Column("actor", Text, nullable=False),
    Column("action", Text, nullable=False),
    Column("book_id", BigInteger),
    Column("subject", Text, nullable=False),
    Column("detail", JSONB, CheckConstraint("jsonb_typeof(detail) = 'object'"), nullable=False),
    Column("request_id", Text),
    Column("ip", INET),
    Index("audit_events_of_book", "book_id", "event_id"),
)

idempotency_records = Table(
    "idempotency_records",
    metadata,
    Column("principal", _ASCII, primary_key=True),
    Column("key", _ASCII, CheckConstraint("length(key) BETWEEN 1 AND 255"), primary_key=True),
    Column("route", Text, nullable=False),
    Column("request_hash", LargeBinary, CheckConstraint("length(request_hash) = 32"), nullable=False),
    Column("status", SmallInteger, CheckConstraint("status BETWEEN 200 AND 299"), nullable=False),
    Column("headers", JSONB, nullable=False),
    Column("body", LargeBinary, nullable=False),
    _moment("created_at"),
    Index("idempotency_records_age", "created_at"),
)
