"""Captions and stickers as transparent images, drawn with the face that Pillow ships."""

import math
import random
from pathlib import Path

from PIL import Image, ImageDraw, ImageFont

SAYINGS = (
    "wait for it", "he did WHAT", "best moment ever", "follow for more", "no way...", "insane play", "LINK IN BIO",
    "use code CLIP10", "you won't believe this", "part 7", "only today!", "sound on", "this is not a drill", "POV:",
)  # fmt: skip
INKS = ("white", "black", "#ffe14d", "#ff4d6d", "#4dd2ff", "#7cff6b")
FACES = ("#ffd93b", "#ff8a5c", "#8ee000", "#7ad7ff")


def draw_caption(path: Path, r: random.Random, width: int, height: int, y: float) -> None:
    """A line of text in a box (or with an outline), centred at `y` of the height; the image covers the picture."""
    image = Image.new("RGBA", (width, height))
    pen = ImageDraw.Draw(image)
    text, ink = r.choice(SAYINGS), r.choice(INKS)
    font = ImageFont.load_default(max(12, round(width * r.uniform(0.05, 0.085))))
    left, top, right, bottom = pen.textbbox((width / 2, height * y), text, font=font, anchor="mm")
    if r.random() < 0.6:
        ground = r.choice([each for each in INKS if each != ink])
        opacity = r.choice(["ff", "ff", "b0"])
        pen.rounded_rectangle((left - 10, top - 7, right + 10, bottom + 7), 8, fill=_rgba(ground, opacity))
        pen.text((width / 2, height * y), text, ink, font, "mm")
    else:
        outline = "black" if ink != "black" else "white"
        pen.text((width / 2, height * y), text, ink, font, "mm", stroke_width=3, stroke_fill=outline)
    image.save(path)


def draw_sticker(path: Path, r: random.Random, size: int) -> None:
    """A face, a star or an arrow."""
    image = Image.new("RGBA", (size, size))
    pen = ImageDraw.Draw(image)
    r.choice([_face, _star, _arrow])(pen, r, size)
    image.rotate(r.uniform(-25, 25)).save(path)


def _face(pen: ImageDraw.ImageDraw, r: random.Random, size: int) -> None:
    pen.ellipse((2, 2, size - 2, size - 2), fill=r.choice(FACES), outline="#7a4b00", width=max(1, size // 40))
    for x in (0.33, 0.67):
        pen.ellipse((size * (x - 0.07), size * 0.28, size * (x + 0.07), size * 0.46), fill="#3b2500")
    mouth = (size * 0.25, size * 0.35, size * 0.75, size * 0.82)
    if r.random() < 0.5:
        pen.chord(mouth, 10, 170, fill="#8a1020")
    else:
        pen.arc(mouth, 10, 170, fill="#3b2500", width=max(2, size // 18))


def _star(pen: ImageDraw.ImageDraw, r: random.Random, size: int) -> None:
    points = r.choice([5, 6, 12])
    inner = r.uniform(0.4, 0.75)
    corners = []
    for corner in range(points * 2):
        radius = size * 0.48 * (1 if corner % 2 == 0 else inner)
        angle = math.pi * corner / points
        corners.append((size / 2 + radius * math.sin(angle), size / 2 - radius * math.cos(angle)))
    pen.polygon(corners, fill=r.choice(INKS), outline="black")


def _arrow(pen: ImageDraw.ImageDraw, r: random.Random, size: int) -> None:
    shape = [(0.05, 0.38), (0.55, 0.38), (0.55, 0.15), (0.95, 0.5), (0.55, 0.85), (0.55, 0.62), (0.05, 0.62)]
    pen.polygon([(x * size, y * size) for x, y in shape], fill=r.choice(["#e00020", "#ffe14d"]), outline="white")


def _rgba(ink: str, opacity: str) -> str:
    names = {"white": "#ffffff", "black": "#000000"}
    return names.get(ink, ink) + opacity
