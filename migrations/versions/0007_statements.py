"""Statements, true-ups, and the close of a month."""

from migrations import scripts

revision = "0007"
down_revision = "0006"


def upgrade() -> None:
    scripts.run(scripts.read("0007_statements.up.sql"))


def downgrade() -> None:
    """What was issued is lost; the entries stay in the books."""
    scripts.run(scripts.read("0007_statements.down.sql"))
