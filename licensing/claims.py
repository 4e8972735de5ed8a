"""Claims: disputes between a host and a clipper over a clip or a grant, from both sides' words to a final decision.

What may be done when is `licensing.claim_rules`. Here each move locks the claim's row, asks the rules at the moment at
which the row is held, and puts what was said into the claim's file, which nobody can change afterwards. What is finally
upheld has its effect in the same transaction: `licensing.outcomes`. While a claim is `frozen`, settlement holds the
money concerned: see `frozen_subjects`.
"""

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any, NamedTuple

import msgspec
from sqlalchemy import ColumnElement, Row, Table, and_, func, select, update
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncConnection

from licensing import claim_rules as rules
from licensing.claim_evidence import Evidence, Statement, append, check, check_room, evidence_of
from licensing.claim_rules import Claim, Claimant, Move, State
from licensing.errors import AlreadyDisputed, ClaimNotFound, GrantNotFound, InvalidClaim, SubmissionNotFound
from licensing.events import Change, record
from licensing.exclusivity import lock_clippers
from licensing.outcomes import carry_out
from licensing.states import By
from licensing.tables import claims, grants, submissions

CLOCK = By("system", "clock")
_BY_THE_CLOCK: Sequence[tuple[State, str, str, str]] = (
    # in this state, past this deadline, this is done, for this reason
    ("open", "respond_by", "upheld", "nobody answered in time"),
    ("responded", "decide_by", "released", "the host did not decide in time"),
    ("upheld", "appeal_by", "finally upheld", "nobody appealed in time"),
    ("released", "appeal_by", "finally released", "nobody appealed in time"),
)


class ClaimFile(msgspec.Struct, frozen=True):
    """A claim, all that was said in it, and what may be done next by whom."""

    claim: Claim
    evidence: Sequence[Evidence]
    moves: Sequence[Move]


class Frozen(NamedTuple):
    """Money that settlement holds: all of a grant's, or with a `submission_id` that of one clip."""

    claim_id: int
    grant_id: int
    submission_id: int | None
    since: datetime


class _Subject(NamedTuple):
    """What is disputed."""

    book_id: int
    grant_id: int
    clipper_id: int
    submission_id: int | None
    state: str

    @property
    def over(self) -> str:
        return "grant" if self.submission_id is None else "submission"


# Opening ----------------------------------------------------------------------------------------------------


async def open_claim(
    connection: AsyncConnection,
    by: By,
    whose: Mapping[str, int],
    ground: str,
    said: Statement,
    *,
    grant_id: int | None = None,
    submission_id: int | None = None,
) -> Claim:
    """Dispute a clip or a grant; `whose` is {"book_id": …} for a host and {"clipper_id": …} for a clipper.

    Raises:
        InvalidClaim: not exactly one of clip and grant, no ground of this side's, or a statement that is none.
        SubmissionNotFound, GrantNotFound
        WrongTransition: the clip or grant is in no state that this ground is about.
        AlreadyDisputed: a claim on the same ground over the same is not final yet.
    """
    claimant: Claimant = "host" if by.side == "host" else "clipper"
    check(said)
    subject = await _subject(connection, whose, grant_id, submission_id)
    rules.ground_of(claimant, ground, subject.over)
    rules.check_disputable(ground, subject.over, subject.state)
    values = {**subject._asdict(), "state": "open", "ground": ground, "claimant": claimant}
    row = insert(claims).values(
        **values,
        frozen=claimant == "host",
        respond_by=func.now() + timedelta(days=rules.RESPOND_DAYS),
        opened_by=by.actor,
    )
    claim_id = await connection.scalar(row.on_conflict_do_nothing().returning(claims.c.claim_id))
    if claim_id is None:
        raise AlreadyDisputed(subject.over, submission_id or grant_id)
    await append(connection, subject.book_id, claim_id, by, said)
    claim = await find_claim(connection, subject.book_id, claim_id)
    await _tell(connection, subject.book_id, by, "opened", claim, None)
    return claim


async def _subject(
    connection: AsyncConnection, whose: Mapping[str, int], grant_id: int | None, submission_id: int | None
) -> _Subject:
    if (grant_id is None) == (submission_id is None):
        raise InvalidClaim("submission_id", submission_id, "a claim is over a clip or over a grant, one of the two")
    table: Table = grants if submission_id is None else submissions
    number = table.c.grant_id == grant_id if submission_id is None else table.c.submission_id == submission_id
    its = [table.c[name] for name in ("book_id", "grant_id", "clipper_id", "state")]
    row = (await connection.execute(select(*its).where(number, *(table.c[k] == v for k, v in whose.items())))).first()
    if row is None and submission_id is None:
        raise GrantNotFound("grant_id", grant_id)
    if row is None:
        raise SubmissionNotFound("submission_id", submission_id)
    return _Subject(**row._mapping, submission_id=submission_id)


# Moves ------------------------------------------------------------------------------------------------------


async def move_claim(
    connection: AsyncConnection, book_id: int, claim_id: int, action: str, by: By, said: Statement
) -> Claim:
    """Do what `claim_rules.moves` lists, with a statement: a response, an appeal's grounds, a decision's reasons.

    Raises:
        ClaimNotFound, InvalidClaim
        WrongTransition, DeadlinePassed: see `claim_rules.target`.
    """
    check(said)
    claim, now = await _locked(connection, book_id, claim_id)
    state = rules.target(claim, action, by.side, now)
    changed = rules.consequences(claim, state, now)
    if "decided_at" in changed:
        changed |= {"decided_by": by.actor, "reason": said.statement.strip()}
    await connection.execute(update(claims).where(_named(book_id, claim_id)).values(**changed))
    await append(connection, book_id, claim_id, by, said)
    moved = await find_claim(connection, book_id, claim_id)
    await _tell(connection, book_id, by, action, moved, claim.state)
    if moved.state == "finally-upheld":
        done = await carry_out(connection, book_id, moved)
        await append(connection, book_id, claim_id, CLOCK, Statement(done))
    return moved


async def decide_claim(
    connection: AsyncConnection, book_id: int, claim_id: int, verdict: rules.Verdict, by: By, said: Statement
) -> Claim:
    """Let the host decide for or against the claim, be it its own or a clipper's.

    Against itself it concedes or withdraws, which is final at once. Raises what `move_claim` raises.
    """
    claim = await find_claim(connection, book_id, claim_id)
    return await move_claim(connection, book_id, claim_id, rules.action_of(claim, verdict), by, said)


async def add_evidence(connection: AsyncConnection, book_id: int, claim_id: int, by: By, said: Statement) -> ClaimFile:
    """Say more; both sides may until it is final.

    Raises:
        ClaimNotFound
        InvalidClaim: a statement that is none, one too many, or the claim is final.
    """
    check(said)
    claim, _ = await _locked(connection, book_id, claim_id)
    if claim.state in rules.FINAL:
        raise InvalidClaim("claim.state", claim.state, "evidence is added until a claim is final")
    await check_room(connection, book_id, claim_id, by.side)
    await append(connection, book_id, claim_id, by, said)
    return await claim_file(connection, book_id, claim_id)


async def apply_deadlines(connection: AsyncConnection, book_id: int) -> int:
    """Do what silence does to claims whose deadline has passed; returns to how many.

    Claims that somebody moves at this moment are passed over: the next run sees what became of them.
    """
    count = 0
    for state, deadline, action, reason in _BY_THE_CLOCK:
        late = and_(claims.c.book_id == book_id, claims.c.state == state, claims.c[deadline] < func.now())
        its = claims.c
        chosen = select(its.claim_id, its.clipper_id).where(late)
        ordered = chosen.order_by(its.grant_id, its.submission_id.nulls_first(), its.claim_id)
        rows = (await connection.execute(ordered.with_for_update(skip_locked=True))).all()
        if action == "finally upheld":  # its effects lock clippers, grants and clips: in their order
            await lock_clippers(connection, [row.clipper_id for row in rows])
        for row in rows:
            await move_claim(connection, book_id, row.claim_id, action, CLOCK, Statement(reason))
        count += len(rows)
    return count


# Reading ----------------------------------------------------------------------------------------------------


async def find_claim(connection: AsyncConnection, book_id: int, claim_id: int) -> Claim:
    """Raises ClaimNotFound."""
    row = (await connection.execute(select(*_FIELDS).where(_named(book_id, claim_id)))).one_or_none()
    return _claim(row, claim_id)


async def book_of_claim(connection: AsyncConnection, claim_id: int, clipper_id: int | None = None) -> int:
    """The book in which it is; with a clipper, of this clipper's claims only. Raises ClaimNotFound."""
    chosen = select(claims.c.book_id).where(claims.c.claim_id == claim_id)
    if clipper_id is not None:
        chosen = chosen.where(claims.c.clipper_id == clipper_id)
    book_id = await connection.scalar(chosen)
    if book_id is None:
        raise ClaimNotFound("claim", claim_id)
    return int(book_id)


async def claim_file(connection: AsyncConnection, book_id: int, claim_id: int) -> ClaimFile:
    """Raises ClaimNotFound."""
    claim = await find_claim(connection, book_id, claim_id)
    return ClaimFile(claim, await evidence_of(connection, book_id, claim_id), rules.moves(claim))


async def list_claims(
    connection: AsyncConnection, *, before: int | None = None, limit: int = 100, **these: int | str | None
) -> list[Claim]:
    """Newest first, those before a given one, whose columns have these values (a value of None is any)."""
    chosen = select(*_FIELDS).where(*(claims.c[name] == value for name, value in these.items() if value is not None))
    if before is not None:
        chosen = chosen.where(claims.c.claim_id < before)
    rows = await connection.execute(chosen.order_by(claims.c.claim_id.desc()).limit(limit))
    return [_claim_of(row) for row in rows]


async def frozen_subjects(connection: AsyncConnection, book_id: int) -> list[Frozen]:
    """What settlement must hold back in this book, oldest claim first."""
    its = claims.c
    running = its.state.in_(["open", "responded", "upheld", "released", "appealed"])
    chosen = select(its.claim_id, its.grant_id, its.submission_id, its.opened_at)
    rows = await connection.execute(chosen.where(its.book_id == book_id, running, its.frozen).order_by(its.claim_id))
    return [Frozen(*row) for row in rows]


# Inside -----------------------------------------------------------------------------------------------------

_FIELDS = [claims.c[name] for name in Claim.__struct_fields__ if name != "owed"]


async def _locked(connection: AsyncConnection, book_id: int, claim_id: int) -> tuple[Claim, datetime]:
    """The claim, nobody else's to move until the transaction ends, and the moment at which that is so."""
    chosen = select(*_FIELDS).where(_named(book_id, claim_id)).with_for_update()
    claim = _claim((await connection.execute(chosen)).one_or_none(), claim_id)
    now = (await connection.execute(select(func.clock_timestamp()))).scalar_one()
    return claim, now


async def _tell(
    connection: AsyncConnection, book_id: int, by: By, action: str, claim: Claim, was: State | None
) -> None:
    told = ("claimant", "ground", "grant_id", "submission_id", "frozen", "respond_by", "decide_by", "appeal_by", "owed")
    detail = msgspec.to_builtins({name: getattr(claim, name) for name in told})
    change = Change(action, claim.claim_id, claim.state, was, claim.clipper_id, detail)
    await record(connection, book_id, "claim", by, [change])


def _named(book_id: int, claim_id: int) -> ColumnElement[bool]:
    return and_(claims.c.book_id == book_id, claims.c.claim_id == claim_id)


def _claim(row: Row[Any] | None, claim_id: int) -> Claim:
    if row is None:
        raise ClaimNotFound("claim", claim_id)
    return _claim_of(row)


def _claim_of(row: Row[Any]) -> Claim:
    return Claim(**row._mapping, owed=rules.owed(row.ground, row.state))
