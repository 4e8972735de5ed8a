"""A marketplace's account, sale by sale: what its reports and remittances say against what is booked."""

from sqlalchemy.ext.asyncio import AsyncConnection

from settlement.reconciliation.kinds import ABOUT
from settlement.reconciliation.loading import Scope
from settlement.reconciliation.marketplaces import NO_DIFFERENCE, compare
from settlement.reconciliation.reconciliations import Sums
from settlement.reconciliation.writing import Row, write_residuals


async def reconcile_sales(connection: AsyncConnection, book_id: int, reconciliation_id: int, scope: Scope) -> Sums:
    owed = await compare(connection, book_id, scope)
    rows = [
        Row(
            key=f"{each.kind}:{each.key}",
            kind=each.kind,
            owner=ABOUT[each.kind].owner,
            since=each.since,
            currency=None if each.kind == "report-row-parked" else scope.currency,
            ledger_amount=each.ledger,
            outside_amount=each.outside,
            match_id=None,
            members=each.members,
            said=each.said,
        )
        for each in owed.residuals
    ]
    await write_residuals(connection, book_id, reconciliation_id, rows)
    count = sum(each.ledger - each.outside for each in owed.residuals if each.kind not in NO_DIFFERENCE)
    return Sums(
        ledger=owed.ledger,
        outside=owed.outside,
        residuals=count,
        timing=0,
        ledger_lines=owed.entries,
        outside_lines=owed.sales,
        matches=0,
        residual_count=len(rows),
    )
