"""Reports, observations, sales, what was accrued for them, and what people decided of those in suspense."""

from migrations import scripts

revision = "0006"
down_revision = "0005"


def upgrade() -> None:
    scripts.run(scripts.read("0006_settlement.up.sql"))


def downgrade() -> None:
    """What was read and attributed is lost; the entries stay in the books."""
    scripts.run(scripts.read("0006_settlement.down.sql"))
