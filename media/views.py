"""The parts of a picture that are hashed.

A clip rarely shows the whole picture of its source: it is cut to a narrow strip, zoomed, captioned at the top or the
bottom. So a source is hashed in many views, once, and a clip in the few that can meet them. Two views are compared
only within a family: the same kind of part, seen from either side.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from enum import IntEnum
from typing import Any

import numpy as np
from numpy.typing import NDArray

Rect = tuple[float, float, float, float]
"""Left, top, right, bottom, as fractions of a picture's width and height."""

WHOLE: Rect = (0.0, 0.0, 1.0, 1.0)

_CAPTION = 1 / 6
"""The share of the height that a caption box at the top or bottom is taken to cover."""
_STRIP = 4 / 9
"""Width of a strip, in heights of the picture: narrower than 9:16, so that one of them fits into any upright crop."""
_STRIP_STEP = 1 / 12
"""Heights between the left edges of a source's strips: a crop lies at most half a step from one of them."""
_STRIPS = 17
"""At most so many strips, however wide the picture."""


_THIRDS = (0.0, 0.5, 1.0)
_ZOOMS: tuple[Rect, ...] = (
    *(((1 - size) / 2, (1 - size) / 2, (1 + size) / 2, (1 + size) / 2) for size in (0.87, 0.77, 0.67)),
    *((0.2 * x, 0.2 * y, 0.2 * x + 0.8, 0.2 * y + 0.8) for y in (0.3, 0.7) for x in (0.25, 0.75)),
)
"""Magnified middles, and off-centre ones."""


class Family(IntEnum):
    """What kind of part a view is; only views of one family can match."""

    WHOLE = 0
    CAPTIONED = 1
    STRIP = 2


@dataclass(frozen=True, slots=True)
class View:
    """A part of a picture, and the family it is compared in."""

    family: Family
    rect: Rect


def part(of: Rect, inside: Rect) -> Rect:
    """A rectangle given as fractions of another one."""
    left, top, right, bottom = of
    width, height = right - left, bottom - top
    return (left + inside[0] * width, top + inside[1] * height, left + inside[2] * width, top + inside[3] * height)


def aspect_of(rect: Rect, aspect: float) -> float:
    """Width over height of a part of a picture whose own width over height is given."""
    return aspect * (rect[2] - rect[0]) / (rect[3] - rect[1])


def source_views(aspect: float, content: Rect) -> tuple[View, ...]:
    """At most 28 views of a source whose picture, bars removed, lies in `content`.

    Their numbers mean the same in every source: the content, the whole picture (the same where there are no bars),
    the two captioned ones, the zooms, then as many strips as fit.
    """
    views = [View(Family.WHOLE, content), View(Family.WHOLE, WHOLE), *_captioned(content)]
    views += [View(Family.WHOLE, part(content, rect)) for rect in _ZOOMS]
    wide = aspect_of(content, aspect)
    width = _STRIP / wide
    if width < 0.8:
        count = min(_STRIPS, int(np.ceil((1 - width) * wide / _STRIP_STEP)) + 1)
        views += [_strip(content, left, width) for left in np.linspace(0, 1 - width, count)]
    return tuple(views)


def clip_views(aspect: float, contents: Sequence[Rect]) -> tuple[View, ...]:
    """The views of a clip: those of each place where its content may lie, and blind guesses at an inset picture."""
    views = []
    for content in contents:
        views += [View(Family.WHOLE, content), *_captioned(content)]
        width = min(1.0, _STRIP / aspect_of(content, aspect))
        places = (0.0, 0.5, 1.0) if width < 0.95 else (0.5,)
        views += [_strip(content, (1 - width) * place, width) for place in places]
    views += [View(Family.WHOLE, (0.4 * x, 0.4 * y, 0.4 * x + 0.6, 0.4 * y + 0.6)) for y in _THIRDS for x in _THIRDS]
    return tuple(views)


def family_of_source_views(numbers: NDArray[np.integer[Any]]) -> NDArray[np.int64]:
    """The families of views of sources, by their numbers."""
    fixed = len(_ZOOMS) + 4
    families = np.full(len(numbers), Family.STRIP, np.int64)
    families[numbers < fixed] = Family.WHOLE
    families[(numbers == 2) | (numbers == 3)] = Family.CAPTIONED
    return families


def _captioned(content: Rect) -> list[View]:
    above, below = part(content, (0, 0, 1, 1 - _CAPTION)), part(content, (0, _CAPTION, 1, 1))
    return [View(Family.CAPTIONED, above), View(Family.CAPTIONED, below)]


def _strip(content: Rect, left: float, width: float) -> View:
    return View(Family.STRIP, part(content, (left, _CAPTION, left + width, 1 - _CAPTION)))
