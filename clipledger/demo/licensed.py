"""What happens under the licence: a clip is submitted, found, approved and posted, and sales are judged."""

import asyncio
from collections.abc import AsyncIterator, Iterable
from dataclasses import dataclass
from datetime import UTC, datetime

from msgspec.structs import replace

from clipledger.demo.checks import must
from clipledger.demo.clips import clips_of, cut
from clipledger.demo.findings import FARTHEST_OFF
from clipledger.demo.paper import clock, from_here
from clipledger.demo.stage import Stage
from licensing import granting, publications, reviewing, submissions
from licensing.events import Event, list_events
from licensing.judge import SaleFacts, Verdict, judge
from licensing.register import load_register
from licensing.states import By
from licensing.submissions import Submission
from media.identifying import identify_due
from media.sheets import sheet_of
from media.storage import Storage
from media.uploads import append, create_upload

HANDLE = "ana.cuts"
DOUYIN, TIKTOK = f"douyin:{HANDLE}", f"tiktok:{HANDLE}"
LILI, ANA = By("host", "user:lili"), By("clipper", "user:ana")


@dataclass(frozen=True)
class Licence:
    """Whose it is, and the stream that it is for."""

    clipper_id: int
    grant_id: int
    source_id: int


async def tell(stage: Stage, licence: Licence) -> None:
    """Leave a contact sheet in the stage's folder. Raises DemoError where a result is not what it must be."""
    using = _Using(stage, licence)
    await using.submit()
    await using.review()
    await using.publish()
    await using.judge()
    await using.list_what_happened()


class _Using:
    submission: Submission

    def __init__(self, stage: Stage, licence: Licence) -> None:
        self.stage = stage
        self.licence = licence
        self.engine = stage.engine
        self.paper = stage.paper
        self.book_id = stage.book.book_id
        self.storage = Storage(stage.settings.media_storage)
        self.clip = clips_of(stage.seconds)[0]

    async def submit(self) -> None:
        self.paper.chapter("Ana submits a clip")
        path = self.stage.settings.var / f"{self.clip.name}.mp4"
        if not path.exists():
            await asyncio.to_thread(cut, self.clip, path.with_name("stream.mp4"), path.parent)
        content = await asyncio.to_thread(path.read_bytes)
        upload_id = await self._upload(content)
        caption = "The red bag, only today #ad"
        about = submissions.ClipAbout(title="Red leather bag", caption=caption, products=("red-leather-bag",))
        async with self.engine.begin() as connection:
            args = (connection, self.book_id, self.licence.grant_id, upload_id, about)
            self.submission = await submissions.submit(*args, by=ANA)
        self.paper.say(f"{from_here(path)}, {len(content) // 1024} KiB, “{caption}”")

    async def _upload(self, content: bytes) -> int:
        owner = submissions.owner_of(self.licence.clipper_id)
        async with self.engine.begin() as connection:
            upload = await create_upload(connection, self.book_id, len(content), created_by=ANA.actor, owner=owner)
        key = (self.book_id, upload.upload_id)
        await append(self.engine, self.storage, key, 0, _arriving(content), owner=owner)
        return upload.upload_id

    async def review(self) -> None:
        self.paper.chapter("It is found in the stream, and reviewed")
        with self.paper.working("Identifying it …"):
            await identify_due(self.engine, self.storage, self.stage.settings.media_index)
        async with self.engine.begin() as connection:
            await reviewing.advance(connection, self.book_id)
        async with self.engine.connect() as connection:
            (waiting,) = await submissions.with_segments(
                connection, self.book_id, await reviewing.list_to_review(connection, self.book_id)
            )
        self._check(waiting)
        for each in waiting.segments:
            shown = f"{clock(each.clip_t0)}–{clock(each.clip_t1)} is {clock(each.source_t0)}–{clock(each.source_t1)}"
            self.paper.say(f"{shown} of “{each.title}”, ×{each.speed:.2f}, score {each.score:.2f}.")
        sheet = self.stage.settings.var / "review.jpg"
        sheet.write_bytes(await sheet_of(self.engine, self.storage, self.book_id, waiting.clip_id))
        self.paper.say(f"{from_here(sheet)} shows both. Nothing speaks against it, and it says #ad.")
        async with self.engine.begin() as connection:
            number = waiting.submission_id
            self.submission = await reviewing.approve(connection, self.book_id, number, confirmed=False, by=LILI)
        must(self.submission.state == "approved", "Lili approves the clip")
        self.paper.say("Lili approves it.")

    def _check(self, waiting: submissions.Recognised) -> None:
        must(waiting.state == "identified", "the clip is recognised")
        must(waiting.findings == (), "nothing speaks against the clip")
        (segment,), (cut_from,) = waiting.segments, self.clip.cuts
        must(segment.source_id == self.licence.source_id, "the clip shows Lili's stream")
        ends = (segment.source_t0 - cut_from.source_t0, segment.source_t1 - cut_from.source_t1)
        must(max(map(abs, ends)) <= FARTHEST_OFF, "the stream's seconds are those that were cut")

    async def publish(self) -> None:
        posting = publications.Posting(
            platform="douyin",
            content_id="7345678901234567890",
            handle=HANDLE,
            url="https://www.douyin.com/video/7345678901234567890",
            published_at=datetime.now(UTC),
        )
        async with self.engine.begin() as connection:
            number = self.submission.submission_id
            made = await publications.publish(connection, self.book_id, number, posting, by=ANA)
            live = await submissions.find_submission(connection, self.book_id, number)
        must(live.state == "live", "what was posted is live")
        self.paper.say(f"Ana posts it: {made.url}")

    async def judge(self) -> None:
        self.paper.chapter("It sells. Which sales are licensed?")
        grant = (self.book_id, LILI, self.licence.grant_id)
        sold = {"while the licence is in force": datetime.now(UTC)}
        async with self.engine.begin() as connection:
            await granting.suspend(connection, *grant, "a question about the account")
        sold["while Lili has suspended it"] = datetime.now(UTC)
        async with self.engine.begin() as connection:
            await granting.resume(connection, *grant)
        sold["after she has resumed it"] = datetime.now(UTC)
        verdicts = zip(sold, await self._verdicts(sold.values()), strict=True)
        rows = [(when, each.verdict, each.failed.name if each.failed else "") for when, each in verdicts]
        self.paper.table(("sold", "is", "because of"), rows)
        self.paper.say("All judged at the end: what held when it was sold decides.")
        must([row[1] for row in rows] == ["licensed", "unlicensed", "licensed"], "a suspension holds for its time")
        must(rows[1][2] == "suspended", "the sale in between fails for the suspension")

    async def _verdicts(self, moments: Iterable[datetime]) -> list[Verdict]:
        """All judged now: what held at a sale's moment decides, not what holds today."""
        async with self.engine.connect() as connection:
            register = await load_register(connection, self.book_id, accounts=[DOUYIN])
        sale = SaleFacts(
            sold_at=datetime.now(UTC), platform="douyin", handle=HANDLE, source_ids=(self.licence.source_id,)
        )
        return [judge(register, replace(sale, sold_at=sold_at)) for sold_at in moments]

    async def list_what_happened(self) -> None:
        self.paper.chapter("What happened, as webhooks tell it")
        async with self.engine.connect() as connection:
            told = await list_events(connection, self.book_id)
        rows = [(event.type, _step(event), event.actor) for event in reversed(told)]
        self.paper.table(("event", "state", "by"), rows)
        must(told[0].type == "grant.resumed", "every change was told, the newest last")


def _step(event: Event) -> str:
    return event.state if event.was in {None, event.state} else f"{event.was} → {event.state}"


async def _arriving(content: bytes) -> AsyncIterator[bytes]:
    yield content
