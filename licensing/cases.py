"""Cases: clips that show a host's stream where no grant covers it, with the evidence.

A host reports a video that it has found; or a clip that was submitted to another host is seen to show this host's
stream (`licensing.tracing`). Of that other host nothing is told. A case that a grant turns out to cover is cleared by
itself; the others are the host's to dismiss or settle.
"""

import re
from collections.abc import Collection, Sequence
from datetime import datetime
from typing import Any, Literal, LiteralString

import msgspec
from msgspec import Struct
from sqlalchemy import Row, and_, func, insert, select, text, update
from sqlalchemy.dialects.postgresql import insert as upsert
from sqlalchemy.ext.asyncio import AsyncConnection

from licensing.errors import CaseNotFound, InvalidCase
from licensing.events import Change, record
from licensing.segments import Segment, segments_of
from licensing.states import CASE, By
from licensing.tables import cases, handles
from licensing.vocabulary import account_of, check_platform, check_text, normal_handle
from media.clips import submit_clip
from media.uploads import use_upload

State = Literal["looking", "open", "cleared", "dismissed", "settled"]
Verdict = Literal["dismissed", "settled"]
CLOCK = By("system", "job:cases")
_URL = re.compile(r"https?://[!-~]{3,1992}")
_UNSEEN = "shows none of your streams"


class CaseEvidence(Struct, frozen=True):
    """What is shown of the host's streams without a grant, and the accounts that the clipper is known to have."""

    segments: tuple[Segment, ...] = ()
    accounts: tuple[str, ...] = ()


class Case(Struct, frozen=True):
    """`clip_id` is the video that the host itself brought; `platform`, `handle` and `url` say where it found it.
    `clipper_id`: whose the clip is, where that is known. While it is `looking`, what the video shows is not known yet.
    """

    case_id: int
    state: State
    clip_id: int | None
    clipper_id: int | None
    platform: str | None
    handle: str | None
    url: str | None
    evidence: CaseEvidence
    opened_by: str
    opened_at: datetime
    decided_by: str | None
    decided_at: datetime | None
    reason: str | None


class Found(Struct, kw_only=True, forbid_unknown_fields=True):
    """A video that the host has found, and the account that shows it."""

    platform: str
    handle: str
    url: str | None = None


class SeenClip(Struct, frozen=True):
    """A clip that shows streams of a host who didn't get it; `origin` tells it from other clips."""

    origin: str
    clipper_id: int
    accounts: tuple[str, ...]
    segments: tuple[Segment, ...]


# A video that the host has found ----------------------------------------------------------------------------


async def report(connection: AsyncConnection, book_id: int, upload_id: int, found: Found, *, by: By) -> Case:
    """Look for a video, a whole upload of the host's, in the host's streams.

    Raises:
        InvalidCase, InvalidHandle
        UploadNotFound, UploadIncomplete, UploadUsed: of media.
    """
    about = {"platform": check_platform(found.platform, InvalidCase), "handle": normal_handle(found.handle)}
    if found.url is not None and not _URL.fullmatch(found.url):
        raise InvalidCase("url", found.url, "a web address of at most 2000 ASCII characters")
    place = await use_upload(connection, book_id, upload_id)
    title = account_of(**about)
    clip = await submit_clip(connection, book_id, title, place, submitted_by=by.actor)
    values = {"origin": f"report:{clip.clip_id}", "clip_id": clip.clip_id, "url": found.url, **about}
    whose = await _holder(connection, **about)
    row = insert(cases).values(book_id=book_id, **values, clipper_id=whose, state="looking", opened_by=by.actor)
    made = _case((await connection.execute(row.returning(cases))).one())
    await record(connection, book_id, CASE.noun, by, [Change("reported", made.case_id, made.state)])
    return made


async def _holder(connection: AsyncConnection, platform: str, handle: str) -> int | None:
    """The clipper who has proved control of the account."""
    its = handles.c
    confirmed = and_(its.platform == platform, its.handle == handle, its.state == "confirmed")
    found: int | None = await connection.scalar(select(its.clipper_id).where(confirmed))
    return found


LOOKED_FOR: LiteralString = """
    licensing.cases AS found JOIN media.clips AS clip USING (book_id, clip_id)
    WHERE found.state = 'looking' AND clip.state IN ('identified', 'unrecognised', 'failed')
"""
"""Cases whose videos were looked for, as a FROM clause; each row has one `book_id`."""

_LOOKED_FOR = text(f"""
    SELECT book_id, case_id, clip_id, platform, handle, clip.state AS clip_state, failure_rule
    FROM {LOOKED_FOR} AND book_id = :book_id
    ORDER BY case_id
    FOR UPDATE OF found SKIP LOCKED
""")  # noqa: S608 - of constants


async def advance_cases(connection: AsyncConnection, book_id: int) -> int:
    """Open or clear the cases whose videos were looked for meanwhile; returns how many. Doing it twice is harmless."""
    rows = (await connection.execute(_LOOKED_FOR, {"book_id": book_id})).all()
    for row in rows:
        await _conclude(connection, row)
    return len(rows)


async def _conclude(connection: AsyncConnection, row: Row[Any]) -> None:
    if row.clip_state != "identified":
        reason = _UNSEEN if row.clip_state == "unrecognised" else f"the video can't be read: {row.failure_rule}"
        await _clear(connection, row, reason)
        return
    segments = (await segments_of(connection, row.book_id, [row.clip_id]))[row.clip_id]
    account = account_of(row.platform, row.handle)
    beyond = await unlicensed(connection, row.book_id, segments, account=account)
    if not beyond:
        await _clear(connection, row, f"{account} holds a grant for what it shows")
        return
    state = CASE.target("looking", "opened", CLOCK.side)
    evidence = {"evidence": msgspec.to_builtins(CaseEvidence(beyond, (account,)))}
    await _write(connection, row.book_id, row.case_id, "opened", CLOCK, was="looking", state=state, **evidence)


async def _clear(connection: AsyncConnection, row: Row[Any], reason: str) -> None:
    state = CASE.target("looking", "cleared", CLOCK.side)
    values = {"decided_by": CLOCK.actor, "decided_at": func.now(), "reason": reason}
    await _write(connection, row.book_id, row.case_id, "cleared", CLOCK, was="looking", state=state, **values)


_COVERING = text("""
    SELECT version.terms -> 'streams' AS streams
    FROM licensing.grants AS its
    JOIN licensing.terms_versions AS version USING (book_id, offer_id, version_no)
    WHERE its.book_id = :book_id AND its.state = 'active'
      AND its.starts_at <= now() AND (its.ends_at IS NULL OR its.ends_at > now())
      AND (its.clipper_id = :clipper_id OR its.handles @> CAST(:accounts AS text[]))
""")


async def unlicensed(
    connection: AsyncConnection,
    book_id: int,
    segments: Sequence[Segment],
    *,
    clipper_id: int | None = None,
    account: str | None = None,
) -> tuple[Segment, ...]:
    """Those of streams that no grant covers now which the clipper, or the account, holds of this host."""
    assert (clipper_id is None) != (account is None)
    holder = {"clipper_id": clipper_id, "accounts": None if account is None else [account]}
    scopes = list(await connection.scalars(_COVERING, {"book_id": book_id, **holder}))
    return tuple(each for each in segments if not _covers(scopes, each.source_id))


def _covers(scopes: Collection[list[int] | None], source_id: int) -> bool:
    return any(streams is None or source_id in streams for streams in scopes)


# A clip that was submitted to another host ------------------------------------------------------------------


async def open_case(connection: AsyncConnection, book_id: int, sighting: SeenClip) -> bool:
    """A case of what no grant of the clipper covers, once for each origin; False where there is nothing of it."""
    beyond = await unlicensed(connection, book_id, sighting.segments, clipper_id=sighting.clipper_id)
    if not beyond:
        return False
    row = upsert(cases).values(
        book_id=book_id,
        origin=sighting.origin,
        clipper_id=sighting.clipper_id,
        state="open",
        evidence=msgspec.to_builtins(CaseEvidence(beyond, sighting.accounts)),
        opened_by=CLOCK.actor,
    )
    case_id = await connection.scalar(row.on_conflict_do_nothing().returning(cases.c.case_id))
    if case_id is not None:
        await record(connection, book_id, CASE.noun, CLOCK, [Change("opened", case_id, "open")])
    return case_id is not None


# Reading and deciding ---------------------------------------------------------------------------------------


async def find_case(connection: AsyncConnection, book_id: int, case_id: int) -> Case:
    """Raises CaseNotFound."""
    return await _found(connection, book_id, case_id)


async def list_cases(
    connection: AsyncConnection,
    book_id: int,
    *,
    state: State | None = None,
    before: int | None = None,
    limit: int = 100,
) -> list[Case]:
    """Newest first, those before a given one."""
    its = cases.c
    chosen = select(cases).where(its.book_id == book_id)
    if state is not None:
        chosen = chosen.where(its.state == state)
    if before is not None:
        chosen = chosen.where(its.case_id < before)
    return [_case(row) for row in await connection.execute(chosen.order_by(its.case_id.desc()).limit(limit))]


async def decide(
    connection: AsyncConnection, book_id: int, case_id: int, verdict: Verdict, *, reason: str, by: By
) -> Case:
    """Dismiss or settle an open case. Raises CaseNotFound, WrongTransition, InvalidCase."""
    said = check_text(reason, InvalidCase, "reason", most=2000)
    case = await _found(connection, book_id, case_id, locked=True)
    state = CASE.target(case.state, verdict, by.side)
    values = {"state": state, "decided_by": by.actor, "decided_at": func.now(), "reason": said}
    return await _write(connection, book_id, case_id, verdict, by, was=case.state, **values)


async def _write(
    connection: AsyncConnection, book_id: int, case_id: int, action: str, by: By, *, was: str, **values: Any
) -> Case:
    """Its clipper is not told: a case is between the host and its lawyers until they say otherwise."""
    row = update(cases).where(_named(book_id, case_id)).values(values).returning(cases)
    made = _case((await connection.execute(row)).one())
    change = Change(action, case_id, made.state, was, detail={"reason": made.reason} if made.reason else {})
    await record(connection, book_id, CASE.noun, by, [change])
    return made


async def _found(connection: AsyncConnection, book_id: int, case_id: int, *, locked: bool = False) -> Case:
    chosen = select(cases).where(_named(book_id, case_id))
    row = (await connection.execute(chosen.with_for_update() if locked else chosen)).one_or_none()
    if row is None:
        raise CaseNotFound("case", case_id)
    return _case(row)


def _named(book_id: int, case_id: int) -> Any:
    return and_(cases.c.book_id == book_id, cases.c.case_id == case_id)


def _case(row: Row[Any]) -> Case:
    return msgspec.convert({name: row._mapping[name] for name in Case.__struct_fields__}, Case)
