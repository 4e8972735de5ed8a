"""How finance's pages say why a sale is in suspense, what moved money, and where it lies."""

from collections.abc import Mapping

from clipledger.pages.words import N_

REASONS: Mapping[str, str] = {
    "unknown-content": N_("the post is of no clip that was submitted, and no account is named"),
    "unknown-platform": N_("an account is named, but not on which platform"),
    "unknown-tracking": N_("the tracking id is nobody's"),
    "unknown-handle": N_("nothing in the row tells whose it is"),
    "unknown-territory": N_("the row doesn't tell the territory, and the licence is for some only"),
    "unknown-product": N_("the row doesn't tell the product, and the licence is for some only"),
    "unknown-marketplace": N_("the row doesn't tell the marketplace, and the licence is for some only"),
    "unknown-stream": N_("it isn't known which stream the clip shows, and the licence is for some only"),
    "unknown-window": N_("it isn't known whether the licence was in force"),
    "unknown-tail": N_("it isn't known whether the clip was out before the licence ended"),
    "handle": N_("nobody with a licence has this account"),
    "several": N_("several licences could cover it"),
    "several-clips": N_("several clips were posted under this id, and the platform isn't told"),
    "currency": N_("the licence is in another currency"),
    "not-accepted": N_("the licence was not accepted"),
    "revoked": N_("the licence was revoked before the sale"),
    "resigned": N_("the clipper had ended the licence before the sale"),
    "suspended": N_("the licence was suspended at the time"),
    "window": N_("the sale was made before the licence began"),
    "tail": N_("the licence had ended"),
    "platform": N_("the licence is not for this platform"),
    "marketplace": N_("the licence is not for this marketplace"),
    "territory": N_("the licence is not for this territory"),
    "product": N_("the licence is not for this product"),
    "stream": N_("the clip shows a stream that the licence is not for"),
}
"""Why a sale is in suspense; `settlement.attribution` and `docs/judging.md` have the words."""

KINDS: Mapping[str, str] = {
    "earned": N_("Earned"),
    "refund": N_("Refunds and corrections"),
    "adjustment": N_("Adjustments"),
    "true-up": N_("Tiers reached"),
    "release": N_("Released"),
    "reserve": N_("Reserve"),
    "frozen": N_("Frozen by disputes"),
    "recovery": N_("Recovered"),
    "withholding": N_("Tax withheld"),
    "payout": N_("Payouts"),
}
"""Lines of a statement."""

BALANCES: Mapping[str, str] = {
    "held": N_("Held"),
    "available": N_("Available"),
    "reserve": N_("Reserve"),
    "frozen": N_("Frozen"),
    "paying": N_("Being paid"),
    "recoverable": N_("Owed back"),
}
"""Where a party's money lies. The last is what it owes."""

RULES: Mapping[str, str] = {
    "resolution": N_("a person has decided it"),
    "content": N_("its post is of a clip that was submitted"),
    "handle": N_("its account is one of the licence's"),
}
"""Why a sale is somebody's."""

CAUSES: Mapping[str, str] = {
    "observed": N_("a report told of it"),
    "attributed": N_("it was attributed anew"),
    "released": N_("its hold ended"),
    "reserve-released": N_("its reserve was released"),
    "frozen": N_("a dispute froze it"),
    "unfrozen": N_("the dispute is over"),
    "forfeited": N_("the dispute was upheld"),
}
"""Why a sale moved in the books."""

SHARES: Mapping[str, str] = {
    "platform": N_("Platform fee"),
    "agency": N_("Agency"),
    "host": N_("Host"),
    "clipper": N_("Clipper"),
}
"""Who has a part of a sale."""
