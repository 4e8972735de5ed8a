"""Where sales ought to stand, and what is posted so that they do: by examples, and by random histories."""

from datetime import date, timedelta
from itertools import pairwise
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ledger.splits import Share, SplitRule, Take
from settlement.holds import FREE, Hold
from settlement.positions import (
    NOWHERE,
    Agreement,
    Earned,
    Place,
    Standing,
    lines_between,
    lines_of,
    place_of,
    suspended,
)
from tests.licensing.house import TERMS

SETTLED = date(2026, 10, 8)
RELEASE = date(2026, 10, 23)
RESERVED = date(2026, 11, 22)
FROZEN = Hold(frozen=True, forfeited=False)
FORFEITED = Hold(frozen=False, forfeited=True)
START = Place(NOWHERE)

TAKES = (Take("platform", "5%"), Take("agency", "10%"))
SPLIT = SplitRule(currency="CNY", takes=TAKES, shares=(Share("host", 4), Share("clipper", 6)))
AGREED = Agreement(msgspec.structs.replace(TERMS, split=SPLIT, agency=3, reserve="10%", reserve_days=30))
PLAIN = Agreement(TERMS)


def earned(due: int = 13_020, settled_on: date | None = None, agreement: Agreement = AGREED) -> Earned:
    return Earned(7, agreement, due, settled_on)


def lines(place: Place) -> dict[str, int]:
    return lines_of(place.standing, "tiktok")


def test_a_pending_sale_is_held_and_the_fee_is_deferred() -> None:
    place = place_of(earned(), START, FREE)
    assert (place.release_on, place.reserve_until) == (None, None)
    assert lines(place) == {
        "assets:marketplace:tiktok": 13_020,
        "liabilities:deferred-fee": -651,
        "liabilities:held:agency-3": -1_302,
        "liabilities:held:host": -4_427,
        "liabilities:held:clipper-7": -6_640,
    }


def test_a_settled_sale_has_earned_the_fee_and_waits_for_its_hold() -> None:
    place = place_of(earned(settled_on=SETTLED), START, FREE)
    assert place.release_on == RELEASE
    assert lines_between(place_of(earned(), START, FREE).standing, place.standing, "tiktok") == {
        "liabilities:deferred-fee": 651,
        "income:platform-fee": -651,
    }


def test_nothing_is_released_unless_a_day_is_named_and_has_come() -> None:
    settled = earned(settled_on=SETTLED)
    assert place_of(settled, START, FREE).standing.stage == "held"
    assert place_of(settled, START, FREE, RELEASE - timedelta(days=1)).standing.stage == "held"
    assert place_of(settled, START, FREE, RELEASE).standing.stage == "available"
    assert place_of(earned(), START, FREE, RESERVED).standing.stage == "held"


def test_what_is_released_leaves_a_reserve_behind_until_its_day() -> None:
    settled = earned(settled_on=SETTLED)
    released = place_of(settled, START, FREE, RELEASE)
    assert released.reserve_until == RESERVED
    assert lines(released) == {
        "assets:marketplace:tiktok": 13_020,
        "income:platform-fee": -651,
        "liabilities:available:agency-3": -1_302,
        "liabilities:available:host": -4_427,
        "liabilities:available:clipper-7": -5_976,
        "liabilities:reserve:clipper-7": -664,
    }
    assert place_of(settled, released, FREE, RESERVED - timedelta(days=1)) == released
    later = place_of(settled, released, FREE, RESERVED)
    assert (later.standing.reserved, later.reserve_until) == (0, None)
    assert place_of(settled, later, FREE, RESERVED) == later
    assert place_of(settled, later, FREE) == later


def test_a_hold_that_ended_long_ago_leaves_no_reserve() -> None:
    late = place_of(earned(settled_on=SETTLED), START, FREE, RESERVED)
    assert (late.standing.stage, late.standing.reserved, late.reserve_until) == ("available", 0, None)


def test_a_refund_after_the_release_comes_out_of_what_is_available_and_of_the_reserve() -> None:
    released = place_of(earned(settled_on=SETTLED), START, FREE, RELEASE)
    refunded = place_of(earned(6_510, SETTLED), released, FREE)
    change = lines_between(released.standing, refunded.standing, "tiktok")
    assert change["liabilities:reserve:clipper-7"] == 332
    assert change["liabilities:available:clipper-7"] == 2_988
    assert "liabilities:held:clipper-7" not in change


def test_a_void_sale_stands_nowhere() -> None:
    for was in (START, place_of(earned(settled_on=SETTLED), START, FREE, RELEASE)):
        assert lines(place_of(earned(0), was, FREE)) == {}
    assert lines(suspended(0)) == {}


def test_a_claim_freezes_every_part_and_lets_go_of_it_again() -> None:
    settled = earned(settled_on=SETTLED)
    released = place_of(settled, START, FREE, RELEASE)
    frozen = place_of(settled, released, FROZEN, RELEASE)
    stages = {code.split(":")[1] for code in lines(frozen) if code.startswith("liabilities")}
    assert stages == {"frozen"}
    assert frozen.standing.reserved == 0
    assert place_of(settled, frozen, FREE).standing.stage == "held"
    assert place_of(settled, frozen, FREE, RELEASE) == released


def test_what_a_clipper_forfeits_is_the_host_s() -> None:
    kept, lost = (place_of(earned(), START, hold).standing for hold in (FREE, FORFEITED))
    assert (lost.host, lost.clipper) == (kept.host + kept.clipper, 0)
    assert (lost.platform, lost.agency) == (kept.platform, kept.agency)


def test_a_negative_total_mirrors_a_positive_one() -> None:
    there, back = (lines(place_of(earned(due, SETTLED), START, FREE, RELEASE)) for due in (13_020, -13_020))
    assert back == {code: -amount for code, amount in there.items()}


def test_a_sale_in_suspense_is_whole_and_is_never_released() -> None:
    assert lines(suspended(13_020)) == {"assets:marketplace:tiktok": 13_020, "liabilities:suspense": -13_020}
    assert suspended(13_020).release_on is None


def test_a_sale_that_turns_out_to_be_another_clipper_s_moves_whole() -> None:
    was = place_of(earned(), START, FREE).standing
    now = place_of(Earned(8, AGREED, 13_020, None), Place(was), FREE).standing
    assert lines_between(was, now, "tiktok") == {
        "liabilities:held:clipper-7": 6_640,
        "liabilities:held:clipper-8": -6_640,
    }


def test_a_hold_at_the_calendar_s_end_does_not_end() -> None:
    assert place_of(earned(settled_on=date.max), START, FREE).release_on == date.max


# Random histories -------------------------------------------------------------------------------------------

dues = st.one_of(st.just(0), st.integers(-500, 500), st.integers(-(10**15), 10**15))
days = st.dates(date(2026, 10, 1), date(2026, 12, 31))
steps = st.fixed_dictionaries(
    {
        "due": dues,
        "clipper_id": st.sampled_from([None, 7, 8]),
        "agreement": st.sampled_from([AGREED, PLAIN]),
        "settled_on": st.one_of(st.none(), days),
        "hold": st.sampled_from([FREE, FREE, FROZEN, FORFEITED]),
        "today": st.one_of(st.none(), days),
    }
)
histories = st.lists(steps, min_size=1, max_size=8)


def ought(step: dict[str, Any], was: Place) -> Place:
    if step["clipper_id"] is None:
        return suspended(step["due"])
    its = Earned(step["clipper_id"], step["agreement"], step["due"], step["settled_on"])
    return place_of(its, was, step["hold"], step["today"])


def walked(history: list[dict[str, Any]]) -> list[Place]:
    places = [START]
    for step in history:
        places.append(ought(step, places[-1]))
    return places


def added(*each: dict[str, int]) -> dict[str, int]:
    sums: dict[str, int] = {}
    for one in each:
        for account, amount in one.items():
            sums[account] = sums.get(account, 0) + amount
    return {account: amount for account, amount in sums.items() if amount}


@given(histories)
def test_every_difference_sums_to_zero_and_names_no_amount_of_zero(history: list[dict[str, Any]]) -> None:
    places = walked(history)
    for was, now in pairwise(places):
        posted = lines_between(was.standing, now.standing, "tiktok")
        assert sum(posted.values()) == 0
        assert all(posted.values())


@given(histories)
def test_all_differences_together_are_the_last_position(history: list[dict[str, Any]]) -> None:
    places = walked(history)
    posted = [lines_between(was.standing, now.standing, "tiktok") for was, now in pairwise(places)]
    assert added(*posted) == lines(places[-1])


@given(histories)
def test_doing_the_last_step_again_posts_nothing(history: list[dict[str, Any]]) -> None:
    last = walked(history)[-1]
    assert lines_between(last.standing, ought(history[-1], last).standing, "tiktok") == {}


@given(histories, st.randoms(use_true_random=False))
def test_the_path_to_the_newest_facts_leaves_no_trace(history: list[dict[str, Any]], random: Any) -> None:
    """As long as nothing is released on the way: what is stays available."""
    seen = [{**step, "today": None} for step in history]
    *before, newest = seen
    shuffled = random.sample(before, len(before))
    assert walked([*before, newest])[-1] == walked([*shuffled, newest])[-1] == walked([newest])[-1]


@given(histories, days)
def test_a_release_at_the_end_makes_the_same_of_every_path(history: list[dict[str, Any]], today: date) -> None:
    seen = [{**step, "today": None} for step in history]
    release = {**seen[-1], "today": today}
    assert walked([*seen, release])[-1] == walked([release])[-1]


@given(histories)
def test_the_parts_are_what_the_sale_is_worth(history: list[dict[str, Any]]) -> None:
    for step, place in zip(history, walked(history)[1:], strict=True):
        assert place.standing.posted == step["due"]
        assert 0 <= place.standing.reserved * place.standing.clipper <= place.standing.clipper**2


@given(histories)
def test_a_void_sale_s_position_is_empty_whatever_came_before(history: list[dict[str, Any]]) -> None:
    void = {**history[-1], "due": 0, "settled_on": None}
    assert lines(walked([*history, void])[-1]) == {}


@pytest.mark.parametrize("standing", [NOWHERE, Standing(stage="available", clipper_id=7)])
def test_no_amount_is_no_line(standing: Standing) -> None:
    assert lines_of(standing, "tiktok") == {}
