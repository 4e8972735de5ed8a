"""What has been added is found, what has been removed never again, in this process or the next."""

from collections.abc import Iterator
from dataclasses import replace
from functools import cache
from pathlib import Path

import numpy as np
import pytest

from media.errors import DamagedFingerprint
from media.fingerprint import CLIP_RATE, SOURCE_RATE, ClipFingerprint, SourceFingerprint, clip_fingerprint, source_part
from media.identification import Match, identify
from media.landmarks import SOUND_RATE, find_peaks
from media.library import Library
from tests.media.scenery import Scene, Tune

ASPECT = 16 / 9
PART = 20  # seconds; even parts of 600 would be long to draw
SECONDS = 2 * PART


@cache
def scene(seed: int) -> tuple[Scene, Tune]:
    return Scene(seed), Tune.composed(seed, SECONDS)


@cache
def part(source: int, number: int = 0, *, seconds: float = PART) -> SourceFingerprint:
    """A part of the source whose number is its seed."""
    drawn, tune = scene(source)
    start = number * PART
    pictures = drawn.pictures(start + np.arange(seconds * SOURCE_RATE) / SOURCE_RATE)
    peaks = find_peaks(tune.between(start, start + seconds).sound(seconds), a_second=12)
    return source_part(pictures, peaks, ASPECT, start * SOURCE_RATE)


@cache
def clip(source: int, start: float, seconds: float = 6) -> ClipFingerprint:
    drawn, tune = scene(source)
    pictures = drawn.pictures(start + np.arange(seconds * CLIP_RATE) / CLIP_RATE)
    sound = tune.between(start, start + seconds).sound(seconds)
    assert len(sound) == round(seconds * SOUND_RATE)
    return clip_fingerprint(pictures, find_peaks(sound, a_second=15), ASPECT)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path / "library"


@pytest.fixture
def library(folder: Path) -> Iterator[Library]:
    opened = Library.open(folder)
    yield opened
    opened.close()


def where(matches: list[Match]) -> list[tuple[int, float]]:
    """Source and its second at which the clip begins."""
    return [(match.source, round(match.source_t0, 1)) for match in matches]


def test_what_was_added_is_found_at_once(library: Library) -> None:
    assert identify(clip(1, 5.0), library) == []
    library.add(1, part(1))
    library.add(2, part(2))
    assert library.parts() == {(1, 0), (2, 0)}
    assert where(identify(clip(1, 5.0), library)) == [(1, 5.0)]
    assert where(identify(clip(2, 11.0), library)) == [(2, 11.0)]
    assert identify(clip(3, 5.0), library) == []


def test_what_was_removed_matches_nothing_and_what_is_added_again_does(library: Library) -> None:
    library.add(1, part(1))
    library.add(2, part(2))
    library.remove(1)
    assert library.parts() == {(2, 0)}
    assert identify(clip(1, 5.0), library) == []
    assert where(identify(clip(2, 11.0), library)) == [(2, 11.0)]
    library.add(1, part(1))
    assert where(identify(clip(1, 5.0), library)) == [(1, 5.0)]


def test_a_removed_source_stays_removed_after_merging_and_opening_again(library: Library, folder: Path) -> None:
    library.add(1, part(1))
    library.remove(1)
    library.compact()
    again = Library.open(folder)
    assert again.parts() == set()
    assert identify(clip(1, 5.0), again) == []
    assert list((folder / "parts").iterdir()) == []


def test_another_process_finds_what_was_added(library: Library, folder: Path) -> None:
    library.add(1, part(1))
    library.close()
    assert where(identify(clip(1, 5.0), Library.open(folder))) == [(1, 5.0)]


def test_removing_what_is_not_there_changes_nothing(library: Library) -> None:
    library.add(1, part(1))
    library.remove(99)
    assert library.parts() == {(1, 0)}


def test_adding_a_part_again_changes_nothing(library: Library) -> None:
    library.add(1, part(1))
    before = library.file_bytes(), identify(clip(1, 5.0), library)
    library.add(1, part(1))
    assert (library.file_bytes(), identify(clip(1, 5.0), library)) == before


def test_a_live_source_is_found_in_each_part_as_soon_as_it_is_added(library: Library) -> None:
    library.add(1, part(1))
    assert identify(clip(1, 27.0), library) == []
    library.add(1, part(1, 1))
    assert library.parts() == {(1, 0), (1, PART * SOURCE_RATE)}
    assert where(identify(clip(1, 27.0), library)) == [(1, 27.0)]
    assert where(identify(clip(1, 5.0), library)) == [(1, 5.0)]


@pytest.mark.parametrize("order", [(0, 1), (1, 0)])
def test_a_clip_across_two_parts_is_one_match(order: tuple[int, int], library: Library) -> None:
    for number in order:
        library.add(1, part(1, number))
    (match,) = identify(clip(1, 17.0), library)
    assert (match.source_t0, match.source_t1) == pytest.approx((17, 23), abs=0.25)


def test_pictures_are_read_across_parts_and_no_further_than_there_are_any(library: Library) -> None:
    library.add(1, part(1))
    library.add(1, part(1, 1))
    first, pictures = library.pictures(1, 70, 90)
    assert (first, len(pictures)) == (70, 20)
    kept = np.concatenate([part(1).pictures(70, 80), part(1, 1).pictures(80, 90)])
    assert np.array_equal(pictures, kept)
    assert [len(library.pictures(1, start, stop)[1]) for start, stop in ((150, 999), (160, 170), (5, 5))] == [10, 0, 0]


def test_of_a_source_with_a_hole_pictures_are_read_in_a_row(library: Library) -> None:
    library.add(1, part(1, 0, seconds=10))
    library.add(1, part(1, 1))
    first, pictures = library.pictures(1, 30, 90)
    assert (first, len(pictures)) == (30, 10)
    assert library.part_at(1, 15.0).first == 0
    assert library.part_at(1, 1e6).first == PART * SOURCE_RATE


def test_only_the_sources_asked_for_are_searched(library: Library, folder: Path) -> None:
    library.add(1, part(1))
    library.add(2, part(2))
    assert where(identify(clip(1, 5.0), Library.open(folder, sources=[1]))) == [(1, 5.0)]
    assert identify(clip(1, 5.0), Library.open(folder, sources=[2])) == []
    assert identify(clip(1, 5.0), Library.open(folder, sources=[])) == []


@pytest.mark.parametrize("rubbish", [b"", b"CLFP", b"\0" * 1000])
def test_a_damaged_part_is_told_and_adding_it_again_mends_it(rubbish: bytes, library: Library, folder: Path) -> None:
    library.add(1, part(1))
    (path,) = (folder / "parts").iterdir()
    whole = path.read_bytes()
    path.write_bytes(whole[: len(whole) // 2] + rubbish)
    with pytest.raises(DamagedFingerprint):
        identify(clip(1, 5.0), Library.open(folder))
    library.add(1, part(1))
    assert where(identify(clip(1, 5.0), Library.open(folder))) == [(1, 5.0)]


@pytest.mark.parametrize("count", [77, 78, 79, 80])
def test_parts_of_odd_and_even_length_are_found_alike(count: int, library: Library) -> None:
    library.add(1, part(1, seconds=count / SOURCE_RATE))
    silent = replace(clip(1, 10.0), peaks=np.zeros((0, 2), np.int32))
    assert where(identify(silent, library)) == [(1, 10.0)]


@pytest.mark.parametrize("count", [1, 2, 3])
def test_a_source_of_a_few_pictures_can_be_added_and_is_passed_over(count: int, library: Library) -> None:
    library.add(8, part(1, seconds=count / SOURCE_RATE))
    library.add(2, part(2))
    assert (8, 0) in library.parts()
    assert where(identify(clip(2, 11.0), library)) == [(2, 11.0)]
    assert all(match.source != 8 for match in identify(clip(1, 0.0), library))


@pytest.mark.parametrize("pictures", [1, 2, 5])
def test_a_clip_of_a_few_pictures_is_no_error(pictures: int, library: Library) -> None:
    library.add(1, part(1))
    assert identify(clip(1, 5.0, pictures / CLIP_RATE), library) == []
