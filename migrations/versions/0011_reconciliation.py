"""Reconciliation: lines of banks and rails, what they match in the ledger, and what they do not."""

from migrations import scripts

revision = "0011"
down_revision = "0010"


def upgrade() -> None:
    scripts.run(scripts.read("0011_reconciliation.up.sql"))


def downgrade() -> None:
    scripts.run(scripts.read("0011_reconciliation.down.sql"))
