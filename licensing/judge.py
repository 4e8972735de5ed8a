"""Whether a licence covered a sale: by the grant, the terms and the state of things at the moment of the sale.

A grant is a candidate if it lists the sale's account at that moment, or, once attribution knows the clip, if the clip
was submitted under it; then it alone. Each candidate is held against the conditions below, in their order. A condition
that needs a fact which nobody told is undecided, unless another fails for sure. Docs: `docs/judging.md`.
"""

from collections.abc import Callable, Sequence
from datetime import datetime
from functools import lru_cache
from typing import Literal, NamedTuple

from msgspec import Struct

from licensing.errors import InvalidHandle
from licensing.register import GrantHistory, Register, Scope, Standing
from licensing.vocabulary import account_of

Outcome = Literal["passes", "undecided", "fails"]

_NAMED = 5  # how many of the things that terms list are worth naming


class SaleFacts(Struct, frozen=True, kw_only=True, gc=False):
    """What is known of a sale; null is not known.

    `sold_at` and `published_at` have an offset from UTC. `product` is an id as the marketplace writes it, `source_ids`
    are the host's streams that the clip shows, `grant_id` is of the grant under which the clip was submitted.
    """

    sold_at: datetime
    platform: str
    handle: str | None = None
    product: str | None = None
    territory: str | None = None
    marketplace: str | None = None
    source_ids: tuple[int, ...] | None = None
    grant_id: int | None = None
    published_at: datetime | None = None


class Condition(Struct, frozen=True, gc=False):
    """A condition that fails: the value that it fails for and its rule. Without a value it is one nobody told."""

    name: str
    value: str | None
    rule: str


class Considered(Struct, frozen=True, gc=False):
    """A candidate: whether it covers the sale, and else the first condition that fails, or that is undecided."""

    grant_id: int
    outcome: Outcome
    condition: str | None = None


class Verdict(Struct, frozen=True, gc=False):
    """Grant and terms are those that cover a licensed sale, or of the candidate that came furthest with an unlicensed
    one; null where there is none, and with an ambiguous one. `failed` is null for a licensed sale alone. `considered`
    is in order of the grants' numbers.
    """

    verdict: Literal["licensed", "unlicensed", "ambiguous"]
    grant_id: int | None = None
    clipper_id: int | None = None
    offer_id: int | None = None
    version_no: int | None = None
    terms_sha256: str | None = None
    failed: Condition | None = None
    considered: tuple[Considered, ...] = ()


class _Question(NamedTuple):
    """Whether this candidate, which stood so when the sale was made, covers it; `account` is null if not known."""

    grant: GrantHistory
    standing: Standing
    sale: SaleFacts
    account: str | None

    @property
    def scope(self) -> Scope:
        """Of the terms in force. There are some once the grant is accepted."""
        assert self.standing.scope is not None
        return self.standing.scope


class _Finding(NamedTuple):
    """How far a candidate came: `place` is that of the condition which fails, or past all of them."""

    question: _Question
    outcome: Outcome
    place: int
    condition: Condition | None

    @property
    def grant_id(self) -> int:
        return self.question.grant.grant_id


def judge(register: Register, sale: SaleFacts, *, known_at: datetime | None = None) -> Verdict:
    """The verdict by what had been recorded at `known_at`; None: by all that the register has.

    Pure. The moments must have an offset from UTC.
    """
    account = None if sale.handle is None else _account_of(sale.platform, sale.handle)
    if sale.grant_id is not None:
        return _judge_clip(register, sale, account, known_at)
    if account is None:
        return Verdict("ambiguous", failed=Condition("handle", None, "neither the account nor the clip is known"))
    standings = ((grant, grant.standing_at(sale.sold_at, known_at)) for grant in register.of_account(account))
    found = [_find(_Question(grant, its, sale, account)) for grant, its in standings if account in its.accounts]
    if not found:
        return Verdict("unlicensed", failed=Condition("handle", account, "no grant lists this account at that moment"))
    return _decide(found)


def _judge_clip(register: Register, sale: SaleFacts, account: str | None, known_at: datetime | None) -> Verdict:
    assert sale.grant_id is not None
    grant = register.grant(sale.grant_id)
    if grant is None or not grant.is_known(known_at):
        return Verdict("unlicensed", failed=Condition("grant", str(sale.grant_id), "the host has no such grant"))
    return _decide([_find(_Question(grant, grant.standing_at(sale.sold_at, known_at), sale, account))])


@lru_cache(maxsize=50_000)  # a report names the same accounts over and over
def _account_of(platform: str, handle: str) -> str:
    """As grants list it. What can't be an account stays as it is, for no grant lists that."""
    try:
        return account_of(platform, handle)
    except InvalidHandle:
        return f"{platform}:{handle}"


def _find(question: _Question) -> _Finding:
    if _passes(question):
        return _Finding(question, "passes", len(_CHECKS), None)
    missing = None
    for place, check in enumerate(_CHECKS):
        condition = check(question)
        if condition is None:
            continue
        if condition.value is not None:
            return _Finding(question, "fails", place, condition)
        missing = missing or condition
    return _Finding(question, "passes" if missing is None else "undecided", len(_CHECKS), missing)


def _decide(found: Sequence[_Finding]) -> Verdict:
    if len(found) == 1 and found[0].outcome == "passes":
        return _verdict("licensed", found[0], (Considered(found[0].grant_id, "passes"),))
    considered = tuple(
        Considered(each.grant_id, each.outcome, None if each.condition is None else each.condition.name)
        for each in found
    )
    passing = [each for each in found if each.outcome == "passes"]
    if len(passing) == 1:
        return _verdict("licensed", passing[0], considered)
    if passing:
        value = ", ".join(str(each.grant_id) for each in passing)
        rule = "each of these grants covers the sale; only the clip would tell which"
        return Verdict("ambiguous", failed=Condition("several", value, rule), considered=considered)
    furthest = max(found, key=_progress)
    if furthest.outcome == "undecided":
        return Verdict("ambiguous", failed=furthest.condition, considered=considered)
    return _verdict("unlicensed", furthest, considered)


def _progress(finding: _Finding) -> tuple[int, int]:
    """The further a candidate came the greater; of equals the newest grant is."""
    return finding.place, finding.grant_id


def _verdict(
    verdict: Literal["licensed", "unlicensed"], finding: _Finding, considered: tuple[Considered, ...]
) -> Verdict:
    grant, scope = finding.question.grant, finding.question.standing.scope
    return Verdict(
        verdict,
        grant_id=grant.grant_id,
        clipper_id=grant.clipper_id,
        offer_id=grant.offer_id,
        version_no=None if scope is None else scope.version_no,
        terms_sha256=None if scope is None else scope.sha256,
        failed=finding.condition,
        considered=considered,
    )


# The conditions ---------------------------------------------------------------------------------------------


def _passes(asked: _Question) -> bool:
    """Whether an active grant covers the sale within its window: what `_CHECKS` find one by one, and say. That is so of
    nearly every sale, and a million of them come in a report. Says no where only the checks can tell.
    """
    standing, sale, scope = asked.standing, asked.sale, asked.standing.scope
    if standing.state != "active" or scope is None or asked.account not in standing.accounts:
        return False
    starts_at, ends_at = standing.starts_at, standing.ends_at
    if starts_at is None or sale.sold_at < starts_at or (ends_at is not None and sale.sold_at >= ends_at):
        return False
    return _covers(scope, sale)


def _covers(scope: Scope, sale: SaleFacts) -> bool:
    """By the terms alone; no, where these are for some streams only."""
    terms, product = scope.terms, sale.product
    return (
        sale.platform in terms.platforms
        and (terms.marketplaces is None or sale.marketplace in terms.marketplaces)
        and (terms.territories is None or sale.territory in terms.territories)
        and (scope.products is None or product in scope.products)
        and (not scope.excluded or (product is not None and product not in scope.excluded))
        and scope.streams is None
    )


def _handle(asked: _Question) -> Condition | None:
    if asked.account in asked.standing.accounts:
        return None
    return Condition("handle", asked.account, f"the grant's accounts: {_names(asked.standing.accounts) or 'none'}")


def _not_accepted(asked: _Question) -> Condition | None:
    state = asked.standing.state
    if state in ("active", "suspended", "revoked", "resigned") and asked.standing.scope is not None:
        return None
    return Condition("not-accepted", state or "nothing yet", "the grant's terms were not accepted by then")


def _unless(state: str, rule: str) -> Callable[[_Question], Condition | None]:
    """That the grant was not in this state, which gives the condition its name."""

    def check(asked: _Question) -> Condition | None:
        return Condition(state, state, rule) if asked.standing.state == state else None

    return check


def _window(asked: _Question) -> Condition | None:
    starts_at = asked.standing.starts_at
    if starts_at is not None and starts_at <= asked.sale.sold_at:
        return None
    begins = f"begins at {starts_at.isoformat()}" if starts_at is not None else "has no window"
    return Condition("window", asked.sale.sold_at.isoformat(), f"the grant {begins}")


def _tail(asked: _Question) -> Condition | None:
    """A difference of moments always fits; an end plus its tail may lie past the last year there is."""
    ends_at, sale = asked.standing.ends_at, asked.sale
    if ends_at is None or sale.sold_at < ends_at:
        return None
    ended = f"the grant ended at {ends_at.isoformat()}"
    if sale.sold_at - ends_at >= asked.scope.tail:
        days = asked.scope.terms.tail_days
        return Condition("tail", sale.sold_at.isoformat(), f"{ended}; sales count for {days} days more")
    if sale.published_at is not None and sale.published_at >= ends_at:
        return Condition("tail", sale.published_at.isoformat(), f"{ended}; what is published after that has no tail")
    return None


def _platform(asked: _Question) -> Condition | None:
    return _listed("platform", asked.sale.platform, asked.scope.terms.platforms)


def _marketplace(asked: _Question) -> Condition | None:
    return _listed("marketplace", asked.sale.marketplace, asked.scope.terms.marketplaces)


def _territory(asked: _Question) -> Condition | None:
    return _listed("territory", asked.sale.territory, asked.scope.terms.territories)


def _product(asked: _Question) -> Condition | None:
    product, scope = asked.sale.product, asked.scope
    if product is None and scope.excluded:
        return Condition("product", None, "the terms exclude products")
    if product in scope.excluded:
        return Condition("product", product, "the terms exclude this product")
    if scope.products is None or product in scope.products:
        return None
    return Condition("product", product, f"the terms are for {_names(scope.terms.products or ())}")


def _stream(asked: _Question) -> Condition | None:
    shown, streams = asked.sale.source_ids, asked.scope.streams
    if streams is None or (shown and streams.issuperset(shown)):
        return None
    rule = f"the terms are for clips of the streams {_names(asked.scope.terms.streams or ())} alone"
    if shown is None:
        return Condition("stream", None, rule)
    outside = [each for each in shown if each not in streams]
    return Condition("stream", _names(outside) or "none of the host's", rule)


def _listed(name: str, value: str | None, allowed: Sequence[str] | None) -> Condition | None:
    if allowed is None or value in allowed:
        return None
    return Condition(name, value, f"the terms are for {_names(allowed)}")


def _names(things: Sequence[object]) -> str:
    """The first of them, and how many there are more."""
    more = f" and {len(things) - _NAMED} more" if len(things) > _NAMED else ""
    return ", ".join(str(each) for each in things[:_NAMED]) + more


_CHECKS: tuple[Callable[[_Question], Condition | None], ...] = (
    _handle,
    _not_accepted,
    _unless("revoked", "the grant was revoked by then; no sale counts from that moment on"),
    _unless("resigned", "the clipper had ended the grant by then; no sale counts from that moment on"),
    _unless("suspended", "the grant was suspended at that moment"),
    _window,
    _tail,
    _platform,
    _marketplace,
    _territory,
    _product,
    _stream,
)
"""In the order in which they are told: what the grant is, when it runs, what its terms cover. Each gives null where it
holds, and a condition without a value where the fact that it needs is not known.
"""
