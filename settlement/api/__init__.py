"""HTTP for finance, hosts, clippers and agencies: reports, sales, suspense, balances, the month's close, statements.

Handlers parse, call one function of the room, and answer. What they take for granted is the front door's, as in the
other rooms: `connection`, `actor`, `principal`, `book_id`, `party_id`, `engine`, `storage`.
"""

from types import ModuleType

from media.api.mounts import mounted
from settlement.api import (
    adjustments,
    advice,
    balances,
    bank_accounts,
    clicks,
    closing,
    imports,
    lines,
    payout_accounts,
    payout_files,
    payout_runs,
    payouts,
    reconciliation,
    remittances,
    reports,
    sales,
    statements,
    stripe_webhooks,
    suspense,
    taxes,
    verification,
)

_TAGS: dict[str, tuple[ModuleType, ...]] = {
    "offers": (advice,),
    "reports": (imports,),
    "sales": (sales, suspense, clicks),
    "finance": (reports, remittances, adjustments, taxes),
    "payouts": (payout_runs, payouts, payout_files, payout_accounts, bank_accounts, stripe_webhooks),
    "reconciliation": (reconciliation,),
    "earnings": (balances, statements, lines, verification, closing),
}

routers = mounted(_TAGS)
