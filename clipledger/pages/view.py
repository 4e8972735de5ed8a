"""A page as it is being made for one person: their language, what they may do, the form they have just sent."""

import secrets
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import Any
from urllib.parse import parse_qsl, quote, unquote, urlencode

from litestar import Request, Response
from litestar.datastructures import Cookie
from litestar.di import NamedDependency
from litestar.enums import MediaType
from sqlalchemy.ext.asyncio import AsyncConnection

from clipledger.access.principal import Principal
from clipledger.access.sessions import csrf_token
from clipledger.pages.formats import Formats
from clipledger.pages.forms import Sent, member_of
from clipledger.pages.languages import COOKIE, LANGUAGES, Language, language_of, translations_of
from clipledger.pages.navigation import ADDRESSES, Link, Space, menu_of
from clipledger.pages.operations import path_of
from clipledger.pages.templates import POLICY, environment
from clipledger.web.problems import FieldFault, ProblemDetails
from clipledger.web.session_cookie import SessionCookie
from ledger.books import Book, get_book
from licensing.parties import Party, find_party

SENT = "sent_form"
"""In a request's state: the form that this page was sent, and what came of it."""
TOLD = "told"
"""The cookie of what a form's success shall say on the next page."""


@dataclass(frozen=True)
class Outcome:
    """What came of a form: a problem, or an answer that the page is to show."""

    sent: Sent
    problem: ProblemDetails | None = None
    answer: Any = None


@dataclass(frozen=True)
class Form:
    """A form of a page, to be drawn by the macros of `forms.html`.

    `faults` are those of its members if it has just been sent and refused, `typed` what was written then.
    """

    name: str
    operation: str
    csrf: str
    next: str
    done: str
    key: str
    typed: Mapping[str, str]
    faults: tuple[FieldFault, ...] = ()
    problem: ProblemDetails | None = None

    def value(self, name: str, default: object = "") -> str:
        """What stands in a field: what was typed, else the default; nothing for None."""
        return self.typed.get(name, "") if self.typed else "" if default is None else str(default)

    def fault(self, name: str) -> FieldFault | None:
        """What is wrong with a field."""
        member = member_of(name)
        return next((fault for fault in self.faults if fault.field in (member, f"{member}[0]")), None)


@dataclass(frozen=True)
class View:
    """What every page is made with; `say` translates. A page about a book, or a clipper, knows it."""

    request: Request[Any, Any, Any]
    language: Language
    session_cookie: SessionCookie
    principal: Principal | None = None
    space: Space | None = None
    book: Book | None = None
    party: Party | None = None
    role: str | None = None
    formats: Formats = field(default_factory=lambda: Formats("en"))

    def say(self, message: str) -> str:
        """In the page's language."""
        return str(translations_of(self.language).ugettext(message))

    def may(self, scope: str) -> bool:
        """Whether who sits before it holds the scope here: for its clipper, its book, or the service."""
        if self.principal is None:
            return False
        if self.party is not None and self.role is not None:
            return self.principal.may_as(self.role, scope)
        return self.principal.may(scope, self.book.book_id if self.book else None)

    @property
    def base(self) -> str:
        """The address of the place, without a slash at its end."""
        return ADDRESSES[self.space].format(place=self._place) if self.space else ""

    @property
    def api(self) -> str:
        """The address of the place's operations."""
        return f"/v1/clippers/{self._place}" if self.party else f"/v1/books/{self._place}"

    @property
    def place(self) -> str:
        """What the place is called."""
        return self.party.name if self.party else self.book.name if self.book else ""

    @property
    def menu(self) -> list[Link]:
        """Of the space."""
        if self.space is None:
            return []
        return menu_of(self.space, self._place, self.may, self.request.scope["path"], self.say)

    @cached_property
    def csrf(self) -> str:
        """The session's token; without a session, nothing."""
        token = self.request.cookies.get(self.session_cookie.name)
        return csrf_token(token) if token else ""

    @property
    def here(self) -> str:
        """Path and query of the page."""
        return path_of(self.request.scope)

    @property
    def told(self) -> str:
        """What the form before this page has done."""
        return unquote(self.request.cookies.get(TOLD, ""))

    @property
    def outcome(self) -> Outcome | None:
        """Of the form that this page was just sent."""
        found: Outcome | None = self.request.scope["state"].get(SENT)
        return found

    def answer(self, form: str) -> Any:
        """What the operation of this page's form has answered, where it is shown here; else None."""
        return self.outcome.answer if self.outcome and self.outcome.sent.own.get("_form") == form else None

    def asked(self, **changes: object) -> str:
        """The page with other parameters: those that are None are left out, and so is the place in the list."""
        given = dict(parse_qsl(self.request.scope["query_string"].decode("latin-1")))
        given.pop("cursor", None)
        wanted = {**given, **changes}
        query = urlencode({name: value for name, value in wanted.items() if value not in (None, "")})
        return quote(self.request.scope["path"]) + (f"?{query}" if query else "")

    def form(self, name: str, operation: str, *, next: str = "", done: str = "") -> Form:  # noqa: A002 - its HTML name
        """A form of this page for an operation, `POST /v1/keys`: on success it goes on to `next`, in which `{member}`
        stands for that of the answer, and says `done` there; without `next` the page shows the answer.
        """
        outcome = self.outcome
        made = Form(name, operation, self.csrf, next, done, secrets.token_urlsafe(16), {})
        if outcome is None or outcome.sent.own.get("_form") != name:
            return made
        problem = outcome.problem
        faults = tuple(problem.errors or [FieldFault(problem.field or "", problem.rule or "")]) if problem else ()
        return replace(made, typed=outcome.sent.typed, faults=faults, problem=problem)

    def asking(self, name: str, faults: Sequence[FieldFault] = ()) -> Form:
        """The fields of a form that asks for this page again: what is typed stands in the page's address, and what is
        wrong with it beside them.
        """
        return Form(name, "", "", "", "", "", {}, tuple(faults))

    def render(self, template: str, **values: Any) -> Response[str]:
        """The page."""
        content = environment(self.language).get_template(template).render(view=self, f=self.formats, **values)
        answer = Response(content, media_type=MediaType.HTML, headers={"Content-Security-Policy": POLICY})
        if self.told:
            answer.delete_cookie(TOLD)
        return answer

    @property
    def _place(self) -> str | int | None:
        return self.party.party_id if self.party else self.book.slug if self.book else None


def telling(said: str, cookie: SessionCookie) -> Cookie:
    """For the next page to say."""
    return Cookie(TOLD, value=quote(said), max_age=60, httponly=True, samesite="lax", secure=cookie.secure)


def plain_view(request: Request[Any, Any, Any], session_cookie: SessionCookie) -> View:
    """Of a page that is about no place, or of which nobody knows yet who may see it."""
    language = language_of(request.cookies.get(COOKIE), request.headers.get("accept-language", ""))
    principal = request.scope.get("user")
    return View(request, language, session_cookie, principal, formats=Formats(language))


async def view_of(
    request: Request[Any, Any, Any],
    connection: NamedDependency[AsyncConnection],
    session_cookie: NamedDependency[SessionCookie],
) -> View:
    """The dependency `view` of a page's handler."""
    view = plain_view(request, session_cookie)
    state, space = request.scope["state"], request.scope["route_handler"].opt.get("space")
    if "book_id" in state:
        book = await get_book(connection, state["book_id"])
        return replace(view, space=space, book=book, formats=Formats(view.language, book.time_zone))
    if "party_id" in state:
        party = await find_party(connection, state["party_id"])
        return replace(view, space=space, party=party, role=state["party_role"])
    return replace(view, space=space)


def other_languages(language: Language) -> Mapping[Language, str]:
    """Those that a page can be read in, too."""
    return {code: name for code, name in LANGUAGES.items() if code != language}
