"""An account that moves line by line, at a bank, at Stripe or in transit: matched, judged, and written down.

The matching itself runs in a thread.
"""

import asyncio
import gc
import hashlib
from collections.abc import Callable, Mapping, Sequence
from datetime import date
from typing import Any

import msgspec
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

from settlement.positions import marketplace_account
from settlement.reconciliation.kinds import ABOUT
from settlement.reconciliation.lines import Found, Residual
from settlement.reconciliation.loading import Scope, Sides, load, parted, strangers
from settlement.reconciliation.matching import USUAL, begin, clear_transit, finish
from settlement.reconciliation.proposals import Known, proposal_of
from settlement.reconciliation.reconciliations import Sums, source_of
from settlement.reconciliation.summing import summed
from settlement.reconciliation.writing import Row, carry, write_matches, write_residuals


async def reconcile_lines(connection: AsyncConnection, book_id: int, reconciliation_id: int, scope: Scope) -> Sums:
    sides = await load(connection, book_id, scope, USUAL)
    gone = await parted(connection, book_id, reconciliation_id)
    if source_of(scope.account) is None:
        found = clear_transit(sides.ours, scope.end.toordinal())
    else:
        work = await asyncio.to_thread(_undisturbed, lambda: begin(sides.ours, sides.theirs, parted=gone))
        others = await strangers(connection, book_id, scope, work.free_references())
        found = await asyncio.to_thread(_undisturbed, lambda: finish(work, others))
    numbers = await write_matches(connection, book_id, reconciliation_id, sides, found)
    plain = await _reversible(connection, book_id, sides, found)
    markets = frozenset(await connection.scalars(_MARKETS, {"book": book_id, "prefix": marketplace_account("")}))
    rows = [row for each in found.residuals if (row := _row(sides, found, each, scope, numbers, plain, markets))]
    await write_residuals(connection, book_id, reconciliation_id, rows)
    await carry(connection, book_id, reconciliation_id, scope)
    return await summed(connection, book_id, reconciliation_id, scope)


def _undisturbed(do: Callable[[], Any]) -> Any:
    """Millions of small values that all stay: looking for garbage among them takes longer than the work."""
    was = gc.isenabled()
    gc.disable()
    try:
        return do()
    finally:
        if was:
            gc.enable()


def _row(
    sides: Sides,
    found: Found,
    each: Residual,
    scope: Scope,
    numbers: Sequence[int | None],
    plain: Mapping[int, str | None],
    markets: frozenset[str],
) -> Row | None:
    """Null where nothing of it is of the month, or of before."""
    ours = [sides.ours[at] for at in each.ours]
    theirs = tuple(sides.theirs[at] for at in each.theirs)
    number = None if each.match is None else numbers[each.match]
    mine, other = [its for its in ours if its.inside], [its for its in theirs if its.inside]
    if not (mine or other) or (each.match is not None and number is None):
        return None
    if number is not None:
        mine, other = ours, [*theirs]
    only = ours[0].entry_id if len(ours) == 1 and ours[0].entry_id in plain else None
    known = Known(only, None if only is None else plain[only], markets)
    proposal = proposal_of(each, scope, ours, theirs, known)
    members = {
        "postings": sorted([its.entry_id, its.line] for its in ours),
        "lines": sorted(its.line_id for its in theirs),
    }
    return Row(
        key=f"{each.kind}:{_digest(members)}",
        kind=each.kind,
        owner=ABOUT[each.kind].owner,
        since=date.fromordinal(min([its.day for its in ours] + [its.day for its in theirs])),
        currency=scope.currency,
        ledger_amount=sum(its.amount for its in mine),
        outside_amount=sum(its.amount for its in other),
        match_id=number,
        members=members,
        said=each.said,
        proposal=None if proposal is None else msgspec.to_builtins(proposal),
    )


def _digest(members: object) -> str:
    return hashlib.sha256(msgspec.json.encode(members)).hexdigest()[:32]


async def _reversible(connection: AsyncConnection, book_id: int, sides: Sides, found: Found) -> dict[int, str | None]:
    """Entries of residuals that are of no payout, no remittance, and are not reversed; each with its other account, if
    it has two lines.
    """
    entries = {sides.ours[at].entry_id for each in found.residuals if len(each.ours) == 1 for at in each.ours}
    if not entries:
        return {}
    rows = await connection.execute(_PLAIN, {"book": book_id, "entries": [*entries]})
    return {row.entry_id: row.codes[0] if len(row.codes) == 1 else None for row in rows}


_PLAIN = text("""
    SELECT w.entry_id, ARRAY(
               SELECT a.code FROM ledger.postings AS p JOIN ledger.accounts AS a USING (book_id, account_id)
               WHERE p.book_id = :book AND p.entry_id = w.entry_id AND e.line_count = 2
                 AND a.code NOT IN ('assets:bank', 'assets:stripe')) AS codes
    FROM unnest(CAST(:entries AS bigint[])) AS w (entry_id)
    JOIN ledger.entries AS e ON e.book_id = :book AND e.entry_id = w.entry_id
    WHERE e.metadata ->> 'payout' IS NULL AND e.reverses IS NULL
      AND NOT EXISTS (SELECT FROM ledger.entries AS r WHERE r.book_id = :book AND r.reverses = w.entry_id)
      AND NOT EXISTS (SELECT FROM settlement.remittances AS its WHERE its.book_id = :book AND its.entry_id = w.entry_id)
      AND NOT EXISTS (SELECT FROM settlement.accruals AS its WHERE its.book_id = :book AND its.entry_id = w.entry_id)
""")
_MARKETS = text("""
    SELECT DISTINCT substr(code, length(:prefix) + 1) FROM ledger.accounts
    WHERE book_id = :book AND starts_with(code, :prefix)
""")
