"""The OpenAPI 3.1 document: what Litestar derives from the routes, and what the front door adds.

A route's own code says nothing of problems, Idempotency-Key, authentication and scopes, for the layers
before it see to them; here they are written into every operation.
"""

import re
from typing import Any

import msgspec
from litestar import Litestar, Request, get
from litestar.enums import OpenAPIMediaType
from litestar.openapi import OpenAPIConfig
from litestar.openapi.plugins import OpenAPIRenderPlugin
from litestar.openapi.spec import Components, SecurityScheme, Tag
from litestar.routes import HTTPRoute

from clipledger.access.roles import SCOPES
from clipledger.web.docs_page import DocsPage, docs_router
from clipledger.web.gate import SAFE_METHODS
from clipledger.web.problems import MEDIA_TYPE, ProblemDetails
from clipledger.web.requirements import Requirement, answers_options, requirement_of

_ABOUT = """Amounts are integers of minor units. Lists are pages: pass `next_cursor` back as `cursor`.

Every POST carries an `Idempotency-Key`: sent again, it gets the same answer and `Idempotency-Replayed: true`.
Every error is a problem (RFC 9457) whose `type` is stable and whose `instance` is the request's id.

Scopes: """

_EXAMPLES = {
    "invalid": {
        "summary": "A field breaks a rule",
        "value": {
            "type": "/problems/invalid-amount",
            "title": "Invalid amount",
            "status": 422,
            "instance": "6b1f6f1c2f0b4d0e8a54a8f2f6f4f5d1",
            "detail": "lines[0].amount: must not be zero (got 0)",
            "field": "lines[0].amount",
            "value": "0",
            "rule": "must not be zero",
        },
    },
    "conflict": {
        "summary": "The books, as they stand, do not allow it",
        "value": {
            "type": "/problems/period-locked",
            "title": "Period locked",
            "status": 409,
            "instance": "6b1f6f1c2f0b4d0e8a54a8f2f6f4f5d1",
            "field": "effective_on",
            "value": "2026-10-31",
            "rule": "nothing is posted into a locked period",
        },
    },
}
_PAGE = re.compile(rb"\bPage_[a-z_.]+\.([A-Z][A-Za-z]*)_")
_KEY_PARAMETER = {
    "name": "Idempotency-Key",
    "in": "header",
    "required": True,
    "description": "One for each thing you want to happen; the same again when you repeat the request.",
    "schema": {"type": "string", "minLength": 1, "maxLength": 255, "pattern": "^[!-~]+$"},
    "example": "2026-10-31-sale-78231",
}


def openapi_config(session_cookie: str) -> OpenAPIConfig:
    """What Litestar needs to know."""
    return OpenAPIConfig(
        title="Clipledger",
        version="1",
        description=_ABOUT + "; ".join(f"`{scope}` {meaning}" for scope, meaning in SCOPES.items()) + ".",
        components=Components(
            security_schemes={
                "bearer": SecurityScheme(type="http", scheme="bearer", description="An API key, `clk_…`."),
                "session": SecurityScheme(type="apiKey", security_scheme_in="cookie", name=session_cookie),
                "csrf": SecurityScheme(type="apiKey", security_scheme_in="header", name="X-CSRF-Token"),
            },
        ),
        tags=[
            Tag("session", "Log in with a password, and out again."),
            Tag("keys", "API keys of the user who is logged in."),
            Tag("users", "Users and their roles, for operators."),
            Tag("audit", "Who did what."),
            Tag("books", "A host's complete set of accounts."),
            Tag("accounts", "Where amounts lie; balances as of a date, statements."),
            Tag("entries", "Dated business events that sum to zero: post, reverse, read, prove."),
            Tag("balances", "Trial balance and exports."),
            Tag("periods", "Months, and the locks on them."),
            Tag("seals", "What makes a later change detectable."),
            Tag("uploads", "Files that arrive in as many requests as it takes (tus 1.0.0)."),
            Tag("sources", "A host's streams: registered, fingerprinted, growing while live, removed."),
            Tag("clips", "What a clip shows: which seconds of which source, and why."),
            Tag("parties", "Clippers and agencies, their members and handles."),
            Tag("offers", "What a host offers, under versioned terms; offers and clippers ranked for each other."),
            Tag("applications", "Clippers who ask for a licence."),
            Tag("grants", "Licences: grant, accept, suspend, revoke; certificates."),
            Tag("submissions", "Clips under a grant: submit, review, publish."),
            Tag("reports", "Marketplaces' reports: what was read, what could not be, what was posted."),
            Tag("sales", "Order lines: whose each is, under which licence, and where it stands in the books."),
            Tag("claims", "Disputes, and cases of unlicensed use."),
            Tag("events", "What happened, and the webhooks that tell of it."),
            Tag("finance", "How payables moved and how old they are, what marketplaces owe, what sold how well."),
            Tag("payouts", "Who is paid what, when and where to, and what became of it."),
            Tag("reconciliation", "What banks and rails say, beside the ledger; what differs, and who signs for it."),
            Tag("earnings", "What is owed to whom: balances, the month's close, statements."),
            Tag("operation", "Probes."),
        ],
        render_plugins=[DocsPage(), DocumentBesidePage()],
        openapi_router=docs_router(),
        use_handler_docstrings=True,
    )


@get(
    "/openapi.json",
    media_type=OpenAPIMediaType.OPENAPI_JSON,
    opt={"public": True},
    include_in_schema=False,
    sync_to_thread=True,
)
def openapi_json(request: Request[Any, Any, Any]) -> bytes:
    """The document, at its usual address."""
    return _encoded(request.app)


class DocumentBesidePage(OpenAPIRenderPlugin):
    """Takes the place of the incomplete document that Litestar would serve beside the page."""

    def __init__(self) -> None:
        super().__init__(path="/openapi.json", media_type=OpenAPIMediaType.OPENAPI_JSON)

    def render(self, request: Request[Any, Any, Any], openapi_schema: dict[str, Any]) -> bytes:
        """The same as at /openapi.json."""
        return _encoded(request.app)


def _encoded(app: Litestar) -> bytes:
    """Made at the first request, then kept: routes don't change while the application runs."""
    if "openapi" not in app.state:
        app.state.openapi = msgspec.json.encode(document(app))
    return bytes(app.state.openapi)


def document(app: Litestar) -> dict[str, Any]:
    """The whole document. A page of grants is named `GrantPage`, whatever module grants are of."""
    whole: dict[str, Any] = msgspec.json.decode(
        _PAGE.sub(rb"\1Page", msgspec.json.encode(app.openapi_schema.to_schema()))
    )
    _, schemas = msgspec.json.schema_components([ProblemDetails], ref_template="#/components/schemas/{name}")
    components = whole["components"]
    components.setdefault("schemas", {}).update(schemas)
    components["parameters"] = {"IdempotencyKey": _KEY_PARAMETER}
    problem = {"schema": {"$ref": "#/components/schemas/ProblemDetails"}, "examples": _EXAMPLES}
    components["responses"] = {
        "Problem": {"description": "A problem; nothing was changed.", "content": {MEDIA_TYPE: problem}}
    }
    for route in app.routes:
        if isinstance(route, HTTPRoute):
            for handler in route.route_handlers:
                if handler.resolve_include_in_schema() and not answers_options(handler):
                    for method in handler.http_methods:
                        operation = whole["paths"][route.path_format][method.lower()]
                        _complete(operation, requirement_of(handler), method)
    return whole


def _complete(operation: dict[str, Any], requirement: Requirement, method: str) -> None:
    responses = operation["responses"]
    responses.pop("400", None)  # Litestar's own form of it, which is never sent
    responses["4XX"] = responses["5XX"] = {"$ref": "#/components/responses/Problem"}
    if requirement.needs_key:
        operation.setdefault("parameters", []).append({"$ref": "#/components/parameters/IdempotencyKey"})
    if requirement.scope:
        told = operation.get("description", "")
        operation["description"] = f"{told}\n\nScope: `{requirement.scope}`.".lstrip()
    operation["security"] = _security(requirement, method)


def _security(requirement: Requirement, method: str) -> list[dict[str, list[str]]]:
    if requirement.public:
        return []
    by_session: dict[str, list[str]] = {"session": []}
    if method not in SAFE_METHODS:
        by_session["csrf"] = []
    return [by_session] if requirement.session else [{"bearer": []}, by_session]
