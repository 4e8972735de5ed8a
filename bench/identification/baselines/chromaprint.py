"""Chromaprint, by the muxer that many builds of ffmpeg have, with offset voting: what sound alone can do."""

import subprocess
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from bench.identification.baselines import Found, NotInstalled, Progress
from bench.identification.baselines.voting import Hashes, vote
from media.ffmpeg import find_ffmpeg

NAME = "Chromaprint (sound alone)"
STEP = 1365 / 11_025  # seconds between two of its numbers
RADIUS = 3
LEAST_VOTES = 8


def measure(sources: Sequence[Path], clips: Sequence[Path], progress: Progress) -> dict[str, Found]:
    muxers = subprocess.run([find_ffmpeg(), "-hide_banner", "-muxers"], capture_output=True, text=True, check=False)
    if " chromaprint " not in muxers.stdout:
        raise NotInstalled("this ffmpeg has no chromaprint muxer")
    known = []
    for path in sources:
        known.append(_hashes(path))
        progress(path.name)
    found: Found = {}
    for path in clips:
        found[path.name] = vote(_hashes(path), known, RADIUS, LEAST_VOTES, bin_seconds=0.25)
        progress(path.name)
    return {NAME: found}


def _hashes(path: Path) -> Hashes:
    """None of a file without sound. A number that comes again and again (silence) may not vote."""
    command = [find_ffmpeg(), "-v", "error", "-nostdin", "-i", str(path), "-map", "0:a:0", "-f", "chromaprint"]
    data = subprocess.run([*command, "-fp_format", "raw", "-"], capture_output=True, check=False).stdout
    words = np.frombuffer(data[: len(data) // 4 * 4], np.uint32).astype(np.uint64)
    _, which, counts = np.unique(words, return_inverse=True, return_counts=True)
    return Hashes(path.stem, STEP, words.reshape(-1, 1), counts[which] < max(10, len(words) // 100))
