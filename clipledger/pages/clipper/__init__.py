"""A clipper's pages: what was earned, what is held and until when, and why."""

from litestar import Router

from clipledger.pages.clipper import (
    clips,
    disputes,
    earnings,
    licences,
    offers,
    payouts,
    sales,
    settings,
    statements,
    submitting,
)

routes: list[Router] = [
    earnings.dashboard,
    statements.statements,
    statements.statement,
    statements.line,
    sales.sale,
    clips.clips,
    clips.clip,
    submitting.submitting,
    payouts.payouts,
    offers.offers,
    offers.offer,
    licences.licences,
    licences.licence,
    disputes.disputes,
    disputes.dispute,
    settings.settings,
]
