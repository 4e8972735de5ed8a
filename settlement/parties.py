"""Parties of a book: whom it can owe anything, by the names that accounts give them."""

import re
from typing import Literal

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

from ledger.money import BIGINT_MAX
from settlement.errors import UnknownParty

PARTY = "^(host|(clipper|agency)-[1-9][0-9]{0,18})$"
"""The form of a party's name, as a regular expression."""

BALANCES_CODE = (
    "^(liabilities:(held|available|reserve|frozen|paying)|assets:recoverable):(host|(clipper|agency)-[0-9]+)$"
)
"""The form of the codes of accounts that say what a party is owed and what it owes back, likewise."""

_PARTY = re.compile("(host)|(clipper|agency)-([1-9][0-9]{0,18})")


async def check_party(connection: AsyncConnection, book_id: int, party: str, field: str = "party") -> str:
    """The party, if the book has it: `host`, a clipper with a grant of it, or an agency of some of its terms.

    Raises UnknownParty.
    """
    named = _PARTY.fullmatch(party)
    if named is None:
        raise UnknownParty(field, party)
    if named[1]:
        return party
    kind: Literal["clipper", "agency"] = "clipper" if named[2] == "clipper" else "agency"
    number = int(named[3])
    if number > BIGINT_MAX or not await connection.scalar(_KNOWN[kind], {"book": book_id, "number": number}):
        raise UnknownParty(field, party)
    return party


_KNOWN = {
    "clipper": text("""
        SELECT EXISTS (SELECT FROM licensing.grants WHERE book_id = :book AND clipper_id = :number)
    """),
    "agency": text("""
        SELECT EXISTS (SELECT FROM licensing.terms_versions
                       WHERE book_id = :book AND terms ->> 'agency' = CAST(CAST(:number AS bigint) AS text))
    """),
}
