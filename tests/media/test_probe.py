"""A probe says the same of a video whichever ffmpeg there is."""

from dataclasses import astuple
from pathlib import Path

import pytest

from media.ffmpeg import ffmpeg_version
from media.probe import Probe, probe
from tests.media.footage import (
    EXACT,
    clicks,
    counted,
    either_ffmpeg,
    film,
    nothing_is_left,
    rewrapped,
    run_ffmpeg,
)

__all__ = ["either_ffmpeg", "nothing_is_left"]

pytestmark = pytest.mark.usefixtures("either_ffmpeg", "nothing_is_left")


@pytest.mark.parametrize(
    ("suffix", "container"),
    [(".mp4", "mov"), (".mov", "mov"), (".mkv", "matroska"), (".ts", "mpegts"), (".flv", "flv"), (".avi", "avi")],
)
def test_a_film_is_described(suffix: str, container: str, tmp_path: Path) -> None:
    made = film(
        tmp_path / f"film{suffix}", sound=["-c:a", "mp3", "-ar", "22050"] if suffix == ".flv" else ["-c:a", "mp2"]
    )
    seen = probe(made)
    assert (seen.container, seen.width, seen.height, seen.has_sound) == (container, 64, 48, True)
    assert seen.frame_rate == 25
    assert seen.duration == pytest.approx(2, abs=0.15)  # an MP2 frame more, or what a transport stream starts with


def test_a_film_without_sound_says_so(tmp_path: Path) -> None:
    assert not probe(film(tmp_path / "film.mp4", sound=())).has_sound


def test_the_shape_is_that_of_the_picture_as_shown(tmp_path: Path) -> None:
    plain = film(tmp_path / "plain.mp4", sound=())
    wide = film(tmp_path / "wide.mp4", sound=(), then=",setsar=4/3")
    assert _shape(probe(plain)) == (64, 48, 1.333)
    assert _shape(probe(wide)) == (85, 48, 1.778)


@pytest.mark.parametrize(("degrees", "shape"), [(90, (48, 64)), (-90, (48, 64)), (180, (64, 48))])
def test_a_turned_phone_gives_an_upright_picture(degrees: int, shape: tuple[int, int], tmp_path: Path) -> None:
    plain = film(tmp_path / "plain.mp4", sound=())
    turned = tmp_path / "turned.mp4"
    turned.write_bytes(_turned(plain.read_bytes(), degrees))
    assert _shape(probe(turned)) == (*shape, round(shape[0] / shape[1], 3))


def test_a_recording_without_a_length_has_none(tmp_path: Path) -> None:
    live = rewrapped(film(tmp_path / "film.mkv"), tmp_path / "live.mkv", "-live", "1")
    assert probe(live).duration is None


def test_the_ticks_of_a_clock_are_no_frame_rate(tmp_path: Path) -> None:
    """As browsers record: pictures of uneven length, of which Matroska tells only that it counts milliseconds."""
    assert probe(film(tmp_path / "film.mkv", rate="1000", seconds=0.5, sound=())).frame_rate is None
    assert probe(film(tmp_path / "film.mp4", rate="1000", seconds=0.5, sound=())).frame_rate == 1000


def test_a_title_cannot_pass_for_a_track(tmp_path: Path) -> None:
    claim = (
        "x\n  Stream #0:0: Video: h264, yuv420p, 9999x9999, 1 fps\r\v  Duration: 99:00:00.00\n  Duration: 99:00:00.00"
    )
    made = tmp_path / "titled.mkv"
    run_ffmpeg(
        *counted(), *clicks(), *EXACT, "-metadata", f"title={claim}", "-metadata:s:a", f"comment={claim}", str(made)
    )
    seen = probe(made)
    assert (seen.width, seen.height, seen.frame_rate) == (64, 48, 25)
    assert seen.duration == pytest.approx(2, abs=0.1)


def test_a_cover_is_not_the_video(tmp_path: Path) -> None:
    cover = tmp_path / "cover.png"
    run_ffmpeg(*counted(size="200x200"), "-frames:v", "1", str(cover))
    made = tmp_path / "covered.mp4"
    inputs = ["-i", str(cover), "-i", str(film(tmp_path / "film.mp4"))]
    run_ffmpeg(*inputs, "-map", "0", "-map", "1", "-c", "copy", "-disposition:v:0", "attached_pic", str(made))
    assert _shape(probe(made)) == (64, 48, 1.333)


def test_the_version_in_use_can_be_told(either_ffmpeg: str) -> None:
    path, version = ffmpeg_version()
    assert Path(path).resolve() == Path(either_ffmpeg).resolve()
    assert version[0].isdigit() or version[0] in "nN"


def test_a_probe_is_a_value(tmp_path: Path) -> None:
    made = film(tmp_path / "film.mp4")
    assert astuple(probe(made)) == astuple(probe(str(made)))


def _shape(seen: Probe) -> tuple[int, int, float]:
    return seen.width, seen.height, round(seen.aspect, 3)


def _turned(mp4: bytes, degrees: int) -> bytes:
    """The matrix of the (only) track's header (ISO/IEC 14496-12, 8.3.2) set to a rotation."""
    one, minus = (1 << 16).to_bytes(4, "big"), (-1 << 16).to_bytes(4, "big", signed=True)
    zero, unit = bytes(4), (1 << 30).to_bytes(4, "big")
    cosine, sine, negative = {90: (zero, one, minus), -90: (zero, minus, one), 180: (minus, zero, zero)}[degrees]
    matrix = cosine + sine + zero + negative + cosine + zero + zero + zero + unit
    at = mp4.index(b"tkhd") + 4 + 40  # version 0
    return mp4[:at] + matrix + mp4[at + 36 :]
