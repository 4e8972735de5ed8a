"""What speaks against a clip: the terms' rules, held against what it was found to show.

Lengths, speeds and the ends of a segment are measured on pictures, so a rule is broken only by more than a measurement
may be wrong. Lengths are in seconds.
"""

from collections.abc import Iterator, Sequence

from msgspec import Struct

from licensing.segments import Segment
from licensing.terms import EditRules, Terms

_FRAME_S = 0.5
"""By how much a container's length may differ from what an editor meant."""
_EDGES_S = 1.0
"""By how much the segments of a clip together may be too short."""
_SPEED_PPM = 10_000
"""By how much a measured speed may be wrong."""


class ClipFinding(Struct, frozen=True):
    """A rule that a clip breaks: a stable code, the rule as a sentence, and what was found instead."""

    code: str
    rule: str
    value: str | None = None


class Measured(Struct, frozen=True):
    """What is known of an identified clip; its `products` are what the clipper says it sells."""

    duration_s: float
    segments: Sequence[Segment]
    products: Sequence[str] = ()


def findings(terms: Terms, clip: Measured) -> list[ClipFinding]:
    """Each rule of the terms that the clip breaks, none twice."""
    found = (*_streams(terms, clip), *_products(terms, clip), *_picture(terms.edits, clip), *_length(terms.edits, clip))
    return list(dict.fromkeys(found))


def _streams(terms: Terms, clip: Measured) -> Iterator[ClipFinding]:
    for segment in clip.segments:
        if terms.streams is not None and segment.source_id not in terms.streams:
            yield ClipFinding("stream-out-of-scope", "only streams that the terms list", str(segment.source_id))


def _products(terms: Terms, clip: Measured) -> Iterator[ClipFinding]:
    for product in clip.products:
        if terms.products is not None and product not in terms.products:
            yield ClipFinding("product-out-of-scope", "only products that the terms list", product)
        if product in terms.excluded_products:
            yield ClipFinding("product-excluded", "no product that the terms exclude", product)


def _picture(rules: EditRules, clip: Measured) -> Iterator[ClipFinding]:
    for segment in clip.segments:
        if segment.mirrored and not rules.mirroring:
            yield ClipFinding("mirrored", "the picture must not be mirrored")
    fastest = max((segment.speed for segment in clip.segments), default=1.0)
    if fastest * 1_000_000 > rules.fastest_ppm + _SPEED_PPM:
        yield ClipFinding(
            "too-fast", f"at most {rules.fastest_ppm / 1_000_000:g} times the stream's speed", f"{fastest:.2f}"
        )


def _length(rules: EditRules, clip: Measured) -> Iterator[ClipFinding]:
    length = f"{clip.duration_s:.1f}"
    if clip.duration_s < rules.shortest_s - _FRAME_S:
        yield ClipFinding("too-short", f"at least {rules.shortest_s} s", length)
    if clip.duration_s > rules.longest_s + _FRAME_S:
        yield ClipFinding("too-long", f"at most {rules.longest_s} s", length)
    own = clip.duration_s - _covered(clip.segments)
    if own > clip.duration_s * rules.own_footage_ppm / 1_000_000 + _EDGES_S:
        rule = f"at most {rules.own_footage_ppm / 10_000:g} % of the clip may come from elsewhere"
        yield ClipFinding("own-footage", rule, f"{100 * own / clip.duration_s:.0f} %")


def _covered(segments: Sequence[Segment]) -> float:
    """Seconds of the clip that one segment or several show."""
    covered, reached = 0.0, 0.0
    for segment in sorted(segments, key=lambda each: each.clip_t0):
        covered += max(0.0, segment.clip_t1 - max(reached, segment.clip_t0))
        reached = max(reached, segment.clip_t1)
    return covered
