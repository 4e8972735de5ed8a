"""Plots drawn by the server: bars over time, as shapes only; their words are HTML beside them, so that they stay
readable on a phone, and every value stands in a table below.
"""

from collections.abc import Sequence
from dataclasses import dataclass

_HEIGHT = 100.0
_GAP = 0.25
"""Of a bar's place, on each side of it."""


@dataclass(frozen=True)
class Point:
    """A bar: what its place is called, in short and in full, its value, and that as text."""

    label: str
    name: str
    value: int
    text: str
    href: str | None = None


@dataclass(frozen=True)
class Bar:
    """Of `Plot`: a rectangle in units of the plot's own, the y axis pointing down."""

    x: float
    y: float
    width: float
    height: float
    point: Point


@dataclass(frozen=True)
class Plot:
    """`width` by `height` units; `zero` is where the axis lies, `top` the largest value as text."""

    bars: tuple[Bar, ...]
    width: float
    height: float
    zero: float
    top: str
    bottom: str | None

    @property
    def points(self) -> list[Point]:
        """In order."""
        return [bar.point for bar in self.bars]


def bars(points: Sequence[Point]) -> Plot | None:
    """The bars of these values, which may be below zero; None where all are nothing."""
    values = [point.value for point in points]
    high, low = max([0, *values]), min([0, *values])
    if high == low:
        return None
    scale = _HEIGHT / (high - low)
    zero = high * scale
    drawn = tuple(
        Bar(place + _GAP / 2, zero - max(point.value, 0) * scale, 1 - _GAP, abs(point.value) * scale, point)
        for place, point in enumerate(points)
    )
    tops = {point.value: point.text for point in points}
    return Plot(drawn, float(len(points)), _HEIGHT, zero, tops.get(high, ""), tops.get(low) if low < 0 else None)
