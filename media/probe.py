"""What a video file is, before any of it is decoded: container, length, shape, rate, sound.

The wheel's ffmpeg comes without ffprobe, so this reads what ffmpeg itself says of its input, which has kept its form
from version 5 to 9. A file can put its own words there (titles, names of tracks), but only indented deeper than the
lines read here; and what it claims of itself is believed for no limit: decoding enforces each again.
"""

import os
import re
import stat
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from media.errors import (
    DamagedVideo,
    EmptyFile,
    MediaError,
    NoPicture,
    NotAVideo,
    StillPicture,
    TruncatedVideo,
    UnreadableFile,
    VideoChanged,
    VideoFileNotFound,
)
from media.ffmpeg import Limits, find_ffmpeg, running

# ffmpeg's demuxers of real containers. A playlist, a script or a numbered picture names other files: not among them.
CONTAINERS = ("mov", "matroska", "mpegts", "avi", "mpeg", "flv", "ogg", "asf", "mxf")

# Applies to the only file that is opened. `pipe` is our side's: ffmpeg checks its outputs against the list too.
_CONFINED = ["-hide_banner", "-nostdin", "-protocol_whitelist", "file", "-format_whitelist", ",".join(CONTAINERS)]
_PROBING = Limits(duration=0, wall_seconds=120, cpu_seconds=60, output_bytes=0)

_IMAGES = (b"\x89PNG\r\n", b"\xff\xd8\xff", b"GIF8", b"BM", b"II*\0", b"MM\0*")
_IMAGE_BRANDS = (b"avif", b"avis", b"heic", b"heix", b"hevc", b"mif1", b"msf1")  # in the container of MP4
_INPUT = re.compile(r"Input #0, (\w+)")
_DURATION = re.compile(r"  Duration: (\d+):(\d\d):(\d\d\.\d+)")
_STREAM = re.compile(r"  Stream #0:\d+.*?: (Video|Audio): (\w+)(.*)")
_SIZE = re.compile(r", (\d+)x(\d+)(?: \[SAR (\d+):(\d+) DAR \d+:\d+\])?")
_RATE = re.compile(r", ([\d.]+)(k?) fps\b")
_TICKS = {"matroska": 1000.0, "flv": 1000.0}  # a second, of the container's clock
_ROTATION = re.compile(r"      (?:displaymatrix|Display Matrix): rotation of (-?[\d.]+) degrees")
_COVER = re.compile(r"\((?:attached pic|timed thumbnails)\)")


@dataclass(frozen=True)
class Probe:
    """What a video says of itself. `duration` is in seconds, None where the container does not say.

    `width` and `height` are those of the picture as shown, in square pixels: turned as the file asks for, and stretched
    by the aspect ratio of its pixels (the height is kept). `aspect` is width / height before rounding.
    `coded_pixels` is what decoding one picture costs. `frame_rate` is pictures a second on average, None if unknown.
    """

    container: str
    duration: float | None
    width: int
    height: int
    aspect: float
    coded_pixels: int
    frame_rate: float | None
    has_sound: bool


def probe(path: str | Path) -> Probe:
    """What the video says of itself.

    Raises:
        VideoFileNotFound, UnreadableFile, EmptyFile: there is no such file, it is none, or it has nothing in it.
        NotAVideo, StillPicture, NoPicture: it is something else.
        TruncatedVideo, DamagedVideo: nothing can be told of its pictures.
        VideoChanged: it was cut or written over meanwhile.
    """
    with open_video(path) as video:
        return probe_open(video)


@contextmanager
def open_video(path: str | Path) -> Iterator[int]:
    """The file, open for reading: one open file, so that what is checked is what is decoded whatever moves meanwhile.

    A symbolic link is followed; which folders may be read is for the caller to decide.
    """
    name = Path(path).name
    try:
        fd = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)  # a named pipe would wait for its writer
    except FileNotFoundError:
        raise VideoFileNotFound("video", name) from None
    except (OSError, ValueError) as error:  # ValueError: a name with a zero byte
        raise UnreadableFile("video", name) from error
    try:
        status = os.fstat(fd)
        if not stat.S_ISREG(status.st_mode):
            raise UnreadableFile("video", name)
        if status.st_size == 0:
            raise EmptyFile("video", name)
        with _unchanged(fd):
            yield fd
    finally:
        os.close(fd)


@contextmanager
def _unchanged(video: int) -> Iterator[None]:
    """A file that shrinks or is written over is no video: what was read of it never stood in it at one time."""
    before = os.fstat(video)
    try:
        yield
    except MediaError as error:
        if _changed(before, os.fstat(video)):
            raise VideoChanged("video") from error
        raise
    if _changed(before, os.fstat(video)):
        raise VideoChanged("video")


def _changed(before: os.stat_result, after: os.stat_result) -> bool:
    # One that grows is a recording under way, and what it held stays as it was.
    return after.st_size < before.st_size or (
        after.st_size == before.st_size and after.st_mtime_ns != before.st_mtime_ns
    )


def input_arguments() -> list[str]:
    """What ffmpeg is told before every `-i`."""
    return _CONFINED


def input_name(video: int) -> str:
    """How ffmpeg is to open a file that `open_video` opened. It has no extension, so only the content is judged."""
    return f"file:/dev/fd/{video}"


def probe_open(video: int) -> Probe:
    """`probe` of a file that `open_video` opened."""

    def command(_: list[str]) -> list[str]:
        return [find_ffmpeg(), *_CONFINED, "-i", input_name(video)]

    if _is_image(os.pread(video, 12, 0)):
        raise StillPicture("video")
    with running(command, reads=video, outputs=0, limits=_PROBING) as run:
        for _ in run.chunks():
            pass
    return _parse(run.said)


def _is_image(beginning: bytes) -> bool:
    kind, brand = beginning[4:8], beginning[8:12]
    return (
        beginning.startswith(_IMAGES)
        or (beginning[:4], brand) == (b"RIFF", b"WEBP")
        or (kind == b"ftyp" and brand in _IMAGE_BRANDS)
    )


def _parse(said: str) -> Probe:
    lines = said.split("\n")  # not splitlines(): a title may hold other line breaks
    container = _first(_INPUT, lines)
    if container is None:
        raise _refusal(said)
    streams = [found for line in lines if (found := _STREAM.match(line)) and not _COVER.search(line)]
    pictures = next((found for found in streams if found[1] == "Video"), None)
    if pictures is None:
        raise NoPicture("video")
    return _shown(container[1], lines, pictures, has_sound=any(s[1] == "Audio" and s[2] != "none" for s in streams))


def _refusal(said: str) -> MediaError:
    if "moov atom not found" in said:
        return TruncatedVideo("video", None, "ends before its index (moov); the copy or upload is incomplete")
    return NotAVideo("video")


def _shown(container: str, lines: list[str], pictures: re.Match[str], *, has_sound: bool) -> Probe:
    size = _SIZE.search(pictures[3])
    if size is None or not int(size[1]) or not int(size[2]):
        raise DamagedVideo("video", None, "does not say how large its pictures are")
    width, height = int(size[1]), int(size[2])
    pixel = int(size[3]) / int(size[4]) if size[3] and int(size[3]) and int(size[4]) else 1.0
    shown_width, shown_height = width * pixel, float(height)
    rotation = _rotation(lines, pictures)
    if round(rotation / 90) % 2:
        shown_width, shown_height = shown_height, shown_width
    return Probe(
        container=container,
        duration=_duration(lines),
        width=max(1, round(shown_width)),
        height=max(1, round(shown_height)),
        aspect=shown_width / shown_height,
        coded_pixels=width * height,
        frame_rate=_frame_rate(pictures[3], container),
        has_sound=has_sound,
    )


def _rotation(lines: list[str], pictures: re.Match[str]) -> float:
    """Degrees the track asks to be turned by: its side data stand between its line and the next track's."""
    after = lines[lines.index(pictures.string) + 1 :]
    for line in after:
        if _STREAM.match(line):
            break
        if found := _ROTATION.match(line):
            return float(found[1])
    return 0.0


def _duration(lines: list[str]) -> float | None:
    found = _first(_DURATION, lines)
    return int(found[1]) * 3600 + int(found[2]) * 60 + float(found[3]) if found else None


def _frame_rate(described: str, container: str) -> float | None:
    """None too where it is the clock's own rate: so browsers' recordings of uneven pictures are described."""
    found = _RATE.search(described)
    rate = float(found[1]) * (1000 if found[2] else 1) if found else 0.0
    return rate if rate and rate != _TICKS.get(container) else None


def _first(pattern: re.Pattern[str], lines: list[str]) -> re.Match[str] | None:
    return next((found for line in lines if (found := pattern.match(line))), None)
