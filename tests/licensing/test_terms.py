"""Terms: what may be published, what is hashed, and what one version changed of another."""

from datetime import UTC, datetime, timedelta
from typing import Any

import msgspec
import pytest

from ledger.errors import LedgerError
from ledger.splits import DEFAULT_POLICY, Share, SplitPolicy, SplitRule, Take, Tier
from licensing.errors import InvalidTerms
from licensing.terms import (
    Difference,
    Disclosure,
    EditRules,
    Terms,
    check_terms,
    clipper_ppm,
    decode,
    differences,
    encode,
    sha256_of,
)
from tests.licensing.house import LONG_AGO, SPLIT, TERMS


def _with(**changes: Any) -> Terms:
    return msgspec.structs.replace(TERMS, **changes)


def _split(*weights: int, takes: tuple[Take, ...] = (), tiers: tuple[Tier, ...] = ()) -> SplitRule:
    shares = tuple(Share(party, weight) for party, weight in zip(("host", "clipper"), weights, strict=True))
    return SplitRule(currency="CNY", takes=takes, shares=shares, tiers=tiers)


FULL = Terms(
    licensor="直播公司",
    split=_split(3, 7, takes=(Take("platform", "5%"), Take("agency", "10%", "rest"))),
    agency=7,
    platforms=("douyin",),
    marketplaces=("douyin-shop",),
    territories=("CN", "SG"),
    products=("78231",),
    excluded_products=("78232",),
    streams=(1, 2),
    starts_at=LONG_AGO,
    ends_at=LONG_AGO + timedelta(days=1),
    grant_days=90,
    reserve="10%",
    reserve_days=30,
    review_hours=0,
    document_sha256="0" * 64,
    document_url="https://example.com/contract.pdf",
)


@pytest.mark.parametrize("terms", [TERMS, FULL], ids=["least", "everything"])
def test_terms_come_back_from_storage_with_the_same_hash(terms: Terms) -> None:
    stored = msgspec.json.decode(encode(check_terms(terms, DEFAULT_POLICY)))
    assert decode(stored) == terms
    assert sha256_of(decode(stored)) == sha256_of(terms)


def test_the_hash_is_of_the_json_in_order_of_names() -> None:
    """It never changes: certificates name it, and anybody can compute it with sha256sum."""
    assert encode(TERMS).startswith(b'{"agency":null,"disclosure":{"on_screen":true,"texts":["#ad"]},')
    assert sha256_of(TERMS) == "260835347a0c8bb66e8fb5b9aa1cbd5c88f65d952b9977f6d01bcc03f2627d03"


def test_what_can_be_left_out_is_left_out_of_json_too() -> None:
    said = b"""{"licensor": "Lili Live Ltd", "platforms": ["douyin", "tiktok"], "starts_at": "2026-01-01T00:00:00Z",
        "split": {"currency": "CNY", "takes": [{"party": "platform", "rate": "5%"}],
                  "shares": [{"party": "host", "weight": 4}, {"party": "clipper", "weight": 6}]}}"""
    assert msgspec.json.decode(said, type=Terms) == TERMS


def test_a_clipper_of_four_to_six_gets_six_tenths() -> None:
    assert clipper_ppm(TERMS) == 600_000
    assert clipper_ppm(_with(split=_split(1, 2))) == 666_666


@pytest.mark.parametrize(
    ("changes", "field", "value"),
    [
        ({"licensor": "  "}, "licensor", "  "),
        ({"licensor": "a\0b"}, "licensor", "a\0b"),
        ({"platforms": ()}, "platforms", "[]"),
        ({"platforms": ("tiktok", "tictok")}, "platforms[1]", "tictok"),
        ({"platforms": ("tiktok", "tiktok")}, "platforms[1]", "tiktok"),
        ({"marketplaces": ("Douyin Shop",)}, "marketplaces[0]", "Douyin Shop"),
        ({"territories": ("China",)}, "territories[0]", "China"),
        ({"territories": ()}, "territories", "[]"),
        ({"streams": ()}, "streams", "[]"),
        ({"streams": (0,)}, "streams[0]", "0"),
        ({"streams": (2**63,)}, "streams[0]", str(2**63)),
        ({"streams": (3, 3)}, "streams[1]", "3"),
        ({"streams": tuple(range(1, 10_002))}, "streams", "10001"),
        ({"products": ("",)}, "products[0]", ""),
        ({"products": ("78231 ",)}, "products[0]", "78231 "),
        ({"products": tuple(map(str, range(10_001)))}, "products", "10001"),
        ({"products": ("1", "2"), "excluded_products": ("2",)}, "excluded_products", "2"),
        ({"excluded_products": ("2", "2")}, "excluded_products[1]", "2"),
        ({"disclosure": Disclosure(texts=())}, "disclosure.texts", "0"),
        ({"disclosure": Disclosure(texts=("#ad", ""))}, "disclosure.texts[1]", ""),
        ({"starts_at": datetime(2026, 1, 1)}, "starts_at", "2026-01-01T00:00:00"),
        ({"starts_at": datetime(1999, 12, 31, tzinfo=UTC)}, "starts_at", "1999-12-31T00:00:00+00:00"),
        ({"ends_at": datetime.max.replace(tzinfo=UTC)}, "ends_at", "9999-12-31T23:59:59.999999+00:00"),
        ({"ends_at": LONG_AGO}, "ends_at", "2026-01-01T00:00:00+00:00"),
        ({"grant_days": 0}, "grant_days", "0"),
        ({"tail_days": -1}, "tail_days", "-1"),
        ({"hold_days": 3661}, "hold_days", "3661"),
        ({"review_hours": 10**400}, "review_hours", "1" + "0" * 199),
        ({"reserve": "110%", "reserve_days": 1}, "reserve", "110%"),
        ({"reserve": "10%"}, "reserve_days", "0"),
        ({"recovery_cap": "0%"}, "recovery_cap", "0%"),
        ({"recovery_cap": "half"}, "recovery_cap", "half"),
        ({"minimum_payout": -1}, "minimum_payout", "-1"),
        ({"edits": EditRules(shortest_s=60, longest_s=30)}, "edits.longest_s", "30"),
        ({"edits": EditRules(fastest_ppm=999_999)}, "edits.fastest_ppm", "999999"),
        ({"edits": EditRules(own_footage_ppm=1_000_001)}, "edits.own_footage_ppm", "1000001"),
        ({"document_sha256": "A" * 64}, "document_sha256", "A" * 64),
        ({"document_url": "http://example.com"}, "document_url", "http://example.com"),
        ({"agency": 7}, "agency", "7"),
        ({"agency": 2**63, "split": FULL.split}, "agency", str(2**63)),
        ({"split": FULL.split}, "agency", None),
        ({"split": _split(4, 6, takes=(Take("friend", "1%"),))}, "split.takes[0].party", "friend"),
        ({"split": _split(4 * 10**6, 6 * 10**6)}, "split", "6000000"),
        ({"split": _split(4, 6, tiers=tuple(Tier(n, (4, 6)) for n in range(1, 102)))}, "split.tiers", "101"),
    ],
)
def test_a_rule_that_is_broken_names_field_and_value(changes: dict[str, Any], field: str, value: str | None) -> None:
    with pytest.raises(InvalidTerms) as refused:
        check_terms(_with(**changes), DEFAULT_POLICY)
    assert (refused.value.field, refused.value.value) == (field, value)
    assert refused.value.rule


@pytest.mark.parametrize(
    ("split", "field", "value"),
    [
        (_split(2, 8), "shares", "2:8"),
        (_split(51, 49), "shares", "51:49"),
        (_split(4, 6, tiers=(Tier(100, (2, 8)),)), "tiers[0].weights", "2:8"),
    ],
)
def test_a_split_outside_the_operators_bounds_is_refused(split: SplitRule, field: str, value: str) -> None:
    with pytest.raises(LedgerError) as refused:
        check_terms(_with(split=split), DEFAULT_POLICY)
    assert (refused.value.code, refused.value.field, refused.value.value) == ("split-out-of-bounds", field, value)
    assert "host : clipper must be at" in str(refused.value)
    wider = SplitPolicy(("host", "clipper"), (1, 9), (6, 4))
    assert check_terms(_with(split=split), wider).split == split


def test_a_split_is_between_host_and_clipper() -> None:
    alone = SplitRule(currency="CNY", shares=(Share("clipper", 1),))
    with pytest.raises(LedgerError, match="must share between host and clipper"):
        check_terms(_with(split=alone), DEFAULT_POLICY)


# Differences ------------------------------------------------------------------------------------------------


def test_terms_do_not_differ_from_themselves() -> None:
    assert differences(FULL, FULL) == []


def test_differences_are_told_member_by_member_in_order_of_their_paths() -> None:
    after = _with(split=msgspec.structs.replace(SPLIT, shares=(Share("host", 3), Share("clipper", 7))), tail_days=30)
    assert differences(TERMS, after) == [
        Difference("split.shares[0].weight", 4, 3),
        Difference("split.shares[1].weight", 6, 7),
        Difference("tail_days", 0, 30),
    ]


def test_what_one_version_does_not_have_is_null_there() -> None:
    tiered = _with(split=msgspec.structs.replace(SPLIT, tiers=(Tier(100, (3, 7)),)), territories=("CN",))
    expected = [
        Difference("split.tiers[0].net_gmv", None, 100),
        Difference("split.tiers[0].weights", None, (3, 7)),
        Difference("territories", None, ("CN",)),
    ]
    assert differences(TERMS, tiered) == expected
    back = differences(tiered, TERMS)
    assert [(each.path, each.after) for each in back] == [(each.path, None) for each in expected]
