"""How well predicted segments agree with the truth.

A true segment is recalled when a predicted one has the right source and covers the same time: intersection over union
of at least `NEEDED_IOU` on the clip's axis and on the source's. Predictions are matched one to one, the surest first.
The segment F1 follows He et al., "A Large-scale Comprehensive Dataset and Copy-overlap Aware Evaluation Protocol for
Segment-level Video Copy Detection" (CVPR 2022): for each clip and source, the covered share of both axes, multiplied.
"""

import itertools
import json
import statistics
from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

NEEDED_IOU = 0.5
COMBINED = "c_"  # how the names of groups of combined edits begin

Interval = tuple[float, float]


@dataclass(frozen=True)
class Segment:
    """Seconds of a clip that show seconds of a source; the truth has no score."""

    source: str
    clip: Interval
    from_source: Interval
    score: float = 1.0

    @classmethod
    def from_json(cls, match: Mapping[str, object]) -> "Segment":
        times = {name: float(str(match[name])) for name in ("clip_t0", "clip_t1", "source_t0", "source_t1")}
        clip, source = (times["clip_t0"], times["clip_t1"]), (times["source_t0"], times["source_t1"])
        return cls(str(match["source"]), clip, source, float(str(match.get("score", 1.0))))

    def to_json(self) -> dict[str, object]:
        times = {"clip_t0": self.clip[0], "clip_t1": self.clip[1]}
        times |= {"source_t0": self.from_source[0], "source_t1": self.from_source[1]}
        return {"source": self.source, **{name: round(time, 3) for name, time in times.items()}, "score": self.score}


@dataclass(frozen=True)
class TrueClip:
    """What a clip shows; no segment at all makes it a negative. `group`: how it was edited."""

    name: str
    group: str
    sound: str
    segments: tuple[Segment, ...]

    @property
    def combined(self) -> bool:
        return self.group.startswith(COMBINED)


@dataclass
class Tally:
    """How many of the true segments were recalled."""

    recalled: int = 0
    all: int = 0

    def count(self, *, recalled: bool) -> None:
        self.recalled += recalled
        self.all += 1

    @property
    def recall(self) -> float | None:
        return self.recalled / self.all if self.all else None


@dataclass
class Scores:
    """What a set of predictions is worth. A figure is None where nothing in the truth allows it to be taken."""

    by_group: dict[str, Tally] = field(default_factory=lambda: defaultdict(Tally))
    by_sound: dict[str, Tally] = field(default_factory=lambda: defaultdict(Tally))
    figures: dict[str, float | None] = field(default_factory=dict)
    missed: list[tuple[str, Segment]] = field(default_factory=list)


def read_truth(path: Path) -> list[TrueClip]:
    """The clips of a truth.json."""
    clips = json.loads(path.read_text())["clips"]
    return [
        TrueClip(clip["clip"], clip["group"], clip["audio"], tuple(map(Segment.from_json, clip["matches"])))
        for clip in clips
    ]


def score(truth: Sequence[TrueClip], predicted: Mapping[str, Sequence[Segment]]) -> Scores:
    """A clip that is not in `predicted` counts as one in which nothing was found."""
    scores = Scores()
    pairs, errors = [], []
    for clip in truth:
        matched = match(predicted.get(clip.name, ()), clip.segments)
        pairs += [(found.score, true is not None) for found, true in matched]
        recalled = {id(true): found for found, true in matched if true}
        for true in clip.segments:
            found = recalled.get(id(true))
            scores.by_group[clip.group].count(recalled=found is not None)
            scores.by_sound[clip.sound].count(recalled=found is not None)
            if found:
                errors += [abs(a - b) for a, b in zip(found.from_source, true.from_source, strict=True)]
            else:
                scores.missed.append((clip.name, true))
    precise = [true for _, true in pairs]
    scores.figures = {
        **_recalls(truth, scores.by_group),
        "recall_at_p99": recall_at_precision(pairs, sum(len(clip.segments) for clip in truth), 0.99),
        "precision": sum(precise) / len(precise) if precise else None,
        "fpr": _mean([bool(predicted.get(clip.name)) for clip in truth if not clip.segments]),
        "segment_f1": segment_f1(truth, predicted),
        "boundary_s_median": statistics.median(errors) if errors else None,
    }
    return scores


def match(predicted: Iterable[Segment], truth: Sequence[Segment]) -> list[tuple[Segment, Segment | None]]:
    """Each prediction with the true segment it finds, or None; a true segment is found once."""
    left, matched = list(truth), []
    for found in sorted(predicted, key=lambda each: -each.score):
        fitting = [true for true in left if true.source == found.source and iou(found, true) >= NEEDED_IOU]
        best = max(fitting, key=lambda true: iou(found, true), default=None)
        if best:
            left.remove(best)
        matched.append((found, best))
    return matched


def iou(a: Segment, b: Segment) -> float:
    """Intersection over union, of the axis on which it is smaller."""
    return min(_iou(a.clip, b.clip), _iou(a.from_source, b.from_source))


def recall_at_precision(pairs: Iterable[tuple[float, bool]], segments: int, precision: float) -> float | None:
    """The highest recall at any threshold on the score at which so many of the predictions are right."""
    if not segments:
        return None
    best, right, seen = 0.0, 0, 0
    ordered = sorted(pairs, key=lambda pair: -pair[0])
    for _, equal in itertools.groupby(ordered, key=lambda pair: pair[0]):
        judged = [true for _, true in equal]
        right, seen = right + sum(judged), seen + len(judged)
        if right / seen >= precision:
            best = right / segments
    return best


def segment_f1(truth: Sequence[TrueClip], predicted: Mapping[str, Sequence[Segment]]) -> float | None:
    """Precision is averaged over clips and sources predicted, recall over those in the truth."""
    precisions, recalls = [], []
    for clip in truth:
        found = predicted.get(clip.name, ())
        for source in {each.source for each in (*found, *clip.segments)}:
            ours = [each for each in found if each.source == source]
            true = [each for each in clip.segments if each.source == source]
            if ours:
                precisions.append(covered(ours, true))
            if true:
                recalls.append(covered(true, ours))
    if not recalls:
        return None
    precision, recall = _mean(precisions) or 0.0, _mean(recalls) or 0.0
    return 2 * precision * recall / (precision + recall) if precision + recall else 0.0


def covered(these: Sequence[Segment], by: Sequence[Segment]) -> float:
    """The share of these segments' time in the clip that the others cover, times that of their time in the source."""
    share = 1.0
    axes: tuple[Callable[[Segment], Interval], ...] = (lambda each: each.clip, lambda each: each.from_source)
    for axis in axes:
        total = sum(_length(axis(each)) for each in these)
        shared = sum(
            _union([_intersection(axis(each), axis(other)) for other in by if _meet(each, other)]) for each in these
        )
        share *= shared / total if total > 0 else 0.0
    return share


def _recalls(truth: Sequence[TrueClip], by_group: Mapping[str, Tally]) -> dict[str, float | None]:
    combined = {clip.group for clip in truth if clip.combined}
    singles = [tally for group, tally in by_group.items() if group not in combined]
    return {
        "recall_singles": _together(singles),
        "recall_combos": _together(tally for group, tally in by_group.items() if group in combined),
        "recall_worst_single": min((tally.recall for tally in singles if tally.recall is not None), default=None),
    }


def _together(tallies: Iterable[Tally]) -> float | None:
    tallies = list(tallies)
    return Tally(sum(tally.recalled for tally in tallies), sum(tally.all for tally in tallies)).recall


def _intersection(a: Interval, b: Interval) -> Interval:
    return max(a[0], b[0]), min(a[1], b[1])


def _length(interval: Interval) -> float:
    return max(0.0, interval[1] - interval[0])


def _meet(a: Segment, b: Segment) -> bool:
    return min(_length(_intersection(a.clip, b.clip)), _length(_intersection(a.from_source, b.from_source))) > 0


def _iou(a: Interval, b: Interval) -> float:
    shared = _length(_intersection(a, b))
    together = _length(a) + _length(b) - shared
    return shared / together if together > 0 else 0.0


def _union(intervals: Iterable[Interval]) -> float:
    """Seconds in any of the intervals."""
    total, end = 0.0, float("-inf")
    for start, stop in sorted(intervals):
        total += max(0.0, stop - max(start, end))
        end = max(end, stop)
    return total


def _mean(values: Sequence[float]) -> float | None:
    return sum(values) / len(values) if values else None
