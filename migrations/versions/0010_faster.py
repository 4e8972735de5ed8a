"""Look-ups that no plan can spoil, and references that are seen once for a statement: for importing fast."""

from migrations import scripts

revision = "0010"
down_revision = "0009"


def upgrade() -> None:
    scripts.run(scripts.read("0010_faster.up.sql"))


def downgrade() -> None:
    scripts.run(scripts.read("0010_faster.down.sql"))
