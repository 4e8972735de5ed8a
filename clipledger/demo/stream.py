"""A livestream sale, drawn: a host shows one ware after another, in three camera shots each, while viewers chat."""

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw

from clipledger.demo import host, room, voice
from clipledger.demo.goods import A_STRANGERS_WARES, LILIS_WARES, Ware
from clipledger.demo.host import Gestures, Looks
from clipledger.demo.overlay import Overlay
from clipledger.demo.pen import Pen, Wander
from clipledger.demo.recording import record

SIZE = (640, 360)
RATE = 12
"""Pictures a second."""

WARE_SECONDS = 36
_CLOSE_UP, _NEARER = 13, 22  # when, in a ware's time, the camera goes to the table, and to the host again


@dataclass(frozen=True)
class Stream:
    """The same seed draws the same pictures, to the byte. `pitch` of the host's voice in Hz."""

    name: str
    wares: tuple[Ware, ...]
    looks: Looks
    pitch: float
    seed: int

    @property
    def seconds(self) -> int:
        return WARE_SECONDS * len(self.wares)


LILI_LIVE = Stream("Lili Live", LILIS_WARES, host.LILI, 215, seed=11)
A_STRANGERS = Stream("Kitchen King", A_STRANGERS_WARES, host.STRANGER, 128, seed=77)


class Camera:
    """Takes the pictures of a stream. `loudness` is the voice's, 0 to 1, one value for each picture."""

    def __init__(self, stream: Stream, loudness: NDArray[np.float64]) -> None:
        self.stream = stream
        self.loudness = loudness
        self.overlay = Overlay(stream.name, stream.seconds, stream.seed + 1)
        self.gestures = Gestures(stream.seed + 100)
        self.pan, self.rise, self.zoom, self.turn = (Wander(stream.seed + 200 + n, 0.09) for n in range(4))

    def pictures(self, first: int = 0, last: int | None = None) -> Iterator[Image.Image]:
        """From picture number `first` to before `last`, 640 x 360, RGB."""
        for number in range(first, self.stream.seconds * RATE if last is None else last):
            yield self.picture(number)

    def picture(self, number: int) -> Image.Image:
        seconds = number / RATE
        turn, shown_for = divmod(seconds, WARE_SECONDS)
        ware = self.stream.wares[int(turn)]
        if _CLOSE_UP <= shown_for < _NEARER:
            taken = self._close_up(int(turn), ware, seconds)
        else:
            taken = self._host(int(turn), ware, seconds, float(self.loudness[number]), near=shown_for >= _NEARER)
        self.overlay.draw(taken, ware, seconds, shown_for)
        return taken

    def _host(self, turn: int, ware: Ware, seconds: float, loudness: float, *, near: bool) -> Image.Image:
        """The host behind the table; nearer, the ware is in the host's hand."""
        scene = self._walls[turn].copy()
        draw = ImageDraw.Draw(scene)
        x = 640 + 150 * self.gestures.place(seconds)
        pose = self.gestures.pose(seconds, loudness, showing=near)
        figure = Pen(draw, x, 400, 170)
        host.draw(figure, self.stream.looks, pose)
        room.front_table(draw, ware)
        if near:
            ware.draw(figure.moved(pose.right[0] + 0.1, pose.right[1] - 0.1, 0.5, turn=0.3 * self.turn(seconds)))
            return self._taken(scene, seconds, x + 110, 330, 1.5)
        ware.draw(Pen(draw, 830 - 450 * (turn % 2), room.TABLE_TOP - 66, 84))
        return self._taken(scene, seconds, 640, 360, 1.08)

    def _close_up(self, turn: int, ware: Ware, seconds: float) -> Image.Image:
        """The ware alone, being turned by a hand."""
        scene = self._tables[turn].copy()
        draw = ImageDraw.Draw(scene)
        x, y = 560 + 70 * self.pan(3 * seconds), 400 + 30 * self.rise(3 * seconds)
        draw.ellipse((x - 250, y + 190, x + 250, y + 270), fill=tuple(c // 2 for c in ware.shade))
        spun = Pen(draw, x, y, 230, turn=0.25 * self.turn(2 * seconds), squash=0.8 + 0.2 * self.zoom(5 * seconds))
        ware.draw(spun)
        hand = spun.moved(1.0 + 0.12 * self.turn(4 * seconds), 0.3 + 0.3 * self.rise(4 * seconds))
        hand.stroke([(1.9, 1.6), (0.35, 0.5)], 0.5, self.stream.looks.shirt)
        hand.stroke([(0.75, 0.75), (0.1, 0.1)], 0.36, self.stream.looks.skin)
        for finger in range(4):
            hand.stroke([(0.05, 0.16 * finger - 0.15), (-0.3, 0.17 * finger - 0.3)], 0.13, self.stream.looks.skin)
        return self._taken(scene, seconds, 640, 400, 1.15)

    def _taken(self, scene: Image.Image, seconds: float, x: float, y: float, zoom: float) -> Image.Image:
        """What a camera held by hand sees of the scene."""
        zoom *= 1.04 + 0.035 * self.zoom(seconds)
        width, height = room.SIZE[0] / zoom, room.SIZE[1] / zoom
        left = min(max(0.0, x - width / 2 + 26 * self.pan(seconds)), room.SIZE[0] - width)
        top = min(max(0.0, y - height / 2 + 14 * self.rise(seconds)), room.SIZE[1] - height)
        return scene.resize(SIZE, Image.Resampling.BOX, box=(left, top, left + width, top + height))

    @cached_property
    def _walls(self) -> list[Image.Image]:
        name, seed = self.stream.name.upper(), self.stream.seed
        return [room.wall(ware, name, seed + 10 + n) for n, ware in enumerate(self.stream.wares)]

    @cached_property
    def _tables(self) -> list[Image.Image]:
        return [room.table(ware, self.stream.seed + 50 + n) for n, ware in enumerate(self.stream.wares)]


def render(stream: Stream, path: Path, *, seconds: float | None = None) -> None:
    """The stream, or its first `seconds`, as a video file with its sound."""
    seconds = stream.seconds if seconds is None else seconds
    speech = voice.speech(stream.seconds, stream.pitch, stream.seed + 300)
    sound = speech + np.float32(0.15) * voice.music(stream.seconds, stream.seed + 301)
    camera = Camera(stream, voice.loudness(speech, RATE))
    last = round(seconds * RATE)
    record(path, camera.pictures(0, last), SIZE, RATE, sound[: last * voice.RATE // RATE])
