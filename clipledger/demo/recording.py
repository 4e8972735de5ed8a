"""Video files that the demo makes, with whichever ffmpeg there is."""

import subprocess
import wave
from collections.abc import Iterable, Sequence
from functools import lru_cache
from pathlib import Path

import numpy as np
from PIL import Image

from clipledger.demo import voice
from clipledger.demo.checks import DemoError
from clipledger.demo.voice import Sound
from media.ffmpeg import find_ffmpeg


def record(path: Path, pictures: Iterable[Image.Image], size: tuple[int, int], rate: int, sound: Sound) -> None:
    """An MP4 of the pictures, `rate` a second, with the sound. Raises DemoError where ffmpeg fails."""
    heard = write_sound(path.with_suffix(".wav"), sound)
    raw = ["-f", "rawvideo", "-pix_fmt", "rgb24", "-s", f"{size[0]}x{size[1]}", "-r", str(rate), "-i", "pipe:0"]
    command = [*_ffmpeg(), *raw, "-i", str(heard), *encoding(), str(path)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stderr=subprocess.PIPE) as process:
        assert process.stdin
        assert process.stderr
        try:
            for picture in pictures:
                process.stdin.write(picture.tobytes())
            process.stdin.close()
        except BrokenPipeError:
            pass  # it has ended before its time; what it says of that follows
        said = process.stderr.read()
    heard.unlink()
    if process.returncode:
        raise DemoError(f"ffmpeg could not record {path.name}: {said.decode(errors='replace').strip()}")


def edit(path: Path, inputs: Sequence[Path], graph: str) -> None:
    """An MP4 of what the filter graph makes of the inputs: its outputs [v] and [a]. Raises DemoError where it fails."""
    opened = [argument for name in inputs for argument in ("-i", str(name))]
    command = [*_ffmpeg(), *opened, "-filter_complex", graph, "-map", "[v]", "-map", "[a]", *encoding(), str(path)]
    done = subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True, check=False)
    if done.returncode:
        raise DemoError(f"ffmpeg could not cut {path.name}: {done.stderr.decode(errors='replace').strip()}")


def write_sound(path: Path, sound: Sound) -> Path:
    """A WAV file, at `voice.RATE`."""
    with wave.open(str(path), "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(voice.RATE)
        file.writeframes((np.clip(sound, -1, 1) * 32767).astype("<i2").tobytes())
    return path


def encoding() -> list[str]:
    """H.264 where this ffmpeg has it, else the MPEG-4 that every ffmpeg has."""
    pictures = ["libx264", "-preset", "ultrafast", "-crf", "23"] if _has_x264() else ["mpeg4", "-q:v", "4"]
    return [
        "-c:v",
        *pictures,
        "-g",
        "48",
        "-pix_fmt",
        "yuv420p",
        "-c:a",
        "aac",
        "-b:a",
        "96k",
        "-movflags",
        "+faststart",
    ]


@lru_cache
def _has_x264() -> bool:
    command = [find_ffmpeg(), "-hide_banner", "-encoders"]
    return " libx264 " in subprocess.run(command, capture_output=True, text=True, check=True).stdout


def _ffmpeg() -> list[str]:
    return [find_ffmpeg(), "-y", "-v", "error", "-nostdin"]
