"""Month end: the months of the book, and the close of one as a checklist that two people go through."""

from typing import Literal, NamedTuple

from litestar import Response
from litestar.di import NamedDependency
from litestar.params import FromPath
from sqlalchemy.ext.asyncio import AsyncConnection

from clipledger.pages.finance.names import called
from clipledger.pages.routes import page
from clipledger.pages.view import View
from ledger.periods import locked_through, parse_period
from media.api.pages import Cursor
from settlement.checklists import Checklist, Step, checklist
from settlement.closing import first_unclosed
from settlement.exceptions import OpenMatter
from settlement.months import list_months

_ROWS = 24
Progress = Literal["done", "now", "later", "look"]
_BEFORE_CLOSING = {
    "reports": ("parked-rows", "running-imports"),
    "suspense": ("suspense",),
    "matters": ("running-claims", "open-adjustments", "open-payouts"),
    "reconciliation": ("unreconciled",),
}
"""Steps that are to be looked at before, by what is open then. A month can be closed over them, with a reason."""
_PLACES = {
    "suspense": "finance/suspense",
    "parked-rows": "finance/{}",
    "running-imports": "finance/{}",
    "running-claims": "claims",
    "open-adjustments": "finance/adjustments?in_state=proposed",
    "open-payouts": "finance/payouts",
    "unreconciled": "finance/reconciliations?month={}",
}


class Open(NamedTuple):
    """What is open, and the page that shows it."""

    matter: OpenMatter
    href: str


class Item(NamedTuple):
    """A step of the checklist: how far it is, what is open, and who has taken it."""

    name: str
    progress: Progress
    open: list[Open]
    step: Step | None


@page("/books/{book:str}/finance/months", space="finance", scope="settlement:read")
async def months(
    view: NamedDependency[View],
    connection: NamedDependency[AsyncConnection],
    book_id: NamedDependency[int],
    cursor: Cursor = None,
) -> Response[str]:
    """Newest first."""
    before = parse_period(cursor, "cursor") if cursor else None
    found = await list_months(connection, book_id, before=before, limit=_ROWS + 1)
    return view.render(
        "finance/months.html", months=found[:_ROWS], cursor=found[_ROWS - 1].month if len(found) > _ROWS else None
    )


@page("/books/{book:str}/finance/months/{month:str}", space="finance", scope="settlement:read")
async def month(
    view: NamedDependency[View],
    connection: NamedDependency[AsyncConnection],
    book_id: NamedDependency[int],
    month: FromPath[str],
) -> Response[str]:
    """What is done, what is next and who may do it."""
    period = parse_period(month, "month")
    its = await checklist(connection, book_id, period)
    waits_for = await first_unclosed(connection, book_id, period, await locked_through(connection, book_id))
    return view.render(
        "finance/month.html",
        its=its,
        items=_items(view, its, waits=waits_for is not None),
        waits_for=waits_for,
        who=await called(view, connection, [step.actor for step in its.steps]),
        **_two_people(view, its),
    )


def _two_people(view: View, its: Checklist) -> dict[str, bool]:
    """Whether who looks at it is the one who has submitted, or asked, and so can't decide."""
    user_id = view.principal.user_id if view.principal else None
    submitted = last(its, "submitted")
    return {
        "submitted_by_me": submitted is not None and submitted.user_id == user_id,
        "asked_by_me": its.reopening is not None and its.reopening.user_id == user_id,
    }


def last(its: Checklist, action: str) -> Step | None:
    """The newest step of this kind, of the revision that is under way."""
    return next((step for step in reversed(its.steps) if (step.action, step.revision) == (action, its.revision)), None)


def _items(view: View, its: Checklist, *, waits: bool) -> list[Item]:
    items = [Item("cut-off", "done" if its.ended else "now", [], None)]
    for name, matters in _BEFORE_CLOSING.items():
        found = [Open(each, _href(view, each)) for each in its.exceptions if each.matter in matters]
        items.append(Item(name, ("look" if its.ended else "later") if found else "done", found, None))
    return items + _own(its, waits=waits)


def _own(its: Checklist, *, waits: bool) -> list[Item]:
    """The steps that people take, in their order: of those that are not done the first is for now."""
    drafted, submitted, issued = (last(its, action) for action in ("drafted", "submitted", "approved"))
    sound = its.state != "open" and not its.outdated
    done = {
        "true-up": (sound, drafted),
        "draft": (sound, drafted),
        "submit": (its.state in ("submitted", "issued"), submitted),
        "approve": (its.state == "issued", issued),
        "lock": (its.locked, issued),
        "seal": (its.seal_no is not None, None),
    }
    open_now = its.ended and not waits
    items = []
    for name, (is_done, step) in done.items():
        now: Progress = "now" if open_now and name != "seal" else "later"  # the service seals by itself
        items.append(Item(name, "done" if is_done else now, [], step if is_done else None))
        open_now = open_now and (is_done or name == "true-up")
    return items


def _href(view: View, matter: OpenMatter) -> str:
    """The page of what the API's link shows: `/v1/books/lili/imports/5/parked`."""
    told = matter.link.partition(f"{view.api}/")[2]
    inner = told.partition("=")[2] if "=" in told else told.removesuffix("/parked")
    return f"/books/{view.book.slug if view.book else ''}/{_PLACES[matter.matter].format(inner)}"
