"""Uploads, sources with their fingerprints, clips, and what clips were found to show."""

from migrations import scripts

revision = "0004"
down_revision = "0003"


def upgrade() -> None:
    scripts.run(scripts.read("0004_media.up.sql"))


def downgrade() -> None:
    """Fingerprints and matches are lost; uploaded bytes stay where they are."""
    scripts.run(scripts.read("0004_media.down.sql"))
