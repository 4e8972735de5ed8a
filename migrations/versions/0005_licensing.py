"""Parties, offers, grants, clips submitted under them, claims, cases, events and webhooks; uploads get an owner."""

from migrations import scripts

revision = "0005"
down_revision = "0004"


def upgrade() -> None:
    scripts.run(scripts.read("0005_licensing.up.sql"))


def downgrade() -> None:
    """What was agreed, done and told is lost."""
    scripts.run(scripts.read("0005_licensing.down.sql"))
