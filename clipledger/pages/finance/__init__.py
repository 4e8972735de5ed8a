"""The pages of the finance's space."""

from litestar import Router

from clipledger.pages.finance import (
    adjustments,
    figures,
    imports,
    ledger,
    months,
    payouts,
    reconciliations,
    sales,
    seals,
    statements,
    suspense,
    todo,
)

routes: list[Router] = [
    todo.to_do,
    imports.reports,
    imports.report,
    suspense.waiting,
    sales.sale,
    months.months,
    months.month,
    statements.statements,
    statements.statement,
    statements.line,
    adjustments.adjustments,
    adjustments.adjustment,
    payouts.payout_runs,
    payouts.payout_run,
    payouts.payout,
    reconciliations.board,
    reconciliations.reconciliation,
    figures.figures,
    ledger.accounts,
    ledger.account,
    ledger.entry,
    seals.seals,
    seals.seal,
]
