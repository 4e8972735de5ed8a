"""The tables of payouts as SQLAlchemy Core sees them.

What they mean and the rules they hold stand in `migrations/sql/0009_payouts.up.sql`.
"""

from sqlalchemy import (
    ARRAY,
    BigInteger,
    Boolean,
    Column,
    Date,
    ForeignKey,
    ForeignKeyConstraint,
    Index,
    Integer,
    LargeBinary,
    PrimaryKeyConstraint,
    SmallInteger,
    Table,
    Text,
    UniqueConstraint,
    text,
)
from sqlalchemy.dialects.postgresql import JSONB

from media.columns import ASCII, INSTANT, NAMES, book, made, number
from settlement.tables import metadata

payout_accounts = Table(
    "payout_accounts",
    metadata,
    number("account_id", primary_key=True),
    Column("party_id", BigInteger),
    Column("book_id", BigInteger),
    Column("rail", ASCII, nullable=False),
    Column("destination", ASCII, nullable=False),
    Column("country", ASCII, nullable=False),
    Column("currencies", NAMES, nullable=False),
    Column("state", ASCII, nullable=False, server_default="pending"),
    Column("blocking", JSONB, nullable=False, server_default=text("'[]'")),
    Column("details", JSONB, nullable=False, server_default=text("'{}'")),
    Column("created_by", Text, nullable=False),
    made("created_at"),
    Column("refreshed_at", INSTANT),
    Index(
        "payout_accounts_of_party",
        "party_id",
        "rail",
        unique=True,
        postgresql_where=text("party_id IS NOT NULL AND state <> 'closed'"),
    ),
    Index(
        "payout_accounts_of_book",
        "book_id",
        "rail",
        unique=True,
        postgresql_where=text("book_id IS NOT NULL AND state <> 'closed'"),
    ),
    Index("payout_accounts_by_destination", "rail", "destination"),
)

payout_schedules = Table(
    "payout_schedules",
    metadata,
    Column("book_id", BigInteger, primary_key=True, autoincrement=False),
    Column("cadence", ASCII, nullable=False),
    Column("days", ARRAY(SmallInteger), nullable=False),
    Column("hour", SmallInteger, nullable=False),
    Column("business_day", ASCII, nullable=False, server_default="next"),
    Column("holidays", ARRAY(Date), nullable=False, server_default=text("'{}'")),
    Column("rail", ASCII, nullable=False, server_default="stripe"),
    Column("basis", ASCII, nullable=False, server_default="statement"),
    Column("active", Boolean, nullable=False, server_default=text("true")),
    Column("last_due", Date),
    Column("updated_by", Text, nullable=False),
    made("updated_at"),
)

payout_runs = Table(
    "payout_runs",
    metadata,
    book(),
    number("run_id"),
    Column("rail", ASCII, nullable=False),
    Column("basis", ASCII, nullable=False),
    Column("due_on", Date),
    Column("pay_on", Date, nullable=False),
    Column("state", ASCII, nullable=False, server_default="draft"),
    Column("halted", Text),
    Column("submitted_by", BigInteger),
    Column("created_by", Text, nullable=False),
    made("created_at"),
    Column("finished_at", INSTANT),
    Column("approved_by", BigInteger),
    PrimaryKeyConstraint("book_id", "run_id"),
    Index("payout_runs_due", "book_id", "due_on", unique=True, postgresql_where=text("state <> 'cancelled'")),
    Index("payout_runs_open", "book_id", "run_id", postgresql_where=text("state IN ('sending', 'halted')")),
)

payout_run_events = Table(
    "payout_run_events",
    metadata,
    book(),
    Column("run_id", BigInteger, nullable=False),
    Column("event_no", Integer, nullable=False),
    Column("action", ASCII, nullable=False),
    Column("state", ASCII, nullable=False),
    Column("user_id", BigInteger),
    Column("actor", Text, nullable=False),
    Column("reason", Text),
    Column("detail", JSONB, nullable=False, server_default=text("'{}'")),
    made("at"),
    PrimaryKeyConstraint("book_id", "run_id", "event_no"),
    ForeignKeyConstraint(
        ["book_id", "run_id"], [payout_runs.c.book_id, payout_runs.c.run_id], name="payout_run_events_run"
    ),
)

bank_accounts = Table(
    "bank_accounts",
    metadata,
    book(),
    Column("currency", ASCII, nullable=False),
    Column("details", JSONB, nullable=False),
    Column("updated_by", Text, nullable=False),
    made("updated_at"),
    PrimaryKeyConstraint("book_id", "currency"),
)

payout_files = Table(
    "payout_files",
    metadata,
    book(),
    number("file_id"),
    Column("run_id", BigInteger, nullable=False),
    Column("message_id", ASCII, nullable=False),
    Column("sha256", ASCII, nullable=False),
    Column("content", LargeBinary, nullable=False),
    Column("payments", Integer, nullable=False),
    Column("totals", JSONB, nullable=False),
    Column("execute_on", Date, nullable=False),
    Column("user_id", BigInteger, nullable=False),
    Column("made_by", Text, nullable=False),
    made("made_at"),
    PrimaryKeyConstraint("book_id", "file_id"),
    ForeignKeyConstraint(["book_id", "run_id"], [payout_runs.c.book_id, payout_runs.c.run_id], name="payout_files_run"),
    UniqueConstraint("book_id", "message_id", name="payout_files_message"),
    Index("payout_files_of_run", "book_id", "run_id"),
)

payouts = Table(
    "payouts",
    metadata,
    book(),
    number("payout_id"),
    Column("run_id", BigInteger, nullable=False),
    Column("party", ASCII, nullable=False),
    Column("currency", ASCII, nullable=False),
    Column("taken", BigInteger, nullable=False),
    Column("recovery", BigInteger, nullable=False, server_default="0"),
    Column("withheld", BigInteger, nullable=False, server_default="0"),
    Column("amount", BigInteger, nullable=False),
    Column("rail", ASCII, nullable=False),
    Column("account_id", BigInteger, ForeignKey(payout_accounts.c.account_id)),
    Column("destination", ASCII),
    Column("state", ASCII, nullable=False, server_default="planned"),
    Column("key", ASCII),
    Column("transfer_group", ASCII),
    Column("request_sha256", ASCII),
    Column("generation", SmallInteger, nullable=False, server_default="1"),
    Column("attempts", SmallInteger, nullable=False, server_default="0"),
    Column("first_sent_at", INSTANT),
    Column("leased_until", INSTANT),
    Column("next_attempt_at", INSTANT),
    Column("reference", ASCII),
    Column("code", ASCII),
    Column("reason", Text),
    Column("fixed_by", ASCII),
    Column("approval_entry", BigInteger),
    Column("recovery_entry", BigInteger),
    Column("withheld_entry", BigInteger),
    Column("sent_entry", BigInteger),
    Column("paid_entry", BigInteger),
    Column("returned_entry", BigInteger),
    Column("sent_at", INSTANT),
    Column("ended_at", INSTANT),
    Column("returned", BigInteger, nullable=False, server_default="0"),
    Column("file_id", BigInteger),
    PrimaryKeyConstraint("book_id", "payout_id"),
    ForeignKeyConstraint(["book_id", "run_id"], [payout_runs.c.book_id, payout_runs.c.run_id], name="payouts_run"),
    ForeignKeyConstraint(["book_id", "file_id"], [payout_files.c.book_id, payout_files.c.file_id], name="payouts_file"),
    UniqueConstraint("book_id", "run_id", "party", "currency", name="payouts_party"),
    Index("payouts_key", "book_id", "key", unique=True, postgresql_where=text("key IS NOT NULL")),
    Index("payouts_to_send", "book_id", "payout_id", postgresql_where=text("state IN ('ready', 'sending', 'unknown')")),
    Index("payouts_filed", "book_id", "run_id", postgresql_where=text("state = 'filed'")),
    Index("payouts_by_reference", "reference", postgresql_where=text("reference IS NOT NULL")),
    Index("payouts_by_group", "transfer_group", postgresql_where=text("transfer_group IS NOT NULL")),
    Index("payouts_of_party", "party", "payout_id"),
)

payout_events = Table(
    "payout_events",
    metadata,
    book(),
    Column("payout_id", BigInteger, nullable=False),
    Column("event_no", Integer, nullable=False),
    Column("action", ASCII, nullable=False),
    Column("state", ASCII, nullable=False),
    Column("detail", JSONB, nullable=False, server_default=text("'{}'")),
    made("at"),
    PrimaryKeyConstraint("book_id", "payout_id", "event_no"),
    ForeignKeyConstraint(
        ["book_id", "payout_id"], [payouts.c.book_id, payouts.c.payout_id], name="payout_events_payout"
    ),
)

payout_file_lines = Table(
    "payout_file_lines",
    metadata,
    book(),
    Column("key", ASCII, nullable=False),
    Column("file_id", BigInteger, nullable=False),
    Column("payout_id", BigInteger, nullable=False),
    Column("batch_id", ASCII, nullable=False),
    Column("amount", BigInteger, nullable=False),
    Column("currency", ASCII, nullable=False),
    Column("told", ASCII),
    Column("told_at", INSTANT),
    PrimaryKeyConstraint("book_id", "key"),
    ForeignKeyConstraint(
        ["book_id", "file_id"], [payout_files.c.book_id, payout_files.c.file_id], name="payout_file_lines_file"
    ),
    ForeignKeyConstraint(
        ["book_id", "payout_id"], [payouts.c.book_id, payouts.c.payout_id], name="payout_file_lines_payout"
    ),
    Index("payout_file_lines_of_file", "book_id", "file_id"),
    Index("payout_file_lines_of_payout", "book_id", "payout_id"),
)

payout_file_answers = Table(
    "payout_file_answers",
    metadata,
    book(),
    Column("file_id", BigInteger, nullable=False),
    Column("sha256", ASCII, nullable=False),
    Column("content", LargeBinary, nullable=False),
    Column("outcome", JSONB, nullable=False),
    Column("received_by", Text, nullable=False),
    made("received_at"),
    PrimaryKeyConstraint("book_id", "file_id", "sha256"),
    ForeignKeyConstraint(
        ["book_id", "file_id"], [payout_files.c.book_id, payout_files.c.file_id], name="payout_file_answers_file"
    ),
)

rail_events = Table(
    "rail_events",
    metadata,
    Column("event_id", ASCII, primary_key=True),
    Column("rail", ASCII, nullable=False),
    Column("kind", ASCII, nullable=False),
    Column("account", ASCII),
    Column("object_id", ASCII),
    Column("created_at", INSTANT, nullable=False),
    Column("payload", JSONB, nullable=False),
    made("received_at"),
    Column("deliveries", Integer, nullable=False, server_default="1"),
    Column("processed_at", INSTANT),
    Column("outcome", Text),
    Column("attempts", SmallInteger, nullable=False, server_default="0"),
    Index("rail_events_waiting", "received_at", postgresql_where=text("processed_at IS NULL")),
)

rail_sweeps = Table(
    "rail_sweeps",
    metadata,
    Column("rail", ASCII, nullable=False),
    Column("what", ASCII, nullable=False),
    Column("through", INSTANT, nullable=False),
    made("swept_at"),
    PrimaryKeyConstraint("rail", "what"),
)

rail_halts = Table(
    "rail_halts",
    metadata,
    Column("rail", ASCII, nullable=False),
    made("halted_at"),
    Column("reason", Text, nullable=False),
    Column("ended_at", INSTANT),
    Column("ended_by", Text),
    PrimaryKeyConstraint("rail", "halted_at"),
)
