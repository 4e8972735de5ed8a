"""The room's tables as SQLAlchemy Core sees them.

What they mean and the rules they hold stand in `migrations/sql/0005_licensing.up.sql`.
"""

from sqlalchemy import (
    ARRAY,
    BigInteger,
    Boolean,
    Column,
    DateTime,
    ForeignKey,
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
    text,
)
from sqlalchemy.dialects.postgresql import INET, JSONB

metadata = MetaData(schema="licensing")

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


parties = Table(
    "parties",
    metadata,
    _number("party_id", primary_key=True),
    Column("kind", _ASCII, nullable=False),
    Column("name", Text, nullable=False),
    Column("country", _ASCII),
    Column("languages", _NAMES, nullable=False, server_default="{}"),
    Column("categories", _NAMES, nullable=False, server_default="{}"),
    Column("capacity", Integer),
    Column("registered_by", Text, nullable=False),
    _made("registered_at"),
)

members = Table(
    "members",
    metadata,
    Column("party_id", BigInteger, ForeignKey(parties.c.party_id), nullable=False),
    Column("user_id", BigInteger, nullable=False),
    Column("role", _ASCII, nullable=False),
    Column("added_by", Text, nullable=False),
    _made("added_at"),
    PrimaryKeyConstraint("party_id", "user_id"),
    Index("members_of_user", "user_id"),
)

handles = Table(
    "handles",
    metadata,
    _number("handle_id", primary_key=True),
    Column("clipper_id", BigInteger, ForeignKey(parties.c.party_id), nullable=False),
    Column("platform", _ASCII, nullable=False),
    Column("handle", _ASCII, nullable=False),
    Column("code", _ASCII, nullable=False),
    Column("state", _ASCII, nullable=False, server_default="claimed"),
    Column("proof", _ASCII),
    Column("claimed_by", Text, nullable=False),
    _made("claimed_at"),
    Column("decided_by", Text),
    Column("decided_at", _INSTANT),
    Index("handles_of_clipper", "clipper_id", "handle_id"),
    Index("handles_waiting", "handle_id", postgresql_where=text("state = 'claimed'")),
    Index("handles_confirmed", "platform", "handle", unique=True, postgresql_where=text("state = 'confirmed'")),
    Index(
        "handles_claimed_once",
        "clipper_id",
        "platform",
        "handle",
        unique=True,
        postgresql_where=text("state IN ('claimed', 'confirmed')"),
    ),
)

representations = Table(
    "representations",
    metadata,
    _number("representation_id", primary_key=True),
    Column("agency_id", BigInteger, ForeignKey(parties.c.party_id), nullable=False),
    Column("clipper_id", BigInteger, ForeignKey(parties.c.party_id), nullable=False),
    Column("rate", _ASCII, nullable=False),
    Column("state", _ASCII, nullable=False, server_default="proposed"),
    Column("proposed_by", Text, nullable=False),
    _made("proposed_at"),
    Column("starts_at", _INSTANT),
    Column("ends_at", _INSTANT),
    Index("representations_one", "clipper_id", unique=True, postgresql_where=text("state = 'active'")),
    Index("representations_of_agency", "agency_id", "representation_id"),
)

clipper_facts = Table(
    "clipper_facts",
    metadata,
    Column("clipper_id", BigInteger, ForeignKey(parties.c.party_id), nullable=False),
    Column("platform", _ASCII, nullable=False),
    Column("category", _ASCII, nullable=False),
    Column("currency", _ASCII, nullable=False),
    Column("gmv", BigInteger, nullable=False),
    Column("orders", BigInteger, nullable=False),
    Column("returned", BigInteger, nullable=False),
    Column("clicks", BigInteger),
    Column("as_of", _INSTANT, nullable=False),
    PrimaryKeyConstraint("clipper_id", "platform", "category", "currency"),
)

split_policies = Table(
    "split_policies",
    metadata,
    _number("policy_no", primary_key=True),
    Column("least_host", Integer, nullable=False),
    Column("least_clipper", Integer, nullable=False),
    Column("most_host", Integer, nullable=False),
    Column("most_clipper", Integer, nullable=False),
    Column("reason", Text, nullable=False),
    Column("set_by", Text, nullable=False),
    _made("set_at"),
)

offers = Table(
    "offers",
    metadata,
    _book(),
    _number("offer_id"),
    Column("title", Text, nullable=False),
    Column("summary", Text, nullable=False),
    Column("category", _ASCII, nullable=False),
    Column("languages", _NAMES, nullable=False, server_default="{}"),
    Column("state", _ASCII, nullable=False, server_default="draft"),
    Column("quota", Integer),
    Column("applications_until", _INSTANT),
    Column("approval", JSONB),
    Column("version_no", Integer),
    Column("licensor", Text),
    Column("platforms", _NAMES, nullable=False, server_default="{}"),
    Column("territories", _NAMES),
    Column("currency", _ASCII),
    Column("clipper_ppm", Integer),
    Column("ends_at", _INSTANT),
    Column("edition", Integer, nullable=False, server_default="1"),
    Column("created_by", Text, nullable=False),
    _made("created_at"),
    Column("opened_at", _INSTANT),
    PrimaryKeyConstraint("book_id", "offer_id"),
    ForeignKeyConstraint(
        ["book_id", "offer_id", "version_no"],
        [f"licensing.terms_versions.{name}" for name in ("book_id", "offer_id", "version_no")],
        name="offers_version",
        use_alter=True,  # each of the two tables names the other
    ),
    Index("offers_number", "offer_id"),
    Index("offers_open", text("opened_at DESC"), text("offer_id DESC"), postgresql_where=text("state = 'open'")),
)

terms_versions = Table(
    "terms_versions",
    metadata,
    _book(),
    Column("offer_id", BigInteger, nullable=False),
    Column("version_no", Integer, nullable=False),
    Column("terms", JSONB, nullable=False),
    Column("sha256", _ASCII, nullable=False),
    Column("published_by", Text, nullable=False),
    _made("published_at"),
    PrimaryKeyConstraint("book_id", "offer_id", "version_no"),
    ForeignKeyConstraint(["book_id", "offer_id"], [offers.c.book_id, offers.c.offer_id], name="terms_versions_offer"),
)

offer_facts = Table(
    "offer_facts",
    metadata,
    _book(),
    Column("offer_id", BigInteger, nullable=False),
    Column("currency", _ASCII, nullable=False),
    Column("gmv", BigInteger, nullable=False),
    Column("commission", BigInteger, nullable=False),
    Column("orders", BigInteger, nullable=False),
    Column("returned", BigInteger, nullable=False),
    Column("clicks", BigInteger),
    Column("as_of", _INSTANT, nullable=False),
    PrimaryKeyConstraint("book_id", "offer_id", "currency"),
    ForeignKeyConstraint(["book_id", "offer_id"], [offers.c.book_id, offers.c.offer_id], name="offer_facts_offer"),
)

applications = Table(
    "applications",
    metadata,
    _book(),
    _number("application_id"),
    Column("offer_id", BigInteger, nullable=False),
    Column("clipper_id", BigInteger, ForeignKey(parties.c.party_id), nullable=False),
    Column("version_no", Integer, nullable=False),
    Column("message", Text, nullable=False),
    Column("state", _ASCII, nullable=False, server_default="submitted"),
    Column("findings", JSONB, nullable=False),
    Column("submitted_by", Text, nullable=False),
    _made("submitted_at"),
    Column("submitted_ip", INET),
    Column("expires_at", _INSTANT, nullable=False),
    Column("decided_by", Text),
    Column("decided_at", _INSTANT),
    Column("reason", Text),
    PrimaryKeyConstraint("book_id", "application_id"),
    ForeignKeyConstraint(["book_id", "offer_id"], [offers.c.book_id, offers.c.offer_id], name="applications_offer"),
    Index(
        "applications_one",
        "book_id",
        "offer_id",
        "clipper_id",
        unique=True,
        postgresql_where=text("state = 'submitted'"),
    ),
    Index("applications_of_clipper", "clipper_id", "application_id"),
    Index("applications_expiry", "book_id", "expires_at", postgresql_where=text("state = 'submitted'")),
)

grants = Table(
    "grants",
    metadata,
    _book(),
    _number("grant_id"),
    Column("offer_id", BigInteger, nullable=False),
    Column("clipper_id", BigInteger, ForeignKey(parties.c.party_id), nullable=False),
    Column("version_no", Integer, nullable=False),
    Column("state", _ASCII, nullable=False),
    Column("handles", _NAMES, nullable=False),
    Column("starts_at", _INSTANT, nullable=False),
    Column("ends_at", _INSTANT),
    Column("reference", _ASCII),
    Column("certificate_no", _ASCII, nullable=False),
    Column("application_id", BigInteger),
    Column("created_by", Text, nullable=False),
    _made("created_at"),
    Column("respond_by", _INSTANT),
    Column("accepted_at", _INSTANT),
    Column("accepted_by", Text),
    Column("accepted_ip", INET),
    Column("attested", Boolean, nullable=False, server_default=text("false")),
    Column("proposed_no", Integer),
    Column("proposed_until", _INSTANT),
    PrimaryKeyConstraint("book_id", "grant_id"),
    ForeignKeyConstraint(
        ["book_id", "offer_id", "version_no"],
        [terms_versions.c.book_id, terms_versions.c.offer_id, terms_versions.c.version_no],
        name="grants_version",
    ),
    ForeignKeyConstraint(
        ["book_id", "offer_id", "proposed_no"],
        [terms_versions.c.book_id, terms_versions.c.offer_id, terms_versions.c.version_no],
        name="grants_proposed",
    ),
    Index(
        "grants_one",
        "book_id",
        "offer_id",
        "clipper_id",
        unique=True,
        postgresql_where=text("state IN ('offered', 'active', 'suspended')"),
    ),
    Index("grants_of_clipper", "clipper_id", "grant_id"),
    Index("grants_certificate", "certificate_no"),
    Index("grants_handles", "handles", postgresql_using="gin"),
    Index("grants_reference", "book_id", "reference", postgresql_where=text("reference IS NOT NULL")),
    Index("grants_offered", "book_id", "respond_by", postgresql_where=text("state = 'offered'")),
    Index(
        "grants_waiting",
        "book_id",
        "grant_id",
        postgresql_where=text("proposed_no IS NOT NULL AND proposed_until IS NULL"),
    ),
    Index("grants_ending", "book_id", "ends_at", postgresql_where=text("state IN ('active', 'suspended')")),
)

grant_changes = Table(
    "grant_changes",
    metadata,
    _book(),
    Column("grant_id", BigInteger, nullable=False),
    Column("change_no", Integer, nullable=False),
    Column("action", _ASCII, nullable=False),
    Column("state", _ASCII),
    Column("version_no", Integer),
    Column("starts_at", _INSTANT),
    Column("ends_at", _INSTANT),
    Column("handles", _NAMES),
    Column("effective_at", _INSTANT, nullable=False),
    Column("recorded_at", _INSTANT, nullable=False),
    Column("actor", Text, nullable=False),
    Column("reason", Text),
    PrimaryKeyConstraint("book_id", "grant_id", "change_no"),
    ForeignKeyConstraint(["book_id", "grant_id"], [grants.c.book_id, grants.c.grant_id], name="grant_changes_grant"),
    Index("grant_changes_handles", "handles", postgresql_using="gin", postgresql_where=text("handles IS NOT NULL")),
)

submissions = Table(
    "submissions",
    metadata,
    _book(),
    _number("submission_id"),
    Column("grant_id", BigInteger, nullable=False),
    Column("clipper_id", BigInteger, ForeignKey(parties.c.party_id), nullable=False),
    Column("clip_id", BigInteger, nullable=False),
    Column("title", Text, nullable=False),
    Column("caption", Text, nullable=False),
    Column("products", ARRAY(Text), nullable=False, server_default="{}"),
    Column("state", _ASCII, nullable=False, server_default="submitted"),
    Column("on_screen", Boolean, nullable=False),
    Column("disclosed", _ASCII, nullable=False),
    Column("findings", JSONB, nullable=False, server_default="[]"),
    Column("review_by", _INSTANT),
    Column("submitted_by", Text, nullable=False),
    _made("submitted_at"),
    Column("decided_by", Text),
    Column("decided_at", _INSTANT),
    Column("reason", Text),
    Column("sightings", Integer),
    PrimaryKeyConstraint("book_id", "submission_id"),
    UniqueConstraint("book_id", "clip_id", name="submissions_clip"),
    ForeignKeyConstraint(["book_id", "grant_id"], [grants.c.book_id, grants.c.grant_id], name="submissions_grant"),
    Index("submissions_of_clipper", "clipper_id", "submission_id"),
    Index("submissions_of_grant", "book_id", "grant_id", "submission_id"),
    Index("submissions_untraced", "book_id", "clip_id", postgresql_where=text("sightings IS NULL")),
    Index(
        "submissions_moving",
        "book_id",
        "review_by",
        postgresql_where=text("state IN ('submitted', 'identifying', 'identified', 'unrecognised')"),
    ),
)

publications = Table(
    "publications",
    metadata,
    _book(),
    _number("publication_id"),
    Column("submission_id", BigInteger, nullable=False),
    Column("platform", _ASCII, nullable=False),
    Column("content_id", _ASCII, nullable=False),
    Column("handle", _ASCII, nullable=False),
    Column("url", Text, nullable=False),
    Column("published_at", _INSTANT, nullable=False),
    Column("added_by", Text, nullable=False),
    _made("added_at"),
    Column("removed_at", _INSTANT),
    PrimaryKeyConstraint("book_id", "publication_id"),
    UniqueConstraint("book_id", "platform", "content_id", name="publications_content"),
    ForeignKeyConstraint(
        ["book_id", "submission_id"],
        [submissions.c.book_id, submissions.c.submission_id],
        name="publications_submission",
    ),
    Index("publications_of_submission", "book_id", "submission_id"),
)

claims = Table(
    "claims",
    metadata,
    _book(),
    _number("claim_id"),
    Column("claimant", _ASCII, nullable=False),
    Column("clipper_id", BigInteger, ForeignKey(parties.c.party_id), nullable=False),
    Column("grant_id", BigInteger, nullable=False),
    Column("submission_id", BigInteger),
    Column("ground", _ASCII, nullable=False),
    Column("state", _ASCII, nullable=False, server_default="open"),
    Column("frozen", Boolean, nullable=False),
    Column("respond_by", _INSTANT, nullable=False),
    Column("decide_by", _INSTANT),
    Column("appeal_by", _INSTANT),
    Column("opened_by", Text, nullable=False),
    _made("opened_at"),
    Column("decided_by", Text),
    Column("decided_at", _INSTANT),
    Column("reason", Text),
    PrimaryKeyConstraint("book_id", "claim_id"),
    ForeignKeyConstraint(["book_id", "grant_id"], [grants.c.book_id, grants.c.grant_id], name="claims_grant"),
    ForeignKeyConstraint(
        ["book_id", "submission_id"], [submissions.c.book_id, submissions.c.submission_id], name="claims_submission"
    ),
    Index(
        "claims_one",
        "book_id",
        "grant_id",
        "submission_id",
        "ground",
        unique=True,
        postgresql_nulls_not_distinct=True,
        postgresql_where=text("state NOT IN ('finally-upheld', 'finally-released')"),
    ),
    Index("claims_of_clipper", "clipper_id", "claim_id"),
    Index(
        "claims_running",
        "book_id",
        "claim_id",
        postgresql_where=text("state IN ('open', 'responded', 'upheld', 'released', 'appealed')"),
    ),
)

claim_evidence = Table(
    "claim_evidence",
    metadata,
    _book(),
    Column("claim_id", BigInteger, nullable=False),
    Column("evidence_no", Integer, nullable=False),
    Column("side", _ASCII, nullable=False),
    Column("statement", Text, nullable=False),
    Column("url", Text),
    Column("sha256", _ASCII),
    Column("added_by", Text, nullable=False),
    _made("added_at"),
    PrimaryKeyConstraint("book_id", "claim_id", "evidence_no"),
    ForeignKeyConstraint(["book_id", "claim_id"], [claims.c.book_id, claims.c.claim_id], name="claim_evidence_claim"),
)

cases = Table(
    "cases",
    metadata,
    _book(),
    _number("case_id"),
    Column("origin", _ASCII, nullable=False),
    Column("clip_id", BigInteger),
    Column("clipper_id", BigInteger, ForeignKey(parties.c.party_id)),
    Column("platform", _ASCII),
    Column("handle", _ASCII),
    Column("url", Text),
    Column("state", _ASCII, nullable=False),
    Column("evidence", JSONB, nullable=False, server_default="{}"),
    Column("opened_by", Text, nullable=False),
    _made("opened_at"),
    Column("decided_by", Text),
    Column("decided_at", _INSTANT),
    Column("reason", Text),
    PrimaryKeyConstraint("book_id", "case_id"),
    UniqueConstraint("book_id", "origin", name="cases_origin"),
    Index("cases_looking", "book_id", "case_id", postgresql_where=text("state = 'looking'")),
)

events = Table(
    "events",
    metadata,
    _book(),
    _number("event_id"),
    Column("type", _ASCII, nullable=False),
    Column("subject", _ASCII, nullable=False),
    Column("subject_id", BigInteger, nullable=False),
    Column("state", _ASCII, nullable=False),
    Column("was", _ASCII),
    Column("side", _ASCII, nullable=False),
    Column("actor", Text, nullable=False),
    Column("clipper_id", BigInteger),
    Column("detail", JSONB, nullable=False),
    _made("at"),
    PrimaryKeyConstraint("book_id", "event_id"),
    Index("events_of_subject", "book_id", "subject", "subject_id", "event_id"),
    Index("events_of_clipper", "clipper_id", "event_id"),
)

webhook_endpoints = Table(
    "webhook_endpoints",
    metadata,
    _book(),
    _number("endpoint_id"),
    Column("url", Text, nullable=False),
    Column("description", Text, nullable=False),
    Column("types", _NAMES, nullable=False, server_default="{}"),
    Column("secret", _ASCII, nullable=False),
    Column("former_secret", _ASCII),
    Column("former_until", _INSTANT),
    Column("created_by", Text, nullable=False),
    _made("created_at"),
    Column("disabled_at", _INSTANT),
    PrimaryKeyConstraint("book_id", "endpoint_id"),
)

webhook_deliveries = Table(
    "webhook_deliveries",
    metadata,
    _book(),
    _number("delivery_id"),
    Column("endpoint_id", BigInteger, nullable=False),
    Column("event_id", BigInteger, nullable=False),
    Column("state", _ASCII, nullable=False, server_default="waiting"),
    Column("attempts", SmallInteger, nullable=False, server_default="0"),
    _made("due_at"),
    Column("leased_until", _INSTANT),
    Column("delivered_at", _INSTANT),
    PrimaryKeyConstraint("book_id", "delivery_id"),
    UniqueConstraint("book_id", "endpoint_id", "event_id", name="webhook_deliveries_once"),
    ForeignKeyConstraint(
        ["book_id", "endpoint_id"],
        [webhook_endpoints.c.book_id, webhook_endpoints.c.endpoint_id],
        name="webhook_deliveries_endpoint",
    ),
    ForeignKeyConstraint(
        ["book_id", "event_id"], [events.c.book_id, events.c.event_id], name="webhook_deliveries_event"
    ),
    Index("webhook_deliveries_due", "due_at", postgresql_where=text("state = 'waiting'")),
    Index(
        "webhook_deliveries_waiting",
        "book_id",
        "endpoint_id",
        "due_at",
        postgresql_where=text("state = 'waiting'"),
    ),
    Index("webhook_deliveries_of_endpoint", "book_id", "endpoint_id", "delivery_id"),
)

webhook_attempts = Table(
    "webhook_attempts",
    metadata,
    _book(),
    Column("delivery_id", BigInteger, nullable=False),
    Column("attempt_no", Integer, nullable=False),
    _made("at"),
    Column("took_ms", Integer, nullable=False),
    Column("status", Integer),
    Column("answer", Text, nullable=False),
    PrimaryKeyConstraint("book_id", "delivery_id", "attempt_no"),
    ForeignKeyConstraint(
        ["book_id", "delivery_id"],
        [webhook_deliveries.c.book_id, webhook_deliveries.c.delivery_id],
        name="webhook_attempts_delivery",
    ),
)
