"""Sums of sales that pages show, what an import has posted, and indexes for pages."""

from migrations import scripts

revision = "0013"
down_revision = "0012"


def upgrade() -> None:
    scripts.run(scripts.read("0013_sold.up.sql"))


def downgrade() -> None:
    scripts.run(scripts.read("0013_sold.down.sql"))
