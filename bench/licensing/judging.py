"""What it costs to judge a sale: pure, on one core, at so many grants with the histories that grants come to have.

Of a hundred grants, all had newer terms once, 30 were suspended and resumed, 20 changed their accounts, 10 expired with
a tail, 5 were revoked and 10 list an account that another grant lists, too. Of a hundred sales 80 are by an account of
a grant, 10 know the clip, 10 are by nobody's account; half are judged by what was known on an earlier day.
"""

import random
import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import NamedTuple

from ledger.splits import Share, SplitRule
from licensing.changes import GrantChange
from licensing.judge import SaleFacts, judge
from licensing.register import GrantHistory, Register, Scope
from licensing.terms import Terms, sha256_of

GRANTS = 11_000
SALES = 50_000
OFFERS = 40
_START = datetime(2026, 1, 1, tzinfo=UTC)
_DAYS = 365


class JudgingCosts(NamedTuple):
    """Calls in a second of processor time, half of them with `known_at`; seconds of it to make the register, whose rows
    are read already; and how the verdicts fell.
    """

    judge_per_s: float
    build_s: float
    verdicts: dict[str, int]


def measure_judging(grants: int = GRANTS, sales: int = SALES) -> JudgingCosts:
    """Of histories and sales drawn with one seed."""
    chance = random.Random(4)
    scopes = {(offer, number): _scope(chance, number) for offer in range(1, OFFERS + 1) for number in (1, 2)}
    histories = [(grant, 1 + grant % OFFERS, list(_history(chance, grant))) for grant in range(1, grants + 1)]
    asked = [_sale(chance, grants) for _ in range(sales)]
    start = time.process_time()
    register = Register(GrantHistory(grant, offer, grant, changes, scopes) for grant, offer, changes in histories)
    built = time.process_time()
    verdicts = [judge(register, sale, known_at=known_at).verdict for sale, known_at in asked]
    took = time.process_time() - built
    fell = {word: verdicts.count(word) for word in ("licensed", "unlicensed", "ambiguous")}
    return JudgingCosts(sales / took, built - start, fell)


def _scope(chance: random.Random, number: int) -> Scope:
    """Terms of which each restricts something or other; where products are listed, there are a thousand."""
    products = tuple(f"p{each}" for each in range(1000))
    terms = Terms(
        licensor="Lili Live Ltd",
        split=SplitRule(currency="CNY", shares=(Share("host", 4), Share("clipper", 6))),
        platforms=("douyin", "tiktok", "kuaishou"),
        starts_at=_START,
        marketplaces=chance.choice([None, ("douyin", "taobao")]),
        territories=chance.choice([None, ("CN", "HK", "SG")]),
        products=chance.choice([None, products]),
        streams=chance.choice([None, (1, 2, 3)]),
        tail_days=chance.choice([0, 7, 30]),
    )
    return Scope(number, terms, sha256_of(terms))


def _history(chance: random.Random, grant: int) -> Iterator[GrantChange]:
    """In the order in which it was recorded, a few days apart."""
    accounts = (f"douyin:clipper{grant}", f"tiktok:clipper{grant if chance.random() > 0.1 else grant // 2}")
    begun = _START + timedelta(days=chance.randrange(60))
    ends_at = begun + timedelta(days=chance.choice([90, 180, 365]))
    window = {"starts_at": begun, "ends_at": ends_at}
    yield _change(1, begun, state="active", version_no=1, handles=accounts, **window)
    moments = sorted(begun + timedelta(days=chance.uniform(1, 300)) for _ in range(6))
    happened: list[dict[str, object]] = [{"version_no": 2}]
    happened += [{"state": "suspended"}, {"state": "active"}] if chance.random() < 0.3 else []
    happened += [{"handles": (*accounts, f"kuaishou:clipper{grant}")}] if chance.random() < 0.2 else []
    happened += [{"state": chance.choice(["expired", "expired", "revoked"])}] if chance.random() < 0.15 else []
    for number, (moment, sets) in enumerate(zip(moments, happened, strict=False), 2):
        yield _change(number, moment, **sets)


def _change(number: int, at: datetime, **sets: object) -> GrantChange:
    return GrantChange(change_no=number, action="bench", effective_at=at, recorded_at=at, **sets)  # type: ignore[arg-type]


def _sale(chance: random.Random, grants: int) -> tuple[SaleFacts, datetime | None]:
    """A sale, and by what day's knowledge it is judged."""
    grant = chance.randint(1, grants)
    drawn = chance.random()
    sale = SaleFacts(
        sold_at=_START + timedelta(days=chance.uniform(0, _DAYS)),
        platform=chance.choice(["douyin", "tiktok"]),
        handle=f"@Clipper{grant if drawn > 0.1 else -grant}",
        product=f"p{chance.randrange(1100)}",
        territory=chance.choice(["CN", "CN", "HK", "US", None]),
        marketplace=chance.choice(["douyin", "douyin", None]),
        source_ids=chance.choice([(1,), (1, 2), (9,), None]),
        grant_id=grant if drawn > 0.9 else None,
    )
    return sale, None if chance.random() < 0.5 else _START + timedelta(days=chance.uniform(0, _DAYS))


if __name__ == "__main__":
    print(measure_judging())
