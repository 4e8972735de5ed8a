"""The room's tables as SQLAlchemy Core sees them.

What they mean and the rules they hold stand in `migrations/sql/0004_media.up.sql`.
"""

from sqlalchemy import (
    BigInteger,
    Boolean,
    Column,
    Double,
    ForeignKeyConstraint,
    Index,
    Integer,
    LargeBinary,
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

from media.columns import ASCII, INSTANT, book, made, number

metadata = MetaData(schema="media")

_TO_DO = text("state IN ('waiting', 'working')")
_TO_FIND = text("state IN ('working', 'unrecognised')")


def _work() -> list[Column[object]]:
    """What a row that is worked on has: its state, why it failed, and who has it until when."""
    return [
        Column("place", ASCII),
        Column("state", ASCII, nullable=False, server_default="waiting"),
        Column("failure_code", ASCII),
        Column("failure_rule", Text),
        Column("attempts", SmallInteger, nullable=False, server_default="0"),
        Column("worker", Uuid),
        Column("leased_until", INSTANT),
    ]


uploads = Table(
    "uploads",
    metadata,
    book(),
    number("upload_id"),
    Column("length", BigInteger, nullable=False),
    Column("received", BigInteger, nullable=False, server_default="0"),
    Column("created_by", Text, nullable=False),
    made("created_at"),
    Column("expires_at", INSTANT, nullable=False),
    Column("used_at", INSTANT),
    Column("joined_at", INSTANT),
    Column("writer", Uuid),
    Column("writer_until", INSTANT),
    Column("owner", ASCII),
    PrimaryKeyConstraint("book_id", "upload_id"),
    Index("uploads_expiry", "expires_at"),
)

pieces = Table(
    "pieces",
    metadata,
    book(),
    Column("upload_id", BigInteger, nullable=False),
    Column("first", BigInteger, nullable=False),
    Column("size", BigInteger, nullable=False),
    Column("key", ASCII, nullable=False),
    PrimaryKeyConstraint("book_id", "upload_id", "first"),
    ForeignKeyConstraint(
        ["book_id", "upload_id"], ["media.uploads.book_id", "media.uploads.upload_id"], name="pieces_upload"
    ),
)

sources = Table(
    "sources",
    metadata,
    book(),
    number("source_id"),
    Column("title", Text, nullable=False),
    Column("live", Boolean, nullable=False),
    Column("recorded_at", INSTANT),
    Column("created_by", Text, nullable=False),
    made("created_at"),
    Column("removed_at", INSTANT),
    PrimaryKeyConstraint("book_id", "source_id"),
    UniqueConstraint("source_id", name="sources_number"),
)

recordings = Table(
    "recordings",
    metadata,
    book(),
    Column("source_id", BigInteger, nullable=False),
    Column("recording_no", Integer, nullable=False),
    Column("starts_s", Double),
    Column("duration_s", Double),
    Column("progress", Double, nullable=False, server_default="0"),
    *_work(),
    made("created_at"),
    PrimaryKeyConstraint("book_id", "source_id", "recording_no"),
    ForeignKeyConstraint(
        ["book_id", "source_id"], ["media.sources.book_id", "media.sources.source_id"], name="recordings_source"
    ),
    Index("recordings_to_do", "book_id", "created_at", postgresql_where=_TO_DO),
)

parts = Table(
    "parts",
    metadata,
    book(),
    Column("source_id", BigInteger, nullable=False),
    Column("first", Integer, nullable=False),
    Column("recording_no", Integer, nullable=False),
    Column("version", Integer, nullable=False),
    Column("fingerprint", LargeBinary, nullable=False),
    PrimaryKeyConstraint("book_id", "source_id", "first"),
    ForeignKeyConstraint(
        ["book_id", "source_id", "recording_no"],
        ["media.recordings.book_id", "media.recordings.source_id", "media.recordings.recording_no"],
        name="parts_recording",
    ),
)

clips = Table(
    "clips",
    metadata,
    book(),
    number("clip_id"),
    Column("title", Text, nullable=False),
    *_work(),
    Column("again", Boolean, nullable=False, server_default="false"),
    Column("duration_s", Double),
    Column("submitted_by", Text, nullable=False),
    made("submitted_at"),
    PrimaryKeyConstraint("book_id", "clip_id"),
    Index("clips_to_do", "book_id", "again", "submitted_at", postgresql_where=_TO_DO),
    Index("clips_to_find", "book_id", "submitted_at", postgresql_where=_TO_FIND),
)

identifications = Table(
    "identifications",
    metadata,
    book(),
    Column("clip_id", BigInteger, nullable=False),
    Column("run_no", Integer, nullable=False),
    made("identified_at"),
    Column("version", Integer, nullable=False),
    Column("threshold", Double, nullable=False),
    Column("sources", Integer, nullable=False),
    PrimaryKeyConstraint("book_id", "clip_id", "run_no"),
    ForeignKeyConstraint(
        ["book_id", "clip_id"], ["media.clips.book_id", "media.clips.clip_id"], name="identifications_clip"
    ),
)

matches = Table(
    "matches",
    metadata,
    book(),
    Column("clip_id", BigInteger, nullable=False),
    Column("run_no", Integer, nullable=False),
    Column("match_no", Integer, nullable=False),
    Column("source_id", BigInteger, nullable=False),
    *(Column(name, Double, nullable=False) for name in ("clip_t0", "clip_t1", "source_t0", "source_t1")),
    Column("score", Double, nullable=False),
    Column("speed", Double, nullable=False),
    Column("mirrored", Boolean, nullable=False),
    *(Column(name, JSONB, nullable=False) for name in ("clip_rect", "source_rect", "evidence")),
    PrimaryKeyConstraint("book_id", "clip_id", "run_no", "match_no"),
    ForeignKeyConstraint(
        ["book_id", "clip_id", "run_no"],
        ["media.identifications.book_id", "media.identifications.clip_id", "media.identifications.run_no"],
        name="matches_run",
    ),
    ForeignKeyConstraint(
        ["book_id", "source_id"], ["media.sources.book_id", "media.sources.source_id"], name="matches_source"
    ),
    Index("matches_of_source", "book_id", "source_id"),
)
