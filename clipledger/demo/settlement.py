"""The story of the settlement: a marketplace reports what was sold, and each sale finds its way into the books.

How its month is closed is told by `clipledger.demo.closing`, how Ana is paid by `clipledger.demo.paying`.
"""

from collections.abc import Sequence
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import psycopg

from clipledger import database
from clipledger.demo import closing, licence, orders, paying
from clipledger.demo.checks import must
from clipledger.demo.licensed import ANA, HANDLE, LILI
from clipledger.demo.orders import CLIP, CURRENCY, REPOST
from clipledger.demo.paper import from_here
from clipledger.demo.stage import Stage
from ledger.money import format_amount
from ledger.periods import month_of
from licensing import publications, submissions
from licensing.grants import Grant, list_grants
from media.storage import Storage
from settlement.explaining import Explained, explain
from settlement.importing import Imported, run_import
from settlement.imports import Request, begin_import
from settlement.posted import Amount, posted_by
from settlement.previewing import preview
from settlement.resolutions import resolve
from settlement.sale import Sale
from settlement.sales import Chosen, list_sales
from settlement.settling import settle_due
from settlement.suspense import groups, list_suspended

# As the tables' owner: nothing can be licensed for the past through the licensing room.
_BACK = """
    ALTER TABLE licensing.grant_changes DISABLE TRIGGER append_only;
    UPDATE licensing.grant_changes SET effective_at = effective_at - interval '{0} days',
        recorded_at = recorded_at - interval '{0} days', starts_at = starts_at - interval '{0} days'
        WHERE book_id = {1};
    ALTER TABLE licensing.grant_changes ENABLE TRIGGER append_only;
    UPDATE licensing.grants SET created_at = created_at - interval '{0} days',
        accepted_at = accepted_at - interval '{0} days', starts_at = starts_at - interval '{0} days'
        WHERE book_id = {1};
    UPDATE licensing.publications SET published_at = published_at - interval '{0} days' WHERE book_id = {1};
"""


def set_back(stage: Stage, days: int) -> None:
    """As if all the book's licences had been made, and its clips posted, so many days before."""
    with psycopg.connect(database.conninfo(stage.owner_url)) as connection:
        connection.execute(_BACK.format(days, stage.book.book_id).encode())


async def tell(stage: Stage) -> None:
    """Leave two reports and a statement in the stage's folder; where there is no licence yet, tell of that before.

    Raises DemoError where a result is not what it must be.
    """
    async with stage.engine.connect() as connection:
        found = await list_grants(connection, stage.book.book_id)
    if not found:
        await licence.tell(stage)
        async with stage.engine.connect() as connection:
            found = await list_grants(connection, stage.book.book_id)
    month = month_of(month_of(datetime.now(UTC).date()) - timedelta(days=1))
    story = _Story(stage, found[0], month)
    await story.post_the_clip()
    await story.let_time_pass()
    await story.import_early()
    await story.resolve()
    await story.import_later()
    await story.explain()
    await story.release()
    mei, tom = await closing.tell(stage, found[0].clipper_id, month)
    await paying.tell(stage, found[0].clipper_id, mei, tom)


class _Story:
    """`month` is the first day of the month that is told."""

    def __init__(self, stage: Stage, grant: Grant, month: date) -> None:
        self.stage = stage
        self.engine = stage.engine
        self.paper = stage.paper
        self.book_id = stage.book.book_id
        self.grant = grant
        self.month = month
        self.storage = Storage(stage.settings.media_storage)

    async def post_the_clip(self) -> None:
        self.paper.chapter("Ana posts the clip once more")
        url = f"https://www.tiktok.com/@{HANDLE}/video/{CLIP}"
        posting = publications.Posting(
            platform="tiktok", content_id=CLIP, handle=HANDLE, url=url, published_at=datetime.now(UTC)
        )
        async with self.engine.begin() as connection:
            (clip,) = await submissions.list_submissions(connection, book_id=self.book_id)
            await publications.publish(connection, self.book_id, clip.submission_id, posting, by=ANA)
        self.paper.say(f"On TikTok, where it has its own number: {url}")

    async def let_time_pass(self) -> None:
        """What is sold under a licence that was made just now could not be of a month that has ended."""
        days = (datetime.now(UTC).date() - self.month).days + 1
        set_back(self.stage, days)
        self.paper.say(f"So that a whole month can be told, the demo sets the licence {days} days back.")

    async def import_early(self) -> None:
        self.paper.chapter(f"The marketplace reports what was sold in early {self.month:%B}")
        path, asked = self._report("orders-early.csv", orders.early(self.month), orders.EARLY)
        foreseen = await preview(self.engine, self.book_id, asked)
        self.paper.say(f"{from_here(path)}, {foreseen.format}: a preview finds {foreseen.new} new sales.")
        done, posted = await self._import(asked)
        must(posted == list(foreseen.posted), "what is posted is what the preview said")
        self._show(posted)
        self.paper.say("Imported, it has posted just that.")
        again, _ = await self._import(asked)
        must((again.new, again.changed, again.report) == (0, 0, done.report), "a file is imported once")
        self.paper.say("Imported once more, it is recognised by its hash: nothing was added.")

    async def resolve(self) -> None:
        self.paper.chapter("A sale that is nobody's")
        async with self.engine.connect() as connection:
            (lost,) = await list_suspended(connection, self.book_id, self._on(orders.EARLY))
            (group,) = await groups(connection, self.book_id, self._on(orders.EARLY), "content")
        must((lost.order_no, lost.reason) == (orders.REPOSTED, "unknown-content"), "the unknown post is nobody's")
        self.paper.say(f"Order {lost.order_no}, {_money(lost.amount)}, is in suspense: {lost.reason}, {REPOST}.")
        asked = (self.book_id, LILI.actor, group.matches, self.grant.grant_id, "Ana posted the clip twice")
        async with self.engine.begin() as connection:
            followed = await resolve(connection, *asked, today=self._on(orders.EARLY))
            left = await list_suspended(connection, self.book_id, self._on(orders.EARLY))
        must((followed.moved, left) == (1, []), "the resolved sale leaves suspense")
        self.paper.say(f"Lili finds out that Ana posted the clip twice, and says so once: {group.matches} is Ana's.")

    async def import_later(self) -> None:
        self.paper.chapter("A later report: some have settled, one half returned, one returned")
        path, asked = self._report("orders-later.csv", orders.later(self.month), orders.LATER)
        done, posted = await self._import(asked)
        self.paper.say(f"{from_here(path)}: {done.new} new sale, {done.changed} changed. What is posted, differences:")
        self._show(posted)
        sales = await self._sales()
        rows = [
            (each.order_no, each.state, _money(each.due), f"{each.rule} {each.confidence} %", _money(each.clipper_part))
            for each in sales.values()
        ]
        self.paper.table(("order", "is", "commission", "Ana's by", "her part"), rows, right=(2, 4))
        again = sales[orders.REPOSTED_AGAIN]
        must(again.rule == "resolution", "the new sale of the second post follows what was said of it")
        must(all(each.clipper_id == self.grant.clipper_id for each in sales.values()), "every sale is Ana's")
        self.paper.say(f"Order {again.order_no} is of the second post, too: what Lili said is remembered.")

    async def explain(self) -> None:
        sale = (await self._sales())[orders.HALF_RETURNED]
        self.paper.chapter(f"Why order {sale.order_no} stands where it stands")
        async with self.engine.connect() as connection:
            found = await explain(connection, self.book_id, sale.sale_id)
        must(len(found.told) == len(found.moved) == 2, "both reports told of it, and each moved it")
        self._say_why(found)
        parts = (sale.platform_part, sale.host_part, sale.clipper_part)
        must(sum(parts) == sale.due == 3_980, "the parts are the whole of what is left")

    def _say_why(self, found: Explained) -> None:
        sale, working = found.sale, found.working
        assert working is not None
        for row in reversed(found.told):
            raw = dict(row.raw or ())
            its = ", ".join(f"{name} {raw[name]}" for name in ("Order settlement status", "Items refunded", "GMV"))
            self.paper.say(f"{row.name}, row {row.row_no}: {its} → {row.state}, {_money(row.due)} due")
        self.paper.say(
            f"By its {sale.rule}, {sale.content_id}: clip {sale.submission_id} under grant {sale.grant_id}, "
            f"terms {working.version_no} ({working.sha256[:16]}…)"
        )
        for step in working.steps:
            self.paper.say(f"    {step}")
        rows = [
            (f"{its.entry_id}", its.cause, *map(_money, (its.due, its.platform_part, its.host_part, its.clipper_part)))
            for its in found.moved
        ]
        self.paper.table(("entry", "cause", "due", "platform", "Lili", "Ana"), rows, right=(2, 3, 4, 5))

    async def release(self) -> None:
        self.paper.chapter("The hold ends")
        moved = await settle_due(self.engine, self.book_id, today=self._on(orders.LAST))
        must(moved["release_due"] == 2, "what has been settled for fifteen days is released")
        again = await settle_due(self.engine, self.book_id, today=self._on(orders.LAST))
        must(not any(again.values()), "what is done is not due")
        self.paper.say(f"On {self._on(orders.LAST)} {moved['release_due']} sales are released, 15 days after settling.")

    def _report(self, name: str, rows: Sequence[orders.Order], days: int) -> tuple[Path, Request]:
        path = self.stage.settings.var / name
        orders.write(path, rows)
        return path, Request(file=path, name=name, as_of=self._on(days))

    async def _import(self, asked: Request) -> tuple[Imported, list[Amount]]:
        report, _ = await begin_import(self.engine, self.storage, self.book_id, asked, created_by=LILI.actor)
        done = await run_import(self.engine, self.storage, self.book_id, report.import_id)
        must((done.report.state, done.report.parked) == ("done", 0), "every row of the report is read")
        async with self.engine.connect() as connection:
            return done, await posted_by(connection, self.book_id, report.import_id)

    async def _sales(self) -> dict[str, Sale]:
        """By the orders' numbers, in their order."""
        async with self.engine.connect() as connection:
            found = await list_sales(connection, self.book_id, Chosen(marketplace="tiktok"))
        return {each.order_no: each for each in reversed(found)}

    def _show(self, posted: Sequence[Amount]) -> None:
        must(sum(each.amount for each in posted) == 0, "what is posted balances")
        rows = [(each.account, f"{format_amount(each.amount, each.currency)} {each.currency}") for each in posted]
        self.paper.table(("account", "posted"), rows, right=(1,))

    def _on(self, days: int) -> date:
        return self.month + timedelta(days=days)


def _money(amount: int) -> str:
    return format_amount(amount, CURRENCY)
