"""Forms as bodies of operations, and amounts, rates and moments as people read them."""

from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from fractions import Fraction
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st
from litestar import Litestar

from clipledger.pages.formats import MINUS, Formats
from clipledger.pages.forms import MalformedForm, member_of, read_form
from clipledger.pages.operations import own_path
from ledger.money import format_amount, parse_amount
from tests.clipledger.front_door import Company
from tests.clipledger.pages.visitor import visiting


def body(*members: tuple[str, str]) -> dict[str, Any]:
    return read_form(members).body


# What a form sends ------------------------------------------------------------------------------------------


def test_members_lie_in_objects_and_lists() -> None:
    assert body(
        ("terms.split.shares[0].party", "host"), ("terms.split.shares[0].parts", "3"),
        ("terms.split.shares[2].party", "clipper"), ("terms.starts_at", "now"), ("title", " An offer "),
    ) == {
        "terms": {"split": {"shares": [{"party": "host", "parts": "3"}, {"party": "clipper"}]}, "starts_at": "now"},
        "title": "An offer",
    }  # fmt: skip


def test_repeated_members_are_a_list_in_their_order() -> None:
    assert body(("platforms[]", "tiktok"), ("platforms[]", "douyin")) == {"platforms": ["tiktok", "douyin"]}
    assert body(("rows[2]", "b"), ("rows[]", "c"), ("rows[0]", "a")) == {"rows": ["a", "b", "c"]}


def test_what_is_blank_is_not_sent_nor_a_row_without_anything() -> None:
    assert body(("a", " "), ("rows[0].x", ""), ("rows[1].x", "1"), ("rows[1].y", ""), ("deep.er.still", "")) == {
        "rows": [{"x": "1"}]
    }


def test_null_is_sent_where_it_is_said_and_nothing_is_written() -> None:
    assert body(("note@null", ""), ("ends_at@null@UTC", "")) == {"note": None, "ends_at": None}
    assert body(("ends_at@null@UTC", "2026-10-05T12:00")) == {"ends_at": "2026-10-05T12:00:00+00:00"}


def test_what_was_there_is_taken_away_where_the_form_says_so() -> None:
    hidden = (("summary@blank", ""), ("types@empty", ""), ("rules@null", ""))
    nothing = (("summary", " "), ("types[]@words", ""), ("rules.least", ""), ("rules.words[]@words", " "))
    assert body(*nothing, *hidden) == {"summary": "", "types": [], "rules": None}
    something = (("summary", "New"), ("types[]@words", "a b"), ("rules.least", "3"), ("rules.words[]@words", " "))
    assert body(*something, *hidden) == {"summary": "New", "types": ["a", "b"], "rules": {"least": "3"}}


def test_amounts_are_written_in_units_of_their_currency() -> None:
    assert body(("amount@CNY", "1,234.50"), ("other@JPY", "1234")) == {"amount": 123450, "other": 1234}
    assert body(("amount@{currency}", "3.005"), ("currency", "KWD")) == {"amount": 3005, "currency": "KWD"}
    assert body(("amount@{currency}", "3"), ("currency", "")) == {"amount": "3"}


def test_what_is_no_amount_is_sent_as_it_was_typed() -> None:
    for typed in ("three", "1.234", "1e3", "٣", "--1", "9" * 400):
        assert body(("amount@CNY", typed)) == {"amount": typed}


def test_percents_are_millionths_where_they_are_whole() -> None:
    assert body(("rate@percent", "13.02"), ("other@percent", "60 %")) == {"rate": 130200, "other": 600000}
    assert body(("rate@percent", "0.00001")) == {"rate": "0.00001"}
    assert body(("rate@percent", "a lot")) == {"rate": "a lot"}


def test_words_are_split_at_blanks_and_commas_of_any_script() -> None:
    assert body(("months[]@words", "2026-09, 2026-10\n2026-11、2026-12；")) == {
        "months": ["2026-09", "2026-10", "2026-11", "2026-12"]
    }


def test_local_times_get_their_zone() -> None:
    assert body(("at@Asia/Shanghai", "2026-10-05T20:00")) == {"at": "2026-10-05T20:00:00+08:00"}
    nowhere = (("later", "Asia/Shanghai"), ("2026-10-05T20:00", "Asia/Nowhere"), ("2026-10-05T20:00", "America/"))
    for typed, zone in (*nowhere, ("2026-10-05T20:00", "../etc/passwd")):
        assert body((f"at@{zone}", typed)) == {"at": typed}


def test_parameters_and_a_form_s_own_members_are_no_part_of_the_body() -> None:
    sent = read_form([("_operation", "POST /v1/keys"), ("_next", "/"), ("?as_of", "2026-10-31"), ("name", "x")])
    assert (sent.method, sent.path, sent.query, sent.body) == (
        "POST",
        "/v1/keys",
        {"as_of": "2026-10-31"},
        {"name": "x"},
    )
    assert sent.typed == {"?as_of": "2026-10-31", "name": "x"}


@pytest.mark.parametrize(
    "names",
    [
        *(("a", "a.b"), ("a.b", "a[0]"), ("a[0]", "a.b"), ("a[0]", "a[0].b")),
        *(("",), ("@CNY",), ("[0]",), ("[]",), (".".join("abc" * 9),)),
    ],
)
def test_names_that_do_not_go_together_are_refused(names: tuple[str, ...]) -> None:
    with pytest.raises(MalformedForm):
        body(*((name, "x") for name in names))


NAMES = st.text("ab.[]0@?_{}", max_size=12) | st.sampled_from(["a@CNY", "a@percent", "a[]@words", "a@UTC", "a@null"])


@given(st.lists(st.tuples(NAMES, st.text(max_size=8)), max_size=6))
def test_whatever_is_sent_is_a_body_of_json_or_refused(members: list[tuple[str, str]]) -> None:
    try:
        sent = read_form(members)
    except MalformedForm:
        return
    assert msgspec.json.decode(msgspec.json.encode(sent.body)) == sent.body


WORDS = st.text("abc", min_size=1, max_size=3)
TEXTS = st.text(min_size=1, max_size=5).filter(lambda text: text == text.strip() and text)
BODIES = st.recursive(
    TEXTS,
    lambda inner: st.lists(inner, min_size=1, max_size=3) | st.dictionaries(WORDS, inner, min_size=1, max_size=3),
    max_leaves=8,
)


def members_of(value: Any, name: str = "") -> list[tuple[str, str]]:
    if isinstance(value, dict):
        return [each for key, inner in value.items() for each in members_of(inner, f"{name}.{key}" if name else key)]
    if isinstance(value, list):
        return [each for place, inner in enumerate(value) for each in members_of(inner, f"{name}[{place}]")]
    return [(name, value)]


@given(st.dictionaries(WORDS, BODIES, min_size=1, max_size=3), st.randoms())
def test_any_body_can_be_asked_for_in_any_order(wanted: dict[str, Any], random: Any) -> None:
    members = members_of(wanted)
    random.shuffle(members)
    if max(name.count(".") + name.count("[") for name, _ in members) < 12:
        assert read_form(members).body == wanted


def test_an_operation_s_name_of_a_field_is_found() -> None:
    names = ("a", "a.b[0].c@CNY", "?as_of", "words[]@words")
    assert [member_of(name) for name in names] == ["a", "a.b[0].c", "as_of", "words"]


async def test_a_form_that_makes_no_sense_is_refused_by_a_page(app: Litestar, company: Company) -> None:
    form = {"_operation": "POST /v1/keys", "_form": "key"}
    async with visiting(app, company.finance) as visitor:
        for sent in (
            {**form, "a": "1", "a.b": "2"},
            {"_operation": "GET /v1/keys"},
            {"_operation": "POST /account"},
            {},
        ):
            answer = await visitor.client.post("/account/keys", data=sent)
            assert answer.status_code == 400
            assert "This form can" in answer.text
        answer = await visitor.client.post("/account/keys", content=b"\xff\xfe=\x80&_operation=POST+/v1/nothing\xff")
        assert answer.status_code == 404


def test_one_is_sent_nowhere_but_to_a_path_of_ours() -> None:
    assert own_path("/books/x?y=1#z") == "/books/x?y=1#z"
    strangers = ("//evil.example", "/\\evil.example", "https://evil.example", "/\t/evil.example", "/\n/evil.example")
    for wanted in (*strangers, "", "javascript:alert(1)", "/a\r\nSet-Cookie: x=1"):
        assert own_path(wanted) == "/"


# What people read -------------------------------------------------------------------------------------------

EN, ZH = Formats("en", "Asia/Shanghai"), Formats("zh", "Asia/Shanghai")


def test_amounts_show_every_digit_and_their_sign() -> None:
    assert EN.money(123450, "CNY") == "CN¥1,234.50"
    assert EN.money(-300, "USD") == f"{MINUS}US$3.00"
    assert (EN.money(1234, "JPY"), EN.money(0, "EUR")) == ("JP¥1,234", "€0.00")
    assert ZH.money(123450, "CNY") == "¥1,234.50"
    assert EN.money(2**63 - 1, "CNY") == "CN¥92,233,720,368,547,758.07"


@given(st.integers(-(2**63), 2**63 - 1), st.sampled_from(["CNY", "USD", "JPY", "KWD", "CHF"]))
def test_an_amount_that_is_read_aloud_is_the_one_that_was_meant(amount: int, currency: str) -> None:
    for formats in (EN, ZH):
        digits = "".join(sign for sign in formats.money(amount, currency) if sign.isdigit() or sign == ".")
        assert parse_amount(digits, currency) == abs(amount) if abs(amount) < 2**63 else True
        assert formats.money(amount, currency).startswith(MINUS) == (amount < 0)
    assert format_amount(amount, currency)


def test_rates_are_shown_as_far_as_they_matter() -> None:
    assert (EN.percent(Fraction(1, 3)), EN.percent(Decimal("-0.1302"), 2)) == ("33.3%", f"{MINUS}13.02%")
    assert (EN.ppm(130200), EN.ppm(1), EN.ppm(0)) == ("13.02%", "0.0001%", "0%")


def test_days_and_moments_are_those_of_the_book() -> None:
    late = datetime(2026, 10, 14, 18, 5, tzinfo=UTC)
    assert (EN.moment(late), ZH.moment(late)) == ("15 Oct 2026, 02:05", "2026年10月15日 02:05")
    assert (EN.day(date(2026, 10, 14)), ZH.day(date(2026, 10, 14))) == ("14 Oct 2026", "2026年10月14日")
    assert (EN.month("2026-10"), ZH.month("2026-10"), EN.short_month("2026-10")) == (
        "October 2026",
        "2026年10月",
        "Oct",
    )
    assert (EN.short_day(date(2026, 10, 4)), ZH.short_day(date(2026, 10, 4))) == ("04/10", "10/4")
    assert (EN.ago(late - timedelta(days=3), late), EN.ago(late + timedelta(hours=2), late)) == (
        "3 days ago",
        "in 2 hours",
    )
    assert (EN.days(3), EN.days(1), EN.days(400), ZH.days(3)) == ("3 days", "1 day", "400 days", "3天")


def test_a_day_of_a_moment_is_that_of_the_book() -> None:
    assert EN.day(datetime(2026, 10, 14, 18, 5, tzinfo=UTC)) == "15 Oct 2026"


def test_places_in_videos_and_sizes_of_files() -> None:
    assert [EN.clock(each) for each in (0, 59_999, 60_000, 3_723_400)] == ["0:00.0", "0:59.9", "1:00.0", "1:02:03.4"]
    assert [EN.size(each) for each in (0, 13_200_000, 57_934_900_000)] == ["0 MB", "13.2 MB", "57.9 GB"]
    assert (EN.listed(["a", "b", "c"]), EN.listed([]), ZH.listed(["甲", "乙"])) == ("a, b and c", "", "甲和乙")
