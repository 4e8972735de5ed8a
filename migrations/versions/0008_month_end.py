"""Reopening a month, revised statements, adjustments, remittances, withholding, clicks."""

from migrations import scripts

revision = "0008"
down_revision = "0007"


def upgrade() -> None:
    scripts.run(scripts.read("0008_month_end.up.sql"))


def downgrade() -> None:
    """What was adjusted, remitted and withheld is lost; the entries stay in the books."""
    scripts.run(scripts.read("0008_month_end.down.sql"))
