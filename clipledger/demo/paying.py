"""How Ana is paid what her statement says: by Stripe's own SDK, through the sandbox, which is not Stripe."""

from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import httpx

from clipledger.demo.checks import must
from clipledger.demo.orders import CURRENCY
from clipledger.demo.stage import Stage
from clipledger.settings import Settings, StripeSettings
from clipledger.stripe_sandbox import API_KEY, Fault, Faults, Sandbox
from clipledger.stripe_sandbox.in_process import SandboxTransport
from clipledger.web.app import create_app
from ledger.money import format_amount
from ledger.periods import month_of
from settlement.balances import party_balances
from settlement.closing import Person
from settlement.payouts.accounts import Owner
from settlement.payouts.approving import approve
from settlement.payouts.pace import Pace
from settlement.payouts.payouts import Payout, list_payouts
from settlement.payouts.rail_events import process_due
from settlement.payouts.runs import draft, submit
from settlement.payouts.sending import Sender
from settlement.payouts.stripe_events import Acting
from settlement.payouts.stripe_payees import Payees
from settlement.positions import clipper_party
from settlement.rails.stripe_client import stripe_client
from settlement.rails.stripe_rail import StripeRail
from settlement.reconciliation.by_hand import PostingName, match
from settlement.reconciliation.rail_lines import assign, import_movements, list_platform_lines
from settlement.reconciliation.reconciliations import begin
from settlement.reconciliation.residuals import list_residuals
from settlement.reconciliation.running import run
from settlement.remittances import NewRemittance, record_remittances
from settlement.suspense import book_today


async def tell(stage: Stage, clipper_id: int, mei: Person, tom: Person) -> None:
    """Pay what is stated. Raises DemoError where a result is not what it must be."""
    story = _Paying(stage, clipper_id, mei, tom)
    await story.open_account()
    await story.receive()
    await story.approve_run()
    await story.send()
    await story.hear()
    await story.reconcile()


class _Paying:
    account: str

    def __init__(self, stage: Stage, clipper_id: int, mei: Person, tom: Person) -> None:
        self.engine = stage.engine
        self.paper = stage.paper
        self.book_id = stage.book.book_id
        self.owner = Owner(party_id=clipper_id)
        self.party = clipper_party(clipper_id)
        self.mei, self.tom = mei, tom
        self.sandbox = Sandbox()
        self.settings = self._settings(stage.settings)
        client = stripe_client(API_KEY, transport=SandboxTransport(self.sandbox))
        self.rail = StripeRail(client)
        self.payees = Payees(stage.engine, client, "US")

    def _settings(self, settings: Settings) -> Settings:
        """With an address for each kind of webhook."""
        secrets = [
            self.sandbox.new_webhook_endpoint(f"{settings.public_url}/v1/webhooks/{name}", "*", connect=connect)
            for name, connect in (("stripe", False), ("stripe-connect", True))
        ]
        return replace(settings, stripe=StripeSettings(API_KEY, "US", None, *secrets))

    async def open_account(self) -> None:
        self.paper.chapter("Ana says where she is paid to")
        self.paper.say("A sandbox plays Stripe here: Stripe's own SDK talks to it, and no money moves.")
        made = await self.payees.open(self.owner, "HK", "ana@example.com", by="demo")
        must(made.state != "active", "an account that Stripe knows nothing of is not paid to")
        self.paper.say(f"Account {made.destination} is {made.state}: {made.blocking[0].en} ({made.blocking[0].zh})")
        self.sandbox.onboard(made.destination)
        self.sandbox.replace_bank(made.destination, currency=CURRENCY.lower())
        ready = await self.payees.refresh(self.owner, made.account_id)
        must(ready.state == "active" and CURRENCY in ready.currencies, "once Stripe knows enough, it is paid to")
        self.account = made.destination
        self.paper.say(f"On Stripe's pages she tells what is asked: the account is {ready.state}.")

    async def receive(self) -> None:
        self.paper.chapter("The marketplace pays, into Lili's share of the platform's Stripe balance")
        async with self.engine.begin() as connection:
            today = await book_today(connection, self.book_id)
            (owed,) = (await party_balances(connection, self.book_id)).receivables
            came = NewRemittance(
                marketplace=owed.marketplace,
                currency=owed.currency,
                amount=owed.amount,
                received_on=today,
                account="assets:stripe",
                reference="TT-2077",
            )
            await record_remittances(connection, self.book_id, self.mei.actor, [came])
        self.sandbox.fund(owed.amount, CURRENCY.lower())
        self.paper.say(f"{format_amount(owed.amount, owed.currency)} {owed.currency} of {owed.marketplace}, TT-2077.")

    async def approve_run(self) -> None:
        self.paper.chapter("What the statements say is paid")
        async with self.engine.begin() as connection:
            run = await draft(connection, self.book_id, "stripe", "statement", by=self.mei)
            await submit(connection, self.book_id, run.run_id, self.mei)
            planned = await list_payouts(connection, self.book_id)
        rows = [
            (each.party, format_amount(each.amount, each.currency), each.state, each.reason or "")
            for each in reversed(planned)
        ]
        self.paper.table(("", "amount", "", ""), rows, right=(1,))
        async with self.engine.begin() as connection:
            await approve(connection, self.book_id, run.run_id, self.tom, self.rail, datetime.now(UTC))
        self.paper.say("Mei submits the run, and Tom approves it: the money is set aside, the intent is written down.")

    async def send(self) -> None:
        self.paper.chapter("The transfer is made, and its answer is lost")
        self.sandbox.faults = Faults([Fault("timeout_after")])
        await Sender(self.engine, self.rail, "stripe", pace=Pace(None)).send_due(self.book_id)
        sent = await self._payout()
        must((sent.state, self._at_stripe()) == ("sent", sent.amount), "what was sent twice by one key is paid once")
        self.paper.say(f"Asked again by the same key, Stripe shows the transfer it had made: {sent.reference}.")

    async def hear(self) -> None:
        self.paper.chapter("Stripe's webhook arrives, and the money has, too")
        app: Any = create_app(self.settings, self.engine)  # httpx and Litestar spell ASGI's types differently
        async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url=self.settings.public_url) as web:

            async def post(url: str, headers: dict[str, str], body: bytes) -> int:
                return (await web.post(url, headers=headers, content=body)).status_code

            taken = await self.sandbox.deliver(post)
            forged = await post("/v1/webhooks/stripe", {"Stripe-Signature": "t=1,v1=0"}, b"{}")
        must((taken > 0, forged) == (True, 400), "signed webhooks are taken, a forged one is not")
        await process_due(self.engine, "stripe", Acting(self.engine, self.rail, self.payees))
        paid = await self._payout()
        async with self.engine.connect() as connection:
            (its,) = (await party_balances(connection, self.book_id, self.party)).parties
        must((paid.state, its.available, its.paid) == ("paid", 0, paid.amount), "Ana has what her statement said")
        amount = format_amount(paid.amount, paid.currency)
        self.paper.say(f"{taken} signed webhooks are taken, a forged one is refused. Ana has {amount} {paid.currency}.")

    async def reconcile(self) -> None:
        self.paper.chapter("The books and Stripe's own lines say the same")
        await import_movements(self.engine, self.rail)
        async with self.engine.begin() as connection:
            (top_up,) = await list_platform_lines(connection)
            await assign(connection, top_up.line_id, self.book_id, "operator", "TikTok's TT-2077 is Lili's")
            month = month_of(await book_today(connection, self.book_id))
            begun = await begin(
                connection, self.book_id, self.mei, account="assets:stripe", currency=CURRENCY, month=month
            )
            number = begun.reconciliation_id
            await run(connection, self.book_id, number, self.mei)
            left = await list_residuals(connection, self.book_id, number)
        must([each.kind for each in left] == ["top-up-not-booked", "missing-outside"], "two lines wait for a person")
        self.paper.say(
            f"The transfer is matched by its reference. Two wait for a person: {left[0].said}; {left[1].said}."
        )
        postings = [PostingName(*name) for each in left for name in each.members["postings"]]
        lines = [line for each in left for line in each.members["lines"]]
        async with self.engine.begin() as connection:
            reason = "TikTok's money came as this top-up"
            await match(connection, self.book_id, number, self.mei, postings=postings, lines=lines, reason=reason)
            sums = await run(connection, self.book_id, number, self.mei)
        must((sums.matches, sums.residual_count, sums.unproved) == (2, 0, 0), "every line has its counterpart")
        share = format_amount(sums.ledger, CURRENCY)
        self.paper.say(f"Mei matches them, with a reason. {share} {CURRENCY} are left, in the books as at Stripe.")

    def _at_stripe(self) -> int:
        """What the sandbox says that Ana has."""
        return self.sandbox.balance(self.account)[CURRENCY.lower()][0]

    async def _payout(self) -> Payout:
        async with self.engine.connect() as connection:
            (found,) = await list_payouts(connection, self.book_id, party=self.party)
        return found
