"""Columns that tables of every room above the ledger have."""

from sqlalchemy import ARRAY, BigInteger, Column, DateTime, Identity, Text, text

ASCII = Text(collation="C")
"""Codes, which compare byte by byte."""
NAMES = ARRAY(ASCII)
INSTANT = DateTime(timezone=True)
NOW = text("now()")


def book() -> Column[int]:
    """The tenant: a table's keys begin with it."""
    return Column("book_id", BigInteger, nullable=False)


def number(name: str, *, primary_key: bool = False) -> Column[int]:
    """Given by the database, and by nobody else."""
    return Column(name, BigInteger, Identity(always=True), nullable=False, primary_key=primary_key)


def made(name: str) -> Column[object]:
    """When the row was written."""
    return Column(name, INSTANT, nullable=False, server_default=NOW)
