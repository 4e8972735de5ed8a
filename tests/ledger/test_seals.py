"""Seals: every entry is sealed once, in the order of the transactions, and anyone can check a proof of it.

Transactions that run side by side post on different days, or they would wait for each other's movements.
"""

import asyncio
from collections.abc import Callable
from datetime import timedelta

import msgspec
import pytest

from ledger.entries import content_digest, post
from ledger.errors import EntryNotFound, EntryNotSealed, SealNotFound
from ledger.seals import GENESIS, SEAL_SIZE, InclusionProof, find_seal, inclusion_proof, list_seals, proof_holds, seal
from tests.ledger.bookkeeper import Bookkeeper, entry, facts, nothing_changes, sale

replace = msgspec.structs.replace


async def proof_of(keeper: Bookkeeper, entry_id: int) -> InclusionProof:
    async with keeper.engine.connect() as connection:
        return await inclusion_proof(connection, keeper.book_id, entry_id)


async def sealing_order(keeper: Bookkeeper) -> list[int]:
    query = "SELECT array_agg(entry_id ORDER BY seal_no, leaf_no) FROM ledger.sealed_entries WHERE book_id = :book"
    order: list[int] = (await keeper.numbers(query))[0]  # type: ignore[assignment]
    return order


async def test_an_empty_book_has_nothing_to_seal(keeper: Bookkeeper) -> None:
    async with nothing_changes(keeper):
        assert await keeper.seal() == []


async def test_an_entry_is_proved_to_be_in_its_seal(keeper: Bookkeeper) -> None:
    said = [sale("2025-03-31", amount) for amount in range(1, 8)]
    posted = await keeper.post_batch(said)
    (sealed,) = await keeper.seal_all()
    assert (sealed.seal_no, sealed.entry_count) == (1, 7)
    for entry_, posted_ in zip(said, posted, strict=True):
        proof = await proof_of(keeper, posted_.entry_id)
        assert proof.digest == content_digest(keeper.book_id, entry_).hex()
        assert proof.seal == sealed
        assert proof_holds(msgspec.json.decode(msgspec.json.encode(proof), type=InclusionProof))


ALTERED: dict[str, Callable[[InclusionProof], InclusionProof]] = {
    "its entry": lambda proof: replace(proof, entry_id=proof.entry_id + 1),
    "its time": lambda proof: replace(proof, recorded_at=proof.recorded_at + timedelta(microseconds=1)),
    "its content": lambda proof: replace(proof, digest="00" + proof.digest[2:]),
    "its book": lambda proof: replace(proof, book_id=proof.book_id + 1),
    "its place": lambda proof: replace(proof, leaf_no=proof.leaf_no ^ 1),
    "a step": lambda proof: replace(proof, path=["00" * 32, *proof.path[1:]]),
    "a step less": lambda proof: replace(proof, path=proof.path[:-1]),
    "a step more": lambda proof: replace(proof, path=[*proof.path, "00" * 32]),
    "the seal's root": lambda proof: replace(proof, seal=replace(proof.seal, merkle_root="00" * 32)),
    "the seal's hash": lambda proof: replace(proof, seal=replace(proof.seal, seal_hash="00" * 32)),
    "the seal's number": lambda proof: replace(proof, seal=replace(proof.seal, seal_no=2)),
    "the seal's size": lambda proof: replace(proof, seal=replace(proof.seal, entry_count=6)),
    "the seal before": lambda proof: replace(proof, previous_seal_hash="00" * 31 + "01"),
}


@pytest.mark.parametrize("what", ALTERED)
async def test_a_proof_that_was_altered_does_not_hold(keeper: Bookkeeper, what: str) -> None:
    posted = await keeper.post_batch([sale("2025-03-31", amount) for amount in range(1, 6)])
    await keeper.seal_all()
    proof = await proof_of(keeper, posted[2].entry_id)
    assert proof_holds(proof)
    assert not proof_holds(ALTERED[what](proof))


async def test_a_seal_follows_from_the_one_before(keeper: Bookkeeper) -> None:
    seals, posted = [], []
    for amount in (1, 2, 3):
        posted += [await keeper.post(sale("2025-03-31", amount))]
        seals += await keeper.seal_all()
    assert [each.seal_no for each in seals] == [1, 2, 3]
    proofs = [await proof_of(keeper, each.entry_id) for each in posted]
    assert [proof.previous_seal_hash for proof in proofs] == [GENESIS.hex(), *(each.seal_hash for each in seals[:2])]
    assert all(proof_holds(proof) for proof in proofs)
    await keeper.check()


async def test_what_is_sealed_is_not_sealed_again(keeper: Bookkeeper) -> None:
    await keeper.post(sale("2025-03-31"))
    await keeper.seal_all()
    async with nothing_changes(keeper):
        assert await keeper.seal() == []


async def test_a_seal_holds_so_many_entries_and_the_next_one_the_rest(keeper: Bookkeeper) -> None:
    posted = await keeper.post_batch([sale("2025-03-31", amount) for amount in range(1, SEAL_SIZE + 4)])
    seals = await keeper.seal_all()
    assert [each.entry_count for each in seals] == [SEAL_SIZE, 3]
    assert await sealing_order(keeper) == sorted(each.entry_id for each in posted)
    for each in (posted[0], posted[SEAL_SIZE - 1], posted[SEAL_SIZE], posted[-1]):
        assert proof_holds(await proof_of(keeper, each.entry_id))
    verified = await keeper.check()
    assert (verified.entries, verified.seals, verified.unsealed) == (SEAL_SIZE + 3, 2, 0)


async def test_an_entry_waits_while_an_earlier_transaction_is_under_way(keeper: Bookkeeper) -> None:
    async with keeper.engine.connect() as slow:
        first = await post(slow, keeper.book_id, sale("2025-03-30", 1))
        second = await keeper.post(sale("2025-03-31", 2))
        async with nothing_changes(keeper):
            assert await keeper.seal() == []
        await slow.commit()
    await keeper.seal_all()
    assert await sealing_order(keeper) == [first.entry_id, second.entry_id]


async def test_what_an_earlier_transaction_took_back_holds_nothing_up(keeper: Bookkeeper) -> None:
    async with keeper.engine.connect() as slow:
        await post(slow, keeper.book_id, sale("2025-03-30", 1))
        second = await keeper.post(sale("2025-03-31", 2))
        await slow.rollback()
    await keeper.seal_all()
    assert await sealing_order(keeper) == [second.entry_id]


async def test_sealing_follows_the_transactions_and_not_the_numbers(keeper: Bookkeeper) -> None:
    async with keeper.engine.connect() as early, keeper.engine.connect() as late:
        # The first transaction to begin writing takes its number first, and numbers its entry last.
        await early.exec_driver_sql("SELECT pg_current_xact_id()")
        second = await post(late, keeper.book_id, sale("2025-03-31", 2))
        first = await post(early, keeper.book_id, sale("2025-03-30", 1))
        await early.commit()
        await late.commit()
    assert first.entry_id > second.entry_id
    await keeper.seal_all()
    assert await sealing_order(keeper) == [first.entry_id, second.entry_id]
    await keeper.check()


async def test_an_entry_is_not_sealed_by_its_own_transaction(keeper: Bookkeeper) -> None:
    async with keeper.engine.begin() as connection:
        await post(connection, keeper.book_id, sale("2025-03-31"))
        assert await seal(connection, keeper.book_id) == []
    assert len(await keeper.seal_all()) == 1


async def test_many_who_seal_take_turns(keeper: Bookkeeper) -> None:
    await keeper.post_batch([sale("2025-03-31", amount) for amount in range(1, 50)])
    await asyncio.gather(*(keeper.seal_all() for _ in range(6)))
    assert (await keeper.check()).seals == 1


async def test_an_entry_that_waits_has_no_proof_yet(keeper: Bookkeeper, other: Bookkeeper) -> None:
    waiting = (await keeper.post(sale("2025-03-31"))).entry_id
    elsewhere = (await other.post(sale("2025-03-31"))).entry_id
    with pytest.raises(EntryNotSealed) as refused:
        await proof_of(keeper, waiting)
    assert facts(refused.value) == ("entry", str(waiting), "the entry waits for the next seal")
    with pytest.raises(EntryNotFound):
        await proof_of(keeper, elsewhere)


async def test_seals_are_listed_newest_first_page_by_page(keeper: Bookkeeper, other: Bookkeeper) -> None:
    made = []
    for _ in range(5):
        await keeper.post(sale("2025-03-31"))
        made += await keeper.seal_all()
    async with keeper.engine.connect() as connection:
        first = await list_seals(connection, keeper.book_id, limit=3)
        rest = await list_seals(connection, keeper.book_id, before=first[-1].seal_no, limit=3)
        assert first + rest == made[::-1]
        assert await list_seals(connection, keeper.book_id, before=2**70) == made[::-1]
        assert await list_seals(connection, keeper.book_id, before=-(2**70)) == []
        assert await find_seal(connection, keeper.book_id, 4) == made[3]
        for book_id, seal_no in ((keeper.book_id, 6), (keeper.book_id, 0), (keeper.book_id, 2**70), (other.book_id, 1)):
            with pytest.raises(SealNotFound):
                await find_seal(connection, book_id, seal_no)


async def test_a_reversal_leaves_the_seal_of_what_it_reverses(keeper: Bookkeeper) -> None:
    posted = await keeper.post(entry("2025-03-31", "assets:bank 5", "income:sales -5"))
    await keeper.seal_all()
    before = await proof_of(keeper, posted.entry_id)
    await keeper.reverse(posted.entry_id, "2025-04-01")
    await keeper.seal_all()
    assert await proof_of(keeper, posted.entry_id) == before
