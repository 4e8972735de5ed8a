"""The roll-forward of a large book's months, kept row by row."""

from migrations import scripts

revision = "0014"
down_revision = "0013"


def upgrade() -> None:
    scripts.run(scripts.read("0014_rolled.up.sql"))


def downgrade() -> None:
    scripts.run(scripts.read("0014_rolled.down.sql"))
