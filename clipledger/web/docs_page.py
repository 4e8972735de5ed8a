"""The API's documentation at /docs: Swagger UI from an installed package, nothing from elsewhere."""

from importlib.util import find_spec
from pathlib import Path
from typing import Any

from litestar import MediaType, Request, Response, Router, get
from litestar.datastructures import CacheControlHeader
from litestar.exceptions import NotFoundException
from litestar.openapi.plugins import OpenAPIRenderPlugin
from litestar.static_files import create_static_files_router

_PUBLIC = {"public": True}
_A_DAY = CacheControlHeader(public=True, max_age=86400)
_PAGE = b"""<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>Clipledger API</title>
<link rel="icon" href="data:,">
<link rel="stylesheet" href="/docs/assets/stylesheets/swagger-ui.css">
</head>
<body>
<div id="page"></div>
<noscript>Everything on this page, as one file: <a href="/openapi.json">openapi.json</a></noscript>
<script src="/docs/assets/javascripts/swagger-ui-bundle.js"></script>
<script src="/docs/start.js"></script>
</body>
</html>
"""
_START = b"""SwaggerUIBundle({url: "/openapi.json", dom_id: "#page", deepLinking: true, validatorUrl: null});
"""
_POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; connect-src 'self'; "
    "base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
)


class DocsPage(OpenAPIRenderPlugin):
    """The page itself; it fetches /openapi.json."""

    def __init__(self) -> None:
        super().__init__(path="/", media_type=MediaType.HTML)

    def render(self, request: Request[Any, Any, Any], openapi_schema: dict[str, Any]) -> bytes:
        """The same for everyone."""
        return _PAGE


@get("/start.js", media_type="text/javascript", sync_to_thread=False)
def start() -> bytes:
    """A file of its own, for the page's policy allows no script inside it."""
    return _START


def _refuse_unknown(response: Response[Any]) -> Response[Any]:
    """Litestar adds a catch-all that answers 404 with a page of its own; ours is a problem like any other."""
    if response.status_code == 404:
        raise NotFoundException
    return response


def docs_router() -> Router:
    """Where Litestar puts the documentation's pages."""
    return Router(
        "/docs",
        route_handlers=[start],
        include_in_schema=False,
        opt=_PUBLIC,
        after_request=_refuse_unknown,
        response_headers={"Content-Security-Policy": _POLICY},
    )


def assets_router() -> Router:
    """Swagger UI's files. The package is looked up, not imported: its code is for another program."""
    spec = find_spec("mkdocs_swagger_ui_tag")
    assert spec is not None
    assert spec.origin is not None
    folder = Path(spec.origin).parent / "swagger-ui"
    return create_static_files_router("/docs/assets", [folder], name="docs-assets", opt=_PUBLIC, cache_control=_A_DAY)
