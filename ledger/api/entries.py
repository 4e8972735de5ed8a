"""Entries of a book: post one or a batch, reverse, list, find, prove."""

from datetime import date, datetime
from typing import Annotated

import msgspec
from litestar import Response, get, post
from litestar.di import NamedDependency
from litestar.openapi import ResponseSpec
from litestar.params import FromPath, FromQuery, JSONBody
from sqlalchemy.ext.asyncio import AsyncConnection

from ledger.api.pages import Cursor, Limit, Page, number_of, page_of
from ledger.api.parameters import POST, READ
from ledger.entries import (
    Entry,
    Line,
    NewEntry,
    Posted,
    canonical_content,
    find_entry,
    find_entry_by_key,
    list_entries,
    post_batch,
    reverse,
)
from ledger.entries import post as post_entry
from ledger.money import BIGINT_MAX
from ledger.periods import format_period, parse_period
from ledger.seals import InclusionProof, inclusion_proof

LARGEST_BODY = 32 * 1024 * 1024
"""Bytes; an entry of 100,000 lines on the longest codes fits."""
_MOST_AT_ONCE = 10_000

_EXAMPLE = {
    "idempotency_key": "douyin-78231-accrued",
    "effective_on": "2026-10-05",
    "description": "Sale 78231 accrued",
    "lines": [
        {"account": "assets:marketplace:douyin", "currency": "CNY", "amount": 13020},
        {"account": "liabilities:held:lina", "currency": "CNY", "amount": -13020},
    ],
}
_Key = Annotated[str, msgspec.Meta(examples=[_EXAMPLE["idempotency_key"]])]
_Day = Annotated[date, msgspec.Meta(examples=[_EXAMPLE["effective_on"]])]
_Month = Annotated[str, msgspec.Meta(examples=["2026-10"])]
_Description = Annotated[str, msgspec.Meta(examples=[_EXAMPLE["description"]])]
_Metadata = Annotated[dict[str, str], msgspec.Meta(examples=[{"order": "78231"}])]


class LineToPost(Line, frozen=True, forbid_unknown_fields=True):
    """One posting: an integer of minor units, debit positive, credit negative, never zero."""

    account: Annotated[str, msgspec.Meta(examples=["assets:marketplace:douyin", "liabilities:held:lina"])]
    currency: Annotated[str, msgspec.Meta(examples=["CNY"])]
    amount: Annotated[int, msgspec.Meta(examples=[13020, -13020])]


class EntryContent(msgspec.Struct, kw_only=True, forbid_unknown_fields=True):
    """A dated, described event whose lines sum to zero in each currency. A late fact keeps its own `effective_on` and
    names as `period` the open month it is booked in.
    """

    effective_on: _Day
    description: _Description
    lines: Annotated[tuple[LineToPost, ...], msgspec.Meta(examples=[_EXAMPLE["lines"]])]
    metadata: _Metadata = {}
    period: _Month | None = None

    def named(self, idempotency_key: str, field: str = "") -> NewEntry:
        """The entry under this key. `field` is put before the names of fields. Raises InvalidPeriod."""
        return NewEntry(
            idempotency_key=idempotency_key,
            effective_on=self.effective_on,
            description=self.description,
            lines=self.lines,
            metadata=self.metadata,
            period=_parsed(self.period, field),
        )


class EntryToPost(EntryContent, kw_only=True, forbid_unknown_fields=True):
    """`idempotency_key` names the event in its book for good; left out, it is the request's Idempotency-Key."""

    idempotency_key: _Key | None = None


class EntryOfBatch(EntryContent, kw_only=True, forbid_unknown_fields=True):
    """`idempotency_key` names the event in its book for good."""

    idempotency_key: _Key


class Batch(msgspec.Struct, forbid_unknown_fields=True):
    """Up to 10,000 entries, posted together or not at all."""

    entries: Annotated[list[EntryOfBatch], msgspec.Meta(min_length=1, max_length=_MOST_AT_ONCE, examples=[[_EXAMPLE]])]


class PostedBatch(msgspec.Struct):
    """What became of each entry, in the order they were sent."""

    posted: list[Posted]


class Reversal(msgspec.Struct, kw_only=True, forbid_unknown_fields=True):
    """When the reversal takes effect; the rest follows from the entry reversed."""

    effective_on: _Day
    description: _Description | None = None
    period: _Month | None = None
    idempotency_key: _Key | None = None


class EntryView(msgspec.Struct):
    """An entry of the books. `digest` is the SHA-256 of its content, in hex; `period` the month it is booked in."""

    entry_id: int
    idempotency_key: str
    effective_on: date
    period: _Month
    recorded_at: datetime
    description: str
    lines: tuple[Line, ...]
    metadata: dict[str, str]
    reverses: int | None
    reversed_by: int | None
    digest: str


class EntryProof(msgspec.Struct):
    """That a seal holds an entry. `content` is the text whose SHA-256 is the proof's `digest`."""

    content: str
    proof: InclusionProof


_THERE_BEFORE = {200: ResponseSpec(Posted, description="The entry was in the books before.")}


@post(
    "/entries",
    opt={**POST, "action": "entry.post"},
    request_max_body_size=LARGEST_BODY,
    responses=_THERE_BEFORE,
    summary="Post an entry",
)
async def post_one(
    data: JSONBody[EntryToPost],
    connection: NamedDependency[AsyncConnection],
    book_id: NamedDependency[int],
    key: NamedDependency[str],
    book: FromPath[str],
) -> Response[Posted]:
    """The same key with the same content is the same entry, and with other content a conflict."""
    entry = data.named(key if data.idempotency_key is None else data.idempotency_key)
    return _answer(book, await post_entry(connection, book_id, entry))


@post(
    "/entries/batch",
    opt={**POST, "action": "entry.post-batch"},
    request_max_body_size=LARGEST_BODY,
    status_code=200,
    summary="Post a batch of entries",
)
async def post_many(
    data: JSONBody[Batch], connection: NamedDependency[AsyncConnection], book_id: NamedDependency[int]
) -> PostedBatch:
    """All or none. Far faster than one by one."""
    entries = [entry.named(entry.idempotency_key, f"entries[{at}].") for at, entry in enumerate(data.entries)]
    return PostedBatch(await post_batch(connection, book_id, entries))


@post(
    "/entries/{entry_id:int}/reverse",
    opt={**POST, "action": "entry.reverse"},
    responses=_THERE_BEFORE,
    summary="Reverse an entry",
)
async def reverse_one(
    entry_id: FromPath[int],
    data: JSONBody[Reversal],
    connection: NamedDependency[AsyncConnection],
    book_id: NamedDependency[int],
    key: NamedDependency[str],
    book: FromPath[str],
) -> Response[Posted]:
    """Posts the entry that undoes it, line by line. An entry is reversed at most once."""
    posted = await reverse(
        connection,
        book_id,
        entry_id,
        idempotency_key=key if data.idempotency_key is None else data.idempotency_key,
        effective_on=data.effective_on,
        description=data.description,
        period=_parsed(data.period),
    )
    return _answer(book, posted)


@get("/entries", opt=READ, summary="Entries")
async def list_all(
    connection: NamedDependency[AsyncConnection],
    book_id: NamedDependency[int],
    limit: Limit = 100,
    cursor: Cursor = None,
) -> Page[EntryView]:
    """Newest first, with their lines."""
    before = BIGINT_MAX if cursor is None else number_of(cursor)
    entries = await list_entries(connection, book_id, before=before, limit=limit + 1)
    return page_of([_view(entry) for entry in entries], limit, lambda entry: entry.entry_id)


@get("/entries/by-key", opt=READ, summary="The entry posted under a key")
async def show_by_key(
    connection: NamedDependency[AsyncConnection], book_id: NamedDependency[int], idempotency_key: FromQuery[str]
) -> EntryView:
    """For a poster who lost the answer."""
    return _view(await find_entry_by_key(connection, book_id, idempotency_key))


@get("/entries/{entry_id:int}", opt=READ, summary="One entry")
async def show(
    entry_id: FromPath[int], connection: NamedDependency[AsyncConnection], book_id: NamedDependency[int]
) -> EntryView:
    """With its lines, what it reverses and what reverses it."""
    return _view(await find_entry(connection, book_id, entry_id))


@get("/entries/{entry_id:int}/proof", opt=READ, summary="Proof that an entry is sealed")
async def show_proof(
    entry_id: FromPath[int], connection: NamedDependency[AsyncConnection], book_id: NamedDependency[int]
) -> EntryProof:
    """All that is needed to check it without this service; docs/http-api.md shows how."""
    proof = await inclusion_proof(connection, book_id, entry_id)
    entry = await find_entry(connection, book_id, entry_id)
    return EntryProof(canonical_content(book_id, entry).decode(), proof)


def _answer(book: str, posted: Posted) -> Response[Posted]:
    headers = {"Location": f"/v1/books/{book}/entries/{posted.entry_id}"}
    return Response(posted, status_code=201 if posted.created else 200, headers=headers)


def _parsed(period: str | None, field: str = "") -> date | None:
    return None if period is None else parse_period(period, f"{field}period")


def _view(entry: Entry) -> EntryView:
    return EntryView(**{**msgspec.structs.asdict(entry), "period": format_period(entry.booked_in)})


ROUTES = [post_one, post_many, reverse_one, list_all, show_by_key, show, show_proof]
