"""A row that can't be read exactly is set aside with its column, its text and the rule; the others go on."""

import io
import json

import pytest

from settlement.observations import Observation, Quarantined
from settlement.readers import read
from tests.settlement import exports
from tests.settlement.exports import lines

SETTLED = [line for line in lines(60) if line.stage == "settled"][:3]


def rows_of(data: bytes) -> list[Observation | Quarantined]:
    return list(read(io.BytesIO(data), name="x_2026-11-15.csv").rows)


def changed(column: str, text: str) -> bytes:
    """Three settled lines, and in the second this text."""
    rows = [exports.creator_row(line) for line in SETTLED]
    rows[1][exports.CREATOR.index(column)] = text
    return exports.rows_csv(exports.CREATOR, rows).encode()


@pytest.mark.parametrize(
    ("column", "text", "rule"),
    [
        ("Order settlement status", "Half settled", "is none of Settled, Pending"),
        ("Order settlement status", "", "is none of Settled"),
        ("Order ID", "5.76E+15", "a spreadsheet has rounded"),
        ("Order ID", "5762100010000183.0", "a spreadsheet has rounded"),
        ("Order ID", "/", "is missing"),
        ("SKU ID", "17310000x0061", "identifier of digits"),
        ("Content ID", "7.4E+14", "a spreadsheet has rounded"),
        ("Total final earned amount", "/", "is missing"),
        ("Total final earned amount", "12.345", "USD has 2 decimals"),
        ("Total final earned amount", "-12.34", "must not be negative"),
        ("Total final earned amount", "$12.34", "must be a decimal number"),
        ("Total final earned amount", "1.2E+3", "must be a decimal number"),
        ("Total final earned amount", "١٢", "must be a decimal number"),
        ("GMV", "99999999999999999999", "must be a decimal number"),
        ("GMV", "9999999999999999999", "larger than the ledger's"),
        ("GMV", "12,34,567.00", "must be a decimal number"),
        ("Est. Bonus", "none", "must be a decimal number"),
        ("Currency", "BTC", "ISO 4217"),
        ("Items sold", "1.5", "must be a whole number"),
        ("Items sold", "-1", "must be a whole number"),
        ("Order date", "2026-09-27 04:52:51", "must be a time such as DD/MM/YYYY"),
        ("Order date", "31/02/2026 04:52:51", "must be a time"),
        ("Order date", "27/09/2026 24:52:51", "must be a time"),
        ("Order date", "27/09/26 04:52", "must be a time"),
        ("Order date", "46292.2033", "must be a time"),
        ("Commission settlement date", "soon", "must be a time"),
    ],
)
def test_what_cannot_be_read_exactly_is_set_aside(column: str, text: str, rule: str) -> None:
    before, wrong, after = rows_of(changed(column, text))
    assert isinstance(before, Observation)
    assert isinstance(after, Observation)
    assert isinstance(wrong, Quarantined)
    assert (wrong.row_no, wrong.column, wrong.text) == (2, column, text)
    assert rule in wrong.rule
    assert wrong.raw[exports.CREATOR.index(column)] == text


def test_spaces_and_tabs_around_a_text_mean_nothing() -> None:
    _, found, _ = rows_of(changed("Order settlement status", " Settled\t"))
    assert isinstance(found, Observation)
    assert found.raw[13] == " Settled\t"


def test_a_row_wider_or_narrower_than_the_header_is_set_aside() -> None:
    text = exports.creator(SETTLED).decode("utf-8-sig").splitlines(keepends=True)
    wide, narrow = text[1].replace("\r\n", ",1.00\r\n"), text[2].replace(",USLC7W", "")
    found = rows_of("".join([text[0], wide, narrow, text[3]]).encode())
    assert [row.rule for row in found if isinstance(row, Quarantined)] == [
        "has 46 columns, and the header 45",
        "has 44 columns, and the header 45",
    ]
    assert isinstance(found[2], Observation)


def test_bytes_that_are_no_text_set_aside_their_row_only() -> None:
    data = exports.creator(SETTLED).replace(b"Star Kitchen", b"Star \xff\xfe Kitchen", 1)
    found = rows_of(data)
    assert [type(row) for row in found] == [Quarantined, Observation, Observation]
    assert isinstance(found[0], Quarantined)
    assert (found[0].column, found[0].text) == ("Shop name", "Star \ufffd\ufffd Kitchen")


def test_a_nul_that_no_database_stores_sets_aside_its_row() -> None:
    found = rows_of(exports.creator(SETTLED).replace(b"Star", b"St\0r", 1))
    assert [type(row) for row in found] == [Quarantined, Observation, Observation]


def test_a_quotation_mark_inside_a_text_sets_aside_its_row() -> None:
    rows = exports.creator(SETTLED).decode("utf-8-sig").splitlines(keepends=True)
    rows[2] = rows[2].replace("Star Kitchen", '"Star" Kitchen')
    found = rows_of("".join(rows).encode())
    assert [type(row) for row in found] == [Observation, Quarantined, Observation]
    assert isinstance(found[1], Quarantined)
    assert found[1].raw == (rows[2].rstrip("\r\n"),)


def test_a_last_row_without_a_line_break_may_have_been_cut_short() -> None:
    found = rows_of(exports.seller(SETTLED).rstrip())
    assert [type(row) for row in found] == [Observation, Observation, Quarantined]
    assert isinstance(found[2], Quarantined)
    assert "cut short" in found[2].rule


def test_a_line_that_two_rows_describe_otherwise_is_set_aside_the_second_time() -> None:
    first = exports.creator_row(SETTLED[0])
    other = list(first)
    other[exports.CREATOR.index("Total final earned amount")] = "0.01"
    found = rows_of(exports.rows_csv(exports.CREATOR, [first, first, other]).encode())
    assert [type(row) for row in found] == [Observation, Observation, Quarantined]
    assert isinstance(found[2], Quarantined)
    assert found[2].identity == ("tiktok", SETTLED[0].order, SETTLED[0].sku)


@pytest.mark.parametrize(
    ("column", "text", "rule"),
    [
        ("Order Status", "Lost", "is none of"),
        ("Fully returned or refunded", "Partly", "must be Yes or No"),
        ("Actual Commission Payment", "", "is missing"),
        ("Product ID", "1.72938E+12\t", "a spreadsheet has rounded"),
    ],
)
def test_a_sellers_row_is_read_as_strictly(column: str, text: str, rule: str) -> None:
    row = exports.seller_row(SETTLED[0])
    row[exports.SELLER.index(column)] = text
    (wrong,) = rows_of(exports.rows_csv(exports.SELLER, [row]).encode())
    assert isinstance(wrong, Quarantined)
    assert (wrong.column, rule in wrong.rule) == (column, True)


@pytest.mark.parametrize(
    ("column", "text"),
    [("订单状态", "已退款"), ("实际佣金支出", "-"), ("支付金额", "-"), ("付款时间", "-"), ("订单id", "5.76E+15")],
)
def test_a_douyin_row_is_read_as_strictly(column: str, text: str) -> None:
    row = exports.douyin_row(SETTLED[0])
    row[exports.DOUYIN.index(column)] = text
    (wrong,) = rows_of(exports.rows_csv(exports.DOUYIN, [row]).encode("gb18030"))
    assert isinstance(wrong, Quarantined)
    assert (wrong.column, wrong.text) == (column, text)


def test_amazons_returns_are_never_positive() -> None:
    (wrong,) = rows_of(
        exports.amazon([exports.amazon_row("clip-20", "B084756012", "10-20-2026", 1, 1, "1.00", "0.10")])
    )
    assert isinstance(wrong, Quarantined)
    assert (wrong.column, wrong.text) == ("Returns", "1")


@pytest.mark.parametrize(
    ("column", "text", "rule"),
    [
        ("Payout", "1.00", "a reversed action pays nothing"),
        ("State", "LOCKED", "is none of"),
        ("EventDate", "2026-10-01 12:32:44", "with its offset"),
        ("IntendedPayout", None, "is missing"),
        ("Currency", "usd", "ISO 4217"),
        ("SubId1", {"a": 1}, "must be a text or a number"),
        ("PromoCode", "\ud800", "no text"),
    ],
)
def test_an_action_is_read_as_strictly(column: str, text: object, rule: str) -> None:
    action = exports.impact_action(next(line for line in lines(60) if line.stage == "refunded")) | {column: text}
    (wrong,) = rows_of(f'{{"Actions": [{json.dumps(action)}]}}'.encode())
    assert isinstance(wrong, Quarantined)
    assert (wrong.column, rule in wrong.rule) == (column, True)


@pytest.mark.parametrize(
    ("column", "text"),
    [("marketplace", "Shop Ee"), ("territory", "Indonesia"), ("placed_at", "2026-10-01"), ("state", "paid")],
)
def test_our_own_format_is_read_as_strictly(column: str, text: str) -> None:
    row = exports.generic_row(SETTLED[0])
    row[exports.GENERIC.index(column)] = text
    (wrong,) = rows_of(exports.rows_csv(exports.GENERIC, [row]).encode())
    assert isinstance(wrong, Quarantined)
    assert (wrong.column, wrong.text) == (column, text)
