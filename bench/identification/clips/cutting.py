"""Which seconds of which footage become a clip, in what order, and what of it an identification should find."""

import random
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal

from bench.identification.footage import Footage

FRAME_RATE = 30
SHORTEST, LONGEST = 5.0, 45.0  # seconds of a clip
LONGEST_GAP = 3.0  # seconds; pieces of one source with no more than this left out between them are one segment


@dataclass(frozen=True)
class Piece:
    """Seconds of one footage as they are, or its picture at `start` frozen for as long as the piece lasts."""

    footage: Footage
    start: float
    end: float
    kind: Literal["own", "foreign", "frozen"] = "own"

    @property
    def seconds(self) -> float:
        return self.end - self.start


@dataclass(frozen=True)
class Grounds:
    """What clips are cut from: footage that will be registered, and footage that won't."""

    own: Sequence[Footage]
    foreign: Sequence[Footage]


def any_seconds(grounds: Grounds, r: random.Random, speed: float) -> list[Piece]:
    """One piece of a random source, as long as most clips are."""
    return [_piece(grounds.own, r, _length(r) * speed)]


def three_seconds(grounds: Grounds, r: random.Random, speed: float) -> list[Piece]:
    return [_piece(grounds.own, r, 3 * speed)]


def jump_cuts(grounds: Grounds, r: random.Random, speed: float) -> list[Piece]:
    """Speech without its silences: 0.4 to 1.5 s left out after every 2 to 6."""
    whole = _piece(grounds.own, r, max(12.0, _length(r)) * speed)
    pieces, at = [], whole.start
    while at < whole.end - 1:
        until = min(whole.end, at + r.uniform(2, 6))
        pieces.append(Piece(whole.footage, at, until))
        at = until + r.uniform(0.4, 1.5)
    return pieces


def highlights(grounds: Grounds, r: random.Random, speed: float) -> list[Piece]:
    """Two or three moments of one source."""
    lasting = r.uniform(8, 14) * speed
    footage = _long_enough(grounds.own, r, 4 * lasting)
    share = footage.seconds / (count := min(r.choice([2, 3]), int(footage.seconds / lasting) or 1))
    starts = [share * index + r.uniform(0, max(0.0, share - lasting - LONGEST_GAP)) for index in range(count)]
    pieces = [Piece(footage, start, min(start + lasting, footage.seconds - 0.1)) for start in starts]
    r.shuffle(pieces)
    return pieces


def frozen(grounds: Grounds, r: random.Random, speed: float) -> list[Piece]:
    """The picture stands still for a moment, in silence, and goes on."""
    whole = _piece(grounds.own, r, max(12.0, _length(r)) * speed)
    at = whole.start + r.uniform(0.3, 0.7) * whole.seconds
    still = Piece(whole.footage, at, at + r.uniform(1, 2.5), "frozen")
    return [Piece(whole.footage, whole.start, at), still, Piece(whole.footage, at, whole.end)]


def with_intro(grounds: Grounds, r: random.Random, speed: float) -> list[Piece]:
    """Foreign seconds before and after."""
    before, after = (_piece(grounds.foreign, r, r.uniform(2, 6), "foreign") for _ in range(2))
    return [before, _piece(grounds.own, r, _length(r) * speed), after]


def compilation(grounds: Grounds, r: random.Random, speed: float) -> list[Piece]:
    """Moments of two sources with foreign seconds between them."""
    first, second = (_piece(grounds.own, r, r.uniform(7, 15) * speed) for _ in range(2))
    return [first, _piece(grounds.foreign, r, r.uniform(2, 5), "foreign"), second]


def truth_of(pieces: Sequence[Piece], speed: float) -> list[dict[str, Any]]:
    """The segments to be found, in seconds. What goes on after a short gap or a still is the same segment."""
    matches: list[dict[str, Any]] = []
    at = 0.0
    for piece in pieces:
        until = at + piece.seconds / speed
        if piece.kind == "own":
            times = {"clip_t0": at, "clip_t1": until, "source_t0": piece.start, "source_t1": piece.end}
            found = {"source": piece.footage.name, **{name: round(time, 3) for name, time in times.items()}}
            if matches and _goes_on(matches[-1], found):
                matches[-1] |= {key: found[key] for key in ("clip_t1", "source_t1")}
            else:
                matches.append(found)
        at = until
    for match in matches:
        match["speed"] = (match["source_t1"] - match["source_t0"]) / (match["clip_t1"] - match["clip_t0"])
    return matches


def _goes_on(before: dict[str, Any], after: dict[str, Any]) -> bool:
    left_out, between = (after[f"{axis}_t0"] - before[f"{axis}_t1"] for axis in ("source", "clip"))
    same = bool(before["source"] == after["source"])
    return same and -0.001 <= left_out <= LONGEST_GAP and between <= LONGEST_GAP


def _length(r: random.Random) -> float:
    """Seconds of a clip: short ones as often as long ones, by ratio."""
    return SHORTEST * float((LONGEST / SHORTEST) ** r.random())


def _piece(
    footage: Sequence[Footage], r: random.Random, seconds: float, kind: Literal["own", "foreign"] = "own"
) -> Piece:
    chosen = _long_enough(footage, r, seconds)
    lasting = min(seconds, chosen.seconds - 0.2)
    start = round(r.uniform(0, chosen.seconds - lasting - 0.1), 3)
    return Piece(chosen, start, start + lasting, kind)


def _long_enough(footage: Sequence[Footage], r: random.Random, seconds: float) -> Footage:
    """Any that lasts so long; where none does, the longest."""
    enough = [one for one in footage if one.seconds >= seconds + 0.3]
    return r.choice(enough) if enough else max(footage, key=lambda one: one.seconds)
