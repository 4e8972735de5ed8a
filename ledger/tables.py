"""The ledger's tables as SQLAlchemy Core sees them.

What they mean and the rules they hold stand in `migrations/sql/0001_ledger.up.sql`.
"""

from typing import Any

from sqlalchemy import (
    BigInteger,
    Column,
    Computed,
    Date,
    DateTime,
    ForeignKey,
    ForeignKeyConstraint,
    Identity,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    PrimaryKeyConstraint,
    SmallInteger,
    Table,
    Text,
    UniqueConstraint,
    text,
)
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.dialects.postgresql.base import ischema_names
from sqlalchemy.types import UserDefinedType

metadata = MetaData(schema="ledger")

_TEXT = Text(collation="C")
_NOW = text("now()")
_INSTANT = DateTime(timezone=True)


class TransactionId(UserDefinedType[str]):
    """PostgreSQL's `xid8`, the 64-bit number of a transaction, read as text."""

    cache_ok = True

    def get_col_spec(self, **_: Any) -> str:
        """The column's type in SQL."""
        return "xid8"


ischema_names["xid8"] = TransactionId  # or reflection, and with it `alembic check`, would not know the type

currencies = Table(
    "currencies",
    metadata,
    Column("code", _TEXT, primary_key=True),
    Column("exponent", SmallInteger, nullable=False),
)

books = Table(
    "books",
    metadata,
    Column("book_id", BigInteger, Identity(always=True), primary_key=True),
    Column("slug", _TEXT, nullable=False, unique=True),
    Column("name", Text, nullable=False),
    Column("time_zone", Text, nullable=False),
    Column("opened_at", _INSTANT, nullable=False, server_default=_NOW),
)

_KIND = """
    CASE split_part(code, ':', 1)
        WHEN 'assets' THEN 'asset'
        WHEN 'liabilities' THEN 'liability'
        WHEN 'income' THEN 'income'
        WHEN 'expenses' THEN 'expense'
        WHEN 'equity' THEN 'equity'
    END"""

accounts = Table(
    "accounts",
    metadata,
    Column("book_id", BigInteger, ForeignKey("ledger.books.book_id"), nullable=False),
    Column("account_id", BigInteger, Identity(always=True), nullable=False),
    Column("code", _TEXT, nullable=False),
    Column("currency", _TEXT, ForeignKey("ledger.currencies.code"), nullable=False),
    Column("kind", _TEXT, Computed(_KIND, persisted=True), nullable=False),
    Column("stripes", SmallInteger, nullable=False, server_default="1"),
    Column("opened_at", _INSTANT, nullable=False, server_default=_NOW),
    PrimaryKeyConstraint("book_id", "account_id"),
    UniqueConstraint("book_id", "code", "currency", name="accounts_code"),
    Index("accounts_number", "account_id"),
)

entries = Table(
    "entries",
    metadata,
    Column("book_id", BigInteger, nullable=False),
    Column("entry_id", BigInteger, nullable=False),
    Column("idempotency_key", _TEXT, nullable=False),
    Column("effective_on", Date, nullable=False),
    Column("period", Date, nullable=False),
    Column("recorded_at", _INSTANT, nullable=False, server_default=_NOW),
    Column("description", Text, nullable=False),
    Column("metadata", JSONB, nullable=False, server_default="{}"),
    Column("reverses", BigInteger),
    Column("line_count", Integer, nullable=False),
    Column("digest", LargeBinary, nullable=False),
    Column("transaction_id", TransactionId, nullable=False, server_default=text("pg_current_xact_id()")),
    PrimaryKeyConstraint("book_id", "entry_id"),
    UniqueConstraint("book_id", "idempotency_key", name="entries_idempotency_key"),
    ForeignKeyConstraint(
        ["book_id", "reverses"],
        ["ledger.entries.book_id", "ledger.entries.entry_id"],
        name="entries_reverses",
    ),
    Index(
        "entries_reversed_once",
        "book_id",
        "reverses",
        unique=True,
        postgresql_where=text("reverses IS NOT NULL"),
    ),
    Index("entries_periods", "book_id", "period", postgresql_where=text("line_count > 0")),
    Index(
        "entries_sealing_order",
        "book_id",
        "transaction_id",
        "entry_id",
        postgresql_where=text("line_count > 0"),
    ),
)

postings = Table(
    "postings",
    metadata,
    Column("book_id", BigInteger, nullable=False),
    Column("entry_id", BigInteger, nullable=False),
    Column("account_id", BigInteger, nullable=False),
    Column("amount", BigInteger, nullable=False),
    Column("line", Integer, nullable=False),
    Column("effective_on", Date, nullable=False),
    Column("period", Date, nullable=False),
    Column("currency", _TEXT, nullable=False),
    PrimaryKeyConstraint("book_id", "entry_id", "line"),
    Index("postings_of_account", "book_id", "account_id", "effective_on", "entry_id", "line"),
)

movements = Table(
    "movements",
    metadata,
    Column("book_id", BigInteger, nullable=False),
    Column("account_id", BigInteger, nullable=False),
    Column("period", Date, nullable=False),
    Column("effective_on", Date, nullable=False),
    Column("recorded_on", Date, nullable=False),
    Column("stripe", SmallInteger, nullable=False),
    Column("amount", BigInteger, nullable=False),
    PrimaryKeyConstraint("book_id", "account_id", "period", "effective_on", "recorded_on", "stripe"),
)

period_locks = Table(
    "period_locks",
    metadata,
    Column("book_id", BigInteger, ForeignKey("ledger.books.book_id"), nullable=False),
    Column("period", Date, nullable=False),
    Column("locked_at", _INSTANT, nullable=False, server_default=_NOW),
    Column("locked_by", Text, nullable=False),
    PrimaryKeyConstraint("book_id", "period"),
)

period_reopenings = Table(
    "period_reopenings",
    metadata,
    Column("book_id", BigInteger, ForeignKey("ledger.books.book_id"), nullable=False),
    Column("period", Date, nullable=False),
    Column("locked_at", _INSTANT, nullable=False),
    Column("locked_by", Text, nullable=False),
    Column("reopened_at", _INSTANT, nullable=False, server_default=_NOW),
    Column("reopened_by", Text, nullable=False),
    Column("reason", Text, nullable=False),
    PrimaryKeyConstraint("book_id", "period", "locked_at"),
)

seals = Table(
    "seals",
    metadata,
    Column("book_id", BigInteger, ForeignKey("ledger.books.book_id"), nullable=False),
    Column("seal_no", Integer, nullable=False),
    Column("entry_count", Integer, nullable=False),
    Column("merkle_root", LargeBinary, nullable=False),
    Column("seal_hash", LargeBinary, nullable=False),
    Column("last_transaction_id", TransactionId, nullable=False),
    Column("last_entry_id", BigInteger, nullable=False),
    Column("sealed_at", _INSTANT, nullable=False, server_default=_NOW),
    PrimaryKeyConstraint("book_id", "seal_no"),
)

sealed_entries = Table(
    "sealed_entries",
    metadata,
    Column("book_id", BigInteger, nullable=False),
    Column("seal_no", Integer, nullable=False),
    Column("leaf_no", Integer, nullable=False),
    Column("entry_id", BigInteger, nullable=False),
    Column("leaf_hash", LargeBinary, nullable=False),
    PrimaryKeyConstraint("book_id", "seal_no", "leaf_no"),
    UniqueConstraint("book_id", "entry_id", name="sealed_once"),
)
