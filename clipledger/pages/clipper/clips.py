"""A clipper's clips: what each shows, where it stands and what to do, where it was posted, and what it has earned."""

from collections.abc import Iterable, Mapping
from dataclasses import replace
from typing import Annotated

from litestar import Response
from litestar.di import NamedDependency
from litestar.params import FromPath, QueryParameter
from sqlalchemy.ext.asyncio import AsyncConnection

from clipledger.pages.formats import Formats
from clipledger.pages.routes import page
from clipledger.pages.view import View
from clipledger.pages.words import N_, WORDS
from licensing.claims import list_claims
from licensing.events import list_own_events
from licensing.own_clips import OwnClip, find_own_clip, list_own_clips
from licensing.states import SUBMISSION
from licensing.submissions import State
from media.api.pages import Cursor, number_of, page_of
from settlement.clip_sales import figures_of_clips, sales_of_clip

_LISTED = 50
_STEPS = 100
_InState = Annotated[State | None, QueryParameter(name="state")]

MEANINGS: Mapping[str, str] = {
    "submitted": N_("Your video has arrived and waits for its turn. You need not do anything."),
    "identifying": N_("We are looking for the part of the stream that it shows. That takes a minute or two."),
    "identified": N_("We know what it shows. Now the host looks at it; post it only once it is approved."),
    "unrecognised": N_(
        "We found no part of the host's streams in it. The host looks at it; if its stream comes later, we look again."
    ),
    "approved": N_("You may post it. Then say below where: that is how its sales are found."),
    "rejected": N_("Don't post it. Change it and hand it in again; or, if you think that this is wrong, dispute it."),
    "live": N_("It is posted. What it sells earns you your share."),
    "removed": N_("It is taken back. What it has sold stays sold."),
}
"""Of a clip's states: what each means, and what to do."""

FINDINGS: Mapping[str, str] = {
    "stream-out-of-scope": N_("It shows a stream that your licence doesn't cover."),
    "product-out-of-scope": N_("It names a product that your licence doesn't cover."),
    "product-excluded": N_("It names a product that your licence excludes."),
    "mirrored": N_("The picture is mirrored, which the terms don't allow."),
    "too-fast": N_("It plays faster than the terms allow."),
    "too-short": N_("It is shorter than the terms allow."),
    "too-long": N_("It is longer than the terms allow."),
    "own-footage": N_("More of it comes from elsewhere than the terms allow."),
    "disclosure-missing": N_("Nothing says that it is advertising: add what the terms ask for to the caption."),
    "not-a-video": N_("The file is no video that we can read."),
}
"""What speaks against a clip; whatever else there is tells its rule."""

SURENESS: tuple[tuple[float, str], ...] = (
    (0.95, N_("very sure")),
    (0.8, N_("sure")),
    (0.6, N_("fairly sure")),
    (0.0, N_("not sure")),
)
"""From which score on a match is called that."""

STEPS: Mapping[str, str] = {
    "submission.submitted": N_("Handed in"),
    "submission.taken-up": N_("Recognition began"),
    "submission.identified": N_("Recognised"),
    "submission.unrecognised": N_("Not recognised"),
    "submission.approved": N_("Approved"),
    "submission.rejected": N_("Rejected"),
    "submission.published": N_("It was posted"),
    "submission.unpublished": N_("A post was taken off the list"),
    "submission.removed": N_("Taken back"),
}
SIDES: Mapping[str, str] = {
    "clipper": N_("you"),
    "host": N_("the host"),
    "operator": N_("the service"),
    "system": N_("by itself"),
}
"""Who did a step."""


@page("/clippers/{clipper:int}/clips", space="clipper", scope="party:read")
async def clips(
    view: NamedDependency[View],
    connection: NamedDependency[AsyncConnection],
    party_id: NamedDependency[int],
    in_state: _InState = None,
    cursor: Cursor = None,
) -> Response[str]:
    """Newest first, of all hosts."""
    found = await list_own_clips(connection, party_id, state=in_state, before=number_of(cursor), limit=_LISTED + 1)
    shown = page_of(found, _LISTED, lambda clip: clip.submission.submission_id)
    return view.render(
        "clipper/clips.html",
        clips=shown.data,
        cursor=shown.next_cursor,
        figures=await figures_of_clips(connection, party_id, [clip.key for clip in shown.data]),
        states=_named(view, SUBMISSION.states),
        in_state=in_state,
        working=any(_working(clip) for clip in shown.data),
    )


@page("/clippers/{clipper:int}/clips/{submission_id:int}", space="clipper", scope="party:read")
async def clip(
    view: NamedDependency[View],
    connection: NamedDependency[AsyncConnection],
    party_id: NamedDependency[int],
    submission_id: FromPath[int],
    cursor: Cursor = None,
) -> Response[str]:
    """Moments are in the time zone of the host's book."""
    found = await find_own_clip(connection, party_id, submission_id)
    sold = await sales_of_clip(connection, party_id, *found.key, before=number_of(cursor), limit=_LISTED + 1)
    sales = page_of(sold, _LISTED, lambda sale: sale.sale_id)
    steps = await list_own_events(connection, party_id, subject=SUBMISSION.noun, subject_id=submission_id, limit=_STEPS)
    here = replace(view, formats=Formats(view.language, found.zone))
    state = found.submission.state
    accounts = [account.split(":", 1) for account in found.handles]
    return here.render(
        "clipper/clip.html",
        clip=found,
        platforms=_named(view, dict.fromkeys(platform for platform, _ in accounts)),
        handles=[(handle, handle) for handle in dict.fromkeys(handle for _, handle in accounts)],
        figures=(await figures_of_clips(connection, party_id, [found.key]))[found.key],
        sales=sales.data,
        cursor=sales.next_cursor,
        steps=steps[::-1],
        claims=await list_claims(connection, clipper_id=party_id, submission_id=submission_id),
        removable=state in SUBMISSION.sources("removed", "clipper"),
        postable=state in ("approved", "live"),
        working=_working(found),
        meanings=MEANINGS,
        findings=FINDINGS,
        sureness=sureness,
        step_names=STEPS,
        sides=SIDES,
    )


def sureness(score: float) -> str:
    """A match's score, as a message."""
    return next(said for least, said in SURENESS if score >= least)


def _named(view: View, words: Iterable[str]) -> list[tuple[str, str]]:
    """Options: each word, and how it is called."""
    return [(word, view.say(WORDS[word][0]) if word in WORDS else word) for word in words]


def _working(found: OwnClip) -> bool:
    """Whether it is going to change by itself in a moment."""
    return found.submission.state in ("submitted", "identifying")
