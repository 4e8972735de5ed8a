"""What a claim does once it is finally upheld, in the transaction in which that is decided.

| claim                                | what is done, if that is still possible                             |
|--------------------------------------|---------------------------------------------------------------------|
| wrongly-suspended                    | the grant is resumed, unless another host's exclusive one forbids it |
| wrongly-revoked                      | nothing, for a revocation is final; the host owes a new grant       |
| wrongly-rejected, wrongly-recognised | the clip is approved                                                |
| a host's, over a clip                | it is removed where it is live, and else rejected                   |
| a host's, over a grant               | nothing: the host may suspend or revoke it                          |

It is done by the system, with the claim named as the reason, and the claim's file says what was done. What has become
of the clip or grant meanwhile is never an error: no decision fails by it.
"""

from collections.abc import Awaitable, Callable, Mapping

from sqlalchemy import func
from sqlalchemy.ext.asyncio import AsyncConnection

from licensing.claim_rules import Claim
from licensing.errors import ExclusiveElsewhere
from licensing.granting import hold, resume
from licensing.states import SUBMISSION, By
from licensing.submissions import lock_submission, move

_Effect = Callable[[AsyncConnection, int, Claim, By], Awaitable[str]]


async def carry_out(connection: AsyncConnection, book_id: int, claim: Claim) -> str:
    """Do what the finally upheld claim comes to; returns a sentence for its file."""
    by = By("system", f"claim:{claim.claim_id}")
    if claim.claimant == "clipper":
        return await _EFFECTS[claim.ground](connection, book_id, claim, by)
    if claim.submission_id is None:
        return "Nothing is done to the grant: the host may suspend or revoke it."
    return await _take_down(connection, book_id, claim, by)


def _reason(claim: Claim) -> str:
    return f"claim {claim.claim_id} was finally upheld: {claim.ground}"


async def _resume(connection: AsyncConnection, book_id: int, claim: Claim, by: By) -> str:
    held = await hold(connection, book_id, claim.grant_id, with_clipper=True)
    if held.grant.state != "suspended":
        return f"The grant is not suspended any more: it is {held.grant.state}."
    try:
        await resume(connection, book_id, by, claim.grant_id, _reason(claim))
    except ExclusiveElsewhere as refused:
        return f"The grant stays suspended until its host resumes it: {refused.rule}."
    return "The grant is active again."


async def _owe(connection: AsyncConnection, book_id: int, claim: Claim, by: By) -> str:
    """What `Claim.owed` says, too."""
    return "A revocation is final: the host owes the clipper a new grant."


async def _approve(connection: AsyncConnection, book_id: int, claim: Claim, by: By) -> str:
    """The decision stands for the sight of the disclosure, without which nothing is approved."""
    assert claim.submission_id is not None
    found = await lock_submission(connection, book_id, claim.submission_id)
    if found.state != "rejected":
        return f"The clip is not rejected any more: it is {found.state}."
    reason = _reason(claim)
    disclosed = "confirmed" if found.disclosed in ("missing", "refused") else found.disclosed
    values = {"disclosed": disclosed, "decided_by": by.actor, "decided_at": func.now(), "reason": reason}
    await move(connection, book_id, found, "approved", by, detail={"reason": reason}, **values)
    return "The clip is approved."


async def _take_down(connection: AsyncConnection, book_id: int, claim: Claim, by: By) -> str:
    """As far as the machine goes: what is rejected or removed already stays so."""
    assert claim.submission_id is not None
    found = await lock_submission(connection, book_id, claim.submission_id)
    action = "removed" if found.state == "live" else "rejected"
    if found.state not in SUBMISSION.sources(action, by.side):
        return f"Nothing is left to do to the clip: it is {found.state}."
    reason = _reason(claim)
    values = {"decided_by": by.actor, "decided_at": func.now(), "reason": reason}
    await move(connection, book_id, found, action, by, detail={"reason": reason}, **values)
    return f"The clip is {action}."


_EFFECTS: Mapping[str, _Effect] = {
    "wrongly-suspended": _resume,
    "wrongly-revoked": _owe,
    "wrongly-rejected": _approve,
    "wrongly-recognised": _approve,
}
"""Of a clipper's claim, by its ground."""
