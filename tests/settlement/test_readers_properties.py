"""Whatever happens to a file on its way, reading it ends in rows, rows set aside, or a refusal."""

import io
from collections.abc import Callable
from datetime import UTC

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from settlement.errors import FileRefused
from settlement.observations import Observation, Quarantined
from settlement.readers import read
from settlement.readers.values import Amounts, Times, Unreadable, is_ambiguous, style_of
from tests.settlement import exports
from tests.settlement.exports import lines

LINES = lines(6, seed=9)
FILES = {
    "creator": exports.creator(LINES),
    "seller": exports.seller(LINES),
    "douyin": exports.douyin(LINES),
    "utf-16": exports.creator(LINES).decode("utf-8-sig").encode("utf-16"),
    "amazon": exports.amazon([exports.amazon_row("clip-20", "B0847", "10-20-2026", 3, -1, "345.23", "69.05")]),
    "impact": exports.impact(LINES),
    "generic": exports.generic(LINES),
    "xlsx": exports.creator_xlsx(LINES, shared=True),
}


def outcome(data: bytes) -> list[Observation | Quarantined] | None:
    """The rows, or None for a file that was refused; any other exception fails the test."""
    try:
        rows = list(read(io.BytesIO(data), name="x_2026-11-15.csv").rows)
    except FileRefused as refused:
        return None if refused.rule else pytest.fail("no rule")
    for row in rows:
        for text in row.raw:
            text.encode()
            assert "\0" not in text
    return rows


@pytest.mark.parametrize("name", FILES)
@settings(max_examples=60, deadline=None)
@given(data=st.data())
def test_a_file_cut_anywhere_never_yields_a_line_that_was_not_there(name: str, data: st.DataObject) -> None:
    whole = FILES[name]
    true = {row.identity: row.due for row in outcome(whole) or () if isinstance(row, Observation)}
    cut = data.draw(st.integers(0, len(whole) - 1))
    for row in outcome(whole[:cut]) or ():
        if isinstance(row, Observation):
            assert true[row.identity] == row.due


@pytest.mark.parametrize("name", FILES)
@settings(max_examples=120, deadline=None)
@given(data=st.data())
def test_a_file_with_any_bytes_changed_never_breaks_a_reader(name: str, data: st.DataObject) -> None:
    damaged = bytearray(FILES[name])
    for _ in range(data.draw(st.integers(1, 4))):
        place = data.draw(st.integers(0, len(damaged) - 1))
        damaged[place : place + data.draw(st.integers(0, 3))] = data.draw(st.binary(max_size=4))
    outcome(bytes(damaged))


@settings(max_examples=200, deadline=None)
@given(st.one_of(st.binary(max_size=300), st.text(max_size=200).map(lambda text: text.encode("utf-8", "replace"))))
def test_any_bytes_at_all_are_refused_or_read(data: bytes) -> None:
    outcome(data)
    outcome(b'{"Actions": ' + data)
    outcome(exports.rows_csv(exports.GENERIC, []).encode() + data)


@settings(max_examples=40, deadline=None)
@given(
    seed=st.integers(0, 10**6),
    count=st.integers(1, 40),
    write=st.sampled_from([exports.creator, exports.seller, exports.douyin, exports.impact, exports.generic]),
)
def test_an_export_says_what_was_put_into_it(seed: int, count: int, write: Callable[..., bytes]) -> None:
    made = lines(count, seed)
    rows = outcome(write(made))
    assert rows is not None
    found = [(row.order, row.due, row.gmv) for row in rows if isinstance(row, Observation)]
    assert found == [(line.order, line.due, line.gmv) for line in made]


@given(st.integers(0, 2**62), st.booleans(), st.booleans())
def test_an_amount_is_read_back_as_it_was_written(amount: int, comma: bool, grouped: bool) -> None:
    text = f"{amount // 100:,}.{amount % 100:02}"
    text = text if grouped else text.replace(",", "")
    if comma:
        text = text.translate(str.maketrans(",.", ".,"))
    style = style_of(text)
    assert style == ("comma" if comma else "point")
    assert Amounts("USD", style, signed=False)[text] == amount
    assert not is_ambiguous(text)


@given(st.text(alphabet="0123456789.,-+eE /_١", max_size=14))
def test_a_text_is_an_amount_in_one_style_or_in_both_the_same_or_ambiguous(text: str) -> None:
    values = []
    for style in ("point", "comma"):
        try:
            values.append(Amounts("KWD", style, signed=True)[text])
        except (Unreadable, FileRefused):
            continue
    assert len(set(values)) < 2 or is_ambiguous(text)


@given(st.text(alphabet="0123456789/: -+Z.T", min_size=10, max_size=20))
def test_no_text_but_a_time_is_a_time(text: str) -> None:
    try:
        found = Times("DD/MM/YYYY", UTC)(text)
    except Unreadable:
        return
    assert f"{found:%d/%m/%Y %H:%M:%S}" == text
