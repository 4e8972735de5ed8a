"""The room's tables as SQLAlchemy Core sees them.

What they mean and the rules they hold stand in `migrations/sql/0006_settlement.up.sql`.
"""

from sqlalchemy import (
    ARRAY,
    BigInteger,
    Boolean,
    Column,
    Date,
    DateTime,
    ForeignKeyConstraint,
    Identity,
    Index,
    Integer,
    MetaData,
    PrimaryKeyConstraint,
    SmallInteger,
    Table,
    Text,
    UniqueConstraint,
    Uuid,
    text,
)
from sqlalchemy.dialects.postgresql import JSONB

metadata = MetaData(schema="settlement")

_ASCII = Text(collation="C")
_NAMES = ARRAY(_ASCII)
_INSTANT = DateTime(timezone=True)
_NOW = text("now()")


def _book() -> Column[int]:
    return Column("book_id", BigInteger, nullable=False)


def _number(name: str, *, primary_key: bool = False) -> Column[int]:
    return Column(name, BigInteger, Identity(always=True), nullable=False, primary_key=primary_key)


def _made(name: str) -> Column[object]:
    return Column(name, _INSTANT, nullable=False, server_default=_NOW)


imports = Table(
    "imports",
    metadata,
    _book(),
    _number("import_id"),
    Column("name", Text, nullable=False),
    Column("sha256", _ASCII, nullable=False),
    Column("size", BigInteger, nullable=False),
    Column("key", _ASCII),
    Column("format", _ASCII, nullable=False),
    Column("columns", ARRAY(Text), nullable=False),
    Column("as_of", _INSTANT, nullable=False),
    Column("zone", _ASCII, nullable=False),
    Column("on_fault", _ASCII, nullable=False),
    Column("state", _ASCII, nullable=False, server_default="reading"),
    Column("rows_read", BigInteger, nullable=False, server_default="0"),
    Column("bytes_read", BigInteger, nullable=False, server_default="0"),
    Column("parked", BigInteger, nullable=False, server_default="0"),
    Column("changed", BigInteger, nullable=False, server_default="0"),
    Column("failure", JSONB),
    Column("created_by", Text, nullable=False),
    _made("created_at"),
    Column("finished_at", _INSTANT),
    PrimaryKeyConstraint("book_id", "import_id"),
    Index("imports_file", "book_id", "sha256", unique=True, postgresql_where=text("state <> 'refused'")),
)

observations = Table(
    "observations",
    metadata,
    _book(),
    Column("import_id", BigInteger, nullable=False),
    Column("row_no", BigInteger, nullable=False),
    Column("marketplace", _ASCII, nullable=False),
    Column("order_no", _ASCII, nullable=False),
    Column("line_no", _ASCII, nullable=False),
    Column("currency", _ASCII, nullable=False),
    Column("product", _ASCII, nullable=False),
    Column("quantity", BigInteger, nullable=False),
    Column("refunded", BigInteger, nullable=False),
    Column("gmv", BigInteger, nullable=False),
    Column("net_gmv", BigInteger, nullable=False),
    Column("estimated", BigInteger, nullable=False),
    Column("actual", BigInteger, nullable=False),
    Column("due", BigInteger, nullable=False),
    Column("state", _ASCII, nullable=False),
    Column("platform", _ASCII),
    Column("handle", _ASCII),
    Column("content_id", _ASCII),
    Column("tracking_id", _ASCII),
    Column("territory", _ASCII),
    Column("placed_at", _INSTANT),
    Column("settled_at", _INSTANT),
    Column("raw", ARRAY(Text), nullable=False),
    PrimaryKeyConstraint("book_id", "import_id", "row_no"),
    ForeignKeyConstraint(
        ["book_id", "import_id"], [imports.c.book_id, imports.c.import_id], name="observations_import"
    ),
    Index("observations_of_line", "order_no", "line_no", "book_id"),
)

parked_rows = Table(
    "parked_rows",
    metadata,
    _book(),
    Column("import_id", BigInteger, nullable=False),
    Column("row_no", BigInteger, nullable=False),
    Column("column_name", Text),
    Column("value", Text),
    Column("rule", Text, nullable=False),
    Column("raw", ARRAY(Text), nullable=False),
    _made("parked_at"),
    Column("settled_by", Text),
    Column("settled_at", _INSTANT),
    Column("reason", Text),
    PrimaryKeyConstraint("book_id", "import_id", "row_no"),
    ForeignKeyConstraint(["book_id", "import_id"], [imports.c.book_id, imports.c.import_id], name="parked_rows_import"),
)

resolutions = Table(
    "resolutions",
    metadata,
    _book(),
    _number("resolution_id"),
    Column("matches", _ASCII, nullable=False),
    Column("grant_id", BigInteger, nullable=False),
    Column("reason", Text, nullable=False),
    Column("resolved_by", Text, nullable=False),
    _made("resolved_at"),
    Column("withdrawn_by", Text),
    Column("withdrawn_at", _INSTANT),
    Column("swept_to", BigInteger, server_default="0"),
    PrimaryKeyConstraint("book_id", "resolution_id"),
    Index("resolutions_one", "book_id", "matches", unique=True, postgresql_where=text("withdrawn_at IS NULL")),
    Index("resolutions_to_sweep", "book_id", "resolution_id", postgresql_where=text("swept_to IS NOT NULL")),
)

sales = Table(
    "sales",
    metadata,
    _book(),
    _number("sale_id"),
    Column("marketplace", _ASCII, nullable=False),
    Column("order_no", _ASCII, nullable=False),
    Column("line_no", _ASCII, nullable=False),
    Column("as_of", _INSTANT, nullable=False),
    Column("sha256", _ASCII, nullable=False),
    Column("import_id", BigInteger, nullable=False),
    Column("row_no", BigInteger, nullable=False),
    Column("currency", _ASCII, nullable=False),
    Column("product", _ASCII, nullable=False),
    Column("gmv", BigInteger, nullable=False),
    Column("net_gmv", BigInteger, nullable=False),
    Column("due", BigInteger, nullable=False),
    Column("state", _ASCII, nullable=False),
    Column("platform", _ASCII),
    Column("handle", _ASCII),
    Column("content_id", _ASCII),
    Column("tracking_id", _ASCII),
    Column("territory", _ASCII),
    Column("sold_at", _INSTANT, nullable=False),
    Column("sold_on", Date, nullable=False),
    Column("settled_at", _INSTANT),
    Column("rule", _ASCII),
    Column("confidence", SmallInteger, nullable=False, server_default="0"),
    Column("grant_id", BigInteger),
    Column("clipper_id", BigInteger),
    Column("submission_id", BigInteger),
    Column("offer_id", BigInteger),
    Column("version_no", Integer),
    Column("reason", Text),
    Column("change_no", Integer, nullable=False, server_default="0"),
    Column("posted", BigInteger, nullable=False, server_default="0"),
    Column("suspense", BigInteger, nullable=False, server_default="0"),
    Column("platform_part", BigInteger, nullable=False, server_default="0"),
    Column("agency_part", BigInteger, nullable=False, server_default="0"),
    Column("host_part", BigInteger, nullable=False, server_default="0"),
    Column("clipper_part", BigInteger, nullable=False, server_default="0"),
    Column("agency_id", BigInteger),
    Column("tier", BigInteger, nullable=False, server_default="0"),
    Column("fee_earned", Boolean, nullable=False, server_default=text("false")),
    Column("stage", _ASCII, nullable=False, server_default="held"),
    Column("reserved", BigInteger, nullable=False, server_default="0"),
    Column("release_on", Date),
    Column("reserve_until", Date),
    PrimaryKeyConstraint("book_id", "sale_id"),
    UniqueConstraint("order_no", "line_no", "marketplace", "book_id", name="sales_line"),
    Index("sales_in_suspense", "book_id", "sale_id", postgresql_where=text("rule IS NULL")),
    Index(
        "sales_to_release", "book_id", "release_on", postgresql_where=text("stage = 'held' AND release_on IS NOT NULL")
    ),
    Index("sales_frozen", "book_id", "sale_id", postgresql_where=text("stage = 'frozen'")),
    Index("sales_reserved", "book_id", "reserve_until", postgresql_where=text("reserved <> 0")),
    Index("sales_of_clipper", "clipper_id", "book_id", "sold_on"),
    Index("sales_of_grant", "book_id", "grant_id", postgresql_where=text("grant_id IS NOT NULL")),
)

accruals = Table(
    "accruals",
    metadata,
    _book(),
    Column("sale_id", BigInteger, nullable=False),
    Column("change_no", Integer, nullable=False),
    Column("cause", _ASCII, nullable=False),
    Column("entry_id", BigInteger, nullable=False),
    Column("import_id", BigInteger),
    Column("row_no", BigInteger),
    Column("due", BigInteger, nullable=False),
    Column("suspense", BigInteger, nullable=False),
    Column("platform_part", BigInteger, nullable=False),
    Column("agency_part", BigInteger, nullable=False),
    Column("host_part", BigInteger, nullable=False),
    Column("clipper_part", BigInteger, nullable=False),
    Column("reserved", BigInteger, nullable=False),
    Column("stage", _ASCII, nullable=False),
    Column("grant_id", BigInteger),
    Column("version_no", Integer),
    Column("tier", BigInteger, nullable=False),
    _made("recorded_at"),
    PrimaryKeyConstraint("book_id", "sale_id", "change_no"),
    ForeignKeyConstraint(["book_id", "sale_id"], [sales.c.book_id, sales.c.sale_id], name="accruals_sale"),
    Index("accruals_of_entry", "book_id", "entry_id"),
)

# Statements and the close of a month: migrations/sql/0007_statements.up.sql --------------------------------


def _amounts(*names: str) -> list[Column[int]]:
    return [Column(name, BigInteger, nullable=False) for name in names]


_BALANCES = ("held", "available", "reserve", "frozen", "paying", "recoverable")

closings = Table(
    "closings",
    metadata,
    _book(),
    Column("month", Date, nullable=False),
    Column("state", _ASCII, nullable=False, server_default="open"),
    Column("submitted_by", BigInteger),
    Column("revision", Integer, nullable=False, server_default="1"),
    Column("reopening_by", BigInteger),
    Column("seal_no", Integer),
    PrimaryKeyConstraint("book_id", "month"),
)

closing_events = Table(
    "closing_events",
    metadata,
    _book(),
    Column("month", Date, nullable=False),
    Column("event_no", Integer, nullable=False),
    Column("action", _ASCII, nullable=False),
    Column("state", _ASCII, nullable=False),
    Column("user_id", BigInteger, nullable=False),
    Column("actor", Text, nullable=False),
    Column("reason", Text),
    Column("detail", JSONB, nullable=False, server_default=text("'{}'")),
    _made("at"),
    Column("revision", Integer, nullable=False, server_default="1"),
    PrimaryKeyConstraint("book_id", "month", "event_no"),
    ForeignKeyConstraint(["book_id", "month"], [closings.c.book_id, closings.c.month], name="closing_events_closing"),
)

true_ups = Table(
    "true_ups",
    metadata,
    _book(),
    _number("true_up_id"),
    Column("month", Date, nullable=False),
    Column("sold_in", Date, nullable=False),
    Column("clipper_id", BigInteger, nullable=False),
    Column("offer_id", BigInteger, nullable=False),
    Column("version_no", Integer, nullable=False),
    Column("currency", _ASCII, nullable=False),
    *_amounts("net_gmv", "host_part", "clipper_part", "tier", "host_change", "clipper_change"),
    Column("entry_id", BigInteger),
    Column("release_on", Date, nullable=False),
    Column("release_entry", BigInteger),
    PrimaryKeyConstraint("book_id", "true_up_id"),
    Index("true_ups_of_month", "book_id", "sold_in"),
    Index("true_ups_of_entry", "book_id", "entry_id"),
    Index("true_ups_to_release", "book_id", "release_on", postgresql_where=text("release_entry IS NULL")),
)

statements = Table(
    "statements",
    metadata,
    _book(),
    _number("statement_id"),
    Column("month", Date, nullable=False),
    Column("party", _ASCII, nullable=False),
    Column("clipper_id", BigInteger),
    Column("name", Text, nullable=False),
    Column("currency", _ASCII, nullable=False),
    *_amounts(*(f"opening_{name}" for name in _BALANCES), *(f"closing_{name}" for name in _BALANCES)),
    Column("revision", Integer, nullable=False, server_default="1"),
    Column("agency_id", BigInteger),
    Column("code", Uuid, nullable=False, server_default=text("gen_random_uuid()")),
    PrimaryKeyConstraint("book_id", "statement_id"),
    UniqueConstraint("book_id", "month", "party", "currency", "revision", name="statements_party"),
    ForeignKeyConstraint(["book_id", "month"], [closings.c.book_id, closings.c.month], name="statements_closing"),
    Index("statements_of_clipper", "clipper_id", "statement_id", postgresql_where=text("clipper_id IS NOT NULL")),
    Index("statements_of_agency", "agency_id", "statement_id", postgresql_where=text("agency_id IS NOT NULL")),
    Index("statements_by_code", "code"),
)

statement_lines = Table(
    "statement_lines",
    metadata,
    _book(),
    Column("statement_id", BigInteger, nullable=False),
    Column("line_no", Integer, nullable=False),
    Column("kind", _ASCII, nullable=False),
    Column("submission_id", BigInteger),
    Column("product", _ASCII),
    Column("entry_id", BigInteger),
    Column("label", Text),
    *_amounts("sales", *_BALANCES),
    PrimaryKeyConstraint("book_id", "statement_id", "line_no"),
    ForeignKeyConstraint(
        ["book_id", "statement_id"],
        [statements.c.book_id, statements.c.statement_id],
        name="statement_lines_statement",
    ),
)

# Beyond sales: migrations/sql/0008_month_end.up.sql ----------------------------------------------------------

adjustments = Table(
    "adjustments",
    metadata,
    _book(),
    _number("adjustment_id"),
    Column("kind", _ASCII, nullable=False),
    Column("party", _ASCII, nullable=False),
    Column("currency", _ASCII, nullable=False),
    Column("amount", BigInteger, nullable=False),
    Column("against", _ASCII, nullable=False),
    Column("reason", Text, nullable=False),
    Column("state", _ASCII, nullable=False, server_default="proposed"),
    Column("proposed_by", BigInteger, nullable=False),
    Column("proposed_as", Text, nullable=False),
    _made("proposed_at"),
    Column("decided_by", BigInteger),
    Column("decided_as", Text),
    Column("decided_at", _INSTANT),
    Column("decision", Text),
    Column("entry_id", BigInteger),
    PrimaryKeyConstraint("book_id", "adjustment_id"),
    Index("adjustments_proposed", "book_id", "adjustment_id", postgresql_where=text("state = 'proposed'")),
)

remittances = Table(
    "remittances",
    metadata,
    _book(),
    _number("remittance_id"),
    Column("marketplace", _ASCII, nullable=False),
    Column("currency", _ASCII, nullable=False),
    Column("amount", BigInteger, nullable=False),
    Column("received_on", Date, nullable=False),
    Column("account", _ASCII, nullable=False),
    Column("reference", Text, nullable=False),
    Column("recorded_by", Text, nullable=False),
    _made("recorded_at"),
    Column("entry_id", BigInteger, nullable=False),
    Column("reversed_by", BigInteger),
    Column("reason", Text),
    PrimaryKeyConstraint("book_id", "remittance_id"),
    Index(
        "remittances_reference",
        "book_id",
        "marketplace",
        "reference",
        unique=True,
        postgresql_where=text("reversed_by IS NULL"),
    ),
)

withholding_rules = Table(
    "withholding_rules",
    metadata,
    _book(),
    Column("code", _ASCII, nullable=False),
    Column("valid_from", Date, nullable=False),
    Column("rule", JSONB, nullable=False),
    Column("created_by", Text, nullable=False),
    _made("created_at"),
    PrimaryKeyConstraint("book_id", "code", "valid_from"),
)

tax_profiles = Table(
    "tax_profiles",
    metadata,
    _book(),
    Column("party", _ASCII, nullable=False),
    Column("valid_from", Date, nullable=False),
    Column("code", _ASCII),
    Column("reason", Text, nullable=False),
    Column("set_by", Text, nullable=False),
    _made("set_at"),
    PrimaryKeyConstraint("book_id", "party", "valid_from", "set_at"),
)

withholdings = Table(
    "withholdings",
    metadata,
    _book(),
    _number("withholding_id"),
    Column("party", _ASCII, nullable=False),
    Column("currency", _ASCII, nullable=False),
    Column("paid_on", Date, nullable=False),
    *_amounts("gross", "withheld"),
    Column("authority", _ASCII, nullable=False),
    Column("code", _ASCII, nullable=False),
    Column("valid_from", Date, nullable=False),
    Column("steps", ARRAY(Text), nullable=False),
    Column("entry_id", BigInteger, nullable=False),
    PrimaryKeyConstraint("book_id", "withholding_id"),
    ForeignKeyConstraint(
        ["book_id", "code", "valid_from"],
        [withholding_rules.c.book_id, withholding_rules.c.code, withholding_rules.c.valid_from],
        name="withholdings_rule",
    ),
    Index("withholdings_of_party", "book_id", "party", "currency", "paid_on"),
    Index("withholdings_of_entry", "book_id", "entry_id"),
)

clicks = Table(
    "clicks",
    metadata,
    _book(),
    Column("day", Date, nullable=False),
    Column("platform", _ASCII, nullable=False),
    Column("content_id", _ASCII, nullable=False),
    Column("clicks", BigInteger, nullable=False),
    Column("as_of", _INSTANT, nullable=False),
    Column("told_by", Text, nullable=False),
    PrimaryKeyConstraint("book_id", "day", "platform", "content_id"),
)
