"""The tables and the plot: ours beside the baselines, on the terminal, in the docs, and from the JSON file again."""

import json
from io import StringIO
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner
from rich.console import Console

from bench.identification import document, plot
from bench.identification.comparison import OURS, Comparison, compare
from bench.identification.scoring import Segment, TrueClip
from bench.identification.tables import BEGIN, END, tables_of, write_measured

TRUE = Segment("stream", (0.0, 10.0), (100.0, 110.0))
TRUTH = [
    TrueClip("a.mp4", "zoom", "orig", (TRUE,)),
    TrueClip("b.mp4", "c_both", "replaced", (TRUE,)),
    TrueClip("c.mp4", "neg_stranger", "orig", ()),
]


@pytest.fixture
def comparison() -> Comparison:
    """Ours finds both; a peer only what is zoomed; another is not installed."""
    predicted = {OURS: {"a.mp4": [TRUE], "b.mp4": [TRUE]}, "pHash": {"a.mp4": [TRUE]}}
    return compare(TRUTH, predicted, {"vPDQ": "not installed"})


@pytest.fixture
def measured(comparison: Comparison) -> dict[str, Any]:
    """What the bench writes, as far as the docs need it."""
    return {
        "figures": {"recall_singles": 1.0, "fresh_s": None},
        "bars": {"recall_singles": "≥ 0.98"},
        "notes": {"fresh_s": "no clip that is found"},
        "machine": {"processor": "one", "cores": 2, "memory_gib": 24, "system": "Linux"},
        "settings": {"sources": 1, "clips": 3},
        "comparison": comparison.to_json(),
    }


def test_the_table_has_a_row_for_each_transformation_and_a_column_for_each_method(comparison: Comparison) -> None:
    by_transformation = tables_of(comparison)[1]
    assert by_transformation.headings == ("", "segments", "ours", "pHash", "vPDQ")
    assert by_transformation.rows == (
        ("zoom", "1", "1", "1", "not installed"),
        ("c_both", "1", "1", "0", "not installed"),
    )


def test_recall_is_told_by_what_became_of_the_sound(comparison: Comparison) -> None:
    by_sound = tables_of(comparison)[2]
    assert [row[:4] for row in by_sound.rows] == [("orig", "1", "1", "1"), ("replaced", "1", "1", "0")]


def test_a_comparison_comes_back_from_json_as_it_was(comparison: Comparison) -> None:
    again = Comparison.from_json(json.loads(json.dumps(comparison.to_json())))
    assert again == comparison


def test_tables_fit_a_terminal(comparison: Comparison) -> None:
    shown = StringIO()
    Console(file=shown, width=80).print(*(table.for_terminal() for table in tables_of(comparison)))
    assert "Recall by transformation" in shown.getvalue()
    assert "not installed" in shown.getvalue()


def test_the_docs_get_new_tables_and_keep_their_prose(tmp_path: Path, measured: dict[str, Any]) -> None:
    document = tmp_path / "identification.md"
    document.write_text(f"before\n{BEGIN}\nold tables\n{END}\nafter\n")
    write_measured(document, measured)
    written = document.read_text()
    assert written.startswith(f"before\n{BEGIN}\n")
    assert written.endswith(f"{END}\nafter\n")
    assert "old tables" not in written
    assert "| `recall_singles` | 1 | ≥ 0.98 |  |" in written
    assert "| `fresh_s` | – |  | no clip that is found |" in written
    assert "| c_both | 1 | 1 | 0 | not installed |" in written


def test_tables_written_twice_are_there_once(tmp_path: Path, measured: dict[str, Any]) -> None:
    document = tmp_path / "identification.md"
    document.write_text(f"{BEGIN}{END}")
    write_measured(document, measured)
    once = document.read_text()
    write_measured(document, measured)
    assert document.read_text() == once


def test_a_document_without_a_place_for_them_is_refused(tmp_path: Path, measured: dict[str, Any]) -> None:
    document = tmp_path / "other.md"
    document.write_text("no marks")
    with pytest.raises(ValueError, match="to put the tables in"):
        write_measured(document, measured)


def test_the_same_figures_draw_the_same_plot(tmp_path: Path, comparison: Comparison) -> None:
    for name in ("one.svg", "two.svg"):
        plot.draw(tmp_path / name, comparison)
    assert (tmp_path / "one.svg").read_bytes() == (tmp_path / "two.svg").read_bytes()
    assert b"<svg" in (tmp_path / "one.svg").read_bytes()


def test_a_run_can_be_shown_again_from_its_file(tmp_path: Path, measured: dict[str, Any]) -> None:
    (tmp_path / "out.json").write_text(json.dumps(measured))
    (tmp_path / "doc.md").write_text(f"{BEGIN}{END}")
    words = [tmp_path / "out.json", "--docs", tmp_path / "doc.md", "--plot", tmp_path / "plot.svg"]
    done = CliRunner().invoke(document.main, list(map(str, words)), catch_exceptions=False)
    assert done.exit_code == 0
    assert "| c_both |" in (tmp_path / "doc.md").read_text()
    assert "<svg" in (tmp_path / "plot.svg").read_text()
