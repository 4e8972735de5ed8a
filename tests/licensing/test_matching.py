"""The score: a sum of parts that say why, fair to those of whom nothing is known."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from bench.licensing.market import Size, market
from bench.licensing.matching import measure, ndcg
from licensing.markets import ClipperProfile, Clippers, OfferProfile, OpenOffers, Sales
from licensing.matching import CLIPPER_WEIGHTS, OFFER_WEIGHTS, rank_clippers, rank_offers
from licensing.scoring import Fit, Reason, Words, best_rows, level, shrunk, times, top
from licensing.tastes import category_fit, language_fit, platform_fit

SMALL = market(7, Size(clippers=60, offers=50))
NOBODY = ClipperProfile()


def sales(*rows: tuple[float, float, float, float]) -> Sales:
    """Of (gmv, orders, returned, clicks); no clicks are unknown ones."""
    gmv, orders, returned, clicks = (np.array(column, dtype=np.float64) for column in zip(*rows, strict=True))
    return Sales(gmv, orders, returned, np.where(clicks > 0, orders, 0), clicks)


def offers(sold: Sales, *categories: str) -> OpenOffers:
    """One for each row of sales, all of beauty unless said otherwise."""
    count = len(sold.gmv)
    return OpenOffers(
        categories=Words.of(categories or ["beauty"] * count),
        platforms=Words.of(["douyin"] * count),
        languages=Words.of([""] * count),
        currencies=Words.of(["CNY"] * count),
        clipper_ppm=np.full(count, 600_000.0),
        commission=sold.gmv * 0.13,
        sales=sold,
    )


def reason(fit: Fit, feature: str) -> Reason:
    return next(each for each in fit.reasons if each.feature == feature)


@pytest.mark.parametrize("weights", [OFFER_WEIGHTS, CLIPPER_WEIGHTS], ids=["offers", "clippers"])
def test_weights_come_to_one(weights: dict[str, float]) -> None:
    assert sum(weights.values()) == pytest.approx(1)
    assert min(weights.values()) > 0


@pytest.mark.parametrize("row", range(0, 50, 7))
def test_a_score_is_the_sum_of_what_is_shown(row: int) -> None:
    for fit in (
        rank_offers(SMALL.clipper(row), SMALL.open_offers()).fit(row),
        rank_clippers(SMALL.offer(row), SMALL.clippers(row)).fit(row),
    ):
        assert fit.score == pytest.approx(sum(each.value * each.weight for each in fit.reasons), abs=1e-6)
        assert all(each.contribution == pytest.approx(each.value * each.weight) for each in fit.reasons)
        assert all(each.reason and 0 <= each.value <= 1 for each in fit.reasons)


@pytest.mark.parametrize("row", range(5))
def test_values_are_tenths_so_that_nobody_reads_a_turnover_out_of_them(row: int) -> None:
    for ranking in (
        rank_offers(SMALL.clipper(row), SMALL.open_offers()),
        rank_clippers(SMALL.offer(row), SMALL.clippers(row)),
    ):
        for column in ranking.columns:
            assert np.allclose(column.values * 10, np.round(column.values * 10))


def test_a_level_counts_doublings_from_the_market() -> None:
    assert level([-9, -2, 0, 1, 2, 9], 2).tolist() == [0, 0, 0.5, 0.8, 1, 1]  # 0.75 is rounded to even
    assert [times(value, 2) for value in (0.5, 1.0, 0.0)] == [
        "about the market's",
        "about 4 times or more the market's",
        "about 0.25 times or less the market's",
    ]


def test_a_rate_of_few_trials_stays_near_the_market_s() -> None:
    assert shrunk(1, 2, 0.03, 300) == pytest.approx((1 + 9) / 302)
    assert shrunk(0, 0, 0.03, 300) == pytest.approx(0.03)


@given(st.integers(0, 1000), st.integers(0, 1000), st.floats(0.001, 1), st.floats(1, 1000))
def test_a_shrunk_rate_lies_between_its_own_and_the_market_s(
    hits: int, misses: int, prior: float, strength: float
) -> None:
    own = hits / (hits + misses) if hits + misses else prior
    found = shrunk(hits, hits + misses, prior, strength)
    assert min(own, prior) - 1e-9 <= found <= max(own, prior) + 1e-9


def test_shares_of_the_market_are_told_in_bands() -> None:
    amounts, counted = np.arange(1000.0), np.ones(1000, dtype=np.bool_)
    assert [top(amounts, counted, row) for row in (999, 960, 900, 800, 500, 499)] == [
        "among the top 1 %",
        "among the top 5 %",
        "among the top 10 %",
        "among the top 25 %",
        "among the top 50 %",
        "in the lower half",
    ]
    counted[500:] = False
    assert top(amounts, counted, 499) == "among the top 1 %"


# Offers for a clipper ---------------------------------------------------------------------------------------


def test_an_offer_that_has_sold_nothing_counts_as_typical_and_says_so() -> None:
    fit = rank_offers(NOBODY, offers(sales((1_000_000, 500, 50, 20_000), (0, 0, 0, 0)))).fit(1)
    for feature in ("gmv", "conversion", "returns", "order_value"):
        said = reason(fit, feature)
        assert (said.known, said.evidence) == (False, "none")
        assert said.value == pytest.approx(0.5, abs=0.11)


def test_few_orders_move_an_offer_less_than_many_at_the_same_rate() -> None:
    ranking = rank_offers(
        NOBODY, offers(sales((10**6, 2000, 100, 50_000), (20_000, 20, 10, 400), (10**6, 2000, 1000, 40_000)))
    )
    few, many = (reason(ranking.fit(row), "returns").value for row in (1, 2))
    assert many < few < 0.5


@pytest.mark.parametrize(
    ("better", "worse"),
    [
        ((9_000_000, 1000, 100, 30_000), (300_000, 1000, 100, 30_000)),
        ((3_000_000, 1000, 100, 10_000), (3_000_000, 1000, 100, 90_000)),
        ((3_000_000, 1000, 20, 30_000), (3_000_000, 1000, 400, 30_000)),
    ],
    ids=["sells more", "converts better", "is returned less"],
)
def test_what_sells_better_scores_higher(
    better: tuple[float, float, float, float], worse: tuple[float, float, float, float]
) -> None:
    scores = rank_offers(NOBODY, offers(sales(better, worse))).scores_ppm
    assert scores[0] > scores[1]


def test_a_clipper_s_own_sales_say_which_category_fits() -> None:
    both = offers(sales((10**6, 500, 50, 9000), (10**6, 500, 50, 9000)), "beauty", "food")
    seller = ClipperProfile(platforms=frozenset({"douyin"}), orders=300, by_category={"food": 270, "beauty": 30})
    fit = rank_offers(seller, both)
    assert reason(fit.fit(1), "category").reason == "90% of your orders were in food"
    assert fit.scores_ppm[1] > fit.scores_ppm[0]


def test_a_new_clipper_s_profile_stands_in_for_sales() -> None:
    both = offers(sales((10**6, 500, 50, 9000), (10**6, 500, 50, 9000)), "beauty", "food")
    fit = rank_offers(ClipperProfile(categories=frozenset({"food"})), both)
    assert fit.scores_ppm[1] > fit.scores_ppm[0]
    assert reason(rank_offers(NOBODY, both).fit(1), "category").known is False


def test_the_share_is_what_of_a_sale_reaches_the_clipper() -> None:
    both = offers(sales((10**6, 500, 50, 9000), (10**6, 500, 50, 9000)))
    both.clipper_ppm[1] = 700_000
    values = [reason(rank_offers(NOBODY, both).fit(row), "share") for row in (0, 1)]
    assert values[1].value > values[0].value
    assert "70 %" in values[1].reason


def test_a_market_without_any_offer_or_sale_is_ranked_without_a_fault() -> None:
    nothing = np.zeros(0)
    empty = offers(Sales(nothing, nothing, nothing, nothing, nothing))
    assert rank_offers(NOBODY, empty).scores_ppm.tolist() == []
    unsold = rank_offers(NOBODY, offers(sales((0, 0, 0, 0), (0, 0, 0, 0))))
    assert len({*unsold.scores_ppm.tolist()}) == 1
    assert 0 < unsold.fit(0).score < 1


# Clippers for an offer --------------------------------------------------------------------------------------


def clippers(*gmv: float) -> Clippers:
    """Who have sold so much, all of it where the offer is, at 100 an order."""
    sold = sales(*((amount, amount / 100, amount / 1000, amount / 3) for amount in gmv))
    count = len(gmv)
    ones = np.ones(count)
    words = (Words.of(["beauty"] * count), Words.of(["zh"] * count))
    return Clippers(*words, ones * -1, ones * 0, ones, ones, sold, sold, sold.gmv, sold.orders, sold.orders)


OFFER = OfferProfile("beauty", "zh", frozenset({"douyin"}))


def test_who_sells_more_where_the_offer_is_fits_better() -> None:
    scores = rank_clippers(OFFER, clippers(100_000, 1_000_000, 10_000)).scores_ppm
    assert np.argsort(-scores).tolist() == [1, 0, 2]


def test_a_new_clipper_stands_where_the_typical_one_does() -> None:
    ranking = rank_clippers(OFFER, clippers(10_000, 0, 1_000_000))
    assert ranking.scores_ppm[0] < ranking.scores_ppm[1] < ranking.scores_ppm[2]
    said = reason(ranking.fit(1), "gmv")
    assert (said.value, said.known, said.reason) == (0.5, False, "no sales yet; counted as a typical clipper")


def test_a_host_is_told_bands_and_never_amounts() -> None:
    row = clippers(123_456, 9_876_543, 55_555)
    for number in range(3):
        fit = rank_clippers(OFFER, row).fit(number)
        said = " ".join(each.reason for each in fit.reasons)
        for amount in (row.gmv[number], row.orders[number], row.inside.clicks[number]):
            assert f"{amount:.0f}" not in said
        assert {each.evidence for each in fit.reasons} <= {"none", "little", "some", "much"}


def test_many_grants_leave_little_room() -> None:
    pair = clippers(100_000, 100_000)
    pair.capacity[:] = 40
    pair.living[:] = (1, 15)
    scores = rank_clippers(OFFER, pair).scores_ppm
    assert scores[0] > scores[1]


# What they have in common -----------------------------------------------------------------------------------


def test_languages_meet_by_tag_or_by_their_primary_language() -> None:
    assert language_fit("", "en") == (1.0, True)
    assert language_fit("zh en", "en") == (1.0, True)
    assert language_fit("zh-Hant", "zh") == (0.8, True)
    assert language_fit("zh", "en") == (0.0, True)
    assert language_fit("zh", "") == (0.5, False)


def test_without_an_account_on_its_platforms_nothing_fits() -> None:
    on, orders, usable, accounts = (np.array(column) for column in ([0, 0, 90], [90, 90, 90], [0, 0, 1], [2, 0, 1]))
    assert platform_fit(on, orders, usable, accounts).tolist() == [0.0, 0.5, 1.0]


def test_a_category_that_a_clipper_leans_to_lies_above_the_market() -> None:
    assert category_fit(0, 0, 0.1, 0.1) == 0.5
    assert category_fit(90, 100, 0.1, 0.1) > 0.5 > category_fit(0, 1000, 0.1, 0.1)


# Order ------------------------------------------------------------------------------------------------------


@given(st.lists(st.integers(0, 3), max_size=30), st.integers(1, 5))
def test_pages_by_score_and_number_show_everything_once(keys: list[int], size: int) -> None:
    values, ids = np.array(keys, dtype=np.int64), np.arange(len(keys), dtype=np.int64)
    everything = np.ones(len(keys), dtype=np.bool_)
    seen: list[int] = []
    after = None
    while len(rows := best_rows(values, ids, everything, after)[:size]):
        seen += rows.tolist()
        after = (int(values[rows[-1]]), int(ids[rows[-1]]))
    assert seen == sorted(range(len(keys)), key=lambda row: (-keys[row], -row))


def test_the_measure_is_one_for_the_best_order_and_counts_places_by_log() -> None:
    truth = np.array([3.0, 1.0, 0.0])
    assert ndcg(np.array([9.0, 5.0, 1.0]), truth) == 1
    assert ndcg(np.array([1.0, 9.0, 0.0]), truth) == pytest.approx((1 + 3 / np.log2(3)) / (3 + 1 / np.log2(3)))


@pytest.mark.parametrize("side", ["offers", "clippers"])
def test_on_a_market_whose_truth_is_known_the_score_tells_more_than_chance(side: str) -> None:
    found = measure(side, (1, 2), Size(clippers=60, offers=50)).all  # type: ignore[arg-type]
    assert np.mean(found["score"]) > 2 * np.mean(found["random"])


def test_a_seed_makes_the_same_market_again() -> None:
    again = market(7, SMALL.size)
    assert np.array_equal(again.truth, SMALL.truth)
    assert np.array_equal(again.clipper_gmv, SMALL.clipper_gmv)
