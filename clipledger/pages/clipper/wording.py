"""How the clipper's pages say what moved money, and why: in words for somebody who is no accountant."""

from collections.abc import Mapping

from clipledger.pages.words import N_

KINDS: Mapping[str, tuple[str, str]] = {
    "earned": (N_("Earned"), N_("Your share of what your clips sold. It is held until the marketplace has settled.")),
    "refund": (N_("Refunds and corrections"), N_("Buyers gave something back, or the marketplace counted again.")),
    "adjustment": (N_("Adjustments"), N_("Put right by the host: two people decided it, and gave a reason.")),
    "true-up": (N_("Tiers reached"), N_("You sold enough in the month for another share of it.")),
    "release": (N_("Released from hold"), N_("The waiting time is over: from held to available.")),
    "reserve": (N_("Reserve"), N_("A part stays back for late refunds, and comes back to you later.")),
    "frozen": (N_("Frozen by disputes"), N_("Set aside until a dispute is decided, or given back after it.")),
    "recovery": (N_("Recovered"), N_("What was paid too much before, taken from later earnings.")),
    "withholding": (N_("Tax withheld"), N_("Paid to the tax office for you.")),
    "payout": (N_("Payouts"), N_("On its way to your account, or arrived there.")),
}
"""Lines of a statement: what they are called, and what they are."""

BALANCES: Mapping[str, str] = {
    "held": N_("Held"),
    "available": N_("Available"),
    "reserve": N_("Reserve"),
    "frozen": N_("Frozen"),
    "paying": N_("Being paid"),
    "recoverable": N_("Owed back"),
}
"""Where a party's money lies. The last is what it owes."""

TOTALS: Mapping[str, str] = {**BALANCES, "paid": N_("Paid so far")}
"""And what has left for its bank."""

RULES: Mapping[str, str] = {
    "resolution": N_("A person at the host has assigned it to you."),
    "content": N_("The marketplace names the video, and that is a clip of yours."),
    "handle": N_("The marketplace names your account."),
}
"""Why a sale is yours."""

CAUSES: Mapping[str, str] = {
    "observed": N_("The marketplace reported it"),
    "attributed": N_("It was assigned anew"),
    "released": N_("The waiting time was over"),
    "reserve-released": N_("The reserve was released"),
    "frozen": N_("Frozen by a dispute"),
    "unfrozen": N_("The dispute is over"),
    "forfeited": N_("The dispute was decided against you"),
}
"""Why it moved."""

SHARES: Mapping[str, str] = {
    "platform": N_("Platform fee"),
    "agency": N_("Agency"),
    "host": N_("Host"),
    "clipper": N_("You"),
}
"""Who has a part of a sale."""
