"""Where in its picture a video shows what it is about.

Clippers put a stream's picture into another one: between bars, in a coloured frame, over a blurred copy of itself,
in a corner of somebody else's video, above a second video. What all of these leave is straight edges that stay
where they are while everything on both sides of them moves. Rectangles of such edges are guesses: they only decide
where to look, and a wrong one costs time, never a false match.
"""

from itertools import combinations, product

import numpy as np
from numpy.typing import NDArray

from media.views import WHOLE, Rect

_LOOKED_AT = 40
"""Pictures, evenly spaced, that edges must persist through."""
_STILL = 2.0
"""Grey levels of change below which a row or column counts as a bar."""
_PLAIN = 6.0
"""Grey levels of texture below which a still row or column counts as a bar, not as a caption."""
_STEP = 3.0
"""Grey levels between neighbouring pixels, in all but a fifth of the pictures, that make an edge."""
_MOST_LINES = 4
"""Lines considered in each direction."""
_SMALLEST = (0.28, 0.2)
"""Width and height, as fractions, of the smallest rectangle considered."""
_USUAL_ASPECTS = (16 / 9, 4 / 3)
"""Of streams, which a clipper puts over a blurred copy of itself."""
_WIDEST_BAND = 0.9
_EDGE = 1.5
"""Of log steps over their median: no edge counts for more, so that a caption's does not outweigh the band's."""
_SAME = 0.03
"""Two rectangles whose sides all lie this close are one."""


def content_rects(pictures: NDArray[np.uint8], aspect: float, *, most: int) -> list[Rect]:
    """The whole picture, then at most `most` guesses at the part that holds the content, the likeliest first."""
    sample = pictures[np.linspace(0, len(pictures) - 1, min(_LOOKED_AT, len(pictures))).astype(int)].astype(np.float32)
    found = [WHOLE]
    for rect in [_without_bars(sample), _moving(sample), *_sharp(sample, aspect), *_framed(sample)]:
        if rect is not None and not any(_same(rect, other) for other in found):
            found.append(rect)
    return found[: most + 1]


def without_bars(pictures: NDArray[np.uint8]) -> Rect:
    """The part of a source's picture inside bars that never change; all of it where there are none worth cutting."""
    rect = _without_bars(pictures.astype(np.float32))
    worth = rect is not None and (rect[2] - rect[0]) * (rect[3] - rect[1]) < 0.95
    return rect if rect is not None and worth else WHOLE


def _without_bars(sample: NDArray[np.float32]) -> Rect | None:
    """Rows and columns at the rim that are plain and never change are no content."""
    rows = (sample.std(axis=(0, 2)) > _STILL) | (sample.std(axis=2).mean(axis=0) > _PLAIN)
    columns = (sample.std(axis=(0, 1)) > _STILL) | (sample.std(axis=1).mean(axis=0) > _PLAIN)
    return _span(columns, rows)


def _moving(sample: NDArray[np.float32]) -> Rect | None:
    """The rectangle around what moves: a patterned frame has texture, but stands still."""
    change = sample.std(axis=0)
    moves = change > max(1.5, 0.15 * float(np.percentile(change, 95)))
    return _span(moves.mean(axis=0) > 0.05, moves.mean(axis=1) > 0.05)


def _span(columns: NDArray[np.bool_], rows: NDArray[np.bool_]) -> Rect | None:
    if not columns.any() or not rows.any():
        return None
    left, right = _ends(columns)
    top, bottom = _ends(rows)
    rect = (left, top, right, bottom)
    return rect if _large_enough(rect) else None


def _ends(wanted: NDArray[np.bool_]) -> tuple[float, float]:
    places = np.nonzero(wanted)[0]
    return float(places[0] / len(wanted)), float((places[-1] + 1) / len(wanted))


def _large_enough(rect: Rect) -> bool:
    return rect[2] - rect[0] >= _SMALLEST[0] and rect[3] - rect[1] >= _SMALLEST[1]


def _same(one: Rect, other: Rect) -> bool:
    return max(abs(a - b) for a, b in zip(one, other, strict=True)) <= _SAME


def _sharp(sample: NDArray[np.float32], aspect: float) -> list[Rect]:
    """The band that is sharp, where the rest is a blurred copy: as high as a picture of a usual aspect is there."""
    bands = []
    for usual in _USUAL_ASPECTS:
        height = aspect / usual
        if height < _WIDEST_BAND:
            top = _sharpest(sample, height)
            bands.append((0.0, top, 1.0, top + height))
        elif 1 / height < _WIDEST_BAND:
            left = _sharpest(sample.swapaxes(1, 2), 1 / height)
            bands.append((left, 0.0, left + 1 / height, 1.0))
    return [rect for rect in bands if _large_enough(rect)]


def _sharpest(sample: NDArray[np.float32], length: float) -> float:
    """Where a band of rows of that length, a fraction, has to begin to be sharp between edges as no other."""
    sharpness = np.log(np.abs(np.diff(sample, 2, axis=2)).mean(axis=(0, 2)) + 0.1)
    steps = np.log(np.abs(np.diff(sample, axis=1)).mean(axis=(0, 2)) + 0.1)
    rows = len(sharpness)
    cells = max(1, round(length * rows))
    inside = np.convolve(sharpness, np.ones(cells), "valid")
    contrast = inside / cells - (sharpness.sum() - inside) / (rows - cells)
    edges = np.concatenate([[0.0], steps - np.median(steps), [0.0]])
    bounded = np.minimum(edges[: rows - cells + 1], _EDGE) + np.minimum(edges[cells:], _EDGE)
    return min(int((contrast + bounded).argmax()) / rows, 1 - length)


def _framed(sample: NDArray[np.float32]) -> list[Rect]:
    """Rectangles between persistent lines, the best supported first."""
    _, height, width = sample.shape
    across = np.percentile(np.abs(np.diff(sample, axis=1)), 20, axis=0)  # steps between rows: horizontal edges
    down = np.percentile(np.abs(np.diff(sample, axis=2)), 20, axis=0).T  # and between columns, as rows
    horizontal, vertical = _lines(across), _lines(down)
    scored = []
    for (left, right), (top, bottom) in product(_gaps(vertical, width), _gaps(horizontal, height)):
        rect = (left / width, top / height, right / width, bottom / height)
        if (left, right, top, bottom) == (0, width, 0, height) or not _large_enough(rect):
            continue
        sides = [_support(across, row, left, right) for row in (top, bottom) if 0 < row < height]
        sides += [_support(down, column, top, bottom) for column in (left, right) if 0 < column < width]
        scored.append((sum(sides) / len(sides) + 0.15 * len(sides), rect))
    return [rect for _, rect in sorted(scored, reverse=True)]


def _lines(steps: NDArray[np.float32]) -> list[int]:
    """Numbers of the rows before which the longest persistent edges lie."""
    length = (steps > _STEP).mean(axis=1) + 0.02 * (steps.mean(axis=1) - np.median(steps.mean(axis=1)))
    found: list[int] = []
    for row in np.argsort(-length)[:14]:
        if length[row] > 0.18 and all(abs(row + 1 - other) > 2 for other in found):
            found.append(int(row) + 1)
    return sorted(found[:_MOST_LINES])


def _gaps(lines: list[int], end: int) -> list[tuple[int, int]]:
    return list(combinations([0, *lines, end], 2))


def _support(steps: NDArray[np.float32], line: int, start: int, end: int) -> float:
    """The share of a rectangle's side that an edge lies under."""
    return float((steps[line - 1, start:end] > _STEP * 2 / 3).mean())
