"""The visitor's own recording, in place of the stream that is drawn."""

from pathlib import Path

from clipledger.demo.checks import DemoError
from clipledger.demo.recording import edit
from clipledger.demo.stream import SIZE
from media.errors import MediaError
from media.probe import probe

SHORTEST, LONGEST = 60.0, 300.0
"""Seconds: of a shorter one no clips can be cut, and of a longer one the beginning is taken."""


def take(video: Path, path: Path) -> float:
    """Leave the recording, or its first LONGEST seconds, as the stream; how many seconds that are.

    Raises DemoError where it is no video, or too short.
    """
    try:
        found = probe(video)
    except MediaError as error:
        raise DemoError(f"{video}: {error}") from error
    length = found.duration or 0.0
    if length < SHORTEST:
        raise DemoError(f"{video} has {length:.0f} s; a stream for the demo has at least {SHORTEST:.0f} s")
    seconds = min(length, LONGEST)
    width, height = SIZE
    fitted = f"scale={width}:{height}:force_original_aspect_ratio=decrease,pad={width}:{height}:-1:-1,setsar=1,fps=25"
    heard = "[0:a]aresample=44100,apad[h]" if found.has_sound else "anullsrc=r=44100:cl=mono[h]"
    graph = f"[0:v]{fitted},trim=0:{seconds},format=yuv420p[v];{heard};[h]atrim=0:{seconds}[a]"
    edit(path, [video], graph)
    return seconds
