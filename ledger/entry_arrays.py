"""How a batch of entries travels to `ledger.post_entries`: as arrays, in PostgreSQL's own text.

Adapting lists item by item, as the driver does, takes a batch of ten thousand entries several times as long.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence

import msgspec

from ledger.entry_content import NewEntry, content_digest
from ledger.errors import UnknownAccount
from ledger.refusals import storable


def entry_arrays(book_id: int, entries: Sequence[NewEntry]) -> Iterator[str]:
    """The entries, field by field, in the order of the function's parameters."""
    yield _text_array(entry.idempotency_key for entry in entries)
    yield _array(entry.effective_on.isoformat() for entry in entries)
    yield _array(entry.booked_in.isoformat() for entry in entries)
    yield _text_array(entry.description for entry in entries)
    yield _text_array(msgspec.json.encode(entry.metadata).decode() for entry in entries)
    yield _array("NULL" if entry.reverses is None else str(entry.reverses) for entry in entries)
    yield _array(str(len(entry.lines)) for entry in entries)
    yield _text_array(f"\\x{content_digest(book_id, entry).hex()}" for entry in entries)


def numbered_accounts(entries: Iterable[NewEntry]) -> dict[tuple[str, str], int]:
    """The (code, currency) of their lines, in the order in which they come up, from 1."""
    accounts: dict[tuple[str, str], int] = {}
    for entry in entries:
        for line in entry.lines:
            accounts.setdefault((line.account, line.currency), len(accounts) + 1)
    return accounts


def line_arrays(entries: Sequence[NewEntry], accounts: Mapping[tuple[str, str], int]) -> Iterator[str]:
    """Accounts once each, and lines that name them and their entries by number, from 1.

    Raises UnknownAccount with that number for a code that no database could hold.
    """
    currencies: dict[str, int] = {}
    for _, currency in accounts:
        currencies.setdefault(currency, len(currencies) + 1)
    for number, (code, _) in enumerate(accounts, 1):
        if not storable(code):
            raise UnknownAccount("account", number)
    yield _text_array(currencies)
    yield _text_array(code for code, _ in accounts)
    yield _array(str(currencies[currency]) for _, currency in accounts)
    yield _array(str(number) for number, entry in enumerate(entries, 1) for _ in entry.lines)
    yield _array(str(number) for entry in entries for number in range(1, len(entry.lines) + 1))
    yield _array(str(accounts[line.account, line.currency]) for entry in entries for line in entry.lines)
    yield _array(str(line.amount) for entry in entries for line in entry.lines)


def _array(items: Iterable[str]) -> str:
    return f"{{{','.join(items)}}}"


def _text_array(items: Iterable[str]) -> str:
    """Escaped all at once, with NUL, which no text in PostgreSQL can hold, standing between the items."""
    joined = "\0".join(items).replace("\\", "\\\\").replace('"', '\\"').replace("\0", '","')
    return f'{{"{joined}"}}'
