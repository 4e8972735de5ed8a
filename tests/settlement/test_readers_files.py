"""A file that can't be read as a whole is refused, and says why; spreadsheets and documents are read as texts."""

import io
import json
import zipfile
from pathlib import Path

import pytest

from settlement.errors import (
    AmbiguousNumbers,
    EmptyFile,
    FileRefused,
    FileTooLarge,
    MissingColumn,
    MixedNumbers,
    TruncatedFile,
    UnknownColumn,
    UnknownFormat,
    UnreadableFile,
)
from settlement.observations import Observation, Quarantined
from settlement.readers import read
from tests.settlement import exports
from tests.settlement.exports import lines

LINES = lines(12)


def rows_of(data: bytes) -> list[Observation | Quarantined]:
    return list(read(io.BytesIO(data), name="x_2026-11-15.csv").rows)


def refused(data: bytes) -> FileRefused:
    with pytest.raises(FileRefused) as caught:
        rows_of(data)
    return caught.value


@pytest.mark.parametrize("data", [b"", b"\xef\xbb\xbf", b"\r\n\r\n", b"  \n,,,\n"])
def test_a_file_without_anything_is_refused(data: bytes) -> None:
    assert isinstance(refused(data), EmptyFile)


def test_an_unknown_header_is_refused_and_the_nearest_reader_named() -> None:
    assert isinstance(refused(b"a,b,c,d,e\n1,2,3,4,5\n"), UnknownFormat)
    near = refused(b"Order ID,SKU ID,GMV,Betrag,Datum,Ware\n1,2,3,4,5,6\n")
    assert "tiktok_creator comes closest with 3 of 45 columns and misses" in str(near)


def test_a_known_header_with_one_column_more_is_refused() -> None:
    data = exports.rows_csv([*exports.CREATOR, "Clawback"], []).encode()
    wrong = refused(data)
    assert isinstance(wrong, UnknownColumn)
    assert str(wrong) == "header: tiktok_creator: has no such columns (got Clawback)"


def test_a_known_header_without_a_needed_column_is_refused() -> None:
    data = exports.rows_csv([name for name in exports.CREATOR if name != "Total final earned amount"], []).encode()
    wrong = refused(data)
    assert isinstance(wrong, MissingColumn)
    assert wrong.value == "Total final earned amount"


def test_a_column_that_stands_twice_is_refused() -> None:
    assert isinstance(refused(exports.rows_csv([*exports.CREATOR, "GMV "], []).encode()), UnknownColumn)


def test_two_ways_to_write_numbers_in_one_file_are_refused() -> None:
    rows = [exports.creator_row(line) for line in LINES]
    rows[7][exports.CREATOR.index("GMV")] = "1.234,56"
    wrong = refused(exports.rows_csv(exports.CREATOR, rows).encode())
    assert isinstance(wrong, MixedNumbers)
    assert (wrong.field, wrong.value) == ("row 8", "1.234,56")


def test_a_number_that_may_be_a_thousand_is_never_guessed() -> None:
    in_euros = [exports.amazon_row("clip-21", "B084756012", "10-20-2026", 1, 0, "1.234", "1,234")]
    assert isinstance(refused(exports.amazon(in_euros, sign="€")), AmbiguousNumbers)
    rows = [exports.creator_row(line) for line in LINES[:2]]
    for row in rows:
        for place in (23, 24, 25, 33, 34, 42):
            row[place] = "1.234"
    assert [type(row) for row in rows_of(exports.rows_csv(exports.CREATOR, rows).encode())] == [Quarantined] * 2


def test_a_quotation_mark_that_is_never_closed_refuses_the_file() -> None:
    data = exports.creator(LINES).replace(b"Star Kitchen", b'Star Kitchen,"', 1)
    assert isinstance(refused(b"".join(data.partition(b'Kitchen,"')[:2])), TruncatedFile)


@pytest.mark.parametrize(
    "data",
    [
        b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR" + bytes(range(256)),
        b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + b"\0" * 600,
        b"\xff\xff\xff\xff\xff,\xff\n",
        b'["Actions"]',
        b'{"Actions": [1, 2]}',
        b'{"Actions": [{"Id": 1, "Id": 2}]}',
        b'{"Actions": [{"Id": "1"}]} {}',
        b'{"Deeds": []}',
        b"{}",
        b'{"Actions": [' + b"[" * 100_000,
    ],
)
def test_what_is_neither_text_nor_spreadsheet_nor_document_is_refused(data: bytes) -> None:
    assert isinstance(refused(data), UnreadableFile | UnknownFormat | MissingColumn)


def test_a_document_that_breaks_off_is_refused() -> None:
    data = exports.impact(LINES)
    assert isinstance(refused(data[: len(data) // 2]), TruncatedFile)
    assert isinstance(refused(data[:-1]), TruncatedFile)


def test_one_page_of_several_is_noted() -> None:
    data = exports.impact(LINES).replace(b'"@numpages": "1"', b'"@numpages": "3"')
    assert read(io.BytesIO(data), name="x").notes == ("this is one page of 3",)


def test_a_huge_value_in_a_document_is_refused() -> None:
    assert isinstance(refused(b'{"Actions": [{"Id": "' + b"x" * 3_000_000 + b'"}]}'), FileTooLarge)


def test_our_own_document_says_its_day_and_keeps_the_text_of_numbers() -> None:
    row = dict(zip(exports.GENERIC, exports.generic_row(LINES[0]), strict=True))
    row["gmv"] = 12.10  # type: ignore[assignment]
    text = json.dumps({"as_of": "2026-10-31", "lines": [row]}).replace("12.1", "12.10")
    report = read(io.BytesIO(text.encode()), name="x")
    (found,) = report.rows
    assert isinstance(found, Observation)
    assert (str(report.as_of), found.gmv) == ("2026-10-31", 1210)
    assert found.raw[exports.GENERIC.index("gmv")] == "12.10"


def sheet(column: str, cell: str) -> Observation | Quarantined:
    row = exports.generic_row(LINES[0])
    row[exports.GENERIC.index(column)] = cell
    (found,) = rows_of(exports.xlsx([exports.GENERIC, row]))
    return found


@pytest.mark.parametrize(
    ("cell", "amount"), [("43.8", 4380), ("43.799999999999997", 4380), ("1500", 150000), ("0.10000000000000001", 10)]
)
def test_a_number_in_a_spreadsheet_is_what_it_shows(cell: str, amount: int) -> None:
    found = sheet("gmv", exports.number_cell(cell))
    assert isinstance(found, Observation)
    assert found.gmv == amount


def test_a_date_in_a_spreadsheet_is_no_text_that_a_marketplace_writes() -> None:
    row = exports.creator_row(LINES[0])
    row[-2] = exports.number_cell("46292.203368055554", style=1)
    (wrong,) = rows_of(exports.xlsx([exports.CREATOR, row]))
    assert isinstance(wrong, Quarantined)
    assert (wrong.column, wrong.text) == ("Order date", "2026-09-27T04:52:51")


@pytest.mark.parametrize(
    ("cell", "rule"),
    [
        ("<c><f>A1+B1</f><v>12</v></c>", "a formula is not calculated"),
        ('<c t="e"><v>#N/A</v></c>', "could not calculate"),
        (exports.number_cell("1e400"), "must be a decimal number"),
    ],
)
def test_a_cell_that_holds_no_value_is_set_aside(cell: str, rule: str) -> None:
    wrong = sheet("gmv", cell)
    assert isinstance(wrong, Quarantined)
    assert (wrong.column, rule in wrong.rule) == ("gmv", True)


@pytest.mark.parametrize("cell", ["5762100010000180", "5.76210001000018E+15"])
def test_an_identifier_that_a_spreadsheet_may_have_rounded_is_set_aside(cell: str) -> None:
    wrong = sheet("order", exports.number_cell(cell))
    assert isinstance(wrong, Quarantined)
    assert "a spreadsheet has rounded" in wrong.rule
    exact = sheet("order", exports.number_cell("5762100010000183"))
    assert isinstance(exact, Observation)
    assert exact.order == "5762100010000183"


def test_cells_left_out_at_a_rows_end_are_empty() -> None:
    found = rows_of(exports.xlsx([exports.GENERIC, exports.generic_row(LINES[0])[:-1], [], ["", ""]]))
    assert [type(row) for row in found] == [Observation]


def test_a_spreadsheet_that_would_unpack_without_end_is_refused() -> None:
    bomb = io.BytesIO()
    good = zipfile.ZipFile(io.BytesIO(exports.creator_xlsx(LINES)))
    with zipfile.ZipFile(bomb, "w", zipfile.ZIP_DEFLATED) as packed:
        for name in good.namelist():
            packed.writestr(name, good.read(name))
        with packed.open("xl/sharedStrings.xml", "w", force_zip64=True) as part:
            for _ in range(260):
                part.write(b" " * (1 << 20))
    assert isinstance(refused(bomb.getvalue()), FileTooLarge)


def test_a_spreadsheet_that_declares_entities_is_refused() -> None:
    doctype = '<!DOCTYPE x [<!ENTITY a "aaaaaaaaaa"><!ENTITY b "&a;&a;&a;&a;&a;&a;&a;&a;">]>'
    assert isinstance(refused(exports.xlsx([exports.CREATOR], prolog=doctype)), UnreadableFile)


def test_a_spreadsheet_cut_short_is_refused() -> None:
    data = exports.creator_xlsx(LINES)
    assert isinstance(refused(data[: len(data) // 2]), TruncatedFile)


def test_a_file_that_read_opened_is_closed_when_it_is_refused(tmp_path: Path) -> None:
    file = tmp_path / "x.csv"
    file.write_bytes(b"a,b\n")
    with pytest.raises(UnknownFormat):
        read(file, name=file.name)
    file.write_bytes(exports.creator(LINES))
    with read(file, name=file.name) as report:
        assert report.file is not None
    assert report.file.closed
