"""The queue of the jobs: procrastinate's own tables, made by the installed package in the schema `jobs`.

The schema's comment names the version that made it. When a release raises procrastinate, a new migration runs, after
`SET LOCAL search_path TO jobs`, those of the package's `procrastinate/sql/migrations/*.sql` that are newer than the
comment (its *_pre_* files in the release before, its *_post_* files in the release itself) and renews the comment; on a
database that was made with the newer package there is then nothing to run.
"""

from importlib.metadata import version

from procrastinate.schema import SchemaManager

from migrations import scripts

revision = "0003"
down_revision = "0002"

# The functions run with their caller's rights, so the service needs these on the tables.
GRANTS = """
    GRANT USAGE ON SCHEMA jobs TO clipledger_app;
    GRANT SELECT, INSERT, UPDATE, DELETE ON ALL TABLES IN SCHEMA jobs TO clipledger_app;
    GRANT USAGE ON ALL SEQUENCES IN SCHEMA jobs TO clipledger_app"""


def upgrade() -> None:
    """Everything is made without naming its schema, hence the search path."""
    scripts.run("CREATE SCHEMA jobs; SET LOCAL search_path TO jobs")
    scripts.run(SchemaManager.get_schema())
    scripts.run(GRANTS)
    scripts.run(
        f"COMMENT ON SCHEMA jobs IS 'procrastinate {version('procrastinate')}'; SET LOCAL search_path TO public"
    )


def downgrade() -> None:
    """Jobs that wait are lost."""
    scripts.run(scripts.read("0003_jobs.down.sql"))
