"""What the platform lays over a stream: the chat, the ware's card with price and stock, hearts, name and viewers."""

from functools import lru_cache

import numpy as np
from PIL import Image, ImageDraw

from clipledger.demo.goods import Ware
from clipledger.demo.pen import WHITE, Pen, lettering, write

_RED = (236, 50, 74)
_CARD = (132, 160)
_NAMES = (
    "mei",
    "jun_88",
    "sunny",
    "Tao",
    "lulu",
    "k.wong",
    "anna",
    "xiao",
    "piet",
    "Noor",
    "hana",
    "leo",
    "Vera",
    "qiqi",
)
_LINES = (
    "is it real leather?", "the second one please", "link?", "ordered two!", "hello from Chengdu", "so cheap today",
    "my mother loves it", "how long is shipping", "size 38?", "other colours?", "again, closer please", "wow",
    "does it come with a box", "got it last week, great", "can I return it", "how many are left", "show the back",
    "first time here", "good evening Lili", "price for three?", "take my money", "is there a coupon", "beautiful!",
)  # fmt: skip


class Overlay:
    """Of one stream: who writes what, and when, is drawn from the seed."""

    def __init__(self, name: str, seconds: float, seed: int) -> None:
        random = np.random.default_rng(seed)
        self.name = name
        self.written = np.cumsum(random.uniform(0.5, 2.4, int(seconds)))
        self.lines = [
            (str(random.choice(_NAMES)), str(random.choice(_LINES)), int(random.integers(0, 5))) for _ in self.written
        ]
        self.hearts = np.cumsum(random.exponential(0.8, int(2 * seconds)))
        self.lanes = random.uniform(-1, 1, (len(self.hearts), 2))
        self.viewers = 2_000 + np.cumsum(random.integers(-30, 42, int(seconds) + 1))

    def draw(self, picture: Image.Image, ware: Ware, seconds: float, shown_for: float) -> None:
        """`seconds` of the stream, of which the ware has been on the table for `shown_for`."""
        self._title(picture, seconds)
        self._chat(picture, seconds)
        self._float_hearts(picture, seconds)
        left = max(3, ware.stock - int(ware.stock * shown_for / 46))
        picture.paste(card := _card(ware, left), (picture.width - _CARD[0] - 10, picture.height - _CARD[1] - 10), card)

    def _title(self, picture: Image.Image, seconds: float) -> None:
        plate = _plate(self.name)
        picture.paste(plate, (10, 10), plate)
        write(picture, (50, 27), f"{self.viewers[int(seconds)]:,} watching", 10, (236, 232, 240))

    def _chat(self, picture: Image.Image, seconds: float) -> None:
        """The last lines, the newest at the bottom, sliding up as it comes."""
        count = int(np.searchsorted(self.written, seconds))
        slide = 1 - min(1.0, (seconds - self.written[count - 1]) / 0.3) if count else 0.0
        for row, (who, text, hue) in enumerate(reversed(self.lines[max(0, count - 6) : count])):
            bubble = _bubble(who, text, hue)
            picture.paste(bubble, (10, picture.height - 32 - round(22 * (row - slide))), bubble)

    def _float_hearts(self, picture: Image.Image, seconds: float) -> None:
        pen_of = ImageDraw.Draw(picture)
        for n in np.flatnonzero((self.hearts < seconds) & (self.hearts > seconds - 2.6)):
            age, (lane, swing) = seconds - self.hearts[n], self.lanes[n]
            x = picture.width - 164 + 14 * lane + 10 * swing * np.sin(3 * age)
            pen = Pen(pen_of, float(x), float(picture.height - 20 - 62 * age), 9 - 2 * age, turn=0.3 * swing)
            pen.ellipse(-0.45, -0.2, 0.52, 0.5, _RED)
            pen.ellipse(0.45, -0.2, 0.52, 0.5, _RED)
            pen.polygon([(-0.92, 0.0), (0.92, 0.0), (0, 1.0)], _RED)


@lru_cache
def _plate(name: str) -> Image.Image:
    plate = Image.new("RGBA", (170, 36))
    draw = ImageDraw.Draw(plate)
    draw.rounded_rectangle((0, 0, 169, 35), 18, fill=(20, 16, 30, 150))
    draw.ellipse((3, 3, 32, 32), fill=(226, 92, 110, 255))
    write(plate, (13, 8), name[0], 18, WHITE)
    write(plate, (40, 3), name, 13, WHITE)
    draw.rounded_rectangle((128, 9, 162, 26), 4, fill=(*_RED, 255))
    write(plate, (134, 11), "LIVE", 11, WHITE)
    return plate


@lru_cache(maxsize=512)
def _bubble(who: str, text: str, hue: int) -> Image.Image:
    colour = ((255, 208, 120), (150, 220, 255), (190, 240, 160), (255, 170, 200), (210, 190, 255))[hue]
    said = lettering(who, 12).width + 6
    bubble = Image.new("RGBA", (said + lettering(text, 12).width + 16, 20))
    ImageDraw.Draw(bubble).rounded_rectangle((0, 0, bubble.width - 1, 19), 9, fill=(20, 16, 30, 140))
    write(bubble, (8, 2), who, 12, colour)
    write(bubble, (8 + said, 2), text, 12, WHITE)
    return bubble


@lru_cache(maxsize=512)
def _card(ware: Ware, left: int) -> Image.Image:
    """The ware's picture, name, price, the price before, and how much of the stock is left."""
    card = Image.new("RGBA", _CARD)
    draw = ImageDraw.Draw(card)
    draw.rounded_rectangle((0, 0, _CARD[0] - 1, _CARD[1] - 1), 10, fill=(255, 255, 255, 244))
    draw.rounded_rectangle((8, 8, _CARD[0] - 9, 80), 8, fill=(*ware.light, 255))
    ware.draw(Pen(draw, _CARD[0] / 2, 44, 32))
    write(card, (9, 85), ware.name, 11, (40, 36, 46))
    taken = write(card, (9, 102), f"CNY {ware.price}", 20, _RED)
    struck = write(card, (16 + taken, 109), f"{ware.before}", 12, (150, 146, 156))
    draw.line((15 + taken, 117, 17 + taken + struck, 117), fill=(150, 146, 156), width=1)
    draw.rounded_rectangle((9, 133, 121, 139), 3, fill=(240, 226, 228, 255))
    draw.rounded_rectangle((9, 133, 9 + max(6, 112 * left // ware.stock), 139), 3, fill=(*_RED, 255))
    write(card, (9, 142), f"{left} left", 11, (110, 104, 116))
    return card
