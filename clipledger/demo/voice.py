"""What a stream sounds like: a voice that talks in syllables of nobody's language, and music."""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

RATE = 16_000
"""Samples a second."""

Sound = NDArray[np.float32]

_FRAMES = 100  # a second: how often pitch and vowel are laid down; between them they glide
_HARMONICS = 18
_VOWELS = np.array([(800, 1200), (500, 1800), (320, 2300), (480, 900), (350, 700), (620, 1500)])  # formants in Hz
_SCALE = np.array([0, 2, 4, 7, 9, 12, 14, 16])  # semitones: pentatonic, so that no two notes quarrel


@dataclass(frozen=True)
class _Syllable:
    start: float
    end: float
    pitch: float
    vowel: int


def speech(seconds: float, pitch: float, seed: int) -> Sound:
    """Somebody talking, with pauses for breath; `pitch` in Hz."""
    frames, random = int(seconds * _FRAMES), np.random.default_rng(seed)
    loudness, tone, vowels = np.zeros(frames), np.full(frames, pitch), np.zeros((frames, 2)) + _VOWELS[0]
    for syllable in _syllables(seconds, pitch, random):
        first, last = int(syllable.start * _FRAMES), int(syllable.end * _FRAMES)
        loudness[first:last] = np.hanning(last - first + 2)[1 : last - first + 1] ** 0.5
        tone[first:] = syllable.pitch
        vowels[first:] = _VOWELS[syllable.vowel]
    voiced = _voiced(_glide(tone), np.stack([_glide(formant) for formant in vowels.T]), loudness)
    breath = random.normal(0, 0.012, len(voiced)) * np.repeat(loudness, RATE // _FRAMES)
    return (voiced + breath).astype(np.float32)


def music(seconds: float, seed: int, beat: float = 0.42) -> Sound:
    """Plucked notes, one a beat, over a bass note every fourth."""
    random = np.random.default_rng(seed)
    played = np.zeros(int((seconds + 2) * RATE), np.float32)
    for n, start in enumerate(np.arange(0, seconds, beat)):
        at = int(start * RATE)
        _pluck(played, at, 330 * 2 ** (random.choice(_SCALE) / 12), 0.16)
        if n % 4 == 0:
            _pluck(played, at, 82.5 * 2 ** (random.choice(_SCALE[:4]) / 12), 0.3)
    return played[: int(seconds * RATE)]


def loudness(sound: Sound, per_second: int) -> NDArray[np.float64]:
    """How loud it is, 0 to 1, `per_second` times a second: what opens a drawn mouth."""
    window = RATE // per_second
    whole = sound[: len(sound) // window * window].reshape(-1, window)
    power = np.sqrt((whole**2).mean(axis=1))
    opened: NDArray[np.float64] = np.minimum(1.0, power / (np.quantile(power, 0.9) + 1e-9))
    return opened


def _syllables(seconds: float, pitch: float, random: np.random.Generator) -> Iterator[_Syllable]:
    """Phrases whose pitch falls towards their end."""
    at = 0.2
    while at < seconds - 0.5:
        length = int(random.integers(5, 14))
        for n in range(length):
            end = min(at + random.uniform(0.11, 0.27), seconds)
            rise = 1.25 - 0.4 * n / length + random.uniform(-0.12, 0.12)
            yield _Syllable(at, end, pitch * rise, int(random.integers(len(_VOWELS))))
            at = end + random.uniform(0.0, 0.05)
        at += random.uniform(0.25, 0.9)


def _voiced(tone: NDArray[np.float64], formants: NDArray[np.float64], loudness: NDArray[np.float64]) -> Sound:
    """Harmonics of the tone, each as strong as the formants let it through. All arguments: one value a frame."""
    phase = np.cumsum(_per_sample(tone), dtype=np.float64) / RATE
    phase -= np.floor(phase)
    voiced = np.zeros(len(phase), np.float32)
    for harmonic in range(1, _HARMONICS + 1):
        away = (harmonic * tone - formants) / np.array([[90.0], [130.0]])
        strength = loudness * (1 / (1 + away**2)).sum(axis=0) / harmonic**0.5
        voiced += _per_sample(strength) * np.sin((2 * np.pi * harmonic) * phase).astype(np.float32)
    return np.float32(0.2) * voiced


def _pluck(played: Sound, at: int, pitch: float, strength: float) -> None:
    time = np.arange(min(int(1.2 * RATE), len(played) - at)) / RATE
    wave = np.sin(2 * np.pi * pitch * time) + 0.4 * np.sin(4 * np.pi * pitch * time)
    played[at : at + len(time)] += (strength * np.exp(-5 * time) * wave).astype(np.float32)


def _glide(values: NDArray[np.float64]) -> NDArray[np.float64]:
    smooth: NDArray[np.float64] = np.convolve(np.pad(values, 3, "edge"), np.ones(7) / 7, "valid")
    return smooth


def _per_sample(values: NDArray[np.float64]) -> Sound:
    frames = np.arange(len(values), dtype=np.float64)
    samples = np.arange(len(values) * RATE // _FRAMES) * (_FRAMES / RATE)
    between: Sound = np.interp(samples, frames, values).astype(np.float32)
    return between
