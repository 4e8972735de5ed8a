"""What a stretch of sound is known by: peaks of its spectrogram, and pairs of them.

A pair of peaks that are near each other (two frequencies and the time between them) survives compression, music laid
over it and a change of volume, and is rare enough to be looked up in a table (A. Wang, "An industrial-strength audio
search algorithm", ISMIR 2003). Where a clip was sped up with its pitch kept, the frequencies stay and the times
shrink: so a clip's pairs are made once for every speed that is tried.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import maximum_filter

SOUND_RATE = 8000
"""Samples a second that peaks are found in."""
_HOP = 160
TICK = _HOP / SOUND_RATE
"""Seconds: landmarks are timed in ticks."""
_WINDOW = 512
_LOWEST, _HIGHEST = 4, 244
"""Bands of 15.6 Hz that peaks may lie in: 62 Hz to 3.8 kHz."""
_NEIGHBOURHOOD = (13, 11)
"""Bands × ticks in which a peak is the loudest point."""
_QUIET = 1e-5
"""Magnitude, full scale being 1, below which nothing is a peak."""
_SECOND = SOUND_RATE // _HOP

_NEAREST, _FARTHEST = 4, 63
"""Ticks between the two peaks of a pair."""
_WIDEST = 60
"""Bands between the two peaks of a pair."""

Peaks = NDArray[np.int32]
"""(n, 2): tick and band, in order of time."""


@dataclass(frozen=True, slots=True)
class Landmarks:
    """Pairs of peaks: `keys` (21 bits: band, step to the next band, ticks between) and the `ticks` they begin at."""

    keys: NDArray[np.uint32]
    ticks: NDArray[np.float32]


def find_peaks(sound: NDArray[np.int16], *, a_second: int) -> Peaks:
    """The loudest peaks of each second of mono sound at SOUND_RATE, at most `a_second` of them."""
    if len(sound) < 4 * _WINDOW:
        return np.zeros((0, 2), np.int32)
    loudness = np.log(_magnitudes(sound)[_LOWEST:_HIGHEST] + 1e-7)
    highest = loudness == maximum_filter(loudness, size=_NEIGHBOURHOOD)
    bands, ticks = np.nonzero(highest & (loudness > np.log(_QUIET)))
    level = loudness - 0.5 * loudness.mean(axis=1, keepdims=True)  # a hum that never ends is worth less
    strength = level[bands, ticks]
    order = np.lexsort((-strength, ticks // _SECOND))
    seconds = (ticks // _SECOND)[order]
    rank = np.arange(len(order)) - np.searchsorted(seconds, seconds)
    kept = np.sort(order[rank < a_second])
    peaks = np.stack([ticks[kept], bands[kept]], axis=1).astype(np.int32)
    return peaks[np.lexsort((peaks[:, 1], peaks[:, 0]))]


def _magnitudes(sound: NDArray[np.int16]) -> NDArray[np.float32]:
    """(bands, ticks): the spectrum of the window around each tick, full scale being 1."""
    window = np.hanning(_WINDOW + 1)[:-1].astype(np.float32)
    padded = np.pad(sound.astype(np.float32) / 32768, _WINDOW // 2)
    frames = np.lib.stride_tricks.sliding_window_view(padded, _WINDOW)[::_HOP][: len(sound) // _HOP]
    magnitudes: NDArray[np.float32] = np.abs(np.fft.rfft(frames * (window / window.sum()), axis=1)).T
    return magnitudes


def pair(peaks: Peaks, *, fan: int, speed: float = 1.0) -> Landmarks:
    """Each peak with the `fan` nearest later ones in reach. `speed`: source seconds in a second of this sound."""
    ticks, bands = peaks[:, 0] * np.float64(speed), peaks[:, 1]
    used = np.zeros(len(peaks), np.int32)
    keys, starts = [], []
    for step in range(1, min(len(peaks), 8 * fan)):
        apart, rise = ticks[step:] - ticks[:-step], bands[step:] - bands[:-step]
        near = (apart >= _NEAREST) & (apart < _FARTHEST + 0.5) & (np.abs(rise) <= _WIDEST) & (used[:-step] < fan)
        first = np.nonzero(near)[0]
        if not len(first):
            continue
        used[first] += 1
        keys.append(bands[first] << 13 | (rise[first] + 64) << 6 | np.rint(apart[first]).astype(np.int64))
        starts.append(ticks[first])
    if not keys:
        return Landmarks(np.zeros(0, np.uint32), np.zeros(0, np.float32))
    return Landmarks(np.concatenate(keys).astype(np.uint32), np.concatenate(starts).astype(np.float32))
