"""Matching: how well open offers fit a clipper, and how well clippers fit an offer of a host.

A score is a sum of parts, each with its value, weight and reason (`licensing.scoring`). What is not known stands where
the market stands, and says so. `docs/matching.md` explains features and weights, and how well the ranking foretells.
"""

from collections.abc import Mapping

from licensing import clipper_features, offer_features
from licensing.markets import ClipperProfile, Clippers, OfferProfile, OpenOffers
from licensing.scoring import Ranking

# Fitted by `python -m bench.licensing.fitting`; the share's is a preference, not a forecast.
OFFER_WEIGHTS: Mapping[str, float] = {
    "gmv": 0.22,
    "order_value": 0.23,
    "conversion": 0.12,
    "returns": 0.02,
    "category": 0.07,
    "platform": 0.14,
    "language": 0.10,
    "share": 0.10,
}
CLIPPER_WEIGHTS: Mapping[str, float] = {
    "gmv": 0.05,
    "orders": 0.26,
    "conversion": 0.04,
    "returns": 0.01,
    "category": 0.12,
    "platform": 0.20,
    "language": 0.20,
    "capacity": 0.12,
}


def rank_offers(clipper: ClipperProfile, offers: OpenOffers) -> Ranking:
    """How well each offer fits the clipper."""
    its = offer_features
    selling = [its.demand(offers), its.order_value(offers), its.conversion(offers), its.returns(offers)]
    meeting = [its.category(clipper, offers), its.platform(clipper, offers), its.language(clipper, offers)]
    return Ranking([*selling, *meeting, its.share(offers)], OFFER_WEIGHTS)


def rank_clippers(offer: OfferProfile, clippers: Clippers) -> Ranking:
    """How well each clipper fits the offer."""
    its = clipper_features
    selling = [its.turnover(offer, clippers), its.volume(clippers)]
    buyers = [its.conversion(offer, clippers), its.returns(offer, clippers)]
    meeting = [its.category(offer, clippers), its.platform(clippers), its.language(offer, clippers)]
    return Ranking([*selling, *buyers, *meeting, its.capacity(clippers)], CLIPPER_WEIGHTS)
