"""Matching, rule by rule, without a database; and that the order of lines changes nothing."""

import random
from datetime import date
from itertools import count
from typing import Any

import pytest

from settlement.reconciliation.grouping import _only_choice
from settlement.reconciliation.lines import Found, Ours, Stranger, Strangers, Theirs
from settlement.reconciliation.matching import clear_transit, reconcile

DAY = date(2026, 10, 5).toordinal()
_numbers = count(1)


def ours(amount: int, reference: str = "", days: int = 0, **more: Any) -> Ours:
    return Ours(next(_numbers), 1, DAY + days, amount, reference, **more)


def theirs(amount: int, reference: str = "", days: int = 0, kind: Any = "receipt", **more: Any) -> Theirs:
    number = next(_numbers)
    return Theirs(number, f"x{number:06}", DAY + days, amount, kind, reference, **more)


def rules(found: Found) -> list[tuple[str, int]]:
    """And their confidence."""
    return [(its.rule, its.confidence) for its in found.matches]


def kinds(found: Found) -> list[str]:
    return [its.kind for its in found.residuals]


def test_the_same_reference_and_amount_match_within_ten_days() -> None:
    assert rules(reconcile([ours(100, "a")], [theirs(100, "a", 10)])) == [("reference", 100)]
    far = reconcile([ours(100, "a")], [theirs(100, "a", 11)])
    assert (rules(far), kinds(far)) == ([], ["date-out-of-tolerance"])


def test_of_several_with_one_reference_the_nearest_days_go_together() -> None:
    mine = [ours(100, "a", 0), ours(100, "a", 5)]
    found = reconcile(mine, [theirs(100, "a", 6), theirs(100, "a", 1)])
    assert {(its.ours, its.theirs) for its in found.matches} == {((0,), (1,)), ((1,), (0,))}


def test_a_group_and_a_banks_own_reference_match_less_surely_and_a_word_in_a_text_less_still() -> None:
    found = reconcile([ours(100, "tr_1", group="clp-1-7")], [theirs(100, "", others=("clp-1-7",))])
    assert rules(found) == [("other-reference", 98)]
    assert rules(reconcile([ours(100, "B17")], [theirs(100, "", others=("B17",))])) == [("reference", 100)]
    found = reconcile([ours(100, "TTS-B17")], [theirs(100, about="tiktok settlement tts-b17 oct")])
    assert rules(found) == [("reference-in-text", 95)]


def test_amount_and_day_match_within_three_days_and_say_how_sure_they_are() -> None:
    assert rules(reconcile([ours(100)], [theirs(100, days=3)])) == [("amount-and-date", 85)]
    assert kinds(reconcile([ours(100)], [theirs(100, days=4)])) == ["missing-outside", "missing-in-ledger"]
    several = reconcile([ours(100), ours(100, days=2)], [theirs(100, days=1), theirs(100, days=2)])
    assert rules(several) == [("amount-and-date", 65), ("amount-and-date", 85)]
    assert "of 2 lines" in (several.matches[0].reason or "")


def test_what_both_sides_name_differently_is_never_matched_by_its_amount() -> None:
    found = reconcile([ours(-100, "clp-1-1-1")], [theirs(-100, "clp-1-2-1", kind="transfer")])
    assert (rules(found), kinds(found)) == ([], ["missing-outside", "unknown-reference"])


def test_an_entry_and_the_one_that_takes_it_back_are_matched_with_each_other() -> None:
    first = ours(100, "B17")
    found = reconcile([first, ours(-100, reverses=first.entry_id), ours(90, "B17")], [theirs(90, "B17")])
    assert (rules(found), kinds(found)) == ([("reversed", 100), ("reference", 100)], [])


def test_a_payout_that_came_back_matches_there_and_back() -> None:
    sent = ours(-100, "tr_1")
    back = ours(100, "tr_1", 2, reverses=sent.entry_id)
    found = reconcile([sent, back], [theirs(-100, "tr_1", kind="transfer"), theirs(100, "tr_1", 2, "return")])
    assert (rules(found), kinds(found)) == ([("reference", 100), ("reference", 100)], [])


def test_several_lines_of_a_reference_match_if_they_make_the_same_sum() -> None:
    mine = [ours(100, "b"), ours(50, "b"), ours(30, "b")]
    assert rules(reconcile(mine, [theirs(180, "b")])) == [("reference-group", 95)]
    parts = [theirs(100, "b"), theirs(80, "b")]
    assert rules(reconcile([ours(180, "b")], parts)) == [("reference-group", 95)]
    assert kinds(reconcile(mine, [theirs(170, "b")])) == ["grouped-remainder"]


def test_one_line_of_a_marketplace_stands_for_several_of_its_remittances() -> None:
    mine = [ours(100, "1", family="tiktok"), ours(50, "2", family="tiktok"), ours(50, "3", 3, family="amazon")]
    assert rules(reconcile(mine, [theirs(150, about="tiktok pte")])) == [("group-of-day", 90)]
    assert rules(reconcile([*mine[:2], ours(7, "4", 1, family="tiktok")], [theirs(157, about="tiktok pte")])) == [
        ("group-of-window", 85)
    ]
    some = [ours(amount, str(amount), at, family="tiktok") for at, amount in enumerate((100, 50, 7))]
    assert rules(reconcile(some, [theirs(107, about="tiktok pte")])) == [("group-of-some", 75)]


def test_a_choice_that_is_not_the_only_one_is_nobodys() -> None:
    mine = [ours(amount, str(at), at, family="tiktok") for at, amount in enumerate((60, 40, 60, 40, 1))]
    found = reconcile(mine, [theirs(100, about="tiktok pte")])
    assert rules(found) == []
    assert kinds(found).count("remittance-not-recorded") == 1
    assert _only_choice([60, 40, 60, 40], 100, 10_000) is None
    assert _only_choice([60, 40, 61], 100, 10_000) == (0, 1)
    assert _only_choice([*range(1, 19)], 100, 50) is None  # it gives up


def test_a_banks_one_line_for_a_run_of_payouts() -> None:
    run = [ours(-100, "clp-1-1-1", family="run:7"), ours(-30, "clp-1-2-1", family="run:7")]
    assert rules(reconcile(run, [theirs(-130, days=1, kind="transfer")])) == [("group-of-day", 90)]


@pytest.mark.parametrize(
    ("mine", "other", "kind"),
    [
        (ours(1000, "a"), theirs(1500, "a"), "amount-differs"),
        (ours(1000, "a"), theirs(-1000, "a"), "sign-differs"),
        (ours(1000, "a"), theirs(970, "a"), "fee-not-booked"),
        (ours(1000, "a"), theirs(969, "a"), "amount-differs"),
        (ours(-1000, "a"), theirs(-1030, "a"), "fee-not-booked"),
        (ours(1000, "a"), theirs(1050, "a", converted=True), "fx-difference"),
        (ours(1000, "a"), theirs(1051, "a", converted=True), "amount-differs"),
    ],
)
def test_what_a_reference_says_is_the_same_and_is_not(mine: Ours, other: Theirs, kind: str) -> None:
    assert kinds(reconcile([mine], [other])) == [kind]


@pytest.mark.parametrize(
    ("other", "kind"),
    [
        (theirs(5), "missing-in-ledger"),
        (theirs(-5, kind="fee"), "fee-not-booked"),
        (theirs(5, "tr_1", kind="return", source="stripe"), "reversal-not-booked"),
        (theirs(5, "clp-1-1-1", kind="return"), "returned-payment-not-booked"),
        (theirs(-5, "clp-1-1-1", kind="transfer"), "unknown-reference"),
        (theirs(-5, kind="chargeback"), "chargeback"),
        (theirs(5, kind="top-up"), "top-up-not-booked"),
        (theirs(-5, "po_1", kind="payout"), "own-transfer-not-booked"),
        (theirs(5, about="amazon eu sarl"), "remittance-not-recorded"),
    ],
)
def test_what_moved_and_is_not_booked(other: Theirs, kind: str) -> None:
    waiting = ours(7, "B1", 20, family="amazon")
    assert kinds(reconcile([waiting], [other])) == ["missing-outside", kind]


def test_the_same_once_more_is_a_duplicate() -> None:
    assert kinds(reconcile([ours(5, "a")], [theirs(5, "a"), theirs(5, "a", 1)])) == ["duplicate-outside"]
    assert kinds(reconcile([ours(5, "a"), ours(5, "a", 1)], [theirs(5, "a")])) == ["duplicate-in-ledger"]


def test_what_is_elsewhere_is_named() -> None:
    there = Strangers({}, {"a": Stranger("assets:stripe", "CNY", 5)})
    assert kinds(reconcile([ours(5, "a")], [], strangers=there)) == ["wrong-account"]
    there = Strangers({"a": Stranger("", "USD", 5)}, {})
    assert kinds(reconcile([], [theirs(5, "a")], strangers=there)) == ["currency-differs"]


def test_what_a_person_parted_is_not_joined_again() -> None:
    mine, other = ours(5, "a"), theirs(5, "a")
    parted = frozenset({((mine.entry_id, 1), other.line_id)})
    assert kinds(reconcile([mine], [other], parted=parted)) == ["missing-outside", "missing-in-ledger"]


def test_what_passes_through_transit_comes_out_or_stays_for_some_days() -> None:
    lines = [
        *(ours(100, "tr_1", group="g1"), ours(-100, "tr_1", 2, group="g1")),
        *(ours(50, "tr_2", 20, group="g2"), ours(70, "tr_3", 10, group="g3")),
    ]
    found = clear_transit(lines, DAY + 26)
    assert rules(found) == [("in-and-out", 100)]
    assert kinds(found) == ["stale-in-transit", "in-transit"]


@pytest.mark.parametrize("seed", range(20))
def test_the_order_of_lines_changes_nothing(seed: int) -> None:
    chance = random.Random(seed)
    families = ("", "", "tiktok", "amazon", "run:1")
    names = ("", "", "a", "b", "c")
    about = ("", "tiktok pte", "amazon eu")
    mine = [
        ours(
            chance.choice((10, 20, 30, -10)), chance.choice(names), chance.randrange(6), family=chance.choice(families)
        )
        for _ in range(25)
    ]
    other = [
        theirs(
            chance.choice((10, 20, 30, 40, -10, -20)),
            chance.choice(names),
            chance.randrange(6),
            chance.choice(("receipt", "transfer", "fee", "return")),
            about=chance.choice(about),
        )
        for _ in range(25)
    ]

    def found() -> tuple[set[Any], set[Any]]:
        its = reconcile(mine, other)
        seen = [at for each in its.matches for at in each.ours] + [at for each in its.residuals for at in each.ours]
        free = [at for each in its.residuals if each.match is None for at in each.ours]
        joined = [at for each in its.matches for at in each.ours]
        assert set(seen) == set(range(25))
        assert sorted([*joined, *free]) == [*range(25)]  # each line in one match or one residual
        matches = {
            (m.rule, frozenset(mine[at] for at in m.ours), frozenset(other[at] for at in m.theirs)) for m in its.matches
        }
        left = {
            (r.kind, frozenset(mine[at] for at in r.ours), frozenset(other[at] for at in r.theirs))
            for r in its.residuals
        }
        return matches, left

    first = found()
    chance.shuffle(mine)
    chance.shuffle(other)
    assert found() == first
