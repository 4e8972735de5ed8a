"""Registration: a host brings the clippers it has long licensed on paper, thousands at once.

Who is here already is found by an account that is confirmed for them; who is new is registered, and the host vouches
for the accounts. Sent again, all rows are found. Each row has an outcome of its own, and one that is refused keeps no
other from being registered.
"""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Literal

import msgspec
from sqlalchemy import ARRAY, Text, func, insert, literal, select
from sqlalchemy.ext.asyncio import AsyncConnection

from licensing.errors import HandleTaken, InvalidBulk, InvalidHandle, LicensingError
from licensing.handles import hold_accounts, new_code
from licensing.parties import Profile, check_profile
from licensing.states import By
from licensing.tables import handles, parties
from licensing.vocabulary import check_platform, normal_handle

MOST_ROWS = 10_000
_MOST_ACCOUNTS = 20
_Account = tuple[str, str]


class ClipperAccount(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A handle on a platform."""

    platform: str
    handle: str


class ClipperRow(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A clipper as its host knows it, with at least one account."""

    name: str
    handles: tuple[ClipperAccount, ...]
    country: str | None = None
    languages: tuple[str, ...] = ()


class RegisteredRow(msgspec.Struct, frozen=True, kw_only=True):
    """What became of a row, the first being 1: the number of its clipper, or the rule it breaks."""

    row: int
    outcome: Literal["registered", "known", "refused"]
    clipper_id: int | None = None
    code: str | None = None
    field: str | None = None
    value: str | None = None
    rule: str | None = None


class _Checked(msgspec.Struct, frozen=True):
    """A row that is in order by itself."""

    row: int
    profile: dict[str, Any]
    accounts: tuple[_Account, ...]


async def register_clippers(connection: AsyncConnection, by: By, rows: Sequence[ClipperRow]) -> list[RegisteredRow]:
    """Find or register each row's clipper, in order of the rows.

    Raises InvalidBulk where there are none or more than MOST_ROWS.
    """
    if not 1 <= len(rows) <= MOST_ROWS:
        raise InvalidBulk("clippers", len(rows), f"1 to {MOST_ROWS} rows")
    outcomes: dict[int, RegisteredRow] = {}
    checked = list(_checked(rows, outcomes))
    await hold_accounts(connection)
    owners = await _owners(connection, [account for each in checked for account in each.accounts])
    new = list(_new(checked, owners, outcomes))
    clipper_ids = await _register(connection, by, new)
    for each, clipper_id in zip(new, clipper_ids, strict=True):
        outcomes[each.row] = RegisteredRow(row=each.row, outcome="registered", clipper_id=clipper_id)
    return [outcomes[number] for number in range(1, len(rows) + 1)]


def _checked(rows: Sequence[ClipperRow], outcomes: dict[int, RegisteredRow]) -> Iterator[_Checked]:
    """The rows that could be registered; an outcome for each of the others."""
    first: dict[_Account, int] = {}
    for number, row in enumerate(rows, 1):
        try:
            each = _check(number, row)
            _check_apart(each, first)
        except LicensingError as error:
            outcomes[number] = _refused(number, error)
        else:
            first.update(dict.fromkeys(each.accounts, number))
            yield each


def _check(number: int, row: ClipperRow) -> _Checked:
    profile = check_profile(Profile(name=row.name, country=row.country, languages=row.languages))
    if not 1 <= len(row.handles) <= _MOST_ACCOUNTS:
        raise InvalidHandle("handles", len(row.handles), f"1 to {_MOST_ACCOUNTS} accounts")
    accounts = tuple(_account(f"handles[{position}]", account) for position, account in enumerate(row.handles))
    return _Checked(number, profile, tuple(dict.fromkeys(accounts)))


def _account(field: str, account: ClipperAccount) -> _Account:
    platform = check_platform(account.platform, InvalidHandle, f"{field}.platform")
    return platform, normal_handle(account.handle, f"{field}.handle")


def _check_apart(each: _Checked, first: Mapping[_Account, int]) -> None:
    for account in each.accounts:
        if account in first:
            raise HandleTaken("handles", ":".join(account), f"row {first[account]} has it, too")


def _new(
    checked: Sequence[_Checked], owners: Mapping[_Account, int], outcomes: dict[int, RegisteredRow]
) -> Iterator[_Checked]:
    """Those whose accounts nobody has; an outcome for each of the others."""
    for each in checked:
        found = {owners.get(account) for account in each.accounts}
        if found == {None}:
            yield each
        elif len(found) == 1:
            outcomes[each.row] = RegisteredRow(row=each.row, outcome="known", clipper_id=found.pop())
        else:
            outcomes[each.row] = _refused(each.row, _mixed(each, owners))


def _mixed(each: _Checked, owners: Mapping[_Account, int]) -> HandleTaken:
    """Some accounts are one clipper's and some another's or nobody's: who this is, the host has to say."""
    taken = next(account for account in each.accounts if account in owners)
    rule = f"is confirmed for clipper {owners[taken]}, who has not all the accounts of this row"
    return HandleTaken("handles", ":".join(taken), rule)


def _refused(number: int, error: LicensingError) -> RegisteredRow:
    return RegisteredRow(
        row=number, outcome="refused", code=error.code, field=error.field, value=error.value, rule=error.rule
    )


async def _owners(connection: AsyncConnection, accounts: Sequence[_Account]) -> dict[_Account, int]:
    """For whom each of the accounts is confirmed."""
    its = handles.c
    columns = ([account[part] for account in accounts] for part in (0, 1))
    both = func.unnest(*(literal(column, ARRAY(Text)) for column in columns))
    asked = both.table_valued("platform", "handle").render_derived()
    here = (its.platform == asked.c.platform) & (its.handle == asked.c.handle) & (its.state == "confirmed")
    rows = await connection.execute(select(its.platform, its.handle, its.clipper_id).join_from(handles, asked, here))
    return {(platform, handle): clipper_id for platform, handle, clipper_id in rows}


async def _register(connection: AsyncConnection, by: By, new: Sequence[_Checked]) -> list[int]:
    """The numbers of the new clippers, in order; their accounts are confirmed by the host's word."""
    if not new:
        return []
    made = insert(parties).returning(parties.c.party_id, sort_by_parameter_order=True)
    values = [{"kind": "clipper", "registered_by": by.actor, **each.profile} for each in new]
    clipper_ids = list(await connection.scalars(made, values))
    proved = {"state": "confirmed", "proof": by.side, "claimed_by": by.actor, "decided_by": by.actor}
    claims = [
        {"clipper_id": clipper_id, "platform": platform, "handle": handle, "code": new_code(), **proved}
        for each, clipper_id in zip(new, clipper_ids, strict=True)
        for platform, handle in each.accounts
    ]
    await connection.execute(insert(handles).values(decided_at=func.now()), claims)
    return clipper_ids
