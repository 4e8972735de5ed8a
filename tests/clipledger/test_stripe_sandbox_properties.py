"""Whatever is asked of the Stripe sandbox in whatever order: its balances add up, and a key pays once a day."""

from contextlib import suppress
from typing import Any

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import Bundle, RuleBasedStateMachine, initialize, invariant, multiple, rule

from clipledger.stripe_sandbox import API_KEY, ConnectionFault, Fault, Faults, Sandbox
from clipledger.stripe_sandbox.faults import KINDS
from clipledger.stripe_sandbox.keys import KEPT
from clipledger.stripe_sandbox.refusals import Refusal
from tests.clipledger.stripe_desk import MONDAY

AMOUNTS = st.integers(1, 50)
CURRENCIES = st.sampled_from(["usd", "eur"])


class Payouts(RuleBasedStateMachine):
    accounts = Bundle("accounts")
    transfers = Bundle("transfers")

    def __init__(self) -> None:
        super().__init__()
        self.sandbox = Sandbox(clock=lambda: MONDAY)
        self.topped_up = 0
        self.succeeded: dict[str, tuple[float, str, str]] = {}
        """Time, request and transfer of each key's first success."""

    def ask(self, method: str, path: str, body: str = "", key: str | None = None, on_behalf: str | None = None) -> Any:
        headers = {"Authorization": f"Bearer {API_KEY}"}
        headers |= {"Idempotency-Key": key} if key else {}
        headers |= {"Stripe-Account": on_behalf} if on_behalf else {}
        try:
            return self.sandbox.handle(method, path, headers, body.encode())
        except ConnectionFault:
            return None

    @initialize(target=accounts)
    def begin(self) -> str:
        """With money, an account that can be paid, and a payout on its way to the bank."""
        self.fund(500, "usd", 0)
        account = self.sandbox.new_account()
        made = self.ask("POST", "/v1/transfers", f"amount=20&currency=usd&destination={account}")
        assert made.status == 200
        self.pay_out(account, 10, "usd")
        return account

    @rule(amount=AMOUNTS, currency=CURRENCIES, available_in=st.sampled_from([0, 0, 3600]))
    def fund(self, amount: int, currency: str, available_in: int) -> None:
        self.topped_up += amount
        self.sandbox.fund(amount, currency, available_in=available_in)

    @rule(target=accounts, ready=st.booleans(), country=st.sampled_from(["US", "DE"]))
    def account(self, ready: bool, country: str) -> str:
        return self.sandbox.new_account(country, ready=ready)

    @rule(
        target=transfers,
        account=accounts,
        amount=st.sampled_from([1, 7]),
        currency=st.sampled_from(["usd", "usd", "eur"]),
        key=st.sampled_from("ab"),
        fault=st.none() | st.sampled_from(KINDS),
    )
    def transfer(self, account: str, amount: int, currency: str, key: str, fault: Any) -> Any:
        self.sandbox.faults = Faults([Fault(fault)] if fault else [])
        body = f"amount={amount}&currency={currency}&destination={account}"
        if fault == "idempotency_key_expired":
            self.succeeded.pop(key, None)
        answer = self.ask("POST", "/v1/transfers", body, key)
        if answer is None or fault == "malformed":
            answer = self.ask("POST", "/v1/transfers", body, key)  # as whoever got no answer would
        if answer.status != 200:
            return multiple()
        transfer = answer.json()["id"]
        at, first, made = self.succeeded.get(key, (self.sandbox.now, body, transfer))
        if self.sandbox.now - at < KEPT:
            assert (first, made) == (body, transfer)
        else:
            assert made != transfer
            at, first, made = self.sandbox.now, body, transfer
        self.succeeded[key] = (at, first, made)
        return transfer

    @rule(transfer=transfers, amount=st.none() | AMOUNTS, forced=st.booleans())
    def reverse(self, transfer: str, amount: int | None, forced: bool) -> None:
        if not forced:
            self.ask("POST", f"/v1/transfers/{transfer}/reversals", f"amount={amount}" if amount else "")
            return
        with suppress(Refusal):  # more than is left
            self.sandbox.reverse_transfer(transfer, amount)

    @rule(account=accounts, amount=AMOUNTS, currency=CURRENCIES)
    def pay_out(self, account: str, amount: int, currency: str) -> None:
        self.ask("POST", "/v1/payouts", f"amount={amount}&currency={currency}", on_behalf=account)

    @rule(number=st.integers(0, 5), fails=st.booleans())
    def end_a_payout(self, number: int, fails: bool) -> None:
        payouts = [(one, holder.id) for holder in self.sandbox.state.holders.values() for one in holder.payouts]
        if not payouts:
            return
        payout, account = payouts[number % len(payouts)]
        if fails and payout["status"] not in ("failed", "canceled"):
            self.sandbox.fail_payout(payout["id"])
        else:
            self.ask("POST", f"/v1/payouts/{payout['id']}/cancel", on_behalf=account)

    @rule(account=accounts, what=st.sampled_from(["onboard", "lose", "bank", "deauthorize"]))
    def change_an_account(self, account: str, what: str) -> None:
        if what == "onboard":
            self.sandbox.onboard(account)
        elif what == "lose":
            self.sandbox.set_capability(account, "inactive")
        elif what == "bank":
            self.sandbox.replace_bank(account)
        else:
            self.sandbox.deauthorize(account)

    @rule(seconds=st.sampled_from([1, 3600, 86_400, 400_000]))
    def wait(self, seconds: int) -> None:
        self.sandbox.advance(seconds)

    @invariant()
    def every_balance_is_the_sum_of_its_transactions(self) -> None:
        for holder in self.sandbox.state.holders.values():
            rows = list(holder.balance_transactions)
            for currency in {*holder.available, *holder.pending}:
                for status, amounts in (("available", holder.available), ("pending", holder.pending)):
                    nets = (row["net"] for row in rows if (row["currency"], row["status"]) == (currency, status))
                    assert amounts.get(currency, 0) == sum(nets)

    @invariant()
    def nothing_is_made_or_lost(self) -> None:
        held = at_banks = 0
        for holder in self.sandbox.state.holders.values():
            held += sum(holder.available.values()) + sum(holder.pending.values())
            at_banks += sum(one["amount"] for one in holder.payouts if one["status"] not in ("failed", "canceled"))
        assert held + at_banks == self.topped_up

    @invariant()
    def the_platform_never_overdraws(self) -> None:
        assert all(amount >= 0 for amount in self.sandbox.state.platform.available.values())

    @invariant()
    def what_automatic_payouts_cover_is_what_they_pay(self) -> None:
        for payout, covered in self.sandbox.state.covered.items():
            assert sum(row["net"] for row in covered) == 0, payout


Payouts.TestCase.settings = settings(max_examples=60, stateful_step_count=30, deadline=None)
TestPayouts = Payouts.TestCase
