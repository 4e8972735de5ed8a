"""The operator's bounds for how host and clipper share. Each change is a row of its own, and the newest counts.

What is published later must lie within; what was published before stays as it was agreed.
"""

from datetime import datetime
from typing import Any

from msgspec import Struct
from sqlalchemy import Row, insert, select
from sqlalchemy.ext.asyncio import AsyncConnection

from ledger.splits import DEFAULT_POLICY, SplitPolicy
from licensing.errors import InvalidPolicy
from licensing.tables import split_policies
from licensing.terms import CLIPPER, HOST
from licensing.vocabulary import check_text

_LARGEST_PART = 1_000_000
_Ratio = tuple[int, int]


class Policy(Struct, frozen=True):
    """Host : clipper must be at least `least` and at most `most`. Number 0 was set by nobody: it holds until one is."""

    policy_no: int
    least: tuple[int, int]
    most: tuple[int, int]
    reason: str
    set_by: str | None
    set_at: datetime | None

    @property
    def bounds(self) -> SplitPolicy:
        """As the ledger checks a split."""
        return SplitPolicy(parties=(HOST, CLIPPER), least=self.least, most=self.most)


UNTIL_SET = Policy(0, DEFAULT_POLICY.least, DEFAULT_POLICY.most, "the service's own bounds", None, None)


async def set_policy(connection: AsyncConnection, least: _Ratio, most: _Ratio, reason: str, *, set_by: str) -> Policy:
    """Bounds for whatever is published from now on, and why. Raises InvalidPolicy."""
    _check_bounds(least, most)
    said = check_text(reason, InvalidPolicy, "reason", most=500)
    row = insert(split_policies).values(
        least_host=least[0],
        least_clipper=least[1],
        most_host=most[0],
        most_clipper=most[1],
        reason=said,
        set_by=set_by,
    )
    return _policy((await connection.execute(row.returning(split_policies))).one())


async def policy_in_force(connection: AsyncConnection) -> Policy:
    """The newest; without any, that of the service."""
    newest = await list_policies(connection, limit=1)
    return newest[0] if newest else UNTIL_SET


async def list_policies(connection: AsyncConnection, *, before: int | None = None, limit: int = 100) -> list[Policy]:
    """Those that were set, newest first, those before a given one."""
    number = split_policies.c.policy_no
    chosen = select(split_policies).order_by(number.desc()).limit(limit)
    if before is not None:
        chosen = chosen.where(number < before)
    return [_policy(row) for row in await connection.execute(chosen)]


def _check_bounds(least: _Ratio, most: _Ratio) -> None:
    for field, ratio in (("least", least), ("most", most)):
        for position, part in enumerate(ratio):
            if not 0 <= part <= _LARGEST_PART:
                raise InvalidPolicy(f"{field}[{position}]", part, f"must be 0 to {_LARGEST_PART}")
    if not least[1]:
        raise InvalidPolicy("least", f"{least[0]}:{least[1]}", "at the least, something is left to the clipper")
    if not most[0]:
        raise InvalidPolicy("most", f"{most[0]}:{most[1]}", "at the most, the host gets something")
    if least[0] * most[1] > most[0] * least[1]:
        raise InvalidPolicy("least", f"{least[0]}:{least[1]}", f"must not be above the most, {most[0]}:{most[1]}")


def _policy(row: Row[Any]) -> Policy:
    least, most = (row.least_host, row.least_clipper), (row.most_host, row.most_clipper)
    return Policy(row.policy_no, least, most, row.reason, row.set_by, row.set_at)
