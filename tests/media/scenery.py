"""Drawn scenes and composed sound in which no second is like another, so that a test knows what is where.

A scene can be looked at anywhere and at any time: cropping, zooming and speeding up need no resampling.
"""

import wave
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from media.landmarks import SOUND_RATE
from media.thumbnails import COLUMNS, ROWS, Thumbnails
from media.views import WHOLE, Rect
from tests.media.footage import run_ffmpeg

FILM = (180, 320)  # rows and columns of a rendered film
FILM_RATE = 15
_WORLD = (360, 640)


class Scene:
    """Things that wander before a textured wall; every three to six seconds the camera looks at another wall."""

    def __init__(self, seed: int, *, seconds: float = 60) -> None:
        random = np.random.default_rng(seed)
        self._cuts = np.cumsum(random.uniform(3, 6, int(seconds / 3) + 1))
        self._walls = [_wall(random) for _ in range(min(8, len(self._cuts) + 1))]
        steps = random.normal(0, 0.09, (14, 2, int(8 * seconds) + 9))
        self._paths = 0.5 + 0.45 * np.sin(np.cumsum(steps, axis=2) + random.uniform(0, 7, (14, 2, 1)))
        self._sizes = random.uniform(0.03, 0.1, 14)
        self._inks = random.uniform(50, 110, 14) * random.choice([-1, 1], 14)

    def pictures(
        self, times: NDArray[np.float64], rect: Rect = WHOLE, shape: tuple[int, int] = (ROWS, COLUMNS)
    ) -> Thumbnails:
        """What a rectangle of the scene looks like at these seconds."""
        x = rect[0] + (np.arange(shape[1]) + 0.5) / shape[1] * (rect[2] - rect[0])
        y = rect[1] + (np.arange(shape[0]) + 0.5) / shape[0] * (rect[3] - rect[1])
        return np.stack([self._picture(float(time), x, y) for time in times])

    def _picture(self, time: float, x: NDArray[np.float64], y: NDArray[np.float64]) -> NDArray[np.uint8]:
        wall = self._walls[int(np.searchsorted(self._cuts, time)) % len(self._walls)]
        rows, columns = (y * _WORLD[0]).astype(int) % _WORLD[0], (x * _WORLD[1]).astype(int) % _WORLD[1]
        grey = wall[rows[:, None], columns]
        before, share = int(time * 8), time * 8 % 1
        places = self._paths[..., before] * (1 - share) + self._paths[..., before + 1] * share
        for (at_x, at_y), size, ink in zip(places, self._sizes, self._inks, strict=True):
            down, across = np.exp(-np.square((y - at_y) / size)), np.exp(-np.square((x - at_x) / size * 16 / 9))
            grey = grey + ink * np.outer(down, across)
        return np.asarray(grey.clip(0, 255), np.uint8)


def _wall(random: np.random.Generator) -> NDArray[np.float32]:
    wall = np.zeros(_WORLD, np.float32)
    for rows, columns, strength in ((5, 9, 1.0), (12, 21, 0.6), (30, 53, 0.25)):
        coarse = Image.fromarray(random.normal(0, strength, (rows, columns)).astype(np.float32))
        wall += np.asarray(coarse.resize(_WORLD[::-1], Image.Resampling.BICUBIC))
    return np.asarray(wall / wall.std() * 38 + random.uniform(100, 150), np.float32)


@dataclass(frozen=True)
class Tune:
    """Notes, each with its onset, its length (seconds) and its pitch (Hz)."""

    notes: tuple[tuple[float, float, float], ...]

    @classmethod
    def composed(cls, seed: int, seconds: float) -> "Tune":
        random = np.random.default_rng(seed)
        count = int(9 * seconds)
        onsets = np.sort(random.uniform(0, seconds, count)).tolist()
        lengths, pitches = random.uniform(0.08, 0.4, count).tolist(), np.exp(random.uniform(4.8, 7.9, count)).tolist()
        return cls(tuple(zip(onsets, lengths, pitches, strict=True)))

    def between(self, start: float, end: float, *, speed: float = 1.0) -> "Tune":
        """The notes of a stretch, played faster at the same pitch."""
        heard = [note for note in self.notes if start - 0.5 < note[0] < end]
        return Tune(tuple(((onset - start) / speed, length / speed, pitch) for onset, length, pitch in heard))

    def sound(self, seconds: float) -> NDArray[np.int16]:
        """Played for so long, mono at SOUND_RATE."""
        played = np.zeros(round(seconds * SOUND_RATE))
        for onset, length, pitch in self.notes:
            first, last = round(onset * SOUND_RATE), round((onset + length) * SOUND_RATE)
            time = np.arange(max(0, first), max(0, min(last, len(played)))) / SOUND_RATE
            fading = np.exp(-4 * (time - onset) / length) * np.minimum(1, (time - onset) / 0.005)
            harmonics = sum(np.sin(2 * np.pi * pitch * k * (time - onset)) / k for k in (1, 2, 3))
            played[max(0, first) : max(0, first) + len(time)] += fading * harmonics
        return (played * 5000).clip(-32768, 32767).astype(np.int16)


def render(path: Path, scene: Scene, tune: Tune | None, seconds: float) -> Path:
    """A film of a scene, with sound unless there is to be none."""
    shown = scene.pictures(np.arange(int(seconds * FILM_RATE)) / FILM_RATE, shape=FILM)
    shown.tofile(raw := path.with_suffix(".raw"))
    size = f"{FILM[1]}x{FILM[0]}"
    inputs = ["-f", "rawvideo", "-pix_fmt", "gray", "-s", size, "-r", str(FILM_RATE), "-i", str(raw)]
    if tune is not None:
        inputs += ["-i", str(write_sound(path.with_suffix(".wav"), tune.sound(seconds)))]
    encode(inputs, path)
    raw.unlink()
    return path


def encode(arguments: Sequence[str], path: Path) -> Path:
    """As clippers' editors write videos."""
    run_ffmpeg(*arguments, "-c:v", "libx264", "-preset", "ultrafast", "-pix_fmt", "yuv420p", "-c:a", "aac", str(path))
    return path


def write_sound(path: Path, sound: NDArray[np.int16]) -> Path:
    with wave.open(str(path), "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(SOUND_RATE)
        file.writeframes(sound.astype("<i2").tobytes())
    return path
