"""Which seconds of which sources a clip shows.

1. Hashes of the clip's views are looked up, and its landmarks: hits that lie on a line in time are guesses.
2. Each guess is verified on the pictures: where they can't be laid over each other, there is no match, whatever the
   hashes or the sound say. The sound, where it agrees, gives the time to a few milliseconds.
3. Moment by moment, the agreement tells where in the clip the stretch begins and ends.
4. What was measured becomes one score, the chance that a match is right, fitted on known clips.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
from threadpoolctl import threadpool_limits

from media.fingerprint import ClipFingerprint
from media.hearing import listen
from media.scoring import log_odds, score
from media.verification import SHORT, Found, Library, Verifier
from media.views import Rect
from media.voting import Line, find_lines

THRESHOLD = 0.7
"""The least score of a match."""
_GUESSES = 10
_GUESSES_FOR_A_REST = 2
_PIECE = 8.0
"""Seconds of a clip that are looked at by themselves where the clip as a whole gave nothing."""
_SOUNDS = 4
_SURE = 0.985
"""Agreement, still and in motion, from which other guesses for the same seconds are not looked at."""
_AUDIBLE = 0.2
"""Sureness from which a sound is followed without look-alikes."""


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
            found += Verifier(clip, library, line.source, heard).follow_line(line)
    for sound in heard:
        if sound.sureness > _AUDIBLE and not any(one.explains(sound) for one in found):
            found += Verifier(clip, library, sound.source, heard).follow_sound(sound)
    for start, end in _unexplained(clip, found):
        inside = hits.where((hits.clip_time >= start) & (hits.clip_time < end))
        for line in find_lines(inside, most=_GUESSES_FOR_A_REST):
            found += Verifier(clip, library, line.source, heard).follow_line(line)
    return found


def _unexplained(clip: ClipFingerprint, found: Sequence[Found]) -> Iterator[tuple[float, float]]:
    """What no good match shows yet, in pieces of at most _PIECE seconds: one line through the clip does not meet
    stretches that jump cuts, freezes or other scenes lie between.
    """
    good = sorted((one.segment.clip_t0, one.segment.clip_t1) for one in found if score(one) >= THRESHOLD)
    reached = 0.0
    for start, end in [*good, (clip.duration, clip.duration)]:
        if start - reached >= SHORT:
            pieces = int(np.ceil((start - reached) / _PIECE))
            edges = np.linspace(reached, start, pieces + 1).tolist()
            yield from pairwise(edges)
        reached = max(reached, end)


def _settles(found: Found, line: Line) -> bool:
    """Whether what was found for the line's seconds is so sure that another guess can't be better.

    A picture that agrees well is not enough: a loop, a game's screen or a slide comes more than once.
    """
    segment = found.segment
    sure = found.heard > 0.5 or min(segment.still, segment.motion) > _SURE
    return sure and score(found) >= THRESHOLD and segment.clip_t0 <= line.first and segment.clip_t1 >= line.last


def _apart(scored: list[tuple[float, Found]]) -> list[tuple[float, Found]]:
    """The best, then those that show other seconds of the clip than better ones do."""
    kept: list[tuple[float, Found]] = []
    for chance, found in sorted(scored, key=lambda pair: -_rank(pair[1])):
        one = found.segment
        if all(one.shared(other.segment) <= 0.3 * (one.clip_t1 - one.clip_t0) for _, other in kept):
            kept.append((chance, found))
    return kept


def _rank(found: Found) -> float:
    """Of two that claim the same seconds, the longer one is the likelier."""
    length = found.segment.clip_t1 - found.segment.clip_t0
    return log_odds(found) + 4 * (1 - float(np.exp(-length / 6)))


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
