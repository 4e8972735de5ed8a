"""Granting in bulk: up to 10,000 rows in one request, all or none of them, or each for itself with its own outcome.

A clipper that has a grant of the offer already, from before or by an earlier row, is refused and never doubled: so a
file may be sent again after half of it was granted.
"""

import csv
import io
from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from typing import Annotated, Literal

import msgspec
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

from ledger.money import BIGINT_MAX
from licensing.drafts import Acceptance, NewGrant
from licensing.errors import HandleNotFound, InvalidBulk, InvalidGrant, LicensingError
from licensing.grants import Grant, try_grants
from licensing.states import By
from licensing.vocabulary import account_of

MOST_ROWS = 10_000
Mode = Literal["all", "each"]

_Moment = Annotated[datetime | None, msgspec.Meta(examples=["2026-10-05T20:00:00+08:00"])]


class Attested(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """That the clipper has accepted the terms on paper, says the host; `document_sha256` is of what was signed."""

    accepted_at: Annotated[datetime, msgspec.Meta(examples=["2026-10-01T09:30:00+08:00"])]
    document_sha256: Annotated[str | None, msgspec.Meta(examples=["5f" * 32])] = None

    def by(self, by: By) -> Acceptance:
        """As the host that attests it says."""
        return Acceptance(
            accepted_at=self.accepted_at, accepted_by=by.actor, attested=True, document_sha256=self.document_sha256
        )


class GrantRow(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A clipper, by number or by an account that it has confirmed, and what its grant shall be.

    Left out, `handles` are all its confirmed accounts on the terms' platforms, and the window is as long as the terms
    allow. `reference` is the host's own name for the grant. Without `attested` the clipper is asked to accept.
    """

    clipper: Annotated[int, msgspec.Meta(ge=1, le=BIGINT_MAX, examples=[7])] | None = None
    platform: Annotated[str | None, msgspec.Meta(examples=["tiktok"])] = None
    handle: Annotated[str | None, msgspec.Meta(examples=["lina"])] = None
    handles: Annotated[tuple[str, ...], msgspec.Meta(examples=[["tiktok:lina"]])] | None = None
    starts_at: _Moment = None
    ends_at: _Moment = None
    reference: Annotated[str | None, msgspec.Meta(examples=["2026-A-0017"])] = None
    attested: Attested | None = None


class Outcome(msgspec.Struct, frozen=True, kw_only=True):
    """What became of a row, the first being 1: its grant, or the rule it breaks."""

    row: int
    outcome: Literal["granted", "refused"]
    grant_id: int | None = None
    clipper_id: int | None = None
    code: str | None = None
    field: str | None = None
    value: str | None = None
    rule: str | None = None


class BulkAnswer(msgspec.Struct, frozen=True):
    """How many rows were granted and refused, and what became of each."""

    granted: int
    refused: int
    rows: list[Outcome]


async def bulk_grant(
    connection: AsyncConnection,
    book_id: int,
    by: By,
    offer_id: int,
    rows: Sequence[GrantRow | LicensingError],
    mode: Mode = "all",
    respond_by: datetime | None = None,
) -> BulkAnswer:
    """Grant these rows; what is refused already stays so. `all`: one that is refused keeps all from being granted.

    Raises:
        InvalidBulk: no row or too many; in mode `all`, naming the first that can't be granted.
        OfferNotFound, NothingPublished, WrongTransition
    """
    if not 1 <= len(rows) <= MOST_ROWS:
        raise InvalidBulk("rows", len(rows), f"1 to {MOST_ROWS} rows")
    owners = await _owners(connection, rows)
    wanted = [_wanted(row, owners, by, respond_by) for row in rows]
    outcomes = await try_grants(connection, book_id, by, offer_id, wanted, together=mode == "all")
    refused = [(number, each) for number, each in enumerate(outcomes, 1) if isinstance(each, LicensingError)]
    if mode == "all" and refused:
        raise _refusal(refused)
    told = [_outcome(number, each) for number, each in enumerate(outcomes, 1)]
    return BulkAnswer(len(told) - len(refused), len(refused), told)


def _refusal(refused: Sequence[tuple[int, LicensingError]]) -> InvalidBulk:
    (number, first), others = refused[0], len(refused) - 1
    field = ".".join(filter(None, (f"rows[{number - 1}]", first.field)))
    also = f"; {others} more {'rows' if others > 1 else 'row'} can't be granted either" if others else ""
    return InvalidBulk(field, first.value, f"row {number}: {first.code}: {first.rule}{also}")


def _outcome(number: int, each: Grant | LicensingError | None) -> Outcome:
    if isinstance(each, LicensingError):
        return Outcome(
            row=number, outcome="refused", code=each.code, field=each.field, value=each.value, rule=each.rule
        )
    assert each is not None  # only `together` leaves rows undecided, and then there was a refusal
    return Outcome(row=number, outcome="granted", grant_id=each.grant_id, clipper_id=each.clipper_id)


# Whom a row names -------------------------------------------------------------------------------------------

_OWNERS = text("""
    SELECT platform || ':' || handle AS account, clipper_id
    FROM licensing.handles JOIN unnest(CAST(:platforms AS text[]), CAST(:handles AS text[])) AS named (platform, handle)
        USING (platform, handle)
    WHERE state = 'confirmed'
""")


async def _owners(connection: AsyncConnection, rows: Sequence[GrantRow | LicensingError]) -> Mapping[str, int]:
    """Whose the accounts are that rows name."""
    named = []
    for row in rows:
        try:
            account = _account(row) if isinstance(row, GrantRow) else None
        except LicensingError:
            continue  # which `_wanted` finds, too
        if account is not None:
            named.append(account.partition(":"))
    if not named:
        return {}
    columns = {"platforms": [platform for platform, _, _ in named], "handles": [handle for _, _, handle in named]}
    return {row.account: row.clipper_id for row in await connection.execute(_OWNERS, columns)}


def _account(row: GrantRow) -> str | None:
    """The account that stands for the clipper. Raises InvalidHandle."""
    if row.platform is None or row.handle is None:
        return None
    return account_of(row.platform, row.handle)


def _wanted(
    row: GrantRow | LicensingError, owners: Mapping[str, int], by: By, respond_by: datetime | None
) -> NewGrant | LicensingError:
    if isinstance(row, LicensingError):
        return row
    try:
        clipper_id = _clipper(row, owners)
    except LicensingError as refused:
        return refused
    return NewGrant(
        clipper_id=clipper_id,
        handles=row.handles,
        starts_at=row.starts_at,
        ends_at=row.ends_at,
        respond_by=respond_by,
        reference=row.reference,
        acceptance=row.attested.by(by) if row.attested else None,
    )


def _clipper(row: GrantRow, owners: Mapping[str, int]) -> int:
    account = _account(row)
    by_account = (row.platform, row.handle) != (None, None)
    if (row.clipper is None) != by_account or (by_account and account is None):
        raise InvalidGrant("clipper", row.clipper, "either a clipper's number, or platform and handle")
    if account is None:
        assert row.clipper is not None
        return row.clipper
    if account not in owners:
        raise HandleNotFound("handle", account, "no clipper has confirmed this account")
    return owners[account]


# CSV --------------------------------------------------------------------------------------------------------

COLUMNS = (
    "clipper",
    "platform",
    "handle",
    "handles",
    "starts_at",
    "ends_at",
    "reference",
    "accepted_at",
    "document_sha256",
)


def read_csv(body: bytes) -> list[GrantRow | LicensingError]:
    """Rows of a table with a header: UTF-8, commas, in `handles` blanks between accounts; an empty cell says nothing.

    `accepted_at` and `document_sha256` attest an acceptance on paper. A row that can't be read is its refusal.

    Raises:
        InvalidBulk: it is no such table; an unknown column is named.
    """
    try:
        lines = [line for line in csv.reader(io.StringIO(body.decode("utf-8-sig"), newline=""), strict=True) if line]
    except UnicodeDecodeError as error:
        raise InvalidBulk("body", body[error.start : error.start + 4].hex(" "), "must be UTF-8") from None
    except csv.Error as error:
        raise InvalidBulk("body", None, f"must be CSV: {error}") from None
    if not lines:
        raise InvalidBulk("body", None, f"a header of {', '.join(COLUMNS)}, and rows")
    header = [name.strip() for name in lines[0]]
    for position, name in enumerate(header):
        if name not in COLUMNS:
            raise InvalidBulk("header", name, f"must be one of {', '.join(COLUMNS)}")
        if name in header[:position]:
            raise InvalidBulk("header", name, "is there twice")
    return list(_rows(header, lines[1:]))


def _rows(header: Sequence[str], lines: Sequence[Sequence[str]]) -> Iterator[GrantRow | LicensingError]:
    for line in lines:
        if len(line) != len(header):
            yield InvalidBulk("row", ",".join(line), f"must have {len(header)} cells, as the header has")
            continue
        cells = {name: cell.strip() for name, cell in zip(header, line, strict=True) if cell.strip()}
        try:
            yield _row(cells)
        except LicensingError as refused:
            yield refused


def _row(cells: Mapping[str, str]) -> GrantRow:
    return GrantRow(
        clipper=_number(cells, "clipper"),
        platform=cells.get("platform"),
        handle=cells.get("handle"),
        handles=tuple(cells["handles"].split()) if "handles" in cells else None,
        starts_at=_moment(cells, "starts_at"),
        ends_at=_moment(cells, "ends_at"),
        reference=cells.get("reference"),
        attested=_attested(cells),
    )


def _attested(cells: Mapping[str, str]) -> Attested | None:
    accepted_at, signed = _moment(cells, "accepted_at"), cells.get("document_sha256")
    if accepted_at is not None:
        return Attested(accepted_at=accepted_at, document_sha256=signed)
    if signed is not None:
        raise InvalidGrant("accepted_at", None, "is needed where document_sha256 is given")
    return None


def _number(cells: Mapping[str, str], name: str) -> int | None:
    if (said := cells.get(name)) is None:
        return None
    if not (said.isascii() and said.isdigit() and len(said) < 20 and 1 <= int(said) <= BIGINT_MAX):
        raise InvalidGrant(name, said, f"a number from 1 to {BIGINT_MAX}")
    return int(said)


def _moment(cells: Mapping[str, str], name: str) -> datetime | None:
    if (said := cells.get(name)) is None:
        return None
    try:
        return datetime.fromisoformat(said)
    except ValueError:
        raise InvalidGrant(name, said, "a moment as ISO 8601 writes it, such as 2026-10-05T20:00:00+08:00") from None
