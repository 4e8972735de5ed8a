"""A book that pays by bank file, and a small bank that books, answers and states as it is told."""

from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from datetime import date
from typing import Any
from xml.etree import ElementTree as Xml

import pytest
from sqlalchemy.ext.asyncio import AsyncEngine

from ledger.money import parse_amount
from settlement.payouts.accounts import Owner
from settlement.payouts.approving import approve
from settlement.payouts.banks import BankDetails, BankRails, OwnAccount, bank_rail, open_bank_account, set_own_accounts
from settlement.payouts.file_answers import Answered, Undone, receive_answer
from settlement.payouts.files import PayoutFile, content_of, find_file
from settlement.payouts.filing import Maker
from settlement.payouts.halts import Rails
from settlement.payouts.pace import Pace
from settlement.payouts.paying import pay_due
from settlement.payouts.payouts import Payout
from settlement.payouts.runs import draft, find_run, resume, submit
from settlement.payouts.statement_lines import look_through_statements, observe_keys
from settlement.payouts.steps import cancel, retry
from settlement.rails.bank_lines import BankLine
from settlement.rails.protocol import RailBalance
from tests.licensing.house import Clipper, NewClipper
from tests.settlement.payouts.purse import ANA, BEN, Hands, Purse
from tests.settlement.rails.bank_stand import answer

OWN = BankDetails(holder="Clip House GmbH", country="DE", iban="DE89370400440532013000", bic="COBADEFFXXX")
OTHER = BankDetails(holder="Clip House GmbH", country="DE", iban="DE75512108001245126199")
PAYEE = BankDetails(holder="Ana Müller", country="NL", iban="NL91 ABNA 0417 1643 00")
_PAIN_1 = "{urn:iso:std:iso:20022:tech:xsd:pain.001.001.09}"


@dataclass
class Bank:
    """Also what was imported of its statements: all that it has booked."""

    clock: Hands
    booked: list[BankLine] = field(default_factory=list)

    def upload(self, content: bytes) -> dict[str, int]:
        """What a file asks for: amounts by key."""
        return {
            _said(transfer, "EndToEndId"): parse_amount(_said(transfer, "InstdAmt"), "EUR")
            for transfer in Xml.fromstring(content).iter(f"{_PAIN_1}CdtTrfTxInf")
        }

    def pay(self, content: bytes) -> None:
        """Book all that a file asks for."""
        for key, amount in self.upload(content).items():
            self.book(key, -amount)

    def book(self, key: str, amount: int, reason: str | None = None) -> None:
        """A debit, or with more than nothing what comes back for this reason."""
        on = self.clock().date()
        line = BankLine(
            id=f"line-{len(self.booked)}",
            account="DE89370400440532013000",
            kind="transfer" if amount < 0 else "return",
            amount=amount,
            currency="EUR",
            booked_on=on,
            value_on=on,
            counterparty="Ana",
            text="Payout",
            end_to_end_id=key,
            reference=None,
            return_reason=reason,
        )
        self.booked.append(line)

    async def lines_of(self, end_to_end_id: str) -> Sequence[BankLine]:
        return [line for line in self.booked if line.end_to_end_id == end_to_end_id]

    async def lines(self, since: date, until: date) -> AsyncIterator[BankLine]:
        for line in self.booked:
            if since <= line.booked_on < until:
                yield line

    async def balances(self) -> Sequence[RailBalance]:
        return []


def _said(element: Xml.Element, name: str) -> str:
    found = next(element.iter(f"{_PAIN_1}{name}"))
    assert found.text is not None
    return found.text


@dataclass(frozen=True)
class Office:
    """Finance of a book with an account in euros: Ana makes files, Ben approves."""

    purse: Purse
    bank: Bank
    rails: Rails

    @property
    def engine(self) -> AsyncEngine:
        return self.purse.engine

    @property
    def book_id(self) -> int:
        return self.purse.book_id

    @property
    def clock(self) -> Hands:
        return self.purse.clock

    async def approved(self) -> int:
        """A run of all that is available."""
        async with self.engine.begin() as connection:
            run = await draft(connection, self.book_id, "bank-file", "available", by=ANA)
            await submit(connection, self.book_id, run.run_id, ANA)
        async with self.engine.begin() as connection:
            rail = await self.rails.of(connection, self.book_id, "bank-file")
            await approve(connection, self.book_id, run.run_id, BEN, rail, self.clock())
        return run.run_id

    async def work(self) -> None:
        """What the job does."""
        await pay_due(self.engine, self.rails, self.book_id, Pace(None), clock=self.clock)

    async def file(self, run_id: int, execute_on: date | None = None) -> PayoutFile:
        maker = Maker(self.engine, self.rails, clock=self.clock)
        return await maker.make(self.book_id, run_id, ANA, execute_on)

    async def found(self, file: PayoutFile) -> PayoutFile:
        async with self.engine.connect() as connection:
            return await find_file(connection, self.book_id, file.file_id)

    async def download(self, file: PayoutFile) -> bytes:
        async with self.engine.connect() as connection:
            return await content_of(connection, self.book_id, file.file_id)

    async def answered(self, file: PayoutFile, *told: tuple[str, str, str | None], **whole: Any) -> Answered:
        """The bank's answer by key, status and reason."""
        return await self.hear(file, answer(file.message_id, told, **whole))

    async def hear(self, file: PayoutFile, content: bytes) -> Answered:
        return await receive_answer(self.engine, self.book_id, file.file_id, content, "user:1", clock=self.clock)

    async def not_paid(self, file: PayoutFile, payouts: Sequence[int] | None = None, by: Any = BEN) -> PayoutFile:
        undone = Undone(self.engine, self.rails, clock=self.clock)
        return await undone.declare(self.book_id, file.file_id, by, "The bank never got it.", payouts)

    async def look(self) -> None:
        """At what statements show."""
        await look_through_statements(self.engine, self.rails, self.book_id, clock=self.clock)

    async def imported(self, *keys: str) -> None:
        """A statement with these ids was imported."""
        async with self.engine.connect() as connection:
            rail = await bank_rail(self.rails, connection, self.book_id)
        await observe_keys(self.engine, rail, self.book_id, keys, clock=self.clock)

    async def retry(self, payout: Payout) -> None:
        async with self.engine.begin() as connection:
            await retry(connection, self.book_id, payout.payout_id, "user:1", self.clock())

    async def cancel(self, payout: Payout) -> None:
        async with self.engine.begin() as connection:
            await cancel(connection, self.book_id, [payout.payout_id], "user:2", "The payee asks.", self.clock())

    async def resume(self, run_id: int) -> None:
        async with self.engine.begin() as connection:
            await resume(connection, self.book_id, run_id, BEN, reason="Looked at.", now=self.clock())

    async def own(self, *accounts: OwnAccount) -> None:
        async with self.engine.begin() as connection:
            await set_own_accounts(connection, self.book_id, accounts, by="user:1")

    async def payout(self) -> Payout:
        return await self.purse.payout()

    async def run(self, run_id: int) -> tuple[str, str | None]:
        """Its state, and why it is halted."""
        async with self.engine.connect() as connection:
            found = await find_run(connection, self.book_id, run_id)
        return found.state, found.halted

    async def balances(self) -> dict[str, int]:
        return await self.purse.balances("EUR")

    def pass_(self, **time: float) -> None:
        self.clock.pass_(**time)


@pytest.fixture
async def office(purse: Purse) -> Office:
    bank = Bank(purse.clock)
    made = Office(purse, bank, Rails({}, {"bank-file": BankRails(lambda _, __: bank)}))
    await made.own(OwnAccount(currency="EUR", account=OWN))
    return made


NewBankPayee = Callable[..., Awaitable[Clipper]]


@pytest.fixture
def new_bank_payee(office: Office, new_clipper: NewClipper) -> NewBankPayee:
    """A clipper that is owed something in euros, and has given a bank account."""

    async def made(amount: int = 10_000, details: BankDetails = PAYEE, **owed: Any) -> Clipper:
        clipper = await new_clipper()
        party = f"clipper-{clipper.clipper_id}"
        await office.purse.owe(party, amount, "EUR", lies="assets:marketplace:tiktok", **owed)
        async with office.engine.begin() as connection:
            await open_bank_account(connection, Owner(party_id=clipper.clipper_id), details, "EUR", by="test")
        return clipper

    return made
