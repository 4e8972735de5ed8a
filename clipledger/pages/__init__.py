"""Pages for people: the clipper's earnings, the host's console, finance's desk, the operator's.

They are drawn by the server and need no script. A page reads through the rooms' functions, in one snapshot; what its
forms do goes through the API's own operations.
"""

from litestar import Router
from litestar.datastructures import CacheControlHeader
from litestar.static_files import create_static_files_router

from clipledger.pages import clipper, entrance, finance, host, operator
from clipledger.pages.templates import STATIC

_FOREVER = CacheControlHeader(public=True, max_age=365 * 86400, immutable=True)


def page_routes() -> list[Router]:
    """All pages, and the files they load."""
    files = create_static_files_router(
        "/static", [STATIC], name="static", opt={"public": True, "rate_limited": False}, cache_control=_FOREVER
    )
    return [*entrance.routes, *clipper.routes, *host.routes, *finance.routes, *operator.routes, files]  # type: ignore[list-item]
