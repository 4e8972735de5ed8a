"""Notices: what a clipper wants to be told of on its pages."""

from migrations import scripts

revision = "0012"
down_revision = "0011"


def upgrade() -> None:
    scripts.run(scripts.read("0012_notices.up.sql"))


def downgrade() -> None:
    scripts.run(scripts.read("0012_notices.down.sql"))
