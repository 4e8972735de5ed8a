"""The tables of reconciliation as SQLAlchemy Core sees them.

What they mean and the rules they hold stand in `migrations/sql/0011_reconciliation.up.sql`.
"""

from sqlalchemy import (
    ARRAY,
    BigInteger,
    Column,
    Date,
    ForeignKeyConstraint,
    Identity,
    Index,
    Integer,
    PrimaryKeyConstraint,
    SmallInteger,
    Table,
    Text,
    UniqueConstraint,
    text,
)
from sqlalchemy.dialects.postgresql import JSONB

from media.columns import ASCII, INSTANT, book, made, number
from settlement.tables import metadata

bank_files = Table(
    "bank_files",
    metadata,
    book(),
    number("file_id"),
    Column("name", Text, nullable=False),
    Column("sha256", ASCII, nullable=False),
    Column("size", BigInteger, nullable=False),
    Column("key", ASCII, nullable=False),
    Column("format", ASCII, nullable=False),
    Column("lines", Integer, nullable=False),
    Column("new_lines", Integer, nullable=False),
    Column("parked", Integer, nullable=False),
    Column("statements", JSONB, nullable=False, server_default=text("'[]'")),
    Column("created_by", Text, nullable=False),
    made("created_at"),
    PrimaryKeyConstraint("book_id", "file_id"),
    UniqueConstraint("book_id", "sha256", name="bank_files_sha256"),
)

bank_file_faults = Table(
    "bank_file_faults",
    metadata,
    book(),
    Column("file_id", BigInteger, nullable=False),
    Column("row_no", Integer, nullable=False),
    Column("value", Text),
    Column("rule", Text, nullable=False),
    Column("raw", ARRAY(Text), nullable=False),
    PrimaryKeyConstraint("book_id", "file_id", "row_no"),
    ForeignKeyConstraint(
        ["book_id", "file_id"], [bank_files.c.book_id, bank_files.c.file_id], name="bank_file_faults_file"
    ),
)

external_lines = Table(
    "external_lines",
    metadata,
    book(),
    number("line_id"),
    Column("source", ASCII, nullable=False),
    Column("account", ASCII, nullable=False),
    Column("external_id", ASCII, nullable=False),
    Column("kind", ASCII, nullable=False),
    Column("amount", BigInteger, nullable=False),
    Column("currency", ASCII, nullable=False),
    Column("booked_on", Date, nullable=False),
    Column("value_on", Date, nullable=False),
    Column("counterparty", Text, nullable=False),
    Column("description", Text, nullable=False),
    Column("reference", ASCII, nullable=False),
    Column("payment_group", ASCII, nullable=False),
    Column("bank_reference", ASCII, nullable=False),
    Column("return_reason", ASCII),
    Column("file_id", BigInteger),
    made("imported_at"),
    PrimaryKeyConstraint("book_id", "line_id"),
    UniqueConstraint("book_id", "source", "account", "external_id", name="external_lines_once"),
    ForeignKeyConstraint(
        ["book_id", "file_id"], [bank_files.c.book_id, bank_files.c.file_id], name="external_lines_file"
    ),
    Index("external_lines_by_day", "book_id", "source", "currency", "booked_on"),
    Index("external_lines_by_reference", "book_id", "reference", postgresql_where=text("reference <> ''")),
)

platform_lines = Table(
    "platform_lines",
    metadata,
    number("line_id", primary_key=True),
    Column("source", ASCII, nullable=False),
    Column("account", ASCII, nullable=False),
    Column("external_id", ASCII, nullable=False),
    Column("kind", ASCII, nullable=False),
    Column("amount", BigInteger, nullable=False),
    Column("currency", ASCII, nullable=False),
    Column("moved_at", INSTANT, nullable=False),
    Column("value_on", Date, nullable=False),
    Column("reference", ASCII, nullable=False),
    Column("description", Text, nullable=False),
    made("imported_at"),
    Column("book_id", BigInteger),
    Column("assigned_by", Text),
    Column("assigned_at", INSTANT),
    Column("reason", Text),
    UniqueConstraint("source", "account", "external_id", name="platform_lines_once"),
)

reconciliations = Table(
    "reconciliations",
    metadata,
    book(),
    number("reconciliation_id"),
    Column("account", ASCII, nullable=False),
    Column("currency", ASCII, nullable=False),
    Column("month", Date, nullable=False),
    Column("state", ASCII, nullable=False, server_default="draft"),
    Column("sums", JSONB),
    Column("run_at", INSTANT),
    Column("asked_at", INSTANT),
    Column("submitted_by", BigInteger),
    Column("signed_by", BigInteger),
    Column("created_by", Text, nullable=False),
    made("created_at"),
    PrimaryKeyConstraint("book_id", "reconciliation_id"),
    UniqueConstraint("book_id", "account", "currency", "month", name="reconciliations_once"),
    Index("reconciliations_asked", "book_id", postgresql_where=text("asked_at IS NOT NULL")),
)

_OF = ["book_id", "reconciliation_id"]
_RECONCILIATION = [reconciliations.c.book_id, reconciliations.c.reconciliation_id]

reconciliation_events = Table(
    "reconciliation_events",
    metadata,
    book(),
    Column("reconciliation_id", BigInteger, nullable=False),
    Column("event_no", Integer, nullable=False),
    Column("action", ASCII, nullable=False),
    Column("state", ASCII, nullable=False),
    Column("user_id", BigInteger),
    Column("actor", Text, nullable=False),
    Column("reason", Text),
    Column("detail", JSONB, nullable=False, server_default=text("'{}'")),
    made("at"),
    PrimaryKeyConstraint("book_id", "reconciliation_id", "event_no"),
    ForeignKeyConstraint(_OF, _RECONCILIATION, name="reconciliation_events_of"),
)

matches = Table(
    "matches",
    metadata,
    book(),
    Column("match_id", BigInteger, Identity(always=False), nullable=False),
    Column("reconciliation_id", BigInteger, nullable=False),
    Column("rule", ASCII, nullable=False),
    Column("confidence", SmallInteger, nullable=False),
    Column("reason", Text),
    Column("ledger_amount", BigInteger, nullable=False),
    Column("outside_amount", BigInteger, nullable=False),
    Column("made_by", Text, nullable=False),
    made("made_at"),
    Column("undone_by", Text),
    Column("undone_at", INSTANT),
    Column("undone_reason", Text),
    Column("members", JSONB(none_as_null=True)),
    PrimaryKeyConstraint("book_id", "match_id"),
    ForeignKeyConstraint(_OF, _RECONCILIATION, name="matches_of"),
    Index("matches_of_reconciliation", "book_id", "reconciliation_id", "match_id"),
)

matched_postings = Table(
    "matched_postings",
    metadata,
    book(),
    Column("entry_id", BigInteger, nullable=False),
    Column("line", Integer, nullable=False),
    Column("match_id", BigInteger, nullable=False),
    PrimaryKeyConstraint("book_id", "entry_id", "line"),
    Index("matched_postings_of_match", "book_id", "match_id"),
)

matched_lines = Table(
    "matched_lines",
    metadata,
    book(),
    Column("line_id", BigInteger, nullable=False),
    Column("match_id", BigInteger, nullable=False),
    PrimaryKeyConstraint("book_id", "line_id"),
    Index("matched_lines_of_match", "book_id", "match_id"),
)

residuals = Table(
    "residuals",
    metadata,
    book(),
    number("residual_id"),
    Column("reconciliation_id", BigInteger, nullable=False),
    Column("key", ASCII, nullable=False),
    Column("kind", ASCII, nullable=False),
    Column("owner", ASCII, nullable=False),
    Column("since", Date, nullable=False),
    Column("currency", ASCII),
    Column("ledger_amount", BigInteger, nullable=False),
    Column("outside_amount", BigInteger, nullable=False),
    Column("match_id", BigInteger),
    Column("members", JSONB, nullable=False),
    Column("said", Text, nullable=False),
    Column("proposal", JSONB(none_as_null=True)),
    Column("explanation", Text),
    Column("explained_by", Text),
    Column("explained_at", INSTANT),
    Column("entry_id", BigInteger),
    Column("posted_by", Text),
    PrimaryKeyConstraint("book_id", "residual_id"),
    UniqueConstraint("book_id", "reconciliation_id", "key", name="residuals_key"),
    ForeignKeyConstraint(_OF, _RECONCILIATION, name="residuals_of"),
)
