"""Remittances: what marketplaces have paid, against what they owe.

One is known by its marketplace and its reference, the marketplace's or the bank's own: recorded again with the same
facts it is the one there is. What was recorded by mistake is taken back by a reversing entry, and its reference is free
again. Many are recorded in one batch, as a bank's file has them.
"""

import hashlib
import re
from collections import Counter
from collections.abc import Mapping, Sequence
from datetime import date, datetime
from typing import Any, Literal

from msgspec import Struct
from sqlalchemy import insert, select, text, update
from sqlalchemy.ext.asyncio import AsyncConnection

from ledger.entries import Line, NewEntry, post_batch, reverse
from ledger.money import BIGINT_MAX, check_amount, exponent
from ledger.periods import locked_through, month_of, next_month
from ledger.refusals import storable
from settlement.entries import open_accounts
from settlement.errors import InvalidRemittance, RemittanceDiffers, RemittanceNotFound, RemittanceReversed
from settlement.positions import marketplace_account
from settlement.reasons import checked_reason
from settlement.suspense import book_today
from settlement.tables import remittances

Account = Literal["assets:bank", "assets:stripe"]

AT_ONCE = 10_000
"""Remittances of one call."""
_EARLIEST = date(2000, 1, 1)
_LONGEST_REFERENCE = 200
_MARKETPLACE = re.compile(r"[a-z0-9]+(?:-[a-z0-9]+)*")


class NewRemittance(Struct, frozen=True, kw_only=True):
    """So many minor units came into `account` on a day by the book's calendar; negative where a marketplace took money
    back.
    """

    marketplace: str
    currency: str
    amount: int
    received_on: date
    account: Account
    reference: str


class Remittance(NewRemittance, frozen=True, kw_only=True):
    """`entry_id` booked it; `reversed_by` is the entry that took it back, for this `reason`."""

    remittance_id: int
    recorded_by: str
    recorded_at: datetime
    entry_id: int
    reversed_by: int | None
    reason: str | None


_Name = tuple[str, str]
"""Marketplace and reference."""

_FACTS = NewRemittance.__struct_fields__
_COLUMNS = [remittances.c[name] for name in Remittance.__struct_fields__]


# Recording --------------------------------------------------------------------------------------------------


async def record_remittances(
    connection: AsyncConnection, book_id: int, actor: str, told: Sequence[NewRemittance]
) -> list[Remittance]:
    """Record and book those that are new, all or none; each of those told, in their order. Up to 10,000, once in a
    transaction. One of a month that is locked is booked in the first that is open, with its own date.

    Raises:
        InvalidRemittance: the field names which of several, as `remittances[3].amount`.
        RemittanceDiffers: the reference is on record, or told twice, with other facts.
        InvalidAmount, UnknownCurrency: of the ledger.
    """
    if len(told) > AT_ONCE:
        raise InvalidRemittance("remittances", len(told), f"at most {AT_ONCE:,} at once")
    await connection.execute(_ALONE, {"book": book_id})
    today = await book_today(connection, book_id)
    owing = set(await connection.scalars(_OWING, {"book": book_id, "prefix": marketplace_account("")}))
    checked = [_checked(each, _field(told, number), today, owing) for number, each in enumerate(told)]
    kept, rounds = await _recorded(connection, book_id, checked)
    new = _new(checked, kept)
    entries = await _entries(connection, book_id, new, rounds)
    await open_accounts(connection, book_id, entries)
    posted = await post_batch(connection, book_id, entries)
    rows = [
        {"book_id": book_id, "recorded_by": actor, "entry_id": made.entry_id, **_facts(each)}
        for each, made in zip(new, posted, strict=True)
    ]
    if rows:
        made = insert(remittances).returning(*_COLUMNS, sort_by_parameter_order=True)
        kept |= {
            _name(its): its for its in (Remittance(**row._mapping) for row in await connection.execute(made, rows))
        }
    return [kept[_name(each)] for each in checked]


def _field(told: Sequence[NewRemittance], number: int) -> str:
    """What is put before the names of its fields."""
    return f"remittances[{number}]." if len(told) > 1 else ""


def _checked(told: NewRemittance, field: str, today: date, owing: set[str]) -> NewRemittance:
    if told.marketplace not in owing or _MARKETPLACE.fullmatch(told.marketplace) is None:
        rule = "a marketplace whose reports were imported into this book"
        raise InvalidRemittance(f"{field}marketplace", told.marketplace, rule)
    exponent(told.currency, f"{field}currency")
    if not check_amount(f"{field}amount", told.amount):
        raise InvalidRemittance(f"{field}amount", 0, "a remittance moves something")
    if not _EARLIEST <= told.received_on <= today:
        rule = f"from {_EARLIEST} to today, {today} by the book's calendar"
        raise InvalidRemittance(f"{field}received_on", told.received_on, rule)
    reference = told.reference.strip()
    if not 1 <= len(reference) <= _LONGEST_REFERENCE or not storable(reference):
        rule = f"1 to {_LONGEST_REFERENCE} characters, none of them NUL"
        raise InvalidRemittance(f"{field}reference", told.reference, rule)
    return NewRemittance(**{**_facts(told), "reference": reference})


async def _recorded(
    connection: AsyncConnection, book_id: int, told: Sequence[NewRemittance]
) -> tuple[dict[_Name, Remittance], Counter[_Name]]:
    """Those of the names that are on record; and how many there were of each that were taken back."""
    its = remittances.c
    named = its.reference.in_({each.reference for each in told})
    rows = await connection.execute(select(*_COLUMNS).where(its.book_id == book_id, named))
    found = [Remittance(**row._mapping) for row in rows]
    kept = {_name(each): each for each in found if each.reversed_by is None}
    return kept, Counter(_name(each) for each in found if each.reversed_by is not None)


def _new(told: Sequence[NewRemittance], kept: Mapping[_Name, Remittance]) -> list[NewRemittance]:
    """Each once. Raises RemittanceDiffers."""
    new: dict[_Name, NewRemittance] = {}
    for number, each in enumerate(told):
        before = kept.get(_name(each)) or new.setdefault(_name(each), each)
        if _facts(before) != _facts(each):
            raise RemittanceDiffers(f"{_field(told, number)}reference", each.reference)
    return [*new.values()]


async def _entries(
    connection: AsyncConnection, book_id: int, new: Sequence[NewRemittance], rounds: Mapping[_Name, int]
) -> list[NewEntry]:
    locked = await locked_through(connection, book_id)
    first_open = None if locked is None else next_month(locked)
    return [
        NewEntry(
            idempotency_key=f"remittance:{_digest(each)}:{rounds.get(_name(each), 0)}",
            effective_on=each.received_on,
            description=f"Paid by {each.marketplace}: {each.reference}",
            lines=(
                Line(each.account, each.currency, each.amount),
                Line(marketplace_account(each.marketplace), each.currency, -each.amount),
            ),
            metadata={"cause": "remittance", "reference": each.reference},
            period=first_open if first_open and month_of(each.received_on) < first_open else None,
        )
        for each in new
    ]


def _digest(each: NewRemittance) -> str:
    """Of its name, which may be long."""
    return hashlib.sha256("\n".join(_name(each)).encode()).hexdigest()[:32]


def _name(each: NewRemittance) -> _Name:
    return each.marketplace, each.reference


def _facts(each: NewRemittance) -> dict[str, Any]:
    return {name: getattr(each, name) for name in _FACTS}


async def reverse_remittance(
    connection: AsyncConnection, book_id: int, actor: str, remittance_id: int, reason: str
) -> Remittance:
    """Take it back by an entry of today. Raises InvalidRemittance, RemittanceNotFound, RemittanceReversed."""
    said = checked_reason(reason, InvalidRemittance)
    its = await find_remittance(connection, book_id, remittance_id, lock=True)
    if its.reversed_by is not None:
        raise RemittanceReversed("remittance", remittance_id)
    posted = await reverse(
        connection,
        book_id,
        its.entry_id,
        idempotency_key=f"remittance-reversed:{remittance_id}",
        effective_on=await book_today(connection, book_id),
        description=f"Remittance {remittance_id} taken back by {actor}: {said}"[:1000],
    )
    here = (remittances.c.book_id == book_id) & (remittances.c.remittance_id == remittance_id)
    change = update(remittances).where(here).values(reversed_by=posted.entry_id, reason=said)
    return Remittance(**(await connection.execute(change.returning(*_COLUMNS))).one()._mapping)


# Reading ----------------------------------------------------------------------------------------------------


async def find_remittance(
    connection: AsyncConnection, book_id: int, remittance_id: int, *, lock: bool = False
) -> Remittance:
    """Raises RemittanceNotFound."""
    its = (remittances.c.book_id == book_id) & (remittances.c.remittance_id == remittance_id)
    chosen = select(*_COLUMNS).where(its)
    row = (await connection.execute(chosen.with_for_update() if lock else chosen)).one_or_none()
    if row is None:
        raise RemittanceNotFound("remittance", remittance_id)
    return Remittance(**row._mapping)


async def list_remittances(
    connection: AsyncConnection,
    book_id: int,
    *,
    marketplace: str | None = None,
    currency: str | None = None,
    before: int | None = None,
    limit: int = 100,
) -> list[Remittance]:
    """Newest first by number, those before a given one; of a marketplace or in a currency alone."""
    its = remittances.c
    chosen = select(*_COLUMNS).where(its.book_id == book_id, its.remittance_id < (before or BIGINT_MAX))
    if marketplace is not None:
        chosen = chosen.where(its.marketplace == marketplace)
    if currency is not None:
        chosen = chosen.where(its.currency == currency)
    rows = await connection.execute(chosen.order_by(its.remittance_id.desc()).limit(limit))
    return [Remittance(**row._mapping) for row in rows]


# SQL --------------------------------------------------------------------------------------------------------

_ALONE = text("SELECT pg_advisory_xact_lock(hashtextextended('remittances of ' || :book, 0))")
_OWING = text("""
    SELECT DISTINCT substr(code, length(:prefix) + 1) FROM ledger.accounts
    WHERE book_id = :book AND starts_with(code, :prefix)
""")
