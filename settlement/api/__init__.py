"""HTTP for finance, hosts, clippers and agencies: reports, sales, suspense, balances, the month's close, statements.

Handlers parse, call one function of the room, and answer. What they take for granted is the front door's, as in the
other rooms: `connection`, `actor`, `principal`, `book_id`, `party_id`, `engine`, `storage`.
"""

from types import ModuleType

from litestar import Router

from settlement.api import (
    adjustments,
    advice,
    balances,
    clicks,
    closing,
    imports,
    lines,
    payout_accounts,
    payout_runs,
    payouts,
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
    "payouts": (payout_runs, payouts, payout_accounts, stripe_webhooks),
    "earnings": (balances, statements, lines, verification, closing),
}
_PATHS = {
    "HOST_ROUTES": "/v1/books/{book:str}",
    "CLIPPER_ROUTES": "/v1/clippers/{clipper:int}",
    "AGENCY_ROUTES": "/v1/agencies/{agency:int}",
    "SERVICE_ROUTES": "/v1",
    "PAGE_ROUTES": "/",
}


def _tagged(name: str) -> list[Router]:
    """The routes that the modules list under this name, each with its module's tag."""
    return [
        Router("", route_handlers=routes, tags=[tag])
        for tag, modules in _TAGS.items()
        for module in modules
        if (routes := getattr(module, name, ()))
    ]


routers = [Router(path, route_handlers=_tagged(name)) for name, path in _PATHS.items()]
