"""A large file is read by a process of its own, and what comes of it is the same."""

from datetime import UTC, datetime
from pathlib import Path
from zoneinfo import ZoneInfo

import msgspec
import pytest

from settlement import chunks
from settlement.checking import Progress
from settlement.chunks import Chunk, Refused, Said
from settlement.report import Import
from tests.settlement.desk import Desk
from tests.settlement.market import DAYS, export, market
from tests.settlement.test_importing import faulty, line

ZONE = ZoneInfo("Asia/Shanghai")


@pytest.fixture
def small_chunks(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(chunks, "CHUNK", 7)


def said(path: Path, report: Import) -> list[Said]:
    """All that is said of a file, whatever its size, but how far the look at it is."""
    return [each for each in chunks.said(path, report, 1, ZONE) if not isinstance(each, Progress)]


def of(path: Path, content: bytes, **told: object) -> Import:
    """An import of that content, which is written there."""
    path.write_bytes(content)
    report = Import(
        7, path.name, "0" * 64, len(content), "", "generic", (), datetime(2026, 11, 20, 16, tzinfo=UTC), "UTC", "park",
        "reading", 0, 0, 0, 0, None, "test", datetime.now(UTC), None,
    )  # fmt: skip
    return msgspec.structs.replace(report, **told)


GOOD = [line(number, "ana") for number in range(1, 31)]
AGAIN = export([*GOOD, line(3, "ana", 999), *GOOD[:9]])
"""One line is told otherwise, and nine as before."""


@pytest.mark.usefixtures("small_chunks")
@pytest.mark.parametrize(
    ("content", "told", "last"),
    [
        pytest.param(AGAIN, {}, Chunk, id="all"),
        pytest.param(AGAIN, {"rows_read": 10}, Chunk, id="what-is-left"),
        pytest.param(AGAIN, {"on_fault": "refuse"}, Refused, id="a-row-that-refuses-it"),
        pytest.param(export(GOOD) + b'shop,"O-3', {}, Refused, id="broken-off"),
    ],
)
def test_a_process_says_what_a_thread_would_have_said(
    content: bytes, told: dict[str, object], last: type[Said], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    report = of(tmp_path / "report.csv", content, **told)
    here = said(tmp_path / "report.csv", report)
    assert isinstance(here[-1], last)
    monkeypatch.setattr(chunks, "LARGE", 0)
    assert said(tmp_path / "report.csv", report) == here


@pytest.mark.usefixtures("small_chunks")
def test_a_line_that_is_told_otherwise_is_parked_also_when_the_look_at_the_file_has_found_it(tmp_path: Path) -> None:
    for rows_read in (0, 14):
        report = of(tmp_path / "report.csv", AGAIN, rows_read=rows_read)
        told = [each for each in said(tmp_path / "report.csv", report) if isinstance(each, Chunk) and each.parked_rows]
        assert [(each.after, each.last, each.parked_rows) for each in told] == [(28, 35, 1)]
        assert b"an earlier row of this file says otherwise of the same line" in told[0].parked


@pytest.mark.usefixtures("small_chunks")
async def test_a_large_file_comes_into_the_same_books(desk: Desk, twin: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    content = export(market(6, 40, desk.handles)[DAYS[0]]) + faulty(desk).split(b"\n", 1)[1]
    small = await twin.read(content, DAYS[0])
    monkeypatch.setattr(chunks, "LARGE", 0)
    large = await desk.read(content, DAYS[0])
    assert (large.report.state, large.report.parked, large.new) == ("done", small.report.parked, small.new)
    assert await desk.state() == await twin.state()
    assert await desk.count("settlement.observations") == await twin.count("settlement.observations") > 0


def test_a_process_that_ends_before_all_is_said_is_no_end_of_the_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(chunks, "LARGE", 0)
    report = of(tmp_path / "report.csv", b"marketplace\n")
    (tmp_path / "report.csv").unlink()
    with pytest.raises(ChildProcessError, match=r"report\.csv ended with 1"):
        said(tmp_path / "report.csv", report)
