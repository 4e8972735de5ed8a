"""Reconciliation: the month's board, what banks and marketplaces have sent, and one account's lines."""

from collections.abc import Mapping, Sequence
from datetime import timedelta
from typing import Annotated, Any, Literal, NamedTuple

from litestar import Response
from litestar.di import NamedDependency
from litestar.params import FromPath, QueryParameter
from sqlalchemy.ext.asyncio import AsyncConnection

from clipledger.pages.finance.asked import ROWS, Month, month_of
from clipledger.pages.finance.names import called
from clipledger.pages.finance.remittances import remittances
from clipledger.pages.routes import page
from clipledger.pages.view import View
from clipledger.pages.words import N_
from ledger.periods import format_period, next_month
from media.api.pages import Cursor, number_of, page_of
from settlement.api.outside_lines import LARGEST_BODY
from settlement.reconciliation import bank_files, by_hand, overview, reconciliations, residuals
from settlement.reconciliation.board import board as rows_of
from settlement.reconciliation.board import last_month
from settlement.reconciliation.kinds import Kind, Owner
from settlement.reconciliation.residuals import ResidualRow

_AROUND = 64 * 1024
"""What a form has besides its file."""
_MOST_TICKED = 20
_Number = Annotated[int | None, QueryParameter(ge=1, le=2**63 - 1)]

KINDS: Mapping[Kind, tuple[str, str]] = {
    "missing-in-ledger": (
        N_("not in the ledger"),
        N_("It moved outside and is in no entry: find out what it is, and book it."),
    ),
    "missing-outside": (
        N_("never moved"),
        N_("It is booked and never moved: wait for it, or take the entry back."),
    ),
    "amount-differs": (
        N_("another amount"),
        N_("The same reference with another amount: book the difference, or ask."),
    ),
    "currency-differs": (
        N_("another currency"),
        N_("The same reference in another currency: book it in the one that moved."),
    ),
    "sign-differs": (
        N_("wrong way round"),
        N_("Booked the wrong way round: reverse the entry and book it again."),
    ),
    "date-out-of-tolerance": (
        N_("another day"),
        N_("Everything fits but the day: match it by hand if it is the same."),
    ),
    "duplicate-outside": (N_("moved twice"), N_("It moved twice: ask for it back, or give it back.")),
    "duplicate-in-ledger": (N_("booked twice"), N_("It is booked twice: reverse one of the entries.")),
    "fee-not-booked": (N_("fee not booked"), N_("A fee that is in no entry: book it.")),
    "fx-difference": (N_("exchange rate"), N_("The bank has converted at another rate: book the difference.")),
    "reversal-not-booked": (
        N_("reversal not booked"),
        N_("A transfer was taken back and its payout does not know: look it up."),
    ),
    "returned-payment-not-booked": (
        N_("came back"),
        N_("The payee's bank has sent it back: the payee corrects its account."),
    ),
    "unknown-reference": (
        N_("unknown payment"),
        N_("Money left for a payment that is in no entry: look at once."),
    ),
    "wrong-account": (N_("wrong account"), N_("Booked on another account than it moved on: move it.")),
    "grouped-remainder": (
        N_("sums differ"),
        N_("Lines of one reference, whose sums differ: find the rest."),
    ),
    "chargeback": (
        N_("chargeback"),
        N_("A payer has taken money back: answer the dispute, or book the loss."),
    ),
    "top-up-not-booked": (N_("top-up not booked"), N_("Money was put on the rail: book where it came from.")),
    "own-transfer-not-booked": (N_("own transfer not booked"), N_("Money moved between own accounts: book it.")),
    "remittance-not-recorded": (
        N_("payment not recorded"),
        N_("A marketplace has paid: record the payment."),
    ),
    "in-transit": (N_("on its way"), N_("Sent and not confirmed yet: nothing is to be done.")),
    "stale-in-transit": (
        N_("on its way too long"),
        N_("Sent long ago and never confirmed: look the payouts up."),
    ),
    "report-row-parked": (N_("unreadable row"), N_("A report's row that nobody could read: settle it.")),
    "sale-not-posted": (
        N_("sale not posted"),
        N_("A sale whose commission is not what is posted for it: read it in again."),
    ),
    "remittance-short": (
        N_("paid too little"),
        N_("It has settled more than it has paid: ask for the rest."),
    ),
    "remittance-over": (N_("paid too much"), N_("It has paid more than it has settled: ask what for.")),
}
"""What each kind of difference is called, and what is to be done about it."""
OWNERS: Mapping[Owner, str] = {
    "finance": N_("finance"),
    "operator": N_("the operator of this service"),
    "marketplace": N_("the marketplace"),
    "payee": N_("the payee"),
}
"""Who sees to it."""


class Ticked(NamedTuple):
    """Residuals chosen to be matched by hand: their lines, and what both sides come to, in minor units."""

    residuals: Sequence[ResidualRow]
    postings: Sequence[tuple[int, int]]
    lines: Sequence[int]
    ledger: int
    outside: int


# The board ----------------------------------------------------------------------------------------------------


@page(
    "/books/{book:str}/finance/reconciliations",
    space="finance",
    scope="settlement:read",
    largest_body=LARGEST_BODY + _AROUND,
)
async def board(
    view: NamedDependency[View],
    connection: NamedDependency[AsyncConnection],
    book_id: NamedDependency[int],
    show: Annotated[Literal["board", "files", "remittances"], QueryParameter()] = "board",
    month: Month = "",
    cursor: Cursor = None,
) -> Response[str]:
    """A month's accounts; or the files of banks, or what marketplaces have paid."""
    if show == "files":
        return await _files(view, connection, book_id, number_of(cursor))
    if show == "remittances":
        return await remittances(view, connection, book_id, number_of(cursor))
    its = month_of(month) or await last_month(connection, book_id)
    rows = await rows_of(connection, book_id, its)
    begun = [row.reconciliation_id for row in rows if row.reconciliation_id is not None]
    return view.render(
        "finance/reconciliations.html",
        show=show,
        month=format_period(its),
        before=format_period((its - timedelta(days=1)).replace(day=1)),
        after=format_period(next_month(its)),
        rows=rows,
        shares=await overview.matched_shares(connection, book_id, begun),
    )


async def _files(view: View, connection: AsyncConnection, book_id: int, before: int | None) -> Response[str]:
    found = await bank_files.list_files(connection, book_id, before=before, limit=ROWS + 1)
    shown = page_of(found, ROWS, lambda each: each.file_id)
    return view.render(
        "finance/bank_files.html",
        show="files",
        files=shown.data,
        next_cursor=shown.next_cursor,
        who=await called(view, connection, [each.created_by for each in shown.data]),
        largest=LARGEST_BODY,
    )


# One account --------------------------------------------------------------------------------------------------


@page("/books/{book:str}/finance/reconciliations/{reconciliation_id:int}", space="finance", scope="settlement:read")
async def reconciliation(
    view: NamedDependency[View],
    connection: NamedDependency[AsyncConnection],
    book_id: NamedDependency[int],
    reconciliation_id: FromPath[int],
    show: Annotated[Literal["residuals", "matches"], QueryParameter()] = "residuals",
    kind: Annotated[Kind | Literal[""], QueryParameter()] = "",
    owner: Annotated[Owner | Literal[""], QueryParameter()] = "",
    explained: Annotated[Literal["yes", "no", ""], QueryParameter()] = "",
    residual: _Number = None,
    part: _Number = None,
    tick: Annotated[list[int] | None, QueryParameter(max_items=_MOST_TICKED)] = None,
    cursor: Cursor = None,
) -> Response[str]:
    """How far it is, what is left over, and what is to be done about it; or what matches."""
    its = await reconciliations.find_reconciliation(connection, book_id, reconciliation_id)
    events = await reconciliations.events_of(connection, book_id, reconciliation_id)
    shares = await overview.matched_shares(connection, book_id, [reconciliation_id])
    before = number_of(cursor)
    listed: dict[str, Any]
    if show == "matches":
        found = await by_hand.list_matches(connection, book_id, reconciliation_id, before=before, limit=ROWS + 1)
        shown = page_of(found, ROWS, lambda each: each.match_id)
        listed = {"matches": shown.data, "next_cursor": shown.next_cursor, "part": part}
    else:
        left = await residuals.list_residuals(
            connection,
            book_id,
            reconciliation_id,
            kind=kind or None,
            owner=owner or None,
            explained=None if not explained else explained == "yes",
            before=before,
            limit=ROWS + 1,
        )
        over = page_of(left, ROWS, lambda each: each.residual_id)
        listed = {
            "residuals": over.data,
            "next_cursor": over.next_cursor,
            "filters_asked": {"kind": kind, "owner": owner, "explained": explained},
            "chosen": residual and await residuals.find_residual(connection, book_id, reconciliation_id, residual),
            "ticked": _ticked([each for each in over.data if each.residual_id in (tick or [])]),
        }
    return view.render(
        "finance/reconciliation.html",
        its=its,
        show=show,
        share=shares.get(reconciliation_id),
        kinds=await overview.kinds_of(connection, book_id, reconciliation_id),
        events=events,
        mine=view.principal is not None and its.submitted_by == view.principal.user_id,
        who=await called(view, connection, [its.created_by, *(each.actor for each in events)]),
        kind_names=KINDS,
        owners=OWNERS,
        **listed,
    )


def _ticked(chosen: Sequence[ResidualRow]) -> Ticked | None:
    """Null where nothing is ticked that has lines in no match."""
    free = [each for each in chosen if each.match_id is None]
    postings = [(int(entry), int(line)) for each in free for entry, line in each.members.get("postings", ())]
    lines = [int(line) for each in free for line in each.members.get("lines", ())]
    if not postings and not lines:
        return None
    return Ticked(
        free, postings, lines, sum(each.ledger_amount for each in free), sum(each.outside_amount for each in free)
    )
