"""Sentences that the rooms say in English and people read on pages: here for the catalogues.

A template shows one by `gettext(…)`, which leaves alone what stands in no catalogue, such as what a person wrote.
"""

from clipledger.pages.words import N_

SAYINGS = (
    # Why somebody disputes: `licensing.claim_rules.GROUNDS`.
    N_("The clip says of the goods what the stream does not say."),
    N_("The post does not show the disclosure that the terms ask for."),
    N_("The clip was edited in a way that the terms forbid."),
    N_("The clip shows or plays what the host has no right to give."),
    N_("It was posted where, when or by an account that the terms do not cover."),
    N_("Sales are not true: own purchases, invented orders, bought traffic."),
    N_("The clip keeps the terms and was rejected nevertheless."),
    N_("The clip was rejected for what it does not show."),
    N_("The grant was suspended without a breach of its terms."),
    N_("The grant was revoked without a breach of its terms."),
    # What the clock, and a final decision, say in the file of a dispute: `licensing.claims`, `licensing.outcomes`.
    N_("nobody answered in time"),
    N_("the host did not decide in time"),
    N_("nobody appealed in time"),
    N_("Nothing is done to the grant: the host may suspend or revoke it."),
    N_("The grant is active again."),
    N_("A revocation is final: the host owes the clipper a new grant."),
    N_("The clip is approved."),
    N_("The clip is rejected."),
    N_("The clip is removed."),
    # Why a case of unlicensed use was cleared: `licensing.cases`.
    N_("shows none of your streams"),
)
