"""What is sold on the demo's stream: each ware with its price, its stock, and a drawing two units high and wide."""

from collections.abc import Callable
from dataclasses import dataclass
from math import pi

from clipledger.demo.pen import WHITE, Colour, Pen, darker, lighter


@dataclass(frozen=True)
class Ware:
    """Prices in whole units of `currency`; `light` and `shade` are the colours of the room it is shown in."""

    name: str
    price: int
    before: int
    stock: int
    colour: Colour
    light: Colour
    shade: Colour
    sketch: Callable[[Pen, Colour], None]

    def draw(self, pen: Pen) -> None:
        self.sketch(pen, self.colour)


def _tea_tin(pen: Pen, colour: Colour) -> None:
    pen.box(-0.62, -0.55, 0.62, 0.95, colour)
    pen.box(-0.62, -0.55, -0.4, 0.95, darker(colour))
    pen.ellipse(0, 0.95, 0.62, 0.1, colour)
    pen.box(-0.66, -0.8, 0.66, -0.5, darker(colour, 0.4))
    pen.ellipse(0, -0.8, 0.66, 0.12, (214, 178, 92))
    pen.box(-0.45, -0.2, 0.5, 0.6, (247, 239, 214))
    pen.polygon([(-0.25, 0.42), (-0.1, 0.05), (0.3, -0.1), (0.22, 0.25)], (74, 132, 78))
    pen.stroke([(-0.3, 0.5), (0.2, 0.02)], 0.05, (48, 92, 60))


def _handbag(pen: Pen, colour: Colour) -> None:
    pen.arc(0, -0.2, 0.52, pi, 2 * pi, 0.12, darker(colour, 0.45))
    pen.polygon([(-0.75, -0.25), (0.75, -0.25), (0.95, 0.9), (-0.95, 0.9)], colour)
    pen.polygon([(-0.75, -0.25), (0.75, -0.25), (0.8, 0.25), (0, 0.48), (-0.8, 0.25)], lighter(colour, 0.18))
    pen.stroke([(-0.8, 0.25), (0, 0.48), (0.8, 0.25)], 0.05, darker(colour, 0.5))
    pen.ellipse(0, 0.42, 0.13, 0.13, (230, 190, 90))
    pen.ellipse(0, 0.42, 0.06, 0.06, darker(colour, 0.6))


def _running_shoe(pen: Pen, colour: Colour) -> None:
    pen.polygon(
        [(-0.95, 0.35), (-0.9, -0.35), (-0.55, -0.5), (-0.25, -0.3), (0.1, -0.05), (0.75, 0.15), (1, 0.45)], colour
    )
    pen.polygon([(-0.9, -0.35), (-0.55, -0.5), (-0.5, 0.3), (-0.93, 0.3)], darker(colour, 0.35))
    pen.polygon([(-0.45, 0.3), (0.0, 0.0), (0.1, 0.06), (-0.28, 0.36)], WHITE)
    pen.polygon([(-0.15, 0.32), (0.2, 0.06), (0.3, 0.1), (0.02, 0.38)], WHITE)
    pen.polygon([(-1, 0.35), (1.02, 0.4), (1, 0.62), (-0.98, 0.62)], (244, 244, 240))
    pen.box(-0.98, 0.56, 1, 0.64, (255, 140, 60))
    for n in range(4):
        pen.stroke([(-0.28 + 0.14 * n, -0.3 + 0.1 * n), (-0.14 + 0.14 * n, -0.36 + 0.1 * n)], 0.05, WHITE)


def _desk_lamp(pen: Pen, colour: Colour) -> None:
    pen.ellipse(0, 0.88, 0.55, 0.12, darker(colour, 0.5))
    pen.stroke([(0, 0.85), (0.3, 0.2), (-0.1, -0.45)], 0.1, darker(colour, 0.35))
    pen.ellipse(0.3, 0.2, 0.1, 0.1, (210, 210, 214))
    pen.polygon([(-0.85, -0.05), (-0.25, -0.85), (0.2, -0.55), (0.1, 0.1)], colour)
    pen.polygon([(-0.85, -0.05), (0.1, 0.1), (-0.2, 0.3), (-0.72, 0.2)], (255, 240, 170))


def _headphones(pen: Pen, colour: Colour) -> None:
    pen.arc(0, 0.1, 0.75, pi, 2 * pi, 0.2, colour)
    pen.arc(0, 0.1, 0.62, pi, 2 * pi, 0.08, darker(colour, 0.45))
    for side in (-1, 1):
        pen.ellipse(side * 0.72, 0.4, 0.26, 0.44, darker(colour, 0.3))
        pen.ellipse(side * 0.6, 0.4, 0.18, 0.4, (48, 46, 56))
        pen.ellipse(side * 0.78, 0.4, 0.1, 0.2, lighter(colour))


def _rice_cooker(pen: Pen, colour: Colour) -> None:
    pen.ellipse(0, 0.75, 0.85, 0.18, darker(colour, 0.4))
    pen.box(-0.85, -0.2, 0.85, 0.75, colour)
    pen.ellipse(0, -0.25, 0.88, 0.3, lighter(colour, 0.4))
    pen.ellipse(0, -0.32, 0.6, 0.18, darker(colour, 0.2))
    pen.box(-0.12, -0.5, 0.12, -0.36, (60, 60, 66))
    pen.box(-0.4, 0.1, 0.4, 0.55, (40, 44, 52))
    pen.box(-0.3, 0.18, 0.1, 0.34, (120, 230, 190))
    pen.ellipse(0.25, 0.42, 0.07, 0.07, (240, 90, 80))


LILIS_WARES = (
    Ware("Jasmine tea 200 g", 59, 89, 240, (70, 128, 110), (238, 226, 204), (166, 140, 112), _tea_tin),
    Ware("Leather handbag", 399, 680, 35, (186, 48, 62), (226, 214, 226), (120, 104, 140), _handbag),
    Ware("Running shoes", 249, 399, 90, (60, 120, 214), (206, 226, 238), (92, 120, 150), _running_shoe),
    Ware("Dimmable desk lamp", 129, 179, 120, (240, 176, 60), (92, 96, 128), (36, 38, 60), _desk_lamp),
    Ware("Headphones", 329, 459, 60, (124, 96, 214), (236, 210, 214), (160, 110, 130), _headphones),
)

A_STRANGERS_WARES = (
    Ware("Rice cooker 3 l", 219, 299, 70, (222, 226, 230), (214, 232, 214), (96, 130, 108), _rice_cooker),
)
