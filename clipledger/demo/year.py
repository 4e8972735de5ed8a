"""A year of trade, so that there is something to look at: clippers from many countries, two more currencies, twelve
months of sales, and something that waits for each who logs in.

What it sells in months that are locked is booked in the open one. Nothing of it stands on a statement that is issued.
"""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

from clipledger.demo import year_clips, year_waits
from clipledger.demo.checks import must
from clipledger.demo.crowd import ASKED, CHINA, CLIPPERS, MARKETS, Licensed, Market
from clipledger.demo.licensed import HANDLE, LILI
from clipledger.demo.settlement import set_back
from clipledger.demo.stage import Stage
from clipledger.demo.trade import Seller, first_day, write
from licensing.bulk import Attested, GrantRow, bulk_grant
from licensing.parties import change_party
from licensing.publications import list_publications
from licensing.publishing import make_offer
from licensing.registration import register_clippers
from licensing.submissions import list_submissions
from media.storage import Storage
from settlement.balances import party_balances
from settlement.facts import refresh_facts
from settlement.importing import Imported, run_import
from settlement.imports import Request, begin_import
from settlement.remittances import NewRemittance, record_remittances
from settlement.settling import settle_due
from settlement.suspense import book_today

LINES = 1500
_ANAS = replace(CHINA, goods=CHINA.goods[:3])
"""Too little a month for a tier: a month of hers that is closed once more comes out as before."""
_STRANGERS = ("tiktok:best.of.lili", "douyin:lili.fans", "tiktok:lili.daily") * 3


async def tell(stage: Stage, lines: int = LINES) -> None:
    """So many order lines. Raises DemoError where a result is not what it must be."""
    year = _Year(stage)
    stage.paper.chapter("A year of trade, so that there is something to look at")
    with stage.paper.working("Trading …"):
        offers = await year.offer()
        crowd = await year.license(offers)
        posts = await year_clips.post(stage, crowd)
        year.let_time_pass()
        done = await year.sell(crowd, posts, lines)
        await year_waits.dispute(stage, crowd)
        await year.settle()
        await year_waits.leave(stage, crowd, offers)
    currencies = ", ".join(market.currency for market in MARKETS)
    stage.paper.say(
        f"A year of trade: {done.new} order lines of {len(crowd)} more clippers, in {currencies}; "
        "a few belong to nobody yet."
    )


class _Year:
    def __init__(self, stage: Stage) -> None:
        self.stage = stage
        self.engine = stage.engine
        self.book_id = stage.book.book_id
        self.now = datetime.now(ZoneInfo(stage.book.time_zone))
        self.first = first_day(self.now)

    async def offer(self) -> dict[Market, int]:
        """The numbers of the markets' offers."""
        async with self.engine.begin() as connection:
            return {
                market: await make_offer(
                    connection, self.book_id, market.about, LILI, terms=market.terms(self.first), opened=True
                )
                for market in MARKETS
            }

    async def license(self, offers: Mapping[Market, int]) -> list[Licensed]:
        """Lili knows them all from before, and has what they have signed. One is asked, and has not answered."""
        signed = Attested(accepted_at=datetime.now(UTC))
        crowd = []
        async with self.engine.begin() as connection:
            rows = await register_clippers(connection, LILI, [each.row for each in (*CLIPPERS, ASKED)])
            numbers = {each: row.clipper_id for each, row in zip((*CLIPPERS, ASKED), rows, strict=True)}
            for clipper, number in numbers.items():
                assert number is not None
                await change_party(connection, number, {"categories": clipper.categories, "capacity": 40})
            for market, offer_id in offers.items():
                theirs = [each for each in numbers if each.market is market]
                wanted = [
                    GrantRow(clipper=numbers[each], attested=None if each is ASKED else signed) for each in theirs
                ]
                made = await bulk_grant(connection, self.book_id, LILI, offer_id, wanted)
                for clipper, row in zip(theirs, made.rows, strict=True):
                    assert row.clipper_id is not None
                    assert row.grant_id is not None
                    crowd.append(Licensed(clipper, row.clipper_id, row.grant_id))
        return [each for each in crowd if each.clipper is not ASKED]

    def let_time_pass(self) -> None:
        """Their licences, and Ana's, are older than what is sold under them."""
        set_back(self.stage, (self.now - self.first).days + 30)

    async def sell(self, crowd: Sequence[Licensed], posts: Mapping[int, str], lines: int) -> Imported:
        """What a marketplace reports now; `posts` are what is on record of clips, by clipper."""
        path = self.stage.settings.var / "orders-of-a-year.csv"
        sellers = [*await self._ana(), *_sellers(crowd, posts), *_strangers()]
        lost = write(path, self.now, sellers, lines)
        storage = Storage(self.stage.settings.media_storage)
        asked = Request(file=path, name=path.name, as_of=datetime.now(UTC))
        report, _ = await begin_import(self.engine, storage, self.book_id, asked, created_by=LILI.actor)
        done = await run_import(self.engine, storage, self.book_id, report.import_id)
        must((done.report.state, done.report.parked) == ("done", 0), "every row of the report is read")
        must(done.new == lines + lost, "every order line is a sale")
        return done

    async def _ana(self) -> list[Seller]:
        """Where the story of the licence was told; by her clip, for her licence is for that stream."""
        async with self.engine.connect() as connection:
            for clip in await list_submissions(connection, book_id=self.book_id):
                for post in await list_publications(connection, self.book_id, clip.submission_id):
                    if (post.platform, post.handle) == ("douyin", HANDLE):
                        return [Seller(_ANAS, "douyin", HANDLE, 1.0, post.content_id)]
        return []

    async def settle(self) -> None:
        """Holds end, and marketplaces pay a part of what they owe."""
        await settle_due(self.engine, self.book_id)
        async with self.engine.begin() as connection:
            today = await book_today(connection, self.book_id)
            owed = (await party_balances(connection, self.book_id)).receivables
            came = [
                NewRemittance(
                    marketplace=each.marketplace,
                    currency=each.currency,
                    amount=each.amount * 7 // 10,
                    received_on=today,
                    account="assets:bank",
                    reference=f"{each.marketplace.upper()}-{self.now:%Y%m}",
                )
                for each in owed
                if each.marketplace in {market.marketplace for market in MARKETS} and each.amount > 1
            ]
            await record_remittances(connection, self.book_id, LILI.actor, came)
            await refresh_facts(connection, self.book_id, every=timedelta(0))


def _sellers(crowd: Sequence[Licensed], posts: Mapping[int, str]) -> list[Seller]:
    """In each market the first sell most."""
    ranks = dict.fromkeys(MARKETS, 0)
    sellers = []
    for each in crowd:
        market = each.clipper.market
        ranks[market] += 1
        platform, _, handle = each.clipper.accounts[0].partition(":")
        sellers.append(
            Seller(market, platform, handle, market.size / (ranks[market] + 1), posts.get(each.clipper_id, ""))
        )
    return sellers


def _strangers() -> list[Seller]:
    return [
        Seller(CHINA, platform, handle, 0, licensed=False)
        for platform, _, handle in (account.partition(":") for account in _STRANGERS)
    ]
