"""Where parties are paid to: a clipper's or an agency's own accounts, and a host's.

Nothing here says whose they are: where the routes are mounted, `opt` says who may, and the dependency `owner` for whom.
Stripe is asked outside of the request's transaction.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import datetime
from typing import Annotated

import msgspec
from litestar import Response, Router, delete, get, post
from litestar.di import NamedDependency, Provide
from litestar.exceptions import ServiceUnavailableException
from litestar.handlers import HTTPRouteHandler
from litestar.params import FromPath, JSONBody
from sqlalchemy.ext.asyncio import AsyncConnection

from settlement.api.scopes import IMPORT, PARTY_MANAGE, PARTY_READ, READ
from settlement.payouts import accounts, banks
from settlement.payouts.accounts import Owner, PayoutAccount
from settlement.payouts.banks import BankDetails
from settlement.payouts.errors import InvalidPayoutAccount
from settlement.payouts.payees import StripePayees
from settlement.rails.protocol import RailRefused, RailUnavailable

_Country = Annotated[str, msgspec.Meta(pattern="^[A-Z]{2}$", examples=["US"], description="As ISO 3166-1 writes it.")]
_Url = Annotated[str, msgspec.Meta(pattern="^https?://", max_length=2000, examples=["https://clips.example.com/paid"])]


class NewStripeAccount(msgspec.Struct, kw_only=True, forbid_unknown_fields=True):
    """The country can't be changed later."""

    country: _Country
    email: Annotated[str, msgspec.Meta(min_length=3, max_length=254, examples=["ana@example.com"])]


class NewBankAccount(BankDetails, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """An account by its `iban`; or by its `number` and its bank, by `bic` or by `clearing`, the bank's number in a
    national clearing system. `currency` is what it is kept in.
    """

    holder: Annotated[str, msgspec.Meta(min_length=1, max_length=140, examples=["Ana Müller"])]
    country: _Country
    currency: Annotated[str, msgspec.Meta(pattern="^[A-Z]{3}$", examples=["EUR"])]
    iban: Annotated[str, msgspec.Meta(max_length=60, examples=["NL91ABNA0417164300"])] | None = None
    number: Annotated[str, msgspec.Meta(max_length=60, examples=["6222020200112233445"])] | None = None
    bic: Annotated[str, msgspec.Meta(max_length=20, examples=["ABNANL2A"])] | None = None
    clearing: Annotated[str, msgspec.Meta(max_length=60, examples=["CNAPS:102100099996"])] | None = None


class WayBack(msgspec.Struct, kw_only=True, forbid_unknown_fields=True):
    """Where Stripe sends the payee when it is done, and where a link that has expired leads."""

    return_url: _Url
    refresh_url: _Url


class OnboardingLink(msgspec.Struct, frozen=True):
    """A page of Stripe's for this payee alone, good for one visit."""

    url: str
    expires_at: datetime


@get("/payout-accounts", summary="Where you are paid to")
async def list_all(connection: NamedDependency[AsyncConnection], owner: NamedDependency[Owner]) -> list[PayoutAccount]:
    """`blocking` says what is asked of you, in English and Chinese. Only an active account is paid to."""
    return await accounts.list_accounts(connection, owner)


@post("/payout-accounts/stripe", summary="Set up an account at Stripe")
async def open_stripe(
    data: JSONBody[NewStripeAccount],
    owner: NamedDependency[Owner],
    actor: NamedDependency[str],
    payees: NamedDependency[StripePayees],
) -> Response[PayoutAccount]:
    """Then follow its onboarding link, where Stripe asks for what it must know."""
    with _told():
        made = await payees.open(owner, data.country, data.email, by=actor)
    return Response(made, status_code=201)


@post("/payout-accounts/bank", summary="Give a bank account to be paid to")
async def open_bank(
    data: JSONBody[NewBankAccount],
    connection: NamedDependency[AsyncConnection],
    owner: NamedDependency[Owner],
    actor: NamedDependency[str],
) -> Response[PayoutAccount]:
    """It is paid to from the next run on that goes by bank file; nobody is shown more than its last digits."""
    made = await banks.open_bank_account(connection, owner, data, data.currency, by=actor)
    return Response(made, status_code=201)


@post("/payout-accounts/{account_id:int}/onboarding-link", status_code=200, summary="A link to Stripe's pages")
async def link(
    account_id: FromPath[int],
    data: JSONBody[WayBack],
    owner: NamedDependency[Owner],
    payees: NamedDependency[StripePayees],
) -> OnboardingLink:
    """For this payee alone; good for one visit, for some minutes."""
    with _told():
        return OnboardingLink(*await payees.link(owner, account_id, data.return_url, data.refresh_url))


@post("/payout-accounts/{account_id:int}/refresh", status_code=200, summary="Ask Stripe how the account stands")
async def refresh(
    account_id: FromPath[int], owner: NamedDependency[Owner], payees: NamedDependency[StripePayees]
) -> PayoutAccount:
    """It tells by itself, too, sooner or later."""
    with _told():
        return await payees.refresh(owner, account_id)


@contextmanager
def _told() -> Iterator[None]:
    """What Stripe does not grant is the request's fault, that it does not answer is nobody's here."""
    try:
        yield
    except RailRefused as error:
        raise InvalidPayoutAccount("account", None, error.reason) from error
    except RailUnavailable as error:
        raise ServiceUnavailableException("Stripe does not answer as it should; try again later.") from error


@delete("/payout-accounts/{account_id:int}", status_code=200, summary="Be paid to another account")
async def close(
    account_id: FromPath[int], connection: NamedDependency[AsyncConnection], owner: NamedDependency[Owner]
) -> list[PayoutAccount]:
    """Nothing is paid to it any more; what is under way still arrives."""
    await accounts.close_account(connection, owner, account_id)
    return await accounts.list_accounts(connection, owner)


# Three owners -------------------------------------------------------------------------------------------------


def of_book(book_id: NamedDependency[int]) -> Owner:
    return Owner(book_id=book_id)


def of_party(party_id: NamedDependency[int]) -> Owner:
    return Owner(party_id=party_id)


_READING: Sequence[HTTPRouteHandler] = [list_all]
_WRITING: Sequence[HTTPRouteHandler] = [open_stripe, open_bank, link, refresh, close]


def _mounted(owner: Callable[[int], Owner], reading: Mapping[str, str], writing: Mapping[str, str]) -> list[Router]:
    its = {"owner": Provide(owner, sync_to_thread=False)}
    action = {**writing, "action": "payout-account.change"}
    return [
        Router("", route_handlers=_READING, opt=reading, dependencies=its),
        Router("", route_handlers=_WRITING, opt=action, dependencies=its),
    ]


HOST_ROUTES = _mounted(of_book, READ, IMPORT)
CLIPPER_ROUTES = _mounted(of_party, PARTY_READ, PARTY_MANAGE)
AGENCY_ROUTES = _mounted(of_party, PARTY_READ, PARTY_MANAGE)
