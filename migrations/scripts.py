"""Migrations are SQL files beside the Python ones; this runs them."""

from pathlib import Path

from alembic import op

SQL = Path(__file__).parent / "sql"


def read(name: str) -> str:
    """The text of a file of `migrations/sql`."""
    return (SQL / name).read_text()


def run(sql: str) -> None:
    """Run statements as they stand, all in one message to the server: nothing in them is a parameter."""
    op.get_bind().exec_driver_sql(sql, execution_options={"no_parameters": True})
