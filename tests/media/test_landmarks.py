"""What a stretch of sound is known by stays when the sound is edited."""

import numpy as np
import pytest
from numpy.typing import NDArray

from media.landmarks import SOUND_RATE, TICK, Peaks, find_peaks, pair
from tests.media.scenery import Tune

TUNE = Tune.composed(1, 30)
SOUND = TUNE.sound(30)
A_SECOND = 15


def kept(before: Peaks, after: Peaks, *, shift: int = 0) -> float:
    """The share of peaks that are still there, to a tick and a band."""
    there = {(int(tick) + shift + a, int(band) + b) for tick, band in after for a in (-1, 0, 1) for b in (-1, 0, 1)}
    return float(np.mean([(int(tick), int(band)) in there for tick, band in before]))


def test_a_tone_is_a_peak_at_its_time_and_its_pitch() -> None:
    sound = np.zeros(4 * SOUND_RATE, np.int16)
    time = np.arange(800) / SOUND_RATE
    sound[16000:16800] = 9000 * np.sin(2 * np.pi * 1000 * time) * np.hanning(800)
    peaks = find_peaks(sound, a_second=1)
    tick, band = peaks[np.abs(peaks[:, 0] * TICK - 2.05).argmin()]
    assert tick * TICK == pytest.approx(2.05, abs=TICK)
    assert (band + 4) * SOUND_RATE / 512 == pytest.approx(1000, abs=16)


@pytest.mark.parametrize("a_second", [5, 12, 15])
def test_no_second_has_more_peaks_than_asked_for_and_most_have_as_many(a_second: int) -> None:
    peaks = find_peaks(SOUND, a_second=a_second)
    counts = np.bincount(peaks[:, 0] // round(1 / TICK), minlength=30)
    assert counts.max() == a_second
    assert np.median(counts) == a_second


def test_peaks_are_in_order_of_time() -> None:
    peaks = find_peaks(SOUND, a_second=A_SECOND)
    assert np.array_equal(peaks, peaks[np.lexsort((peaks[:, 1], peaks[:, 0]))])
    assert peaks.dtype == np.int32
    assert peaks[:, 1].min() >= 0
    assert peaks[:, 1].max() < 256


@pytest.mark.parametrize("gain", [0.1, 0.5, 1.8])
def test_a_change_of_volume_changes_nothing(gain: float) -> None:
    louder = (SOUND * gain).clip(-32768, 32767).astype(np.int16)
    assert kept(find_peaks(SOUND, a_second=A_SECOND), find_peaks(louder, a_second=A_SECOND)) > 0.95


def test_most_peaks_survive_noise() -> None:
    noisy = (SOUND + np.random.default_rng(1).normal(0, 400, len(SOUND))).clip(-32768, 32767).astype(np.int16)
    assert kept(find_peaks(SOUND, a_second=A_SECOND), find_peaks(noisy, a_second=A_SECOND)) > 0.7


def test_a_clip_that_begins_between_two_ticks_has_the_same_peaks() -> None:
    begins = 5 * SOUND_RATE + 77
    peaks = find_peaks(SOUND, a_second=A_SECOND)
    inside = peaks[(peaks[:, 0] > 270) & (peaks[:, 0] < 730)]
    assert kept(inside, find_peaks(SOUND[begins : begins + 10 * SOUND_RATE], a_second=20), shift=250) > 0.8


@pytest.mark.parametrize("length", [0, 1, 160, 2047, 2048, 8001])
def test_short_and_silent_sound_has_no_peaks_and_no_pairs(length: int) -> None:
    peaks = find_peaks(np.zeros(length, np.int16), a_second=A_SECOND)
    assert peaks.shape == (0, 2)
    assert len(pair(peaks, fan=3).keys) == len(pair(peaks, fan=3).ticks) == 0


def test_a_pair_tells_both_pitches_and_the_time_between() -> None:
    two: NDArray[np.int32] = np.array([[100, 30], [140, 50]], np.int32)
    landmarks = pair(two, fan=3)
    assert landmarks.ticks.tolist() == [100]
    assert landmarks.keys.tolist() == [30 << 13 | (50 - 30 + 64) << 6 | 40]


def test_pairs_are_of_one_length_and_their_keys_of_21_bits() -> None:
    landmarks = pair(find_peaks(SOUND, a_second=A_SECOND), fan=4)
    assert len(landmarks.keys) == len(landmarks.ticks)
    assert landmarks.keys.max() < 1 << 21
    assert len(np.unique(landmarks.keys)) > 0.8 * len(landmarks.keys)


def test_each_peak_begins_at_most_as_many_pairs_as_asked_for() -> None:
    peaks = find_peaks(SOUND, a_second=A_SECOND)
    _, begun = np.unique(
        np.stack([pair(peaks, fan=3).ticks, pair(peaks, fan=3).keys >> 13]), axis=1, return_counts=True
    )
    assert begun.max() == 3


def test_a_clip_sped_up_at_its_pitch_has_the_source_s_pairs_at_that_speed() -> None:
    own = {int(key) for key in pair(find_peaks(SOUND, a_second=A_SECOND), fan=4).keys}
    faster = find_peaks(TUNE.between(0, 30, speed=1.25).sound(24), a_second=19)
    at = {speed: _share(own, pair(faster, fan=4, speed=speed).keys) for speed in (1.0, 1.25)}
    assert at[1.25] > 0.1
    assert at[1.25] > 4 * at[1.0]


def _share(own: set[int], keys: NDArray[np.uint32]) -> float:
    return float(np.mean([int(key) + near in own for key in keys for near in (-1, 0, 1)])) * 3
