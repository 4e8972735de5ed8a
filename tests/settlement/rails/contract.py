"""What every rail is held to: the same tests on each, over a stand that plays the world behind it."""

from abc import ABC, abstractmethod
from datetime import datetime, timedelta
from itertools import pairwise
from typing import Any

import pytest

from ledger.errors import InvalidAmount, UnknownCurrency
from settlement.errors import InvalidOrder
from settlement.rails.protocol import Filed, Movement, Order, Outcome, Rail, Refused, Sent, Unknown


class Stand(ABC):
    """A rail with a funded world behind it, in which one payee can be paid."""

    rail: Rail
    currency: str
    other_currency: str
    """One that the rail knows of but that we hold no money in."""
    payee: str

    @property
    @abstractmethod
    def left(self) -> int:
        """How often anything that moves money has left the house."""

    @abstractmethod
    async def pay(self, order: Order) -> Outcome:
        """From the order to the rail's last word on it."""

    @abstractmethod
    async def pay_unheard(self, order: Order) -> Outcome:
        """As `pay`, and the money moves, but the answer is lost."""

    @abstractmethod
    async def give_back(self, order: Order, amount: int) -> None:
        """The other side sends a part of a payment back."""

    @abstractmethod
    def now(self) -> datetime: ...

    def order(self, key: str = "intent-7-1", **changes: Any) -> Order:
        given: dict[str, Any] = {
            "key": key,
            "group": f"{key}-group",
            "destination": self.payee,
            "amount": 6640,
            "currency": self.currency,
            "description": "Clips in October 2026",
            "metadata": {"party": "clipper-7"},
        }
        return Order(**(given | changes))

    async def held(self) -> int:
        """All we have at the rail, available or on its way in."""
        return sum(
            part.available + part.pending for part in await self.rail.balance() if part.currency == self.currency
        )

    async def movements(self) -> list[Movement]:
        now = self.now()
        return [one async for one in self.rail.movements(now - timedelta(days=9), now + timedelta(days=9))]


class RailContract:
    """Subclasses give the fixture `stand`."""

    def test_it_is_a_rail(self, stand: Stand) -> None:
        assert isinstance(stand.rail, Rail)
        assert stand.currency in stand.rail.currencies
        assert stand.rail.limits(stand.currency).least > 0

    async def test_a_payment_is_sent_and_found_by_its_order(self, stand: Stand) -> None:
        order = stand.order()
        before = await stand.held()
        assert await stand.rail.look_up(order) is None
        sent = await stand.pay(order)
        assert isinstance(sent, Sent)
        found = await stand.rail.look_up(order)
        assert found is not None
        assert found.reference == sent.reference
        status = await stand.rail.status(sent.reference)
        assert status is not None
        assert (status.amount, status.reversed, status.currency) == (6640, 0, stand.currency)
        assert await stand.held() == before - 6640

    async def test_the_same_key_twice_pays_once(self, stand: Stand) -> None:
        order = stand.order()
        before = await stand.held()
        first, second = await stand.pay(order), await stand.pay(order)
        assert isinstance(first, Sent)
        assert isinstance(second, Sent)
        assert first.reference == second.reference
        assert await stand.held() == before - 6640
        assert [one.net for one in await stand.movements() if one.kind == "transfer"] == [-6640]

    @pytest.mark.parametrize("amount", [0, -1, True, 66.4, 2**63])
    def test_what_is_no_amount_is_no_order(self, stand: Stand, amount: object) -> None:
        with pytest.raises((InvalidOrder, InvalidAmount)):
            stand.order(amount=amount)

    @pytest.mark.parametrize("name", ["key", "group", "destination"])
    def test_an_order_without_key_group_or_payee_is_none(self, stand: Stand, name: str) -> None:
        with pytest.raises(InvalidOrder):
            stand.order(**{name: " "})

    def test_a_currency_of_no_country_is_no_order(self, stand: Stand) -> None:
        with pytest.raises(UnknownCurrency):
            stand.order(currency="XXX")

    async def test_more_than_the_most_never_leaves(self, stand: Stand) -> None:
        order = stand.order(amount=stand.rail.limits(stand.currency).most + 1)
        assert await self._never_leaves(stand, order) == "operator"

    async def test_a_currency_we_do_not_hold_never_leaves(self, stand: Stand) -> None:
        order = stand.order(currency=stand.other_currency)
        assert await self._never_leaves(stand, order) == "operator"
        with pytest.raises(KeyError):
            stand.rail.limits(stand.other_currency)

    async def test_a_payee_who_cannot_be_paid_this_way_never_leaves(self, stand: Stand) -> None:
        assert await self._never_leaves(stand, stand.order(destination="nobody")) == "payee"

    async def test_a_key_the_rail_cannot_carry_never_leaves(self, stand: Stand) -> None:
        assert await self._never_leaves(stand, stand.order("k" * 300)) == "operator"

    async def _never_leaves(self, stand: Stand, order: Order) -> str:
        before = stand.left
        refused = await stand.rail.send(order)
        assert isinstance(refused, Refused)
        assert refused == stand.rail.refusal(order)
        assert stand.left == before
        return refused.fixed_by

    async def test_a_payment_whose_answer_is_lost_is_found(self, stand: Stand) -> None:
        order = stand.order()
        assert isinstance(await stand.pay_unheard(order), Unknown | Filed)
        found = await stand.rail.look_up(order)
        assert isinstance(found, Sent)
        again = await stand.pay(order)
        assert isinstance(again, Sent)
        assert again.reference == found.reference
        assert [one.net for one in await stand.movements() if one.kind == "transfer"] == [-6640]

    def test_the_request_hash_is_of_what_is_asked_not_of_its_name(self, stand: Stand) -> None:
        first = stand.rail.request_hash(stand.order())
        assert len(first) == 64
        assert stand.rail.request_hash(stand.order()) == first
        assert stand.rail.request_hash(stand.order("another", group=stand.order().group)) == first
        for changes in ({"amount": 6641}, {"description": "Clips in November 2026"}):
            assert stand.rail.request_hash(stand.order(**changes)) != first

    async def test_what_comes_back_shows_in_status_and_movements(self, stand: Stand) -> None:
        order = stand.order()
        sent = await stand.pay(order)
        assert isinstance(sent, Sent)
        before = await stand.held()
        await stand.give_back(order, 640)
        status = await stand.rail.status(sent.reference)
        assert status is not None
        assert (status.amount, status.reversed) == (6640, 640)
        assert [one.net for one in await stand.movements() if one.kind == "return"] == [640]
        assert await stand.held() == before + 640

    async def test_a_reversal_takes_back_what_it_says_or_nothing(self, stand: Stand) -> None:
        sent = await stand.pay(stand.order())
        assert isinstance(sent, Sent)
        outcomes = [await stand.rail.reverse(sent.reference, 640, stand.currency, "back-1") for _ in range(2)]
        status = await stand.rail.status(sent.reference)
        assert status is not None
        assert outcomes[0] == outcomes[1]
        assert status.reversed == (640 if isinstance(outcomes[0], Sent) else 0)

    async def test_balance_and_movements_add_up(self, stand: Stand) -> None:
        for number in (1, 2, 3):
            assert isinstance(await stand.pay(stand.order(f"intent-{number}", amount=1000 + number)), Sent)
        await stand.give_back(stand.order("intent-2", amount=1002), 1002)
        movements = await stand.movements()
        assert len({one.id for one in movements}) == len(movements)
        assert all(one.net == one.amount - one.fee for one in movements)
        assert sum(one.net for one in movements) == await stand.held()

    async def test_windows_of_movements_that_touch_leave_no_gap_and_no_overlap(self, stand: Stand) -> None:
        for number in (1, 2):
            await stand.pay(stand.order(f"intent-{number}"))
        whole = await stand.movements()
        edges = sorted(
            {stand.now() - timedelta(days=9), *(one.created for one in whole), stand.now() + timedelta(days=9)}
        )
        parts = [one.id for since, until in pairwise(edges) async for one in stand.rail.movements(since, until)]
        assert sorted(parts) == sorted(one.id for one in whole)

    async def test_a_reference_of_nothing_has_no_status(self, stand: Stand) -> None:
        assert await stand.rail.status("tr_of_nothing") is None
