"""What fingerprinting a source costs beside what decoding it costs anyway."""

import os
import statistics
import subprocess
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context
from pathlib import Path

from media.ffmpeg import find_ffmpeg
from media.fingerprint import fingerprint_source

FILES = 5
LONGEST = 600  # seconds of one file


def decode_ratio(paths: Sequence[Path], processors: int, folder: Path, done: Callable[[str], None]) -> float | None:
    """Wall time of `ffmpeg -f null` over that of fingerprinting, both on so many processors: the median over files.

    The largest files are taken, ten minutes of each; one after the other is decoded and fingerprinted, twice each, and
    the faster of the two counts. None where there are fewer processors than asked for, or nothing to decode.
    """
    have = sorted(os.sched_getaffinity(0))
    if len(have) < processors or not paths:
        return None
    os.sched_setaffinity(0, have[:processors])
    try:
        # Started anew, so that every thread it has is on these processors only.
        with ProcessPoolExecutor(1, mp_context=get_context("spawn")) as worker:
            ratios = [_ratio(worker, _shortened(path, folder), processors) for path in _told(largest(paths), done)]
    finally:
        os.sched_setaffinity(0, have)
    return statistics.median(ratios)


def largest(paths: Sequence[Path]) -> list[Path]:
    """The files that a figure is the median of."""
    return sorted(paths, key=lambda path: path.stat().st_size)[-FILES:]


def _ratio(worker: ProcessPoolExecutor, path: Path, threads: int) -> float:
    pairs = [(_decoding(path, threads), worker.submit(_fingerprinting, path).result()) for _ in range(2)]
    bare, ours = (min(times) for times in zip(*pairs, strict=True))
    return float(bare / ours)


def _told(paths: Sequence[Path], done: Callable[[str], None]) -> Iterator[Path]:
    for path in paths:
        yield path
        done(path.name)


def _shortened(path: Path, folder: Path) -> Path:
    """Its first ten minutes, as they are; the file itself where it can't be cut without decoding."""
    cut = folder / f"first-{path.name}"
    command = [find_ffmpeg(), "-y", "-v", "error", "-nostdin", "-i", str(path), "-t", str(LONGEST), "-map", "0:v:0"]
    command += ["-map", "0:a:0?", "-c", "copy", str(cut)]
    done = subprocess.run(command, capture_output=True, check=False)
    return path if done.returncode else cut


def _decoding(path: Path, threads: int) -> float:
    command = [find_ffmpeg(), "-nostdin", "-v", "error", "-threads", str(threads), "-i", str(path)]
    start = time.perf_counter()
    subprocess.run([*command, "-map", "0:v:0", "-f", "null", "-"], capture_output=True, check=True)
    return time.perf_counter() - start


def _fingerprinting(path: Path) -> float:
    start = time.perf_counter()
    for _ in fingerprint_source(path):
        pass
    return time.perf_counter() - start
