"""One pass over a video: its pictures, small and grey, and its sound, both on the file's own clock.

Time 0 is the container's start, where the earliest of its tracks begins. Picture k is the one a viewer sees at
k / pictures_per_second seconds: the last that began at or before that moment, give or take the 2 ms by which containers
round (Matroska, FLV: to a millisecond), so that the same film picks the same pictures in every container. Where nothing
has been shown yet, because the picture track starts late, it is the first picture there is; in a gap it is the last one
shown. Sound sample k is what is heard at k / 8000 seconds; a late start and gaps are silence.
"""

import re
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, replace
from pathlib import Path

import ffmpeg  # type: ignore[import-untyped]
import numpy as np
from numpy.typing import NDArray

from media.errors import (
    DamagedVideo,
    FrameRateTooHigh,
    PictureTooLarge,
    StillPicture,
    TruncatedVideo,
    VideoTooLong,
)
from media.ffmpeg import CLIP, SOURCE, Limits, Run, find_ffmpeg, running
from media.fragments import MUXER, Fragments
from media.probe import Probe, input_arguments, input_name, open_video, probe, probe_open

__all__ = ["CLIP", "PICTURE_SHAPE", "SOUND_RATE", "SOURCE", "Limits", "Pictures", "Probe", "Sound", "decode", "probe"]

PICTURE_SHAPE = (72, 128)  # rows, columns; the whole picture stretched to this, whatever its aspect
SOUND_RATE = 8000  # samples a second, mono, signed 16 bit

_PICTURES_A_BATCH = 64
_SOUND_A_BATCH = 10 * SOUND_RATE
_PICTURE_BYTES = PICTURE_SHAPE[0] * PICTURE_SHAPE[1]
_SHORTFALL = 2.0  # seconds less than the container promises that no rounding and no odd last picture explains
_ENDS_EARLY = re.compile(r"partial file|ended prematurely|[Tt]runcat")
_TOO_LARGE = re.compile(r"Picture size \d+x\d+ exceeds|Picture size \d+x\d+ is invalid")


@dataclass(frozen=True)
class Pictures:
    """Pictures `first`, `first` + 1, …: `frames` is uint8 of shape (n, 72, 128)."""

    first: int
    frames: NDArray[np.uint8]


@dataclass(frozen=True)
class Sound:
    """Samples `first`, `first` + 1, …: `samples` is int16 of shape (n,)."""

    first: int
    samples: NDArray[np.int16]


class Decoding:
    """Batches of a video's pictures and sound, each kind in order without a gap; to be read once.

    `truncated` is known after the last batch: the file ended, or became unreadable, before the length it declares.
    """

    def __init__(
        self, start: Callable[[Probe], Run], described: Probe, pictures_per_second: int, limits: Limits
    ) -> None:
        self.probe = described
        self.truncated = False
        self._start = start
        self._rate = pictures_per_second
        self._limits = limits
        self._pictures = 0
        self._samples = 0

    def __iter__(self) -> Iterator[Pictures | Sound]:
        run = self._start(self.probe)
        yield from self._batches(run)
        if not (run.succeeded or self._pictures or self._samples) and self.probe.has_sound:
            # A sound track that cannot even be set up stops ffmpeg as a whole; the pictures may be good.
            self.probe = replace(self.probe, has_sound=False)
            run = self._start(self.probe)
            yield from self._batches(run)
        self._finished(run.said)

    def _batches(self, run: Run) -> Iterator[Pictures | Sound]:
        pictures, sound, fragments = bytearray(), bytearray(), Fragments()
        for output, chunk in run.chunks():
            if output == 0:
                pictures += chunk
                yield from self._pictures_of(pictures, _PICTURES_A_BATCH)
            else:
                for time, samples in fragments.feed(chunk):
                    for piece in self._placed(time, samples, self._samples + len(sound) // 2):
                        sound += piece
                        yield from self._sound_of(sound, _SOUND_A_BATCH)
        yield from self._pictures_of(pictures, 1)
        yield from self._sound_of(sound, 1)

    def _pictures_of(self, waiting: bytearray, least: int) -> Iterator[Pictures]:
        """All whole pictures that are waiting, if there are at least so many."""
        count = len(waiting) // _PICTURE_BYTES
        if count < least:
            return
        if self._pictures + count > (self._limits.duration + 1) * self._rate:
            raise _too_long(self._limits)
        frames = np.frombuffer(_take(waiting, count * _PICTURE_BYTES), np.uint8).reshape(-1, *PICTURE_SHAPE)
        yield Pictures(self._pictures, frames)
        self._pictures += count

    def _sound_of(self, waiting: bytearray, least: int) -> Iterator[Sound]:
        count = len(waiting) // 2
        if count < least:
            return
        yield Sound(self._samples, np.frombuffer(_take(waiting, count * 2), np.int16))
        self._samples += count

    def _placed(self, time: int, samples: bytes, so_far: int) -> Iterator[bytes]:
        """The samples, after the silence until their time, without what would be heard before `so_far`."""
        if time > (self._limits.duration + 1) * SOUND_RATE:
            raise _too_long(self._limits)
        for start in range(so_far, time, _SOUND_A_BATCH):
            yield bytes(2 * min(_SOUND_A_BATCH, time - start))
        yield samples[2 * max(0, so_far - time) :]

    def _finished(self, said: str) -> None:
        if _TOO_LARGE.search(said):
            raise _picture_too_large(self._limits)
        promised = self.probe.duration or 0.0
        decoded = max(self._pictures / self._rate, self._samples / SOUND_RATE)
        self.truncated = decoded < promised - _SHORTFALL
        if self._pictures == 0:
            raise TruncatedVideo("video") if _ENDS_EARLY.search(said) else DamagedVideo("video")
        if self._pictures == 1 and not self.truncated:
            raise StillPicture("video")


def _take(waiting: bytearray, size: int) -> bytes:
    taken = bytes(waiting[:size])
    del waiting[:size]
    return taken


@contextmanager
def decode(
    path: str | Path, *, pictures_per_second: int, limits: Limits = CLIP, threads: int = 2
) -> Iterator[Decoding]:
    """The video's pictures and sound, decoded once by one ffmpeg with this many threads, a batch at a time.

    A batch is some 64 pictures or 10 s of sound; the whole is never in memory. Leaving the context ends ffmpeg, and so
    does the end of the thread that reads (Linux ties a child's death to the thread that started it).

    A truncated or damaged file gives what can be decoded of it, and `Decoding.truncated` says afterwards whether
    something is missing; only one without a single picture is refused. A file that grows meanwhile is read as far as
    it went (a recording under way); one that shrinks or is written over is refused at the end.

    Raises, on entering or while batches are read:
        MediaError: every kind of `media.errors`.
    """
    with open_video(path) as video, ExitStack() as stack:
        described = probe_open(video)
        _check(described, limits)

        def start(described: Probe) -> Run:
            def command(pipes: list[str]) -> list[str]:
                return _command(video, pipes, pictures_per_second, limits, threads)

            return stack.enter_context(running(command, reads=video, outputs=1 + described.has_sound, limits=limits))

        yield Decoding(start, described, pictures_per_second, limits)


def _check(described: Probe, limits: Limits) -> None:
    if described.duration is not None and described.duration > limits.duration:
        raise _too_long(limits, f"{described.duration:.0f} s")
    if described.coded_pixels > limits.picture_pixels:
        raise _picture_too_large(limits, f"{described.width}×{described.height}")
    if described.frame_rate is not None and described.frame_rate > limits.frame_rate:
        raise FrameRateTooHigh(
            "video", f"{described.frame_rate:g}", f"may have at most {limits.frame_rate:g} pictures a second"
        )


def _command(video: int, pipes: list[str], pictures_per_second: int, limits: Limits, threads: int) -> list[str]:
    """One pipe is for pictures, a second for sound."""
    rows, columns = PICTURE_SHAPE
    # round=up counts a picture from the first slot that does not begin before it does, which makes the newest of those
    # counted the one on show when the slot begins; 2 ms earlier, so that one which is late by rounding alone is not
    # missed. start_time=0 counts slots from the container's start, not from the first picture.
    on_time = f"settb=AVTB,setpts=PTS-2000,fps={pictures_per_second}:round=up:start_time=0"
    small = f"scale={columns}:{rows}:flags=area,format=gray"
    # async=1 fills gaps and cuts overlaps, and stretches nothing; small frames, for the last one may be lost
    # where the track changes its form.
    heard = f"atrim=start=0,aresample={SOUND_RATE}:async=1:min_hard_comp=0.02,asetnsamples={SOUND_RATE // 4}:p=0"
    source = ffmpeg.input(input_name(video), threads=threads, max_pixels=limits.picture_pixels)
    until = limits.duration + 2  # a little more than is allowed, so that what is too long is seen to be
    outputs = [ffmpeg.output(source["V:0"], pipes[0], f="rawvideo", vf=f"{on_time},{small}", t=until)]
    if len(pipes) > 1:
        outputs.append(ffmpeg.output(source["a:0"], pipes[1], acodec="pcm_s16le", ac=1, af=heard, t=until, **MUXER))
    compiled: list[str] = ffmpeg.merge_outputs(*outputs).compile(cmd=[find_ffmpeg(), "-v", "error", *input_arguments()])
    return compiled


def _too_long(limits: Limits, value: str | None = None) -> VideoTooLong:
    return VideoTooLong("video", value, f"may last at most {limits.duration:g} seconds")


def _picture_too_large(limits: Limits, value: str | None = None) -> PictureTooLarge:
    return PictureTooLarge("video", value, f"a picture may have at most {limits.picture_pixels} pixels")
