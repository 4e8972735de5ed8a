"""What a period's sales of an offer have paid, and what they would have paid under other terms: exact, line by line.

The sales are taken as they are known now, refunds and all, and as theirs whose they are: which sales the other terms
would have let in is not asked. Tiers are reached as `settlement.true_ups` reaches them, by a clipper's whole month; a
month that the period cuts is shared, in its part inside, at the tier that the whole month reached. What was accrued has
the true-ups of closed months, and of open ones those that their close would post by what is known now.
"""

from collections.abc import Iterable, Mapping, Sequence
from datetime import date
from statistics import median_low
from typing import Any

from msgspec import Struct, field
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

from ledger.money import format_amount
from ledger.splits import SplitRule, true_up
from ledger.waterfalls import Waterfall
from licensing.terms import AGENCY, CLIPPER, HOST, PLATFORM, Terms, decode
from licensing.what_if import ClippersMoved, Period, WhatIf
from settlement.holds import UPHELD


class _Month(Struct, gc=False):
    """A clipper's month under one split: parts of the sales inside the period by party, and of those whose shares the
    tier moves; the net GMV by which the whole month, also outside the period, reaches it.
    """

    parts: dict[str, int] = field(default_factory=dict)
    tiered: dict[str, int] = field(default_factory=lambda: {HOST: 0, CLIPPER: 0})
    net_gmv: int = 0

    def add(self, parts: Mapping[str, int], net_gmv: int, *, inside: bool) -> None:
        counts = parts[CLIPPER] != 0 or parts[HOST] == 0  # as settlement.true_ups tells what is the host's alone
        if counts:
            self.net_gmv += net_gmv
        if not inside:
            return
        _add(self.parts, parts)
        if counts:
            _add(self.tiered, {HOST: parts[HOST], CLIPPER: parts[CLIPPER]})

    def final(self, rule: SplitRule) -> dict[str, int]:
        """By party, at the tier reached."""
        final = dict(self.parts)
        _add(final, true_up(rule, {0: self.tiered}, self.net_gmv))
        return final


class Replays:
    """What has been accrued under the book's offers: `licensing.what_if.Accruals`, of the sales in the books."""

    async def under(
        self, connection: AsyncConnection, book_id: int, offer_id: int, terms: Terms, period: Period
    ) -> WhatIf:
        """The offer's sales of the period as they were shared, and as these terms would have shared them."""
        rows = await _sold(connection, book_id, offer_id, terms.split.currency, period)
        versions = await _versions(connection, book_id, offer_id)
        was, would = _accrued(rows, versions), _proposed(rows, terms.split)
        named = dict.fromkeys(terms.split.parties, 0)
        accrued, proposed = named | _total(was.values()), named | _total(would.values())
        sales, gross = sum(row.sales for row in rows), sum(int(row.gross) for row in rows)
        clippers = _moved({row.clipper_id for row in rows if row.sales}, was, would)
        return WhatIf(
            since=period.since,
            until=period.until,
            currency=terms.split.currency,
            sales=sales,
            gross=gross,
            accrued=accrued,
            proposed={**dict.fromkeys(accrued, 0), **proposed},
            clippers=clippers,
            told=_told(terms.split.currency, sales, accrued, proposed, clippers),
        )


def _accrued(rows: Sequence[Any], versions: Mapping[int, SplitRule]) -> dict[int, dict[str, int]]:
    """By clipper and party. Each version of the terms has tiers of its own."""
    found: dict[int, dict[str, int]] = {}
    for row in rows:
        parts = {PLATFORM: row.platform, AGENCY: row.agency, HOST: row.host, CLIPPER: row.clipper}
        its = _Month(
            {party: int(part) for party, part in parts.items()},
            {HOST: int(row.tiered_host), CLIPPER: int(row.tiered_clipper)},
            int(row.net_gmv),
        )
        _add(found.setdefault(row.clipper_id, {}), its.final(versions[row.version_no]))
    return found


def _proposed(rows: Sequence[Any], rule: SplitRule) -> dict[int, dict[str, int]]:
    """By clipper and party, all versions' sales of a month together."""
    waterfall = Waterfall(rule)
    months: dict[tuple[int, date], _Month] = {}
    for row in rows:
        month = months.setdefault((row.clipper_id, row.month), _Month())
        for due, net_gmv, inside, forfeited in zip(row.dues, row.nets, row.insides, row.forfeits, strict=True):
            parts = waterfall.parts(due)
            if forfeited:
                parts[HOST] += parts[CLIPPER]
                parts[CLIPPER] = 0
            month.add(parts, net_gmv, inside=inside)
    found: dict[int, dict[str, int]] = {}
    for (clipper_id, _), its in months.items():
        _add(found.setdefault(clipper_id, {}), its.final(rule))
    return found


def _add(sums: dict[str, int], more: Mapping[str, int]) -> None:
    for party, part in more.items():
        sums[party] = sums.get(party, 0) + part


def _total(each: Iterable[Mapping[str, int]]) -> dict[str, int]:
    """By party; those that have nothing are left out."""
    sums: dict[str, int] = {}
    for parts in each:
        _add(sums, parts)
    return {party: part for party, part in sums.items() if part}


# What it says -----------------------------------------------------------------------------------------------


def _moved(
    sellers: Iterable[int], was: Mapping[int, Mapping[str, int]], would: Mapping[int, Mapping[str, int]]
) -> ClippersMoved:
    changes = [would[its].get(CLIPPER, 0) - was[its].get(CLIPPER, 0) for its in sellers]
    more, less = [its for its in changes if its > 0], [-its for its in changes if its < 0]
    return ClippersMoved(
        more=len(more),
        less=len(less),
        same=len(changes) - len(more) - len(less),
        median_more=median_low(more) if more else None,
        median_less=median_low(less) if less else None,
    )


def _told(
    currency: str, sales: int, accrued: Mapping[str, int], proposed: Mapping[str, int], clippers: ClippersMoved
) -> str:
    """In sentences, amounts in units of the currency."""
    if not sales:
        return "The offer sold nothing in these days."
    said = [_of_party(party, currency, part, proposed.get(party, 0)) for party, part in accrued.items()]
    whose = f"Of {clippers.more + clippers.less + clippers.same:,} clippers {clippers.more:,} would have had more,"
    return " ".join([f"{sales:,} sales, as they are known now.", *said, whose, f"{clippers.less:,} less."])


def _of_party(party: str, currency: str, was: int, would: int) -> str:
    had, has = format_amount(was, currency), format_amount(would, currency)
    if was == would:
        return f"{party.capitalize()}: {had} {currency}, as it was."
    change = format_amount(abs(would - was), currency)
    way = "more" if would > was else "less"
    return f"{party.capitalize()}: {had} {currency} was accrued, {has} would have been, {change} {way}."


# SQL --------------------------------------------------------------------------------------------------------


async def _versions(connection: AsyncConnection, book_id: int, offer_id: int) -> dict[int, SplitRule]:
    rows = await connection.execute(_VERSIONS, {"book": book_id, "offer": offer_id})
    return {row.version_no: decode(row.terms).split for row in rows}


async def _sold(
    connection: AsyncConnection, book_id: int, offer_id: int, currency: str, period: Period
) -> Sequence[Any]:
    """A row for each clipper, month and version with anything inside the period, and its sales as arrays."""
    asked = {"book": book_id, "offer": offer_id, "currency": currency, "since": period.since, "until": period.until}
    return (await connection.execute(_SOLD, asked)).all()


_VERSIONS = text("""
    SELECT version_no, terms FROM licensing.terms_versions WHERE book_id = :book AND offer_id = :offer
""")

_SOLD = text(f"""
    WITH sold AS (
        SELECT date_trunc('month', sold_on)::date AS month, clipper_id, version_no, due, net_gmv, platform_part,
               agency_part, host_part, clipper_part, sold_on BETWEEN :since AND :until AS inside,
               clipper_part <> 0 OR host_part = 0 AS counts,
               clipper_part = 0 AND EXISTS (
                   SELECT FROM licensing.claims AS claim
                   WHERE claim.book_id = sale.book_id AND claim.grant_id = sale.grant_id
                     AND (claim.submission_id IS NULL OR claim.submission_id = sale.submission_id)
                     AND {UPHELD} AND sale.sold_at < claim.decided_at
               ) AS forfeited
        FROM settlement.sales AS sale
        WHERE book_id = :book AND offer_id = :offer AND clipper_id IS NOT NULL AND currency = :currency
          AND sold_on >= date_trunc('month', CAST(:since AS date))
          AND sold_on < date_trunc('month', CAST(:until AS date)) + interval '1 month'
          AND grant_id = ANY (ARRAY (
              SELECT grant_id FROM licensing.grants WHERE book_id = :book AND offer_id = :offer
          ))
    )
    SELECT month, clipper_id, version_no, count(*) FILTER (WHERE inside) AS sales,
           coalesce(sum(due) FILTER (WHERE inside), 0) AS gross,
           coalesce(sum(platform_part) FILTER (WHERE inside), 0) AS platform,
           coalesce(sum(agency_part) FILTER (WHERE inside), 0) AS agency,
           coalesce(sum(host_part) FILTER (WHERE inside), 0) AS host,
           coalesce(sum(clipper_part) FILTER (WHERE inside), 0) AS clipper,
           coalesce(sum(host_part) FILTER (WHERE inside AND counts), 0) AS tiered_host,
           coalesce(sum(clipper_part) FILTER (WHERE inside AND counts), 0) AS tiered_clipper,
           coalesce(sum(net_gmv) FILTER (WHERE counts), 0) AS net_gmv,
           array_agg(due) AS dues, array_agg(net_gmv) AS nets, array_agg(inside) AS insides,
           array_agg(forfeited) AS forfeits
    FROM sold GROUP BY 1, 2, 3
""")  # noqa: S608 - of constants
