"""Tax rules of a book, and by which of them is withheld from whom: both dated, both only ever added to.

A rule is known by its code; from each `valid_from` on the newest counts. A party's profile names a code, or none.
"""

import re
from datetime import date, datetime
from typing import Any

from msgspec import Struct
from sqlalchemy import select
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncConnection

from ledger.money import BIGINT_MAX
from settlement.errors import InvalidWithholding, RuleExists
from settlement.parties import check_party
from settlement.reasons import checked_reason
from settlement.tables import tax_profiles, withholding_rules
from settlement.withholding import Rule, decode, encode

_CODE = re.compile(r"[a-z0-9]+(?:-[a-z0-9]+)*")
_LONGEST_CODE = 40
_EARLIEST, _LATEST = date(2000, 1, 1), date(2199, 12, 31)


class WithholdingRule(Struct, frozen=True):
    """A rule in force from a day on, until a newer one of its code is."""

    code: str
    valid_from: date
    rule: Rule
    created_by: str
    created_at: datetime


class TaxProfile(Struct, frozen=True):
    """By which rule is withheld from a party's payments from a day on; null is none. What was said last counts."""

    profile_id: int
    party: str
    valid_from: date
    code: str | None
    reason: str
    set_by: str
    set_at: datetime


# Rules ------------------------------------------------------------------------------------------------------


async def add_rule(
    connection: AsyncConnection, book_id: int, actor: str, code: str, valid_from: date, rule: Rule
) -> WithholdingRule:
    """Raises InvalidWithholding, RuleExists."""
    _check_day(valid_from)
    if len(code) > _LONGEST_CODE or not _CODE.fullmatch(code):
        form = f"lower-case letters and digits in words joined by hyphens, {_LONGEST_CODE} at most"
        raise InvalidWithholding("code", code, form)
    rule.check()
    values = {"code": code, "valid_from": valid_from, "rule": encode(rule), "created_by": actor}
    new = insert(withholding_rules).values(book_id=book_id, **values).on_conflict_do_nothing()
    its = withholding_rules.c
    made = await connection.execute(new.returning(*(its[name] for name in WithholdingRule.__struct_fields__)))
    if (row := made.one_or_none()) is None:
        raise RuleExists("valid_from", f"{code} from {valid_from}")
    return _rule(row)


async def list_rules(connection: AsyncConnection, book_id: int) -> list[WithholdingRule]:
    """By code, the newest first."""
    its = withholding_rules.c
    chosen = select(*(its[name] for name in WithholdingRule.__struct_fields__)).where(its.book_id == book_id)
    return [_rule(row) for row in await connection.execute(chosen.order_by(its.code, its.valid_from.desc()))]


# Profiles ---------------------------------------------------------------------------------------------------


async def set_profile(
    connection: AsyncConnection,
    book_id: int,
    actor: str,
    party: str,
    code: str | None,
    valid_from: date,
    reason: str,
) -> TaxProfile:
    """Say by which rule is withheld from a party from a day on, and why.

    Raises InvalidWithholding (also where no such rule is in force by then), UnknownParty.
    """
    said = checked_reason(reason, InvalidWithholding)
    _check_day(valid_from)
    await check_party(connection, book_id, party)
    if code is not None and not await _in_force(connection, book_id, code, valid_from):
        raise InvalidWithholding("code", code, f"there is no rule of this code in force on {valid_from}")
    values = {"party": party, "valid_from": valid_from, "code": code, "reason": said, "set_by": actor}
    row = insert(tax_profiles).values(book_id=book_id, **values)
    its = tax_profiles.c
    made = await connection.execute(row.returning(*(its[name] for name in TaxProfile.__struct_fields__)))
    return TaxProfile(**made.one()._mapping)


async def list_profiles(
    connection: AsyncConnection, book_id: int, *, party: str | None = None, before: int | None = None, limit: int = 100
) -> list[TaxProfile]:
    """What was said, newest first, before a given number; of one party alone."""
    its = tax_profiles.c
    chosen = select(*(its[name] for name in TaxProfile.__struct_fields__))
    chosen = chosen.where(its.book_id == book_id, its.profile_id < (before or BIGINT_MAX))
    if party is not None:
        chosen = chosen.where(its.party == party)
    rows = await connection.execute(chosen.order_by(its.profile_id.desc()).limit(limit))
    return [TaxProfile(**row._mapping) for row in rows]


async def _in_force(connection: AsyncConnection, book_id: int, code: str, on: date) -> bool:
    its = withholding_rules.c
    known = select(its.code).where(its.book_id == book_id, its.code == code, its.valid_from <= on).limit(1)
    return bool(_CODE.fullmatch(code)) and (await connection.execute(known)).first() is not None


def _check_day(day: date) -> None:
    if not _EARLIEST <= day <= _LATEST:
        raise InvalidWithholding("valid_from", day, f"from {_EARLIEST} to {_LATEST}")


def _rule(row: Any) -> WithholdingRule:
    return WithholdingRule(row.code, row.valid_from, decode(row.rule), row.created_by, row.created_at)
