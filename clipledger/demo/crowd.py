"""Who clips for Lili beside those of the story, and the offers that they do it under."""

from dataclasses import dataclass
from datetime import datetime

from ledger.splits import Share, SplitRule, Take, Tier
from licensing.approval import Approval
from licensing.offers import OfferAbout
from licensing.registration import ClipperAccount, ClipperRow
from licensing.states import By
from licensing.terms import Terms


@dataclass(frozen=True, eq=False)
class Market:
    """Where an offer's clips are posted, and where `goods` sell, cheapest first, each with its price in minor units.
    `size`: how much is sold beside the other markets.
    """

    currency: str
    marketplace: str
    territory: str
    about: OfferAbout
    platforms: tuple[str, ...]
    split: SplitRule
    goods: tuple[tuple[str, int], ...]
    minimum_payout: int
    size: float = 1
    hold_days: int = 15

    def terms(self, starts_at: datetime) -> Terms:
        """Of its offer."""
        return Terms(
            licensor="Lili Live Ltd",
            split=self.split,
            platforms=self.platforms,
            starts_at=starts_at,
            tail_days=30,
            hold_days=self.hold_days,
            minimum_payout=self.minimum_payout,
        )


def _split(currency: str, host: int, clipper: int, *tiers: tuple[int, int, int]) -> SplitRule:
    """`tiers`: from which net GMV on it is shared as host : clipper."""
    return SplitRule(
        currency=currency,
        takes=(Take("platform", "5%"),),
        shares=(Share("host", host), Share("clipper", clipper)),
        tiers=tuple(Tier(gmv, (host, clipper)) for gmv, host, clipper in tiers),
    )


CHINA = Market(
    "CNY", "douyin", "CN",
    OfferAbout(title="Every evening, live", summary="Bags, tea and what is new, every evening from eight",
               category="fashion", languages=("zh",), quota=200),
    ("douyin", "kuaishou", "xiaohongshu"),
    _split("CNY", 4, 6, (10_000_00, 35, 65)),
    (("silk-scarf", 4_900), ("longjing-tea-250g", 12_900), ("red-leather-bag", 19_900), ("linen-dress", 25_900),
     ("travel-tea-set", 39_900), ("cashmere-coat", 149_900), ("jade-bracelet", 328_000)),
    minimum_payout=50_00,
    size=2.5,
)  # fmt: skip
AMERICA = Market(
    "USD", "amazon", "US",
    OfferAbout(title="Lili Live in English", summary="Highlights with subtitles, for viewers in America and Britain",
               category="fashion", languages=("en",), quota=50, approval=Approval(least_approved_clips=3)),
    ("tiktok", "youtube", "instagram"),
    _split("USD", 5, 5, (1_000_00, 45, 55), (5_000_00, 4, 6)),
    (("silk-scarf", 1_490), ("longjing-tea-250g", 2_490), ("red-leather-bag", 4_900), ("travel-tea-set", 7_900),
     ("cashmere-coat", 32_900)),
    minimum_payout=20_00,
    hold_days=30,
)  # fmt: skip
JAPAN = Market(
    "JPY", "rakuten", "JP",
    OfferAbout(title="リリライブ · Lili Live Japan", summary="Tea and travel sets, with Japanese subtitles",
               category="food", languages=("ja",), quota=30),
    ("youtube", "instagram", "x"),
    _split("JPY", 3, 7),
    (("longjing-tea-250g", 2_980), ("silk-scarf", 4_400), ("travel-tea-set", 8_800), ("linen-dress", 14_800),
     ("jade-bracelet", 59_800)),
    minimum_payout=2_000,
)  # fmt: skip
MARKETS = (CHINA, AMERICA, JAPAN)


@dataclass(frozen=True, eq=False)
class Clipper:
    """`accounts` are confirmed, as platform:handle."""

    name: str
    country: str
    languages: tuple[str, ...]
    categories: tuple[str, ...]
    market: Market
    accounts: tuple[str, ...]

    @property
    def row(self) -> ClipperRow:
        """As Lili registers it."""
        named = (account.partition(":") for account in self.accounts)
        handles = tuple(ClipperAccount(platform=platform, handle=handle) for platform, _, handle in named)
        return ClipperRow(name=self.name, handles=handles, country=self.country, languages=self.languages)


@dataclass(frozen=True)
class Licensed:
    """A clipper with its licence, as the book knows them."""

    clipper: Clipper
    clipper_id: int
    grant_id: int

    @property
    def by(self) -> By:
        """Nobody logs in for these clippers."""
        return By("clipper", f"clipper:{self.clipper_id}")


def _of(market: Market, *named: tuple[str, str, str, str, str]) -> list[Clipper]:
    """Name, country, languages, categories, accounts; of the last three, several have blanks between."""
    return [
        Clipper(name, country, tuple(languages.split()), tuple(categories.split()), market, tuple(accounts.split()))
        for name, country, languages, categories, accounts in named
    ]


BO, CHEN, *_ = CHINESE = _of(
    CHINA,
    ("Bo Zhang", "CN", "zh en", "fashion", "douyin:bo.mirror xiaohongshu:bo.mirror"),
    ("陈思远", "CN", "zh", "fashion beauty", "douyin:chen.siyuan"),
    ("王小明", "CN", "zh", "fashion", "douyin:xiaoming.clips kuaishou:xiaoming"),
    ("李静怡", "CN", "zh", "beauty fashion", "xiaohongshu:jingyi.picks"),
    ("张雨桐", "CN", "zh", "food", "douyin:yutong.eats"),
    ("刘子涵", "CN", "zh", "home", "kuaishou:zihan.home"),
    ("赵一诺", "CN", "zh", "fashion", "douyin:yinuo.daily"),
    ("黄嘉欣", "HK", "zh zh-Hant en", "fashion beauty", "xiaohongshu:kayan.hk"),
    ("周梓萱", "CN", "zh", "beauty", "douyin:zixuan.live"),
    ("欧阳若曦", "CN", "zh", "fashion home", "douyin:ruoxi.ouyang"),
    ("林晓月", "TW", "zh-Hant", "food home", "xiaohongshu:moon.lin"),
    ("吴俊杰", "SG", "zh en", "fashion", "douyin:jj.wu"),
    (
        "杭州晨光直播切片工作室（有限合伙）",
        "CN",
        "zh",
        "fashion food home",
        "douyin:chenguang.studio kuaishou:chenguang",
    ),
)
WESTERN = _of(
    AMERICA,
    ("Maya Thompson", "US", "en", "fashion", "tiktok:maya.finds instagram:maya.finds"),
    ("Jordan Lee", "US", "en", "fashion", "tiktok:jordanclips"),
    ("Sophie Nguyen", "AU", "en vi", "beauty fashion", "youtube:sophienguyen"),
    ("Liam O'Connor", "IE", "en", "home", "tiktok:liam.oc"),
    ("Amelia Clarke", "GB", "en", "fashion", "instagram:amelia.cuts"),
    ("Zoë Müller-Brandström", "DE", "de en", "fashion", "tiktok:zoe.mb"),
    ("Łukasz Żółtowski", "PL", "pl en", "home", "youtube:lukasz.z"),
    ("José María Núñez Peña", "MX", "es en", "fashion", "tiktok:chema.nunez"),
    ("Þórdís Björnsdóttir", "IS", "is en", "food", "instagram:thordis.b"),
    ("Chidinma Okafor", "NG", "en ig", "beauty", "tiktok:chidi.shops"),
    (
        "The Extraordinarily Well-Organised Cooperative of Independent Highlight Editors of Greater Manchester",
        "GB",
        "en",
        "fashion home food",
        "youtube:manchester.highlights",
    ),
)
JAPANESE = _of(
    JAPAN,
    ("佐藤 美咲", "JP", "ja", "food", "youtube:misaki.tea"),
    ("鈴木 翔太", "JP", "ja", "home", "x:shota.finds"),
    ("高橋 さくら", "JP", "ja en", "food beauty", "instagram:sakura.takahashi"),
    ("Kenji Watanabe", "JP", "ja en", "food", "youtube:kenji.w"),
    ("田中 陽菜", "JP", "ja", "fashion", "instagram:hina.tanaka"),
)
CLIPPERS = (*CHINESE, *WESTERN, *JAPANESE)
"""Those that have a licence; those who sell most are first, in each market."""

APPLICANT = Clipper("Nina Kowalczyk", "PL", ("en", "pl"), ("fashion",), AMERICA, ("tiktok:nina.kow",))
"""Waits for Lili's answer."""
ASKED = Clipper("Tomás Ribeiro", "BR", ("pt", "en"), ("fashion",), AMERICA, ("instagram:tomas.rib",))
"""Has been offered a licence and has not accepted it."""
