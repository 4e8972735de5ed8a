"""The demo's film: what it draws, what it cuts, and that it notices when something is found wrong."""

import subprocess
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from PIL import Image, ImageChops, ImageStat

from clipledger.demo import visitors_video, voice
from clipledger.demo.checks import DemoError
from clipledger.demo.clips import CLIPS, STRANGERS_CLIP, Cut, NewClip, clips_of, cut
from clipledger.demo.findings import Identified, check
from clipledger.demo.stream import LILI_LIVE, RATE, SIZE, WARE_SECONDS, Camera, render
from media.ffmpeg import find_ffmpeg
from media.identification import Evidence, Match
from media.probe import probe

# One worker renders the stream.
pytestmark = pytest.mark.xdist_group("stream")

SOURCE = 1
SILENT = np.zeros(LILI_LIVE.seconds * RATE)
CUT = Cut(2.0, 12.0, 48.0, 59.0, speed=1.1)
CLIP = replace(CLIPS[0], taken=((48.0, 59.0),))
MATCH = Match(
    source=SOURCE,
    clip_t0=2.1,
    clip_t1=12.0,
    source_t0=48.1,
    source_t1=59.0,
    score=0.9,
    speed=1.1,
    mirrored=False,
    clip_rect=(0.0, 0.0, 1.0, 1.0),
    source_rect=(0.3, 0.0, 0.7, 1.0),
    evidence=Evidence((), (), (), (), 0.0),
)


@pytest.fixture(scope="module")
def short_stream(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("film") / "stream.mp4"
    render(LILI_LIVE, path, seconds=5)
    return path


def drawn(seconds: float, seed: int = LILI_LIVE.seed) -> Image.Image:
    return Camera(replace(LILI_LIVE, seed=seed), SILENT).picture(round(seconds * RATE))


def unlike(one: Image.Image, other: Image.Image) -> float:
    """The mean difference of two pictures, of 255."""
    return sum(ImageStat.Stat(ImageChops.difference(one, other)).mean) / 3


@pytest.mark.parametrize("seconds", [5.0, 50.0, 140.0])
def test_the_same_seed_draws_the_same_stream(seconds: float) -> None:
    assert drawn(seconds).tobytes() == drawn(seconds).tobytes()
    assert drawn(seconds).tobytes() != drawn(seconds, seed=12).tobytes()


def test_every_shot_of_every_ware_looks_different() -> None:
    camera = Camera(LILI_LIVE, SILENT)
    shots = [
        camera.picture((WARE_SECONDS * ware + second) * RATE)
        for ware in range(len(LILI_LIVE.wares))
        for second in (5, 17, 30)
    ]

    assert all(unlike(one, other) > 12 for n, one in enumerate(shots) for other in shots[:n])


def test_the_host_moves_within_a_shot() -> None:
    assert all(unlike(drawn(second), drawn(second + 2)) > 2 for second in (3, 30, 100))


def test_the_mouth_opens_with_the_voice() -> None:
    silent, loud = (Camera(LILI_LIVE, np.full_like(SILENT, level)).picture(40) for level in (0.0, 1.0))

    assert 0.01 < unlike(silent, loud) < 1


def test_the_voice_is_the_same_for_the_same_seed_and_pauses_for_breath() -> None:
    said = voice.speech(20, 215, seed=1)
    loudness = voice.loudness(said, RATE)

    assert np.array_equal(said, voice.speech(20, 215, seed=1))
    assert not np.array_equal(said, voice.speech(20, 215, seed=2))
    assert len(loudness) == 20 * RATE
    assert loudness.min() < 0.01
    assert loudness.max() == 1


def test_the_stream_is_a_video_with_sound(short_stream: Path) -> None:
    seen = probe(short_stream)

    assert (seen.width, seen.height, seen.frame_rate, seen.has_sound) == (*SIZE, RATE, True)
    assert seen.duration == pytest.approx(5, abs=0.1)


@pytest.mark.parametrize(
    ("clip", "aspect", "seconds"), [(CLIPS[0], 9 / 16, 4 / 1.1), (CLIPS[1], 16 / 9, 4), (CLIPS[2], 9 / 16, 4)]
)
def test_a_clip_has_its_length_and_its_shape(
    clip: NewClip, aspect: float, seconds: float, short_stream: Path, tmp_path: Path
) -> None:
    short = replace(clip, taken=((0.5, 2.0), (2.5, 5.0)))

    seen = probe(cut(short, short_stream, tmp_path))

    assert seen.duration == pytest.approx(seconds, abs=0.15)
    assert short.seconds == pytest.approx(seconds)
    assert seen.aspect == pytest.approx(aspect)
    assert seen.has_sound


def test_where_the_cuts_of_a_clip_come_to_lie() -> None:
    clip = replace(CLIPS[0], taken=((10.0, 21.0), (50.0, 72.0)), speed=1.1, mirrored=True)

    assert clip.cuts == (Cut(0.0, 10.0, 10.0, 21.0, 1.1, True), Cut(10.0, 30.0, 50.0, 72.0, 1.1, True))


def test_every_clip_is_taken_from_within_its_stream() -> None:
    assert all(0 <= start < end <= LILI_LIVE.seconds for clip in CLIPS for start, end in clip.taken)
    assert STRANGERS_CLIP.taken[-1][1] <= WARE_SECONDS


@pytest.mark.parametrize("seconds", [60.0, 97.5, 180.0, 300.0])
def test_every_clip_is_taken_from_within_a_visitors_recording(seconds: float) -> None:
    for clip, drawn in zip(clips_of(seconds), CLIPS, strict=True):
        assert clip.seconds <= drawn.seconds
        assert all(0 <= start < end <= seconds for start, end in clip.taken)
    assert clips_of(LILI_LIVE.seconds) == CLIPS


def test_a_visitors_recording_becomes_the_stream_with_or_without_sound(tmp_path: Path) -> None:
    silent = tmp_path / "silent.webm"
    made = ["-f", "lavfi", "-i", "testsrc=size=180x320:rate=5:duration=61", "-c:v", "libvpx", "-deadline", "realtime"]
    subprocess.run([find_ffmpeg(), "-v", "error", "-nostdin", *made, str(silent)], check=True)

    assert visitors_video.take(silent, tmp_path / "stream.mp4") == pytest.approx(61, abs=0.2)
    seen = probe(tmp_path / "stream.mp4")
    assert (seen.width, seen.height, seen.has_sound) == (*SIZE, True)


def test_a_recording_that_is_too_short_or_none_is_refused(short_stream: Path, tmp_path: Path) -> None:
    with pytest.raises(DemoError, match="has 5 s; a stream for the demo has at least 60 s"):
        visitors_video.take(short_stream, tmp_path / "stream.mp4")
    (tmp_path / "notes.txt").write_text("not a video")
    with pytest.raises(DemoError, match=r"notes.txt: "):
        visitors_video.take(tmp_path / "notes.txt", tmp_path / "stream.mp4")


def test_what_is_found_as_it_was_cut_passes() -> None:
    check([Identified(CLIP, (CUT,), (MATCH,)), Identified(STRANGERS_CLIP, (), ())], SOURCE, all_found=True)


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        (replace(MATCH, source=SOURCE + 1), "in the stream it was cut from"),
        (replace(MATCH, source_t0=47.4, source_t1=58.4), "0.60 s off"),
        (replace(MATCH, clip_t1=11.0), "1.00 s off"),
        (replace(MATCH, speed=1.0), "at its speed"),
        (replace(MATCH, mirrored=True), "mirrored"),
        (replace(MATCH, score=0.01), "score"),
    ],
)
def test_a_segment_that_is_found_wrong_ends_the_demo(wrong: Match, said: str) -> None:
    with pytest.raises(DemoError, match=said):
        check([Identified(CLIP, (CUT,), (wrong,))], SOURCE, all_found=True)


def test_a_segment_that_is_missing_ends_the_demo() -> None:
    with pytest.raises(DemoError, match="every segment of ana's clip is found"):
        check([Identified(CLIP, (CUT, CUT), (MATCH,))], SOURCE, all_found=True)


def test_in_a_visitors_recording_a_segment_may_be_missing_but_none_may_be_wrong() -> None:
    later = replace(CUT, clip_t0=20.0, clip_t1=30.0)
    check([Identified(CLIP, (later, CUT), (MATCH,))], SOURCE, all_found=False)

    with pytest.raises(DemoError, match="in the stream it was cut from"):
        check([Identified(CLIP, (later, CUT), (replace(MATCH, source=SOURCE + 1),))], SOURCE, all_found=False)


def test_a_segment_that_was_never_cut_ends_the_demo() -> None:
    later = replace(MATCH, clip_t0=15.0, clip_t1=18.0)

    with pytest.raises(DemoError, match="nothing that was not cut"):
        check([Identified(CLIP, (CUT,), (MATCH, later))], SOURCE, all_found=True)


def test_a_stranger_who_is_recognised_ends_the_demo() -> None:
    with pytest.raises(DemoError, match="nothing that was not cut from the stream is found in stranger's clip"):
        check([Identified(STRANGERS_CLIP, (), (MATCH,))], SOURCE, all_found=True)
