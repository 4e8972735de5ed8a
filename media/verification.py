"""From a guess to stretches that were seen to be the same: nothing else becomes a match.

A guess is a line of look-alikes or of sounds. The clip is laid over the source there, followed through all of the clip,
and laid over it once more for each stretch that agrees.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from media.alignment import Alignment, between
from media.correlation import Agreement
from media.fingerprint import CLIP_RATE, SOURCE_RATE, ClipFingerprint, SourceFingerprint
from media.hearing import Heard
from media.registration import Overlay
from media.segments import Segment, segments
from media.thumbnails import Thumbnails
from media.views import Rect, aspect_of, part
from media.voting import Hits, Line

SHORT = 3.0
"""Seconds: a guess from fewer is widened before it is verified."""
_LOOSE = 2.0
"""Seconds around a guessed stretch that are loaded, since its time is not exact."""
_VERIFIED = 0.36
"""Agreement from which a stretch is looked at moment by moment."""
_AS_GOOD = 0.04
"""Agreement that the sound's timing may cost: it is exact where pictures hardly move."""
_TOGETHER = 1.5
"""Seconds by which what is seen and what is heard may differ and still be one stretch."""
_PLACES = 9
"""Strips of a source that are tried where only the sound says when, and nothing says where."""


class Library(Protocol):
    """The sources that a clip may come from."""

    def look_alikes(self, clip: ClipFingerprint) -> Hits:
        """The sources' moments whose hashes are near those of the clip."""

    def landmarks(self, keys: NDArray[np.uint32]) -> tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.float32]]:
        """As `media.hearing.Lookup`."""

    def part_at(self, source: int, seconds: float) -> SourceFingerprint:
        """The part of the source at that time; the nearest one where it has none."""

    def pictures(self, source: int, start: int, stop: int) -> tuple[int, Thumbnails]:
        """The number of the first picture, and what there is from `start` to before `stop`."""


@dataclass(frozen=True, slots=True)
class Found:
    """A verified stretch, and what was measured of it, before it has a score.

    `stretched`: the factor by which pixels are wider in the clip than in the source. `heard`: 0 to 1.
    """

    source: int
    alignment: Alignment
    segment: Segment
    stretched: float
    heard: float

    def explains(self, sound: Heard) -> bool:
        """Whether this is the stretch that is heard."""
        middle = (sound.first + sound.last) / 2
        apart = abs(sound.source_time(middle) - self.alignment.source_time(middle))
        inside = self.segment.clip_t0 < middle < self.segment.clip_t1
        return self.source == sound.source and apart < _TOGETHER and inside


class Verifier:
    """Lays a clip over one source."""

    def __init__(self, clip: ClipFingerprint, library: Library, source: int, heard: Sequence[Heard]) -> None:
        self._clip, self._library, self._source = clip, library, source
        self._heard = [sound for sound in heard if sound.source == source]

    def follow_line(self, line: Line) -> list[Found]:
        """The stretches that lie on a line of look-alikes."""
        start, end = self._span(line.first, line.last)
        views = self._library.part_at(self._source, line.offset + line.speed * (start + end) / 2).views
        tries = []
        for clip_view, source_view in line.views:
            content, shown = self._clip.views[clip_view].rect, views[min(source_view, len(views) - 1)].rect
            guess = between(content, shown, mirrored=line.mirrored, speed=line.speed, offset=line.offset)
            overlay = self._overlay(content, guess, start, end)
            if overlay:
                tries.append((*overlay.refine(guess, start, end), content))
        return self._followed(tries, start, end)

    def follow_sound(self, sound: Heard) -> list[Found]:
        """The stretches where the pictures agree with what is heard, wherever they lie in the picture."""
        start, end = self._span(sound.first, sound.last)
        part_there = self._library.part_at(self._source, sound.offset + sound.speed * (start + end) / 2)
        tries = []
        for content in self._clip.contents:
            guesses = [
                between(content, shown, mirrored=mirrored, speed=sound.speed, offset=sound.offset)
                for shown in _parts_shown(self._clip.aspect, content, part_there)
                for mirrored in (False, True)
            ]
            overlay = self._overlay(content, guesses[0], start, end)
            if overlay:
                agreed = [overlay.agreement(guess, start, end).total for guess in guesses]
                tries.append((max(agreed), guesses[int(np.argmax(agreed))], content, overlay))
        tries.sort(key=lambda one: -one[0])
        refined = [(*overlay.refine(best, start, end), content) for _, best, content, overlay in tries[:2]]
        return self._followed(refined, start, end)

    def _span(self, first: float, last: float) -> tuple[float, float]:
        wider = max(0.0, SHORT - (last - first)) / 2
        return max(0.0, first - wider), min(self._clip.duration - 1 / CLIP_RATE, last + wider)

    def _overlay(self, content: Rect, guess: Alignment, start: float, end: float) -> Overlay | None:
        low, high = guess.source_time(start) - _LOOSE, guess.source_time(end) + _LOOSE
        first, pictures = self._library.pictures(
            self._source, max(0, int(low * SOURCE_RATE)), max(0, int(high * SOURCE_RATE)) + 1
        )
        if len(pictures) < SOURCE_RATE:
            return None
        return Overlay(self._clip.pictures, CLIP_RATE, content, pictures, first, SOURCE_RATE)

    def _followed(self, tries: Sequence[tuple[Alignment, Agreement, Rect]], start: float, end: float) -> list[Found]:
        """The best of the tries, followed through the whole clip."""
        if not tries:
            return []
        alignment, agreement, content = max(tries, key=lambda one: one[1].total)
        if agreement.total < _VERIFIED:
            return []
        overlay = self._overlay(content, alignment, 0, self._clip.duration)
        if overlay is None:
            return []
        found = []
        for segment in self._segments(overlay, alignment):
            exact = self._exact(overlay, alignment, segment)
            again = [one for one in self._segments(overlay, exact) if one.overlaps(segment)]
            if again:
                longest = max(again, key=lambda one: one.clip_t1 - one.clip_t0)
                stretched = self._stretched(exact, (longest.clip_t0 + longest.clip_t1) / 2)
                found.append(Found(self._source, exact, longest, stretched, self._sureness(exact, longest)))
        return found

    def _stretched(self, alignment: Alignment, middle: float) -> float:
        source = self._library.part_at(self._source, alignment.source_time(middle))
        return abs(alignment.x_scale) * source.aspect / (alignment.y_scale * self._clip.aspect)

    def _segments(self, overlay: Overlay, alignment: Alignment) -> list[Segment]:
        series = overlay.series(alignment, 0, self._clip.duration)
        return segments(series, alignment, self._clip.pictures, CLIP_RATE, self._clip.duration)

    def _exact(self, overlay: Overlay, alignment: Alignment, segment: Segment) -> Alignment:
        """Refined on the whole segment; timed by the sound where that fits as well."""
        start, end = segment.clip_t0, segment.clip_t1 - 1 / CLIP_RATE
        exact, agreement = overlay.refine(alignment, start, end)
        for sound in self._heard:
            timed = replace(exact, speed=sound.speed, offset=sound.offset)
            if self._agrees(sound, exact, segment):
                heard = overlay.agreement(timed, start, end)
                if heard.total > agreement.total - _AS_GOOD:
                    return timed
        return exact

    def _agrees(self, sound: Heard, alignment: Alignment, segment: Segment) -> bool:
        low, high = max(sound.first, segment.clip_t0), min(sound.last, segment.clip_t1)
        middle = (low + high) / 2
        alike = abs(sound.speed / alignment.speed - 1) < 0.3
        return high - low > 1 and alike and abs(sound.source_time(middle) - alignment.source_time(middle)) < _TOGETHER

    def _sureness(self, alignment: Alignment, segment: Segment) -> float:
        """How surely the sound says the same of the segment."""
        length = max(1.0, segment.clip_t1 - segment.clip_t0)
        shares = [
            sound.sureness
            * min(1, (min(sound.last, segment.clip_t1) - max(sound.first, segment.clip_t0)) / length * 1.25)
            for sound in self._heard
            if self._agrees(sound, alignment, segment)
        ]
        return max(shares, default=0.0)


def _parts_shown(aspect: float, content: Rect, source: SourceFingerprint) -> Iterator[Rect]:
    """What a clip's content of that shape may show of a source: all of it, or a strip as high as its picture."""
    yield source.content
    narrow = aspect_of(content, aspect) / aspect_of(source.content, source.aspect)
    if narrow < 0.8:
        for place in np.linspace(0, 1 - narrow, _PLACES):
            yield part(source.content, (place, 0, place + narrow, 1))
