"""Whose a sale is: by a person's resolution, by its clip, by its account; else it waits in suspense.

In this order; the first that applies decides, and what it decides is judged (`licensing.judge`):

| rule | applies where | confidence |
|---|---|--:|
| `resolution` | a person resolved this sale, its content, its account or its tracking id (in this order) | 100 |
| `content` | a clip of the host's was registered as its content | 95 |
| `handle` | its platform and account are told | 80; 60 if its content is none that was registered |

A sale that no licence covered is nobody's, whatever rule applied. A person vouches for the clip, and for what the
report does not tell; when and where the grant counts, and for which products, is judged as ever.
"""

import asyncio
from collections.abc import Mapping, Sequence
from datetime import datetime
from functools import lru_cache
from typing import NamedTuple

from msgspec import Struct
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

from licensing.errors import InvalidHandle
from licensing.judge import Condition, SaleFacts, Verdict, judge
from licensing.register import Register
from licensing.segments import segments_of
from licensing.vocabulary import account_of
from settlement.arrays import text_array
from settlement.licences import Clip, Licences
from settlement.sale import Rule, Sale

_SURE, _BY_CONTENT, _BY_HANDLE, _BY_HANDLE_ALONE = 100, 95, 80, 60


class Attribution(Struct, frozen=True, gc=False):
    """Whose it is, under which version of which terms.

    In suspense `rule` and all that is named are null, the confidence is 0, and `reason` is a word that says why; else
    `reason` is null. It is the condition of `docs/judging.md` that failed (`window`, `suspended`, `handle`, `several`,
    …), `unknown-…` one that can't be judged, as the report does not tell what it is about, or

    - `unknown-content`, `unknown-platform`, `unknown-tracking`, `unknown-handle`: nothing that it tells leads to a clip
      or an account; what is named is the first that it does tell, or at last the account;
    - `several-clips`: its content id is one of several platforms', and its platform is not told;
    - `currency`: the terms are in another.
    """

    rule: Rule | None = None
    confidence: int = 0
    grant_id: int | None = None
    clipper_id: int | None = None
    submission_id: int | None = None
    offer_id: int | None = None
    version_no: int | None = None
    reason: str | None = None


class Attributed(NamedTuple):
    """Whose sales are, in their order. `by_streams`: for some it mattered which streams their clip shows."""

    whose: list[Attribution]
    by_streams: bool


async def attribute(
    connection: AsyncConnection, book_id: int, sales: Sequence[Sale], licences: Licences | None = None
) -> Attributed:
    """Whose they are by all that is committed now. A few statements, however many sales.

    `licences` of the book, just refreshed, spare it reading again what an earlier call has read. What is worked out is
    so in a thread of its own: others of this process go on.
    """
    licences = licences or Licences(book_id)
    resolved = await _resolutions(connection, book_id, sales)
    posted = {(each.platform, each.content_id) for each in sales if each.content_id is not None}
    found_clips = await licences.clips(connection, posted)
    accounts = {_account(platform, handle) for platform, handle in {(each.platform, each.handle) for each in sales}}
    named = {clip.grant_id for _, content_id in posted for clip in found_clips.get(content_id, ())}
    register = await licences.register(
        connection,
        accounts=[each for each in accounts if each is not None],
        grant_ids=named | set(resolved.values()),
    )
    known = _Known(resolved, found_clips, register)
    found = await asyncio.to_thread(known.whose_all, sales)
    if not known.in_question:
        return Attributed(found, by_streams=False)
    known.streams = await _streams(connection, book_id, known.in_question)
    return Attributed(
        [known.whose(each) if its.reason == "unknown-stream" else its for each, its in zip(sales, found, strict=True)],
        by_streams=True,
    )


@lru_cache(maxsize=50_000)
def _account(platform: str | None, handle: str | None) -> str | None:
    """As grants list it; None is no account."""
    try:
        return None if platform is None or handle is None else account_of(platform, handle)
    except InvalidHandle:
        return None


def keys_of(sale: Sale) -> list[str]:
    """What resolutions that are about this sale may match, the first that there is decides."""
    keys = [f"sale:{sale.marketplace}:{sale.order_no}:{sale.line_no}"]
    if sale.content_id is not None:
        keys.append(f"content:{sale.content_id}")
    if sale.platform is not None and sale.handle is not None:
        keys.append(f"handle:{sale.platform}:{sale.handle}")
        if (account := _account(sale.platform, sale.handle)) is not None:
            keys.append(f"handle:{account}")
    if sale.tracking_id is not None:
        keys.append(f"tracking:{sale.marketplace}:{sale.tracking_id}")
    return keys


class _Known:
    """All that decides whose the sales of a batch are."""

    def __init__(self, resolved: dict[str, int], clips: Mapping[str, Sequence[Clip]], register: Register) -> None:
        self.resolved = resolved
        self.clips = clips
        self.register = register
        self.streams: dict[int, tuple[int, ...]] = {}
        self.in_question = set[int]()
        """Clips of which it matters which streams they show, for some terms are for some streams only."""
        self._currencies = dict[tuple[int | None, int | None], str]()

    def clips_of(self, sale: Sale) -> list[Clip]:
        """Those registered as its content: one, or none; or several, of as many platforms."""
        if sale.content_id is None:
            return []
        return [
            clip
            for clip in self.clips.get(sale.content_id, ())
            if sale.platform is None or clip.platform == sale.platform
        ]

    def whose_all(self, sales: Sequence[Sale]) -> list[Attribution]:
        return [self.whose(each) for each in sales]

    def whose(self, sale: Sale) -> Attribution:
        grant_id = self._resolved(sale)
        clips = self.clips_of(sale)
        if grant_id is not None:
            return self._by_resolution(sale, grant_id, clips)
        if len(clips) > 1:
            return Attribution(reason="several-clips")
        if clips:
            return self._by_clip(sale, clips[0])
        if sale.platform is not None and sale.handle is not None:
            return self._by_account(sale, sale.platform)
        return Attribution(reason=_untold(sale))

    def _resolved(self, sale: Sale) -> int | None:
        if not self.resolved:
            return None
        return next((self.resolved[key] for key in keys_of(sale) if key in self.resolved), None)

    def _by_resolution(self, sale: Sale, grant_id: int, clips: Sequence[Clip]) -> Attribution:
        """What is not known does not stand against a person's word; what is known does."""
        grant = self.register.grant(grant_id)
        scope = None if grant is None else grant.standing_at(sale.sold_at).scope
        if grant is None or scope is None:
            return Attribution(reason="grant" if grant is None else "not-accepted")
        platform = scope.terms.platforms[0]
        verdict = judge(self.register, _asked(sale, platform, grant_id=grant_id))
        if verdict.verdict == "unlicensed":
            return Attribution(reason=_reason(verdict.failed))
        submissions = [clip.submission_id for clip in clips if clip.grant_id == grant_id]
        found = Verdict("licensed", grant_id, grant.clipper_id, grant.offer_id, scope.version_no)
        return self._attribution(sale, found, "resolution", _SURE, submissions[0] if submissions else None)

    def _by_clip(self, sale: Sale, clip: Clip) -> Attribution:
        asked = SaleFacts(
            sold_at=sale.sold_at,
            platform=clip.platform,
            handle=clip.handle,
            product=sale.product,
            territory=sale.territory,
            marketplace=sale.marketplace,
            source_ids=self.streams.get(clip.clip_id),
            grant_id=clip.grant_id,
            published_at=clip.published_at,
        )
        its = self._attribution(sale, judge(self.register, asked), "content", _BY_CONTENT, clip.submission_id)
        if its.reason == "unknown-stream":
            self.in_question.add(clip.clip_id)
        return its

    def _by_account(self, sale: Sale, platform: str) -> Attribution:
        verdict = judge(self.register, _asked(sale, platform, handle=sale.handle))
        confidence = _BY_HANDLE if sale.content_id is None else _BY_HANDLE_ALONE
        return self._attribution(sale, verdict, "handle", confidence, None)

    def _attribution(
        self, sale: Sale, verdict: Verdict, rule: Rule, confidence: int, submission_id: int | None
    ) -> Attribution:
        if verdict.verdict != "licensed":
            return Attribution(reason=_reason(verdict.failed))
        if self._currency(verdict, sale.sold_at) != sale.currency:
            return Attribution(reason="currency")
        return Attribution(
            rule,
            confidence,
            verdict.grant_id,
            verdict.clipper_id,
            submission_id,
            verdict.offer_id,
            verdict.version_no,
        )

    def _currency(self, verdict: Verdict, moment: datetime) -> str | None:
        """Of the terms that cover a sale of that moment."""
        version = verdict.offer_id, verdict.version_no
        if version not in self._currencies:
            grant = self.register.grant(verdict.grant_id or 0)
            scope = None if grant is None else grant.standing_at(moment).scope
            assert scope is not None
            self._currencies[version] = scope.terms.split.currency
        return self._currencies[version]


def _asked(sale: Sale, platform: str, *, handle: str | None = None, grant_id: int | None = None) -> SaleFacts:
    return SaleFacts(
        sold_at=sale.sold_at,
        platform=platform,
        handle=handle,
        product=sale.product,
        territory=sale.territory,
        marketplace=sale.marketplace,
        grant_id=grant_id,
    )


def _reason(failed: Condition | None) -> str:
    assert failed is not None
    return failed.name if failed.value is not None else f"unknown-{failed.name}"


def _untold(sale: Sale) -> str:
    """Of a sale that names no account."""
    if sale.content_id is not None:
        return "unknown-content"
    if sale.handle is not None:
        return "unknown-platform"
    return "unknown-tracking" if sale.tracking_id is not None else "unknown-handle"


# What is known ----------------------------------------------------------------------------------------------

_RESOLVED = text("SELECT EXISTS (SELECT FROM settlement.resolutions WHERE book_id = :book AND withdrawn_at IS NULL)")

_RESOLUTIONS = """
    SELECT matches, grant_id FROM settlement.resolutions JOIN unnest(%s::text[]) AS asked (matches) USING (matches)
    WHERE book_id = %s AND withdrawn_at IS NULL"""


async def _resolutions(connection: AsyncConnection, book_id: int, sales: Sequence[Sale]) -> dict[str, int]:
    """By what they match, those in force that may be about one of the sales."""
    if not await connection.scalar(_RESOLVED, {"book": book_id}):
        return {}
    keys = dict.fromkeys(key for sale in sales for key in keys_of(sale))
    rows = await connection.exec_driver_sql(_RESOLUTIONS, (text_array(keys), book_id))
    return {row.matches: row.grant_id for row in rows}


async def _streams(connection: AsyncConnection, book_id: int, clip_ids: set[int]) -> dict[int, tuple[int, ...]]:
    """Which of the host's streams these clips show; a clip in which none was found shows none."""
    if not clip_ids:
        return {}
    found = await segments_of(connection, book_id, clip_ids)
    return {
        clip_id: tuple(dict.fromkeys(segment.source_id for segment in segments)) for clip_id, segments in found.items()
    }
