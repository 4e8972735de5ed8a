"""The baselines over a corpus, measured once and remembered, because they are slow."""

import json
from collections.abc import Callable
from pathlib import Path

from bench.identification.baselines import Baseline, Found, NotInstalled, chromaprint, phash, vpdq
from bench.identification.corpus import Corpus
from bench.identification.scoring import Segment

BASELINES: dict[str, Baseline] = {
    f"{phash.PLAIN}|{phash.EXTENDED}": phash.measure,
    vpdq.NAME: vpdq.measure,
    chromaprint.NAME: chromaprint.measure,
}
"""Measurements by the names of the methods they measure."""


def measure_baselines(
    corpus: Corpus, cache: Path, starting: Callable[[str, int], Callable[[str], None]]
) -> tuple[dict[str, Found], dict[str, str]]:
    """Predictions by method, and why a method has none. `starting`: told what begins, and how many files it is."""
    found: dict[str, Found] = {}
    absent: dict[str, str] = {}
    for names, measure in BASELINES.items():
        remembered = cache / f"{measure.__module__.rpartition('.')[2]}-{corpus.key}.json"
        if not remembered.exists():
            progress = starting(names, len(corpus.sources) + len(corpus.clips))
            try:
                _remember(remembered, measure(corpus.sources, corpus.clips, progress))
            except NotInstalled:
                absent |= dict.fromkeys(names.split("|"), "not installed")
                continue
        found |= _recall(remembered)
    return found, absent


def _remember(path: Path, found: dict[str, Found]) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    packed = {
        name: {clip: [segment.to_json() for segment in segments] for clip, segments in clips.items()}
        for name, clips in found.items()
    }
    path.write_text(json.dumps(packed) + "\n")


def _recall(path: Path) -> dict[str, Found]:
    return {
        name: {clip: [Segment.from_json(segment) for segment in segments] for clip, segments in clips.items()}
        for name, clips in json.loads(path.read_text()).items()
    }
