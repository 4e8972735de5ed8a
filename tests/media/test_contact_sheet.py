"""The contact sheet, made from videos in which every second has a colour of its own."""

import subprocess
from dataclasses import replace
from io import BytesIO
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from media.contact_sheet import MOST_BANDS, WIDTH, contact_sheet
from media.errors import NotAVideo
from media.ffmpeg import find_ffmpeg
from media.identification import Evidence, Match
from media.stills import stills

Colour = tuple[int, int, int]

RED, GREEN, BLUE, YELLOW = (220, 30, 30), (30, 160, 40), (30, 40, 220), (230, 220, 30)
PINK, CYAN, BROWN, VIOLET = (250, 130, 180), (30, 210, 220), (120, 70, 30), (110, 30, 160)
OF_CLIP, OF_SOURCE = (RED, GREEN, BLUE, YELLOW), (PINK, CYAN, BROWN, VIOLET)

MATCH = Match(
    source=7,
    clip_t0=0.0,
    clip_t1=4.0,
    source_t0=0.0,
    source_t1=4.0,
    score=0.97,
    speed=1.0,
    mirrored=True,
    clip_rect=(0.0, 0.0, 1.0, 1.0),
    source_rect=(0.0, 0.0, 1.0, 1.0),
    evidence=Evidence((0.5, 1.5, 2.5, 3.5), (0.5, 1.5, 2.5, 3.5), (0.9, 0.8, 0.6, 0.3), (0.9, 0.8, 0.6, 0.3), 0.8),
)


@pytest.fixture(scope="module")
def clip(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return film(tmp_path_factory.mktemp("clip") / "clip.mp4", OF_CLIP, (90, 160))


@pytest.fixture(scope="module")
def source(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return film(tmp_path_factory.mktemp("source") / "source.mkv", OF_SOURCE, (160, 90))


def film(path: Path, colours: tuple[Colour, ...], size: tuple[int, int]) -> Path:
    """A second of each colour."""
    raw = b"".join(bytes(colour) * (size[0] * size[1] * 10) for colour in colours)
    coming = ["-f", "rawvideo", "-pix_fmt", "rgb24", "-s", f"{size[0]}x{size[1]}", "-r", "10", "-i", "pipe:0"]
    command = [find_ffmpeg(), "-v", "error", *coming, "-c:v", "mpeg4", "-q:v", "2", "-g", "25", str(path)]
    subprocess.run(command, input=raw, check=True)
    return path


def picture(jpeg: bytes) -> Image.Image:
    opened = Image.open(BytesIO(jpeg))
    assert opened.format == "JPEG"
    return opened.convert("RGB")


def pixels(sheet: Image.Image, colour: Colour) -> int:
    """How many are that colour, as far as JPEG keeps it."""
    apart = np.abs(np.asarray(sheet).astype(int) - np.array(colour)).max(axis=2)
    return int((apart < 24).sum())


def seen(sheet: Image.Image, colours: tuple[Colour, ...]) -> list[Colour]:
    return [colour for colour in colours if pixels(sheet, colour) > 2_000]


def test_each_pair_shows_the_moments_that_were_compared(clip: Path, source: Path) -> None:
    sheet = picture(contact_sheet(clip, {7: source}, [MATCH], columns=4))

    assert sheet.width == WIDTH
    assert seen(sheet, OF_CLIP + OF_SOURCE) == [*OF_CLIP, *OF_SOURCE]


def test_only_the_matched_seconds_are_shown(clip: Path, source: Path) -> None:
    match = replace(MATCH, clip_t0=0.0, clip_t1=2.0, source_t0=2.0, source_t1=4.0, evidence=Evidence((), (), (), (), 0))

    sheet = picture(contact_sheet(clip, {7: source}, [match], columns=4))

    assert seen(sheet, OF_CLIP + OF_SOURCE) == [RED, GREEN, BROWN, VIOLET]


def test_what_lies_outside_the_matched_rectangle_is_dimmed(clip: Path, source: Path) -> None:
    whole = picture(contact_sheet(clip, {7: source}, [MATCH], columns=4))
    half = picture(contact_sheet(clip, {7: source}, [replace(MATCH, clip_rect=(0, 0, 1, 0.5))], columns=4))

    assert pixels(half, BLUE) < 0.6 * pixels(whole, BLUE)
    assert pixels(half, PINK) == pytest.approx(pixels(whole, PINK), rel=0.05)


def test_a_source_that_is_no_longer_kept_is_a_grey_panel(clip: Path) -> None:
    sheet = picture(contact_sheet(clip, {}, [MATCH], columns=4))

    assert seen(sheet, OF_CLIP + OF_SOURCE) == [*OF_CLIP]
    assert pixels(sheet, (214, 213, 209)) > 4 * 100 * 80


def test_files_that_are_no_videos_are_grey_panels_too(tmp_path: Path) -> None:
    text = tmp_path / "clip.mp4"
    text.write_text("#EXTM3U\n/etc/passwd\n")

    sheet = picture(contact_sheet(text, {7: tmp_path / "gone.mp4"}, [MATCH], columns=4))

    assert pixels(sheet, (214, 213, 209)) > 8 * 100 * 80


def test_every_match_has_a_band(clip: Path, source: Path) -> None:
    one, two = (picture(contact_sheet(clip, {7: source}, [MATCH] * count, columns=2)).height for count in (1, 2))

    assert two == 2 * one


def test_a_clip_of_very_many_pieces_still_makes_a_sheet(tmp_path: Path) -> None:
    nothing = tmp_path / "deleted.mp4"
    most = picture(contact_sheet(nothing, {}, [MATCH] * MOST_BANDS))
    more = picture(contact_sheet(nothing, {}, [MATCH] * 500))

    assert most.height < more.height < 1.05 * most.height


def test_a_clip_without_a_match_has_a_sheet_that_says_so(clip: Path) -> None:
    sheet = picture(contact_sheet(clip, {}, []))

    assert (sheet.width, sheet.height) == (WIDTH, 80)
    assert pixels(sheet, (28, 28, 34)) > 200


@pytest.mark.parametrize(("second", "colour"), [(0.0, PINK), (0.99, PINK), (1.0, CYAN), (1.95, CYAN), (3.9, VIOLET)])
def test_a_still_is_what_is_on_show_at_its_second(source: Path, second: float, colour: Colour) -> None:
    (still,) = stills(source, [second], within=(80, 80))

    assert still is not None
    assert still.size == (80, 45)
    assert pixels(still, colour) > 0.9 * 80 * 45


def test_there_is_no_still_past_the_end_and_the_others_are_not_lost(source: Path) -> None:
    shown = list(stills(source, [0.5, 60.0, 2.5], within=(80, 80)))

    assert [still is not None for still in shown] == [True, False, True]


def test_a_still_stands_upright_where_the_file_asks_for_it(source: Path, tmp_path: Path) -> None:
    turned = tmp_path / "turned.mp4"
    newer, older = ["-display_rotation", "90"], ["-metadata:s:v", "rotate=90"]  # since ffmpeg 6, and before
    for before, after in ((newer, []), ([], older)):
        command = [find_ffmpeg(), "-y", *before, "-i", str(source), "-c", "copy", *after, str(turned)]
        if subprocess.run(command, check=False, capture_output=True).returncode == 0:
            break

    (still,) = stills(turned, [0.5], within=(80, 80))

    assert still is not None
    assert still.size == (45, 80)


def test_stills_of_no_video_are_refused(tmp_path: Path) -> None:
    text = tmp_path / "notes.txt"
    text.write_text("nothing to see")

    with pytest.raises(NotAVideo):
        list(stills(text, [0.0], within=(80, 80)))
