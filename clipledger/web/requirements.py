"""What a route requires of who asks: declared as data on the route, checked when the application is built.

- `{"scope": "ledger:post"}`: held for the book of the path's `{book}`; without one, for every book
- `{"scope": "party:read"}`: held as a member of the path's `{clipper}` or `{agency}`
- `{"scope": "ledger:read", "across_books": True}`: held for some book; it shows `principal.books(scope)`
- `{"authenticated": True}`: any user or key
- `{"authenticated": "session"}`: a person who logged in; no key can do this
- `{"public": True}`: anyone

A route that declares none of these, or a scope nobody knows, stops the application from starting. Also:

- `"idempotency": False`: a POST that needs no Idempotency-Key, because doing it twice does no harm
- `"shown_once": "token"`: this member of the answer is not kept for replays
- `"action": "key.create"`: what the audit trail calls it, instead of method and path
- `"rate_limited": False`: not counted, for probes
- `"form": True`: a page's own POST, which changes nothing itself: it hands on to an operation what it was sent, with
  the token that shows that it comes from our page (`clipledger.pages`); it has no transaction
- `"streams_body": True`: the handler reads the body as it arrives; its transaction begins only when it asks for it

`request_max_body_size=…` on a route, Litestar's own parameter, replaces the 1 MiB that a body may have.
"""

from dataclasses import dataclass

from litestar.exceptions import ImproperlyConfiguredException
from litestar.handlers import BaseRouteHandler, HTTPRouteHandler
from litestar.plugins.base import ReceiveRoutePlugin
from litestar.routes import BaseRoute, HTTPRoute

from clipledger.access.roles import SCOPES


@dataclass(frozen=True)
class Requirement:
    """The declaration of one route, read."""

    scope: str | None = None
    across_books: bool = False
    public: bool = False
    session: bool = False
    rate_limited: bool = True
    needs_key: bool = False
    streams_body: bool = False
    form: bool = False


def requirement_of(handler: BaseRouteHandler) -> Requirement:
    """Raises ImproperlyConfiguredException where nothing valid is declared."""
    opt = handler.opt
    scope, public, authenticated = opt.get("scope"), opt.get("public", False), opt.get("authenticated", False)
    if sum((scope is not None, bool(public), bool(authenticated))) != 1:
        raise ImproperlyConfiguredException(
            f"{handler} must declare exactly one of opt scope, authenticated and public"
        )
    if scope is not None and scope not in SCOPES:
        raise ImproperlyConfiguredException(f"{handler} declares the unknown scope {scope!r}")
    needs_key = "POST" in getattr(handler, "http_methods", ()) and opt.get("idempotency", True)
    if public and needs_key:
        raise ImproperlyConfiguredException(
            f"{handler} is a public POST: declare opt idempotency False, for keys belong to who is known"
        )
    streams_body = opt.get("streams_body", False)
    if streams_body and needs_key:
        raise ImproperlyConfiguredException(
            f"{handler} is a POST that streams its body: declare opt idempotency False, for a key covers the whole body"
        )
    return Requirement(
        scope=scope,
        across_books=opt.get("across_books", False),
        public=public,
        session=authenticated == "session",
        rate_limited=opt.get("rate_limited", True),
        needs_key=needs_key,
        streams_body=streams_body,
        form=opt.get("form", False),
    )


class DenyByDefault(ReceiveRoutePlugin):
    """Refuses a route without a valid declaration at the moment it is registered."""

    def receive_route(self, route: BaseRoute) -> None:
        """Raises ImproperlyConfiguredException."""
        if not isinstance(route, HTTPRoute):
            raise ImproperlyConfiguredException(f"{route.path}: only HTTP routes pass the gate")
        for handler in route.route_handlers:
            if not answers_options(handler):
                requirement_of(handler)


def answers_options(handler: BaseRouteHandler) -> bool:
    """Whether this is the framework's own answer to OPTIONS, which tells a path's methods and no more."""
    return isinstance(handler, HTTPRouteHandler) and handler.http_methods == {"OPTIONS"}
