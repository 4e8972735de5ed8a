"""The whole bench on a painted set: the file that others read, and the figures of time and space."""

import json
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from click.testing import CliRunner

from bench.identification import costs
from bench.identification.__main__ import BARS, main
from bench.identification.filler import hours, strange
from bench.identification.predicting import fingerprint_sources
from bench.identification.tables import BEGIN, END
from media.fingerprint import PART_SECONDS, SourceFingerprint, fingerprint_source

# Slow where many share the machine; one worker paints for all.
pytestmark = [pytest.mark.timeout(600), pytest.mark.xdist_group("painted")]

TIMES = ("clip_t0", "clip_t1", "source_t0", "source_t1")


def run(*words: object) -> dict[str, Any]:
    """The JSON file of a run with these options."""
    out = next(Path(str(word)) for option, word in pairwise(words) if option == "--json")
    done = CliRunner().invoke(main, list(map(str, words)), catch_exceptions=False)
    assert done.exit_code == 0, done.output
    content: dict[str, Any] = json.loads(out.read_text())
    return content


@pytest.fixture(scope="module")
def judged(painted: Path, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """A run with truth, plot and docs, and with costs in an archive of few hours."""
    folder = tmp_path_factory.mktemp("judged")
    (folder / "doc.md").write_text(f"{BEGIN}{END}")
    words = ["--sources", painted / "sources", "--clips", painted, "--json", folder / "out.json"]
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(costs, "HOST_HOURS", 1)
        patch.setattr(costs, "ALL_HOURS", 2)
        content = run(*words, "--plot", folder / "plot.svg", "--docs", folder / "doc.md")
    content["plot"], content["doc"] = (folder / "plot.svg").read_text(), (folder / "doc.md").read_text()
    return content


def test_the_file_holds_every_figure_of_the_issue_by_its_name(judged: dict[str, Any]) -> None:
    assert list(judged["figures"])[: len(BARS)] == list(BARS)
    assert judged["figures"]["recall_singles"] == 1
    assert judged["figures"]["fpr"] == 0
    assert 1 < judged["figures"]["source_hour_mib"] < 40


def test_predictions_are_told_clip_by_clip_in_seconds(judged: dict[str, Any], painted: Path) -> None:
    predicted = {each["clip"]: each["matches"] for each in judged["predictions"]}
    assert predicted.keys() == {path.name for path in (painted / "clips").iterdir()}
    truth = {clip["clip"]: clip["matches"] for clip in json.loads((painted / "truth.json").read_text())["clips"]}
    vignette = "pos_vignette_000.mp4"
    [found], [true] = predicted[vignette], truth[vignette]
    assert found["source"] == true["source"]
    assert [found[name] for name in TIMES] == pytest.approx([true[name] for name in TIMES], abs=0.5)
    assert 0 <= found["score"] <= 1


def test_the_document_and_the_plot_show_the_transformations(judged: dict[str, Any]) -> None:
    assert "| vignette | 1 | 1 |" in judged["doc"]
    assert "<svg" in judged["plot"]


def test_without_truth_there_are_predictions_and_what_is_no_video_stops_nothing(painted: Path, tmp_path: Path) -> None:
    (tmp_path / "clips").mkdir()
    (tmp_path / "clips/broken.mp4").write_bytes(b"not a video")
    (tmp_path / "clips/good.mp4").write_bytes((painted / "clips/pos_vignette_000.mp4").read_bytes())
    words = ["--sources", painted / "sources", painted / "foreign", "--clips", tmp_path / "clips", "--no-costs"]
    content = run(*words, "--json", tmp_path / "out.json")
    broken, good = content["predictions"]
    assert (broken["clip"], broken["matches"]) == ("broken.mp4", [])
    assert "not-a-video" in broken["error"]
    assert (good["clip"], len(good["matches"]), "error" in good) == ("good.mp4", 1, False)
    assert content["comparison"] is None
    assert content["figures"]["recall_singles"] is None


def test_costs_are_measured(judged: dict[str, Any]) -> None:
    figures = judged["figures"]
    taken = ("identify_cpu_s_p95", "search_ms_p95", "index_gib_per_1000h", "fresh_s", "decode_ratio_1_thread")
    assert all(figures[name] > 0 for name in taken)


@pytest.fixture(scope="module")
def real(painted: Path) -> list[SourceFingerprint]:
    return [part for path in sorted((painted / "sources").iterdir()) for part in fingerprint_source(path)]


def test_filler_is_made_of_whole_hours_that_differ(real: list[SourceFingerprint]) -> None:
    one, other = hours(2, strange(real))
    assert sum(part.duration for part in one) == sum(part.duration for part in other) == 3600
    assert [part.first for part in one] == [4 * PART_SECONDS * number for number in range(6)]
    assert (one[0].hashes.shape != other[0].hashes.shape) or np.any(one[0].hashes != other[0].hashes)


def test_the_same_hour_of_filler_is_the_same_again(real: list[SourceFingerprint]) -> None:
    made_of = strange(real)
    [again] = hours(1, made_of, first=1)
    _, second = hours(2, made_of)
    assert [part.to_bytes() for part in again] == [part.to_bytes() for part in second]


def test_filler_is_as_telling_as_what_it_is_made_of(real: list[SourceFingerprint]) -> None:
    made_of = strange(real)
    filled = [part.telling.mean() for hour in hours(6, made_of) for part in hour]
    assert np.mean(filled) == pytest.approx(np.mean([part.telling.mean() for part in made_of]), abs=0.1)


def test_sources_come_back_in_the_order_they_were_given(painted: Path) -> None:
    paths = sorted((painted / "sources").iterdir(), reverse=True)
    done: list[str] = []
    known = fingerprint_sources(paths, done.append)
    assert [source.name for source in known] == [path.stem for path in paths]
    assert sorted(done) == sorted(path.stem for path in paths)
    assert all(source.seconds == pytest.approx(12, abs=0.5) for source in known)
