"""Clips of the year of trade: what two clippers have cut in the film is approved and posted, and one clip waits."""

from collections.abc import AsyncIterator, Sequence
from datetime import UTC, datetime
from pathlib import Path

from clipledger.demo.crowd import BO, CHEN, Clipper, Licensed
from clipledger.demo.licensed import LILI
from clipledger.demo.stage import Stage
from licensing import publications, reviewing, submissions
from media.identifying import identify_due
from media.storage import Storage
from media.uploads import append, create_upload

_POSTED: tuple[tuple[Clipper, str, str, str, str], ...] = (
    (BO, "bo.mp4", "Three ways to wear the silk scarf", "You will want all three #ad", "7350011223344556677"),
    (CHEN, "chen.mp4", "西湖龙井开箱｜主播同款", "今晚的茶 #ad", "7350099887766554433"),
)
"""Whose, which file, title, caption, and the number of the post."""
_WAITS = (CHEN, "stranger.mp4", "旅行茶具，三分钟看懂", "直播间同款 #ad")


async def post(stage: Stage, crowd: Sequence[Licensed]) -> dict[int, str]:
    """Of each clipper who has one, the number of its post. There are none where the film was not told."""
    if not (stage.settings.var / _WAITS[1]).exists():
        return {}
    storage = Storage(stage.settings.media_storage)
    by_clipper = {each.clipper: each for each in crowd}
    posted = {
        await _submit(stage, storage, by_clipper[clipper], name, title, caption): (by_clipper[clipper], content)
        for clipper, name, title, caption, content in _POSTED
    }
    clipper, *waits = _WAITS
    await _submit(stage, storage, by_clipper[clipper], *waits)
    await identify_due(stage.engine, storage, stage.settings.media_index)
    async with stage.engine.begin() as connection:
        await reviewing.advance(connection, stage.book.book_id)
        for number, (its, content) in posted.items():
            await reviewing.approve(connection, stage.book.book_id, number, confirmed=False, by=LILI)
            await publications.publish(connection, stage.book.book_id, number, _posting(its, content), by=its.by)
    return {its.clipper_id: content for its, content in posted.values()}


async def _submit(stage: Stage, storage: Storage, its: Licensed, name: str, title: str, caption: str) -> int:
    book_id = stage.book.book_id
    owner = submissions.owner_of(its.clipper_id)
    content = _read(stage.settings.var / name)
    async with stage.engine.begin() as connection:
        upload = await create_upload(connection, book_id, len(content), created_by=its.by.actor, owner=owner)
    await append(stage.engine, storage, (book_id, upload.upload_id), 0, _arriving(content), owner=owner)
    about = submissions.ClipAbout(title=title, caption=caption)
    async with stage.engine.begin() as connection:
        made = await submissions.submit(connection, book_id, its.grant_id, upload.upload_id, about, by=its.by)
    return made.submission_id


def _posting(its: Licensed, content: str) -> publications.Posting:
    platform, _, handle = its.clipper.accounts[0].partition(":")
    return publications.Posting(
        platform=platform,
        content_id=content,
        handle=handle,
        url=f"https://www.douyin.com/video/{content}",
        published_at=datetime.now(UTC),
    )


def _read(path: Path) -> bytes:
    return path.read_bytes()


async def _arriving(content: bytes) -> AsyncIterator[bytes]:
    yield content
