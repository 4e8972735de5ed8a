"""The room a stream comes from: a wall with shelves, a sign and a lamp, painted once for each ware that is shown."""

import numpy as np
from PIL import Image, ImageDraw, ImageFilter

from clipledger.demo.goods import Ware
from clipledger.demo.pen import Colour, Pen, darker, lettering, lighter, mix

SIZE = (1280, 720)
"""Pixels of the painted room, twice those of the stream's picture, so that the camera can go nearer."""

TABLE_TOP = 560
"""The row at which the table begins, which stands before the host."""


def wall(ware: Ware, sign: str, seed: int) -> Image.Image:
    """What is behind the host."""
    random = np.random.default_rng(seed)
    room = _gradient(ware.light, ware.shade)
    draw = ImageDraw.Draw(room)
    for side in random.permutation([60, 880])[: 1 + seed % 2]:
        _shelves(draw, int(side), ware, random)
    _window(draw, int(random.integers(380, 620)), random)
    _plant(Pen(draw, float(random.choice([90, 1190])), 560, 90), random)
    room = room.filter(ImageFilter.GaussianBlur(3))
    _neon(room, sign, (int(random.integers(480, 700)), int(random.integers(40, 90))), lighter(ware.colour, 0.5))
    return room


def table(ware: Ware, seed: int) -> Image.Image:
    """What a close-up shows behind the ware: the table's cloth, spots of light far behind."""
    random = np.random.default_rng(seed)
    room = _gradient(darker(ware.shade, 0.3), ware.shade)
    draw = ImageDraw.Draw(room)
    for x, y, radius in random.uniform((0, 0, 18), (1280, 380, 60), (22, 3)):
        draw.ellipse((x - radius, y - radius, x + radius, y + radius), fill=_any_colour(random, ware.light))
    room = room.filter(ImageFilter.GaussianBlur(9))
    cloth = lighter(ware.light, 0.3)
    ImageDraw.Draw(room).rectangle((0, 430, 1280, 720), fill=cloth)
    stripes = ImageDraw.Draw(room)
    for x in range(-200, 1480, 90):
        stripes.polygon(
            [(x, 720), (x + 34, 720), (640 + (x - 640) * 0.6 + 20, 430), (640 + (x - 640) * 0.6, 430)],
            fill=mix(cloth, ware.colour, 0.25),
        )
    return room


def front_table(draw: ImageDraw.ImageDraw, ware: Ware) -> None:
    """The table that the host stands behind."""
    draw.rectangle((0, TABLE_TOP, 1280, 720), fill=darker(ware.shade, 0.35))
    draw.rectangle((0, TABLE_TOP, 1280, TABLE_TOP + 34), fill=lighter(ware.light, 0.4))


def _gradient(top: Colour, bottom: Colour) -> Image.Image:
    rows = np.linspace(np.array(top), np.array(bottom), SIZE[1])
    columns = 1 - 0.16 * np.abs(np.linspace(-1, 1, SIZE[0])) ** 2
    return Image.fromarray((rows[:, None, :] * columns[None, :, None]).astype(np.uint8))


def _shelves(draw: ImageDraw.ImageDraw, left: int, ware: Ware, random: np.random.Generator) -> None:
    wood = darker(ware.shade, 0.2)
    for top in (150, 290, 430):
        at = left + 16
        while at < left + 310:
            width, height = (int(n) for n in random.integers((22, 40), (70, 108)))
            draw.rounded_rectangle((at, top - height, at + width, top), 6, fill=_any_colour(random, ware.light))
            at += width + int(random.integers(4, 22))
        draw.rectangle((left, top, left + 350, top + 12), fill=wood)


def _window(draw: ImageDraw.ImageDraw, left: int, random: np.random.Generator) -> None:
    """A city at night."""
    draw.rectangle((left, 110, left + 260, 400), fill=(236, 236, 240))
    draw.rectangle((left + 10, 120, left + 250, 390), fill=(40, 48, 92))
    for x in range(left + 10, left + 250, 40):
        height = int(random.integers(60, 220))
        draw.rectangle((x, 390 - height, x + 36, 390), fill=(24, 28, 58))
        for y in range(390 - height + 10, 384, 18):
            for lit in np.flatnonzero(random.random(3) < 0.55).tolist():
                draw.rectangle((x + 4 + 11 * lit, y, x + 10 + 11 * lit, y + 8), fill=(250, 216, 130))
    draw.rectangle((left + 126, 110, left + 134, 400), fill=(236, 236, 240))


def _plant(pen: Pen, random: np.random.Generator) -> None:
    for tip in random.uniform((-1.1, -2.6), (1.1, -1.0), (13, 2)):
        middle = (0.35 * tip[0], 0.6 * tip[1])
        pen.stroke([(0, 0), middle, (float(tip[0]), float(tip[1]))], 0.2, (50, int(random.integers(96, 150)), 74))
    pen.polygon([(-0.5, -0.2), (0.5, -0.2), (0.36, 0.9), (-0.36, 0.9)], (196, 120, 84))


def _neon(room: Image.Image, text: str, place: tuple[int, int], colour: Colour) -> None:
    glow = Image.new("L", SIZE)
    glow.paste(255, place, lettering(text, 76))
    room.paste(colour, (0, 0), glow.filter(ImageFilter.GaussianBlur(14)).point(lambda level: min(255, 2 * level)))
    room.paste((255, 252, 244), (0, 0), glow)


def _any_colour(random: np.random.Generator, near: Colour) -> Colour:
    red, green, blue = (int(n) for n in random.integers(40, 235, 3))
    return mix((red, green, blue), near, 0.35)
