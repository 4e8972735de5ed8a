"""What marketplaces have paid: recorded by hand, after the page has said what is booked, and taken back."""

from collections.abc import Mapping, Sequence
from datetime import date
from typing import NamedTuple

from litestar import Response
from sqlalchemy.ext.asyncio import AsyncConnection

from clipledger.pages.finance.asked import ROWS
from clipledger.pages.finance.names import called
from clipledger.pages.view import View
from clipledger.web.problems import FieldFault
from ledger.errors import LedgerError
from ledger.money import parse_amount
from media.api.pages import page_of
from settlement.remittances import list_remittances
from settlement.suspense import book_today

_FIELDS = ("marketplace", "currency", "amount", "received_on", "account", "reference")
_POSTED_AS = {"amount": "amount@{currency}"}
"""Fields that the form which records it calls otherwise."""


class Payment(NamedTuple):
    """As it was typed, under the names that the operation's form has; the amount is in minor units."""

    fields: Mapping[str, str]
    amount: int
    received_on: date


async def remittances(view: View, connection: AsyncConnection, book_id: int, before: int | None) -> Response[str]:
    """Those recorded so far, and the form for one more: what is typed in it stands in the page's address."""
    found = await list_remittances(connection, book_id, before=before, limit=ROWS + 1)
    shown = page_of(found, ROWS, lambda each: each.remittance_id)
    today = await book_today(connection, book_id)
    asked = view.request.query_params
    typed = {name: str(asked.get(name, "")).strip() for name in _FIELDS}
    payment, faults = _read(typed) if all(typed.values()) else (None, [])
    return view.render(
        "finance/remittances.html",
        show="remittances",
        remittances=shown.data,
        next_cursor=shown.next_cursor,
        who=await called(view, connection, [each.recorded_by for each in shown.data]),
        typed={**typed, "received_on": typed["received_on"] or today.isoformat()},
        payment=payment,
        faults=faults,
    )


def _read(typed: Mapping[str, str]) -> tuple[Payment | None, Sequence[FieldFault]]:
    """What would be recorded; or what can't be read."""
    try:
        amount = parse_amount(typed["amount"], typed["currency"])
        received_on = date.fromisoformat(typed["received_on"])
    except LedgerError as wrong:
        return None, [FieldFault(str(wrong.field), str(wrong.rule))]
    except ValueError:
        return None, [FieldFault("received_on", "must be a day")]
    return Payment({_POSTED_AS.get(name, name): text for name, text in typed.items()}, amount, received_on), []
