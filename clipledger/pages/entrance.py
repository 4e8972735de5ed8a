"""The way in: one's places, logging in and out, the language, one's own account."""

from typing import Annotated, get_args

from litestar import Response, get
from litestar.datastructures import Cookie
from litestar.di import NamedDependency
from litestar.params import FromPath, QueryParameter
from litestar.response import Redirect
from sqlalchemy.ext.asyncio import AsyncConnection

from clipledger.access.keys import list_keys
from clipledger.access.principal import Principal
from clipledger.pages.languages import COOKIE, Language
from clipledger.pages.navigation import entrances
from clipledger.pages.operations import own_path
from clipledger.pages.routes import page
from clipledger.pages.view import View
from clipledger.web.session_cookie import SessionCookie

_A_YEAR = 365 * 86400
_Next = Annotated[str, QueryParameter(name="next", max_length=2000)]


@page("/", space="account")
async def home(
    view: NamedDependency[View], connection: NamedDependency[AsyncConnection], principal: NamedDependency[Principal]
) -> Response[str]:
    """Everywhere one can go; whoever has one place only goes there at once."""
    places = await entrances(connection, principal, view.say)
    if len(places) == 1 and len(places[0].links) == 1:
        return Redirect(places[0].links[0].href, status_code=303)
    return view.render("home.html", places=places)


@page("/login", public=True)
async def log_in(view: NamedDependency[View], following: _Next = "/") -> Response[str]:
    """For who is not logged in, or wants to be somebody else."""
    return view.render("login.html", following=following)


@page("/account", space="account")
async def account(view: NamedDependency[View]) -> Response[str]:
    """One's own: the password, and logging out."""
    return view.render("account.html")


@page("/account/keys", space="account")
async def keys(
    view: NamedDependency[View], connection: NamedDependency[AsyncConnection], principal: NamedDependency[Principal]
) -> Response[str]:
    """Keys for programs that act as oneself."""
    return view.render(
        "keys.html",
        keys=await list_keys(connection, principal.user_id),
        scopes=sorted(set().union(*principal.grants.values())),
    )


@get("/language/{language:str}", opt={"public": True, "page": True}, include_in_schema=False, sync_to_thread=False)
def choose_language(
    language: FromPath[str], session_cookie: NamedDependency[SessionCookie], following: _Next = "/"
) -> Redirect:
    """For a year, on this device."""
    chosen = language if language in get_args(Language) else "en"
    cookie = Cookie(COOKIE, value=chosen, max_age=_A_YEAR, samesite="lax", secure=session_cookie.secure, httponly=True)
    return Redirect(own_path(following), status_code=303, cookies=[cookie])


routes = [home, log_in, account, keys, choose_language]
