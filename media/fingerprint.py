"""Fingerprints: what is kept of a source, and what is looked at in a clip.

A source is fingerprinted once and kept for years; so little is kept, at 4 pictures a second: hashes of its views to
find it by, small pictures to prove a find with, and the peaks of its sound. A clip is looked at once, closely, at 12
pictures a second: so whatever moment a source's picture shows, a clip's is at most 1/24 second away from it.
"""

import zlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import msgspec
import numpy as np
from numpy.typing import NDArray

from media import thumbnails
from media.content import content_rects, without_bars
from media.decode import CLIP, SOURCE, Limits, Pictures, Sound, decode
from media.errors import DamagedFingerprint
from media.hashing import coefficients, confidences, informative, mirrored, phash_bits
from media.landmarks import SOUND_RATE, TICK, Peaks, find_peaks
from media.thumbnails import Thumbnails
from media.views import WHOLE, Rect, View, clip_views, source_views

SOURCE_RATE = 4
"""Pictures a second kept of a source."""
HASHED_RATE = 2
"""Pictures a second of a source that are hashed."""
HASHED_EVERY = SOURCE_RATE // HASHED_RATE
"""Pictures kept for each that is hashed; the first of a part is."""
CLIP_RATE = 12
"""Pictures a second looked at in a clip."""
PART_SECONDS = 600
"""A source is kept in parts of this length, so that a live stream grows by parts; the last one is shorter."""
VERSION = 1
"""Of what is kept. Fingerprints of another version have to be made anew."""
_MAGIC = b"CLFP"
_SOUND_BLOCK = 60 * SOUND_RATE
"""Samples that peaks are found in at a time."""
_SOURCE_PEAKS = 12
_CLIP_PEAKS = 15
_CONTENT_GUESSES = 6

Progress = Callable[[float], None]
"""Told the seconds of video that are done."""


@dataclass(frozen=True)
class SourceFingerprint:
    """A part of a source, at most PART_SECONDS long.

    `first` and `count`: its pictures, numbered from the source's beginning at SOURCE_RATE a second. `content`: the
    picture without bars. `hashes` (n, views) of every second picture from its first, where `telling` says so.
    `sheets`: the pictures themselves. `peaks`: of the sound, ticks counted from the source's beginning.
    """

    first: int
    count: int
    aspect: float
    content: Rect
    hashes: NDArray[np.uint64]
    telling: NDArray[np.bool_]
    sheets: tuple[bytes, ...]
    peaks: Peaks

    @property
    def end(self) -> int:
        """The number after its last picture."""
        return self.first + self.count

    @property
    def duration(self) -> float:
        """Seconds."""
        return self.count / SOURCE_RATE

    @cached_property
    def views(self) -> tuple[View, ...]:
        """What the columns of `hashes` are hashes of."""
        return source_views(self.aspect, self.content)

    def pictures(self, start: int, stop: int) -> Thumbnails:
        """The kept pictures numbered from `start` to before `stop`, both inside this part."""
        low, high = start - self.first, stop - self.first
        on = thumbnails.ON_A_SHEET
        decoded = thumbnails.from_sheets(self.sheets[low // on : (high - 1) // on + 1])
        return decoded[low % on : low % on + high - low]

    def to_bytes(self) -> bytes:
        """The form it is kept in; `from_bytes` reads it back, equal in every bit."""
        return _packed(self)

    @classmethod
    def from_bytes(cls, data: bytes) -> "SourceFingerprint":
        """Raises DamagedFingerprint where the bytes are not what `to_bytes` gave."""
        return _unpacked(data)


@dataclass(frozen=True)
class ClipFingerprint:
    """A clip, as closely as identification looks at it.

    `duration`: seconds. `pictures`: at CLIP_RATE a second. `contents`: where its content may lie, the whole picture
    first. `hashes` and `confidences` (n, views) and (n, views, 64) of every picture's `views`, and `mirrored_hashes`
    those of its mirror image, whose confidences are the same. `peaks`: of its sound.
    """

    duration: float
    aspect: float
    pictures: Thumbnails
    contents: tuple[Rect, ...]
    hashes: NDArray[np.uint64]
    mirrored_hashes: NDArray[np.uint64]
    confidences: NDArray[np.float32]
    telling: NDArray[np.bool_]
    peaks: Peaks

    @cached_property
    def views(self) -> tuple[View, ...]:
        """What the columns of `hashes` are hashes of."""
        return clip_views(self.aspect, self.contents)


def fingerprint_source(
    path: Path, *, first: int = 0, progress: Progress | None = None, limits: Limits = SOURCE
) -> Iterator[SourceFingerprint]:
    """The parts of a video file, in order, each as soon as it is decoded.

    `first`: the number of its first picture, where the file goes on from what was recorded before.

    Raises:
        MediaError: what is wrong with the file; parts given before that are good.
    """
    with decode(path, pictures_per_second=SOURCE_RATE, limits=limits) as batches:
        aspect = batches.probe.aspect
        recording = _Recording(SOURCE_RATE, _SOURCE_PEAKS, has_sound=batches.probe.has_sound)
        for batch in batches:
            recording.add(batch)
            if progress:
                progress(recording.seconds)
            if recording.holds(PART_SECONDS):
                pictures, peaks = recording.take(PART_SECONDS)
                yield source_part(pictures, peaks, aspect, first)
                first += len(pictures)
    while recording.seconds:
        pictures, peaks = recording.take(PART_SECONDS)
        yield source_part(pictures, peaks, aspect, first)
        first += len(pictures)


def fingerprint_clip(path: Path, *, progress: Progress | None = None, limits: Limits = CLIP) -> ClipFingerprint:
    """The fingerprint of a whole clip.

    Raises:
        MediaError: what is wrong with the file.
    """
    with decode(path, pictures_per_second=CLIP_RATE, limits=limits) as batches:
        seen = batches.probe
        recording = _Recording(CLIP_RATE, _CLIP_PEAKS, has_sound=seen.has_sound)
        for batch in batches:
            recording.add(batch)
            if progress:
                progress(recording.seconds)
    return clip_fingerprint(*recording.take(recording.seconds), seen.aspect, seen.duration)


def source_part(pictures: Thumbnails, peaks: Peaks, aspect: float, first: int) -> SourceFingerprint:
    """A part from its pictures at SOURCE_RATE and its peaks, whose ticks begin with the part; `first` numbers it."""
    content = without_bars(pictures[np.linspace(0, len(pictures) - 1, min(300, len(pictures))).astype(int)])
    found = coefficients(pictures[::HASHED_EVERY], [view.rect for view in source_views(aspect, content)])
    telling = informative(found)
    telling[:, 1] &= content != WHOLE  # else it is the first view once more
    moved = peaks + np.array([round(first / SOURCE_RATE / TICK), 0], np.int32)
    sheets = tuple(thumbnails.to_sheets(pictures))
    return SourceFingerprint(first, len(pictures), aspect, content, phash_bits(found), telling, sheets, moved)


def clip_fingerprint(
    pictures: Thumbnails, peaks: Peaks, aspect: float, duration: float | None = None
) -> ClipFingerprint:
    """A clip's fingerprint from its pictures at CLIP_RATE and the peaks of its sound.

    `duration`: seconds, as the file says; believed where the last picture bears it out.
    """
    longest = len(pictures) / CLIP_RATE
    duration = min(longest, max(duration or longest, longest - 1 / CLIP_RATE))
    contents = tuple(content_rects(pictures, aspect, most=_CONTENT_GUESSES))
    found = coefficients(pictures, [view.rect for view in clip_views(aspect, contents)])
    return ClipFingerprint(
        duration=duration,
        aspect=aspect,
        pictures=pictures,
        contents=contents,
        hashes=phash_bits(found),
        mirrored_hashes=phash_bits(mirrored(found)),
        confidences=confidences(found),
        telling=informative(found),
        peaks=peaks,
    )


class _Recording:
    """What has been decoded and not yet been taken: pictures, and the peaks of the sound."""

    def __init__(self, rate: int, peaks_a_second: int, *, has_sound: bool) -> None:
        self._rate, self._peaks_a_second, self._has_sound = rate, peaks_a_second, has_sound
        self._pictures: list[Thumbnails] = []
        self._count = 0
        self._samples: list[NDArray[np.int16]] = []
        self._waiting = 0
        self._peaks: list[Peaks] = []
        self._heard = 0  # samples whose peaks are known

    @property
    def seconds(self) -> float:
        """Of pictures."""
        return self._count / self._rate

    def add(self, batch: Pictures | Sound) -> None:
        if isinstance(batch, Pictures):
            self._pictures.append(batch.frames)
            self._count += len(batch.frames)
            return
        self._samples.append(batch.samples)
        self._waiting += len(batch.samples)
        if self._waiting >= _SOUND_BLOCK:
            self._listen()

    def _listen(self, *, to_the_end: bool = False) -> None:
        """Find the peaks of what waits, in whole blocks, so that parts and blocks end together."""
        sound = np.concatenate(self._samples) if self._samples else np.zeros(0, np.int16)
        whole = len(sound) if to_the_end else len(sound) // _SOUND_BLOCK * _SOUND_BLOCK
        for start in range(0, whole, _SOUND_BLOCK):
            block = sound[start : min(start + _SOUND_BLOCK, whole)]
            found = find_peaks(block, a_second=self._peaks_a_second)
            self._peaks.append(found + np.array([round(self._heard / SOUND_RATE / TICK), 0], np.int32))
            self._heard += len(block)
        self._samples, self._waiting = [sound[whole:]], len(sound) - whole

    def holds(self, seconds: float) -> bool:
        """Whether that much is complete: the sound may lag behind the pictures, but not by half as much again."""
        heard = self._heard >= seconds * SOUND_RATE or not self._has_sound
        return self.seconds >= seconds and (heard or self.seconds >= 1.5 * seconds)

    def take(self, seconds: float) -> tuple[Thumbnails, Peaks]:
        """The first seconds, or what there is; what follows begins at zero."""
        if self._heard < seconds * SOUND_RATE:
            self._listen(to_the_end=True)
        pictures = np.concatenate(self._pictures)
        peaks = np.concatenate(self._peaks) if self._peaks else np.zeros((0, 2), np.int32)
        count, ticks = round(seconds * self._rate), round(seconds / TICK)
        mine = peaks[:, 0] < ticks
        self._pictures, self._count = [pictures[count:]], max(0, len(pictures) - count)
        self._peaks = [peaks[~mine] - np.array([ticks, 0], np.int32)]
        self._heard = max(0, self._heard - round(seconds * SOUND_RATE))
        return pictures[:count], peaks[mine]


class _Kept(msgspec.Struct, array_like=True, forbid_unknown_fields=True):
    """A part as it is kept: numbers, and arrays as little-endian bytes."""

    version: int
    first: int
    count: int
    aspect: float
    content: Rect
    hashes: bytes
    telling: bytes
    sheets: tuple[bytes, ...]
    ticks: bytes
    bands: bytes


def _packed(part: SourceFingerprint) -> bytes:
    kept = _Kept(
        version=VERSION,
        first=part.first,
        count=part.count,
        aspect=part.aspect,
        content=part.content,
        hashes=part.hashes.astype("<u8").tobytes(),
        telling=np.packbits(part.telling).tobytes(),
        sheets=part.sheets,
        ticks=part.peaks[:, 0].astype("<i4").tobytes(),
        bands=part.peaks[:, 1].astype(np.uint8).tobytes(),
    )
    packed = msgspec.msgpack.encode(kept)
    return _MAGIC + zlib.crc32(packed).to_bytes(4, "little") + packed


def _unpacked(data: bytes) -> SourceFingerprint:
    packed = memoryview(data)[8:]
    if data[:4] != _MAGIC or zlib.crc32(packed).to_bytes(4, "little") != data[4:8]:
        raise DamagedFingerprint("fingerprint")
    try:
        return _part_of(msgspec.msgpack.decode(packed, type=_Kept))
    except (msgspec.MsgspecError, ValueError) as error:
        raise DamagedFingerprint("fingerprint") from error


def _part_of(kept: _Kept) -> SourceFingerprint:
    """Raises ValueError where lengths do not fit together, DamagedFingerprint for another version."""
    if kept.version != VERSION:
        raise DamagedFingerprint("fingerprint", kept.version, f"must be of version {VERSION}")
    hashed = len(range(0, kept.count, HASHED_EVERY))
    hashes = np.frombuffer(kept.hashes, "<u8").reshape(hashed, len(source_views(kept.aspect, kept.content)))
    telling = np.unpackbits(np.frombuffer(kept.telling, np.uint8)).astype(bool)[: hashes.size]
    peaks = np.stack([np.frombuffer(kept.ticks, "<i4"), np.frombuffer(kept.bands, np.uint8)], axis=1).astype(np.int32)
    if not hashed or len(kept.sheets) != -(-kept.count // thumbnails.ON_A_SHEET):
        raise ValueError("pictures are missing")
    return SourceFingerprint(
        first=kept.first,
        count=kept.count,
        aspect=kept.aspect,
        content=kept.content,
        hashes=hashes,
        telling=telling.reshape(hashes.shape),
        sheets=kept.sheets,
        peaks=peaks,
    )
