"""Uploads: bytes that arrive in as many requests as it takes, and rest in the object store.

What arrives is kept in pieces, each recorded only when it is safely stored; so whatever breaks off, the offset never
promises a byte that is not there, and the sender goes on from it. While a request appends it holds a claim on the
upload, which it renews; a request that died leaves a claim that soon runs out.

An upload has an owner, by a name that the caller gives; without one it is the book's own. Who names another owner, or
none, doesn't find it.
"""

import asyncio
import hashlib
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from uuid import UUID, uuid4

import msgspec
from sqlalchemy import ColumnElement, and_, delete, func, insert, or_, select, update
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from media.errors import (
    ChecksumMismatch,
    InvalidUpload,
    UploadBusy,
    UploadIncomplete,
    UploadNotFound,
    UploadTooLarge,
    UploadUsed,
    WrongOffset,
)
from media.places import OWN_PREFIX, Place
from media.storage import Storage
from media.tables import pieces, uploads

LARGEST = 256 * 1024**3
"""Bytes of one upload: some days of high definition."""
LIFETIME = timedelta(hours=24)
"""How long an upload is kept to which nothing is added and of which nothing is made."""
CLAIM = timedelta(seconds=30)
"""How long an upload stays claimed by a request that is not heard of."""
PIECE = 8 * 1024 * 1024
"""Bytes of a piece, and the most that one request holds in memory."""
_PATIENCE = 10.0
"""Seconds after which what has arrived is kept as a smaller piece, so that a slow sender loses little."""

_Checksum = tuple[str, bytes]
_Kept = tuple[int, int, str]


class Upload(msgspec.Struct, frozen=True):
    """How far an upload is. It is forgotten at `expires_at`, unless more arrives or something is made of it."""

    upload_id: int
    length: int
    received: int
    expires_at: datetime


_COLUMNS = [uploads.c[name] for name in Upload.__struct_fields__]
_THERE = uploads.c.expires_at > func.now()


def _named(book_id: int, upload_id: int) -> ColumnElement[bool]:
    return and_(uploads.c.book_id == book_id, uploads.c.upload_id == upload_id)


def _owned(book_id: int, upload_id: int, owner: str | None) -> ColumnElement[bool]:
    return and_(_named(book_id, upload_id), uploads.c.owner.is_not_distinct_from(owner))


async def create_upload(
    connection: AsyncConnection, book_id: int, length: int, *, created_by: str, owner: str | None = None
) -> Upload:
    """Announce so many bytes. Raises InvalidUpload, UploadTooLarge."""
    if length < 1:
        raise InvalidUpload("Upload-Length", length, "at least one byte")
    if length > LARGEST:
        raise UploadTooLarge("Upload-Length", length, f"at most {LARGEST} bytes")
    row = insert(uploads).values(
        book_id=book_id, length=length, created_by=created_by, owner=owner, expires_at=func.now() + LIFETIME
    )
    return Upload(**(await connection.execute(row.returning(*_COLUMNS))).one()._mapping)


async def find_upload(connection: AsyncConnection, book_id: int, upload_id: int, owner: str | None = None) -> Upload:
    """Raises UploadNotFound, also where it was forgotten, or turned into a recording or clip."""
    chosen = select(*_COLUMNS).where(_owned(book_id, upload_id, owner), _THERE, uploads.c.used_at.is_(None))
    if (row := (await connection.execute(chosen)).one_or_none()) is None:
        raise UploadNotFound("upload", upload_id)
    return Upload(**row._mapping)


async def cancel_upload(connection: AsyncConnection, book_id: int, upload_id: int, owner: str | None = None) -> None:
    """Forget it; the next `forget_uploads` deletes its bytes. Raises UploadNotFound."""
    await find_upload(connection, book_id, upload_id, owner)
    await connection.execute(update(uploads).where(_named(book_id, upload_id)).values(expires_at=func.now()))


async def use_upload(connection: AsyncConnection, book_id: int, upload_id: int, owner: str | None = None) -> Place:
    """The place of an upload that becomes one recording or one clip, now.

    Raises:
        UploadNotFound, UploadIncomplete, UploadUsed
    """
    chosen = select(uploads).where(_owned(book_id, upload_id, owner)).with_for_update()
    row = (await connection.execute(chosen)).one_or_none()
    if row is None:
        raise UploadNotFound("upload", upload_id)
    if row.used_at is not None:
        raise UploadUsed("upload", upload_id)
    if row.received < row.length:
        raise UploadIncomplete("upload", f"{row.received} of {row.length} bytes")
    await find_upload(connection, book_id, upload_id, owner)
    await connection.execute(update(uploads).where(_named(book_id, upload_id)).values(used_at=func.now()))
    return Place("upload", str(upload_id))


# Appending --------------------------------------------------------------------------------------------------


async def append(
    engine: AsyncEngine,
    storage: Storage,
    upload: tuple[int, int],
    offset: int,
    content: AsyncIterator[bytes],
    checksum: _Checksum | None = None,
    owner: str | None = None,
) -> Upload:
    """Add bytes to the upload (book_id, upload_id) at its end, which is `offset`; returns how far it is then.

    Where `content` breaks off, what came before is kept; with a checksum (name of hashlib, digest) it is kept only if
    that is right. Every transaction is short, and none is open while bytes arrive or are stored.

    Raises:
        UploadNotFound, WrongOffset, UploadBusy: nothing was kept.
        UploadTooLarge: more than was announced; what was announced may have been kept.
        ChecksumMismatch: nothing was kept.
    """
    appending = _Appending(engine, storage, *upload, owner=owner)
    await appending.claim(offset)
    try:
        await appending.take(content, checksum)
    finally:
        await appending.release()
    async with engine.connect() as connection:
        return await find_upload(connection, *upload, owner)


@dataclass
class _Appending:
    """One request's appending. `kept` are pieces in the store that are not recorded yet."""

    engine: AsyncEngine
    storage: Storage
    book_id: int
    upload_id: int
    owner: str | None = None
    writer: UUID = field(default_factory=uuid4)
    offset: int = 0
    length: int = 0
    kept: list[_Kept] = field(default_factory=list)

    async def claim(self, offset: int) -> None:
        free = or_(uploads.c.writer.is_(None), uploads.c.writer_until < func.now())
        at_end = and_(uploads.c.received == offset, uploads.c.used_at.is_(None))
        mine = _owned(self.book_id, self.upload_id, self.owner)
        chosen = update(uploads).where(mine, _THERE, free, at_end)
        claimed = chosen.values(writer=self.writer, writer_until=func.now() + CLAIM)
        async with self.engine.begin() as connection:
            length = await connection.scalar(claimed.returning(uploads.c.length))
            if length is None:
                raise _why_not(await find_upload(connection, self.book_id, self.upload_id, self.owner), offset)
        self.offset, self.length = offset, length

    async def take(self, content: AsyncIterator[bytes], checksum: _Checksum | None) -> None:
        digest = hashlib.new(checksum[0], usedforsecurity=False) if checksum else None
        buffer, clock = bytearray(), asyncio.get_running_loop().time
        since = clock()
        async for block in content:
            if digest:
                digest.update(block)
            buffer += block
            if self.offset + len(buffer) > self.length:
                raise UploadTooLarge("body", None, f"must end with byte {self.length}, as announced")
            while len(buffer) >= PIECE or (buffer and clock() - since > _PATIENCE):
                await self._keep(bytes(buffer[:PIECE]), at_once=digest is None)
                del buffer[:PIECE]
                since = clock()
        if buffer:
            await self._keep(bytes(buffer), at_once=digest is None)
        if digest and checksum and digest.digest() != checksum[1]:
            await self.storage.delete([key for _, _, key in self.kept])
            raise ChecksumMismatch("Upload-Checksum")
        await self._record()

    async def _keep(self, piece: bytes, *, at_once: bool) -> None:
        key = f"{OWN_PREFIX}{self.book_id}/pieces/{self.upload_id}/{self.offset:015}-{self.writer}"
        await self.storage.put(key, piece)
        self.kept.append((self.offset, len(piece), key))
        self.offset += len(piece)
        if at_once:
            await self._record()

    async def _record(self) -> None:
        """Count what is kept; it is this request's to count only as long as nobody else has claimed the upload."""
        if not self.kept:
            return
        mine = and_(uploads.c.writer == self.writer, uploads.c.received == self.kept[0][0])
        moved = update(uploads).where(_named(self.book_id, self.upload_id), mine)
        now = func.now()
        values = {"received": self.offset, "writer_until": now + CLAIM, "expires_at": now + LIFETIME}
        async with self.engine.begin() as connection:
            if (await connection.execute(moved.values(values))).rowcount == 0:
                raise UploadBusy("upload", self.upload_id)
            named = {"book_id": self.book_id, "upload_id": self.upload_id}
            rows = [{**named, "first": first, "size": size, "key": key} for first, size, key in self.kept]
            await connection.execute(insert(pieces), rows)
        self.kept.clear()

    async def release(self) -> None:
        mine = and_(_named(self.book_id, self.upload_id), uploads.c.writer == self.writer)
        async with self.engine.begin() as connection:
            await connection.execute(update(uploads).where(mine).values(writer=None, writer_until=None))


def _why_not(upload: Upload, offset: int) -> Exception:
    """Why nothing can be appended at this offset."""
    if upload.received != offset:
        return WrongOffset("Upload-Offset", offset, f"{upload.received} bytes have arrived: go on there")
    return UploadBusy("upload", upload.upload_id)


# From pieces to an object -----------------------------------------------------------------------------------


async def join_upload(engine: AsyncEngine, storage: Storage, book_id: int, upload_id: int) -> Place:
    """The place of one object that holds the upload's bytes. Doing it twice makes the same object."""
    whole = f"{OWN_PREFIX}{book_id}/uploads/{upload_id}"
    await storage.join(await _keys(engine, book_id, upload_id), whole)
    return Place("object", whole)


async def drop_pieces(connection: AsyncConnection, book_id: int, upload_id: int) -> None:
    """Say that the upload's pieces are superfluous; `forget_uploads` deletes them."""
    await connection.execute(update(uploads).where(_named(book_id, upload_id)).values(joined_at=func.now()))


async def forget_uploads(engine: AsyncEngine, storage: Storage) -> int:
    """Delete the pieces and rows of uploads that are joined, cancelled or abandoned; returns how many uploads."""
    superfluous = or_(
        uploads.c.joined_at.is_not(None), and_(uploads.c.used_at.is_(None), uploads.c.expires_at <= func.now())
    )
    async with engine.connect() as connection:
        found = (await connection.execute(select(uploads.c.book_id, uploads.c.upload_id).where(superfluous))).all()
    for book_id, upload_id in found:
        await forget_upload(engine, storage, book_id, upload_id)
    return len(found)


async def forget_upload(engine: AsyncEngine, storage: Storage, book_id: int, upload_id: int) -> None:
    """Delete the pieces of one upload, and then its row."""
    await storage.delete(await _keys(engine, book_id, upload_id))
    of_it = and_(pieces.c.book_id == book_id, pieces.c.upload_id == upload_id)
    async with engine.begin() as connection:
        await connection.execute(delete(pieces).where(of_it))
        await connection.execute(delete(uploads).where(_named(book_id, upload_id)))


async def _keys(engine: AsyncEngine, book_id: int, upload_id: int) -> list[str]:
    """Of its pieces, in their order."""
    chosen = select(pieces.c.key).where(pieces.c.book_id == book_id, pieces.c.upload_id == upload_id)
    async with engine.connect() as connection:
        return list(await connection.scalars(chosen.order_by(pieces.c.first)))
