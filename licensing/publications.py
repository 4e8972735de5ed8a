"""Publications: where approved clips were posted. By (platform, content id) a sale finds its clip.

A content id belongs to one submission for good, also after its publication was removed: what it has sold stays that
clip's.
"""

import re
from collections.abc import Collection, Sequence
from datetime import UTC, datetime, timedelta
from typing import Annotated, Any, NamedTuple

from msgspec import Meta, Struct
from sqlalchemy import Row, Select, and_, func, select, text, update
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncConnection

from licensing.changes import moment
from licensing.errors import ContentTaken, DeadlinePassed, InvalidPublication, PublicationNotFound, WrongTransition
from licensing.events import Change, record
from licensing.register import load_register
from licensing.states import SUBMISSION, By
from licensing.submissions import Submission, find_submission, lock_submission, move
from licensing.tables import grants, publications
from licensing.vocabulary import account_of, check_platform, normal_handle

_CONTENT = re.compile(r"[!-~]{1,200}")
_URL = re.compile(r"https://[!-~]{3,1992}")
_BEFORE = timedelta(days=1)
"""By how much a clip may have been posted before it was submitted."""
_CLOCKS = timedelta(minutes=5)
"""By how much another's clock may be fast."""


class Posting(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One post of a clip. `content_id` is how the platform's reports name it, `handle` the account that posted it."""

    platform: Annotated[str, Meta(examples=["tiktok"])]
    content_id: Annotated[str, Meta(examples=["7345678901234567890"])]
    handle: Annotated[str, Meta(examples=["lina.finds"])]
    url: Annotated[str, Meta(examples=["https://www.tiktok.com/@lina.finds/video/7345678901234567890"])]
    published_at: Annotated[datetime, Meta(examples=["2026-10-06T12:00:00+08:00"])]


class Publication(Struct, frozen=True):
    """A posting as it is on record; `removed_at`: it is not there any more."""

    publication_id: int
    submission_id: int
    platform: str
    content_id: str
    handle: str
    url: str
    published_at: datetime
    added_by: str
    added_at: datetime
    removed_at: datetime | None


class Content(NamedTuple):
    """Whose a content id is."""

    submission_id: int
    grant_id: int
    clipper_id: int


async def publish(
    connection: AsyncConnection, book_id: int, submission_id: int, posting: Posting, *, by: By
) -> Publication:
    """Put on record where an approved clip was posted, by which it becomes live, or a live one once more.

    Raises:
        InvalidPublication: also where the grant doesn't list the account.
        WrongTransition: the clip is not approved; the grant is suspended, revoked or resigned, or was when it expired.
        DeadlinePassed: the grant has ended, and the days after that in which sales still pay are over.
        InvalidHandle, SubmissionNotFound
        ContentTaken: another clip was posted as this, or this one is on record.
    """
    checked = _checked(posting)
    grant_id = (await find_submission(connection, book_id, submission_id)).grant_id
    accounts = await _publishing(connection, book_id, grant_id)  # grants are locked before their clips
    submission = await lock_submission(connection, book_id, submission_id)
    if submission.state != "live":
        SUBMISSION.target(submission.state, "published", by.side)
    _check_posted(checked, submission, accounts)
    made = await _written(connection, book_id, submission_id, {**checked, "added_by": by.actor})
    detail = {"platform": made.platform, "content_id": made.content_id, "url": made.url}
    if submission.state == "live":
        await _tell(connection, book_id, submission, "published", by, detail)
    else:
        await move(connection, book_id, submission, "published", by, detail=detail)
    return made


def _checked(posting: Posting) -> dict[str, Any]:
    """Raises InvalidPublication, InvalidHandle."""
    platform = check_platform(posting.platform, InvalidPublication)
    if not _CONTENT.fullmatch(posting.content_id):
        raise InvalidPublication("content_id", posting.content_id, "1 to 200 visible ASCII characters")
    if not _URL.fullmatch(posting.url):
        raise InvalidPublication("url", posting.url, "must be an https address of at most 2000 ASCII characters")
    when = posting.published_at
    if when.tzinfo is None:
        raise InvalidPublication("published_at", when.isoformat(), "must name its offset from UTC")
    if when > datetime.now(UTC) + _CLOCKS:
        raise InvalidPublication("published_at", when.isoformat(), "must not lie in the future")
    about = {"content_id": posting.content_id, "url": posting.url, "published_at": when}
    return {"platform": platform, "handle": normal_handle(posting.handle), **about}


async def _publishing(connection: AsyncConnection, book_id: int, grant_id: int) -> tuple[str, ...]:
    """The accounts of a grant under which clips may be posted now. It can't be suspended or revoked before this
    transaction ends.

    By its history, as sales are judged, so that it doesn't matter when the clock marks it as expired.
    Raises WrongTransition, DeadlinePassed.
    """
    its = grants.c
    here = select(its.state, its.handles).where(its.book_id == book_id, its.grant_id == grant_id)
    row = (await connection.execute(here.with_for_update(read=True))).one()
    history = (await load_register(connection, book_id, grant_ids=[grant_id])).grant(grant_id)
    assert history is not None  # each grant begins with a change
    now = await moment(connection)
    standing = history.standing_at(now)
    if standing.state != "active" or standing.scope is None:
        state = standing.state if row.state == "expired" else row.state
        raise WrongTransition("grant.state", state, "a clip is posted under a grant that is active, or in its tail")
    ends_at = standing.ends_at
    if ends_at is not None and ends_at <= now and now - ends_at >= standing.scope.tail:
        days = standing.scope.terms.tail_days
        raise DeadlinePassed(
            "grant.ends_at", ends_at.isoformat(), f"the grant ended then; clips are posted for {days} days more"
        )
    return tuple(row.handles)


def _check_posted(posting: dict[str, Any], submission: Submission, accounts: Sequence[str]) -> None:
    """Raises InvalidPublication."""
    when, earliest = posting["published_at"], submission.submitted_at - _BEFORE
    if when < earliest:
        rule = f"must not be before {earliest.isoformat()}, a day before the clip was submitted"
        raise InvalidPublication("published_at", when.isoformat(), rule)
    if account_of(posting["platform"], posting["handle"]) not in accounts:
        raise InvalidPublication("handle", posting["handle"], f"must be an account of the grant: {', '.join(accounts)}")


async def _written(
    connection: AsyncConnection, book_id: int, submission_id: int, values: dict[str, Any]
) -> Publication:
    """A new row, or one that was removed from the same submission put right. Raises ContentTaken."""
    row = insert(publications).values(book_id=book_id, submission_id=submission_id, **values)
    own = and_(publications.c.submission_id == submission_id, publications.c.removed_at.is_not(None))
    kept = row.on_conflict_do_update(
        constraint="publications_content", set_={**values, "added_at": func.now(), "removed_at": None}, where=own
    )
    made = (await connection.execute(kept.returning(publications))).one_or_none()
    if made is None:
        raise ContentTaken("content_id", values["content_id"], "is on record already, for this clip or another")
    return _publication(made)


async def remove_publication(
    connection: AsyncConnection, book_id: int, submission_id: int, publication_id: int, *, by: By
) -> Publication:
    """It is not there any more; doing it twice changes nothing. Raises PublicationNotFound."""
    its, locked = publications.c, select(publications).with_for_update()
    found = await _found(connection, locked, book_id, submission_id, publication_id)
    if found.removed_at is not None:
        return found
    named = and_(its.book_id == book_id, its.publication_id == publication_id)
    gone = update(publications).where(named).values(removed_at=func.now()).returning(publications)
    made = _publication((await connection.execute(gone)).one())
    submission = await find_submission(connection, book_id, submission_id)
    detail = {"platform": made.platform, "content_id": made.content_id}
    await _tell(connection, book_id, submission, "unpublished", by, detail)
    return made


async def _tell(
    connection: AsyncConnection, book_id: int, submission: Submission, action: str, by: By, detail: dict[str, Any]
) -> None:
    state = submission.state
    change = Change(action, submission.submission_id, state, state, submission.clipper_id, detail)
    await record(connection, book_id, SUBMISSION.noun, by, [change])


# Reading ----------------------------------------------------------------------------------------------------


async def list_publications(connection: AsyncConnection, book_id: int, submission_id: int) -> list[Publication]:
    """Of one submission, in the order in which they came to be known. Raises SubmissionNotFound."""
    await find_submission(connection, book_id, submission_id)
    its = publications.c
    chosen = select(publications).where(its.book_id == book_id, its.submission_id == submission_id)
    return [_publication(row) for row in await connection.execute(chosen.order_by(its.publication_id))]


async def find_publication(
    connection: AsyncConnection, book_id: int, submission_id: int, publication_id: int
) -> Publication:
    """Raises PublicationNotFound."""
    return await _found(connection, select(publications), book_id, submission_id, publication_id)


_CONTENTS = text("""
    SELECT platform, content_id, submission_id, grant_id, clipper_id
    FROM unnest(CAST(:platforms AS text[]), CAST(:contents AS text[])) AS asked (platform, content_id)
    JOIN licensing.publications AS publication USING (platform, content_id)
    JOIN licensing.submissions AS submission USING (book_id, submission_id)
    WHERE book_id = :book_id
""")


async def content_index(
    connection: AsyncConnection, book_id: int, keys: Collection[tuple[str, str]]
) -> dict[tuple[str, str], Content]:
    """Whose the posts (platform, content id) are, those that are known; removed ones too."""
    asked = {"platforms": [key[0] for key in keys], "contents": [key[1] for key in keys]}
    rows = await connection.execute(_CONTENTS, {"book_id": book_id, **asked})
    return {(row.platform, row.content_id): Content(row.submission_id, row.grant_id, row.clipper_id) for row in rows}


async def _found(
    connection: AsyncConnection, chosen: Select[Any], book_id: int, submission_id: int, publication_id: int
) -> Publication:
    its = publications.c
    named = (its.book_id == book_id, its.submission_id == submission_id, its.publication_id == publication_id)
    row = (await connection.execute(chosen.where(*named))).one_or_none()
    if row is None:
        raise PublicationNotFound("publication", publication_id)
    return _publication(row)


def _publication(row: Row[Any]) -> Publication:
    return Publication(**{name: row._mapping[name] for name in Publication.__struct_fields__})
