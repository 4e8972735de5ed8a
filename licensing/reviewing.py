"""Reviewing: what was found of a clip is held against its terms, and then a person or the clock decides.

`advance` and `approve_due` do all that is due, so a run that is missed or doubled changes nothing; two that run at once
share the rows.
"""

from collections.abc import Sequence
from typing import Any, LiteralString

import msgspec
from sqlalchemy import Row, func, text
from sqlalchemy.ext.asyncio import AsyncConnection

from licensing.edits import ClipFinding, Measured, findings
from licensing.errors import InvalidSubmission, NotDisclosed
from licensing.events import Change, record
from licensing.offers import find_terms
from licensing.segments import Segment, segments_of
from licensing.states import SUBMISSION, By
from licensing.submissions import Submission, lock_submission, move, submission_of
from licensing.terms import Terms
from licensing.vocabulary import check_text

CLOCK = By("system", "job:submissions")
_ACTIONS = {
    "working": "taken up",
    "identified": "identified",
    "unrecognised": "unrecognised",
    "failed": "unrecognised",
}
"""What the state of a clip, as media knows it, means for its submission."""
_UNDISCLOSED = ClipFinding(
    "disclosure-missing", "a text of the terms in the caption, or in the picture where they allow it"
)


# By the clock -----------------------------------------------------------------------------------------------


MOVED: LiteralString = """
    licensing.submissions AS submission
    JOIN media.clips AS clip USING (book_id, clip_id)
    JOIN licensing.grants AS its USING (book_id, grant_id)
    WHERE submission.state IN ('submitted', 'identifying', 'identified', 'unrecognised')
      AND (
          submission.state = 'submitted' AND clip.state <> 'waiting'
          OR submission.state = 'identifying' AND clip.state IN ('identified', 'unrecognised', 'failed')
          OR submission.state = 'unrecognised' AND clip.state = 'identified'
      )
"""
"""Submissions whose clips have moved on, as a FROM clause; each row has one `book_id`."""

_MOVED = text(f"""
    SELECT submission_id, clip_id, submission.clipper_id, submission.state, products, disclosed,
           clip.state AS clip_state, duration_s, failure_code, failure_rule, offer_id, version_no
    FROM {MOVED} AND book_id = :book_id
    ORDER BY submission_id
    FOR UPDATE OF submission SKIP LOCKED
""")  # noqa: S608 - of constants

_MOVE = text("""
    UPDATE licensing.submissions AS submission SET state = moved.state, findings = moved.findings
    FROM unnest(CAST(:ids AS bigint[]), CAST(:states AS text[]), CAST(:findings AS jsonb[]))
        AS moved (submission_id, state, findings)
    WHERE submission.book_id = :book_id AND submission.submission_id = moved.submission_id
""")

_APPROVE = text("""
    WITH due AS (
        SELECT submission_id
        FROM licensing.submissions AS submission JOIN licensing.grants AS its USING (book_id, grant_id)
        WHERE book_id = :book_id AND submission.state IN ('submitted', 'identifying', 'identified', 'unrecognised')
          AND submission.state = 'identified' AND review_by <= now() AND findings = '[]'
          AND disclosed IN ('caption', 'on-screen') AND its.state = 'active'
        ORDER BY submission_id
        FOR UPDATE OF submission SKIP LOCKED
    )
    UPDATE licensing.submissions AS submission SET state = :state, decided_by = :actor, decided_at = now()
    FROM due WHERE submission.book_id = :book_id AND submission.submission_id = due.submission_id
    RETURNING submission.submission_id, submission.clipper_id
""")


async def advance(connection: AsyncConnection, book_id: int) -> int:
    """Bring what media found since; returns how many submissions have moved.

    One that nothing was found for may be found later, when a stream has been added.
    """
    rows = (await connection.execute(_MOVED, {"book_id": book_id})).all()
    if not rows:
        return 0
    judged = await _judged(connection, book_id, [row for row in rows if row.clip_state == "identified"])
    changes, found = [], []
    for row in rows:
        action = _ACTIONS[row.clip_state]
        target = SUBMISSION.target(row.state, action, CLOCK.side)
        against = judged.get(row.submission_id) or _failure(row)
        detail = {"findings": [each.code for each in against]} if against else {}
        changes.append(Change(action, row.submission_id, target, row.state, row.clipper_id, detail))
        found.append(msgspec.json.encode(against).decode())
    ids, states = [change.subject_id for change in changes], [change.state for change in changes]
    await connection.execute(_MOVE, {"book_id": book_id, "ids": ids, "states": states, "findings": found})
    await record(connection, book_id, SUBMISSION.noun, CLOCK, changes)
    return len(rows)


async def _judged(connection: AsyncConnection, book_id: int, rows: Sequence[Row[Any]]) -> dict[int, list[ClipFinding]]:
    """What speaks against each submission whose clip is identified."""
    versions = {(row.offer_id, row.version_no) for row in rows}
    terms = {key: (await find_terms(connection, book_id, *key)).terms for key in versions}
    shown = await segments_of(connection, book_id, [row.clip_id for row in rows])
    return {row.submission_id: _against(row, terms[row.offer_id, row.version_no], shown[row.clip_id]) for row in rows}


def _against(row: Row[Any], terms: Terms, segments: Sequence[Segment]) -> list[ClipFinding]:
    found = findings(terms, Measured(row.duration_s, segments, row.products))
    return [*found, _UNDISCLOSED] if row.disclosed == "missing" else found


def _failure(row: Row[Any]) -> list[ClipFinding]:
    """Why the clip could not be looked at, if so."""
    return [] if row.failure_code is None else [ClipFinding(row.failure_code, row.failure_rule or row.failure_code)]


async def approve_due(connection: AsyncConnection, book_id: int) -> int:
    """Approve what nothing speaks against and nobody has reviewed in time; returns how many.

    Where the grant is not active any more a person decides.
    """
    target = SUBMISSION.target("identified", "approved", CLOCK.side)
    values = {"book_id": book_id, "state": target, "actor": CLOCK.actor}
    rows = sorted((await connection.execute(_APPROVE, values)).all())
    changes = [Change("approved", row.submission_id, target, "identified", row.clipper_id) for row in rows]
    await record(connection, book_id, SUBMISSION.noun, CLOCK, changes)
    return len(rows)


# By a person ------------------------------------------------------------------------------------------------


_QUEUE = text("""
    SELECT * FROM licensing.submissions
    WHERE book_id = :book_id AND state IN ('identified', 'unrecognised')
      AND (
          CAST(:after AS bigint) IS NULL
          OR (coalesce(review_by, 'infinity'), submission_id) > (
              SELECT coalesce(review_by, 'infinity'), submission_id FROM licensing.submissions
              WHERE book_id = :book_id AND submission_id = :after
          )
      )
    ORDER BY coalesce(review_by, 'infinity'), submission_id
    LIMIT :limit
""")

_WAITING = text("""
    SELECT count(*) FROM licensing.submissions
    WHERE book_id = :book_id AND state IN ('identified', 'unrecognised')
      AND state IN ('submitted', 'identifying', 'identified', 'unrecognised')
""")  # the second list is that of the index


async def list_to_review(
    connection: AsyncConnection, book_id: int, *, after: int | None = None, limit: int = 100
) -> list[Submission]:
    """What a person is to look at, by `review_by`, then those that can wait; those that come after a given one."""
    rows = await connection.execute(_QUEUE, {"book_id": book_id, "after": after, "limit": limit})
    return [submission_of(row) for row in rows]


async def count_to_review(connection: AsyncConnection, book_id: int) -> int:
    """How many wait for a person."""
    return await connection.scalar(_WAITING, {"book_id": book_id}) or 0


async def approve(
    connection: AsyncConnection, book_id: int, submission_id: int, *, confirmed: bool, by: By
) -> Submission:
    """It may be posted, also after a rejection that was wrong. `confirmed`: the reviewer has seen the disclosure that
    was not found.

    Raises:
        SubmissionNotFound, WrongTransition
        NotDisclosed: the disclosure was not found or not accepted, and the reviewer doesn't say to have seen it.
    """
    found = await lock_submission(connection, book_id, submission_id)
    SUBMISSION.target(found.state, "approved", by.side)
    if found.disclosed in ("missing", "refused") and not confirmed:
        raise NotDisclosed(
            "disclosure", found.disclosed, "say confirmed where you have seen it in the clip or its caption"
        )
    values = {"disclosed": "confirmed" if confirmed else found.disclosed, **_decided(by, None)}
    return await move(connection, book_id, found, "approved", by, **values)


async def reject(
    connection: AsyncConnection, book_id: int, submission_id: int, *, reason: str, refused: bool, by: By
) -> Submission:
    """It must not be posted; `refused`: because it doesn't disclose.

    Raises SubmissionNotFound, WrongTransition, InvalidSubmission.
    """
    said = check_text(reason, InvalidSubmission, "reason", most=2000)
    found = await lock_submission(connection, book_id, submission_id)
    values = {"disclosed": "refused" if refused else found.disclosed, **_decided(by, said)}
    return await move(connection, book_id, found, "rejected", by, detail={"reason": said}, **values)


def _decided(by: By, reason: str | None) -> dict[str, Any]:
    return {"decided_by": by.actor, "decided_at": func.now(), "reason": reason}
