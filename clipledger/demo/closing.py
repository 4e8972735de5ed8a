"""How the month of the settlement is closed: drafted, submitted, approved by another person, and proved."""

import asyncio
import secrets
from datetime import date

from clipledger.access.users import add_user
from clipledger.demo.checks import DemoError, must
from clipledger.demo.orders import CURRENCY
from clipledger.demo.paper import from_here
from clipledger.demo.stage import Stage
from clipledger.pages.tellings import told
from ledger.accounts import find_account
from ledger.balances import Moment, balance
from ledger.errors import AccountNotFound
from ledger.money import format_amount
from settlement.balances import party_balances
from settlement.checklists import checklist
from settlement.closing import Person, approve, draft, submit
from settlement.errors import SamePerson
from settlement.positions import clipper_party
from settlement.statements.drafting import BALANCES
from settlement.statements.papers import Whole, pdf_of
from settlement.statements.reading import Amounts, all_lines, list_statements, summaries_of


async def tell(stage: Stage, clipper_id: int, month: date) -> tuple[Person, Person]:
    """Leave Ana's statement in the stage's folder; who submitted it, and who approved.

    Raises DemoError where a result is not what it must be.
    """
    story = _Closing(stage, clipper_party(clipper_id), month)
    mei, tom = await story.close()
    await story.state()
    await story.show_balances()
    return mei, tom


class _Closing:
    def __init__(self, stage: Stage, party: str, month: date) -> None:
        self.stage = stage
        self.engine = stage.engine
        self.paper = stage.paper
        self.book_id = stage.book.book_id
        self.party = party
        self.month = month

    async def close(self) -> tuple[Person, Person]:
        self.paper.chapter(f"{self.month:%B %Y} is closed")
        its = (self.book_id, self.month)
        mei, tom = await self._person("Mei"), await self._person("Tom")
        async with self.engine.begin() as connection:
            made = await draft(connection, *its, mei)
            await submit(connection, *its, mei)
        self.paper.say(f"Mei, who keeps Lili's books, drafts {made} statements and submits them.")
        try:
            async with self.engine.begin() as connection:
                await approve(connection, *its, mei)
        except SamePerson as error:
            self.paper.say(f"She can't approve them: a month {error.rule}.")
        else:
            raise DemoError("a month was approved by the person who submitted it")
        async with self.engine.begin() as connection:
            await approve(connection, *its, tom)
            found = await checklist(connection, *its)
        must((found.state, found.locked, found.exceptions) == ("issued", True, []), "the month is issued and locked")
        self.paper.say("Tom approves them: they are issued, and the month is locked.")
        return mei, tom

    async def _person(self, name: str) -> Person:
        async with self.engine.begin() as connection:
            email = f"{name.lower()}@example.com"
            user = await add_user(connection, email, secrets.token_urlsafe(24), name)
        return Person(user.user_id, f"user:{user.user_id}")

    async def state(self) -> None:
        self.paper.chapter("Ana's statement")
        whole = await self._statement()
        its = whole.statement
        rows = [("opening", "", "", *self._amounts(its.opening))]
        rows += [
            (
                line.kind,
                line.label or (f"product {line.product}" if line.product else ""),
                f"{line.sales}",
                *self._amounts(line.amounts),
            )
            for line in whole.lines
        ]
        rows.append(("closing", "", "", *self._amounts(its.closing)))
        self.paper.table(("", "of", "sales", "held", "available", "in all"), rows, right=(2, 3, 4, 5))
        await self._prove(whole)
        path = self.stage.settings.var / "statement.pdf"
        with self.paper.working("Setting it …"):
            path.write_bytes(await asyncio.to_thread(pdf_of, whole, "en", self.stage.settings.public_url, told))
        self.paper.say(f"Opening and lines are the closing balance, and that is the ledger's. {from_here(path)}")

    async def _statement(self) -> Whole:
        async with self.engine.connect() as connection:
            (found,) = await list_statements(connection, book_id=self.book_id, month=self.month, party=self.party)
            summary = await summaries_of(connection, self.book_id, found.statement_id)
            pages = all_lines(connection, self.book_id, found.statement_id)
            return Whole(found, summary, [line async for some in pages for line in some])

    async def _prove(self, whole: Whole) -> None:
        """Counted here once more, not by those who drafted it."""
        its = whole.statement
        for name in BALANCES:
            opening, closing = (getattr(each, name) for each in (its.opening, its.closing))
            told = opening + sum(getattr(line.amounts, name) for line in whole.lines)
            must(told == closing == await self._in_the_ledger(name), f"what is told of {name} is what the ledger says")

    async def _in_the_ledger(self, name: str) -> int:
        """What is owed to her there through the month; what she owes would count the other way."""
        kind, sign = ("assets", 1) if name == "recoverable" else ("liabilities", -1)
        async with self.engine.connect() as connection:
            try:
                account = await find_account(connection, self.book_id, f"{kind}:{name}:{self.party}", CURRENCY)
            except AccountNotFound:
                return 0
            return sign * await balance(connection, self.book_id, account.account_id, Moment(through=self.month))

    async def show_balances(self) -> None:
        self.paper.chapter("Who is owed what")
        async with self.engine.connect() as connection:
            found = await party_balances(connection, self.book_id)
        rows = [
            (each.party, *(format_amount(amount, each.currency) for amount in (each.held, each.available)))
            for each in found.parties
        ]
        self.paper.table(("", "held", "available"), rows, right=(1, 2))
        for owed in found.receivables:
            self.paper.say(f"{owed.marketplace} owes {format_amount(owed.amount, owed.currency)} {owed.currency}.")

    def _amounts(self, amounts: Amounts) -> tuple[str, str, str]:
        held, available, total = (
            format_amount(each, CURRENCY) for each in (amounts.held, amounts.available, amounts.total)
        )
        return held, available, total
