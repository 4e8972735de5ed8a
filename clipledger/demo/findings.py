"""What must be found in the demo's clips, beside what was."""

from collections.abc import Sequence
from dataclasses import dataclass

from clipledger.demo.checks import must
from clipledger.demo.clips import Cut, NewClip
from media.identification import THRESHOLD, Match

FARTHEST_OFF = 0.5
"""Seconds by which an end of a found segment may miss."""
_SPEED_OFF = 0.02


@dataclass(frozen=True)
class Finding:
    """One segment: as it was cut, and as it was found. One of the two may be missing."""

    cut: Cut | None
    match: Match | None

    @property
    def off(self) -> float | None:
        """How far the worst of the four ends is from where it must be, in seconds."""
        cut, match = self.cut, self.match
        if cut is None or match is None:
            return None
        of_clip = (cut.clip_t0 - match.clip_t0, cut.clip_t1 - match.clip_t1)
        of_source = (cut.source_t0 - match.source_t0, cut.source_t1 - match.source_t1)
        return max(map(abs, (*of_clip, *of_source)))


@dataclass(frozen=True)
class Identified:
    """A clip, the segments of our stream that are in it, and what identification says."""

    clip: NewClip
    cuts: tuple[Cut, ...]
    matches: tuple[Match, ...]

    @property
    def findings(self) -> list[Finding]:
        """In the order of the clip's seconds, each cut beside what was found at its place."""
        left = sorted(self.matches, key=lambda match: match.clip_t0)
        findings = []
        for cut in self.cuts:
            match = next((match for match in left if _overlap(cut, match) > 0), None)
            left = [other for other in left if other is not match]
            findings.append(Finding(cut, match))
        return [*findings, *(Finding(None, match) for match in left)]


def _overlap(cut: Cut, match: Match) -> float:
    """Seconds of the clip that both cover."""
    return min(cut.clip_t1, match.clip_t1) - max(cut.clip_t0, match.clip_t0)


def check(identified: Sequence[Identified], source: int, *, all_found: bool) -> None:
    """Raises DemoError unless what was found is what was cut from the source, and nothing else; and all of it, or
    `all_found` false: in a recording where little moves, a short cut may be too little to know a place by.
    """
    for each in identified:
        for finding in each.findings:
            if all_found or finding.match is not None:
                _check(each.clip.name, finding, source)


def _check(name: str, finding: Finding, source: int) -> None:
    cut, match, off = finding.cut, finding.match, finding.off
    if cut is None:
        must(match is None, f"nothing that was not cut from the stream is found in {name}'s clip")
        return
    must(match is not None, f"every segment of {name}'s clip is found")
    assert match is not None
    assert off is not None
    must(match.source == source, f"{name}'s segment is found in the stream it was cut from")
    must(off <= FARTHEST_OFF, f"{name}'s segment is found to {FARTHEST_OFF} s, and not {off:.2f} s off")
    must(abs(match.speed - cut.speed) <= _SPEED_OFF, f"{name}'s segment is found at its speed, ×{cut.speed:.2f}")
    must(match.mirrored == cut.mirrored, f"{name}'s segment is known to be mirrored or not")
    must(match.score >= THRESHOLD, f"{name}'s segment is found with a score that is enough")
