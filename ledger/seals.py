"""Seals: proof that what was recorded is still what was recorded.

Entries are sealed in the order of the transactions that wrote them, once no earlier transaction can still be under
way, so that none is missed and none comes between. A seal is a Merkle tree (see `ledger.merkle`) of at most
`SEAL_SIZE` entries, and each seal's hash covers the one before it: whoever knows the newest seal's hash can find any
later change of any sealed entry.

    leaf  = SHA-256(0x00 ‖ canonical JSON of [book, entry, recorded_at, content digest])
    seal  = SHA-256(0x02 ‖ previous seal's hash ‖ canonical JSON of [book, seal number, entries, Merkle root])
"""

import hashlib
from collections.abc import Iterable
from datetime import UTC, date, datetime
from itertools import groupby
from typing import Any

import msgspec
from sqlalchemy import Row, insert, select, text
from sqlalchemy.ext.asyncio import AsyncConnection

from ledger import merkle, tables
from ledger.entries import find_entry
from ledger.errors import EntryNotSealed, SealNotFound
from ledger.money import BIGINT_MAX

SEAL_SIZE = 8192
INTEGER_MAX = 2**31 - 1  # of a seal's number
GENESIS = bytes(32)
"""What the first seal of a book is chained to."""


class Seal(msgspec.Struct, frozen=True):
    """Hashes are in hex."""

    seal_no: int
    entry_count: int
    merkle_root: str
    seal_hash: str
    sealed_at: datetime


class SealedEntry(msgspec.Struct, frozen=True):
    """An entry at its place in a seal."""

    leaf_no: int
    entry_id: int
    effective_on: date
    recorded_at: datetime
    description: str


class InclusionProof(msgspec.Struct, frozen=True):
    """All that is needed to check, without the ledger, that a seal holds an entry; see `proof_holds`."""

    entry_id: int
    recorded_at: datetime
    digest: str
    book_id: int
    leaf_no: int
    path: list[str]
    seal: Seal
    previous_seal_hash: str


def leaf(book_id: int, entry_id: int, recorded_at: datetime, digest: bytes) -> bytes:
    """An entry's leaf hash; `digest` is `ledger.entries.content_digest` of its content."""
    recorded = recorded_at.astimezone(UTC).isoformat(timespec="microseconds")
    return merkle.leaf_hash(msgspec.json.encode((book_id, entry_id, recorded, digest.hex())))


def seal_hash(previous: bytes, book_id: int, seal_no: int, entry_count: int, merkle_root: bytes) -> bytes:
    """A seal's hash, chained to the one before it."""
    content = msgspec.json.encode((book_id, seal_no, entry_count, merkle_root.hex()))
    return hashlib.sha256(b"\x02" + previous + content).digest()


def proof_holds(proof: InclusionProof) -> bool:
    """Whether the proof leads from the entry's content to its seal's hash. Pure: anyone can run it."""
    root = merkle.root_from_proof(
        leaf(proof.book_id, proof.entry_id, proof.recorded_at, bytes.fromhex(proof.digest)),
        proof.leaf_no,
        proof.seal.entry_count,
        [bytes.fromhex(step) for step in proof.path],
    )
    if root is None or root.hex() != proof.seal.merkle_root:
        return False
    previous = bytes.fromhex(proof.previous_seal_hash)
    expected = seal_hash(previous, proof.book_id, proof.seal.seal_no, proof.seal.entry_count, root)
    return expected.hex() == proof.seal.seal_hash


# Sealing -------------------------------------------------------------------------------------------------------

_UNSEALED = text("""
    SELECT e.entry_id, e.recorded_at, e.digest, e.transaction_id::text AS transaction_id
    FROM ledger.entries AS e
    WHERE e.book_id = :book AND e.line_count > 0
      AND (e.transaction_id, e.entry_id) > (CAST(:transaction AS xid8), :entry)
      AND e.transaction_id < pg_snapshot_xmin(pg_current_snapshot())
      AND (SELECT true FROM ledger.sealed_entries AS s WHERE s.book_id = e.book_id AND s.entry_id = e.entry_id) IS NULL
    ORDER BY e.transaction_id, e.entry_id
    LIMIT :limit""")

# A number not below xmin is of another server, from which this database was restored: here they began again.
_LAST = text("""
    SELECT seal_no, seal_hash,
           CASE WHEN last_transaction_id < pg_snapshot_xmin(pg_current_snapshot()) THEN last_transaction_id::text
                ELSE '0' END AS last_transaction_id,
           last_entry_id
    FROM ledger.seals WHERE book_id = :book ORDER BY seal_no DESC LIMIT 1""")

_ADD_LEAVES = text("""
    INSERT INTO ledger.sealed_entries (book_id, seal_no, leaf_no, entry_id, leaf_hash)
    SELECT :book, :seal, w.place - 1, w.entry_id, w.leaf_hash
    FROM unnest(CAST(:entries AS bigint[]), CAST(:hashes AS bytea[]))
        WITH ORDINALITY AS w (entry_id, leaf_hash, place)""")


async def seal(connection: AsyncConnection, book_id: int) -> list[Seal]:
    """Seal all entries of the book that can be; the new seals, none where there is nothing to seal.

    An entry waits while any transaction older than its own is under way. Two callers take turns.
    """
    await connection.execute(
        text("SELECT pg_advisory_xact_lock(4218, CAST(:book % 2147483647 AS integer))"), {"book": book_id}
    )
    last = (await connection.execute(_LAST, {"book": book_id})).one_or_none()
    seal_no, previous, transaction, entry = last or (0, GENESIS, "0", 0)
    made: list[Seal] = []
    while True:
        asked = {"book": book_id, "transaction": transaction, "entry": entry, "limit": SEAL_SIZE}
        rows = (await connection.execute(_UNSEALED, asked)).all()
        if not rows:
            return made
        seal_no += 1
        transaction, entry = rows[-1].transaction_id, rows[-1].entry_id
        leaves = [leaf(book_id, row.entry_id, row.recorded_at, row.digest) for row in rows]
        root = merkle.root(leaves)
        previous = seal_hash(previous, book_id, seal_no, len(rows), root)
        statement = insert(tables.seals).values(
            book_id=book_id,
            seal_no=seal_no,
            entry_count=len(rows),
            merkle_root=root,
            seal_hash=previous,
            last_transaction_id=transaction,
            last_entry_id=entry,
        )
        sealed_at = (await connection.execute(statement.returning(tables.seals.c.sealed_at))).scalar_one()
        await connection.execute(
            _ADD_LEAVES,
            {"book": book_id, "seal": seal_no, "entries": [row.entry_id for row in rows], "hashes": leaves},
        )
        made.append(Seal(seal_no, len(rows), root.hex(), previous.hex(), sealed_at))


# Reading -------------------------------------------------------------------------------------------------------


async def list_seals(
    connection: AsyncConnection, book_id: int, *, before: int = INTEGER_MAX, limit: int = 100
) -> list[Seal]:
    """Seals, newest first, those numbered below `before`."""
    seals = tables.seals
    below = seals.c.seal_no < max(0, min(before, INTEGER_MAX))
    statement = select(seals).where(seals.c.book_id == book_id, below).order_by(seals.c.seal_no.desc())
    return [_seal_of(row) for row in await connection.execute(statement.limit(limit))]


async def find_seal(connection: AsyncConnection, book_id: int, seal_no: int) -> Seal:
    """The book's seal of this number. Raises SealNotFound."""
    if not 1 <= seal_no <= INTEGER_MAX:
        raise SealNotFound("seal", seal_no)
    seals = tables.seals
    row = (
        await connection.execute(select(seals).where(seals.c.book_id == book_id, seals.c.seal_no == seal_no))
    ).one_or_none()
    if row is None:
        raise SealNotFound("seal", seal_no)
    return _seal_of(row)


_SEALED_ENTRIES = text("""
    SELECT place.leaf_no, its.entry_id, its.effective_on, its.recorded_at, its.description
    FROM ledger.sealed_entries AS place JOIN ledger.entries AS its USING (book_id, entry_id)
    WHERE place.book_id = :book AND place.seal_no = :seal AND place.leaf_no > :after
    ORDER BY place.leaf_no LIMIT :limit""")


async def sealed_entries(
    connection: AsyncConnection, book_id: int, seal_no: int, *, after: int = -1, limit: int = 100
) -> list[SealedEntry]:
    """What a seal holds, in the order of its leaves, those after a given one."""
    asked = {"book": book_id, "seal": seal_no, "after": min(after, INTEGER_MAX), "limit": limit}
    return [SealedEntry(*row) for row in await connection.execute(_SEALED_ENTRIES, asked)]


# As in _UNSEALED, but for what only waits for an older transaction to end.
_WAITING = text("""
    SELECT count(*) FROM (
        SELECT FROM ledger.entries AS e
        WHERE e.book_id = :book AND e.line_count > 0
          AND (e.transaction_id, e.entry_id) > (CAST(:transaction AS xid8), :entry)
          AND NOT EXISTS (SELECT FROM ledger.sealed_entries AS s
                          WHERE s.book_id = e.book_id AND s.entry_id = e.entry_id)
        LIMIT :most) AS waiting""")


async def count_unsealed(connection: AsyncConnection, book_id: int, most: int) -> int:
    """How many entries no seal holds; what is beyond `most` is not counted."""
    last = (await connection.execute(_LAST, {"book": book_id})).one_or_none()
    transaction, entry = (last.last_transaction_id, last.last_entry_id) if last else ("0", 0)
    asked = {"book": book_id, "transaction": transaction, "entry": entry, "most": most}
    return int((await connection.execute(_WAITING, asked)).scalar_one())


async def inclusion_proof(connection: AsyncConnection, book_id: int, entry_id: int) -> InclusionProof:
    """The proof that a seal holds this entry.

    Raises:
        EntryNotFound: the book has no such entry.
        EntryNotSealed: it waits for the next seal.
    """
    proof = (await inclusion_proofs(connection, book_id, [entry_id])).get(entry_id)
    if proof is None:
        await find_entry(connection, book_id, entry_id)
        raise EntryNotSealed("entry", entry_id)
    return proof


_PLACES = text("""
    SELECT place.seal_no, place.leaf_no, its.entry_id, its.recorded_at, encode(its.digest, 'hex') AS digest
    FROM ledger.entries AS its JOIN ledger.sealed_entries AS place USING (book_id, entry_id)
    WHERE its.book_id = :book AND its.entry_id = ANY(CAST(:entries AS bigint[]))
    ORDER BY place.seal_no, place.leaf_no""")

_LEAVES = text("""
    SELECT leaf_hash FROM ledger.sealed_entries WHERE book_id = :book AND seal_no = :seal ORDER BY leaf_no""")


async def inclusion_proofs(
    connection: AsyncConnection, book_id: int, entry_ids: Iterable[int]
) -> dict[int, InclusionProof]:
    """By entry, of those that are sealed; each seal's leaves are read once."""
    asked = {"book": book_id, "entries": [number for number in set(entry_ids) if abs(number) <= BIGINT_MAX]}
    rows = (await connection.execute(_PLACES, asked)).all()
    found: dict[int, InclusionProof] = {}
    for seal_no, several in groupby(rows, lambda row: int(row.seal_no)):
        places = list(several)
        hashes = await connection.scalars(_LEAVES, {"book": book_id, "seal": seal_no})
        paths = merkle.inclusion_proofs([bytes(hash_) for hash_ in hashes], [row.leaf_no for row in places])
        seal_ = await find_seal(connection, book_id, seal_no)
        previous = (await find_seal(connection, book_id, seal_no - 1)).seal_hash if seal_no > 1 else GENESIS.hex()
        for row, path in zip(places, paths, strict=True):
            found[row.entry_id] = InclusionProof(
                entry_id=row.entry_id,
                recorded_at=row.recorded_at,
                digest=row.digest,
                book_id=book_id,
                leaf_no=row.leaf_no,
                path=[step.hex() for step in path],
                seal=seal_,
                previous_seal_hash=previous,
            )
    return found


def _seal_of(row: Row[Any]) -> Seal:
    return Seal(row.seal_no, row.entry_count, row.merkle_root.hex(), row.seal_hash.hex(), row.sealed_at)
