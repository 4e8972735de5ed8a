"""Users, roles, sessions, API keys, the audit trail and idempotency records."""

from migrations import scripts

revision = "0002"
down_revision = "0001"


def upgrade() -> None:
    """Also lets the service see which revision the schema has, for /ready."""
    scripts.run(scripts.read("0002_access.up.sql"))


def downgrade() -> None:
    """Users, keys and the audit trail are lost."""
    scripts.run(scripts.read("0002_access.down.sql"))
