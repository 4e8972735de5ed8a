"""Judging: random histories, sales and days of knowing, against the plain model and against what must never happen."""

from datetime import datetime, timedelta, timezone
from itertools import groupby
from typing import Any

import msgspec
from hypothesis import event, given, settings
from hypothesis import strategies as st

from licensing.changes import GrantChange
from licensing.judge import SaleFacts, judge
from licensing.register import GrantHistory, Register, Scope
from licensing.terms import Terms
from tests.licensing.house import LONG_AGO, TERMS
from tests.licensing.plain_model import Book, Row, plain_judge


def day(number: float) -> datetime:
    return LONG_AGO + timedelta(days=number)


def terms(**said: Any) -> Terms:
    return msgspec.structs.replace(TERMS, **said)


OFFSETS = tuple(timezone(timedelta(hours=hours)) for hours in (0, 8, -5))
MOMENTS = st.builds(lambda at, offset: day(at / 2).astimezone(offset), st.integers(0, 16), st.sampled_from(OFFSETS))


def some(first: Any, second: Any) -> st.SearchStrategy[Any]:
    """Mostly null: terms that restrict everything license nothing."""
    return st.sampled_from([None, None, None, None, (first,), (first, second)])


TERMS_DRAWN = st.builds(
    terms,
    platforms=st.sampled_from([("tiktok", "douyin")] * 5 + [("douyin",)]),
    marketplaces=some("m1", "m2"),
    territories=some("CN", "US"),
    products=some("p1", "p2"),
    excluded_products=st.sampled_from([(), (), ("p3",)]),
    streams=some(1, 2),
    tail_days=st.integers(0, 3),
)
SALES = st.builds(
    SaleFacts,
    sold_at=MOMENTS,
    platform=st.sampled_from(["tiktok", "tiktok", "tiktok", "douyin"]),
    handle=st.sampled_from(["lina", "@LINA", "lina", "lina", "lina", "ana", "bo", None]),
    marketplace=st.sampled_from(["m1", "m2", None]),
    territory=st.sampled_from(["CN", "US", None]),
    product=st.sampled_from(["p1", "p2", "p3", None]),
    source_ids=st.sampled_from([(1,), (2, 1), (), None]),
    grant_id=st.sampled_from([None, None, None, None, 1, 2, 4]),
    published_at=st.none() | MOMENTS,
)
STATES = st.sampled_from(
    [None, None, None, None, "active", "active", "suspended", "expired", "revoked", "resigned", "offered", "declined"]
)
HANDLES = st.sampled_from([("tiktok:lina",), ("tiktok:lina", "douyin:lina"), ("tiktok:ana",)])
KNOWN = st.none() | MOMENTS


BEGINNINGS = st.builds(
    GrantChange,
    change_no=st.just(1),
    action=st.just("test"),
    state=st.sampled_from(["active", "active", "active", "offered"]),
    version_no=st.just(1),
    starts_at=st.just(day(0)) | MOMENTS,
    ends_at=KNOWN,
    handles=HANDLES,
    effective_at=st.just(day(0)) | MOMENTS,
    recorded_at=st.just(day(0)) | MOMENTS,
)


@st.composite
def changes_after(draw: st.DrawFn, number: int, recorded: st.SearchStrategy[datetime]) -> list[GrantChange]:
    """Up to four changes from this number on, effective and recorded in any order."""
    made = []
    for change_no in range(number, number + draw(st.integers(0, 4))):
        starts_at = draw(st.none() | MOMENTS)
        sets: dict[str, Any] = {
            "state": draw(STATES),
            "version_no": draw(st.sampled_from([None, None, 1, 2])),
            "starts_at": starts_at,
            "ends_at": None if starts_at is None else draw(KNOWN),
            "handles": draw(st.none() | HANDLES),
            "effective_at": draw(MOMENTS),
            "recorded_at": draw(recorded),
        }
        made.append(GrantChange(change_no=change_no, action="test", **sets))
    return made


def rows(grant_id: int, changes: list[GrantChange]) -> list[Row]:
    return [Row(grant_id, grant_id % 2, 100 + grant_id, each) for each in changes]


@st.composite
def grants(draw: st.DrawFn, grant_id: int) -> list[Row]:
    return rows(grant_id, [draw(BEGINNINGS), *draw(changes_after(2, MOMENTS))])


@st.composite
def books(draw: st.DrawFn) -> Book:
    """Three grants of two offers, each of which has two versions of terms."""
    made = [row for number in (1, 2, 3) for row in draw(grants(number))]
    scopes = {(offer, number): draw(TERMS_DRAWN) for offer in (0, 1) for number in (1, 2)}
    return Book(draw(st.permutations(made)), scopes)


def register_of(book: Book) -> Register:
    scopes = {key: Scope(key[1], its, "") for key, its in book.terms.items()}
    in_order = sorted(book.rows, key=lambda row: row.grant_id)
    by_grant = groupby(in_order, lambda row: (row.grant_id, row.offer_id, row.clipper_id))
    return Register(GrantHistory(*key, (row.change for row in its), scopes) for key, its in by_grant)


def with_rows(book: Book, added: list[Row]) -> Book:
    return Book([*book.rows, *added], book.terms)


BOOKS, DRAWN_SALES = books(), st.lists(SALES, min_size=1, max_size=8)


@settings(max_examples=150, deadline=None)
@given(BOOKS, DRAWN_SALES, KNOWN)
def test_it_judges_as_the_plain_model_does(book: Book, sales: list[SaleFacts], known_at: datetime | None) -> None:
    register = register_of(book)
    for sale in sales:
        said = judge(register, sale, known_at=known_at)
        failed = said.failed and said.failed.name
        considered = [(each.grant_id, each.outcome, each.condition) for each in said.considered]
        event(f"{said.verdict} {failed}")
        expected = plain_judge(book, sale, known_at)
        assert (said.verdict, said.grant_id, said.version_no, failed, considered) == expected


@settings(max_examples=60, deadline=None)
@given(BOOKS, SALES, MOMENTS, st.data())
def test_what_is_recorded_later_never_changes_a_verdict(
    book: Book, sale: SaleFacts, known_at: datetime, data: st.DataObject
) -> None:
    later = st.integers(1, 16).map(lambda halves: known_at + timedelta(days=halves / 2))
    new_grant = [msgspec.structs.replace(data.draw(BEGINNINGS), recorded_at=data.draw(later))]
    added = rows(1, data.draw(changes_after(100, later))) + rows(4, new_grant)
    before = judge(register_of(book), sale, known_at=known_at)
    assert judge(register_of(with_rows(book, added)), sale, known_at=known_at) == before


@settings(max_examples=60, deadline=None)
@given(BOOKS, SALES, MOMENTS)
def test_a_revocation_never_changes_verdicts_of_earlier_sales(
    book: Book, sale: SaleFacts, effective_at: datetime
) -> None:
    told: dict[str, Any] = {"effective_at": effective_at, "recorded_at": day(20)}
    revoked = GrantChange(change_no=100, action="revoked", state="revoked", **told)
    before = judge(register_of(book), sale)
    after = judge(register_of(with_rows(book, rows(1, [revoked]))), sale)
    if sale.sold_at < effective_at:
        assert after == before


@settings(max_examples=60, deadline=None)
@given(BOOKS, SALES, KNOWN, BEGINNINGS)
def test_a_grant_changes_no_verdict_unless_it_shares_the_account(
    book: Book, sale: SaleFacts, known_at: datetime | None, begun: GrantChange
) -> None:
    other = msgspec.structs.replace(begun, handles=("tiktok:somebody",))
    before = judge(register_of(book), sale, known_at=known_at)
    assert judge(register_of(with_rows(book, rows(5, [other]))), sale, known_at=known_at) == before


@settings(max_examples=60, deadline=None)
@given(BOOKS, SALES, st.sampled_from(["p1", "p2", "p3"]), st.sampled_from([(1,), (2, 1), ()]))
def test_learning_a_missing_fact_never_licenses_what_was_unlicensed(
    book: Book, sale: SaleFacts, product: str, source_ids: tuple[int, ...]
) -> None:
    told = msgspec.structs.replace(sale, product=sale.product or product, source_ids=sale.source_ids or source_ids)
    if sale.source_ids is None and judge(register_of(book), sale).verdict == "unlicensed":
        assert judge(register_of(book), told).verdict == "unlicensed"
