"""Ours beside the baselines: what the tables, the plot and the JSON file are made of."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from bench.identification.scoring import COMBINED, Scores, Tally, TrueClip, score
from bench.identification.scoring import Segment as Found

OURS = "ours"


@dataclass
class Comparison:
    """`methods`: scores by name, ours first. `absent`: why one was not measured."""

    methods: dict[str, Scores] = field(default_factory=dict)
    absent: dict[str, str] = field(default_factory=dict)
    negatives: int = 0

    @property
    def groups(self) -> list[str]:
        """Transformations by name, single ones first."""
        every = {group for scores in self.methods.values() for group in scores.by_group}
        return sorted(every, key=lambda group: (group.startswith(COMBINED), group))

    @property
    def sounds(self) -> list[str]:
        return sorted({sound for scores in self.methods.values() for sound in scores.by_sound})

    def to_json(self) -> dict[str, Any]:
        return {
            "negatives": self.negatives,
            "methods": {name: _packed(scores) for name, scores in self.methods.items()},
            "absent": self.absent,
        }

    @classmethod
    def from_json(cls, packed: Mapping[str, Any]) -> "Comparison":
        methods = {name: _unpacked(scores) for name, scores in packed["methods"].items()}
        return cls(methods, dict(packed["absent"]), packed["negatives"])


def compare(
    truth: Sequence[TrueClip], predicted: Mapping[str, Mapping[str, Sequence[Found]]], absent: Mapping[str, str]
) -> Comparison:
    """`predicted`: by method, by clip."""
    scored = {name: score(truth, found) for name, found in predicted.items()}
    return Comparison(scored, dict(absent), sum(not clip.segments for clip in truth))


def _packed(scores: Scores) -> dict[str, Any]:
    """Recalls as [recalled, all]."""
    return {
        "figures": scores.figures,
        "by_transformation": {group: [tally.recalled, tally.all] for group, tally in sorted(scores.by_group.items())},
        "by_sound": {sound: [tally.recalled, tally.all] for sound, tally in sorted(scores.by_sound.items())},
        "missed": [{"clip": clip, **segment.to_json()} for clip, segment in scores.missed],
    }


def _unpacked(packed: Mapping[str, Any]) -> Scores:
    return Scores(
        by_group={group: Tally(*pair) for group, pair in packed["by_transformation"].items()},
        by_sound={sound: Tally(*pair) for sound, pair in packed["by_sound"].items()},
        figures=packed["figures"],
        missed=[(each["clip"], Found.from_json(each)) for each in packed["missed"]],
    )
