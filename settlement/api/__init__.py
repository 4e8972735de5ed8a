"""HTTP for finance, hosts, clippers and agencies: reports, sales, suspense, balances, the month's close, statements.

Handlers parse, call one function of the room, and answer. What they take for granted is the front door's, as in the
other rooms: `connection`, `actor`, `principal`, `book_id`, `party_id`, `engine`, `storage`.
"""

from types import ModuleType

from litestar.di import NamedDependency, Provide

from licensing.api.parties import Asker
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
    outside_lines,
    payout_accounts,
    payout_files,
    payout_runs,
    payouts,
    rail_events,
    reconciliations,
    remittances,
    reports,
    residuals,
    sales,
    statements,
    stripe_webhooks,
    suspense,
    taxes,
    verification,
)
from settlement.closing import Person

_TAGS: dict[str, tuple[ModuleType, ...]] = {
    "offers": (advice,),
    "reports": (imports,),
    "sales": (sales, suspense, clicks),
    "finance": (reports, remittances, adjustments, taxes),
    "payouts": (payout_runs, payouts, payout_files, payout_accounts, bank_accounts, stripe_webhooks, rail_events),
    "reconciliation": (outside_lines, reconciliations, residuals),
    "earnings": (balances, statements, lines, verification, closing),
}


def person_of(principal: NamedDependency[Asker], actor: NamedDependency[str]) -> Person:
    """Who takes a step that needs two people."""
    return Person(principal.user_id, actor)


routers = mounted(_TAGS, {"HOST_ROUTES": {"person": Provide(person_of, sync_to_thread=False)}})
