"""What the two kinds of work share: taking what is due, one after the other, and having its bytes in one object."""

from collections.abc import Awaitable, Callable
from contextlib import suppress

from sqlalchemy import ColumnElement, Table
from sqlalchemy.ext.asyncio import AsyncEngine

from media.errors import MediaError, VideoFileNotFound
from media.leases import Lease, LeaseLost, books_with_work, take
from media.places import Place
from media.storage import Storage
from media.uploads import drop_pieces, forget_upload, join_upload

Work = Callable[[Lease], Awaitable[None]]


async def do_all_due(engine: AsyncEngine, table: Table, work: Work, only: ColumnElement[bool] | None = None) -> int:
    """Work on every row that is due, a book's oldest first, the books in turn; returns how many.

    Raises:
        ExceptionGroup: faults that are nobody's refusal. Their rows are due again when the leases have run out.
    """
    done, before, faults = 0, -1, list[Exception]()
    while done > before:
        before = done
        for book_id in await books_with_work(engine, table):
            lease = await take(engine, table, book_id, only)
            if lease is None:
                continue
            done += 1
            try:
                await do(lease, work)
            except Exception as fault:
                fault.add_note(f"book {book_id}, {table.name}")
                faults.append(fault)
    if faults:
        raise ExceptionGroup("work was broken off", faults)
    return done


async def do(lease: Lease, work: Work) -> None:
    """Work on one row; what is wrong with its file is recorded there, and a lost lease ends it silently."""
    with suppress(LeaseLost):
        async with lease.kept():
            try:
                await work(lease)
            except MediaError as refusal:
                await lease.fail(refusal)


async def whole_place(lease: Lease, storage: Storage) -> Place:
    """Where the row's bytes lie in one object or file; those of an upload are joined first.

    Raises:
        VideoFileNotFound: they were deleted.
    """
    if lease.row.place is None:
        raise VideoFileNotFound("place")
    place = Place.parse(lease.row.place)
    if place.kind != "upload":
        return place
    book_id, upload_id = lease.row.book_id, int(place.name)
    whole = await join_upload(lease.engine, storage, book_id, upload_id)
    async with lease.engine.begin() as connection:
        await lease.write(connection, place=str(whole))
        await drop_pieces(connection, book_id, upload_id)
    await forget_upload(lease.engine, storage, book_id, upload_id)
    return whole
