"""A clip's sound is heard in its source, to a tick, whatever was done to it; a stranger's is not."""

from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from media.hearing import Heard, Lookup, listen
from media.landmarks import SOUND_RATE, TICK, find_peaks, pair
from tests.media.scenery import Tune

SECONDS = 120
TUNES = {source: Tune.composed(source, SECONDS) for source in (1, 2, 3)}
SOURCES = {source: tune.sound(SECONDS) for source, tune in TUNES.items()}


@pytest.fixture(scope="module")
def lookup() -> Lookup:
    """The landmarks of three sources, in a dictionary."""
    table: dict[int, list[tuple[int, float]]] = {}
    for source, sound in SOURCES.items():
        landmarks = pair(find_peaks(sound, a_second=12), fan=3)
        for key, tick in zip(landmarks.keys.tolist(), landmarks.ticks.tolist(), strict=True):
            table.setdefault(key, []).append((source, tick))

    def look_up(keys: NDArray[np.uint32]) -> tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.float32]]:
        found = [(number, *place) for number, key in enumerate(keys.tolist()) for place in table.get(key, ())]
        numbers, sources, ticks = zip(*found, strict=True) if found else ((), (), ())
        return np.array(numbers, np.int64), np.array(sources, np.int64), np.array(ticks, np.float32)

    return look_up


def cut(source: int, start: float, seconds: float) -> NDArray[np.int16]:
    first = round(start * SOUND_RATE)
    return SOURCES[source][first : first + round(seconds * SOUND_RATE)]


def mixed(*parts: NDArray[np.integer[Any]] | NDArray[np.floating[Any]]) -> NDArray[np.int16]:
    together = np.sum([part.astype(np.float64) for part in parts], axis=0)
    return np.asarray(together.clip(-32768, 32767), np.int16)


def heard(sound: NDArray[np.int16], lookup: Lookup) -> list[Heard]:
    return listen(find_peaks(sound, a_second=15), lookup, most=4)


def assert_heard(found: list[Heard], *, source: int, start: float, seconds: float, speed: float = 1.0) -> None:
    best = found[0]
    assert best.source == source
    assert best.speed == pytest.approx(speed, rel=0.003)
    middle = seconds / 2
    assert best.offset + best.speed * middle == pytest.approx(start + speed * middle, abs=TICK)
    assert best.first < 2
    assert best.last > seconds - 2
    assert best.sureness > 0.5


@pytest.mark.parametrize(("source", "start"), [(1, 3.21), (2, 60.003), (3, 101.77)])
def test_a_cut_is_heard_where_it_was_cut(source: int, start: float, lookup: Lookup) -> None:
    assert_heard(heard(cut(source, start, 12), lookup), source=source, start=start, seconds=12)


@pytest.mark.parametrize("gain", [0.05, 0.3, 3.0])
def test_volume_does_not_matter(gain: float, lookup: Lookup) -> None:
    assert_heard(heard(mixed(cut(1, 40, 12) * gain), lookup), source=1, start=40, seconds=12)


def test_noise_does_not_hide_it(lookup: Lookup) -> None:
    noise = np.random.default_rng(5).normal(0, 500, 12 * SOUND_RATE)
    assert_heard(heard(mixed(cut(2, 33.3, 12), noise), lookup), source=2, start=33.3, seconds=12)


def test_music_over_it_does_not_hide_it(lookup: Lookup) -> None:
    music = Tune.composed(50, 15).sound(15)
    best = heard(mixed(cut(2, 70.5, 15), 0.6 * music), lookup)[0]
    assert best.source == 2
    assert best.offset == pytest.approx(70.5, abs=TICK)
    assert best.sureness > 0.2


@pytest.mark.parametrize("speed", [0.8, 0.95, 1.1, 1.25, 1.5])
def test_a_stretch_with_the_pitch_kept_is_heard_at_its_speed(speed: float, lookup: Lookup) -> None:
    seconds = 15.0
    faster = TUNES[3].between(20.4, 20.4 + speed * seconds, speed=speed).sound(seconds)
    assert_heard(heard(faster, lookup), source=3, start=20.4, seconds=seconds, speed=speed)


def test_two_stretches_are_both_heard(lookup: Lookup) -> None:
    joined = np.concatenate([cut(1, 80, 8), cut(3, 10, 8)])
    found = {each.source: each for each in heard(joined, lookup) if each.sureness > 0.2}
    assert found[1].offset == pytest.approx(80, abs=TICK)
    assert found[3].offset == pytest.approx(2, abs=TICK)


@pytest.mark.parametrize("seed", [101, 102, 103, 104])
def test_a_stranger_is_not_heard(seed: int, lookup: Lookup) -> None:
    stranger = Tune.composed(seed, 20).sound(20)
    assert all(each.sureness < 0.05 for each in heard(stranger, lookup))


def test_a_beat_that_repeats_is_surely_nobody_s(lookup: Lookup) -> None:
    beat = np.tile(Tune.composed(7, 1).sound(0.5), 40)
    assert all(each.sureness < 0.05 for each in heard(beat, lookup))


@pytest.mark.parametrize("seconds", [0.0, 0.1, 0.5, 1.0])
def test_in_too_little_sound_nothing_is_heard(seconds: float, lookup: Lookup) -> None:
    assert heard(cut(1, 30, seconds), lookup) == []


def test_where_nothing_is_known_nothing_is_heard() -> None:
    def nothing(keys: NDArray[np.uint32]) -> tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.float32]]:
        return np.zeros(0, np.int64), np.zeros(0, np.int64), np.zeros(0, np.float32)

    assert heard(cut(1, 0, 10), nothing) == []
