"""Submissions: clips that a clipper hands in under a grant, until they are approved, posted or taken down.

Which stream a clip shows is found out by `media`; `licensing.reviewing` brings what was found here. What is told of a
submission is told to its host and its clipper alike: why it was refused, and by which rule.
"""

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any, Literal

from msgspec import Struct, convert
from sqlalchemy import Row, and_, func, insert, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from licensing.disclosure import Disclosed, disclosed
from licensing.edits import ClipFinding
from licensing.errors import DeadlinePassed, GrantNotFound, InvalidSubmission, SubmissionNotFound, WrongTransition
from licensing.events import Change, record
from licensing.grants import book_of_grant, find_grant
from licensing.offers import find_terms
from licensing.segments import Segment, segments_of
from licensing.states import SUBMISSION, By
from licensing.tables import grants, submissions
from licensing.vocabulary import check_text
from media.clips import submit_clip
from media.tables import clips
from media.uploads import use_upload

State = Literal["submitted", "identifying", "identified", "unrecognised", "approved", "rejected", "live", "removed"]
_MOST_PRODUCTS = 100
_LONGEST_CAPTION = 5000


class ClipAbout(Struct, frozen=True, kw_only=True):
    """What a clipper says of a clip: `caption` is the text it is posted with, `products` what it sells, as the
    marketplace writes their ids, `on_screen` that the disclosure is in the picture.
    """

    title: str
    caption: str = ""
    products: tuple[str, ...] = ()
    on_screen: bool = False


class Submission(Struct, frozen=True):
    """`clip_id` is what `media` identifies. `disclosed` tells where the clip says that it is advertising, `findings`
    which of the terms' rules speak against it. At `review_by` one that nothing speaks against is approved without a
    person; null: never. `reason` is of the newest decision.
    """

    submission_id: int
    grant_id: int
    clipper_id: int
    clip_id: int
    title: str
    caption: str
    products: tuple[str, ...]
    state: State
    on_screen: bool
    disclosed: Disclosed
    findings: tuple[ClipFinding, ...]
    review_by: datetime | None
    submitted_by: str
    submitted_at: datetime
    decided_by: str | None
    decided_at: datetime | None
    reason: str | None


class Recognised(Submission, frozen=True):
    """A submission with what its clip was found to show; `duration_s` is null until the clip was read."""

    duration_s: float | None
    segments: tuple[Segment, ...]


def owner_of(clipper_id: int) -> str:
    """By which name a clipper's uploads are its own."""
    return f"clipper:{clipper_id}"


async def submit(
    connection: AsyncConnection, book_id: int, grant_id: int, upload_id: int, about: ClipAbout, *, by: By
) -> Submission:
    """Hand in a whole upload: the clipper's own, or the host's where the host does it on the clipper's behalf.

    The grant can't be suspended or revoked before this transaction ends.

    Raises:
        InvalidSubmission, GrantNotFound
        WrongTransition: the grant is not active.
        DeadlinePassed: it has ended.
        UploadNotFound, UploadIncomplete, UploadUsed: of media.
    """
    checked = _checked(about)
    grant = await _active_grant(connection, book_id, grant_id)
    terms = (await find_terms(connection, book_id, grant.offer_id, grant.version_no)).terms
    owner = owner_of(grant.clipper_id) if by.side == "clipper" else None
    place = await use_upload(connection, book_id, upload_id, owner)
    clip = await submit_clip(connection, book_id, checked["title"], place, submitted_by=by.actor)
    hours = terms.review_hours
    row = insert(submissions).values(
        book_id=book_id,
        grant_id=grant_id,
        clipper_id=grant.clipper_id,
        clip_id=clip.clip_id,
        **checked,
        disclosed=disclosed(checked["caption"], terms.disclosure, on_screen=about.on_screen),
        review_by=None if hours is None else func.now() + timedelta(hours=hours),
        submitted_by=by.actor,
    )
    made = submission_of((await connection.execute(row.returning(submissions))).one())
    told = {"grant_id": grant_id, "clip_id": clip.clip_id}
    change = Change("submitted", made.submission_id, made.state, clipper_id=made.clipper_id, detail=told)
    await record(connection, book_id, SUBMISSION.noun, by, [change])
    return made


def _checked(about: ClipAbout) -> dict[str, Any]:
    """Raises InvalidSubmission."""
    if len(about.products) > _MOST_PRODUCTS:
        raise InvalidSubmission("products", len(about.products), f"at most {_MOST_PRODUCTS}")
    products = [
        check_text(product, InvalidSubmission, f"products[{position}]", most=100)
        for position, product in enumerate(about.products)
    ]
    return {
        "title": check_text(about.title, InvalidSubmission, "title"),
        "caption": check_text(about.caption, InvalidSubmission, "caption", least=0, most=_LONGEST_CAPTION),
        "products": list(dict.fromkeys(products)),
        "on_screen": about.on_screen,
    }


def _check_active(state: str) -> None:
    """Raises WrongTransition."""
    if state != "active":
        raise WrongTransition("grant.state", state, "a clip is submitted under a grant that is active")


async def _active_grant(connection: AsyncConnection, book_id: int, grant_id: int) -> Row[Any]:
    """Locked, so that of a submission and a revocation one comes first. Raises as `submit`."""
    named = and_(grants.c.book_id == book_id, grants.c.grant_id == grant_id)
    ended = func.coalesce(grants.c.ends_at <= func.clock_timestamp(), False).label("ended")
    row = (await connection.execute(select(grants, ended).where(named).with_for_update(read=True))).one_or_none()
    if row is None:
        raise GrantNotFound("grant", grant_id)
    _check_active(row.state)
    if row.ended:
        raise DeadlinePassed("grant.ends_at", row.ends_at.isoformat(), "the grant has ended")
    return row


async def book_to_upload_to(connection: AsyncConnection, clipper_id: int, grant_id: int) -> int:
    """Where the clipper's bytes go, as long as something can come of them. Raises GrantNotFound, WrongTransition."""
    book_id = await book_of_grant(connection, clipper_id, grant_id)
    _check_active((await find_grant(connection, book_id, grant_id)).state)
    return book_id


# Reading ----------------------------------------------------------------------------------------------------


async def find_submission(connection: AsyncConnection, book_id: int, submission_id: int) -> Submission:
    """Raises SubmissionNotFound."""
    return await _found(connection, book_id, submission_id)


async def book_of_submission(connection: AsyncConnection, clipper_id: int, submission_id: int) -> int:
    """Whose grant this clipper submitted it under. Raises SubmissionNotFound where it is not this clipper's."""
    its = submissions.c
    chosen = select(its.book_id).where(its.clipper_id == clipper_id, its.submission_id == submission_id)
    book_id: int | None = await connection.scalar(chosen)
    if book_id is None:
        raise SubmissionNotFound("submission", submission_id)
    return book_id


async def list_submissions(
    connection: AsyncConnection,
    *,
    book_id: int | None = None,
    clipper_id: int | None = None,
    grant_id: int | None = None,
    state: State | None = None,
    before: int | None = None,
    limit: int = 100,
) -> list[Submission]:
    """Newest first, those before a given one; of a book or of a clipper, who have many books."""
    assert book_id is not None or clipper_id is not None
    its = submissions.c
    wanted = {its.book_id: book_id, its.clipper_id: clipper_id, its.grant_id: grant_id, its.state: state}
    chosen = select(submissions).where(*(column == value for column, value in wanted.items() if value is not None))
    if before is not None:
        chosen = chosen.where(its.submission_id < before)
    return [
        submission_of(row) for row in await connection.execute(chosen.order_by(its.submission_id.desc()).limit(limit))
    ]


async def with_segments(connection: AsyncConnection, book_id: int, found: Sequence[Submission]) -> list[Recognised]:
    """The book's submissions with what their clips show."""
    clip_ids = [each.clip_id for each in found]
    segments = await segments_of(connection, book_id, clip_ids)
    chosen = select(clips.c.clip_id, clips.c.duration_s).where(
        clips.c.book_id == book_id, clips.c.clip_id.in_(clip_ids)
    )
    lengths = {row.clip_id: row.duration_s for row in await connection.execute(chosen)}
    return [
        Recognised(
            **{name: getattr(each, name) for name in Submission.__struct_fields__},
            duration_s=lengths[each.clip_id],
            segments=segments[each.clip_id],
        )
        for each in found
    ]


async def _found(connection: AsyncConnection, book_id: int, submission_id: int, *, locked: bool = False) -> Submission:
    its = submissions.c
    chosen = select(submissions).where(its.book_id == book_id, its.submission_id == submission_id)
    if locked:
        chosen = chosen.with_for_update()
    row = (await connection.execute(chosen)).one_or_none()
    if row is None:
        raise SubmissionNotFound("submission", submission_id)
    return submission_of(row)


def submission_of(row: Row[Any]) -> Submission:
    """A row of the table."""
    return convert({name: row._mapping[name] for name in Submission.__struct_fields__}, Submission)


# From state to state ----------------------------------------------------------------------------------------


async def lock_submission(connection: AsyncConnection, book_id: int, submission_id: int) -> Submission:
    """Nobody else moves it before this transaction ends. Raises SubmissionNotFound."""
    return await _found(connection, book_id, submission_id, locked=True)


async def move(
    connection: AsyncConnection,
    book_id: int,
    submission: Submission,
    action: str,
    by: By,
    *,
    detail: dict[str, Any] | None = None,
    **values: Any,
) -> Submission:
    """Do to a locked submission what the machine allows, writing `values` with it. Raises WrongTransition."""
    state = SUBMISSION.target(submission.state, action, by.side)
    its = submissions.c
    named = and_(its.book_id == book_id, its.submission_id == submission.submission_id)
    moved = update(submissions).where(named).values(state=state, **values).returning(submissions)
    made = submission_of((await connection.execute(moved)).one())
    change = Change(action, made.submission_id, state, submission.state, made.clipper_id, detail or {})
    await record(connection, book_id, SUBMISSION.noun, by, [change])
    return made


async def remove(
    connection: AsyncConnection, book_id: int, submission_id: int, *, reason: str | None, by: By
) -> Submission:
    """Taken back by its clipper, or a live one taken down by its host. What was sold through it stays sold.

    Raises SubmissionNotFound, WrongTransition, InvalidSubmission.
    """
    said = None if reason is None else check_text(reason, InvalidSubmission, "reason", most=2000)
    found = await lock_submission(connection, book_id, submission_id)
    decided = {"decided_by": by.actor, "decided_at": func.now(), "reason": said}
    return await move(connection, book_id, found, "removed", by, detail={"reason": said}, **decided)
