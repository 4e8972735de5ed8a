"""Problems as pages: what has happened, and what to do about it. Programs get theirs as RFC 9457 has it."""

from typing import Any
from urllib.parse import quote

from litestar import Request, Response
from litestar.response import Redirect

from clipledger.pages.operations import path_of
from clipledger.pages.routes import PAGE
from clipledger.pages.view import plain_view
from clipledger.pages.words import N_
from clipledger.web.gate import SAFE_METHODS
from clipledger.web.problems import Problem, problem_of, problem_response
from clipledger.web.request_log import request_id
from clipledger.web.session_cookie import SessionCookie

_ADVICE = {
    401: N_(
        "Your session has ended, and nothing was changed. Log in again; then go back: what you typed is still there."
    ),
    403: N_("You may not do this. If you should be able to, ask whoever manages access."),
    404: N_("There is nothing here, or nothing that you may see. Check the address, or start from your places."),
    409: N_("This has changed meanwhile, and nothing was done. Look at the page again."),
    413: N_("What you sent is too large, and nothing was changed."),
    429: N_("That was too often in a short time. Wait a moment, then try again."),
    503: N_("The service can't answer just now, and nothing was changed. Try again in a moment."),
}
_ELSE = N_("Nothing was changed. Try again; if it happens again, tell whoever runs this service the number below.")
_SENT_BY_HAND = {"csrf-token-required": N_("This page was open for too long, or in another session. Open it anew.")}


class Answers:
    """Litestar's exception handler for pages and operations alike."""

    def __init__(self, session_cookie: SessionCookie) -> None:
        self._session_cookie = session_cookie

    def __call__(self, request: Request[Any, Any, Any], error: Exception) -> Response[Any]:
        """A page to a browser on a page, or on no route at all; else a problem as JSON."""
        if not _for_a_person(request):
            return problem_response(request, error)
        problem = problem_of(error, request)
        if problem.status == 401 and request.method in SAFE_METHODS:
            return Redirect(f"/login?next={quote(path_of(request.scope), safe='')}", status_code=303)
        return self._page(request, problem)

    def _page(self, request: Request[Any, Any, Any], problem: Problem) -> Response[Any]:
        view = plain_view(request, self._session_cookie)
        advice = view.say(_SENT_BY_HAND.get(problem.code) or _ADVICE.get(problem.status, _ELSE))
        shown = problem.details(request_id(request.scope))
        page = view.render("problem.html", problem=shown, advice=advice)
        page.status_code = problem.status
        page.headers.update({name: value for name, value in problem.headers.items() if name == "Retry-After"})
        return page


def _for_a_person(request: Request[Any, Any, Any]) -> bool:
    handler = request.scope.get("route_handler")
    if handler is not None and PAGE in handler.opt:
        return True
    path, wanted = request.scope["path"], request.headers.get("accept", "")
    return not path.startswith("/v1") and "text/html" in wanted
