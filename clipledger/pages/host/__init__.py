"""The pages of the host's space."""

from litestar import Router

from clipledger.pages.host import (
    applications,
    cases,
    claims,
    clippers,
    grants,
    offers,
    overview,
    review,
    streams,
    terms,
    webhooks,
)

routes: list[Router] = [
    *overview.routes,
    *offers.routes,
    *terms.routes,
    *applications.routes,
    *grants.routes,
    *clippers.routes,
    *streams.routes,
    *review.routes,
    *cases.routes,
    *claims.routes,
    *webhooks.routes,
]
