"""Two people, held by the database: runs of payouts, months and their reopening."""

from migrations import scripts

revision = "0015"
down_revision = "0014"


def upgrade() -> None:
    scripts.run(scripts.read("0015_two_people.up.sql"))


def downgrade() -> None:
    scripts.run(scripts.read("0015_two_people.down.sql"))
