"""The two sides of a licence: handlers that do the same for both are written once and mounted for each.

Nothing in them says who acts: where they are mounted, `opt` says who may, and the dependency `by` who does.
"""

from litestar import Router
from litestar.di import NamedDependency, Provide
from litestar.handlers import HTTPRouteHandler

from licensing.states import By


def _host(actor: NamedDependency[str]) -> By:
    return By("host", actor)


def _clipper(actor: NamedDependency[str]) -> By:
    return By("clipper", actor)


def by_host(*routes: HTTPRouteHandler | Router) -> Router:
    """The routes, for the host of the path's book."""
    return Router("", route_handlers=routes, dependencies={"by": Provide(_host, sync_to_thread=False)})


def by_clipper(*routes: HTTPRouteHandler | Router) -> Router:
    """The routes, for the path's clipper."""
    return Router("", route_handlers=routes, dependencies={"by": Provide(_clipper, sync_to_thread=False)})
