"""What happens to sales between a report and a payout: days go by, claims are opened and decided."""

from collections.abc import Mapping
from datetime import date
from typing import Any

from sqlalchemy import text

from licensing.claim_evidence import Statement
from licensing.claim_rules import Claim
from licensing.claims import move_claim, open_claim
from licensing.states import By
from settlement.settling import settle_due
from tests.licensing.house import Granted
from tests.settlement.till import Till

HOST, CLIPPER, OPERATOR = By("host", "user:1"), By("clipper", "user:2"), By("operator", "user:3")
SAID = Statement("It says so in the stream.")


async def settle(till: Till, today: date, **how: Any) -> Mapping[str, int]:
    """What the hourly job does on a day; the steps that moved sales, and how many."""
    moved = await settle_due(till.engine, till.book_id, today=today, **how)
    return {step: sales for step, sales in moved.items() if sales}


async def dispute(till: Till, grant: Granted, submission_id: int | None = None) -> Claim:
    """The host says that sales are not true: those of one clip, or all of the grant's."""
    over = {"grant_id": grant.grant_id} if submission_id is None else {"submission_id": submission_id}
    async with till.engine.begin() as connection:
        return await open_claim(connection, HOST, {"book_id": till.book_id}, "false-sales", SAID, **over)


async def decide(till: Till, claim: Claim, *moves: tuple[str, By]) -> Claim:
    for action, by in moves:
        async with till.engine.begin() as connection:
            claim = await move_claim(connection, till.book_id, claim.claim_id, action, by, SAID)
    return claim


CONCEDED = ("conceded", CLIPPER)
"""The clipper gives in: finally upheld."""
WITHDRAWN = ("withdrawn", HOST)
"""The host gives in: finally released."""


def sums(balances: Mapping[str, int], party: str) -> dict[str, int]:
    """What the book owes a party, by where it lies."""
    found = {}
    for account, balance in balances.items():
        _, stage, *whose = account.split(":")
        if whose == [party]:
            found[stage] = -balance
    return found


async def in_sql(till: Till, query: str, **parameters: Any) -> list[tuple[Any, ...]]:
    async with till.engine.begin() as connection:
        found = await connection.execute(text(query), {"book": till.book_id, **parameters})
        return [tuple(row) for row in found] if found.returns_rows else []
