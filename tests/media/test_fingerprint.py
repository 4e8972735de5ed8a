"""What is kept of a source comes back equal in every bit or not at all, and its parts join without a seam."""

import zlib
from dataclasses import fields
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from media import fingerprint
from media.errors import DamagedFingerprint, MediaError
from media.fingerprint import (
    CLIP_RATE,
    HASHED_RATE,
    SOURCE_RATE,
    SourceFingerprint,
    clip_fingerprint,
    fingerprint_clip,
    fingerprint_source,
    source_part,
)
from media.landmarks import SOUND_RATE, TICK, find_peaks
from media.thumbnails import Thumbnails
from media.views import WHOLE
from tests.media.scenery import FILM, Scene, Tune, render

ASPECT = FILM[1] / FILM[0]
SECONDS = 16
NO_PEAKS = np.zeros((0, 2), np.int32)


def drawn(seconds: float, *, rate: int = SOURCE_RATE, noise: float = 0) -> Thumbnails:
    pictures = Scene(1).pictures(np.arange(round(seconds * rate)) / rate)
    grain = np.random.default_rng(1).normal(0, noise, pictures.shape)
    return (pictures + grain).clip(0, 255).astype(np.uint8)


def a_part(seconds: float = 15, first: int = 0, noise: float = 0) -> SourceFingerprint:
    peaks = find_peaks(Tune.composed(1, seconds + 1).sound(seconds), a_second=12)
    return source_part(drawn(seconds, noise=noise), peaks, ASPECT, first)


@pytest.fixture(scope="module")
def film(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return render(tmp_path_factory.mktemp("films") / "film.mp4", Scene(1), Tune.composed(1, SECONDS), SECONDS)


@pytest.fixture(scope="module")
def whole(film: Path) -> SourceFingerprint:
    (one,) = fingerprint_source(film)
    return one


@pytest.fixture
def in_parts(film: Path, monkeypatch: pytest.MonkeyPatch) -> list[SourceFingerprint]:
    """The film, as if it were longer than one part."""
    monkeypatch.setattr(fingerprint, "PART_SECONDS", 6)
    return list(fingerprint_source(film))


def assert_equal(one: SourceFingerprint, other: SourceFingerprint) -> None:
    for field in fields(SourceFingerprint):
        mine, theirs = getattr(one, field.name), getattr(other, field.name)
        if isinstance(mine, np.ndarray):
            assert mine.dtype == theirs.dtype
            assert np.array_equal(mine, theirs), field.name
        else:
            assert mine == theirs, field.name


@pytest.mark.parametrize("seconds", [0.25, 0.5, 0.75, 10, 13.25])
def test_a_part_comes_back_equal_in_every_bit(seconds: float) -> None:
    part = a_part(seconds, first=2400)
    again = SourceFingerprint.from_bytes(part.to_bytes())
    assert_equal(part, again)
    assert again.to_bytes() == part.to_bytes()
    assert again.views == part.views


@pytest.mark.parametrize("seed", range(4))
def test_bytes_in_which_a_bit_is_flipped_are_refused(seed: int) -> None:
    random, good = np.random.default_rng(seed), a_part(3).to_bytes()
    for place in [*range(12), *random.integers(0, len(good), 200).tolist()]:
        bad = bytearray(good)
        bad[place] ^= 1 << int(random.integers(8))
        with pytest.raises(DamagedFingerprint):
            SourceFingerprint.from_bytes(bytes(bad))


@pytest.mark.parametrize("seed", range(4))
def test_bytes_that_are_cut_off_added_to_or_mixed_up_are_refused(seed: int) -> None:
    random, good = np.random.default_rng(seed), a_part(3).to_bytes()
    cuts = [good[:length] for length in [*range(20), *random.integers(0, len(good), 50).tolist()]]
    doubled = [good + good[:extra] for extra in random.integers(1, 50, 20).tolist()]
    zeroed = [good[:at] + bytes(64) + good[at + 64 :] for at in random.integers(8, len(good) - 64, 50).tolist()]
    for bad in [*cuts, *doubled, *zeroed, random.bytes(500), b"CLFP" + bytes(4)]:
        with pytest.raises(DamagedFingerprint):
            SourceFingerprint.from_bytes(bad)


@pytest.mark.parametrize("content", [b"", b"\xc0", b"\x90", b"\x93\x01\x02\x03", b"\xff" * 40, b"\x80"])
def test_what_is_whole_and_no_fingerprint_is_refused(content: bytes) -> None:
    with pytest.raises(DamagedFingerprint):
        SourceFingerprint.from_bytes(b"CLFP" + zlib.crc32(content).to_bytes(4, "little") + content)


def test_another_version_is_refused_by_name(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(fingerprint, "VERSION", 99)
    newer = a_part(3).to_bytes()
    monkeypatch.undo()
    with pytest.raises(DamagedFingerprint, match="version") as refused:
        SourceFingerprint.from_bytes(newer)
    assert isinstance(refused.value, MediaError)
    assert refused.value.value == "99"


def test_parts_end_where_the_next_begins(in_parts: list[SourceFingerprint]) -> None:
    assert [part.first for part in in_parts] == [0, 24, 48]
    assert [part.end for part in in_parts] == [24, 48, SECONDS * SOURCE_RATE]
    assert [part.duration for part in in_parts] == [6, 6, 4]


def test_parts_together_are_what_the_whole_would_be(
    in_parts: list[SourceFingerprint], whole: SourceFingerprint
) -> None:
    assert np.array_equal(np.concatenate([part.hashes for part in in_parts]), whole.hashes)
    assert np.array_equal(np.concatenate([part.telling for part in in_parts]), whole.telling)
    pictures = np.concatenate([part.pictures(part.first, part.end) for part in in_parts])
    assert np.abs(pictures.astype(float) - whole.pictures(0, whole.end)).mean() < 3


def test_a_source_that_goes_on_is_numbered_from_its_beginning(film: Path, whole: SourceFingerprint) -> None:
    (later,) = fingerprint_source(film, first=400)
    assert (later.first, later.end) == (400, 400 + whole.count)
    assert later.peaks.tolist() == (whole.peaks + np.array([round(400 / SOURCE_RATE / TICK), 0])).tolist()
    assert np.array_equal(later.hashes, whole.hashes)
    assert np.array_equal(later.pictures(410, 420), whole.pictures(10, 20))


def test_ticks_of_every_part_count_from_the_source_s_start(
    in_parts: list[SourceFingerprint], whole: SourceFingerprint
) -> None:
    for part in in_parts:
        seconds = part.peaks[:, 0] * TICK
        assert part.first / SOURCE_RATE <= seconds.min() < part.first / SOURCE_RATE + 1
        assert part.end / SOURCE_RATE - 1 < seconds.max() <= part.end / SOURCE_RATE + TICK
    joined = {tuple(peak) for part in in_parts for peak in part.peaks.tolist()}
    assert len(joined & {tuple(peak) for peak in whole.peaks.tolist()}) > 0.9 * len(whole.peaks)


def test_peaks_lie_where_they_are_heard(whole: SourceFingerprint) -> None:
    heard = find_peaks(Tune.composed(1, SECONDS).sound(SECONDS), a_second=12)
    near = {(tick + a, band + b) for tick, band in whole.peaks.tolist() for a in (-1, 0, 1) for b in (-1, 0, 1)}
    assert np.mean([tuple(peak) in near for peak in heard.tolist()]) > 0.8


def test_a_file_without_sound_has_no_peaks(tmp_path: Path) -> None:
    silent = render(tmp_path / "silent.mp4", Scene(1), None, 4)
    (part,) = fingerprint_source(silent)
    assert (part.count, part.peaks.shape) == (4 * SOURCE_RATE, (0, 2))
    assert fingerprint_clip(silent).peaks.shape == (0, 2)
    assert_equal(SourceFingerprint.from_bytes(part.to_bytes()), part)


def test_kept_pictures_are_those_of_their_numbers() -> None:
    part, pictures = a_part(15, first=100), drawn(15)
    for start, stop in ((100, 160), (100, 101), (139, 141), (140, 160), (159, 160)):
        kept = part.pictures(start, stop)
        assert kept.shape == (stop - start, 72, 128)
        assert np.abs(kept.astype(float) - pictures[start - 100 : stop - 100]).mean() < 6


def test_every_second_picture_is_hashed_in_every_view() -> None:
    part = a_part(10)
    assert part.hashes.shape == part.telling.shape == (10 * HASHED_RATE, len(part.views))
    assert part.telling[:, 0].all()
    assert not part.telling[:, 1].any()  # without bars, the whole picture is the content once more


def test_an_hour_of_grainy_footage_costs_at_most_16_mib() -> None:
    part = a_part(30, noise=4)
    assert len(part.to_bytes()) / part.duration * 3600 <= 16 * 2**20


def test_progress_is_told_up_to_the_end(film: Path) -> None:
    source: list[float] = []
    clip: list[float] = []
    list(fingerprint_source(film, progress=source.append))
    fingerprint_clip(film, progress=clip.append)
    for told in (source, clip):
        assert told == sorted(told)
        assert told[-1] == SECONDS


def test_a_clip_is_looked_at_in_all_its_views(film: Path) -> None:
    clip = fingerprint_clip(film)
    count, views = SECONDS * CLIP_RATE, len(clip.views)
    assert clip.duration == pytest.approx(SECONDS, abs=0.1)
    assert clip.aspect == pytest.approx(ASPECT)
    assert clip.contents[0] == WHOLE
    assert clip.pictures.shape == (count, 72, 128)
    assert clip.hashes.shape == clip.mirrored_hashes.shape == clip.telling.shape == (count, views)
    assert clip.confidences.shape == (count, views, 64)


def test_a_clip_s_mirrored_hashes_are_those_of_its_mirror_image() -> None:
    pictures = drawn(5, rate=CLIP_RATE)
    clip = clip_fingerprint(pictures, NO_PEAKS, ASPECT)
    backwards = clip_fingerprint(pictures[:, :, ::-1].copy(), NO_PEAKS, ASPECT)
    assert _bits_apart(clip.mirrored_hashes[:, 0], backwards.hashes[:, 0]) < 0.1


def _bits_apart(one: NDArray[np.uint64], other: NDArray[np.uint64]) -> float:
    return float(np.bitwise_count(one ^ other).mean())


@pytest.mark.parametrize(
    ("said", "believed"), [(None, 5.0), (4.95, 4.95), (4.0, 5 - 1 / CLIP_RATE), (9.0, 5.0), (0.0, 5.0)]
)
def test_a_clip_s_length_is_believed_where_its_last_picture_bears_it_out(said: float | None, believed: float) -> None:
    clip = clip_fingerprint(drawn(5, rate=CLIP_RATE), NO_PEAKS, ASPECT, said)
    assert clip.duration == pytest.approx(believed)


def test_sound_and_pictures_are_counted_alike() -> None:
    assert SOUND_RATE * TICK == 160
    assert SOURCE_RATE % HASHED_RATE == 0
