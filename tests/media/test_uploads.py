"""Bytes arrive in as many requests as it takes: none is lost, none is counted that is not there."""

import asyncio
import base64
import hashlib
import random
from collections.abc import AsyncIterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import text

from media import uploads
from media.errors import UploadBusy
from tests.clipledger.front_door import client_of, posting, problem
from tests.media.studio import NewStudio, Studio


def noise(length: int) -> bytes:
    return random.Random(length).randbytes(length)


async def stored(studio: Studio, upload: int) -> bytes:
    """The upload's bytes, as a recording made of it would find them."""
    place = await uploads.join_upload(studio.engine, studio.storage, studio.book_id, upload)
    async with studio.storage.local(place) as path:
        return path.read_bytes()


async def sql(studio: Studio, statement: str, **values: Any) -> list[Any]:
    async with studio.engine.begin() as connection:
        result = await connection.execute(text(statement), values)
        return list(result) if result.returns_rows else []


async def test_what_is_sent_in_several_requests_is_one_file(studio: Studio, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(uploads, "PIECE", 1000)
    content = noise(7777)
    upload = await studio.announced(len(content))
    for start, end in ((0, 1), (1, 2500), (2500, 7777)):
        assert await studio.offset(upload) == start
        answer = await studio.append(upload, start, content[start:end])
        assert (answer.status_code, answer.headers["upload-offset"]) == (204, str(end))
    assert await stored(studio, upload) == content


async def test_the_headers_are_those_of_tus(studio: Studio) -> None:
    answer = await studio.client.post(f"{studio.path}/uploads", headers={**posting(studio.host), "Upload-Length": "5"})
    place = answer.headers["location"]
    assert place.startswith(f"{studio.path}/uploads/")
    told = await studio.client.head(place, headers=studio.host.bearer)
    assert (told.headers["upload-offset"], told.headers["upload-length"]) == ("0", "5")
    assert (told.headers["tus-resumable"], told.headers["cache-control"]) == ("1.0.0", "no-store")
    assert told.headers["upload-expires"].endswith("GMT")


@pytest.mark.parametrize("offset", [0, 2, 4, 10**12])
async def test_bytes_that_do_not_follow_are_refused(studio: Studio, offset: int) -> None:
    upload = await studio.announced(10)
    await studio.append(upload, 0, b"abc")
    answer = await studio.append(upload, offset, b"xyz")
    assert answer.status_code == 409
    assert problem(answer)["type"] == "/problems/wrong-offset"
    assert problem(answer)["rule"] == "3 bytes have arrived: go on there"
    assert await studio.offset(upload) == 3


@pytest.mark.parametrize("offset", ["-1", "x", ""])
async def test_an_offset_that_is_none_is_refused(studio: Studio, offset: str) -> None:
    upload = await studio.announced(10)
    answer = await studio.append(upload, 0, b"abc", **{"Upload-Offset": offset})
    assert answer.status_code == 400
    assert await studio.offset(upload) == 0


async def test_more_than_was_announced_is_refused(studio: Studio) -> None:
    upload = await studio.announced(3)
    answer = await studio.append(upload, 0, b"abcd")
    assert answer.status_code == 422
    assert problem(answer)["type"] == "/problems/upload-too-large"
    assert await studio.offset(upload) == 0


@pytest.mark.parametrize(
    ("length", "code"), [("0", "invalid-upload"), (str(2**50), "upload-too-large"), (str(2**70), "upload-too-large")]
)
async def test_a_length_that_no_upload_has_is_refused(studio: Studio, length: str, code: str) -> None:
    headers = {**posting(studio.host), "Upload-Length": length}
    answer = await studio.client.post(f"{studio.path}/uploads", headers=headers)
    assert answer.status_code == 422
    assert problem(answer)["type"] == f"/problems/{code}"


async def test_another_kind_of_body_is_refused(studio: Studio) -> None:
    upload = await studio.announced(2)
    answer = await studio.append(upload, 0, b"{}", **{"Content-Type": "application/json"})
    assert problem(answer)["field"] == "Content-Type"


async def test_a_checksum_that_is_right_keeps_the_bytes_and_a_wrong_one_none(studio: Studio) -> None:
    upload = await studio.announced(6)

    def checksum(content: bytes) -> dict[str, str]:
        return {"Upload-Checksum": "sha256 " + base64.b64encode(hashlib.sha256(content).digest()).decode()}

    assert problem(await studio.append(upload, 0, b"abX", **checksum(b"abc")))["type"] == "/problems/checksum-mismatch"
    assert await studio.offset(upload) == 0
    assert list(await kept_files(studio)) == []
    assert (await studio.append(upload, 0, b"abc", **checksum(b"abc"))).status_code == 204
    assert problem(await studio.append(upload, 3, b"def", **{"Upload-Checksum": "crc 1"}))["status"] == 422
    assert await studio.offset(upload) == 3


async def kept_files(studio: Studio) -> list[Path]:
    folder = studio.settings.var / "media" / "books" / str(studio.book_id)
    return [path for path in folder.rglob("*") if path.is_file()]


async def test_where_the_sender_breaks_off_what_came_before_is_kept(studio: Studio) -> None:
    upload = await studio.announced(100)
    await broken_off(studio, upload, [b"a" * 30, b"b" * 10])
    assert await studio.offset(upload) == 40
    assert (await studio.append(upload, 40, b"c" * 60)).status_code == 204
    assert await stored(studio, upload) == b"a" * 30 + b"b" * 10 + b"c" * 60


async def broken_off(studio: Studio, upload: int, blocks: list[bytes]) -> None:
    """A PATCH of which the application sees these blocks and then that the client is gone."""
    messages = [{"type": "http.request", "body": block, "more_body": True} for block in blocks]
    messages.append({"type": "http.disconnect"})
    app = studio.client._transport.app  # type: ignore[attr-defined]

    async def breaking(scope: Any, receive: Any, send: Any) -> None:
        async def broken() -> Any:
            return messages.pop(0)

        await app(scope, broken, send)

    headers = {**studio.host.bearer, "Upload-Offset": "0", "Content-Type": "application/offset+octet-stream"}
    async with client_of(breaking) as client:
        await client.patch(f"{studio.path}/uploads/{upload}", headers=headers, content=b"")


async def test_of_two_requests_that_append_at_once_one_is_refused(studio: Studio) -> None:
    upload = await studio.announced(6)
    reached, go_on = asyncio.Event(), asyncio.Event()

    async def slowly() -> AsyncIterator[bytes]:
        yield b"abc"
        reached.set()
        await go_on.wait()
        yield b"def"

    key = (studio.book_id, upload)
    first = asyncio.create_task(uploads.append(studio.engine, studio.storage, key, 0, slowly()))
    await reached.wait()
    second = await studio.append(upload, 0, b"xyz")
    go_on.set()
    assert (await first).received == 6
    assert second.status_code == 409
    assert problem(second)["type"] == "/problems/upload-busy"
    assert await stored(studio, upload) == b"abcdef"


async def test_no_transaction_is_open_while_bytes_arrive(studio: Studio) -> None:
    upload = await studio.announced(2)
    open_ones = []

    async def watching() -> AsyncIterator[bytes]:
        open_ones.append(studio.engine.pool.checkedout())  # type: ignore[attr-defined]
        yield b"ab"

    before = studio.engine.pool.checkedout()  # type: ignore[attr-defined]
    await studio.append(upload, 0, watching())
    assert open_ones == [before]


async def test_who_was_overtaken_records_nothing(studio: Studio) -> None:
    """A request that hung for so long that another took over the upload; whatever it still stores does not count."""
    upload = await studio.announced(6)
    key = (studio.book_id, upload)

    async def hanging() -> AsyncIterator[bytes]:
        await sql(studio, "UPDATE media.uploads SET writer_until = now() WHERE upload_id = :id", id=upload)
        assert (await studio.append(upload, 0, b"abc")).status_code == 204
        yield b"XYZ"

    with pytest.raises(UploadBusy):
        await uploads.append(studio.engine, studio.storage, key, 0, hanging())
    assert await studio.offset(upload) == 3
    await studio.append(upload, 3, b"def")
    assert await stored(studio, upload) == b"abcdef"


async def test_a_request_that_died_holds_the_upload_up_only_for_a_while(studio: Studio) -> None:
    upload = await studio.announced(6)
    dead = uploads._Appending(studio.engine, studio.storage, studio.book_id, upload)
    await dead.claim(0)
    await dead._keep(b"abc", at_once=False)  # killed between storing and recording
    assert problem(await studio.append(upload, 0, b"abc"))["type"] == "/problems/upload-busy"
    await sql(studio, "UPDATE media.uploads SET writer_until = now() WHERE upload_id = :id", id=upload)
    assert (await studio.append(upload, 0, b"ABCDEF")).status_code == 204
    assert await stored(studio, upload) == b"ABCDEF"


async def test_an_upload_is_used_once_and_only_whole(studio: Studio) -> None:
    upload = await studio.announced(3)
    early = await studio.post("clips", {"title": "early", "upload": upload})
    assert problem(early)["type"] == "/problems/upload-incomplete"
    await studio.append(upload, 0, b"abc")
    assert (await studio.post("clips", {"title": "first", "upload": upload})).status_code == 201
    assert problem(await studio.post("sources", {"title": "x", "upload": upload}))["type"] == "/problems/upload-used"
    assert (await studio.append(upload, 3, b"")).status_code == 404


async def test_an_upload_of_another_book_is_none(studio: Studio, new_studio: NewStudio) -> None:
    other = await new_studio()
    upload = await studio.uploaded(b"abc")
    assert (await other.get(f"uploads/{upload}")).status_code == 404
    assert (await other.append(upload, 3, b"x")).status_code == 404
    assert (await other.delete(f"uploads/{upload}")).status_code == 404
    assert (await other.post("clips", {"title": "mine", "upload": upload})).status_code == 404
    foreign = await other.client.get(f"{studio.path}/uploads/{upload}", headers=other.host.bearer)
    assert foreign.status_code == 404


async def test_an_upload_given_up_or_abandoned_is_forgotten_with_its_bytes(studio: Studio) -> None:
    cancelled, abandoned, used = [await studio.uploaded(content) for content in (b"a", b"bb", b"ccc")]
    await studio.post("clips", {"title": "kept", "upload": used})
    assert (await studio.delete(f"uploads/{cancelled}")).status_code == 204
    past = timedelta(seconds=1)
    await sql(
        studio,
        "UPDATE media.uploads SET expires_at = now() - CAST(:past AS interval) WHERE upload_id IN (:a, :u)",
        past=past,
        a=abandoned,
        u=used,
    )
    await uploads.forget_uploads(studio.engine, studio.storage)
    assert [path.stat().st_size for path in await kept_files(studio)] == [3]
    assert (await studio.get(f"uploads/{abandoned}")).status_code == 404
    assert await sql(studio, "SELECT upload_id FROM media.uploads WHERE book_id = :b", b=studio.book_id) == [(used,)]


async def test_announcing_twice_under_one_key_is_one_upload_and_another_length_is_refused(studio: Studio) -> None:
    key, path = posting(studio.host), f"{studio.path}/uploads"
    places = [
        (await studio.client.post(path, headers={**key, "Upload-Length": "5"})).headers["location"] for _ in range(2)
    ]
    assert places[0] == places[1]
    other = await studio.client.post(path, headers={**key, "Upload-Length": "6"})
    assert problem(other)["type"] == "/problems/idempotency-key-reused"
