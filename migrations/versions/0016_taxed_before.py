"""What of a payment was taxed before, with one that came back in part."""

from migrations import scripts

revision = "0016"
down_revision = "0015"


def upgrade() -> None:
    scripts.run(scripts.read("0016_taxed_before.up.sql"))


def downgrade() -> None:
    scripts.run(scripts.read("0016_taxed_before.down.sql"))
