"""Whatever file a stranger sends, the answer is what can be decoded of it or a clear refusal, and nothing is left."""

import os
import pickle
import random
import subprocess
import sys
import time
import zipfile
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import replace
from pathlib import Path

import pytest

from media.decode import CLIP, PICTURE_SHAPE, SOURCE, Limits, Pictures, decode
from media.errors import (
    DamagedVideo,
    EmptyFile,
    FrameRateTooHigh,
    MediaError,
    NoPicture,
    NotAVideo,
    PictureTooLarge,
    StillPicture,
    TooCostly,
    TruncatedVideo,
    UnreadableFile,
    VideoChanged,
    VideoFileNotFound,
    VideoTooLong,
)
from tests.media.footage import (
    EXACT,
    clicks,
    counted,
    either_ffmpeg,
    film,
    listening,
    nothing_is_left,
    numbers,
    rewrapped,
    run_ffmpeg,
)

__all__ = ["either_ffmpeg", "nothing_is_left"]

pytestmark = pytest.mark.usefixtures("nothing_is_left")
whichever_ffmpeg = pytest.mark.usefixtures("either_ffmpeg")


def decoded(path: Path, limits: Limits = CLIP) -> list[int]:
    with decode(path, pictures_per_second=4, limits=limits) as batches:
        return numbers(batches)


# -- files that are no video -----------------------------------------------------------------------


def _no_file(path: Path) -> None:
    assert not path.exists()


def _loop(path: Path) -> None:
    path.symlink_to(path.name)


def _zeros(path: Path) -> None:
    path.write_bytes(bytes(100_000))


def _noise(path: Path) -> None:
    path.write_bytes(random.Random(3).randbytes(100_000))


def _archive(path: Path) -> None:
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("film.mp4", "film")


def _still(suffix: str) -> Callable[[Path], None]:
    def make(path: Path) -> None:
        made = path.with_suffix(suffix)
        run_ffmpeg(*counted(), "-frames:v", "1", "-update", "1", str(made))
        made.rename(path)

    return make


def _one_picture(path: Path) -> None:
    run_ffmpeg(*counted(), "-frames:v", "1", *EXACT, str(path))


def _sound_only(path: Path) -> None:
    run_ffmpeg(*clicks(), str(path))


def _fast(path: Path) -> None:
    run_ffmpeg(*counted(rate="1000", seconds=0.5), *EXACT, str(path))


def _huge(path: Path) -> None:
    run_ffmpeg(
        "-f", "lavfi", "-i", "color=black:s=15360x8640:d=1:r=2", "-c:v", "libx264", "-preset", "ultrafast", str(path)
    )


def _long(path: Path) -> None:
    slow = "color=black:s=16x16:r=1/60:d=36000"
    run_ffmpeg("-f", "lavfi", "-i", slow, "-c:v", "libx264", "-preset", "ultrafast", str(path))


def _without_index(path: Path) -> None:
    content = film(path).read_bytes()
    path.write_bytes(content[: content.index(b"moov") - 4])


def _index_only(path: Path) -> None:
    film(path.with_name("whole.mp4"))
    rewrapped(path.with_name("whole.mp4"), path, "-movflags", "+faststart")
    content = path.read_bytes()
    path.write_bytes(content[: content.index(b"mdat") + 4])


NO_VIDEOS: dict[str, tuple[Callable[[Path], object], type[MediaError]]] = {
    "missing": (_no_file, VideoFileNotFound),
    "a link to nothing": (lambda path: path.symlink_to("nowhere"), VideoFileNotFound),
    "a link to itself": (_loop, UnreadableFile),
    "a folder": (Path.mkdir, UnreadableFile),
    "a named pipe": (os.mkfifo, UnreadableFile),
    "no bytes": (Path.touch, EmptyFile),
    "text": (lambda path: path.write_text("This is no film.\n"), NotAVideo),
    "zeros": (_zeros, NotAVideo),
    "noise": (_noise, NotAVideo),
    "an archive": (_archive, NotAVideo),
    "a PNG": (_still(".png"), StillPicture),
    "a JPEG": (_still(".jpg"), StillPicture),
    "a GIF": (_still(".gif"), StillPicture),
    "a film of one picture": (_one_picture, StillPicture),
    "sound only": (_sound_only, NoPicture),
    "1000 pictures a second": (_fast, FrameRateTooHigh),
    "16K pictures": (_huge, PictureTooLarge),
    "ten hours of black": (_long, VideoTooLong),
    "cut before its index": (_without_index, TruncatedVideo),
    "cut after its index": (_index_only, DamagedVideo),
}


@whichever_ffmpeg
@pytest.mark.parametrize("kind", NO_VIDEOS)
def test_what_is_no_video_is_refused(kind: str, tmp_path: Path) -> None:
    make, refusal = NO_VIDEOS[kind]
    make(tmp_path / "sent.mp4")
    with pytest.raises(refusal) as refused:
        decoded(tmp_path / "sent.mp4")
    assert type(refused.value) is refusal or refusal is DamagedVideo
    assert refused.value.field == "video"
    assert refused.value.rule
    assert str(tmp_path) not in str(refused.value)
    assert pickle.loads(pickle.dumps(refused.value)).code == refused.value.code


# -- files that name other files -------------------------------------------------------------------

HLS = "#EXTM3U\n#EXT-X-TARGETDURATION:2\n#EXTINF:2,\n{address}\n#EXT-X-ENDLIST\n"
CONCAT = "ffconcat version 1.0\nfile '{address}'\n"
SDP = "v=0\no=- 0 0 IN IP4 127.0.0.1\ns=-\nc=IN IP4 127.0.0.1\nt=0 0\nm=video 5004 RTP/AVP 96\na=control:{address}\n"
DASH = (
    '<?xml version="1.0"?><MPD xmlns="urn:mpeg:dash:schema:mpd:2011" type="static" mediaPresentationDuration="PT2S" '
    'profiles="urn:mpeg:dash:profile:isoff-on-demand:2011"><Period><AdaptationSet mimeType="video/mp4">'
    '<Representation id="0" bandwidth="1000"><BaseURL>{address}</BaseURL></Representation>'
    "</AdaptationSet></Period></MPD>"
)


@whichever_ffmpeg
@pytest.mark.parametrize("suffix", [".mp4", ".m3u8"])
@pytest.mark.parametrize("script", [HLS, CONCAT, SDP, DASH], ids=["HLS", "concat", "SDP", "DASH"])
def test_a_script_reaches_no_other_file_and_no_address(script: str, suffix: str, tmp_path: Path) -> None:
    with listening() as (port, met):
        addresses = [
            str(film(tmp_path / "other.ts")),
            "other.ts",
            f"http://127.0.0.1:{port}/a.ts",
            f"tcp://127.0.0.1:{port}",
        ]
        for address in addresses:
            sent = tmp_path / f"sent{suffix}"
            sent.write_text(script.format(address=address))
            with pytest.raises(NotAVideo):
                decoded(sent)
    assert met == []


@whichever_ffmpeg
def test_a_numbered_name_is_one_name(tmp_path: Path) -> None:
    for number in range(3):
        film(tmp_path / f"film{number}.mp4", seconds=1)
    with pytest.raises(VideoFileNotFound):
        decoded(tmp_path / "film%d.mp4")


@whichever_ffmpeg
def test_a_name_that_looks_like_an_option_or_an_address_is_a_name(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    film(tmp_path / "film.mp4", seconds=1)
    for name in ("-version", "concat:film.mp4", "subfile,,start,0,end,9,,:film.mp4", "pipe:0", "%d.mp4"):
        Path("film.mp4").rename(name)
        assert len(decoded(Path(name))) == 4
        Path(name).rename("film.mp4")


@whichever_ffmpeg
def test_pictures_that_lie_in_another_file_are_not_shown(tmp_path: Path) -> None:
    """A QuickTime track may say by an alias that its data is elsewhere; here the data at hand is zeros."""
    other = film(tmp_path / "other.mov", sound=())
    sent = tmp_path / "sent.mov"
    sent.write_bytes(_referring(other.read_bytes(), other))
    try:
        shown = decoded(sent)
    except MediaError:
        shown = []
    assert shown != decoded(other)


def _referring(movie: bytes, other: Path) -> bytes:
    """The film with its data blanked out and its data reference (`dref`) an alias record that names the other file."""
    data = movie.index(b"mdat") + 4
    movie = movie[:data] + bytes(movie.index(b"moov") - 4 - data) + movie[movie.index(b"moov") - 4 :]
    record = (
        bytes(10) + b"\x00" + bytes(27) + bytes(12) + bytes([len(other.name)]) + other.name.encode().ljust(63, b"\0")
    )
    record += bytes(16) + b"\x00\x01\x00\x01" + bytes(16)
    path = str(other).encode()
    record += b"\x00\x02" + len(path).to_bytes(2, "big") + path + bytes(len(path) % 2) + b"\xff\xff\0\0"
    alias = (12 + len(record)).to_bytes(4, "big") + b"alis" + bytes(4) + record
    at = movie.rindex(b"url ") - 4 if b"alis" not in movie else movie.rindex(b"alis") - 4
    old = int.from_bytes(movie[at : at + 4], "big")
    for name in (b"moov", b"trak", b"mdia", b"minf", b"dinf", b"dref"):
        box = movie.rindex(name, 0, at) - 4
        size = int.from_bytes(movie[box : box + 4], "big") + len(alias) - old
        movie = movie[:box] + size.to_bytes(4, "big") + movie[box + 4 :]
    return movie[:at] + alias + movie[at + old :]


# -- videos that cost too much ---------------------------------------------------------------------


@pytest.fixture(scope="module")
def bomb(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Ten minutes of full HD in a megabyte or two: 37 GB of pictures."""
    folder = tmp_path_factory.mktemp("bomb")
    black = ["-f", "lavfi", "-i", "color=black:s=1920x1080:r=30:d=2", "-c:v", "libx264", "-preset", "ultrafast"]
    run_ffmpeg(*black, str(folder / "short.mp4"))
    run_ffmpeg("-stream_loop", "299", "-i", str(folder / "short.mp4"), "-c", "copy", str(folder / "bomb.mp4"))
    return folder / "bomb.mp4"


@whichever_ffmpeg
@pytest.mark.parametrize(
    ("limits", "rule"),
    [
        (replace(CLIP, cpu_seconds=1), "must be decoded in 1 seconds of processor time"),
        (replace(CLIP, wall_seconds=1.5), "must be decoded within 1.5 seconds"),
        (replace(CLIP, output_bytes=1_000_000), "may decode to at most 1000000 bytes"),
        (replace(CLIP, duration=599), "may last at most 599 seconds"),
        (replace(CLIP, picture_pixels=1_000_000), "a picture may have at most 1000000 pixels"),
        (replace(CLIP, frame_rate=29), "may have at most 29 pictures a second"),
    ],
    ids=["processor", "time", "output", "duration", "pixels", "rate"],
)
def test_a_bomb_is_refused_with_the_limit_named(limits: Limits, rule: str, bomb: Path) -> None:
    with pytest.raises(TooCostly) as refused:
        decoded(bomb, limits)
    assert refused.value.rule == rule


@whichever_ffmpeg
def test_too_little_memory_is_an_answer_too(bomb: Path) -> None:
    with pytest.raises((TooCostly, DamagedVideo)):
        decoded(bomb, replace(CLIP, memory=48 << 20, stall_seconds=2))


@whichever_ffmpeg
def test_a_length_that_is_not_declared_is_counted(tmp_path: Path) -> None:
    live = rewrapped(film(tmp_path / "film.mkv", seconds=20, sound=()), tmp_path / "live.mkv", "-live", "1")
    with pytest.raises(VideoTooLong):
        decoded(live, replace(CLIP, duration=10))
    assert len(decoded(live, replace(CLIP, duration=20))) == 80


@whichever_ffmpeg
@pytest.mark.parametrize("track", ["pictures", "sound"])
def test_hours_of_nothing_between_two_seconds_are_refused(track: str, tmp_path: Path) -> None:
    jump = ["-bsf:v" if track == "pictures" else "-bsf:a", "setts=ts=if(gte(PTS*TB\\,1)\\,PTS+7200/TB\\,PTS)"]
    made = film(tmp_path / "film.mkv", sound=("-c:a", "pcm_s16le"))
    gap = rewrapped(made, tmp_path / "gap.mkv", "-live", "1", *jump)
    with pytest.raises(VideoTooLong):
        decoded(gap, replace(CLIP, duration=30))


@whichever_ffmpeg
def test_a_video_that_grows_beyond_the_limit_midway_is_refused(tmp_path: Path) -> None:
    small, large = tmp_path / "small.ts", tmp_path / "large.ts"
    run_ffmpeg(*counted(), *EXACT, str(small))
    run_ffmpeg(*counted(size="256x192"), *EXACT, "-output_ts_offset", "2", str(large))
    small.write_bytes(small.read_bytes() + large.read_bytes())
    with pytest.raises(PictureTooLarge):
        decoded(small, replace(CLIP, picture_pixels=100 * 100))


def test_the_decoder_can_write_no_file(tmp_path: Path) -> None:
    launcher = Path(sys.modules["media.ffmpeg"].__file__ or "").with_name("launch.py")
    confined = [sys.executable, "-I", "-S", str(launcher), str(os.getpid()), "10", str(1 << 30)]
    written = tmp_path / "written"
    done = subprocess.run(
        [*confined, "/bin/sh", "-c", f"echo out; echo x > {written}"], capture_output=True, check=False
    )
    assert done.stdout == b"out\n"
    assert done.returncode != 0
    assert not written.exists() or written.stat().st_size == 0


# -- videos that are not what they seem ------------------------------------------------------------


@whichever_ffmpeg
@pytest.mark.parametrize("name", ["film.txt", "film.mp3", "film.png", "film.m3u8", "film", "film.avi"])
def test_a_wrong_name_does_not_matter(name: str, tmp_path: Path) -> None:
    made = film(tmp_path / "made.mkv", sound=())
    assert len(decoded(made.rename(tmp_path / name))) == 8


@whichever_ffmpeg
def test_a_link_is_followed(tmp_path: Path) -> None:
    made = film(tmp_path / "made.mkv", sound=())
    (tmp_path / "link.mp4").symlink_to(made)
    assert decoded(tmp_path / "link.mp4") == decoded(made)


@pytest.mark.parametrize("change", ["cut", "written over"])
def test_a_file_that_changes_while_it_is_read_is_refused(change: str, tmp_path: Path) -> None:
    made = film(tmp_path / "made.mkv", seconds=120, rate="50")
    size = made.stat().st_size

    def read_and_change() -> None:
        with decode(made, pictures_per_second=12) as batches:
            reading = iter(batches)
            next(reading)
            _change(made, change)
            assert list(reading)

    with pytest.raises(VideoChanged):
        read_and_change()
    assert (made.stat().st_size < size) == (change == "cut")


def _change(path: Path, change: str) -> None:
    if change == "cut":
        os.truncate(path, path.stat().st_size // 3)
    else:
        with path.open("r+b") as file:
            file.seek(-1000, os.SEEK_END)
            file.write(bytes(500))


def test_a_recording_that_grows_while_it_is_read_is_read(tmp_path: Path) -> None:
    made = film(tmp_path / "made.ts", seconds=60)
    content = made.read_bytes()
    made.write_bytes(content[: len(content) // 2])
    with decode(made, pictures_per_second=4, limits=SOURCE) as batches:
        for batch in batches:
            if batch.first == 0 and isinstance(batch, Pictures):
                assert batch.frames.shape[1:] == PICTURE_SHAPE
                with made.open("ab") as file:
                    file.write(content[len(content) // 2 :])


# -- mutations -------------------------------------------------------------------------------------

SEED = 20261122
SECONDS_EACH = 30


def _flipped(content: bytes, dice: random.Random) -> bytes:
    changed = bytearray(content)
    for _ in range(dice.choice((1, 20, 400))):
        changed[dice.randrange(len(changed))] ^= 1 << dice.randrange(8)
    return bytes(changed)


def _cut(content: bytes, dice: random.Random) -> bytes:
    return content[: dice.randrange(1, len(content))]


def _spliced(content: bytes, dice: random.Random) -> bytes:
    start, end, at = (dice.randrange(len(content)) for _ in range(3))
    return content[:at] + content[min(start, end) : max(start, end)] + content[at:]


def _hole(content: bytes, dice: random.Random) -> bytes:
    at, size = dice.randrange(len(content)), dice.randrange(1, 4000)
    return content[:at] + dice.choice((b"", bytes(size), b"\xff" * size)) + content[at + size :]


def _misled(content: bytes, dice: random.Random) -> bytes:
    """A number in a header made extreme: the first and the last 2 kB hold the sizes, counts, rates and times."""
    changed = bytearray(content)
    for _ in range(dice.choice((1, 4, 16))):
        at = dice.randrange(min(2000, len(content) - 8))
        at = at if dice.random() < 0.5 else len(content) - 8 - at
        changed[at : at + 4] = dice.choice((b"\xff\xff\xff\xff", b"\x7f\xff\xff\xff", bytes(4), dice.randbytes(4)))
    return bytes(changed)


MUTATIONS = (_flipped, _cut, _spliced, _hole, _misled)
CONTAINERS = (".mp4", ".mkv", ".ts", ".avi", ".flv", ".webm")


@pytest.fixture(scope="module")
def originals(tmp_path_factory: pytest.TempPathFactory) -> dict[str, bytes]:
    folder = tmp_path_factory.mktemp("originals")
    coded = ["-c:v", "libx264", "-preset", "ultrafast", "-g", "12", "-bf", "0", "-c:a", "aac"]
    films = dict.fromkeys(CONTAINERS, coded) | {".webm": ["-c:v", "libvpx", "-c:a", "libopus"]}
    for suffix, options in films.items():
        run_ffmpeg(*counted(seconds=2), *clicks(), *options, str(folder / f"film{suffix}"))
    return {suffix: (folder / f"film{suffix}").read_bytes() for suffix in films}


@pytest.fixture
def soon() -> Iterator[None]:
    begun = time.monotonic()
    yield
    assert time.monotonic() - begun < SECONDS_EACH, "a mutated file kept the decoder busy"


@pytest.mark.usefixtures("either_ffmpeg", "soon")
@pytest.mark.parametrize("mutation", MUTATIONS, ids=lambda mutation: mutation.__name__.strip("_"))
@pytest.mark.parametrize("suffix", CONTAINERS)
def test_a_mutated_video_is_decoded_or_refused(
    suffix: str, mutation: Callable[[bytes, random.Random], bytes], originals: dict[str, bytes], tmp_path: Path
) -> None:
    dice = random.Random(f"{SEED} {suffix} {mutation.__name__}")
    sent = tmp_path / "sent"
    sent.write_bytes(mutation(originals[suffix], dice))
    with suppress(MediaError):
        assert decoded(sent, replace(CLIP, cpu_seconds=10, wall_seconds=20))
