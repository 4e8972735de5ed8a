"""The story of the month: what is done, what is shown, and what must have come out."""

from calendar import monthrange
from datetime import UTC, date, datetime, timedelta

import psycopg

from clipledger import database
from clipledger.demo import month as m
from clipledger.demo.checks import DemoError, must
from clipledger.demo.stage import Stage
from ledger.accounts import ensure_accounts, find_account
from ledger.balances import NOW, Moment, balance, trial_balance
from ledger.books import Book, open_book
from ledger.entries import Posted, post, post_batch
from ledger.errors import PeriodLocked
from ledger.money import format_amount
from ledger.periods import lock_period, month_of
from ledger.seals import inclusion_proof, proof_holds, seal
from ledger.statements import StatementLine, account_statement
from ledger.verification import Verification, verify


async def tell(stage: Stage) -> None:
    """Tell the whole story of last month. Raises DemoError where a result is not what it must be."""
    today = datetime.now(UTC).date()
    async with stage.engine.begin() as connection:
        book = await open_book(connection, "lili-live-ledger", "Lili Live", stage.book.time_zone)
    story = _Story(stage, book, month_of(month_of(today) - timedelta(days=1)))
    await story.open_the_accounts()
    await story.post_the_month()
    await story.show_the_books()
    await story.lock_the_month()
    await story.seal_and_verify()
    await story.tamper(stage.owner_url)


class _Story:
    """`month` is the first day of the month that is told; `book` is the story's own, for it locks and tampers."""

    first_sale: Posted

    def __init__(self, stage: Stage, book: Book, month: date) -> None:
        self.engine = stage.engine
        self.paper = stage.paper
        self.book = book
        self.month = month
        self.days = monthrange(month.year, month.month)[1]
        self.sales = m.sales(month, self.days)

    async def open_the_accounts(self) -> None:
        self.paper.chapter("The ledger by itself, in a book of its own")
        async with self.engine.begin() as connection:
            opened = await ensure_accounts(connection, self.book.book_id, m.accounts())
        self.paper.say(f"Book {self.book.slug}, {opened} accounts.")

    async def post_the_month(self) -> None:
        await self._sell()
        await self._refund()
        await self._settle()
        await self._pay("ana")

    async def show_the_books(self) -> None:
        async with self.engine.begin() as connection:
            trial = await trial_balance(connection, self.book.book_id)
        self.paper.chapter("Trial balance")
        self.paper.trial_balance(trial)
        must(trial.debits == trial.credits, "debits and credits are equal")
        await self._show_statement("What was held for Bo, the first days", m.held("bo"), limit=14)
        paid = await self._show_statement("What was available to Ana", m.available("ana"))
        must(paid[-1].balance == 0, "Ana was paid all that was available")

    async def lock_the_month(self) -> None:
        self.paper.chapter(f"{self.month:%B %Y} is locked")
        async with self.engine.begin() as connection:
            await lock_period(connection, self.book.book_id, self.month, locked_by="demo")
        sale, day = self.sales[-1], self.month + timedelta(days=self.days - 1)
        late = m.refunded(sale, sale.commission // 2, day)
        try:
            async with self.engine.begin() as connection:
                await post(connection, self.book.book_id, late)
        except PeriodLocked as error:
            self.paper.say(f"A late refund is refused: {error}")
        else:
            raise DemoError("a locked month took an entry")
        next_month = self.month + timedelta(days=self.days)
        async with self.engine.begin() as connection:
            await post(connection, self.book.book_id, m.refunded(sale, sale.commission // 2, day, next_month))
        self.paper.say(f"It is booked in {next_month:%B} instead, and keeps its own date, {day}.")

    async def seal_and_verify(self) -> None:
        self.paper.chapter("Sealed and verified")
        async with self.engine.begin() as connection:
            (made,) = await seal(connection, self.book.book_id)
            proof = await inclusion_proof(connection, self.book.book_id, self.first_sale.entry_id)
        self.paper.say(f"Seal {made.seal_no} over {made.entry_count} entries: {made.seal_hash}")
        must(proof_holds(proof), "the first sale's proof leads to the seal")
        self.paper.say(f"The first sale is in it: {len(proof.path)} hashes prove it.")
        must((await self._verify()).sound, "untouched books are sound")

    async def tamper(self, owner_url: str) -> None:
        """As the tables' owner with the rules switched off, which is what a thief with the keys would do."""
        self.paper.chapter("Somebody changes a row behind the ledger's back")
        change = "UPDATE ledger.postings SET amount = amount + %s WHERE book_id = %s AND entry_id = %s AND line = 1"
        entry_id = self.first_sale.entry_id
        with psycopg.connect(database.conninfo(owner_url)) as thief:
            thief.execute("ALTER TABLE ledger.postings DISABLE TRIGGER append_only")
            thief.execute(change, [100, self.book.book_id, entry_id])
            thief.commit()
            found = await self._verify()
            must(any(finding.subject == f"entry {entry_id}" for finding in found.findings), "the row is found")
            thief.execute(change, [-100, self.book.book_id, entry_id])
            thief.execute("ALTER TABLE ledger.postings ENABLE TRIGGER append_only")
        self.paper.say("The row is put back as it was.")
        must((await self._verify()).sound, "restored books are sound")

    async def _sell(self) -> None:
        self.paper.chapter(f"Sales of {self.month:%B %Y}")
        async with self.engine.begin() as connection:
            posted = await post_batch(connection, self.book.book_id, [m.accrued(sale) for sale in self.sales])
        self.first_sale = posted[0]
        for sale in self.sales[: len(m.CLIPPERS)]:
            host, part = m.CLIPPERS[sale.clipper]
            self.paper.say(f"{sale.order}, host : clipper {host}:{part}")
            for line in sale.split.explain():
                self.paper.say(f"    {line}")
        self.paper.say(f"… {len(self.sales)} sales posted in one batch.")
        async with self.engine.begin() as connection:
            again = await post_batch(connection, self.book.book_id, [m.accrued(sale) for sale in self.sales])
        must([entry.entry_id for entry in again] == [entry.entry_id for entry in posted], "a replay posts nothing")
        self.paper.say("Posted once more, as a retry would: nothing was added.")

    async def _refund(self) -> None:
        sale = next(sale for sale in self.sales if sale.clipper == "bo")
        entry = m.refunded(sale, sale.commission // 2, sale.sold_on + timedelta(days=9))
        async with self.engine.begin() as connection:
            await post(connection, self.book.book_id, entry)
        self.paper.chapter("Half of one of Bo's sales is returned")
        for line in entry.lines:
            self.paper.say(f"{format_amount(line.amount, line.currency):>9} {line.currency}  {line.account}")

    async def _settle(self) -> None:
        """For what was sold by the 20th the marketplace pays, and the refund window ends."""
        sold = Moment(as_of=self.month + timedelta(days=19))
        day = self.month + timedelta(days=self.days - 4)
        holding = [m.DEFERRED_FEE, *(m.held(party) for party in ("host", "agency", *m.CLIPPERS))]
        balances = {account: await self._balance(account, sold) for account in holding}
        owed = await self._balance(m.MARKETPLACE, sold)
        async with self.engine.begin() as connection:
            await post_batch(connection, self.book.book_id, [m.remitted(owed, day), m.released(balances, day)])
        self.paper.chapter("The marketplace pays, and the refund window ends, for what was sold by the 20th")
        self.paper.say(f"{format_amount(owed, m.CURRENCY)} {m.CURRENCY} received; what was held of it is available.")

    async def _pay(self, party: str) -> None:
        amount = -await self._balance(m.available(party))
        day = self.month + timedelta(days=self.days - 3)
        async with self.engine.begin() as connection:
            await post_batch(connection, self.book.book_id, list(m.payout(party, amount, day)))
        self.paper.chapter(f"{party.capitalize()} is paid")
        self.paper.say(f"{format_amount(amount, m.CURRENCY)} {m.CURRENCY}: approved, sent, arrived.")

    async def _balance(self, code: str, moment: Moment = NOW) -> int:
        async with self.engine.begin() as connection:
            account = await find_account(connection, self.book.book_id, code, m.CURRENCY)
            return await balance(connection, self.book.book_id, account.account_id, moment)

    async def _show_statement(self, title: str, code: str, limit: int = 100) -> list[StatementLine]:
        async with self.engine.begin() as connection:
            account = await find_account(connection, self.book.book_id, code, m.CURRENCY)
            lines = await account_statement(connection, self.book.book_id, account.account_id, limit=limit)
        self.paper.chapter(title)
        self.paper.statement(lines, m.CURRENCY)
        return lines

    async def _verify(self) -> Verification:
        async with self.engine.begin() as connection:
            result = await verify(connection, self.book.book_id)
        self.paper.verification(result)
        return result
