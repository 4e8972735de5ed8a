"""Transfers, reversals, balances and payouts in the Stripe sandbox, with hand-checked numbers, by Stripe's own SDK."""

import pytest
import stripe

from clipledger.stripe_sandbox.state import DAY
from tests.clipledger.stripe_desk import MONDAY, Desk, error_of


async def available(desk: Desk, account: str | None = None) -> dict[str, int]:
    balance = await desk.client.v1.balance.retrieve_async({}, {"stripe_account": account} if account else {})
    return {one.currency: one.amount for one in balance.available}


async def test_a_transfer_leaves_the_platform_and_arrives_at_the_account() -> None:
    desk = Desk(funded=1_000_00)
    ana = desk.sandbox.new_account()
    transfer = await desk.transfer(250_00, ana, transfer_group="run-7", metadata={"statement": "12"})
    assert (transfer.amount, transfer.currency, transfer.destination) == (250_00, "usd", ana)
    assert (transfer.transfer_group, transfer.metadata["statement"], transfer.livemode) == ("run-7", "12", False)
    assert await available(desk) == {"usd": 750_00}
    assert await available(desk, ana) == {"usd": 250_00}
    spent = await desk.client.v1.balance_transactions.list_async({"source": transfer.id, "expand": ["data.source"]})
    assert [(one.type, one.net, one.source.id) for one in spent] == [("transfer", -250_00, transfer.id)]  # type: ignore[union-attr]
    got = await desk.client.v1.balance_transactions.list_async({}, {"stripe_account": ana})
    assert [(one.type, one.net, one.source) for one in got] == [("payment", 250_00, transfer.destination_payment)]


async def test_a_reversal_brings_money_back_in_parts_until_nothing_is_left() -> None:
    desk = Desk(funded=100_00)
    ana = desk.sandbox.new_account()
    transfer = await desk.transfer(100_00, ana)
    part = await desk.client.v1.transfers.reversals.create_async(transfer.id, {"amount": 30_00})
    assert (part.amount, part.transfer) == (30_00, transfer.id)
    again = await desk.client.v1.transfers.retrieve_async(transfer.id)
    assert (again.amount_reversed, again.reversed, [one.id for one in again.reversals]) == (30_00, False, [part.id])
    with pytest.raises(stripe.InvalidRequestError) as raised:
        await desk.client.v1.transfers.reversals.create_async(transfer.id, {"amount": 70_01})
    assert error_of(raised) == (400, None, "amount")
    await desk.client.v1.transfers.reversals.create_async(transfer.id)
    with pytest.raises(stripe.InvalidRequestError, match="already fully reversed"):
        await desk.client.v1.transfers.reversals.create_async(transfer.id)
    assert (await desk.client.v1.transfers.retrieve_async(transfer.id)).reversed
    assert (await available(desk), await available(desk, ana)) == ({"usd": 100_00}, {"usd": 0})


async def test_what_has_been_paid_out_cannot_be_reversed_unless_stripe_forces_it() -> None:
    desk = Desk(funded=100_00)
    ana = desk.sandbox.new_account()
    transfer = await desk.transfer(60_00, ana)
    desk.sandbox.advance(DAY)
    with pytest.raises(stripe.InvalidRequestError) as raised:
        await desk.client.v1.transfers.reversals.create_async(transfer.id)
    assert error_of(raised)[:2] == (400, "balance_insufficient")
    desk.sandbox.reverse_transfer(transfer.id)
    assert (await available(desk), await available(desk, ana)) == ({"usd": 100_00}, {"usd": -60_00})


@pytest.mark.parametrize(
    ("changes", "code", "param"),
    [
        ({"amount": 100_01}, "balance_insufficient", None),
        ({"currency": "eur"}, "balance_insufficient", None),
        ({"amount": 0}, "parameter_invalid_integer", "amount"),
        ({"amount": 100_000_000}, "amount_too_large", "amount"),
        ({"amount": "a few"}, "parameter_invalid_integer", "amount"),
        ({"currency": "xyz"}, None, "currency"),
        ({"destination": "acct_unknown"}, "resource_missing", "destination"),
        ({"source_transaction": "ch_unknown"}, "resource_missing", "source_transaction"),
        ({"purpose": "fun"}, "parameter_unknown", "purpose"),
        ({"metadata": {str(number) + "x": "" for number in range(51)}}, None, "metadata"),
        ({"metadata": {"k" * 41: ""}}, None, "metadata"),
        ({"metadata": {"key": "v" * 501}}, None, "metadata[key]"),
        ({"expand": ["amount.fee"]}, None, "expand"),
    ],
)
async def test_a_transfer_that_stripe_would_refuse_is_refused(
    changes: dict[str, object], code: str, param: str
) -> None:
    desk = Desk(funded=100_00)
    given = {"amount": 1, "currency": "usd", "destination": desk.sandbox.new_account(), **changes}
    with pytest.raises(stripe.InvalidRequestError) as raised:
        await desk.client.v1.transfers.create_async(given)  # type: ignore[arg-type]
    assert error_of(raised) == (400, code, param)


async def test_an_account_without_the_capability_gets_no_transfer() -> None:
    desk = Desk()
    bare = desk.sandbox.new_account(ready=False)
    with pytest.raises(stripe.InvalidRequestError, match="capabilities enabled: transfers") as raised:
        await desk.transfer(1, bare)
    assert error_of(raised)[:2] == (400, "insufficient_capabilities_for_transfer")
    desk.sandbox.onboard(bare)
    assert (await desk.transfer(1, bare)).amount == 1


async def test_an_account_is_onboarded_step_by_step_and_can_be_deleted_when_empty() -> None:
    desk = Desk()
    account = await desk.client.v1.accounts.create_async(
        {
            "type": "express",
            "country": "DE",
            "email": "ana@example.com",
            "capabilities": {"transfers": {"requested": True}},
        }
    )
    assert (account.default_currency, account.details_submitted, account.payouts_enabled) == ("eur", False, False)
    assert account.requirements is not None
    assert "external_account" in (account.requirements.currently_due or [])
    link = await desk.client.v1.account_links.create_async({"account": account.id, "type": "account_onboarding"})
    assert link.expires_at == MONDAY + 300
    desk.sandbox.onboard(account.id)
    ready = await desk.client.v1.accounts.retrieve_async(account.id)
    assert (ready.payouts_enabled, ready.capabilities and ready.capabilities.transfers) == (True, "active")
    assert [bank.last4 for bank in ready.external_accounts or []] == ["6789"]
    desk.sandbox.set_capability(account.id, "inactive", due=("individual.id_number",))
    lost = await desk.client.v1.accounts.capabilities.retrieve_async(account.id, "transfers")
    assert (lost.status, lost.requirements and lost.requirements.past_due) == ("inactive", ["individual.id_number"])
    assert (await desk.client.v1.accounts.delete_async(account.id)).deleted
    with pytest.raises(stripe.PermissionError) as raised:
        await desk.client.v1.accounts.retrieve_async(account.id)
    assert error_of(raised)[:2] == (403, "account_invalid")


async def test_money_goes_to_the_bank_every_night_and_arrives_two_days_later() -> None:
    desk = Desk()
    ana = desk.sandbox.new_account()
    transfer = await desk.transfer(40_00, ana)
    await desk.transfer(2_00, ana)
    of_ana: stripe.RequestOptions = {"stripe_account": ana}
    desk.sandbox.advance(DAY)
    [payout] = (await desk.client.v1.payouts.list_async({}, of_ana)).data
    assert (payout.amount, payout.status, payout.automatic) == (42_00, "pending", True)
    assert (payout.created, payout.arrival_date) == (MONDAY + DAY, MONDAY + 3 * DAY)
    desk.sandbox.advance(3600)
    assert (await desk.client.v1.payouts.retrieve_async(payout.id, {}, of_ana)).status == "in_transit"
    desk.sandbox.advance(2 * DAY)
    assert (await desk.client.v1.payouts.retrieve_async(payout.id, {}, of_ana)).status == "paid"
    covered = await desk.client.v1.balance_transactions.list_async({"payout": payout.id}, of_ana)
    assert [one.net for one in covered] == [-42_00, 2_00, 40_00]
    assert covered.data[2].source == transfer.destination_payment


async def test_a_payout_on_thursday_arrives_on_monday() -> None:
    desk = Desk()
    ana = desk.sandbox.new_account()
    desk.sandbox.advance(3 * DAY + 3600)
    await desk.transfer(1, ana)
    payout = await desk.client.v1.payouts.create_async({"amount": 1, "currency": "usd"}, {"stripe_account": ana})
    assert payout.arrival_date == MONDAY + 7 * DAY


async def test_a_returned_payout_puts_the_money_back_and_stops_payouts_until_the_bank_is_replaced() -> None:
    desk = Desk()
    ana = desk.sandbox.new_account()
    await desk.transfer(42_00, ana)
    desk.sandbox.advance(4 * DAY)
    of_ana: stripe.RequestOptions = {"stripe_account": ana}
    [payout] = (await desk.client.v1.payouts.list_async({"status": "paid"}, of_ana)).data
    desk.sandbox.fail_payout(payout.id, "account_closed")
    failed = await desk.client.v1.payouts.retrieve_async(payout.id, {"expand": ["failure_balance_transaction"]}, of_ana)
    assert (failed.status, failed.failure_code) == ("failed", "account_closed")
    assert failed.failure_balance_transaction.net == 42_00  # type: ignore[union-attr]
    assert await available(desk, ana) == {"usd": 42_00}
    account = await desk.client.v1.accounts.retrieve_async(ana)
    assert account.requirements is not None
    assert (account.payouts_enabled, account.requirements.currently_due) == (False, ["external_account"])
    desk.sandbox.advance(DAY)
    assert len((await desk.client.v1.payouts.list_async({}, of_ana)).data) == 1
    desk.sandbox.replace_bank(ana)
    desk.sandbox.advance(DAY)
    assert [one.amount for one in await desk.client.v1.payouts.list_async({}, of_ana)] == [42_00, 42_00]


async def test_a_bank_account_with_stripes_number_for_it_refuses_every_payout() -> None:
    desk = Desk()
    ana = desk.sandbox.new_account(ready=False)
    desk.sandbox.onboard(ana, "000111111116")
    await desk.transfer(1, ana)
    desk.sandbox.advance(4 * DAY)
    [payout] = (await desk.client.v1.payouts.list_async({}, {"stripe_account": ana})).data
    assert (payout.status, payout.failure_code) == ("failed", "no_account")


async def test_a_payout_by_hand_can_be_canceled_while_it_is_pending() -> None:
    desk = Desk()
    ana = desk.sandbox.new_account()
    await desk.transfer(5_00, ana)
    of_ana: stripe.RequestOptions = {"stripe_account": ana}
    with pytest.raises(stripe.InvalidRequestError) as raised:
        await desk.client.v1.payouts.create_async({"amount": 5_01, "currency": "usd"}, of_ana)
    assert error_of(raised)[:2] == (400, "balance_insufficient")
    payout = await desk.client.v1.payouts.create_async({"amount": 5_00, "currency": "usd"}, of_ana)
    assert (await desk.client.v1.payouts.cancel_async(payout.id, {}, of_ana)).status == "canceled"
    assert await available(desk, ana) == {"usd": 5_00}


async def test_pending_money_is_not_available_until_its_time() -> None:
    desk = Desk(funded=0)
    ana = desk.sandbox.new_account()
    desk.sandbox.fund(10_00, available_in=2 * DAY)
    assert desk.sandbox.balance() == {"usd": (0, 10_00)}
    with pytest.raises(stripe.InvalidRequestError):
        await desk.transfer(1, ana)
    desk.sandbox.advance(2 * DAY)
    assert desk.sandbox.balance() == {"usd": (10_00, 0)}
    assert (await desk.transfer(1, ana)).amount == 1


async def test_lists_go_page_by_page_in_both_directions() -> None:
    desk = Desk()
    ana, ben = desk.sandbox.new_account(), desk.sandbox.new_account()
    made = []
    for number in range(7):
        made.append((await desk.transfer(1, ana if number % 2 else ben, transfer_group=f"g{number // 4}")).id)
        desk.sandbox.advance(10)
    newest = made[::-1]
    listing = desk.client.v1.transfers.list_async
    first = await listing({"limit": 3})
    assert ([one.id for one in first], first.has_more) == (newest[:3], True)
    second = await listing({"limit": 4, "starting_after": newest[2]})
    assert ([one.id for one in second], second.has_more) == (newest[3:], False)
    back = await listing({"limit": 2, "ending_before": newest[4]})
    assert ([one.id for one in back], back.has_more) == (newest[2:4], True)
    assert [one.id async for one in (await listing({"limit": 2})).auto_paging_iter()] == newest
    assert [one.id for one in await listing({"transfer_group": "g0"})] == newest[3:]
    assert [one.id for one in await listing({"transfer_group": "g1", "destination": ana})] == [made[5]]
    assert [one.id for one in await listing({"created": {"gte": MONDAY + 20, "lt": MONDAY + 40}})] == made[3:1:-1]
    assert [one.id for one in await listing({"created": MONDAY + 10})] == [made[1]]
    with pytest.raises(stripe.InvalidRequestError) as raised:
        await listing({"starting_after": "tr_unknown"})
    assert error_of(raised) == (400, "resource_missing", "starting_after")
    with pytest.raises(stripe.InvalidRequestError):
        await listing({"limit": 101})


async def test_metadata_is_added_replaced_and_unset() -> None:
    desk = Desk()
    transfer = await desk.transfer(1, desk.sandbox.new_account(), metadata={"a": "1", "b": "2"})
    updating = desk.client.v1.transfers.update_async
    changed = await updating(transfer.id, {"description": "for June", "metadata": {"a": "3", "b": "", "c": "4"}})
    assert (changed.description, changed.metadata.to_dict()) == ("for June", {"a": "3", "c": "4"})
    assert (await updating(transfer.id, {"metadata": ""})).metadata.to_dict() == {}
