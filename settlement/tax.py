"""Tax: what was withheld of every payment, and what is to be withheld of the next.

The rule is that of the party's profile on the day of the payment (`settlement.tax_rules`). What was paid before is
what `record_withheld` put on record, as far as its entry was not reversed: a payment that failed, and was taken back
with its entry, counts no longer.
"""

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from datetime import date
from typing import Any

import msgspec
from msgspec import Struct
from sqlalchemy import insert, select, text
from sqlalchemy.ext.asyncio import AsyncConnection

from ledger.money import BIGINT_MAX, check_amount, exponent, format_amount
from ledger.periods import month_of, next_month
from settlement.errors import InvalidWithholding
from settlement.positions import party_account
from settlement.tables import withholding_rules, withholdings
from settlement.withholding import Base, Period, Rule, Tax, decode


class Withholding(Struct, frozen=True):
    """A payment and what was withheld of it, in minor units; without a rule nothing was. `taxed_before` of it was taxed
    with an earlier one. `steps` say how that was worked out, `entry_id` is the entry that booked it.
    """

    withholding_id: int
    party: str
    currency: str
    paid_on: date
    gross: int
    taxed_before: int
    withheld: int
    authority: str | None
    code: str | None
    valid_from: date | None
    steps: tuple[str, ...]
    entry_id: int


class Payment(Struct, frozen=True):
    """What is to be paid to a party on a day by the book's calendar, in minor units, before tax.

    `taxed_before` of it was taxed with an earlier payment, of which it came back. Below zero, so much more is taxed
    now: it was taken for taxed, and then all of the earlier payment came back, with its tax.
    """

    party: str
    currency: str
    gross: int
    paid_on: date
    taxed_before: int = 0

    @property
    def taxable(self) -> int:
        """What is taxed by this payment."""
        return self.gross - self.taxed_before


class Withheld(Payment, frozen=True, kw_only=True):
    """What is to be withheld of a payment, by which rule. `blocked` says why it cannot be told, and the payment must
    not be made; null where it can.
    """

    withheld: int
    steps: tuple[str, ...]
    authority: str | None = None
    code: str | None = None
    valid_from: date | None = None
    blocked: str | None = None

    @property
    def net(self) -> int:
        """What the party gets."""
        return self.gross - self.withheld


def withheld_account(authority: str) -> str:
    """What the book owes an authority."""
    return f"liabilities:withheld:{authority}"


# What is to be withheld -------------------------------------------------------------------------------------


async def withhold(connection: AsyncConnection, book_id: int, payments: Sequence[Payment]) -> list[Withheld]:
    """What is to be withheld of each, in their order; of several to one party each with those before it. Nothing is
    recorded. Who pays by it holds `settlement.recovering.lock_balances`, so that nobody else pays meanwhile.

    Raises InvalidWithholding, UnknownCurrency: of no payment; the field names which, as `payments[3].gross`.
    """
    for number, payment in enumerate(payments):
        exponent(payment.currency, f"payments[{number}].currency")
        if check_amount(f"payments[{number}].gross", payment.gross) <= 0:
            raise InvalidWithholding(f"payments[{number}].gross", payment.gross, "what is paid is above zero")
        if payment.taxed_before > payment.gross:
            field = f"payments[{number}].taxed_before"
            raise InvalidWithholding(field, payment.taxed_before, "at most what is paid")
    if not payments:
        return []
    rules = await _rules_of(connection, book_id, payments)
    before = await _paid_before(connection, book_id, payments)
    made: dict[int, Withheld] = {}
    for number in sorted(range(len(payments)), key=lambda number: payments[number].paid_on):
        made[number] = _withheld(payments[number], rules[number], before)
        before.add(made[number])
    return [made[number] for number in range(len(payments))]


async def taxed_before(
    connection: AsyncConnection, book_id: int, parties: Sequence[str]
) -> Mapping[tuple[str, str], int]:
    """By party and currency: what came back in part of payments that were taxed, less what of it was paid again."""
    rows = await connection.execute(_TAXED_BEFORE, {"book": book_id, "parties": sorted(set(parties))})
    return {(row.party, row.currency): int(row.amount) for row in rows}


def withheld_lines(party: str, authority: str | None, amount: int) -> dict[str, int]:
    """What a payment keeps for an authority, by account, debits positive; empty where nothing is."""
    if not amount or authority is None:
        return {}
    return {party_account("available", party): amount, withheld_account(authority): -amount}


async def record_withheld(
    connection: AsyncConnection, book_id: int, withheld: Sequence[Withheld], entry_ids: Sequence[int]
) -> None:
    """Put payments on record, those as well of which nothing was withheld, each with the entry that booked its tax, or
    else the payment. No two share one: by reversing it a payment is taken back. Raises InvalidWithholding.
    """
    for number, each in enumerate(withheld):
        if each.blocked is not None:
            raise InvalidWithholding(f"payments[{number}]", each.party, each.blocked)
    rows = [
        {
            "book_id": book_id,
            **{name: getattr(each, name) for name in _RECORDED},
            "steps": [*each.steps],
            "entry_id": entry_id,
        }
        for each, entry_id in zip(withheld, entry_ids, strict=True)
    ]
    if rows:
        await connection.execute(insert(withholdings), rows)


_RECORDED = ("party", "currency", "paid_on", "gross", "taxed_before", "withheld", "authority", "code", "valid_from")


async def list_withholdings(
    connection: AsyncConnection,
    book_id: int,
    *,
    party: str | None = None,
    month: date | None = None,
    before: int | None = None,
    limit: int = 100,
) -> list[Withholding]:
    """Newest first by number, those before a given one; of a party, or of the days of a month alone."""
    its = withholdings.c
    chosen = select(*(its[name] for name in Withholding.__struct_fields__))
    chosen = chosen.where(its.book_id == book_id, its.withholding_id < (before or BIGINT_MAX))
    if party is not None:
        chosen = chosen.where(its.party == party)
    if month is not None:
        chosen = chosen.where(its.paid_on >= month, its.paid_on < next_month(month))
    rows = await connection.execute(chosen.order_by(its.withholding_id.desc()).limit(limit))
    return [Withholding(**{**row._mapping, "steps": tuple(row.steps)}) for row in rows]


class _Known(Struct, frozen=True):
    """A rule in force, by its name."""

    code: str
    valid_from: date
    rule: Rule


class _Before:
    """What parties were paid before, and what was withheld of that: by party and currency, then by month."""

    def __init__(self) -> None:
        self._paid: dict[tuple[str, str], dict[date, int]] = defaultdict(lambda: defaultdict(int))
        self._withheld: dict[tuple[str, str, str | None], dict[date, int]] = defaultdict(lambda: defaultdict(int))

    def add(self, its: Any) -> None:
        """A payment, or all of a month for one authority."""
        month = month_of(its.paid_on)
        self._paid[its.party, its.currency][month] += int(its.taxable)
        self._withheld[its.party, its.currency, its.authority][month] += int(its.withheld)

    def base(self, payment: Payment, rule: Rule) -> Base:
        its = payment.party, payment.currency
        day, period = payment.paid_on, rule.period
        paid = _within(self._paid[its], day, period)
        withheld = _within(self._withheld[*its, rule.authority], day, period)
        return Base(payment.currency, payment.taxable, paid, withheld)


def _within(months: Mapping[date, int], day: date, period: Period) -> int:
    """The sum of those months that lie in the day's period."""
    if period == "payment":
        return 0
    return sum(
        amount
        for month, amount in months.items()
        if month == month_of(day) or (period == "year" and month.year == day.year)
    )


def _withheld(payment: Payment, known: _Known | None, before: _Before) -> Withheld:
    said = (*_of_before(payment),)
    if known is None:
        return _made(payment, Tax(0, (*said, "no rule is this party's")))
    rule = known.rule
    named = {"authority": rule.authority, "code": known.code, "valid_from": known.valid_from}
    if not payment.taxable:
        return _made(payment, Tax(0, said), **named)
    if rule.currency not in (None, payment.currency):
        why = f"the rule {known.code} is in {rule.currency}, the payment in {payment.currency}"
        return _made(payment, Tax(0, (why,)), **named, blocked=why)
    tax = rule.tax(before.base(payment, rule))
    return _made(payment, Tax(min(tax.withheld, payment.gross), (*said, *tax.steps)), **named)


def _of_before(payment: Payment) -> Iterator[str]:
    """What of it is not taxed now, or taxed now besides it."""
    amount = f"{format_amount(abs(payment.taxed_before), payment.currency)} {payment.currency}"
    if payment.taxed_before > 0:
        yield f"{amount} of it was taxed when it was first paid, and came back"
    elif payment.taxed_before < 0:
        yield f"with it {amount} that was paid before and not taxed"


def _made(payment: Payment, tax: Tax, **more: Any) -> Withheld:
    return Withheld(**msgspec.structs.asdict(payment), withheld=tax.withheld, steps=tax.steps, **more)


# SQL --------------------------------------------------------------------------------------------------------


async def _rules_of(connection: AsyncConnection, book_id: int, payments: Sequence[Payment]) -> list[_Known | None]:
    """Of each payment, in their order."""
    asked = {
        "book": book_id,
        "parties": [payment.party for payment in payments],
        "days": [payment.paid_on for payment in payments],
    }
    named = [(row.code, row.valid_from) for row in await connection.execute(_WHOSE, asked)]
    its = withholding_rules.c
    those = its.code.in_({code for code, _ in named if code is not None})
    chosen = select(its.code, its.valid_from, its.rule).where(its.book_id == book_id, those)
    known = {
        (row.code, row.valid_from): _Known(row.code, row.valid_from, decode(row.rule))
        for row in await connection.execute(chosen)
    }
    return [known.get(name) for name in named]


async def _paid_before(connection: AsyncConnection, book_id: int, payments: Sequence[Payment]) -> _Before:
    days = [payment.paid_on for payment in payments]
    asked = {
        "book": book_id,
        "parties": [*{payment.party for payment in payments}],
        "first": date(min(days).year, 1, 1),
        "last": date(max(days).year, 12, 31),
    }
    before = _Before()
    for row in await connection.execute(_PAID, asked):
        before.add(row)
    return before


_WHOSE = text("""
    SELECT profile.code, rule.valid_from
    FROM unnest(CAST(:parties AS text[]), CAST(:days AS date[])) WITH ORDINALITY AS asked (party, paid_on, number)
    LEFT JOIN LATERAL (
        SELECT code FROM settlement.tax_profiles
        WHERE book_id = :book AND party = asked.party AND valid_from <= asked.paid_on
        ORDER BY valid_from DESC, profile_id DESC LIMIT 1
    ) AS profile ON true
    LEFT JOIN LATERAL (
        SELECT valid_from FROM settlement.withholding_rules
        WHERE book_id = :book AND code = profile.code AND valid_from <= asked.paid_on
        ORDER BY valid_from DESC LIMIT 1
    ) AS rule ON true
    ORDER BY asked.number
""")

# What came back of payments in part, and what of it a rule had taxed. What came back whole was reversed with its tax.
_CAME_BACK = """
    WITH came_back AS (
        SELECT its.withholding_id, its.party, its.currency, payout.returned,
               CASE WHEN rule.rule ->> 'kind' <> 'none' THEN payout.returned
                    ELSE least(payout.returned, greatest(its.taxed_before, 0)) END AS taxed
        FROM settlement.payouts AS payout
        JOIN settlement.withholdings AS its
          ON its.book_id = payout.book_id AND its.entry_id = coalesce(payout.withheld_entry, payout.approval_entry)
        LEFT JOIN settlement.withholding_rules AS rule
          ON rule.book_id = its.book_id AND rule.code = its.code AND rule.valid_from = its.valid_from
        WHERE payout.book_id = :book AND payout.party = ANY (CAST(:parties AS text[]))
          AND payout.state = 'paid' AND payout.returned > 0
    )
"""
_STANDS = """
    NOT EXISTS (SELECT FROM ledger.entries AS undone
                WHERE undone.book_id = its.book_id AND undone.reverses = its.entry_id)
"""

# What came back untaxed was not paid; what came back taxed counts when it was first paid.
_PAID = text(f"""
    {_CAME_BACK}
    SELECT its.party, its.currency, date_trunc('month', paid_on)::date AS paid_on, authority,
           sum(gross - taxed_before - coalesce(returned - taxed, 0)) AS taxable, sum(withheld) AS withheld
    FROM settlement.withholdings AS its LEFT JOIN came_back USING (withholding_id)
    WHERE book_id = :book AND its.party = ANY (CAST(:parties AS text[])) AND paid_on BETWEEN :first AND :last
      AND {_STANDS}
    GROUP BY 1, 2, 3, 4
""")  # noqa: S608 - of constants

_TAXED_BEFORE = text(f"""
    {_CAME_BACK}
    SELECT party, currency, sum(amount) AS amount
    FROM (
        SELECT party, currency, taxed AS amount FROM came_back
        UNION ALL
        SELECT party, currency, -taxed_before FROM settlement.withholdings AS its
        WHERE book_id = :book AND party = ANY (CAST(:parties AS text[])) AND taxed_before <> 0 AND {_STANDS}
    ) AS told
    GROUP BY party, currency
""")  # noqa: S608 - of constants
