"""All that is due in a book's settlement, in batches, each a transaction of its own.

A step chooses sales in order of their numbers, locks them and lets `settlement.accruing` put them where they ought to
stand. Whoever breaks off leaves whole batches, and the next run finds what is left; a run too many finds nothing.
"""

import hashlib
from collections.abc import Mapping, Sequence
from datetime import date
from typing import Any, NamedTuple

from sqlalchemy import TextClause, text
from sqlalchemy.ext.asyncio import AsyncConnection

from settlement.accruing import Cause, Event, accrue
from settlement.sale import Sale

BATCH = 10_000
"""Sales in one transaction."""


class Batch(NamedTuple):
    """How many sales a step has looked at, up to which, and how many of them have moved in the books."""

    looked: int
    last: int
    moved: int


class Step(NamedTuple):
    """What is done to sales that `query` chooses, see `waiting`; with `attribute` it is found anew whose they are."""

    cause: Cause
    description: str
    query: TextClause
    attribute: bool = False


def waiting(condition: str, *, locking: str = "SKIP LOCKED") -> TextClause:
    """The sales of a book for which this holds, the next `:limit` after one, in order and locked.

    What others have locked is passed over, for the next run will see it; with an empty `locking` it is waited for.
    """
    return text(f"""
        SELECT {", ".join(Sale.__struct_fields__)} FROM settlement.sales AS sale
        WHERE book_id = :book_id AND sale_id > :after AND {condition}
        ORDER BY sale_id
        LIMIT :limit
        FOR UPDATE OF sale {locking}
    """)  # noqa: S608 - of constants


async def take(
    connection: AsyncConnection,
    book_id: int,
    step: Step,
    today: date,
    after: int,
    limit: int,
    *,
    metadata: Mapping[str, str] = {},
    **more: Any,
) -> Batch | None:
    """Do it for the next so many sales after one; None where there are no more. Once in a transaction.

    `more` are parameters of the step's query.
    """
    asked = {"book_id": book_id, "after": after, "limit": limit, **more}
    sales = [Sale(*row) for row in await connection.execute(step.query, asked)]
    if not sales:
        return None
    event = Event(
        cause=step.cause,
        key=f"{step.cause}:{_name(sales)}",
        on=today,
        description=step.description,
        metadata={"cause": step.cause, **metadata},
    )
    accrued = await accrue(connection, book_id, sales, event, attribute=step.attribute, today=today)
    return Batch(len(sales), sales[-1].sale_id, accrued.moved)


def _name(sales: Sequence[Sale]) -> str:
    """Of just these sales as they stand: where any of them has moved it is another."""
    named = ",".join(f"{sale.sale_id}.{sale.change_no}" for sale in sales)
    return hashlib.sha256(named.encode()).hexdigest()[:32]
