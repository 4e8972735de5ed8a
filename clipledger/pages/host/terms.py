"""The editor of an offer's terms: what is typed is compared with what there is, tried on past sales, then published.

Nothing is stored between the steps. To compare is the operation `what-if` with what was typed: it refuses what could
not be published, and tells what it would have paid. Only what was compared can be published from here.
"""

from collections.abc import Mapping
from datetime import UTC, date, datetime, timedelta
from typing import Annotated, Any, Literal
from zoneinfo import ZoneInfo

from litestar import Response
from litestar.di import NamedDependency
from litestar.params import FromPath, QueryParameter
from sqlalchemy.ext.asyncio import AsyncConnection

from clipledger.access.people import people_behind
from clipledger.pages.host import terms_form
from clipledger.pages.host.advice_words import GROUNDS
from clipledger.pages.host.terms_lines import EXCLUSIVITY, PARTIES, Line, Reading, changed, examples
from clipledger.pages.routes import page
from clipledger.pages.view import Form, View
from ledger.money import CURRENCIES
from licensing.offers import OfferInFull, TermsVersion, find_terms, list_terms, offer_in_full
from licensing.overview import held_by_version
from licensing.policies import policy_in_force
from licensing.terms import Terms
from licensing.vocabulary import PLATFORMS
from settlement.advice import advise

_VERSIONS = 50
_PERIOD = timedelta(days=90)
_FIRST_CURRENCY = "CNY"
SPEEDS = (1_000_000, 1_100_000, 1_250_000, 1_500_000, 1_750_000, 2_000_000, 3_000_000, 4_000_000)
"""Of a clip, in millionths of the stream's."""
_Version = Annotated[int | None, QueryParameter(ge=1, le=2**31 - 1, description="A version's number.")]
_Asked = Annotated[Literal["yes"] | None, QueryParameter(description="Whether advice is wanted: it takes a moment.")]


@page("/books/{book:str}/offers/{offer_id:int}/terms", space="host", scope="licences:read")
async def terms(
    view: NamedDependency[View],
    connection: NamedDependency[AsyncConnection],
    book_id: NamedDependency[int],
    offer_id: FromPath[int],
    before: _Version = None,
    after: _Version = None,
    advice: _Asked = None,
) -> Response[str]:
    """The newest in the editor, or what was typed; the versions, and what one changed of another."""
    offer = await offer_in_full(connection, book_id, offer_id)
    reading = Reading(view.say, view.formats)
    current = offer.terms.terms if offer.terms else None
    typed = _typed(view) or terms_form.typed_of(current or _first(view), _zone(view))
    proposed = terms_form.terms_of(typed) if _compared(view) else None
    versions = await list_terms(connection, book_id, offer_id, limit=_VERSIONS)
    wanted = advice is not None and view.may("settlement:read")
    return view.render(
        "host/terms.html",
        offer=offer,
        zone=_zone(view),
        edit=_editor(view, offer, typed),
        publish=view.form(
            "publish",
            f"POST {view.api}/offers/{offer_id}/terms",
            next=f"{view.base}/offers/{offer_id}",
            done=view.say("The terms are published."),
        ),
        hidden={name: text for name, text in typed.items() if name.startswith("terms.")},
        answer=view.answer("terms"),
        day=date.fromisoformat,
        proposed=proposed,
        changes=_changes(reading, current, proposed),
        shares=_shares(current, proposed),
        held=await held_by_version(connection, book_id, offer_id),
        policy=await policy_in_force(connection),
        versions=versions,
        people=await people_behind(connection, [version.published_by for version in versions]),
        diff=await _diff(connection, book_id, offer, reading, (before, after)),
        advice=await advise(connection, book_id, offer_id) if wanted else None,
        **_CHOICES,
    )


def _typed(view: View) -> dict[str, str] | None:
    """What stands in the editor, or was about to be published, if one of the two has just been sent."""
    outcome = view.outcome
    if outcome is None or outcome.sent.own.get("_form") not in ("terms", "publish"):
        return None
    return outcome.sent.typed


def _compared(view: View) -> bool:
    """Whether what was typed could be published, by what the comparison said; now, or before it was to be published."""
    sent = view.outcome.sent.own.get("_form") if view.outcome else None
    return sent == "publish" or view.answer("terms") is not None


def _editor(view: View, offer: OfferInFull, typed: Mapping[str, str]) -> Form:
    form = view.form("terms", f"POST {view.api}/offers/{offer.offer_id}/what-if")
    since, until = _period(view)
    return terms_form.shown(form, {"period.since": since, "period.until": until, **typed})


def _first(view: View) -> Terms:
    tomorrow = datetime.now(ZoneInfo(_zone(view))) + timedelta(days=1)
    return terms_form.first_terms(view.place, _FIRST_CURRENCY, tomorrow.replace(hour=0, minute=0, second=0))


def _period(view: View) -> tuple[str, str]:
    """The days whose sales are tried, if nobody chose others."""
    today = datetime.now(UTC).astimezone(ZoneInfo(_zone(view))).date()
    return (today - _PERIOD).isoformat(), today.isoformat()


def _zone(view: View) -> str:
    return view.book.time_zone if view.book else "UTC"


def _changes(reading: Reading, current: Terms | None, proposed: Terms | None) -> Any:
    """Each line that would be another one; None where nothing was compared."""
    if proposed is None:
        return None
    old: list[Line] = reading.lines(current) if current else []
    return changed(old, reading.lines(proposed))


def _shares(current: Terms | None, proposed: Terms | None) -> list[tuple[str, str, Any]]:
    """What becomes of 100 under the terms there are, and under those that are proposed."""
    named = (("now", current), ("then", proposed))
    return [(name, its.split.currency, examples(its.split)) for name, its in named if its is not None]


async def _diff(
    connection: AsyncConnection,
    book_id: int,
    offer: OfferInFull,
    reading: Reading,
    asked: tuple[int | None, int | None],
) -> dict[str, Any] | None:
    """Between two versions, the older one first as they were asked for."""
    if asked[0] is None or asked[1] is None:
        return None
    old, new = [await _version(connection, book_id, offer, number) for number in (asked[0], asked[1])]
    lines = changed(reading.lines(old.terms), reading.lines(new.terms))
    return {"before": old.version_no, "after": new.version_no, "changes": lines}


async def _version(connection: AsyncConnection, book_id: int, offer: OfferInFull, number: int) -> TermsVersion:
    if offer.terms and offer.terms.version_no == number:
        return offer.terms
    return await find_terms(connection, book_id, offer.offer_id, number)


_CHOICES: Mapping[str, Any] = {
    "parties": PARTIES,
    "exclusivity": EXCLUSIVITY,
    "platforms": PLATFORMS,
    "currencies": [(code, code) for code in sorted(CURRENCIES)],
    "speeds": SPEEDS,
    "grounds": GROUNDS,
    "rows": terms_form,
}

routes = [terms]
