"""Notices: what has become of a clipper's things, in words, with where to read more.

A page that tells of some passes `await notices_of(…)` to the macro of `templates/clipper/notices.html`.
"""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy.ext.asyncio import AsyncConnection

from clipledger.pages.view import View
from clipledger.pages.words import N_
from licensing import notices, own_names
from licensing.events import OwnEvent

SENTENCES: Mapping[str, str] = {
    "application.submitted": N_("You have applied for “%(name)s”."),
    "application.approved": N_("Your application for “%(name)s” is approved."),
    "application.rejected": N_("Your application for “%(name)s” is rejected."),
    "application.withdrawn": N_("You have withdrawn your application for “%(name)s”."),
    "application.expired": N_("Nobody decided on your application for “%(name)s” in time."),
    "grant.offered": N_("You are offered a licence for “%(name)s”."),
    "grant.accepted": N_("Your licence for “%(name)s” is active."),
    "grant.declined": N_("You have declined the licence for “%(name)s”."),
    "grant.suspended": N_("Your licence for “%(name)s” is suspended."),
    "grant.resumed": N_("Your licence for “%(name)s” is active again."),
    "grant.revoked": N_("Your licence for “%(name)s” is revoked."),
    "grant.resigned": N_("You have ended your licence for “%(name)s”."),
    "grant.expired": N_("Your licence for “%(name)s” has run out."),
    "grant.accounts-changed": N_("The accounts of your licence for “%(name)s” have changed."),
    "grant.terms-proposed": N_("Newer terms are proposed for “%(name)s”."),
    "grant.terms-accepted": N_("You have accepted newer terms for “%(name)s”."),
    "grant.terms-declined": N_("You have declined newer terms for “%(name)s”."),
    "grant.terms-in-force": N_("The newer terms for “%(name)s” are in force."),
    "submission.submitted": N_("Clip “%(name)s” is handed in."),
    "submission.taken-up": N_("Clip “%(name)s” is being recognised."),
    "submission.identified": N_("Clip “%(name)s” was recognised."),
    "submission.unrecognised": N_("Clip “%(name)s” was not recognised: somebody will look at it."),
    "submission.approved": N_("Clip “%(name)s” is approved: you may post it."),
    "submission.rejected": N_("Clip “%(name)s” is rejected."),
    "submission.published": N_("Clip “%(name)s” is posted."),
    "submission.unpublished": N_("A post of clip “%(name)s” is taken out."),
    "submission.removed": N_("Clip “%(name)s” is removed."),
    "claim.opened": N_("A dispute over “%(name)s” is opened."),
    "claim.responded": N_("The dispute over “%(name)s” is answered."),
    "claim.upheld": N_("The dispute over “%(name)s” is decided: upheld."),
    "claim.released": N_("The dispute over “%(name)s” is decided: released."),
    "claim.appealed": N_("There is an appeal in the dispute over “%(name)s”."),
    "claim.finally-upheld": N_("The dispute over “%(name)s” is finally upheld."),
    "claim.finally-released": N_("The dispute over “%(name)s” is finally released."),
    "claim.conceded": N_("The dispute over “%(name)s” is over: the other side was agreed with."),
    "claim.withdrawn": N_("The dispute over “%(name)s” is withdrawn."),
}
SUBJECTS: Mapping[str, str] = {
    "application": N_("Applications"),
    "grant": N_("Licences and their terms"),
    "submission": N_("Clips"),
    "claim": N_("Disputes"),
}


@dataclass(frozen=True)
class Notice:
    """A sentence, when it came to be, and the page about it."""

    event_id: int
    sentence: str
    at: datetime
    href: str


async def notices_of(
    view: View, connection: AsyncConnection, clipper_id: int, *, before: int | None = None, limit: int = 5
) -> list[Notice]:
    """As the clipper has chosen them in its settings, newest first."""
    found = await notices.list_notices(connection, clipper_id, before=before, limit=limit)
    places = await _places(connection, clipper_id, found)
    return [_notice(view, event, *places[event.subject].get(event.subject_id, ("", ""))) for event in found]


def _notice(view: View, event: OwnEvent, name: str, path: str) -> Notice:
    sentence = view.say(SENTENCES[event.type]) % {"name": name or f"#{event.subject_id}"}
    return Notice(event.event_id, sentence, event.at, f"{view.base}{path}")


async def _places(
    connection: AsyncConnection, clipper_id: int, events: Sequence[OwnEvent]
) -> Mapping[str, Mapping[int, tuple[str, str]]]:
    """What each subject is called, and under which path of the clipper's it is."""
    numbers: dict[str, set[int]] = defaultdict(set)
    for event in events:
        numbers[event.subject].add(event.subject_id)
    grants = await own_names.offers_of_grants(connection, clipper_id, numbers["grant"])
    applied = await own_names.offers_of_applications(connection, clipper_id, numbers["application"])
    clips = await own_names.titles_of_clips(connection, clipper_id, numbers["submission"])
    claims = await own_names.titles_of_claims(connection, clipper_id, numbers["claim"])
    return {
        "grant": {number: (its.title, f"/licences/{number}") for number, its in grants.items()},
        "application": {number: (title, f"/offers/{offer_id}") for number, (offer_id, title) in applied.items()},
        "submission": {number: (title, f"/clips/{number}") for number, title in clips.items()},
        "claim": {number: (title, f"/disputes/{number}") for number, title in claims.items()},
    }
