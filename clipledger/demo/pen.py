"""A pen: shapes in coordinates of their own, moved, turned and scaled onto a picture."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import lru_cache
from math import cos, sin, tau

import numpy as np
from PIL import Image, ImageDraw, ImageFont

Colour = tuple[int, int, int]
Point = tuple[float, float]

WHITE: Colour = (255, 255, 255)


@dataclass(frozen=True)
class Pen:
    """Draws at `x`, `y` pixels, one unit being `size` pixels; `turn` in radians, `squash` narrows it sideways."""

    draw: ImageDraw.ImageDraw
    x: float
    y: float
    size: float
    turn: float = 0.0
    squash: float = 1.0

    def moved(self, x: float, y: float, size: float = 1.0, turn: float = 0.0) -> "Pen":
        """A pen whose origin is this one's (x, y), and whose unit is `size` of this one's."""
        (place,) = self._places([(x, y)])
        return replace(self, x=place[0], y=place[1], size=self.size * size, turn=self.turn + turn)

    def polygon(self, points: Sequence[Point], fill: Colour) -> None:
        self.draw.polygon(self._places(points), fill=fill)

    def ellipse(self, x: float, y: float, rx: float, ry: float, fill: Colour) -> None:
        self.polygon([(x + rx * cos(a), y + ry * sin(a)) for a in _ROUND], fill)

    def box(self, x0: float, y0: float, x1: float, y1: float, fill: Colour) -> None:
        self.polygon([(x0, y0), (x1, y0), (x1, y1), (x0, y1)], fill)

    def stroke(self, points: Sequence[Point], width: float, fill: Colour) -> None:
        """A line with round ends and joints; `width` in units."""
        places, radius = self._places(points), width * self.size / 2
        self.draw.line(places, fill=fill, width=max(1, round(2 * radius)))
        for x, y in places:
            self.draw.ellipse((x - radius, y - radius, x + radius, y + radius), fill=fill)

    def arc(self, x: float, y: float, radius: float, start: float, end: float, width: float, fill: Colour) -> None:
        """Part of a circle, from `start` to `end` in radians."""
        angles = [start + (end - start) * n / 14 for n in range(15)]
        self.stroke([(x + radius * cos(a), y + radius * sin(a)) for a in angles], width, fill)

    def _places(self, points: Sequence[Point]) -> list[Point]:
        c, s, size = cos(self.turn), sin(self.turn), self.size
        across = size * self.squash
        return [(self.x + across * x * c - size * y * s, self.y + across * x * s + size * y * c) for x, y in points]


_ROUND = [tau * n / 28 for n in range(28)]


def mix(one: Colour, other: Colour, part: float) -> Colour:
    """`part` of the other colour, the rest of the one."""
    return (
        round(one[0] + (other[0] - one[0]) * part),
        round(one[1] + (other[1] - one[1]) * part),
        round(one[2] + (other[2] - one[2]) * part),
    )


def darker(colour: Colour, part: float = 0.25) -> Colour:
    return mix(colour, (12, 10, 20), part)


def lighter(colour: Colour, part: float = 0.35) -> Colour:
    return mix(colour, WHITE, part)


@lru_cache(maxsize=4096)
def lettering(text: str, size: int) -> Image.Image:
    """A line of text as a mask, as high as the font's lines are. The font is the one that Pillow brings."""
    font = ImageFont.load_default(size)
    _, top, _, bottom = font.getbbox(text + "Ág")
    mask = Image.new("L", (max(1, round(font.getlength(text))), round(bottom - top)))
    ImageDraw.Draw(mask).text((0, -top), text, fill=255, font=font)
    return mask


def write(picture: Image.Image, place: tuple[int, int], text: str, size: int, fill: Colour) -> int:
    """Write with the top left corner at `place`. Returns how many pixels wide it is."""
    mask = lettering(text, size)
    picture.paste(fill, place, mask)
    return mask.width


class Wander:
    """A value that wanders between about -1 and 1 and does not repeat for hours; the same for the same seed."""

    def __init__(self, seed: int, per_second: float) -> None:
        random = np.random.default_rng(seed)
        self.rates = per_second * tau * random.uniform(0.4, 1.6, 4)
        self.phases = random.uniform(0, tau, 4)

    def __call__(self, seconds: float) -> float:
        return float(np.sin(self.rates * seconds + self.phases).sum()) / 2
