"""Our own identification over a corpus, as the service does it: fingerprint the sources, then ask for each clip."""

import os
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ProcessPoolExecutor, as_completed
from dataclasses import dataclass, field
from multiprocessing import get_context
from pathlib import Path
from typing import TypeVar

from bench.identification.scoring import Segment
from media.errors import MediaError
from media.fingerprint import SourceFingerprint, fingerprint_clip, fingerprint_source
from media.identification import identify
from media.library import Library

WORKERS = min(2, os.cpu_count() or 1)

Result = TypeVar("Result")
Done = Callable[[str], None]
"""Told the name of each file that is done."""


@dataclass(frozen=True)
class KnownSource:
    """A source's parts as they are kept, and what was wrong with the file, if anything."""

    name: str
    parts: tuple[bytes, ...]
    seconds: float
    error: str | None

    def fingerprints(self) -> Iterator[SourceFingerprint]:
        return map(SourceFingerprint.from_bytes, self.parts)


@dataclass(frozen=True)
class Answer:
    """What was found in a clip; the CPU seconds are of decoding, fingerprinting and identifying together."""

    clip: str
    segments: tuple[Segment, ...] = ()
    error: str | None = None
    seconds: float = 0.0
    cpu_seconds: float = 0.0

    def to_json(self) -> dict[str, object]:
        found: dict[str, object] = {"clip": self.clip, "matches": [segment.to_json() for segment in self.segments]}
        return found | {"error": self.error} if self.error else found


@dataclass
class Predictions:
    answers: list[Answer] = field(default_factory=list)

    def by_clip(self) -> dict[str, list[Segment]]:
        return {answer.clip: list(answer.segments) for answer in self.answers}

    def to_json(self) -> list[dict[str, object]]:
        return [answer.to_json() for answer in self.answers]


def fingerprint_sources(paths: Sequence[Path], done: Done) -> list[KnownSource]:
    """All of them, in their order."""
    with ProcessPoolExecutor(WORKERS, get_context("spawn")) as workers:
        return _in_order([workers.submit(_fingerprint, path) for path in paths], lambda known: done(known.name))


def build_library(folder: Path, sources: Sequence[KnownSource]) -> None:
    """Sources are numbered from 0 on, in their order."""
    library = Library.open(folder)
    for number, source in enumerate(sources):
        for part in source.fingerprints():
            library.add(number, part)
    library.close()


def identify_all(paths: Sequence[Path], folder: Path, names: Sequence[str], done: Done) -> Predictions:
    """The answers for all clips; `names`: of the sources, by their number in the library."""
    with ProcessPoolExecutor(WORKERS, get_context("spawn"), open_library, (folder,)) as workers:
        futures = [workers.submit(identify_file, path, tuple(names)) for path in paths]
        return Predictions(_in_order(futures, lambda answer: done(answer.clip)))


def identify_file(path: Path, names: Sequence[str]) -> Answer:
    """Needs `open_library` to have been called in the process."""
    before, start = cpu_seconds(), os.times().elapsed
    segments: tuple[Segment, ...] = ()
    error = None
    try:
        matches = identify(fingerprint_clip(path), _LIBRARY[0])
        segments = tuple(
            Segment(
                names[match.source],
                (match.clip_t0, match.clip_t1),
                (match.source_t0, match.source_t1),
                float(match.score),
            )
            for match in matches
        )
    except MediaError as refusal:
        error = f"{refusal.code}: {refusal}"
    return Answer(path.name, segments, error, os.times().elapsed - start, cpu_seconds() - before)


def cpu_seconds() -> float:
    """Of this process and of those it started and waited for."""
    times = os.times()
    return times.user + times.system + times.children_user + times.children_system


_LIBRARY: list[Library] = []  # of this process


def open_library(folder: Path) -> None:
    """For this process to answer from."""
    _LIBRARY[:] = [Library.open(folder)]


def _fingerprint(path: Path) -> KnownSource:
    """Parts that were good before something was wrong with the file are kept."""
    parts: list[bytes] = []
    seconds = 0.0
    error = None
    try:
        for part in fingerprint_source(path):
            parts.append(part.to_bytes())
            seconds += part.duration
    except MediaError as refusal:
        error = f"{refusal.code}: {refusal}"
    return KnownSource(path.stem, tuple(parts), seconds, error)


def _in_order(futures: Sequence[Future[Result]], done: Callable[[Result], None]) -> list[Result]:
    try:
        for future in as_completed(futures):
            done(future.result())
    except BaseException:
        for future in futures:
            future.cancel()
        raise
    return [future.result() for future in futures]
