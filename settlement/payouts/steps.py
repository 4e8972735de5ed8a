"""What happens to a payout besides being sent: it arrives, comes back, is cancelled, or is tried again."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import Row
from sqlalchemy.ext.asyncio import AsyncConnection

from licensing.vocabulary import check_text
from settlement.payouts.answers import Change
from settlement.payouts.errors import InvalidRun, PayoutNotFound, WrongPayoutStep
from settlement.payouts.lifecycle import SHARED, State, target
from settlement.payouts.recording import Made, finish, go_on, lock_payouts, write

_MOST_REASON = 500


async def confirm(connection: AsyncConnection, book_id: int, payout_ids: Sequence[int], now: datetime) -> int:
    """They have arrived; how many were not known to. Once in a transaction: it posts one batch."""
    rows = await lock_payouts(connection, book_id, payout_ids)
    made = [Made(row, _confirmed(row)) for row in rows.values() if row.state == "sent"]
    await write(connection, book_id, made, now)
    return len(made)


def _confirmed(row: Row[Any]) -> Change:
    detail = {"reference": row.reference}
    return Change(action="confirmed", state=target(row.state, "confirmed"), detail=detail)


async def come_back(
    connection: AsyncConnection, book_id: int, payout_id: int, returned: int, reason: str, now: datetime
) -> State:
    """So much of it has come back by now, in minor units, all told; which state it is in then.

    What has come back before is not booked again, so it may be told any number of times. Once in a transaction.

    Raises PayoutNotFound, WrongPayoutStep.
    """
    row = await _locked(connection, book_id, payout_id)
    if not 0 < returned <= row.amount:
        raise WrongPayoutStep("returned", returned, f"from 1 to {row.amount}, the payout's amount")
    state: State = row.state
    if returned <= row.returned:
        return state
    whole = returned == row.amount
    state = target(state, "returned") if whole else state
    if not whole and row.state != "paid":
        raise WrongPayoutStep("state", row.state, "a part comes back of what has arrived")
    detail = {"returned": returned, "reason": reason}
    change = Change(action="returned", state=state, detail=detail, reason=reason[:_MOST_REASON], returned=returned)
    await write(connection, book_id, [Made(row, change)], now)
    return state


async def cancel(
    connection: AsyncConnection, book_id: int, payout_ids: Sequence[int], by: str, reason: str, now: datetime
) -> None:
    """Take them back: what they set aside is available again. Once in a transaction.

    Raises PayoutNotFound, WrongPayoutStep where a call may have been made that nothing is known of, InvalidRun.
    """
    said = check_text(reason, InvalidRun, "reason", most=_MOST_REASON)
    rows = await lock_payouts(connection, book_id, payout_ids)
    for payout_id in payout_ids:
        if payout_id not in rows:
            raise PayoutNotFound("payout", payout_id)
    made = [Made(row, _cancelled(row, by, said)) for row in rows.values()]
    await write(connection, book_id, made, now)
    await finish(connection, book_id, now)


def _cancelled(row: Row[Any], by: str, reason: str) -> Change:
    state = target(row.state, "cancelled")
    if row.state == "ready" and row.first_sent_at is not None and row.rail in SHARED:
        raise WrongPayoutStep("payout", row.payout_id, "it may have been sent: nothing is known of its last call yet")
    return Change(action="cancelled", state=state, detail={"by": by, "reason": reason}, reason=reason)


async def retry(connection: AsyncConnection, book_id: int, payout_id: int, by: str, now: datetime) -> None:
    """Send a refused payout again, by a new key: the rail said that the last call had no effect.

    Raises PayoutNotFound, WrongPayoutStep.
    """
    row = await _locked(connection, book_id, payout_id)
    if row.state != "refused":
        raise WrongPayoutStep("state", row.state, "what was refused is tried again")
    await write(connection, book_id, [Made(row, retried(row, by, now))], now)
    await go_on(connection, book_id, row.run_id)


def retried(row: Row[Any], by: str, now: datetime) -> Change:
    """Of a payout that was refused. Raises WrongPayoutStep."""
    state = target(row.state, "released")
    return Change(action="released", state=state, detail={"by": by}, renewed=True, next_attempt_at=now)


async def _locked(connection: AsyncConnection, book_id: int, payout_id: int) -> Row[Any]:
    rows = await lock_payouts(connection, book_id, [payout_id])
    if payout_id not in rows:
        raise PayoutNotFound("payout", payout_id)
    return rows[payout_id]
