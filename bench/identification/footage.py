"""Footage on disk: which files a folder holds, how long and how large they are, whether they have sound."""

import re
import subprocess
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from media.ffmpeg import find_ffmpeg
from media.probe import probe

SUFFIXES = frozenset({".avi", ".flv", ".m4v", ".mkv", ".mov", ".mp4", ".mpeg", ".mpg", ".ogv", ".ts", ".webm"})


@dataclass(frozen=True)
class Footage:
    """One video file; width and height as shown, in square pixels, both even."""

    path: Path
    seconds: float
    width: int
    height: int
    sound: bool

    @property
    def name(self) -> str:
        return self.path.stem


def videos(folders: Iterable[Path]) -> list[Path]:
    """The video files of the folders, by name. Two with the same stem would be one source: ValueError."""
    paths = [path for folder in folders for path in sorted(folder.iterdir()) if path.suffix.lower() in SUFFIXES]
    stems = [path.stem for path in paths]
    twice = sorted({stem for stem in stems if stems.count(stem) > 1})
    if twice:
        raise ValueError(f"the same name twice: {', '.join(twice)}")
    return paths


def find_footage(folders: Iterable[Path]) -> list[Footage]:
    return [look_at(path) for path in videos(folders)]


def look_at(path: Path) -> Footage:
    """What a file is; one whose container doesn't say how long it is, is decoded to find out. Raises MediaError."""
    seen = probe(path)
    seconds = seen.duration if seen.duration is not None else _decoded_seconds(path)
    return Footage(path, seconds, seen.width // 2 * 2, seen.height // 2 * 2, seen.has_sound)


def _decoded_seconds(path: Path) -> float:
    command = [find_ffmpeg(), "-nostdin", "-i", str(path), "-map", "0:v:0", "-f", "null", "-"]
    said = subprocess.run(command, capture_output=True, check=False).stderr.decode(errors="replace")
    hours, minutes, seconds = re.findall(r"time=(\d+):(\d+):([\d.]+)", said)[-1]
    return int(hours) * 3600 + int(minutes) * 60 + float(seconds)
