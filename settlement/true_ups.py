"""True-ups: a month's sales are shared at the tier that the clipper reached with them, once the month is closed.

Sales accrue below the first tier. How a clipper's sales of a month under one version of terms ought to be shared is a
function of what is known of them now; each close posts the difference to what was posted before, also for earlier
months whose sales have changed since. So no path to the same sales leaves other balances. A true-up is held for the
terms' days after the month it is booked in, as a sale is after it settled.
"""

from collections.abc import Iterator, Mapping, Sequence
from datetime import date, timedelta
from typing import Any

import msgspec
from sqlalchemy import insert, select, text
from sqlalchemy.ext.asyncio import AsyncConnection

from ledger.accounts import NewAccount, ensure_accounts
from ledger.entries import Line, NewEntry, post_batch
from ledger.periods import format_period
from ledger.periods import next_month as next_month
from ledger.splits import true_up
from licensing.terms import CLIPPER, HOST, Terms, decode
from settlement.positions import clipper_party, party_account
from settlement.sale import Stage
from settlement.tables import true_ups

_RELEASE: tuple[tuple[Stage, int], ...] = (("held", 1), ("available", -1))


class Group(msgspec.Struct, frozen=True, order=True):
    """What a tier is reached by: a clipper's sales of a month (`sold_in`) under one version of an offer's terms."""

    sold_in: date
    currency: str
    clipper_id: int
    offer_id: int
    version_no: int


class TrueUp(msgspec.Struct, frozen=True):
    """What was posted for a group in a month's close. `host_part` and `clipper_part` are what the group had accrued,
    `tier` is what its `net_gmv` reached; `host_change` and `clipper_change` were posted on top of earlier true-ups.
    """

    month: date
    sold_in: date
    clipper_id: int
    offer_id: int
    version_no: int
    currency: str
    net_gmv: int
    host_part: int
    clipper_part: int
    tier: int
    host_change: int
    clipper_change: int
    entry_id: int | None
    release_on: date
    release_entry: int | None


class _Sold(msgspec.Struct):
    """What is known of a group's sales: their net GMV, and what its parties accrued, by tier."""

    net_gmv: int = 0
    accrued: dict[int, dict[str, int]] = msgspec.field(default_factory=dict)

    def part(self, party: str) -> int:
        return sum(parts[party] for parts in self.accrued.values())


async def post_true_ups(connection: AsyncConnection, book_id: int, month: date) -> int:
    """Post what is missing, in one entry for each currency; for how many groups. The caller has locked the month's
    closing, so that nobody else posts them now. It posts once: see `ledger.entries`.

    Raises PeriodLocked.
    """
    versions = {
        (row.offer_id, row.version_no): decode(row.terms)
        for row in await connection.execute(_TIERED, {"book": book_id})
    }
    if not versions:
        return 0
    months = [month, *await connection.scalars(_MOVED_MONTHS, {"book": book_id, "month": month})]
    asked = {"book": book_id, "months": months}
    sold = _sold(await connection.execute(_SOLD, {**asked, "first": min(months), "next": next_month(month)}))
    posted = {_group(row): int(row.clipper_change) for row in await connection.execute(_POSTED, asked)}
    missing = [*_missing(month, versions, sold, posted)]
    numbers = await _post(connection, book_id, month, missing)
    if missing:
        rows = [{**row, "book_id": book_id, "entry_id": numbers.get(row["currency"])} for row in missing]
        await connection.execute(insert(true_ups), rows)
    return len(missing)


async def release_true_ups(connection: AsyncConnection, book_id: int, today: date) -> int:
    """Make those available whose days of hold have ended; how many. Doing it twice changes nothing."""
    due = (await connection.execute(_DUE, {"book": book_id, "today": today})).all()
    if not due:
        return 0
    entries = []
    by_currency = {
        currency: [row for row in due if row.currency == currency] for currency in {row.currency for row in due}
    }
    for currency, those in sorted(by_currency.items()):
        amounts = _by_party((row.clipper_id, row.clipper_change) for row in those)
        entry = NewEntry(
            idempotency_key=f"true-up-release:{currency}:{those[0].true_up_id}",
            effective_on=today,
            description="True-ups released",
            lines=tuple(
                Line(party_account(stage, party), currency, sign * amount)
                for party, amount in amounts.items()
                for stage, sign in _RELEASE
            ),
        )
        entries += [entry] if amounts else []
    await _open_accounts(connection, book_id, entries)
    posted = await post_batch(connection, book_id, entries)
    numbers = {entry.lines[0].currency: made.entry_id for entry, made in zip(entries, posted, strict=True)}
    for currency, those in by_currency.items():
        ids = [row.true_up_id for row in those]
        # Where all cancelled out nothing was posted, and the number of no entry says so.
        await connection.execute(_RELEASED, {"book": book_id, "ids": ids, "entry": numbers.get(currency, 0)})
    return len(due)


async def list_true_ups(
    connection: AsyncConnection, book_id: int, month: date, *, clipper_id: int | None = None
) -> list[TrueUp]:
    """What the close of the month posted, in the order in which it did."""
    its = true_ups.c
    chosen = select(*(its[name] for name in TrueUp.__struct_fields__))
    chosen = chosen.where(its.book_id == book_id, its.month == month)
    if clipper_id is not None:
        chosen = chosen.where(its.clipper_id == clipper_id)
    return [TrueUp(*row) for row in await connection.execute(chosen.order_by(its.true_up_id))]


# What is missing --------------------------------------------------------------------------------------------


def _sold(rows: Any) -> dict[Group, _Sold]:
    groups: dict[Group, _Sold] = {}
    for row in rows:
        its = groups.setdefault(_group(row), _Sold())
        its.net_gmv += int(row.net_gmv)
        its.accrued[row.tier] = {HOST: int(row.host_part), CLIPPER: int(row.clipper_part)}
    return groups


def _missing(
    month: date, versions: Mapping[tuple[int, int], Terms], sold: Mapping[Group, _Sold], posted: Mapping[Group, int]
) -> Iterator[dict[str, Any]]:
    """A row of the table for each group whose true-up is not what was posted, without its entry."""
    for group in sorted({*sold, *posted}):
        terms = versions[group.offer_id, group.version_no]
        known = sold.get(group, _Sold())
        if group.currency != terms.split.currency:
            continue  # its tiers are in another money
        change = true_up(terms.split, known.accrued, known.net_gmv).get(CLIPPER, 0) - posted.get(group, 0)
        if change:
            yield {
                **msgspec.structs.asdict(group),
                "month": month,
                "net_gmv": known.net_gmv,
                "host_part": known.part(HOST),
                "clipper_part": known.part(CLIPPER),
                "tier": terms.split.tier_at(known.net_gmv).net_gmv,
                "host_change": -change,
                "clipper_change": change,
                "release_on": next_month(month) + timedelta(days=terms.hold_days),
            }


def _group(row: Any) -> Group:
    return Group(row.sold_in, row.currency, row.clipper_id, row.offer_id, row.version_no)


# Posting ----------------------------------------------------------------------------------------------------


async def _post(
    connection: AsyncConnection, book_id: int, month: date, missing: Sequence[Mapping[str, Any]]
) -> dict[str, int]:
    """The number of the entry of each currency; none for one in which all cancelled out."""
    found = await connection.execute(_ROUNDS, {"book": book_id, "month": month})
    rounds = {row.currency: row.entries for row in found}
    entries = []
    for currency in sorted({row["currency"] for row in missing}):
        changes = ((row["clipper_id"], row["clipper_change"]) for row in missing if row["currency"] == currency)
        amounts = _by_party(changes)
        if not amounts:
            continue
        entries.append(
            NewEntry(
                idempotency_key=f"true-up:{format_period(month)}:{currency}:{rounds.get(currency, 0) + 1}",
                effective_on=next_month(month) - timedelta(days=1),
                description=f"Tiers reached by the end of {format_period(month)}",
                lines=tuple(Line(party_account("held", party), currency, -amount) for party, amount in amounts.items()),
            )
        )
    await _open_accounts(connection, book_id, entries)
    posted = await post_batch(connection, book_id, entries)
    return {entry.lines[0].currency: made.entry_id for entry, made in zip(entries, posted, strict=True)}


def _by_party(changes: Any) -> dict[str, int]:
    """What each party gets, of (clipper, what it gets from the host); zeros left out."""
    amounts: dict[str, int] = {HOST: 0}
    for clipper_id, change in changes:
        party = clipper_party(clipper_id)
        amounts[party] = amounts.get(party, 0) + change
        amounts[HOST] -= change
    return {party: amount for party, amount in amounts.items() if amount}


async def _open_accounts(connection: AsyncConnection, book_id: int, entries: Sequence[NewEntry]) -> None:
    named = sorted({(line.account, line.currency) for entry in entries for line in entry.lines})
    await ensure_accounts(connection, book_id, [NewAccount(*name) for name in named])


# SQL --------------------------------------------------------------------------------------------------------

_TIERED = text("""
    SELECT offer_id, version_no, terms FROM licensing.terms_versions
    WHERE book_id = :book AND jsonb_array_length(terms #> '{split,tiers}') > 0
""")

_MOVED_MONTHS = text("""
    SELECT DISTINCT date_trunc('month', sale.sold_on)::date
    FROM ledger.entries AS entry
    JOIN settlement.accruals AS its USING (book_id, entry_id)
    JOIN settlement.sales AS sale USING (book_id, sale_id)
    WHERE entry.book_id = :book AND entry.period = :month AND sale.sold_on < :month
""")

_SOLD = text("""
    WITH tiered AS MATERIALIZED (
        SELECT offer_id, version_no FROM licensing.terms_versions
        WHERE book_id = :book AND jsonb_array_length(terms #> '{split,tiers}') > 0
    )
    SELECT date_trunc('month', sold_on)::date AS sold_in, currency, clipper_id, offer_id, version_no, tier,
           sum(net_gmv) AS net_gmv, sum(host_part) AS host_part, sum(clipper_part) AS clipper_part
    FROM settlement.sales JOIN tiered USING (offer_id, version_no)
    WHERE book_id = :book AND clipper_id IS NOT NULL AND sold_on >= :first AND sold_on < :next
      AND date_trunc('month', sold_on)::date = ANY (CAST(:months AS date[]))
      AND NOT (clipper_part = 0 AND host_part <> 0)  -- forfeited: the host's alone, whatever the tier
    GROUP BY 1, 2, 3, 4, 5, 6
""")

_POSTED = text("""
    SELECT sold_in, currency, clipper_id, offer_id, version_no, sum(clipper_change) AS clipper_change
    FROM settlement.true_ups
    WHERE book_id = :book AND sold_in = ANY (CAST(:months AS date[]))
    GROUP BY 1, 2, 3, 4, 5
""")

_ROUNDS = text("""
    SELECT currency, count(DISTINCT entry_id) AS entries FROM settlement.true_ups
    WHERE book_id = :book AND month = :month AND entry_id IS NOT NULL GROUP BY currency
""")

_DUE = text("""
    SELECT true_up_id, clipper_id, currency, clipper_change FROM settlement.true_ups
    WHERE book_id = :book AND release_entry IS NULL AND release_on <= :today
    ORDER BY true_up_id FOR UPDATE
""")

_RELEASED = text("""
    UPDATE settlement.true_ups SET release_entry = :entry
    WHERE book_id = :book AND true_up_id = ANY (CAST(:ids AS bigint[]))
""")
