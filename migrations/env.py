"""How alembic reaches the database: `clipledger.database` calls it, with the owner's URL and what to do."""

import importlib
import importlib.util

from alembic import context
from sqlalchemy import Connection, MetaData, NullPool, create_engine

SCHEMAS = frozenset({"ledger", "licensing", "media", "settlement", "clipledger"})
"""Schemas whose tables are mirrored in Python, to be compared; `jobs` belongs to procrastinate."""

TABLE_MODULES = (
    "ledger.tables",
    "licensing.tables",
    "media.tables",
    "settlement.payouts.tables",
    "settlement.reconciliation.tables",
    "clipledger.access.tables",
)

MIGRATION_LOCK = 0x636C6970_6C656467
"""The advisory lock ("clipledg") by which two migrations of one database wait for each other."""


def declared_tables() -> list[MetaData]:
    """The tables that the rooms declare, each room's once; a room without tables has no such module yet."""
    found = [name for name in TABLE_MODULES if importlib.util.find_spec(name)]
    return [*dict.fromkeys(importlib.import_module(name).metadata for name in found)]


def include_name(name: str | None, type_: str, _parents: object) -> bool:
    """Look only into our own schemas; tables and columns there are all compared."""
    return type_ != "schema" or name in SCHEMAS


def prepare(connection: Connection) -> None:
    """Wait for a migration that runs already; then neither wait long for a lock nor run without end.

    A migration that waits for a table's lock makes everybody behind it wait, too: better to fail and be run
    again. A migration that needs longer than this sets its own `SET LOCAL statement_timeout`.
    """
    connection.exec_driver_sql(f"SELECT pg_advisory_lock({MIGRATION_LOCK})")
    connection.exec_driver_sql("SET lock_timeout TO '5s'")
    connection.exec_driver_sql("SET statement_timeout TO '10min'")
    connection.commit()


def main() -> None:
    """Run what alembic was asked for, one transaction for each migration."""
    attributes = context.config.attributes
    with create_engine(attributes["url"], poolclass=NullPool).connect() as connection:
        prepare(connection)
        context.configure(
            connection=connection,
            target_metadata=declared_tables() if attributes["compare"] else None,
            include_schemas=True,
            include_name=include_name,
            compare_server_default=True,
            version_table_schema="public",
            transaction_per_migration=True,
        )
        with context.begin_transaction():
            context.run_migrations()


main()
