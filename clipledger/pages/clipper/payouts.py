"""Where a clipper is paid to, what is in the way and who can put it right; what was paid, and what comes next."""

from collections.abc import Mapping
from datetime import UTC, datetime
from functools import cache
from operator import itemgetter

from litestar import Response
from litestar.di import NamedDependency
from sqlalchemy.ext.asyncio import AsyncConnection

from clipledger.pages.languages import Language, locale_of
from clipledger.pages.routes import page
from clipledger.pages.view import View
from clipledger.pages.words import N_, Tone
from ledger.money import CURRENCIES
from media.api.pages import Cursor, number_of, page_of
from settlement.balances import earnings
from settlement.payouts.accounts import Owner, list_accounts
from settlement.payouts.coming import coming
from settlement.payouts.payouts import Payout, list_own

_LISTED = 50

ACCOUNTS: Mapping[str, str] = {
    "active": N_("It can be paid to."),
    "pending": N_("It isn't finished: go on at Stripe, and tell it what it asks. Until then nothing is paid to it."),
    "blocked": N_("Nothing can be paid to it until you have done what is asked below."),
}
"""What the state of an account means."""

PAYOUTS: Mapping[str, tuple[str, Tone, str]] = {
    "ready": (N_("to be sent"), "wait", N_("It is approved, and sent next.")),
    "sending": (N_("being sent"), "wait", N_("It is being sent right now.")),
    "filed": (N_("to be sent"), "wait", N_("It goes to the bank with the host's next file.")),
    "sent": (N_("on its way"), "wait", N_("It was sent. Banks mostly take one to three working days.")),
    "paid": (N_("paid"), "good", N_("It has arrived.")),
    "refused": (N_("not paid"), "bad", N_("It was refused, and nothing was paid. The money is still yours.")),
    "unknown": (
        N_("being checked"),
        "wait",
        N_("No clear answer came, so it is looked up first: nothing is ever paid twice."),
    ),
    "returned": (
        N_("came back"),
        "bad",
        N_("It came back. The money is available again and goes with a later payout."),
    ),
    "cancelled": (N_("cancelled"), "quiet", N_("It was never sent. The money is available again.")),
}
"""Of a payout's states: what each is called, and what it means for who is paid."""

RAILS: Mapping[str, str] = {"stripe": N_("Stripe"), "bank-file": N_("bank transfer")}
"""How one is paid."""

FIXERS: Mapping[str, str] = {
    "payee": N_("You can put this right, in your account above."),
    "host": N_("The host has to put this right; you need not do anything."),
    "operator": N_("Whoever runs this service has to put this right; you need not do anything."),
}
"""Who can do something about it."""

BLOCKS: Mapping[str, str] = {
    "nothing": N_("Nothing is due by then."),
    "below-minimum": N_("It is less than the least that is paid out; it waits until there is more."),
    "no-account": N_("You have no account that this host can pay to: add one below."),
    "account": N_("Your account can't be paid to yet: see below what it needs."),
    "currency": N_("None of your accounts takes this currency: add one that does."),
}
"""What is in the way of the next payout."""


@page("/clippers/{clipper:int}/payouts", space="clipper", scope="party:read")
async def payouts(
    view: NamedDependency[View],
    connection: NamedDependency[AsyncConnection],
    party_id: NamedDependency[int],
    public_url: NamedDependency[str],
    cursor: Cursor = None,
) -> Response[str]:
    """From all hosts, newest first; only those that were approved."""
    earned = await earnings(connection, "clipper", party_id)
    accounts = await list_accounts(connection, Owner(party_id=party_id))
    found = await list_own(connection, party_id, before=number_of(cursor), limit=_LISTED + 1)
    shown = page_of(found, _LISTED, lambda each: each.payout.payout_id)
    return view.render(
        "clipper/payouts.html",
        accounts=accounts,
        missing={"stripe", "bank-file"} - {account.rail for account in accounts},
        coming=await coming(connection, party_id, earned, datetime.now(UTC)),
        payouts=shown.data,
        cursor=shown.next_cursor,
        way_back=f"{public_url}{view.base}/payouts",
        countries=countries(view.language),
        currencies=currencies(view.language),
        usual=next((each.balance.currency for each in earned), ""),
        account_words=ACCOUNTS,
        payout_words=PAYOUTS,
        rails=RAILS,
        fixers=FIXERS,
        blocks=BLOCKS,
        came_back=came_back,
    )


def came_back(payout: Payout) -> int:
    """What of it was returned though the rest has stayed; in minor units."""
    return payout.returned if payout.state != "returned" else 0


@cache
def countries(language: Language) -> list[tuple[str, str]]:
    """By their names."""
    named = locale_of(language).territories.items()
    return sorted(((code, name) for code, name in named if len(code) == 2 and code not in _NONE), key=itemgetter(1))


@cache
def currencies(language: Language) -> list[tuple[str, str]]:
    """By their codes, with their names."""
    names = locale_of(language).currencies
    return [(code, f"{code} · {names[code]}" if code in names else code) for code in sorted(CURRENCIES)]


_NONE = frozenset({"EU", "EZ", "QO", "UN", "XA", "XB", "ZZ"})
"""Regions and placeholders, which no account is in."""
