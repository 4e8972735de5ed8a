"""Payout accounts, schedules, runs, payouts, and what rails tell."""

from migrations import scripts

revision = "0009"
down_revision = "0008"


def upgrade() -> None:
    scripts.run(scripts.read("0009_payouts.up.sql"))


def downgrade() -> None:
    """What was paid and by which transfer is lost; the entries stay in the books."""
    scripts.run(scripts.read("0009_payouts.down.sql"))
