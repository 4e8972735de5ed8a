"""What commands print: tables for people, as wide as they need to be so that a pipe gets whole lines too; JSON."""

from collections.abc import Container, Sequence

import msgspec
from rich.cells import cell_len

from ledger import format_amount
from ledger.money import CURRENCIES


def table(rows: Sequence[Sequence[str]], right: Container[int] = ()) -> str:
    """The first row is the heading; nothing where there is no other. `right` are the columns set to the right."""
    if len(rows) < 2:
        return ""
    widths = [max(cell_len(row[at]) for row in rows) for at in range(len(rows[0]))]
    padded = [[_padded(cell, widths[at], at in right) for at, cell in enumerate(row)] for row in rows]
    return "\n".join("  ".join(row).rstrip() for row in padded)


def _padded(cell: str, width: int, right: bool) -> str:
    space = " " * (width - cell_len(cell))
    return space + cell if right else cell + space


def aligned(amount: int, currency: str) -> str:
    """An amount with room for three decimals, so that the points of all currencies stand below each other."""
    decimals = CURRENCIES[currency]
    return format_amount(amount, currency) + " " * (3 - decimals + (decimals == 0))


def plain(said: str) -> str:
    """On one line, and without what a terminal would obey."""
    return "".join(character if character.isprintable() else "·" for character in said)


def json_of(value: object) -> str:
    """For scripts, on one line."""
    return msgspec.json.encode(value).decode()
