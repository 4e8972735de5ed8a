"""Which seconds of which sources a clip shows.

1. Hashes of the clip's views are looked up, and its landmarks: hits that lie on a line in time are guesses.
2. Each guess is verified on the pictures: where they can't be laid over each other, there is no match, whatever the
   hashes or the sound say. The sound, where it agrees, gives the time to a few milliseconds.
3. Moment by moment, the agreement tells where in the clip the stretch begins and ends.
4. What was measured becomes one score, the chance that a match is right, fitted on known clips.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import pairwise
from typing import Protocol

import numpy as np
from numpy.typing import NDArray
from threadpoolctl import threadpool_limits

from media.alignment import Alignment, between
from media.correlation import Agreement
from media.fingerprint import CLIP_RATE, SOURCE_RATE, ClipFingerprint, SourceFingerprint
from media.hearing import Heard, listen
from media.registration import Overlay
from media.segments import Segment, segments
from media.thumbnails import Thumbnails
from media.views import Rect, part
from media.voting import Hits, Line, find_lines

THRESHOLD = 0.7
"""The least score of a match."""
_GUESSES = 10
_GUESSES_FOR_A_REST = 2
_PIECE = 8.0
"""Seconds of a clip that are looked at by themselves where the clip as a whole gave nothing."""
_SOUNDS = 4
_SURE = 0.998
_AUDIBLE = 0.2
"""Sureness from which a sound is followed without look-alikes."""
_LOOSE = 2.0
"""Seconds around a guessed stretch that are loaded, since its time is not exact."""
_SHORT = 3.0
"""Seconds: a guess from fewer is widened before it is verified."""
_VERIFIED = 0.36
"""Agreement from which a stretch is looked at moment by moment."""
_AS_GOOD = 0.04
"""Agreement that the sound's timing may cost: it is exact where pictures hardly move."""


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
class Evidence:
    """What a match rests on, for a person who asks why.

    `clip_times`, `source_times`: seconds of the pictures compared; `still` and `motion`: how they correlate, as they
    are and with what never moves taken away. `heard`: 0 to 1, how surely the sound says the same.
    """

    clip_times: tuple[float, ...]
    source_times: tuple[float, ...]
    still: tuple[float, ...]
    motion: tuple[float, ...]
    heard: float


@dataclass(frozen=True, slots=True)
class Match:
    """Seconds of a clip that show seconds of a source.

    `speed`: source seconds in a clip second. `clip_rect` of the clip's picture shows `source_rect` of the source's.
    `score`: the chance that the match is right.
    """

    source: int
    clip_t0: float
    clip_t1: float
    source_t0: float
    source_t1: float
    score: float
    speed: float
    mirrored: bool
    clip_rect: Rect
    source_rect: Rect
    evidence: Evidence


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


def identify(clip: ClipFingerprint, library: Library) -> list[Match]:
    """The matches of a clip, in order of its time; no two of them show the same seconds of it."""
    with threadpool_limits(limits=1):  # its products are small: threads would only wait for each other
        scored = [(score(found), found) for found in candidates(clip, library)]
    kept = _apart([pair for pair in scored if pair[0] >= THRESHOLD])
    return sorted((_match(chance, found) for chance, found in kept), key=lambda match: match.clip_t0)


def candidates(clip: ClipFingerprint, library: Library) -> list[Found]:
    """Every stretch that could be verified, several for the same seconds of the clip perhaps."""
    heard = listen(clip.peaks, library.landmarks, most=_SOUNDS)
    hits = library.look_alikes(clip)
    found: list[Found] = []
    for line in find_lines(hits, most=_GUESSES):
        if not any(_settles(one, line) for one in found):
            found += _Verifier(clip, library, line.source, heard).follow_line(line)
    for sound in heard:
        if sound.sureness > _AUDIBLE and not any(_explains(one, sound) for one in found):
            found += _Verifier(clip, library, sound.source, heard).follow_sound(sound)
    for start, end in _unexplained(clip, found):
        inside = hits.where((hits.clip_time >= start) & (hits.clip_time < end))
        for line in find_lines(inside, most=_GUESSES_FOR_A_REST):
            found += _Verifier(clip, library, line.source, heard).follow_line(line)
    return found


def _unexplained(clip: ClipFingerprint, found: Sequence[Found]) -> Iterator[tuple[float, float]]:
    """What no good match shows yet, in pieces of at most _PIECE seconds: one line through the clip does not meet
    stretches that jump cuts, freezes or other scenes lie between.
    """
    good = sorted((one.segment.clip_t0, one.segment.clip_t1) for one in found if score(one) >= THRESHOLD)
    reached = 0.0
    for start, end in [*good, (clip.duration, clip.duration)]:
        if start - reached >= _SHORT:
            pieces = int(np.ceil((start - reached) / _PIECE))
            edges = np.linspace(reached, start, pieces + 1).tolist()
            yield from pairwise(edges)
        reached = max(reached, end)


class _Verifier:
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
        start, end = self._span(sound.first, min(sound.last, self._clip.duration))
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
                best = max(guesses, key=lambda guess: overlay.agreement(guess, start, end).total)
                tries.append((best, overlay.agreement(best, start, end), content, overlay))
        tries.sort(key=lambda one: -one[1].total)
        refined = [(*overlay.refine(best, start, end), content) for best, _, content, overlay in tries[:2]]
        return self._followed(refined, start, end)

    def _span(self, first: float, last: float) -> tuple[float, float]:
        wider = max(0.0, _SHORT - (last - first)) / 2
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
                heard = self._sureness(exact, longest)
                found.append(Found(self._source, exact, longest, self._stretched(exact), heard))
        return found

    def _stretched(self, alignment: Alignment) -> float:
        source = self._library.part_at(self._source, alignment.offset)
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
        apart = abs(sound.offset + sound.speed * middle - alignment.source_time(middle))
        return high - low > 1 and apart < 1.5 and abs(sound.speed / alignment.speed - 1) < 0.3

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
    left, top, right, bottom = source.content
    wide = source.aspect * (right - left) / (bottom - top)
    narrow = aspect * (content[2] - content[0]) / (content[3] - content[1]) / wide
    if narrow < 0.8:
        for place in np.linspace(0, 1 - narrow, 9):
            yield part(source.content, (place, 0, place + narrow, 1))


def _settles(found: Found, line: Line) -> bool:
    """Whether what was found for the line's seconds is so sure that another guess can't be better."""
    return score(found) > _SURE and found.segment.clip_t0 <= line.first and found.segment.clip_t1 >= line.last


def _explains(found: Found, sound: Heard) -> bool:
    middle = (sound.first + sound.last) / 2
    apart = abs(sound.offset + sound.speed * middle - found.alignment.source_time(middle))
    return found.source == sound.source and apart < 1.5 and found.segment.clip_t0 < middle < found.segment.clip_t1


def features(found: Found) -> NDArray[np.float64]:
    """What the score is made of."""
    segment = found.segment
    moving = min(1.0, segment.moving / 10)
    still = -np.log(1.02 - segment.still)
    return np.array(
        [
            still * (1 - moving),
            still * moving,
            -np.log(1.02 - max(0.0, segment.motion)) * moving,
            moving,
            segment.covered,
            1 - np.exp(-(segment.clip_t1 - segment.clip_t0) / 4),
            found.heard,
            min(abs(np.log(found.stretched)), 0.3),
            abs(np.log(found.alignment.speed)),
        ]
    )


_WEIGHTS = np.array([1.8, 1.6, 1.6, 3.2, 3.7, 9.3, 4.1, -16.5, -2.8])
_BIAS = -17.3


def score(found: Found) -> float:
    """The chance that a stretch was found rightly."""
    return float(1 / (1 + np.exp(-(features(found) @ _WEIGHTS + _BIAS))))


def _apart(scored: list[tuple[float, Found]]) -> list[tuple[float, Found]]:
    """The best, then those that show other seconds of the clip than better ones do."""
    kept: list[tuple[float, Found]] = []
    for chance, found in sorted(scored, key=lambda pair: -_rank(*pair)):
        one = found.segment
        if all(one.shared(other.segment) <= 0.3 * (one.clip_t1 - one.clip_t0) for _, other in kept):
            kept.append((chance, found))
    return kept


def _rank(chance: float, found: Found) -> float:
    """Of two that claim the same seconds, the longer one is the likelier."""
    return chance * (1 - float(np.exp(-(found.segment.clip_t1 - found.segment.clip_t0) / 6)))


def _match(chance: float, found: Found) -> Match:
    segment, alignment = found.segment, found.alignment
    series = segment.series
    clip_rect, source_rect = alignment.shared_rects()
    return Match(
        source=found.source,
        clip_t0=segment.clip_t0,
        clip_t1=segment.clip_t1,
        source_t0=max(0.0, alignment.source_time(segment.clip_t0)),
        source_t1=alignment.source_time(segment.clip_t1),
        score=chance,
        speed=alignment.speed,
        mirrored=alignment.x_scale < 0,
        clip_rect=clip_rect,
        source_rect=source_rect,
        evidence=Evidence(
            tuple(series.clip_times.round(3).tolist()),
            tuple(series.source_times.round(3).tolist()),
            tuple(series.still.astype(float).round(3).tolist()),
            tuple(series.motion.astype(float).round(3).tolist()),
            found.heard,
        ),
    )
