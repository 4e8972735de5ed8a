"""What identification costs: time to fingerprint, to identify and to search, and the space that is kept."""

import shutil
import statistics
import subprocess
import time
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass, replace
from multiprocessing import get_context
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from bench.identification.corpus import Corpus
from bench.identification.decoding import decode_ratio, largest
from bench.identification.filler import hours, strange
from bench.identification.footage import look_at
from bench.identification.predicting import KnownSource, Predictions, identify_file, open_library
from bench.report import percentile
from media.ffmpeg import find_ffmpeg
from media.fingerprint import ClipFingerprint, SourceFingerprint, fingerprint_clip
from media.hearing import listen
from media.library import Library

HOST_HOURS = 100
ALL_HOURS = 1000
CLIP_SECONDS = 30.0
CLIPS = 40

Starting = Callable[[str, int], Callable[[str], None]]
"""Told what begins, and of how many steps it is; gives what to tell each step's name."""


@dataclass(frozen=True)
class Measured:
    """A figure, and how it came about."""

    value: float | None
    note: str = ""


@dataclass(frozen=True)
class Subject:
    """What is measured, with a folder for libraries."""

    corpus: Corpus
    known: Sequence[KnownSource]
    predictions: Predictions
    folder: Path
    starting: Starting

    def clips(self) -> list[Path]:
        """Those that last about as long as the figures are told for."""
        lengths = {path: look_at(path).seconds for path in self.corpus.clips}
        return sorted(lengths, key=lambda path: abs(lengths[path] - CLIP_SECONDS))[:CLIPS]

    def filler(self) -> list[SourceFingerprint]:
        """What hours of filler are made of."""
        return strange([part for source in self.known for part in source.fingerprints()])


def versions() -> dict[str, str]:
    """The ffmpeg that decodes."""
    said = subprocess.run([find_ffmpeg(), "-version"], capture_output=True, text=True, check=True).stdout
    return {"ffmpeg": said.split()[2]}


def source_hour_mib(known: Iterable[KnownSource]) -> Measured:
    """All that is kept of an hour of source."""
    kept = [(sum(map(len, source.parts)) / 2**20, source.seconds / 3600) for source in known if source.seconds]
    if not kept:
        return Measured(None, "no source")
    most = max(size / length for size, length in kept)
    return Measured(sum(size for size, _ in kept) / sum(length for _, length in kept), f"most of one: {most:.1f}")


def measure(subject: Subject) -> dict[str, Measured]:
    """Every cost by the name of its figure."""
    found = decoding(subject)
    made_of = subject.filler()
    if made_of and subject.corpus.clips:
        found |= identifying(subject, made_of) | searching(subject, made_of)
    return found


def decoding(subject: Subject) -> dict[str, Measured]:
    found = {}
    for processors in (1, 2):
        done = subject.starting(f"decoding, {processors} threads", len(largest(subject.corpus.sources)))
        found[processors] = decode_ratio(subject.corpus.sources, processors, subject.folder, done)
    note = "2 threads on 2 processors" if found[2] is not None else "1 thread on 1 processor"
    return {
        "decode_ratio": Measured(found[2] if found[2] is not None else found[1], note),
        "decode_ratio_1_thread": Measured(found[1], "1 thread on 1 processor"),
    }


def identifying(subject: Subject, made_of: Sequence[SourceFingerprint]) -> dict[str, Measured]:
    """CPU and wall seconds from the file to the answer, in a library of a host's hours."""
    folder = subject.folder / "host"
    done = subject.starting(f"library of {HOST_HOURS} h", HOST_HOURS)
    library = Library.open(folder)
    for number, source in enumerate(subject.known):
        for part in source.fingerprints():
            library.add(number, part)
    for number, hour in enumerate(hours(HOST_HOURS, made_of), start=len(subject.known)):
        for part in hour:
            library.add(number, part)
        done(str(number))
    library.close()
    names = [source.name for source in subject.known] + ["filler"] * HOST_HOURS
    clips = subject.clips()
    done = subject.starting(f"identifying in {HOST_HOURS} h", 1 + len(clips))
    answers = []
    with ProcessPoolExecutor(1, get_context("spawn"), open_library, (folder,)) as worker:
        for path in [clips[0], *clips]:  # the first one also reads code and opens files
            answers.append(worker.submit(identify_file, path, names).result())
            done(path.name)
    shutil.rmtree(folder)
    answers = answers[1:]
    filled = sum(segment.source == "filler" for answer in answers for segment in answer.segments)
    note = f"{len(clips)} clips, {HOST_HOURS} h of filler, {filled} matches in it"
    return {
        "identify_cpu_s_p95": Measured(_p95([answer.cpu_seconds for answer in answers]), note),
        "identify_cpu_s_median": Measured(statistics.median(answer.cpu_seconds for answer in answers)),
        "identify_wall_s_p95": Measured(_p95([answer.seconds for answer in answers])),
    }


def searching(subject: Subject, made_of: Sequence[SourceFingerprint]) -> dict[str, Measured]:
    """Time and space of an index of all hosts' hours. It keeps no pictures: searching looks at none."""
    folder = subject.folder / "all"
    done = subject.starting(f"index of {ALL_HOURS} h", ALL_HOURS)
    library = Library.open(folder)
    for number, hour in enumerate(hours(ALL_HOURS, made_of)):
        for part in hour:
            library.add(number, _without_pictures(part))
        done(str(number))
    library.compact()
    clips = [fingerprint_clip(path) for path in subject.clips()]
    for clip in clips:
        search_seconds(clip, library)
    times = [search_seconds(clip, library) for clip in clips]
    found = {
        "search_ms_p95": Measured(1000 * _p95(times), f"{len(clips)} clips, files in the page cache"),
        "search_ms_median": Measured(1000 * statistics.median(times)),
        "index_gib_per_1000h": Measured(library.file_bytes() / 2**30 * 1000 / ALL_HOURS, "mapped files"),
        "fresh_s": _fresh(subject, library, next(hours(1, made_of, first=ALL_HOURS))),
    }
    library.close()
    shutil.rmtree(folder)
    return found


def search_seconds(clip: ClipFingerprint, library: Library) -> float:
    """Of looking up a clip's hashes and landmarks, without what is made of the hits."""
    spent = 0.0

    def lookup(keys: NDArray[np.uint32]) -> tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.float32]]:
        nonlocal spent
        began = time.perf_counter()
        hits = library.landmarks(keys)
        spent += time.perf_counter() - began
        return hits

    start = time.perf_counter()
    library.look_alikes(clip)
    pictures = time.perf_counter() - start
    listen(clip.peaks, lookup, most=1)
    return pictures + spent


def _fresh(subject: Subject, library: Library, hour: Sequence[SourceFingerprint]) -> Measured:
    """Seconds from a new hour's fingerprint to a search that finds it: a part of a real source, and filler after it."""
    surest = max(
        (
            (segment.score, answer.clip, segment)
            for answer in subject.predictions.answers
            for segment in answer.segments
        ),
        key=lambda each: each[:2],
        default=None,
    )
    if surest is None:
        return Measured(None, "no clip that is found")
    _, name, segment = surest
    source = next(source for source in subject.known if source.name == segment.source)
    part = next(part for part in source.fingerprints() if part.first / 4 + part.duration > segment.from_source[0])
    clip = fingerprint_clip(next(path for path in subject.corpus.clips if path.name == name))
    number, new = ALL_HOURS, [part, *(each for each in hour[1:] if each.first != part.first)]
    start = time.perf_counter()
    for each in new:
        library.add(number, each)
    found = number in library.look_alikes(clip).source
    took = time.perf_counter() - start
    return Measured(took if found else None, "" if found else "not found")


def _without_pictures(part: SourceFingerprint) -> SourceFingerprint:
    return replace(part, sheets=(b"",) * len(part.sheets))


def _p95(values: Sequence[float]) -> float:
    return percentile(values, 95) if len(values) > 1 else values[0]
