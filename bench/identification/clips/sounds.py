"""Speech-like sound, music and noises, none of it repeating; mono, −1 to 1, at `SOUND_RATE`."""

import random
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from scipy.io import wavfile
from scipy.signal import lfilter

SOUND_RATE = 22_050
SCALES = ((0, 2, 4, 7, 9), (0, 3, 5, 7, 10), (0, 2, 3, 5, 7, 8, 10), (0, 2, 4, 5, 7, 9, 11))
VOWELS = ((730, 1090), (270, 2290), (300, 870), (530, 1840), (570, 840), (660, 1720))  # Peterson and Barney 1952

Sound = NDArray[np.floating]


def write(path: Path, sound: Sound) -> None:
    loudest = max(1e-6, float(np.abs(sound).max()))
    wavfile.write(path, SOUND_RATE, np.int16(sound / loudest * 0.7 * 32767))


def write_music(path: Path, r: random.Random, seconds: float) -> None:
    write(path, music(r, seconds))


def music(r: random.Random, seconds: float) -> Sound:
    """A melody over chords and a beat, in one key."""
    sound = np.zeros(int(seconds * SOUND_RATE) + SOUND_RATE, np.float32)
    scale, root, beat = r.choice(SCALES), r.choice([110, 123.5, 130.8, 146.8, 164.8]), 60 / r.uniform(80, 150)
    for index in range(int(seconds / beat)):
        at = index * beat
        _add(sound, at, _drum(r, low=index % 2 == 0))
        if index % 4 == 0:
            for degree in r.choice([(0, 2, 4), (3, 0, 2), (4, 1, 3)]):
                _add(sound, at, 0.25 * _tone(root * 2 ** (scale[degree % len(scale)] / 12), 4 * beat, 3))
        for half in (0.0, 0.5):
            if r.random() < 0.7:
                height = r.choice(scale) + 12 * r.choice([1, 1, 2])
                _add(sound, at + half * beat, 0.4 * _tone(root * 2 ** (height / 12), beat * r.choice([0.5, 1]), 5))
    return sound[: int(seconds * SOUND_RATE)]


def speech(r: random.Random, seconds: float) -> Sound:
    """Syllables with a speaker's pitch and vowels' formants, in phrases with pauses between them."""
    sound = np.zeros(int(seconds * SOUND_RATE) + SOUND_RATE, np.float32)
    pitch, at = r.uniform(90, 220), 0.2
    while at < seconds:
        for _ in range(r.randint(4, 14)):
            lasting = r.uniform(0.09, 0.28)
            if r.random() < 0.5:
                _add(sound, at, 0.15 * _hiss(r, r.uniform(0.03, 0.1)))
            _add(sound, at + 0.04, _syllable(r, pitch * r.uniform(0.85, 1.25), lasting))
            at += lasting * r.uniform(0.9, 1.2)
        at += r.uniform(0.25, 1.4)
    return sound[: int(seconds * SOUND_RATE)]


def noises(r: random.Random, seconds: float, per_second: float) -> Sound:
    """Knocks, zaps and keys at random moments."""
    sound = np.zeros(int(seconds * SOUND_RATE) + 2 * SOUND_RATE, np.float32)
    at = r.expovariate(per_second)
    while at < seconds:
        kind = r.random()
        if kind < 0.5:
            _add(sound, at, 0.3 * _hiss(r, r.uniform(0.01, 0.06)))
        elif kind < 0.8:
            _add(sound, at, 0.5 * _tone(r.uniform(200, 2500), r.uniform(0.05, 0.4), 6, slide=r.uniform(-0.7, 1)))
        else:
            _add(sound, at, _drum(r, low=True))
        at += r.expovariate(per_second)
    return sound[: int(seconds * SOUND_RATE)]


def _add(sound: Sound, at: float, what: Sound) -> None:
    first = int(at * SOUND_RATE)
    room = sound[first : first + len(what)]
    room += what[: len(room)]


def _time(seconds: float) -> Sound:
    return np.arange(max(8, int(seconds * SOUND_RATE)), dtype=np.float32) / SOUND_RATE


def _tone(pitch: float, seconds: float, decay: float, slide: float = 0.0) -> Sound:
    time = _time(seconds)
    phase = 2 * np.pi * pitch * (time + slide * time**2 / (2 * seconds))
    wave = np.sin(phase) + 0.4 * np.sin(2 * phase) + 0.2 * np.sin(3 * phase)
    return np.asarray(wave * np.exp(-decay * time) * np.minimum(1, time * 200), np.float32)


def _drum(r: random.Random, *, low: bool) -> Sound:
    return 0.8 * _tone(r.uniform(55, 90), 0.25, 18, slide=-0.6) if low else 0.3 * _hiss(r, 0.12)


def _hiss(r: random.Random, seconds: float) -> Sound:
    time = _time(seconds)
    noise = np.random.default_rng(r.randrange(1 << 32)).standard_normal(len(time))
    return np.asarray(noise * np.exp(-4 * time / seconds), np.float32)


def _syllable(r: random.Random, pitch: float, seconds: float) -> Sound:
    """A glottal saw through two resonances."""
    time = _time(seconds)
    glide = pitch * (time + r.uniform(-0.2, 0.2) * time**2 / seconds)
    wave = 2 * (glide % 1) - 1
    for formant in r.choice(VOWELS):
        radius = 0.97
        pole = 2 * radius * np.cos(2 * np.pi * formant * r.uniform(0.95, 1.05) / SOUND_RATE)
        wave = lfilter([1 - radius], [1, -pole, radius**2], wave)
    return np.asarray(wave * np.sin(np.pi * np.minimum(1, time / seconds)) ** 0.5, np.float32)
