"""Single pictures of a video, as a person would see them at given moments."""

from collections.abc import Iterator, Sequence
from contextlib import suppress
from pathlib import Path

import ffmpeg  # type: ignore[import-untyped]
from PIL import Image

from media.errors import MediaError, PictureTooLarge
from media.ffmpeg import CLIP, Limits, find_ffmpeg, running
from media.probe import Probe, input_arguments, input_name, open_video, probe_open

Size = tuple[int, int]

_SECONDS = 20  # for one still; what has no key picture for so long that this does not do is shown without it
_ROUNDING = 0.002  # seconds by which containers round, as in `media.decode`
_USUAL_RATE = 25.0


def stills(path: Path, times: Sequence[float], within: Size) -> Iterator[Image.Image | None]:
    """The picture on show at each of these seconds, in RGB, as large as fits `within` (width, height).

    None where there is none: past the end, damaged, or too costly to reach.

    Raises:
        MediaError: nothing of the file can be shown.
    """
    with open_video(path) as video:
        described = probe_open(video)
        if described.coded_pixels > CLIP.picture_pixels:
            raise PictureTooLarge("video", None, f"a picture may have at most {CLIP.picture_pixels} pixels")
        size = fitting(described.aspect, within)
        for seconds in times:
            yield _still(video, described, seconds, size)


def fitting(aspect: float, within: Size) -> Size:
    """The largest size of this aspect (width / height) that fits."""
    width = min(float(within[0]), within[1] * aspect)
    return max(1, round(width)), max(1, round(width / aspect))


def _still(video: int, described: Probe, seconds: float, size: Size) -> Image.Image | None:
    """Each in a run of its own: it seeks, so it costs the same wherever it is, and a damaged place spoils no other."""
    # ffmpeg gives the first picture that begins at or after where it is sent: the one on show began a little before.
    sent_to = max(0.0, seconds - 1 / (described.frame_rate or _USUAL_RATE) + _ROUNDING)
    whole = size[0] * size[1] * 3
    limits = Limits(duration=0, wall_seconds=3 * _SECONDS, cpu_seconds=_SECONDS, output_bytes=whole)

    def command(pipes: list[str]) -> list[str]:
        source = ffmpeg.input(input_name(video), ss=f"{sent_to:.3f}", threads=1, max_pixels=CLIP.picture_pixels)
        look = f"scale={size[0]}:{size[1]}:flags=area"
        shown = ffmpeg.output(source["V:0"], pipes[0], f="rawvideo", pix_fmt="rgb24", vf=look, vframes=1)
        compiled: list[str] = shown.compile(cmd=[find_ffmpeg(), "-v", "error", *input_arguments()])
        return compiled

    pixels = bytearray()
    with suppress(MediaError), running(command, reads=video, outputs=1, limits=limits) as run:
        for _, chunk in run.chunks():
            pixels += chunk
    return Image.frombytes("RGB", size, bytes(pixels)) if len(pixels) == whole else None
