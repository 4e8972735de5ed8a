"""The host of a stream as a drawn figure: who moves about, points at things and talks."""

from dataclasses import dataclass
from math import atan2, pi

from clipledger.demo.pen import WHITE, Colour, Pen, Point, Wander, darker


@dataclass(frozen=True)
class Looks:
    skin: Colour
    hair: Colour
    shirt: Colour
    long_hair: bool


LILI = Looks((245, 205, 176), (44, 28, 30), (226, 92, 110), long_hair=True)
STRANGER = Looks((214, 164, 126), (96, 62, 34), (58, 110, 96), long_hair=False)
CLIPPER = Looks((238, 190, 156), (30, 30, 44), (250, 190, 60), long_hair=False)


@dataclass(frozen=True)
class Pose:
    """Hands are given in the figure's units: shoulders are at height 0, the table at about 1. `tilt` in radians."""

    tilt: float
    left: Point
    right: Point
    mouth: float
    blinking: bool


class Gestures:
    """How one host moves: the pose at any second. `loudness` of the voice opens the mouth."""

    def __init__(self, seed: int) -> None:
        self.tilt, self.step = Wander(seed, 0.23), Wander(seed + 1, 0.06)
        self.hands = [Wander(seed + 2 + n, 0.35) for n in range(4)]
        self.blink = Wander(seed + 7, 0.8)

    def place(self, seconds: float) -> float:
        """Where the host stands, sideways, between about -1 and 1."""
        return self.step(seconds)

    def pose(self, seconds: float, loudness: float, *, showing: bool) -> Pose:
        """`showing`: the right hand holds something up."""
        a, b, c, d = (wander(seconds) for wander in self.hands)
        return Pose(
            tilt=0.13 * self.tilt(seconds),
            left=(-0.8 + 0.4 * a, 0.2 + 0.55 * b),
            right=(0.85 + 0.15 * c, 0.05 + 0.3 * d) if showing else (0.8 + 0.4 * c, 0.15 + 0.55 * d),
            mouth=loudness,
            blinking=self.blink(seconds) > 1.1,
        )


def draw(pen: Pen, looks: Looks, pose: Pose) -> None:
    """From the hips up, about 3 units high."""
    head = pen.moved(0.05 * pose.tilt, -0.78, turn=pose.tilt)
    if looks.long_hair:
        head.ellipse(0, 0.0, 0.46, 0.62, looks.hair)
        head.box(-0.46, 0, 0.46, 0.75, looks.hair)
    _body(pen, looks)
    _head(head, looks, pose)
    for shoulder, hand in (((-0.5, -0.02), pose.left), ((0.5, -0.02), pose.right)):
        _arm(pen, looks, shoulder, hand)


def portrait(pen: Pen, looks: Looks, pose: Pose) -> None:
    """Head and shoulders."""
    _body(pen, looks)
    _head(pen.moved(0, -0.78, turn=pose.tilt), looks, pose)


def _body(pen: Pen, looks: Looks) -> None:
    pen.box(-0.13, -0.5, 0.13, -0.1, darker(looks.skin, 0.15))
    pen.polygon(
        [
            (-0.2, -0.2),
            (0.2, -0.2),
            (0.58, -0.08),
            (0.68, 0.1),
            (0.56, 1.6),
            (-0.56, 1.6),
            (-0.68, 0.1),
            (-0.58, -0.08),
        ],
        looks.shirt,
    )
    pen.polygon([(-0.18, -0.21), (0.18, -0.21), (0, 0.08)], looks.skin)
    pen.stroke([(0, 0.1), (0, 1.5)], 0.03, darker(looks.shirt))


def _head(pen: Pen, looks: Looks, pose: Pose) -> None:
    pen.ellipse(0, 0, 0.36, 0.44, looks.skin)
    pen.polygon(
        [(-0.38, 0), (-0.34, -0.3), (0, -0.52), (0.34, -0.3), (0.38, 0), (0.26, -0.16), (-0.1, -0.24)], looks.hair
    )
    for side in (-1, 1):
        if pose.blinking:
            pen.stroke([(side * 0.15 - 0.06, 0.02), (side * 0.15 + 0.06, 0.02)], 0.025, looks.hair)
        else:
            pen.ellipse(side * 0.15, 0.0, 0.07, 0.05, WHITE)
            pen.ellipse(side * 0.15 + 0.1 * pose.tilt, 0.0, 0.035, 0.045, (40, 30, 34))
        pen.ellipse(side * 0.21, 0.13, 0.07, 0.04, (240, 160, 150))
    pen.ellipse(0, 0.25, 0.11, 0.025 + 0.065 * pose.mouth, (168, 50, 58))


def _arm(pen: Pen, looks: Looks, shoulder: Point, hand: Point) -> None:
    """The elbow hangs outward and down; how long the arm looks tells how far it is stretched towards the camera."""
    side = 1 if shoulder[0] > 0 else -1
    elbow = ((shoulder[0] + hand[0]) / 2 + 0.2 * side, max(0.05, (shoulder[1] + hand[1]) / 2) + 0.3)
    pen.stroke([shoulder, elbow], 0.26, darker(looks.shirt, 0.12))
    pen.stroke([elbow, hand], 0.19, looks.skin)
    fingers = pen.moved(*hand, turn=atan2(hand[1] - elbow[1], hand[0] - elbow[0]) - pi / 2)
    fingers.ellipse(0, 0.05, 0.12, 0.15, looks.skin)
