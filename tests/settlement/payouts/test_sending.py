"""Nothing is paid twice, and nothing is lost, whatever a rail answers or does not."""

import asyncio
from datetime import timedelta

import pytest
from sqlalchemy import text

from ledger.entries import Line, NewEntry, post_batch
from settlement.errors import SamePerson
from settlement.payouts.answers import FORGOTTEN, KEY_TIME
from settlement.payouts.approving import approve
from settlement.payouts.errors import WrongPayoutStep
from settlement.payouts.runs import draft, resume, submit
from settlement.payouts.sending import TRIES
from settlement.payouts.steps import cancel, come_back, confirm, retry
from settlement.rails.protocol import (
    Conflicting,
    Halted,
    Order,
    RailContradicts,
    RailUnavailable,
    Refused,
    Sent,
    Throttled,
    Unfunded,
)
from settlement.suspense import book_today
from tests.settlement.payouts.purse import ANA, BEN, NewPayee, Purse

REFUSED = Refused("account_closed", "the payee's account is closed", "payee", retriable=True)


async def test_an_approved_payout_is_sent_once_and_booked(purse: Purse, new_payee: NewPayee) -> None:
    payee = await new_payee(10_000)
    run = await purse.approved()
    assert (await purse.balances())[f"liabilities:paying:clipper-{payee.clipper_id}"] == -10_000

    await purse.send()
    await purse.send()

    paid = await purse.payout()
    assert (paid.state, paid.amount, len(purse.rail.calls)) == ("sent", 10_000, 1)
    assert await purse.balances() == {
        "assets:in-transit:stripe": 10_000,
        f"liabilities:paying:clipper-{payee.clipper_id}": -10_000,
    }
    assert await purse.run_state(run) == "done"
    assert await purse.trail(paid.payout_id) == ["approved", "claimed", "sent"]


async def test_a_payout_that_arrives_leaves_nothing_owed(purse: Purse, new_payee: NewPayee) -> None:
    await new_payee(10_000)
    await purse.approved()
    await purse.send()
    paid = await purse.payout()
    for expected in (1, 0):
        async with purse.engine.begin() as connection:
            assert await confirm(connection, purse.book_id, [paid.payout_id], purse.clock()) == expected
    assert await purse.balances() == {}
    assert (await purse.payout()).state == "paid"


async def test_no_answer_is_tried_again_by_the_same_key(purse: Purse, new_payee: NewPayee) -> None:
    await new_payee()
    purse.rail.usual = ["lost-after", "lost-before"]
    await purse.approved()
    await purse.send()
    assert (await purse.payout()).state == "sent"
    assert len({order.key for order in purse.rail.calls}) == 1
    assert [len(paid) for paid in purse.rail.paid.values()] == [1]


async def test_what_stays_unknown_is_looked_up_and_not_sent_again(purse: Purse, new_payee: NewPayee) -> None:
    await new_payee()
    purse.rail.usual = ["lost-after"] * 3
    run = await purse.approved()
    await purse.send()
    assert ((await purse.payout()).state, await purse.run_state(run)) == ("unknown", "sending")
    await purse.look_up()
    assert (await purse.payout()).state == "unknown", "not before its time"

    purse.clock.pass_(minutes=2)
    await purse.look_up()
    assert ((await purse.payout()).state, len(purse.rail.calls)) == ("sent", 3)
    assert await purse.run_state(run) == "done"


async def test_what_is_not_found_is_sent_again_by_the_same_key_while_that_is_young(
    purse: Purse, new_payee: NewPayee
) -> None:
    await new_payee()
    purse.rail.usual = ["lost-before"] * 3
    await purse.approved()
    await purse.send()
    purse.clock.pass_(minutes=2)
    await purse.look_up()
    assert (await purse.payout()).state == "ready"
    purse.clock.pass_(minutes=2)
    await purse.send()
    assert (await purse.payout()).state == "sent"
    assert len({order.key for order in purse.rail.calls}) == 1


async def test_an_old_key_is_never_sent_again(purse: Purse, new_payee: NewPayee) -> None:
    await new_payee()
    purse.rail.usual = ["lost-before"] * 3
    await purse.approved()
    await purse.send()
    key = purse.rail.calls[0].key
    purse.clock.pass_(seconds=KEY_TIME.total_seconds())
    await purse.look_up()
    await purse.send()
    assert ((await purse.payout()).state, len(purse.rail.calls)) == ("unknown", 3)

    purse.clock.pass_(seconds=(FORGOTTEN - KEY_TIME).total_seconds())
    await purse.look_up()
    await purse.send()
    assert (await purse.payout()).state == "sent"
    assert [order.key == key for order in purse.rail.calls] == [True, True, True, False]
    assert len({order.group for order in purse.rail.calls}) == 1


async def test_a_worker_that_dies_leaves_it_to_the_next_by_the_same_key(purse: Purse, new_payee: NewPayee) -> None:
    await new_payee()
    await purse.approved()
    purse.rail.usual = [RuntimeError("killed")]
    with pytest.raises(ExceptionGroup):
        await purse.send()
    assert (await purse.payout()).state == "sending"
    await purse.send()
    assert len(purse.rail.calls) == 1, "its lease has not ended"
    purse.clock.pass_(minutes=6)
    await purse.send()
    assert (await purse.payout()).state == "sent"
    assert len({order.key for order in purse.rail.calls}) == 1


async def test_a_worker_that_died_long_ago_is_not_followed_by_its_key(purse: Purse, new_payee: NewPayee) -> None:
    await new_payee()
    await purse.approved()
    purse.rail.usual = [RuntimeError("killed")]
    with pytest.raises(ExceptionGroup):
        await purse.send()
    purse.clock.pass_(hours=24)
    await purse.send()
    assert ((await purse.payout()).state, len(purse.rail.calls)) == ("unknown", 1)


async def test_two_workers_share_what_is_due(purse: Purse, new_payee: NewPayee) -> None:
    for _ in range(12):
        await new_payee()
    await purse.approved()
    await asyncio.gather(*(purse.sender(batch=3).send_due(purse.book_id) for _ in range(3)))
    assert {each.state for each in await purse.payouts()} == {"sent"}
    assert len(purse.rail.calls) == 12


async def test_a_refused_payout_keeps_its_money_until_somebody_decides(purse: Purse, new_payee: NewPayee) -> None:
    payee = await new_payee()
    purse.rail.usual = [REFUSED]
    run = await purse.approved()
    await purse.send()
    refused = await purse.payout()
    assert (refused.state, refused.code, refused.fixed_by) == ("refused", "account_closed", "payee")
    assert await purse.run_state(run) == "done"
    assert f"liabilities:paying:clipper-{payee.clipper_id}" in await purse.balances()

    async with purse.engine.begin() as connection:
        await retry(connection, purse.book_id, refused.payout_id, "user:1", purse.clock())
    assert await purse.run_state(run) == "sending"
    await purse.send()
    assert (await purse.payout()).state == "sent"
    assert len({order.key for order in purse.rail.calls}) == 2, "a refusal is replayed under its key"


async def test_what_is_cancelled_is_available_again(purse: Purse, new_payee: NewPayee) -> None:
    payee = await new_payee(10_000, recoverable=4_000)
    purse.rail.usual = [REFUSED]
    before = await purse.balances()
    await purse.approved()
    await purse.send()
    refused = await purse.payout()
    assert (refused.taken, refused.recovery, refused.amount) == (10_000, 4_000, 6_000)
    async with purse.engine.begin() as connection:
        await cancel(connection, purse.book_id, [refused.payout_id], "user:1", "moved abroad", purse.clock())
    assert await purse.balances() == before
    assert before[f"assets:recoverable:clipper-{payee.clipper_id}"] == 4_000


async def test_what_may_have_been_sent_is_not_cancelled(purse: Purse, new_payee: NewPayee) -> None:
    await new_payee()
    purse.rail.usual = ["lost-before", "lost-before", Throttled(1)]
    await purse.approved()
    await purse.send()
    for state in ("unknown", "ready"):
        assert (await purse.payout()).state == state
        number = (await purse.payout()).payout_id
        async with purse.engine.begin() as connection:
            with pytest.raises(WrongPayoutStep):
                await cancel(connection, purse.book_id, [number], "user:1", "no", purse.clock())
        purse.clock.pass_(minutes=2)
        await purse.look_up()


async def test_without_funds_it_waits_and_takes_a_new_key(purse: Purse, new_payee: NewPayee) -> None:
    await new_payee()
    purse.rail.usual = [Unfunded("the balance does not cover it")]
    await purse.approved()
    await purse.send()
    waiting = await purse.payout()
    assert (waiting.state, waiting.code) == ("ready", "unfunded")
    await purse.send()
    assert len(purse.rail.calls) == 1
    purse.clock.pass_(minutes=16)
    await purse.send()
    assert (await purse.payout()).state == "sent"
    assert len({order.key for order in purse.rail.calls}) == 2


async def test_a_busy_rail_is_asked_later(purse: Purse, new_payee: NewPayee) -> None:
    await new_payee()
    purse.rail.usual = [Throttled(1.5)] * 3
    await purse.approved()
    await purse.send()
    assert (await purse.payout()).code == "busy"
    purse.clock.pass_(seconds=2)
    await purse.send()
    assert (await purse.payout()).state == "sent"
    assert len({order.key for order in purse.rail.calls}) == 1


async def test_a_key_that_names_something_else_stops_the_run(purse: Purse, new_payee: NewPayee) -> None:
    for _ in range(3):
        await new_payee()
    purse.rail.usual = [Conflicting("the key was used for another amount")]
    run = await purse.approved()
    await purse.send()
    states = [each.state for each in await purse.payouts()]
    assert states.count("unknown") == 1
    assert await purse.run_state(run) == "halted"
    made = len(purse.rail.calls)
    purse.clock.pass_(hours=1)
    await purse.send()
    await purse.look_up()
    assert len(purse.rail.calls) == made


async def test_a_rail_that_lets_nobody_in_is_halted_for_all(purse: Purse, new_payee: NewPayee) -> None:
    for _ in range(3):
        await new_payee()
    purse.rail.usual = [Halted("the key is revoked")]
    run = await purse.approved()
    try:
        await purse.send()
        assert await purse.run_state(run) == "halted"
        assert "unknown" not in {each.state for each in await purse.payouts()}
        async with purse.engine.begin() as connection:
            await resume(connection, purse.book_id, run, BEN, reason="new key", now=purse.clock())
        made = len(purse.rail.calls)
        await purse.send()
        assert len(purse.rail.calls) == made, "the rail is still halted"
    finally:
        async with purse.engine.begin() as connection:
            await connection.execute(text("UPDATE settlement.rail_halts SET ended_at = now(), ended_by = 'test'"))
    purse.clock.pass_(minutes=1)
    await purse.send()
    assert {each.state for each in await purse.payouts()} == {"sent"}


async def test_what_comes_back_whole_is_available_again_with_its_tax_and_recovery(
    purse: Purse, new_payee: NewPayee
) -> None:
    await new_payee(10_000, recoverable=1_000)
    before = await purse.balances()
    await purse.approved()
    await purse.send()
    paid = await purse.payout()
    async with purse.engine.begin() as connection:
        await confirm(connection, purse.book_id, [paid.payout_id], purse.clock())
    for _ in range(2):
        async with purse.engine.begin() as connection:
            await come_back(connection, purse.book_id, paid.payout_id, paid.amount, "reversed", purse.clock())
    assert await purse.balances() == before
    assert (await purse.payout()).state == "returned"


async def test_a_part_that_comes_back_is_available_again(purse: Purse, new_payee: NewPayee) -> None:
    payee = await new_payee(10_000)
    await purse.approved()
    await purse.send()
    paid = await purse.payout()
    async with purse.engine.begin() as connection:
        await confirm(connection, purse.book_id, [paid.payout_id], purse.clock())
    for returned in (2_500, 2_500, 4_000):
        async with purse.engine.begin() as connection:
            await come_back(connection, purse.book_id, paid.payout_id, returned, "reversed", purse.clock())
    assert (await purse.payout()).returned == 4_000
    assert (await purse.balances())[f"liabilities:available:clipper-{payee.clipper_id}"] == -4_000


@pytest.mark.parametrize("returned", [-1, 0, 10_001])
async def test_no_more_comes_back_than_was_paid(purse: Purse, new_payee: NewPayee, returned: int) -> None:
    await new_payee(10_000)
    await purse.approved()
    await purse.send()
    its = await purse.payout()
    with pytest.raises(WrongPayoutStep):
        async with purse.engine.begin() as connection:
            await come_back(connection, purse.book_id, its.payout_id, returned, "reversed", purse.clock())


async def test_a_look_up_of_an_earlier_key_says_nothing_of_a_later_call(
    purse: Purse, new_payee: NewPayee, monkeypatch: pytest.MonkeyPatch
) -> None:
    await new_payee(10_000)
    await purse.approved()
    purse.rail.usual = ["lost-before"] * TRIES
    await purse.send()
    look_up = purse.rail.look_up

    async def slow(order: Order) -> Sent | None:
        """Meanwhile another worker looks, too, and sends it again by a new key, which arrives without an answer."""
        monkeypatch.setattr(purse.rail, "look_up", look_up)
        purse.clock.pass_(seconds=FORGOTTEN.total_seconds())
        await purse.look_up()
        purse.rail.usual = ["lost-after"] * TRIES
        await purse.send()
        return None

    monkeypatch.setattr(purse.rail, "look_up", slow)
    purse.clock.pass_(minutes=1)
    await purse.look_up()
    assert (await purse.payout()).state == "unknown"
    purse.clock.pass_(minutes=1)
    await purse.look_up()
    assert (await purse.payout()).state == "sent"
    assert len(purse.rail.by_key) == 1


async def test_a_payee_that_lost_its_account_is_not_called_for(purse: Purse, new_payee: NewPayee) -> None:
    payee = await new_payee()
    await purse.approved()
    async with purse.engine.begin() as connection:
        lose = text("UPDATE settlement.payout_accounts SET state = 'blocked' WHERE party_id = :party")
        await connection.execute(lose, {"party": payee.clipper_id})
    await purse.send()
    assert ((await purse.payout()).state, purse.rail.calls) == ("refused", [])


async def test_a_payee_that_lost_its_account_after_a_call_may_have_been_paid_by_it(
    purse: Purse, new_payee: NewPayee
) -> None:
    payee = await new_payee()
    await purse.approved()
    purse.rail.usual = [RuntimeError("killed")]
    with pytest.raises(ExceptionGroup):
        await purse.send()
    async with purse.engine.begin() as connection:
        lose = text("UPDATE settlement.payout_accounts SET state = 'blocked' WHERE party_id = :party")
        await connection.execute(lose, {"party": payee.clipper_id})
    purse.clock.pass_(minutes=6)
    await purse.send()
    its = await purse.payout()
    assert (its.state, len(purse.rail.calls)) == ("unknown", 1)
    with pytest.raises(WrongPayoutStep):
        async with purse.engine.begin() as connection:
            await cancel(connection, purse.book_id, [its.payout_id], "user:1", "Not so", purse.clock())


async def test_a_request_that_was_changed_since_it_was_approved_is_not_sent(purse: Purse, new_payee: NewPayee) -> None:
    await new_payee()
    run = await purse.approved()
    async with purse.engine.begin() as connection:
        change = text("UPDATE settlement.payouts SET request_sha256 = repeat('0', 64) WHERE book_id = :book")
        await connection.execute(change, {"book": purse.book_id})
    await purse.send()
    assert (await purse.run_state(run), purse.rail.calls) == ("halted", [])


async def test_a_look_up_that_fails_or_contradicts_is_not_believed(purse: Purse, new_payee: NewPayee) -> None:
    await new_payee()
    purse.rail.usual = ["lost-before"] * 3
    run = await purse.approved()
    await purse.send()
    purse.clock.pass_(minutes=2)
    purse.rail.looks = [RailUnavailable("down"), RailContradicts("two transfers")]
    await purse.look_up()
    assert (await purse.payout()).code == "unavailable"
    purse.clock.pass_(minutes=6)
    try:
        await purse.look_up()
        assert ((await purse.payout()).state, await purse.run_state(run)) == ("unknown", "halted")
    finally:
        async with purse.engine.begin() as connection:
            await connection.execute(text("UPDATE settlement.rail_halts SET ended_at = now(), ended_by = 'test'"))


def test_a_key_is_given_up_before_rails_forget_it_and_renewed_after() -> None:
    assert KEY_TIME < timedelta(hours=24) < FORGOTTEN


async def test_more_than_lies_in_paying_never_leaves(purse: Purse, new_payee: NewPayee) -> None:
    payee = await new_payee()
    run = await purse.approved()
    await purse.owe(f"clipper-{payee.clipper_id}", 1)
    async with purse.engine.begin() as connection:
        lines = (
            Line(f"liabilities:paying:clipper-{payee.clipper_id}", "CNY", 1),
            Line(f"liabilities:available:clipper-{payee.clipper_id}", "CNY", -1),
        )
        on = await book_today(connection, purse.book_id)
        wrong = NewEntry(idempotency_key="wrong", effective_on=on, description="A slip", lines=lines)
        await post_batch(connection, purse.book_id, [wrong])
    await purse.send()
    assert (await purse.run_state(run), purse.rail.calls) == ("halted", [])


async def test_the_same_person_does_not_approve(purse: Purse, new_payee: NewPayee) -> None:
    await new_payee()
    async with purse.engine.begin() as connection:
        run = await draft(connection, purse.book_id, "stripe", "available", by=ANA)
        await submit(connection, purse.book_id, run.run_id, ANA)
    with pytest.raises(SamePerson):
        async with purse.engine.begin() as connection:
            await approve(connection, purse.book_id, run.run_id, ANA, purse.rail, purse.clock())
    assert (await purse.payout()).state == "planned"


async def test_a_book_pays_out_of_its_own_share_alone(purse: Purse, new_payee: NewPayee) -> None:
    """The platform's balance is all hosts': what one of them has not brought is not paid out of another's."""
    for _ in range(3):
        await new_payee(10_000)
    await purse.move("assets:stripe", "assets:bank", 15_000)
    await purse.approved()
    await purse.send()
    assert [(each.state, each.code) for each in await purse.payouts()] == [
        ("sent", None),
        ("ready", "unfunded"),
        ("ready", "unfunded"),
    ]
    assert len(purse.rail.calls) == 1

    await purse.move("assets:bank", "assets:stripe", 5_000)
    purse.clock.pass_(minutes=16)
    await purse.send()
    assert [each.state for each in await purse.payouts()] == ["sent", "sent", "ready"]


async def test_what_may_have_been_paid_counts_against_the_share(purse: Purse, new_payee: NewPayee) -> None:
    for _ in range(2):
        await new_payee(10_000)
    await purse.move("assets:stripe", "assets:bank", 10_000)
    purse.rail.usual = ["lost-after"] * 3
    await purse.approved()
    await purse.sender(batch=1).send_due(purse.book_id)
    assert [(each.state, each.code) for each in await purse.payouts()] == [
        ("unknown", "unknown"),
        ("ready", "unfunded"),
    ]
