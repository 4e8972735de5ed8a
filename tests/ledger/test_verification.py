"""Verification finds what was done behind the ledger's back, and names the row.

Each test has a book of two seals and one entry that waits, in a database apart whose owner disables the triggers,
tampers, and enables them again.
"""

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date

import msgspec
import psycopg
import pytest
from sqlalchemy.ext.asyncio import AsyncEngine

from clipledger import database
from clipledger.database import DatabaseUrls
from ledger.entries import NewEntry, content_digest
from ledger.seals import SEAL_SIZE
from ledger.verification import MAX_FINDINGS, verify
from tests.ledger.bookkeeper import TABLES, Bookkeeper, entry, sale


@dataclass(frozen=True)
class Scene:
    """`names` are the numbers that {names} in SQL and findings stand for; `seals` are what somebody noted outside."""

    keeper: Bookkeeper
    urls: DatabaseUrls
    said: NewEntry
    names: Mapping[str, object]
    seals: dict[int, str]

    async def tamper(self, *statements: str) -> None:
        await asyncio.to_thread(self._tamper, statements)

    def _tamper(self, statements: tuple[str, ...]) -> None:
        with psycopg.connect(database.conninfo(self.urls.owner)) as connection:
            for table in TABLES:
                connection.execute(f"ALTER TABLE ledger.{table} DISABLE TRIGGER USER".encode())
            for statement in statements:
                changed = connection.execute(statement.format(**self.names).encode())
                assert changed.rowcount > 0, statement
            for table in TABLES:
                connection.execute(f"ALTER TABLE ledger.{table} ENABLE TRIGGER USER".encode())

    async def found(self) -> set[str]:
        return {f"{each.rule}: {each.subject}" for each in (await self.keeper.verify()).findings}

    async def must_find(self, findings: str) -> None:
        expected = {line.strip().format(**self.names) for line in findings.strip().splitlines()}
        assert await self.found() == expected


@pytest.fixture
async def scene(tampered_engine: AsyncEngine, tampered_urls: DatabaseUrls) -> Scene:
    keeper = await Bookkeeper.of_new_book(tampered_engine)
    said = entry(
        "2025-03-15", "assets:bank 500", "income:sales -500", key="first", description="A sale", metadata={"order": "7"}
    )
    first, second, third = await keeper.post_batch([said, sale("2025-03-16", 20), sale("2025-03-17", 30)])
    seals = await keeper.seal_all()
    undone = await keeper.reverse(third.entry_id, "2025-03-18")
    seals += await keeper.seal_all()
    waiting = await keeper.post(sale("2025-03-19", 40))
    assert (await keeper.check()).unsealed == 1
    accounts = {
        name: (await keeper.account(code)).account_id
        for name, code in (("bank", "assets:bank"), ("sales", "income:sales"), ("cash", "assets:cash"))
    }
    numbers = {
        "book": keeper.book_id,
        "first": first.entry_id,
        "second": second.entry_id,
        "third": third.entry_id,
        "undone": undone.entry_id,
        "waiting": waiting.entry_id,
        **accounts,
    }
    return Scene(keeper, tampered_urls, said, numbers, {each.seal_no: each.seal_hash for each in seals})


async def test_sound_books_are_found_sound(scene: Scene) -> None:
    found = await scene.keeper.verify(known_seals=scene.seals)
    assert found.sound
    assert (found.entries, found.postings, found.seals, found.unsealed) == (5, 10, 2, 1)


OF_FIRST = "WHERE book_id = {book} AND entry_id = {first}"
ON_ITS_DAY = "WHERE book_id = {book} AND effective_on = '2025-03-15'"
OF_WAITING = "WHERE book_id = {book} AND entry_id = {waiting}"
OF_SEAL_1 = "WHERE book_id = {book} AND seal_no = 1"
OF_SEAL_2 = "WHERE book_id = {book} AND seal_no = 2"

# what was done, and all that must be found
TAMPERED: dict[str, tuple[list[str], str]] = {
    "an amount": (
        [f"UPDATE ledger.postings SET amount = 501 {OF_FIRST} AND line = 1"],
        """unbalanced-entry: entry {first}
           wrong-movement: account assets:bank on 2025-03-15
           changed-entry: entry {first}"""),
    "both amounts of an entry": (
        [f"UPDATE ledger.postings SET amount = amount * 2 {OF_FIRST}"],
        """wrong-movement: account assets:bank on 2025-03-15
           wrong-movement: account income:sales on 2025-03-15
           changed-entry: entry {first}"""),
    "both amounts of an entry, and the movements": (
        [f"UPDATE ledger.postings SET amount = amount * 2 {OF_FIRST}",
         "UPDATE ledger.movements SET amount = amount * 2 WHERE book_id = {book} AND effective_on = '2025-03-15'"],
        "changed-entry: entry {first}"),
    "an amount of an entry that waits for its seal": (
        [f"UPDATE ledger.postings SET amount = amount * 2 {OF_WAITING}",
         "UPDATE ledger.movements SET amount = amount * 2 WHERE book_id = {book} AND effective_on = '2025-03-19'"],
        "changed-entry: entry {waiting}"),
    "the account of a line": (
        [f"UPDATE ledger.postings SET account_id = {{cash}} {OF_FIRST} AND line = 1"],
        """wrong-movement: account assets:bank on 2025-03-15
           wrong-movement: account assets:cash on 2025-03-15
           changed-entry: entry {first}"""),
    "the account of a line to one that is not there": (
        [f"UPDATE ledger.postings SET account_id = 987654321 {OF_FIRST} AND line = 1"],
        """stray-posting: entry {first} line 1
           wrong-movement: account assets:bank on 2025-03-15
           wrong-movement: account 987654321 on 2025-03-15
           changed-entry: entry {first}"""),
    "the currency of a line": (
        [f"UPDATE ledger.postings SET currency = 'JPY' {OF_FIRST} AND line = 1"],
        """unbalanced-entry: entry {first}
           stray-posting: entry {first} line 1
           changed-entry: entry {first}"""),
    "the day of a line": (
        [f"UPDATE ledger.postings SET effective_on = '2025-03-14' {OF_FIRST} AND line = 1"],
        """stray-posting: entry {first} line 1
           wrong-movement: account assets:bank on 2025-03-14
           wrong-movement: account assets:bank on 2025-03-15"""),
    "the number of a line": (
        [f"UPDATE ledger.postings SET line = 3 {OF_FIRST} AND line = 2"], "incomplete-entry: entry {first}"),
    "the order of lines": (
        [f"UPDATE ledger.postings SET line = line + 2 {OF_FIRST}",
         f"UPDATE ledger.postings SET line = 5 - line {OF_FIRST}"], "changed-entry: entry {first}"),
    "a line that is gone": (
        [f"DELETE FROM ledger.postings {OF_FIRST} AND line = 2"],
        """unbalanced-entry: entry {first}
           incomplete-entry: entry {first}
           wrong-movement: account income:sales on 2025-03-15
           changed-entry: entry {first}"""),
    "lines that joined, and their movements": (
        ["""INSERT INTO ledger.postings VALUES
            ({book}, {first}, {bank}, 9, 3, '2025-03-15', '2025-03-01', 'CNY'),
            ({book}, {first}, {sales}, -9, 4, '2025-03-15', '2025-03-01', 'CNY')""",
         """UPDATE ledger.movements SET amount = amount + 9 * sign(amount)
            WHERE book_id = {book} AND effective_on = '2025-03-15'"""],
        """incomplete-entry: entry {first}
           changed-entry: entry {first}"""),
    "a line of no entry": (
        ["INSERT INTO ledger.postings VALUES ({book}, 1, {bank}, 9, 1, '2025-03-15', '2025-03-01', 'CNY')"],
        """unbalanced-entry: entry 1
           stray-posting: entry 1 line 1"""),
    "an entry that is gone": (
        [f"DELETE FROM ledger.postings {OF_FIRST}", f"DELETE FROM ledger.entries {OF_FIRST}",
         "DELETE FROM ledger.movements WHERE book_id = {book} AND effective_on = '2025-03-15'"],
        "missing-entry: entry {first}"),
    "an entry whose lines are gone": (
        [f"DELETE FROM ledger.postings {OF_FIRST}",
         "DELETE FROM ledger.movements WHERE book_id = {book} AND effective_on = '2025-03-15'"],
        """incomplete-entry: entry {first}
           changed-entry: entry {first}"""),
    "an entry whose lines are left": (
        [f"DELETE FROM ledger.entries {OF_FIRST}"],
        """stray-posting: entry {first} line 1
           stray-posting: entry {first} line 2
           wrong-movement: account assets:bank on 2025-03-15
           wrong-movement: account income:sales on 2025-03-15
           missing-entry: entry {first}"""),
    "a description": ([f"UPDATE ledger.entries SET description = 'x' {OF_FIRST}"], "changed-entry: entry {first}"),
    "metadata": ([f"UPDATE ledger.entries SET metadata = '{{{{}}}}' {OF_FIRST}"], "changed-entry: entry {first}"),
    "an idempotency key": (
        [f"UPDATE ledger.entries SET idempotency_key = 'x' {OF_FIRST}"], "changed-entry: entry {first}"),
    "a digest": (
        [f"UPDATE ledger.entries SET digest = decode(repeat('00', 32), 'hex') {OF_FIRST}"],
        "changed-entry: entry {first}"),
    "what an entry reverses": (
        [f"UPDATE ledger.entries SET reverses = {{second}} {OF_FIRST}"], "changed-entry: entry {first}"),
    "that an entry reverses one": (
        ["UPDATE ledger.entries SET reverses = NULL WHERE book_id = {book} AND entry_id = {undone}"],
        "changed-entry: entry {undone}"),
    "an entry's day": (
        [f"UPDATE ledger.entries SET effective_on = '2025-03-14' {OF_FIRST}"],
        """stray-posting: entry {first} line 1
           stray-posting: entry {first} line 2
           changed-entry: entry {first}"""),
    "an entry's day, everywhere": (
        [f"UPDATE ledger.{table} SET effective_on = '2025-03-14' {ON_ITS_DAY}"
         for table in ("entries", "postings", "movements")], "changed-entry: entry {first}"),
    "an entry's month, everywhere": (
        [f"UPDATE ledger.{table} SET period = '2025-04-01' {ON_ITS_DAY}"
         for table in ("entries", "postings", "movements")], "changed-entry: entry {first}"),
    "how many lines an entry has": (
        [f"UPDATE ledger.entries SET line_count = 3 {OF_FIRST}"], "incomplete-entry: entry {first}"),
    "when an entry was recorded": (
        [f"UPDATE ledger.entries SET recorded_at = recorded_at + interval '1 microsecond' {OF_FIRST}"],
        "changed-entry: entry {first}"),
    "that an entry was recorded at no time": (
        [f"UPDATE ledger.entries SET recorded_at = 'infinity' {OF_FIRST}"],
        """wrong-movement: account assets:bank on 2025-03-15
           wrong-movement: account income:sales on 2025-03-15
           changed-entry: entry {first}"""),
    "metadata that is more than texts": (
        [f"UPDATE ledger.entries SET metadata = jsonb_build_object('order', 7) {OF_FIRST}"],
        "changed-entry: entry {first}"),
    "metadata that holds a number without end": (
        [f"UPDATE ledger.entries SET metadata = jsonb_build_object('order', 1e9000) {OF_FIRST}"],
        "changed-entry: entry {first}"),
    "metadata of great depth": (
        [f"""UPDATE ledger.entries
             SET metadata = jsonb_build_object('order', (repeat('[', 3000) || repeat(']', 3000))::jsonb) {OF_FIRST}"""],
        "changed-entry: entry {first}"),
    "an account's code": (
        ["UPDATE ledger.accounts SET code = 'assets:mine' WHERE book_id = {book} AND account_id = {bank}"],
        """changed-entry: entry {first}
           changed-entry: entry {second}
           changed-entry: entry {third}
           changed-entry: entry {undone}
           changed-entry: entry {waiting}"""),
    "an account that is gone": (
        ["DELETE FROM ledger.accounts WHERE book_id = {book} AND account_id = {bank}"],
        """stray-posting: entry {first} line 1
           stray-posting: entry {second} line 1
           stray-posting: entry {third} line 1
           stray-posting: entry {undone} line 1
           stray-posting: entry {waiting} line 1
           changed-entry: entry {first}
           changed-entry: entry {second}
           changed-entry: entry {third}
           changed-entry: entry {undone}
           changed-entry: entry {waiting}"""),
    "a movement": (
        ["""UPDATE ledger.movements SET amount = 1
            WHERE book_id = {book} AND account_id = {bank} AND effective_on = '2025-03-16'"""],
        "wrong-movement: account assets:bank on 2025-03-16"),
    "a movement that is gone": (
        ["""DELETE FROM ledger.movements
            WHERE book_id = {book} AND account_id = {bank} AND effective_on = '2025-03-16'"""],
        "wrong-movement: account assets:bank on 2025-03-16"),
    "a movement that never was": (
        ["INSERT INTO ledger.movements VALUES ({book}, {cash}, '2025-03-01', '2025-03-15', '2025-03-15', 0, 9)"],
        "wrong-movement: account assets:cash on 2025-03-15"),
    "the day on which a movement was known": (
        ["""UPDATE ledger.movements SET recorded_on = recorded_on - 1
            WHERE book_id = {book} AND account_id = {bank} AND effective_on = '2025-03-16'"""],
        "wrong-movement: account assets:bank on 2025-03-16"),
    "a leaf": (
        [f"UPDATE ledger.sealed_entries SET leaf_hash = decode(repeat('00', 32), 'hex') {OF_FIRST}"],
        """changed-entry: entry {first}
           broken-seal: seal 1"""),
    "a leaf's entry": (
        [f"UPDATE ledger.sealed_entries SET entry_id = {{waiting}} {OF_FIRST}"],
        """changed-entry: entry {waiting}
           passed-over-entry: entry {first}"""),
    "a leaf that is gone": (
        [f"DELETE FROM ledger.sealed_entries {OF_FIRST}"],
        """broken-seal: seal 1
           passed-over-entry: entry {first}"""),
    "a leaf that joined": (
        ["INSERT INTO ledger.sealed_entries VALUES ({book}, 2, 1, {waiting}, decode(repeat('00', 32), 'hex'))"],
        """changed-entry: entry {waiting}
           broken-seal: seal 2"""),
    "a leaf of no seal": (
        ["INSERT INTO ledger.sealed_entries VALUES ({book}, 10, 0, {waiting}, decode(repeat('00', 32), 'hex'))"],
        "missing-seal: seal 10"),
    "the order of leaves": (
        ["UPDATE ledger.sealed_entries SET leaf_no = leaf_no + 9 WHERE book_id = {book}",
         "UPDATE ledger.sealed_entries SET leaf_no = 11 - leaf_no WHERE book_id = {book} AND seal_no = 1"],
        "broken-seal: seal 1"),
    "a seal's root": (
        [f"UPDATE ledger.seals SET merkle_root = decode(repeat('00', 32), 'hex') {OF_SEAL_1}"], "broken-seal: seal 1"),
    "a seal's hash": (
        [f"UPDATE ledger.seals SET seal_hash = decode(repeat('00', 32), 'hex') {OF_SEAL_1}"],
        """broken-seal: seal 1
           broken-seal: seal 2"""),
    "a seal's size": ([f"UPDATE ledger.seals SET entry_count = 2 {OF_SEAL_1}"], "broken-seal: seal 1"),
    "a seal's end": (
        ["""UPDATE ledger.seals SET last_transaction_id = e.transaction_id, last_entry_id = {waiting}
            FROM ledger.entries AS e WHERE e.book_id = {book} AND e.entry_id = {waiting}
            AND seals.book_id = {book} AND seal_no = 2"""],
        "passed-over-entry: entry {waiting}"),
    "a seal's number": (
        [f"UPDATE ledger.{table} SET seal_no = 3 {OF_SEAL_2}" for table in ("seals", "sealed_entries")],
        "broken-seal: seal 3"),
    "a seal that is gone": (
        [f"DELETE FROM ledger.seals {OF_SEAL_1}"],
        """broken-seal: seal 2
           missing-seal: seal 1"""),
    "a seal that is gone with its leaves": (
        [f"DELETE FROM ledger.{table} {OF_SEAL_1}" for table in ("seals", "sealed_entries")],
        """broken-seal: seal 2
           passed-over-entry: entry {first}
           passed-over-entry: entry {second}
           passed-over-entry: entry {third}"""),
    "the last seal": ([f"DELETE FROM ledger.seals {OF_SEAL_2}"], "missing-seal: seal 2"),
    "two seals that changed places": (
        [f"UPDATE ledger.{table} SET seal_no = seal_no + 9 WHERE book_id = {{book}}"
         for table in ("seals", "sealed_entries")]
        + [f"UPDATE ledger.{table} SET seal_no = 12 - seal_no WHERE book_id = {{book}}"
           for table in ("seals", "sealed_entries")],
        """broken-seal: seal 1
           broken-seal: seal 2"""),
    "an entry put into the past": (
        [f"UPDATE ledger.entries SET transaction_id = '3' {OF_WAITING}"], "passed-over-entry: entry {waiting}"),
}  # fmt: skip


@pytest.mark.parametrize("what", TAMPERED)
async def test_tampering_is_found_and_named_to_the_row(scene: Scene, what: str) -> None:
    statements, findings = TAMPERED[what]
    await scene.tamper(*statements)
    await scene.must_find(findings)


async def test_content_and_digest_changed_together_are_found_by_the_seal(scene: Scene) -> None:
    await scene.tamper(_with_digest(scene, msgspec.structs.replace(scene.said, description="Another sale")))
    await scene.must_find("changed-entry: entry {first}")
    (finding,) = (await scene.keeper.verify()).findings
    assert finding.detail == "is not what was sealed"


async def test_a_history_rewritten_whole_is_found_by_who_knows_a_seal(scene: Scene) -> None:
    await scene.tamper(
        _with_digest(scene, msgspec.structs.replace(scene.said, description="Another sale")),
        "DELETE FROM ledger.seals WHERE book_id = {book}",
        "DELETE FROM ledger.sealed_entries WHERE book_id = {book}",
    )
    await scene.keeper.seal_all()
    assert (await scene.keeper.verify()).sound
    for known in (scene.seals, {1: scene.seals[1]}):
        found = await scene.keeper.verify(known_seals=known)
        assert {f"{each.rule}: {each.subject}" for each in found.findings} >= {"other-seal: seal 1"}


async def test_seals_taken_off_the_end_are_found_by_who_knows_one(scene: Scene) -> None:
    await scene.tamper(*(f"DELETE FROM ledger.{table} {OF_SEAL_2}" for table in ("seals", "sealed_entries")))
    assert (await scene.keeper.verify()).sound
    (finding,) = (await scene.keeper.verify(known_seals=scene.seals)).findings
    assert (finding.rule, finding.subject) == ("other-seal", "seal 2")


async def test_tampering_with_one_book_is_found_in_no_other(scene: Scene) -> None:
    neighbour = await Bookkeeper.of_new_book(scene.keeper.engine)
    await neighbour.post(sale("2025-03-15"))
    await scene.tamper(f"UPDATE ledger.entries SET description = 'x' {OF_FIRST}")
    assert (await neighbour.verify()).sound


async def test_sealing_goes_on_where_transactions_are_numbered_anew(scene: Scene) -> None:
    """As after a dump and restore: what was written before bears numbers that the server has yet to reach."""
    await scene.keeper.seal_all()
    for table, column in (("entries", "transaction_id"), ("seals", "last_transaction_id")):
        far = f"({column}::text::numeric + 1000000000000)::text::xid8"
        await scene.tamper(f"UPDATE ledger.{table} SET {column} = {far} WHERE book_id = {{book}}")
    for day in ("2025-03-20", "2025-03-21"):
        await scene.keeper.post(sale(day))
        assert (await scene.keeper.check()).unsealed == 1
        await scene.keeper.seal_all()
        assert (await scene.keeper.check()).unsealed == 0
    # And when the server reaches them, nothing is sealed again.
    reached = (
        "(SELECT max(last_transaction_id)::text::numeric + 1 FROM ledger.seals WHERE seal_no > 3 AND book_id = {book})"
    )
    await scene.tamper(f"""
        UPDATE ledger.entries SET transaction_id = {reached}::text::xid8
        WHERE book_id = {{book}} AND transaction_id::text::numeric > 1000000000000""")
    await scene.keeper.post(sale("2025-03-22"))
    (last,) = await scene.keeper.seal_all()
    assert last.entry_count == 1
    await scene.keeper.check()


async def test_findings_end_after_so_many(scene: Scene) -> None:
    await scene.keeper.post_batch([sale(date(2025, 4, 1)) for _ in range(MAX_FINDINGS)])
    await scene.tamper("UPDATE ledger.entries SET line_count = 3, description = 'x' WHERE book_id = {book}")
    assert len((await scene.keeper.verify()).findings) == MAX_FINDINGS


async def test_verification_tells_how_far_it_has_come(scene: Scene) -> None:
    await scene.keeper.post_batch([sale(date(2025, 4, 1)) for _ in range(SEAL_SIZE)])
    told: list[int] = []
    async with scene.keeper.engine.connect() as connection:
        await verify(connection, scene.keeper.book_id, progress=told.append)
    assert told == [SEAL_SIZE]


def _with_digest(scene: Scene, said: NewEntry) -> str:
    digest = content_digest(scene.keeper.book_id, said).hex()
    return f"""
        UPDATE ledger.entries SET description = '{said.description}', digest = decode('{digest}', 'hex') {OF_FIRST}"""
