"""Judging: each condition by example. Random histories are in test_judge_properties.py."""

import re
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import msgspec
import pytest

from licensing.changes import GrantChange
from licensing.judge import Condition, SaleFacts, Verdict, judge
from licensing.register import GrantHistory, Register, Scope
from licensing.terms import Terms
from tests.licensing.house import LONG_AGO, TERMS
from tests.licensing.plain_model import PLACES

LINA = "tiktok:lina"


def day(number: float) -> datetime:
    return LONG_AGO + timedelta(days=number)


def terms(**said: Any) -> Terms:
    return msgspec.structs.replace(TERMS, **said)


def change(number: int, at: float, recorded: float | None = None, **sets: Any) -> GrantChange:
    """The grant's change of that number, effective and, unless told otherwise, recorded on these days."""
    times: dict[str, Any] = {"effective_at": day(at), "recorded_at": day(at if recorded is None else recorded)}
    return GrantChange(change_no=number, action="test", **times, **sets)


def begun(at: float = 0, ends: float | None = None, handles: tuple[str, ...] = (LINA,), **sets: Any) -> GrantChange:
    """The first change of an active grant."""
    window = {"starts_at": day(at), "ends_at": None if ends is None else day(ends)}
    return change(1, at, **{"state": "active", "version_no": 1, "handles": handles, **window, **sets})


def grant(*changes: GrantChange, number: int = 7, **versions: Terms) -> GrantHistory:
    """Of offer 3 to clipper 5, under TERMS unless told otherwise (`v1=…`)."""
    said = {"v1": TERMS, **versions}
    scopes = {(3, int(name[1:])): Scope(int(name[1:]), its, f"hash of {name}") for name, its in said.items()}
    return GrantHistory(number, 3, 5, changes, scopes)


def sold(at: float = 10, handle: str | None = "lina", **facts: Any) -> SaleFacts:
    return SaleFacts(sold_at=day(at), **{"platform": "tiktok", "handle": handle, **facts})


def verdict(sale: SaleFacts, *grants: GrantHistory, known: float | None = None) -> Verdict:
    return judge(Register(grants), sale, known_at=None if known is None else day(known))


def word(sale: SaleFacts, *grants: GrantHistory, known: float | None = None) -> str:
    """`licensed`, else the verdict and its condition."""
    said = verdict(sale, *grants, known=known)
    return said.verdict if said.failed is None else f"{said.verdict} {said.failed.name}"


def test_a_licensed_sale_names_the_grant_and_the_terms_that_held() -> None:
    said = verdict(sold(), grant(begun()))
    assert (said.verdict, said.grant_id, said.clipper_id, said.offer_id) == ("licensed", 7, 5, 3)
    assert (said.version_no, said.terms_sha256, said.failed) == (1, "hash of v1", None)
    assert [(each.grant_id, each.outcome) for each in said.considered] == [(7, "passes")]


@pytest.mark.parametrize("handle", ["lina", "@lina", " LINA ", "ｌｉｎａ"])
def test_a_handle_is_compared_as_platforms_do(handle: str) -> None:
    assert word(sold(handle=handle), grant(begun())) == "licensed"


@pytest.mark.parametrize("handle", ["ana", "", "@", "a b", "a/b", "\ud800", "x" * 1000])
def test_a_handle_that_no_grant_lists_is_unlicensed(handle: str) -> None:
    assert word(sold(handle=handle), grant(begun())) == "unlicensed handle"


def test_the_same_handle_on_another_platform_is_another_account() -> None:
    assert word(sold(platform="douyin"), grant(begun())) == "unlicensed handle"
    assert word(sold(platform="nowhere"), grant(begun())) == "unlicensed handle"


def test_without_account_and_clip_nothing_can_be_said() -> None:
    assert word(sold(handle=None), grant(begun())) == "ambiguous handle"


def test_accounts_count_as_they_were_when_the_sale_was_made() -> None:
    its = grant(begun(), change(2, 20, handles=("tiktok:ana",)))
    assert word(sold(19.9), its) == "licensed"
    assert word(sold(20), its) == "unlicensed handle"
    assert word(sold(19.9, "ana"), its) == "unlicensed handle"
    assert word(sold(20, "ana"), its) == "licensed"


@pytest.mark.parametrize("state", ["offered", "declined"])
def test_a_grant_that_nobody_accepted_covers_nothing(state: str) -> None:
    its = grant(begun(state=state), change(2, 20, state="active"))
    assert verdict(sold(), its).failed == Condition(
        "not-accepted", state, "the grant's terms were not accepted by then"
    )
    assert word(sold(20), its) == "licensed"


def test_an_offered_grant_that_expired_was_never_accepted() -> None:
    its = grant(begun(state="offered", ends=30), change(2, 5, state="expired"), v1=terms(tail_days=90))
    assert word(sold(), its) == "unlicensed not-accepted"


def test_a_suspension_holds_from_its_moment_until_the_grant_is_resumed() -> None:
    its = grant(begun(), change(2, 10, state="suspended"), change(3, 12, state="active"))
    assert [word(sold(at), its) for at in (9.99, 10, 11.99, 12)] == [
        "licensed",
        "unlicensed suspended",
        "unlicensed suspended",
        "licensed",
    ]


def test_a_revocation_is_prospective_and_leaves_no_tail() -> None:
    its = grant(begun(ends=20), change(2, 15, state="revoked"), v1=terms(tail_days=30))
    assert [word(sold(at), its) for at in (14.99, 15, 25)] == ["licensed", *["unlicensed revoked"] * 2]


def test_what_was_sold_before_its_clipper_ended_a_grant_pays_and_nothing_after() -> None:
    its = grant(begun(ends=20), change(2, 15, state="resigned"), v1=terms(tail_days=30))
    assert [word(sold(at), its) for at in (14.99, 15, 25)] == ["licensed", *["unlicensed resigned"] * 2]


def test_a_revocation_in_the_tail_ends_it() -> None:
    its = grant(begun(ends=20), change(2, 20, state="expired"), change(3, 25, state="revoked"), v1=terms(tail_days=30))
    assert [word(sold(at), its) for at in (24.99, 25)] == ["licensed", "unlicensed revoked"]


def test_a_window_begins_with_its_first_moment() -> None:
    its = grant(begun(starts_at=day(10)))
    assert [word(sold(at), its) for at in (9.99, 10)] == ["unlicensed window", "licensed"]


def test_a_sale_before_the_grant_was_made_finds_none() -> None:
    assert word(sold(-1), grant(begun())) == "unlicensed handle"


def test_a_window_ends_before_its_last_moment_and_the_tail_before_its_own() -> None:
    its = grant(begun(ends=20), change(2, 20.5, state="expired"), v1=terms(tail_days=3))
    assert [word(sold(at), its) for at in (19.99, 20, 22.99, 23)] == [*["licensed"] * 3, "unlicensed tail"]
    untailed = grant(begun(ends=20))
    assert [word(sold(at), untailed) for at in (19.99, 20)] == ["licensed", "unlicensed tail"]


def test_an_expiry_before_the_end_of_the_window_is_the_end() -> None:
    its = grant(begun(ends=20), change(2, 10, state="expired"), v1=terms(tail_days=3))
    assert [word(sold(at), its) for at in (12.99, 13)] == ["licensed", "unlicensed tail"]


def test_the_first_expiry_counts_unless_the_grant_came_back_to_life() -> None:
    twice = change(2, 10, state="expired"), change(3, 11, state="expired")
    assert word(sold(12.5), grant(begun(), *twice, v1=terms(tail_days=2))) == "unlicensed tail"
    assert word(sold(15), grant(begun(), change(2, 10, state="expired"), change(3, 12, state="active"))) == "licensed"


def test_a_grant_that_was_suspended_when_it_ended_has_no_tail() -> None:
    its = grant(begun(ends=20), change(2, 19, state="suspended"), change(3, 20, state="expired"), v1=terms(tail_days=3))
    assert word(sold(21), its) == "unlicensed suspended"


def test_the_tail_is_for_clips_that_were_out_by_the_end() -> None:
    its = grant(begun(ends=20), v1=terms(tail_days=3))
    assert word(sold(21, published_at=day(19.99)), its) == "licensed"
    assert word(sold(21, published_at=day(20)), its) == "unlicensed tail"


def test_a_tail_may_reach_past_the_last_year_of_the_calendar() -> None:
    last = datetime(9999, 12, 31, 23, tzinfo=UTC)
    its = grant(begun(ends_at=last), v1=terms(tail_days=90))
    assert word(msgspec.structs.replace(sold(), sold_at=last), its) == "licensed"


@pytest.mark.parametrize(
    ("name", "said", "good", "bad"),
    [
        ("platform", {"platforms": ("tiktok",)}, {}, None),
        ("marketplace", {"marketplaces": ("douyin",)}, {"marketplace": "douyin"}, {"marketplace": "taobao"}),
        ("territory", {"territories": ("CN", "HK")}, {"territory": "HK"}, {"territory": "US"}),
        ("product", {"products": ("p1", "p2")}, {"product": "p2"}, {"product": "p3"}),
        ("product", {"excluded_products": ("p1",)}, {"product": "p2"}, {"product": "p1"}),
        ("stream", {"streams": (1, 2)}, {"source_ids": (2, 1)}, {"source_ids": (1, 3)}),
        ("stream", {"streams": (1, 2)}, {"source_ids": (1,)}, {"source_ids": ()}),
    ],
)
def test_terms_that_list_something_cover_that_alone(
    name: str, said: dict[str, Any], good: dict[str, Any], bad: dict[str, Any] | None
) -> None:
    its = grant(begun(), v1=terms(**said))
    assert word(sold(**good), its) == "licensed"
    if bad is not None:
        assert word(sold(**bad), its) == f"unlicensed {name}"
        assert word(sold(), its) == f"ambiguous {name}"
        assert word(sold(**bad), grant(begun())) == word(sold(), grant(begun())) == "licensed"


def test_a_grant_may_list_an_account_on_a_platform_that_its_newer_terms_leave_out() -> None:
    newer = change(2, 10, version_no=2)
    its = grant(begun(), newer, v2=terms(platforms=("douyin",)))
    assert word(sold(9), its) == "licensed"
    assert verdict(sold(), its).failed == Condition("platform", "tiktok", "the terms are for douyin")


def test_a_version_applies_from_its_moment_on() -> None:
    its = grant(begun(), change(2, 10, recorded=5, version_no=2), v2=terms(tail_days=9))
    assert [verdict(sold(at), its).version_no for at in (9.99, 10)] == [1, 2]


def test_a_long_list_is_not_told_whole() -> None:
    its = grant(begun(), v1=terms(products=tuple(f"p{number}" for number in range(10_000))))
    failed = verdict(sold(product="other"), its).failed
    assert failed == Condition("product", "other", "the terms are for p0, p1, p2, p3, p4 and 9995 more")


def test_a_certain_failure_outweighs_a_fact_that_is_missing() -> None:
    its = grant(begun(), v1=terms(territories=("CN",), streams=(1,)))
    assert word(sold(source_ids=(2,)), its) == "unlicensed stream"
    assert word(sold(source_ids=(1,)), its) == "ambiguous territory"


def test_several_grants_that_cover_a_sale_are_ambiguous_unless_the_clip_is_known() -> None:
    both = grant(begun()), grant(begun(), number=8)
    said = verdict(sold(), *both)
    assert (said.verdict, said.grant_id) == ("ambiguous", None)
    assert said.failed is not None
    assert (said.failed.name, said.failed.value) == ("several", "7, 8")
    assert verdict(sold(grant_id=8), *both).grant_id == 8


def test_the_grant_of_the_clip_is_the_only_candidate() -> None:
    both = grant(begun()), grant(begun(state="revoked"), number=8)
    assert verdict(sold(), *both).grant_id == 7
    assert word(sold(grant_id=8), *both) == "unlicensed revoked"
    assert word(sold(handle="ana", grant_id=7), *both) == "unlicensed handle"
    assert word(sold(handle=None, grant_id=7), *both) == "ambiguous handle"
    assert word(sold(grant_id=9), *both) == "unlicensed grant"


def test_of_those_that_fail_the_one_that_came_furthest_is_told() -> None:
    early, late = grant(begun(state="suspended"), number=9), grant(begun(ends=5))
    said = verdict(sold(), early, late)
    assert said.failed is not None
    assert (said.grant_id, said.failed.name) == (7, "tail")
    assert [(each.grant_id, each.outcome, each.condition) for each in said.considered] == [
        (7, "fails", "tail"),
        (9, "fails", "suspended"),
    ]


def test_one_that_passes_outweighs_one_that_is_undecided() -> None:
    open_to_all, narrow = grant(begun()), grant(begun(), number=8, v1=terms(territories=("CN",)))
    said = verdict(sold(), open_to_all, narrow)
    assert (said.verdict, said.grant_id) == ("licensed", 7)
    assert said.considered[1].outcome == "undecided"


def test_a_sale_is_judged_by_what_was_known_on_a_day() -> None:
    its = grant(
        begun(), change(2, 10, recorded=30, state="revoked"), change(3, 12, recorded=15, version_no=2), v2=TERMS
    )
    assert word(sold(11), its, known=29.99) == "licensed"
    assert word(sold(11), its, known=30) == word(sold(11), its) == "unlicensed revoked"
    assert [verdict(sold(13), its, known=at).version_no for at in (14.9, 15)] == [1, 2]
    assert word(sold(11), its, known=-1) == "unlicensed handle"
    assert word(sold(11, grant_id=7), its, known=-1) == "unlicensed grant"


# The page ---------------------------------------------------------------------------------------------------

PAGE = (Path(__file__).parents[2] / "docs" / "judging.md").read_text()


def test_the_page_tells_the_conditions_in_their_order() -> None:
    assert re.findall(r"^\| \d+ \| `([a-z-]+)`", PAGE, re.MULTILINE) == PLACES


def test_the_page_s_example_is_true() -> None:
    at = datetime(2026, 3, 1, tzinfo=UTC)
    march = (at - LONG_AGO).days
    its = grant(
        begun(march, ends=march + 92),
        change(2, march + 9, state="suspended"),
        change(3, march + 11, state="active"),
        change(4, march + 31, march + 19, version_no=2),
        change(5, march + 92, state="expired"),
        v1=terms(territories=("CN", "HK"), tail_days=7),
        v2=terms(territories=("CN",), tail_days=7),
    )
    rows = re.findall(r"^\| ([0-9-]+) \| ?([A-Z]*) \| ?([0-9-]*) \| (\w+)(.*) \|$", PAGE, re.MULTILINE)
    assert len(rows) == 9
    for sold_at, territory, known_at, said, more in rows:
        facts = SaleFacts(sold_at=_day_of(sold_at), platform="tiktok", handle="lina", territory=territory or None)
        found = judge(Register([its]), facts, known_at=_day_of(known_at) if known_at else None)
        told = f", version {found.version_no}" if found.failed is None else f": {found.failed.name}"
        assert (found.verdict, told) == (said, more), sold_at


def _day_of(said: str) -> datetime:
    return datetime.fromisoformat(said).replace(tzinfo=UTC)
