"""The advice on a host's share: what it estimates, when it refuses, and what a host is told."""

import asyncio
import json
from collections.abc import Mapping
from datetime import timedelta
from typing import Any

import msgspec
import numpy as np
import pytest
from click.testing import CliRunner
from httpx import AsyncClient
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from sqlalchemy import text
from sqlalchemy.engine import make_url
from sqlalchemy.ext.asyncio import AsyncEngine

from bench.settlement import markets
from clipledger.cli import main
from clipledger.database import DatabaseUrls
from ledger.splits import SplitRule, Take, Tier
from settlement import advice
from settlement.advice import Advice
from settlement.histories import load_history
from settlement.optimising.advising import advise
from settlement.optimising.estimating import fit
from settlement.optimising.panel import Numbers, Panel
from tests.clipledger.front_door import problem
from tests.licensing.house import Host, NewHost, NewOffer
from tests.settlement.histories import MONDAY, Past, answering, past, terms_of

BOUNDS = (0.5, 0.7)
WEEKS, CLIPPERS = 24, 60


def panel(share: Numbers, elasticity: float, luck: float = 0.3, seed: int = 1) -> Panel:
    chance = np.random.default_rng(seed)
    skill, season = chance.lognormal(10, 1, (len(share), 1)), np.exp(np.sin(np.arange(share.shape[1])))
    sold = skill * season * share**elasticity * chance.lognormal(0, luck, share.shape)
    return Panel(sold, share, np.ones_like(share))


def shares(*, moved: int = 30, to: float = 0.68, at: int | None = None, clippers: int = CLIPPERS) -> Numbers:
    """0.6 for all, and for the first so many another from some week on, each at its own."""
    found = np.full((clippers, WEEKS), 0.6)
    for clipper in range(moved):
        found[clipper, (6 + clipper % 12 if at is None else at) :] = to
    return found


def grounds(of: Panel) -> list[str]:
    found = advise(of, 1.0, BOUNDS)
    assert (found.advised is None) == bool(found.grounds)
    return list(found.grounds)


# The estimate -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("elasticity", [0.0, 1.0, 3.0])
def test_without_luck_the_elasticity_is_found_exactly(elasticity: float) -> None:
    slope = fit(panel(shares(), elasticity, luck=0))[0]
    assert slope.value == pytest.approx(elasticity, abs=1e-4)
    assert slope.reach < 1e-3


def test_it_is_what_a_regression_with_an_effect_for_each_clipper_and_week_finds() -> None:
    """The likelihood's own conditions, at the estimate: rows, columns and the regressor's moment are met."""
    of = panel(shares(moved=9, clippers=12), 1.3, luck=1.0)
    slope = fit(of)[0].value
    x = np.log(of.share)
    clippers, weeks = np.ones(12), np.ones(WEEKS)
    for _ in range(3000):  # iterative proportional fitting, another way to the same effects
        expected = np.outer(clippers, weeks) * np.exp(slope * x)
        clippers *= of.output.sum(axis=1) / expected.sum(axis=1)
        expected = np.outer(clippers, weeks) * np.exp(slope * x)
        weeks *= of.output.sum(axis=0) / expected.sum(axis=0)
    expected = np.outer(clippers, weeks) * np.exp(slope * x)
    missing = ((of.output - expected) * x).sum()
    assert abs(missing) < 1e-6 * of.output.sum()


def test_weeks_without_a_grant_or_a_sale_are_no_obstacle() -> None:
    of = panel(shares(), 2.0, luck=0)
    share, sold = of.share.copy(), of.output.copy()
    share[5, :4] = share[40:, 20:] = np.nan
    sold[10] = 0
    assert fit(Panel(sold, share, of.rest).selling())[0].value == pytest.approx(2.0, abs=1e-4)


def test_the_interval_holds_nine_times_out_of_ten() -> None:
    held = 0
    for seed in range(60):
        slope = fit(panel(shares(), 1.5, luck=1.0, seed=seed))[0]
        held += slope.low <= 1.5 <= slope.high
    assert 47 <= held <= 60  # of a binomial with 0.9, 99.8 % lie there


# The advice -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("elasticity", "best"), [(0.0, 0.58), (1.0, 0.58), (4.0, 0.7)])
def test_the_share_is_as_low_or_as_high_as_clippers_answer_and_have_had(elasticity: float, best: float) -> None:
    found = advise(panel(shares(), elasticity, luck=0.05), 1.0, BOUNDS)
    assert found.advised == pytest.approx(best)
    assert found.gain is not None
    assert 0 < found.gain.low <= found.gain.likely <= found.gain.high


def test_the_net_of_the_last_weeks_is_what_a_pencil_says() -> None:
    """Everybody at 0.6 of 90 kept: 54 of 100, and the host 36. At a half and elasticity 1, sales of 100 × 45/54 = 83.33
    would be shared 37.50 : 37.50 after the takes.
    """
    share = np.full((CLIPPERS, WEEKS), 0.54)
    share[:30, 3:6] = 0.45
    share[:30, 6:9] = 0.63
    sold = 100 * share / 0.54
    found = advise(Panel(sold, share, np.full(share.shape, 0.9)), 0.9, BOUNDS)
    at = {round(each.share, 3): each.net.likely for each in found.curve}
    assert found.net_today is not None
    assert found.net_today.likely == pytest.approx(CLIPPERS * 8 * 36)
    assert at[0.5] == pytest.approx(CLIPPERS * 8 * 37.5)
    assert found.today == pytest.approx(0.6)


def test_nothing_is_advised_far_from_what_clippers_have_had() -> None:
    found = advise(panel(shares(to=0.62), 6.0, luck=0.01), 1.0, BOUNDS)
    assert found.allowed == pytest.approx((0.58, 0.64))
    odd = shares(to=0.62)
    odd[0, 20:] = 0.7  # of one clipper
    odd_found = advise(panel(odd, 6.0, luck=0.01), 1.0, BOUNDS)
    assert odd_found.allowed == pytest.approx((0.58, 0.64))


@pytest.mark.parametrize(
    ("share", "ground"),
    [
        (shares(moved=0), "never-moved"),
        (np.where(np.arange(CLIPPERS)[:, None] < 30, 0.68, shares(moved=0)), "only-between-clippers"),
        (shares(moved=CLIPPERS, at=12), "only-with-time"),
        (shares(moved=5), "too-few-clippers"),
        (shares()[:, :11], "too-few-weeks"),
        (np.full((3, 5), np.nan), "no-sales"),
    ],
)
def test_it_refuses_where_the_history_tells_nothing(share: Numbers, ground: str) -> None:
    assert grounds(panel(share, 1.0)) == [ground]


def test_it_refuses_where_one_clipper_outweighs_all_others() -> None:
    of = panel(shares(), 1.0)
    of.output[0] *= 300
    assert "too-few-clippers" in grounds(of)


def test_it_refuses_where_the_share_followed_the_sales() -> None:
    of = panel(shares(), 1.0)
    for clipper in range(30):
        move = 6 + clipper % 12
        of.output[clipper, move - 4 : move] *= 2
    assert "moved-before" in grounds(of)


def test_it_refuses_where_those_who_were_moved_grow_anyway() -> None:
    of = panel(shares(), 0.0)
    of.output[:30] *= np.exp(0.05 * np.arange(WEEKS))
    assert "drifting-apart" in grounds(of)


def test_it_refuses_where_whoever_was_moved_stopped_selling() -> None:
    of = panel(shares(), 1.0)
    of.output[of.share == 0.68] = 0
    assert "too-uncertain" in grounds(of)


@given(arrays(float, (40, 14), elements=st.sampled_from([0.0, 1.0, 7.0, 1e12])), st.integers(0, 2**32))
@settings(deadline=None, max_examples=40)
def test_whatever_the_history_is_nothing_is_said_that_is_no_number(sold: Numbers, seed: int) -> None:
    share = np.random.default_rng(seed).choice([np.nan, 0.5, 0.6, 0.7], (40, 14), p=(0.1, 0.1, 0.7, 0.1))
    found = advise(Panel(sold, share, np.ones_like(share)), 1.0, BOUNDS)
    said = [found.net_today, found.best, found.gain, *(each.net for each in found.curve)]
    assert all(np.isfinite([each.low, each.likely, each.high]).all() for each in said if each is not None)
    assert found.elasticity is None or np.isfinite([found.elasticity.low, found.elasticity.high]).all()
    assert found.grounds or found.advised


def test_it_refuses_where_luck_is_greater_than_any_answer() -> None:
    assert grounds(panel(shares(), 1.5, luck=2.0, seed=3)) == ["too-uncertain"]


def test_it_refuses_where_today_s_share_is_the_best() -> None:
    of = panel(shares(moved=20, clippers=400), 1.6, luck=0.1)
    assert grounds(of) == ["today-may-be-best"]


def test_a_market_that_cannot_be_read_is_refused_and_one_that_can_is_advised_well() -> None:
    """One run of each kind; `python -m bench.settlement.markets` does hundreds."""
    assert markets.run("never", 0.0, 1).grounds == ("never-moved",)
    assert markets.run("the growing raised", 0.0, 1).advised is False
    told = markets.run("by lot", 4.0, 3)
    assert told.advised
    assert told.regret < told.never


# Out of the books -------------------------------------------------------------------------------------------


@pytest.fixture
async def offer(app_engine: AsyncEngine, host: Host, new_offer: NewOffer) -> Past:
    """4 : 6 at first, then 32 : 68."""
    made = await past(app_engine, host, new_offer, terms_of(4, 6))
    await made.publish(2, terms_of(32, 68))
    return made


MOVES: list[Mapping[int, int]] = [{6 + number % 12: 2} if number < 30 else {} for number in range(CLIPPERS)]
PLAIN = {1: 0.6, 2: 0.68}


async def lived(offer: Past, elasticity: float = 4.0) -> None:
    await offer.sell(await offer.grant(MOVES), answering(MOVES, WEEKS, elasticity, PLAIN))


async def asked(offer: Past) -> Advice:
    async with offer.engine.connect() as connection:
        return await advice.advise(connection, offer.host.book_id, offer.offer_id)


async def test_a_host_is_told_the_share_the_range_and_what_it_was_read_from(offer: Past) -> None:
    await lived(offer)
    found = await asked(offer)
    assert found.refused == []
    assert (found.currency, found.advised_ppm) == ("CNY", 700_000)
    assert found.elasticity is not None
    assert found.elasticity.low < found.elasticity.likely == pytest.approx(4, abs=0.3)
    assert found.data is not None
    assert (found.data.weeks, found.data.clippers, found.data.clippers_moved) == (WEEKS, CLIPPERS, 30)
    assert (found.data.sales, found.data.since) == (CLIPPERS * WEEKS, MONDAY)
    assert found.data.shares_had == {600_000: CLIPPERS, 680_000: 30}
    assert found.gain is not None
    assert 0 < found.gain.low <= found.gain.likely <= found.gain.high
    assert found.told.startswith("A clipper's share of 70.0% is advised; today it is 6")
    assert found.looked_at == (580_000, 700_000)
    assert [type(each.likely) for each in found.curve] == [int] * len(found.curve)


@pytest.mark.parametrize(("late", "had"), [(0, [0.6, 0.6, 0.68, 0.68]), (1, [0.6, 0.6, None, 0.68])])
async def test_a_week_in_which_the_terms_changed_is_left_out(offer: Past, late: int, had: list[float | None]) -> None:
    moved = await offer.grant([{2: 2}], timedelta(seconds=late))
    await offer.sell(moved, [[100] * 4])
    async with offer.engine.connect() as connection:
        history = await load_history(connection, offer.host.book_id, offer.offer_id)
    assert history is not None
    shares = np.round(history.panel.share[0] / 0.9, 3)
    assert [None if np.isnan(each) else each for each in shares] == had


async def test_a_week_that_has_not_ended_is_left_out(offer: Past) -> None:
    whose = await offer.grant([{}])
    await offer.sell(whose, [[100] * 4])
    async with offer.engine.begin() as connection:
        await connection.execute(
            text("UPDATE settlement.sales SET sold_on = sold_on - 1 WHERE book_id = :book"),
            {"book": offer.host.book_id},
        )
        history = await load_history(connection, offer.host.book_id, offer.offer_id)
    assert history is not None
    assert (history.panel.output.shape, history.sales) == ((1, 3), 3)


async def test_tiers_and_currencies_are_refused_and_other_changes_told(offer: Past) -> None:
    await lived(offer)
    await offer.publish(3, terms_of(32, 68, hold_days=3))
    assert not any("hold_days" in each for each in (await asked(offer)).caveats)  # nobody has had it
    rule = SplitRule(currency="CNY", shares=terms_of(4, 6).split.shares, tiers=(Tier(100, (3, 7)),))
    await offer.publish(4, msgspec.structs.replace(terms_of(4, 6), split=rule))
    whose = await offer.grant([{3: 3}, {3: 4}])
    await offer.sell(whose, np.full((2, WEEKS), 100))
    found = await asked(offer)
    assert [each.ground for each in found.refused] == ["tiers"]
    assert any("hold_days" in each for each in found.caveats)
    dollars = SplitRule(currency="USD", shares=rule.shares)
    await offer.publish(5, msgspec.structs.replace(terms_of(4, 6), split=dollars))
    assert [each.ground for each in (await asked(offer)).refused] == ["several-currencies"]


async def test_terms_that_leave_nothing_to_share_are_refused(offer: Past) -> None:
    await lived(offer)
    split = SplitRule(currency="CNY", takes=(Take("platform", fixed=10**9),), shares=terms_of(4, 6).split.shares)
    await offer.publish(3, msgspec.structs.replace(terms_of(4, 6), split=split))
    assert [each.ground for each in (await asked(offer)).refused] == ["nothing-shared"]


async def test_an_offer_without_sales_or_terms_is_refused(app_engine: AsyncEngine, offer: Past) -> None:
    found = await asked(offer)
    assert [each.ground for each in found.refused] == ["no-sales"]
    assert found.told.startswith("Nothing is advised.")


async def test_another_offer_s_and_another_host_s_sales_do_not_count(
    app_engine: AsyncEngine, offer: Past, new_host: NewHost, new_offer: NewOffer
) -> None:
    await lived(offer)
    before = await asked(offer)
    for host in (offer.host, await new_host()):
        other = await past(app_engine, host, new_offer, terms_of(5, 5))
        await other.sell(await other.grant(MOVES[:3]), np.full((3, WEEKS), 10**6))
    assert await asked(offer) == before


async def test_it_is_asked_over_http_by_the_host_alone(client: AsyncClient, offer: Past, new_host: NewHost) -> None:
    await lived(offer, 0.5)
    path = f"{offer.host.path}/offers/{offer.offer_id}/advice"
    answer = await client.get(path, headers=offer.host.person.bearer)
    assert answer.status_code == 200, answer.text
    assert answer.json()["advised_ppm"] == 580_000
    assert answer.json()["curve"][0]["share_ppm"] == 580_000
    other = await new_host()
    assert (await client.get(path, headers=other.person.bearer)).status_code == 404
    theirs = f"{other.path}/offers/{offer.offer_id}/advice"
    assert problem(await client.get(theirs, headers=other.person.bearer))["type"] == "/problems/offer-not-found"


async def test_it_is_asked_on_the_command_line(offer: Past, urls: DatabaseUrls, tmp_path: Any) -> None:
    await lived(offer)
    plain = make_url(urls.app).set(drivername="postgresql").render_as_string(hide_password=False)
    env = {"DATABASE_URL": plain, "CLIPLEDGER_VAR": str(tmp_path / "var")}

    def invoke(*arguments: str) -> Any:
        return CliRunner().invoke(main, ["settlement", "advise", "--book", offer.host.book, *arguments], env=env)

    told = await asyncio.to_thread(invoke, "--offer", str(offer.offer_id))
    assert told.exit_code == 0, told.output
    assert "A clipper's share of 70.0% is advised" in told.output
    assert "host's net, at least" in told.output
    found = await asyncio.to_thread(invoke, "--offer", str(offer.offer_id), "--json")
    assert json.loads(found.stdout)["advised_ppm"] == 700_000
    none = await asyncio.to_thread(invoke, "--offer", str(2**62))
    assert (none.exit_code, "Traceback" in none.output) == (1, False)
