"""Verification: whether the books are what the rules made them, told as findings, down to the row.

It trusts nothing that the database keeps beside the postings: it sums them again, hashes every entry's content
again and walks the seals from the first. Its memory is bounded by one seal, however large the book.
"""

from collections.abc import Callable, Mapping
from typing import Any, Literal

import msgspec
from sqlalchemy import Row, text
from sqlalchemy.ext.asyncio import AsyncConnection

from ledger import merkle
from ledger.entries import NewEntry, content_digest, content_of
from ledger.seals import GENESIS, SEAL_SIZE, find_seal, leaf, seal_hash

MAX_FINDINGS = 1000

Rule = Literal[
    "unbalanced-entry",
    "incomplete-entry",
    "stray-posting",
    "wrong-movement",
    "changed-entry",
    "missing-entry",
    "passed-over-entry",
    "broken-seal",
    "missing-seal",
    "other-seal",
]


class Finding(msgspec.Struct, frozen=True):
    """One thing that is wrong: which rule, where, and how it was seen."""

    rule: Rule
    subject: str
    detail: str


class Verification(msgspec.Struct, frozen=True):
    """What was looked at and what was found; `findings` ends after MAX_FINDINGS."""

    entries: int
    postings: int
    seals: int
    unsealed: int
    findings: list[Finding]

    @property
    def sound(self) -> bool:
        """Whether nothing is wrong."""
        return not self.findings


async def verify(
    connection: AsyncConnection,
    book_id: int,
    *,
    known_seals: Mapping[int, str] | None = None,
    progress: Callable[[int], None] = lambda entries: None,
) -> Verification:
    """Check a whole book.

    `known_seals` are seal hashes (hex) noted outside the database, by seal number: with them even a history that
    was rewritten whole, seals and all, is found. `progress` is told the number of entries hashed so far.
    """
    findings: list[Finding] = []
    for rule, statement in _RULES.items():
        rows = await connection.execute(statement, {"book": book_id, "limit": MAX_FINDINGS})
        findings += [Finding(rule, row.subject, row.detail) for row in rows]
    walk = _Walk(book_id, dict(known_seals or {}), findings, progress)
    await walk.sealed(connection)
    await walk.unsealed(connection)
    return Verification(walk.entries, walk.postings, walk.seals, walk.unsealed_entries, findings[:MAX_FINDINGS])


async def verify_seal(connection: AsyncConnection, book_id: int, seal_no: int) -> Verification:
    """Check one seal: whether its entries are what was sealed, and it follows from the seal before it.

    Raises SealNotFound.
    """
    await find_seal(connection, book_id, seal_no)
    asked = {"book": book_id, "from": seal_no - 1, "to": seal_no}
    *before, its = (await connection.execute(_SEALS_FROM, asked)).all()
    walk = _Walk(book_id, {}, [], lambda entries: None)
    walk.seals = seal_no - 1
    await walk.seal(connection, its, before[0].seal_hash if before else GENESIS)
    return Verification(walk.entries, walk.postings, 1, 0, walk.findings)


_RULES: Mapping[Rule, Any] = {
    "unbalanced-entry": text("""
        SELECT 'entry ' || entry_id AS subject, 'sums to ' || sum(amount) || ' ' || currency AS detail
        FROM ledger.postings WHERE book_id = :book
        GROUP BY entry_id, currency HAVING sum(amount) <> 0 ORDER BY entry_id LIMIT :limit"""),
    "incomplete-entry": text("""
        SELECT 'entry ' || e.entry_id AS subject,
               coalesce(p.lines, 0) || ' of ' || e.line_count || ' lines, the last numbered ' || coalesce(p.last, 0)
                   AS detail
        FROM ledger.entries AS e
        LEFT JOIN (SELECT entry_id, count(*) AS lines, max(line) AS last
                   FROM ledger.postings WHERE book_id = :book GROUP BY entry_id) AS p ON p.entry_id = e.entry_id
        WHERE e.book_id = :book AND (p.lines, p.last) IS DISTINCT FROM (e.line_count::bigint, e.line_count)
        ORDER BY e.entry_id LIMIT :limit"""),
    "stray-posting": text("""
        SELECT 'entry ' || p.entry_id || ' line ' || p.line AS subject,
               CASE WHEN e.entry_id IS NULL THEN 'belongs to no entry'
                    WHEN a.account_id IS NULL THEN 'is on no account of its book and currency'
                    ELSE 'has other dates than its entry' END AS detail
        FROM ledger.postings AS p
        LEFT JOIN ledger.entries AS e ON e.book_id = p.book_id AND e.entry_id = p.entry_id
        LEFT JOIN ledger.accounts AS a
            ON a.book_id = p.book_id AND a.account_id = p.account_id AND a.currency = p.currency
        WHERE p.book_id = :book AND (e.entry_id IS NULL OR a.account_id IS NULL
            OR (p.effective_on, p.period) <> (e.effective_on, e.period))
        ORDER BY p.entry_id, p.line LIMIT :limit"""),
    "wrong-movement": text("""
        SELECT 'account ' || coalesce(a.code, j.account_id::text) || ' on ' || j.effective_on AS subject,
               'movements say ' || coalesce(m.amount, 0) || ', postings ' || coalesce(p.amount, 0) AS detail
        FROM (SELECT account_id, period, effective_on, recorded_on, sum(amount) AS amount
              FROM ledger.movements WHERE book_id = :book GROUP BY 1, 2, 3, 4) AS m
        FULL JOIN (SELECT p.account_id, p.period, p.effective_on,
                          (e.recorded_at AT TIME ZONE b.time_zone)::date AS recorded_on, sum(p.amount) AS amount
                   FROM ledger.postings AS p
                   JOIN ledger.entries AS e ON e.book_id = p.book_id AND e.entry_id = p.entry_id
                   JOIN ledger.books AS b ON b.book_id = p.book_id
                   WHERE p.book_id = :book GROUP BY 1, 2, 3, 4) AS p
            USING (account_id, period, effective_on, recorded_on) AS j
        LEFT JOIN ledger.accounts AS a ON a.book_id = :book AND a.account_id = j.account_id
        WHERE coalesce(m.amount, 0) <> coalesce(p.amount, 0)
        ORDER BY j.account_id, j.effective_on LIMIT :limit"""),
    "missing-seal": text("""
        SELECT DISTINCT 'seal ' || l.seal_no AS subject, 'is gone, and of its entries the hashes are left' AS detail
        FROM ledger.sealed_entries AS l
        LEFT JOIN ledger.seals AS s ON s.book_id = l.book_id AND s.seal_no = l.seal_no
        WHERE l.book_id = :book AND s.seal_no IS NULL ORDER BY subject LIMIT :limit"""),
}

# Tampered values may be more than Python reads: a time is left out, metadata comes as text.
_CONTENT = """
    e.entry_id, CASE WHEN e.recorded_at BETWEEN '0001-01-02' AND '9999-12-30' THEN e.recorded_at END AS recorded_at,
    encode(e.digest, 'hex') AS digest, e.idempotency_key, e.effective_on, e.period,
    e.description, e.metadata::text AS metadata, e.reverses,
    coalesce((
        SELECT array_agg(ARRAY[coalesce(a.code, ''), p.currency, p.amount::text] ORDER BY p.line)
        FROM ledger.postings AS p
        LEFT JOIN ledger.accounts AS a ON a.book_id = p.book_id AND a.account_id = p.account_id
        WHERE p.book_id = e.book_id AND p.entry_id = e.entry_id), '{}') AS lines"""

_SEAL = """
    SELECT seal_no, entry_count, merkle_root, seal_hash, last_transaction_id::text AS last_transaction_id, last_entry_id
    FROM ledger.seals WHERE book_id = :book"""
_SEALS = text(f"{_SEAL} ORDER BY seal_no")
_SEALS_FROM = text(f"{_SEAL} AND seal_no BETWEEN :from AND :to ORDER BY seal_no")

# OFFSET 0: one look-up by primary key for each leaf, also where the planner knows nothing of the tables yet.
_SEALED = text(f"""
    SELECT s.entry_id AS sealed_id, s.leaf_hash, e.*
    FROM ledger.sealed_entries AS s
    LEFT JOIN LATERAL (
        SELECT {_CONTENT} FROM ledger.entries AS e
        WHERE e.book_id = s.book_id AND e.entry_id = s.entry_id OFFSET 0
    ) AS e ON true
    WHERE s.book_id = :book AND s.seal_no = :seal ORDER BY s.leaf_no""")

_UNSEALED = text(f"""
    SELECT (e.transaction_id, e.entry_id) <= (CAST(:transaction AS xid8), :entry)
           AND CAST(:transaction AS xid8) < pg_snapshot_xmin(pg_current_snapshot()) AS passed_over, {_CONTENT}
    FROM ledger.entries AS e
    WHERE e.book_id = :book AND e.entry_id > :after
      AND NOT EXISTS (SELECT FROM ledger.sealed_entries AS s WHERE s.book_id = e.book_id AND s.entry_id = e.entry_id)
    ORDER BY e.entry_id LIMIT :limit""")


_METADATA = msgspec.json.Decoder(dict[str, str])


class _Walk:
    """One walk over a book's entries: what it has counted and found."""

    def __init__(
        self, book_id: int, known: dict[int, str], findings: list[Finding], progress: Callable[[int], None]
    ) -> None:
        self.book_id = book_id
        self.known = known
        self.findings = findings
        self.progress = progress
        self.entries = self.postings = self.seals = self.unsealed_entries = 0
        self.last_sealed = ("0", 0)

    async def sealed(self, connection: AsyncConnection) -> None:
        previous = GENESIS
        for seal_row in (await connection.execute(_SEALS, {"book": self.book_id})).all():
            await self.seal(connection, seal_row, previous)
            previous = seal_row.seal_hash
            self.last_sealed = (seal_row.last_transaction_id, seal_row.last_entry_id)
        for seal_no in sorted(self.known):
            if seal_no > self.seals:
                self._found("other-seal", f"seal {seal_no}", "is known but not in the book")

    async def seal(self, connection: AsyncConnection, row: Row[Any], previous: bytes) -> None:
        rows = await connection.execute(_SEALED, {"book": self.book_id, "seal": row.seal_no})
        leaves = [self._sealed_leaf(each) for each in rows]
        self.seals += 1
        self._check_seal(row, previous, leaves)

    async def unsealed(self, connection: AsyncConnection) -> None:
        after = 0
        transaction, entry = self.last_sealed
        while True:
            asked = {
                "book": self.book_id,
                "after": after,
                "limit": SEAL_SIZE,
                "transaction": transaction,
                "entry": entry,
            }
            rows = (await connection.execute(_UNSEALED, asked)).all()
            for row in rows:
                self._digest(row)
                if row.passed_over:
                    self._found("passed-over-entry", f"entry {row.entry_id}", "is not sealed, though later ones are")
            self.unsealed_entries += len(rows)
            if len(rows) < SEAL_SIZE:
                return
            after = rows[-1].entry_id

    def _sealed_leaf(self, row: Row[Any]) -> bytes:
        """The leaf as it was sealed; an entry that no longer leads to it is a finding."""
        if row.entry_id is None:
            self._found("missing-entry", f"entry {row.sealed_id}", "was sealed and is gone")
        elif not self._leads_to(row, row.leaf_hash):
            self._found("changed-entry", f"entry {row.entry_id}", "is not what was sealed")
        return bytes(row.leaf_hash)

    def _leads_to(self, row: Row[Any], leaf_hash: bytes) -> bool:
        digest = self._digest(row)
        if digest is None or row.recorded_at is None:
            return False
        return leaf(self.book_id, row.entry_id, row.recorded_at, digest) == leaf_hash

    def _digest(self, row: Row[Any]) -> bytes | None:
        """The digest of the entry's content as it stands, or None where no entry could be so."""
        self.entries += 1
        self.postings += len(row.lines)
        if self.entries % SEAL_SIZE == 0:
            self.progress(self.entries)
        digest = self._content_digest(row)
        if digest is None or digest.hex() != row.digest:
            self._found("changed-entry", f"entry {row.entry_id}", "its content is not what was posted")
        return digest

    def _content_digest(self, row: Row[Any]) -> bytes | None:
        try:
            metadata = _METADATA.decode(row.metadata)
        except msgspec.MsgspecError:
            return None
        return content_digest(self.book_id, NewEntry(**{**content_of(row), "metadata": metadata}))

    def _check_seal(self, row: Row[Any], previous: bytes, leaves: list[bytes]) -> None:
        name = f"seal {row.seal_no}"
        if merkle.root(leaves) != row.merkle_root or len(leaves) != row.entry_count:
            self._found("broken-seal", name, "its leaves do not lead to its root")
        if row.seal_no != self.seals:
            self._found("broken-seal", name, f"stands where seal {self.seals} belongs")
        expected = seal_hash(previous, self.book_id, row.seal_no, row.entry_count, row.merkle_root)
        if expected != row.seal_hash:
            self._found("broken-seal", name, "its hash does not follow from its root and the seal before it")
        if self.known.get(row.seal_no, row.seal_hash.hex()) != row.seal_hash.hex():
            self._found("other-seal", name, "is not the seal that is known")

    def _found(self, rule: Rule, subject: str, said: str) -> None:
        if len(self.findings) < MAX_FINDINGS:
            self.findings.append(Finding(rule, subject, said))
