"""What each marketplace's export says of each line, in whatever order, encoding and file it comes."""

import io
import json
import random
from datetime import UTC, date, datetime
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest

from settlement.observations import Observation, Quarantined
from settlement.readers import read
from tests.settlement import exports
from tests.settlement.exports import Line, lines


def observed(data: bytes, name: str = "export_2026-11-15.csv", zone: ZoneInfo | None = None) -> list[Observation]:
    rows = list(read(io.BytesIO(data), name=name, zone=zone).rows)
    assert not [row for row in rows if isinstance(row, Quarantined)]
    return [row for row in rows if isinstance(row, Observation)]


def worth(line: Line) -> tuple[object, ...]:
    """What any export but impact's says of a line."""
    return line.order, line.product, line.quantity, line.gmv, line.estimated, line.actual, line.due, line.settled


def said(row: Observation) -> tuple[object, ...]:
    return row.order, row.product, row.quantity, row.gmv, row.estimated, row.actual, row.due, row.settled_at


LINES = lines(200)


@pytest.mark.parametrize(
    ("data", "form"),
    [
        (exports.creator(LINES), "tiktok_creator"),
        (exports.creator(LINES, comma=True), "tiktok_creator"),
        (exports.creator_xlsx(LINES), "tiktok_creator"),
        (exports.creator_xlsx(LINES, shared=True), "tiktok_creator"),
        (exports.creator(LINES).decode("utf-8-sig").encode("utf-16"), "tiktok_creator"),
        (exports.seller(LINES), "tiktok_seller"),
        (exports.seller(LINES, comma=True), "tiktok_seller"),
        (exports.generic(LINES), "generic"),
        (exports.impact(LINES), "impact"),
    ],
)
def test_every_line_is_worth_what_the_marketplace_says(data: bytes, form: str) -> None:
    report = read(io.BytesIO(data), name="export_2026-11-15.csv")
    assert (report.format, report.as_of) == (form, date(2026, 11, 15))
    assert report.notes == ()
    rows = observed(data)
    expected = [(worth(line)[0], *worth(line)[3:]) for line in LINES]
    assert [(said(row)[0], *said(row)[3:]) for row in rows] == expected
    assert [row.row_no for row in rows] == list(range(1, 201))
    assert [row.placed_at for row in rows] == [line.placed for line in LINES]
    assert [row.content_id for row in rows] == [line.content for line in LINES]
    assert {row.currency for row in rows} == {"USD"}


@pytest.mark.parametrize("encoding", ["gb18030", "utf-8-sig", "utf-8", "utf-16"])
def test_douyin_is_in_yuan_and_in_chinese_time(encoding: str) -> None:
    rows = observed(exports.douyin(LINES, encoding))
    china = ZoneInfo("Asia/Shanghai")
    assert [said(row)[:7] for row in rows] == [worth(line)[:7] for line in LINES]
    assert [row.placed_at for row in rows] == [line.placed.replace(tzinfo=china) for line in LINES]
    assert {(row.currency, row.territory, row.platform) for row in rows} == {("CNY", "CN", "douyin")}
    assert [row.handle for row in rows] == [line.handle for line in LINES]


def test_two_of_one_product_in_a_douyin_order_are_two_lines() -> None:
    first, second = (line for line in lines(2))
    twin = Line(**{**vars(second), "product": first.product, "order": first.order})
    assert len({row.identity for row in observed(exports.douyin([first, twin]))}) == 2


def test_a_later_export_in_another_order_has_the_same_lines() -> None:
    shuffled = random.Random(3).sample(LINES, len(LINES))
    for write in (exports.creator, exports.seller, exports.douyin, exports.impact):
        assert {row.identity for row in observed(write(LINES))} == {row.identity for row in observed(write(shuffled))}


def test_amazon_totals_a_day_and_may_be_negative() -> None:
    rows = observed(
        exports.amazon([
            exports.amazon_row("clip-20", "B084756012", "10-20-2026", 3, -1, "345.23", "69.05"),
            exports.amazon_row("clip-20", "B084756012", "10-21-2026", 0, -2, "-1,345.23", "-269.05"),
        ]),
        "whatever.csv",
    )  # fmt: skip
    assert [(row.order, row.line, row.quantity, row.refunded, row.gmv, row.due) for row in rows] == [
        ("clip-20@2026-10-20", "B084756012/PHONE", 3, 1, 34523, 6905),
        ("clip-20@2026-10-21", "B084756012/PHONE", 0, 2, -134523, -26905),
    ]
    assert rows[0].placed_at == datetime(2026, 10, 20, 7, tzinfo=UTC)
    assert rows[0].tracking_id == "clip-20"


def test_the_title_of_amazons_report_says_its_day_before_the_files_name_does() -> None:
    assert read(io.BytesIO(exports.amazon([])), name="a_2020-01-01.csv").as_of == date(2026, 11, 15)


@pytest.mark.parametrize(("sign", "currency"), [("$", "USD"), ("£", "GBP"), ("€", "EUR")])
def test_amazons_currency_is_the_sign_in_its_header(sign: str, currency: str) -> None:
    row = exports.amazon_row("clip-21", "B084756012", "10-20-2026", 1, 0, "345.23", "69.05")
    assert observed(exports.amazon([row], sign=sign))[0].currency == currency


def test_impacts_payout_counts_and_what_was_intended_is_the_estimate() -> None:
    line = next(line for line in LINES if line.stage == "paid")
    action = exports.impact_action(line) | {"Payout": "6.90", "IntendedPayout": "13.80"}
    data = exports.impact([]).replace(b"[]", f"[{json.dumps(action)}]".encode())
    (row,) = observed(data)
    assert (row.state, row.due, row.estimated, row.actual) == ("pending", 690, 1380, 0)


def test_bonuses_are_added_and_taxes_taken_off_the_estimate() -> None:
    line = next(line for line in LINES if line.stage == "paid")
    row = dict(zip(exports.CREATOR, exports.creator_row(line), strict=True))
    row |= {"Est. standard commission": "10.00", "Est. Shop Ads commission": "2.00", "Est. Bonus": "0.50"}
    row |= {"Est. IVA": "0.30", "Est. ISR": "0.20"}
    (found,) = observed(exports.rows_csv(exports.CREATOR, [list(row.values())]).encode())
    assert found.due == 1200


def test_columns_may_come_in_another_order_and_unneeded_ones_may_be_absent() -> None:
    order = random.Random(5).sample(range(45), 45)
    order.remove(exports.CREATOR.index("Est. Bonus"))
    header = [f" {exports.CREATOR[place].upper()}  " for place in order]
    rows = [[exports.creator_row(line)[place] for place in order] for line in LINES]
    report = read(io.BytesIO(exports.rows_csv(header, rows, "\t").encode()), name="x.csv")
    assert (report.container, report.notes, report.as_of) == ("tsv", ("column absent: Est. Bonus",), None)
    assert [row.due for row in report.rows if isinstance(row, Observation)] == [line.due for line in LINES]


def test_the_rows_own_texts_are_kept_beside_the_columns_of_the_file() -> None:
    report = read(io.BytesIO(exports.seller(LINES[:1])), name="x.csv")
    (row,) = report.rows
    assert row.raw == tuple(exports.seller_row(LINES[0]))
    assert report.columns == tuple(exports.SELLER)


def test_progress_is_told_in_bytes_of_the_file(tmp_path: Path) -> None:
    file = tmp_path / "big_2026-11-15.csv"
    file.write_bytes(exports.creator(lines(3000)))
    with read(file, name=file.name) as report:
        next(report.rows)
        assert 0 < report.bytes_read < file.stat().st_size
        assert sum(1 for _ in report.rows) == 2999
        assert report.bytes_read == file.stat().st_size


def test_a_repeated_hour_is_the_first_and_an_hour_that_is_skipped_is_none() -> None:
    berlin = ZoneInfo("Europe/Berlin")
    times = ["25/10/2026 02:30:00", "25/10/2026 12:00:00", "29/03/2026 02:30:00", "29/03/2026 03:30:00"]
    rows = []
    for line, time in zip(LINES[:4], times, strict=True):
        row = exports.creator_row(line)
        row[-2] = time
        rows.append(row)
    data = exports.rows_csv(exports.CREATOR, rows).encode()
    first, second, skipped, after = read(io.BytesIO(data), name="x.csv", zone=berlin).rows
    assert isinstance(first, Observation)
    assert isinstance(second, Observation)
    assert isinstance(after, Observation)
    assert first.placed_at == datetime(2026, 10, 25, 0, 30, tzinfo=UTC)
    assert second.placed_at == datetime(2026, 10, 25, 11, tzinfo=UTC)
    assert after.placed_at == datetime(2026, 3, 29, 1, 30, tzinfo=UTC)
    assert isinstance(skipped, Quarantined)
    assert (skipped.column, skipped.text) == ("Order date", "29/03/2026 02:30:00")
