"""${message}"""

from migrations import scripts

revision = ${repr(up_revision)}
down_revision = ${repr(down_revision)}
branch_labels = None
depends_on = None


def upgrade() -> None:
    scripts.run(scripts.read("${up_revision}_NAME.up.sql"))


def downgrade() -> None:
    scripts.run(scripts.read("${up_revision}_NAME.down.sql"))
