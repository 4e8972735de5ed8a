"""The bench's figures, on predictions whose worth can be checked by hand."""

import json
from pathlib import Path

import pytest

from bench.identification.scoring import (
    Segment,
    TrueClip,
    covered,
    iou,
    match,
    read_truth,
    recall_at_precision,
    score,
    segment_f1,
)


def seconds(start: float, end: float, *, at: float = 0.0, source: str = "stream", sure: float = 1.0) -> Segment:
    """These seconds of a source, shown from `at` on in the clip."""
    return Segment(source, (at, at + end - start), (start, end), sure)


def clip(name: str, *segments: Segment, group: str = "zoom", sound: str = "orig") -> TrueClip:
    return TrueClip(name, group, sound, segments)


def test_iou_is_that_of_the_axis_on_which_two_segments_agree_less() -> None:
    true = Segment("stream", (0, 10), (100, 110))
    found = Segment("stream", (0, 10), (105, 115))
    assert iou(found, true) == pytest.approx(5 / 15)


def test_segments_apart_have_no_iou() -> None:
    assert iou(seconds(0, 10), seconds(20, 30)) == 0


def test_a_true_segment_is_found_once_by_the_surest_prediction() -> None:
    true = seconds(100, 110)
    sure, unsure = seconds(101, 110, sure=0.9), seconds(100, 110, sure=0.5)
    assert match([unsure, sure], [true]) == [(sure, true), (unsure, None)]


def test_the_right_seconds_of_the_wrong_source_are_wrong() -> None:
    found = seconds(100, 110, source="other")
    assert match([found], [seconds(100, 110)]) == [(found, None)]


def test_a_prediction_that_covers_less_than_half_does_not_recall() -> None:
    scores = score([clip("a.mp4", seconds(100, 120))], {"a.mp4": [seconds(100, 109)]})
    assert scores.figures["recall_singles"] == 0
    assert [name for name, _ in scores.missed] == ["a.mp4"]


def test_recall_is_told_for_single_and_combined_edits_and_for_the_worst_single_one() -> None:
    truth = [
        clip("a.mp4", seconds(0, 10), group="zoom"),
        clip("b.mp4", seconds(0, 10), group="zoom"),
        clip("c.mp4", seconds(0, 10), group="mirror"),
        clip("d.mp4", seconds(0, 10), group="c_both"),
    ]
    scores = score(truth, {"a.mp4": [seconds(0, 10)], "c.mp4": [seconds(0, 10)], "d.mp4": [seconds(50, 60)]})
    assert scores.figures["recall_singles"] == pytest.approx(2 / 3)
    assert scores.figures["recall_combos"] == 0
    assert scores.figures["recall_worst_single"] == 0.5
    assert {group: tally.recall for group, tally in scores.by_group.items()} == {"zoom": 0.5, "mirror": 1, "c_both": 0}


def test_a_negative_with_any_match_counts_once() -> None:
    truth = [clip("a.mp4"), clip("b.mp4"), clip("c.mp4", seconds(0, 10))]
    scores = score(truth, {"a.mp4": [seconds(0, 10), seconds(20, 30)], "c.mp4": [seconds(0, 10)]})
    assert scores.figures["fpr"] == 0.5


def test_recall_at_a_precision_is_the_best_over_all_thresholds() -> None:
    judged = [(0.9, True), (0.8, True), (0.7, False), (0.6, True), (0.5, False)]
    assert recall_at_precision(judged, segments=4, precision=1.0) == 0.5
    assert recall_at_precision(judged, segments=4, precision=0.75) == 0.75


def test_predictions_of_one_score_stand_or_fall_together() -> None:
    assert recall_at_precision([(0.9, True), (0.9, False)], segments=1, precision=0.9) == 0


def test_the_boundary_error_is_the_median_over_both_ends_of_what_was_found() -> None:
    truth = [clip("a.mp4", seconds(100, 110)), clip("b.mp4", seconds(200, 210))]
    found = {"a.mp4": [seconds(100.1, 110.2)], "b.mp4": [seconds(200.4, 210.8)]}
    assert score(truth, found).figures["boundary_s_median"] == pytest.approx(0.3)


def test_coverage_is_the_product_of_both_axes() -> None:
    """Eight of the clip's ten seconds, and eight of the source's ten: 0.64 (VCSL, section 4)."""
    assert covered([seconds(100, 110)], by=[seconds(100, 108)]) == pytest.approx(0.64)


def test_what_two_predictions_cover_together_is_counted_once() -> None:
    assert covered([seconds(100, 110)], by=[seconds(100, 108), seconds(102, 110, at=2)]) == pytest.approx(1)


def test_segment_f1_is_the_harmonic_mean_of_precision_and_recall() -> None:
    truth = [clip("a.mp4", seconds(100, 110))]
    found = {"a.mp4": [seconds(100, 108)]}  # all of it right, 0.64 of the truth covered
    assert segment_f1(truth, found) == pytest.approx(2 * 1 * 0.64 / 1.64)


def test_a_source_that_is_not_in_the_clip_lowers_the_segment_precision() -> None:
    truth = [clip("a.mp4", seconds(100, 110))]
    found = {"a.mp4": [seconds(100, 110), seconds(0, 10, source="other")]}
    assert segment_f1(truth, found) == pytest.approx(2 * 0.5 * 1 / 1.5)


def test_figures_that_the_truth_does_not_allow_are_none() -> None:
    assert score([clip("a.mp4", seconds(0, 10))], {}).figures == {
        "recall_singles": 0,
        "recall_combos": None,
        "recall_worst_single": 0,
        "recall_at_p99": 0,
        "precision": None,
        "fpr": None,
        "segment_f1": 0,
        "boundary_s_median": None,
    }


def test_truth_is_read_as_the_generator_writes_it(tmp_path: Path) -> None:
    match_ = {"source": "s", "clip_t0": 0, "clip_t1": 5.5, "source_t0": 20, "source_t1": 26.5, "speed": 1.18}
    entry = {"clip": "a.mp4", "kind": "pos", "group": "zoom", "audio": "orig", "matches": [match_]}
    (tmp_path / "truth.json").write_text(json.dumps({"seed": 1, "clips": [entry]}))
    assert read_truth(tmp_path / "truth.json") == [clip("a.mp4", Segment("s", (0, 5.5), (20, 26.5)))]
