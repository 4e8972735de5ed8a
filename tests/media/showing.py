"""Small films with pictures that can be recognised, rendered by ffmpeg for the tests of the service."""

import subprocess
from pathlib import Path

from media.ffmpeg import find_ffmpeg


def film(path: Path, *, seconds: float, seed: int) -> Path:
    """A film unlike those of other seeds: moving shapes and a wandering tone."""
    picture = f"mandelbrot=size=320x180:rate=12:start_scale={0.3 + 0.4 * seed}:end_scale={0.02 * seed}"
    sound = f"aevalsrc='0.4*sin({200 + 97 * seed}*t*(1+0.3*sin({1 + 0.37 * seed}*t)))':s=16000"
    command = [find_ffmpeg(), "-v", "error", "-y", "-f", "lavfi", "-i", picture, "-f", "lavfi", "-i", sound]
    encoded = ["-t", str(seconds), "-c:v", "mpeg4", "-q:v", "4", "-c:a", "aac", "-shortest", str(path)]
    subprocess.run([*command, *encoded], check=True, stdin=subprocess.DEVNULL)
    return path


def cut(path: Path, source: Path, *, start: float, seconds: float, filters: str = "null") -> Path:
    """Seconds of a film, edited."""
    command = [find_ffmpeg(), "-v", "error", "-y", "-ss", str(start), "-t", str(seconds), "-i", str(source)]
    encoded = ["-vf", filters, "-c:v", "mpeg4", "-q:v", "4", "-c:a", "aac", str(path)]
    subprocess.run([*command, *encoded], check=True, stdin=subprocess.DEVNULL)
    return path
