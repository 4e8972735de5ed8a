"""The ledger: currencies, books, accounts, entries, postings, movements, period locks and seals."""

from migrations import scripts

revision = "0001"
down_revision = None


def upgrade() -> None:
    scripts.run(scripts.read("0001_ledger.up.sql"))


def downgrade() -> None:
    scripts.run(scripts.read("0001_ledger.down.sql"))
