"""What a month is closed over: what is nobody's yet, what nobody has looked at, what nobody has decided."""

from datetime import date
from typing import Literal

import msgspec
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

from settlement.payouts.lifecycle import OPEN

Matter = Literal[
    "suspense",
    "parked-rows",
    "running-imports",
    "running-claims",
    "open-adjustments",
    "open-payouts",
    "unreconciled",
]


class OpenMatter(msgspec.Struct, frozen=True, omit_defaults=True):
    """`count` of them; for sales in suspense what they are worth, in minor units of `currency`. `link` shows them."""

    matter: Matter
    count: int
    link: str
    currency: str | None = None
    amount: int | None = None


async def open_matters(connection: AsyncConnection, book_id: int, before: date) -> list[OpenMatter]:
    """Those there are, rows and imports by report; of sales those sold before this day, of payouts those that were to
    be paid before it and have not arrived. Unreconciled are accounts of cash and transit that nobody has signed for,
    and what else somebody has begun to reconcile.
    """
    found = await connection.execute(_MATTERS, {"book": book_id, "before": before})
    return [
        OpenMatter(
            row.matter,
            row.number,
            f"/v1/books/{row.slug}/{_PLACES[row.matter].format(row.which)}",
            row.currency,
            None if row.amount is None else int(row.amount),
        )
        for row in found
    ]


_PLACES: dict[Matter, str] = {
    "suspense": "suspense",
    "parked-rows": "imports/{}/parked",
    "running-imports": "imports/{}",
    "running-claims": "claims",
    "open-adjustments": "adjustments?in_state=proposed",
    "open-payouts": "payouts?in_state={}",
    "unreconciled": "reconciliations/board?month={}",
}

_MATTERS = text("""
    SELECT matter, number, which, currency, amount, book.slug
    FROM (
        SELECT 1 AS place, 'suspense' AS matter, count(*) AS number, NULL::text AS which, currency,
               sum(suspense) AS amount
        FROM settlement.sales
        WHERE book_id = :book AND rule IS NULL AND suspense <> 0 AND sold_on < :before
        GROUP BY currency
        UNION ALL
        SELECT 2, 'parked-rows', count(*), import_id::text, NULL, NULL
        FROM settlement.parked_rows WHERE book_id = :book AND settled_at IS NULL
        GROUP BY import_id
        UNION ALL
        SELECT 3, 'running-imports', 1, import_id::text, NULL, NULL
        FROM settlement.imports WHERE book_id = :book AND state = 'reading'
        UNION ALL
        SELECT 4, 'running-claims', count(*), NULL, NULL, NULL
        FROM licensing.claims
        WHERE book_id = :book AND state IN ('open', 'responded', 'upheld', 'released', 'appealed')
        UNION ALL
        SELECT 5, 'open-adjustments', count(*), NULL, NULL, NULL
        FROM settlement.adjustments WHERE book_id = :book AND state = 'proposed'
        UNION ALL
        SELECT 6, 'open-payouts', count(*), payout.state, payout.currency, sum(payout.amount)
        FROM settlement.payouts AS payout JOIN settlement.payout_runs AS run USING (book_id, run_id)
        WHERE payout.book_id = :book AND payout.state = ANY (CAST(:open AS text[])) AND run.pay_on < :before
        GROUP BY payout.state, payout.currency
        UNION ALL
        SELECT 7, 'unreconciled', count(*), to_char(month, 'YYYY-MM'), currency, NULL
        FROM (
            SELECT CAST(CAST(:before AS date) - interval '1 month' AS date) AS month, account.code, account.currency
            FROM ledger.accounts AS account JOIN ledger.movements AS moved USING (book_id, account_id)
            WHERE account.book_id = :book AND moved.period < :before
              AND (account.code IN ('assets:bank', 'assets:stripe') OR starts_with(account.code, 'assets:in-transit:'))
            GROUP BY account.code, account.currency
            HAVING sum(amount) <> 0 OR max(period) = CAST(CAST(:before AS date) - interval '1 month' AS date)
            UNION
            SELECT CAST(CAST(:before AS date) - interval '1 month' AS date),
                   CASE source WHEN 'bank' THEN 'assets:bank' ELSE 'assets:stripe' END COLLATE "C", currency
            FROM settlement.external_lines
            WHERE book_id = :book AND booked_on < :before
              AND booked_on >= CAST(CAST(:before AS date) - interval '1 month' AS date)
            UNION
            SELECT month, account, currency FROM settlement.reconciliations
            WHERE book_id = :book AND month = CAST(CAST(:before AS date) - interval '1 month' AS date)
        ) AS account
        WHERE NOT EXISTS (
            SELECT FROM settlement.reconciliations AS its
            WHERE its.book_id = :book AND its.account = account.code AND its.currency = account.currency
              AND its.month = account.month AND its.state = 'signed')
        GROUP BY month, currency
    ) AS its
    JOIN ledger.books AS book ON book.book_id = :book
    WHERE number > 0
    ORDER BY place, which, currency
""").bindparams(open=sorted(OPEN))
