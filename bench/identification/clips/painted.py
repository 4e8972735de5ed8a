"""Footage of our own, so that the bench runs where there is none: a game, a talking head, a screencast.

Nothing in it repeats: every movement is a random walk or a random choice, from a seed. Two of a kind with different
seeds look alike, as two streams of one host do, and share no second.
"""

import math
import random
import subprocess
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
from PIL import Image, ImageDraw, ImageFilter, ImageFont
from rich.console import Console
from rich.progress import track

from bench.identification.clips import sounds
from bench.identification.clips.sounds import Sound
from media.ffmpeg import find_ffmpeg

SIZE = (480, 270)
RATE = 25
WORDS = (
    "sale", "price", "clip", "host", "stream", "order", "item", "basket", "refund", "batch", "ledger", "share", "month",
    "term", "grant", "video", "sound", "match",
)  # fmt: skip

Scene = Callable[[random.Random], Iterator[Image.Image]]


def paint(out: Path, seed: int, minutes: float) -> None:
    """One of each kind into OUT/sources, and one of each with another seed into OUT/foreign."""
    for folder in ("sources", "foreign"):
        (out / folder).mkdir(parents=True, exist_ok=True)
        for kind, (scene, sound) in KINDS.items():
            r = random.Random(f"{seed}|{folder}|{kind}")
            path = out / folder / f"{folder.rstrip('s')}_{kind}.mp4"
            _write(path, scene(r), sound(r, minutes * 60), minutes * 60)


def game(r: random.Random) -> Iterator[Image.Image]:
    """A camera that wanders over a map with creatures, and a score."""
    world = _world(r)
    x, y, heading, score = world.width / 2, world.height / 2, r.uniform(0, 6.3), 0
    creatures = [[r.uniform(0, world.width), r.uniform(0, world.height), r.uniform(0, 6.3)] for _ in range(260)]
    inks = [r.choice(["#e03030", "#30c0e0", "#f0e040", "#e060e0"]) for _ in creatures]
    font = ImageFont.load_default(16)
    while True:
        heading += r.gauss(0, 0.15)
        x, y = x + 4 * math.cos(heading), y + 4 * math.sin(heading)
        if not (0 < x < world.width - SIZE[0] and 0 < y < world.height - SIZE[1]):
            x, y = min(max(x, 1), world.width - SIZE[0] - 1), min(max(y, 1), world.height - SIZE[1] - 1)
            heading += 2
        image = world.crop((int(x), int(y), int(x) + SIZE[0], int(y) + SIZE[1]))
        pen = ImageDraw.Draw(image)
        for creature, ink in zip(creatures, inks, strict=True):
            creature[2] += r.gauss(0, 0.3)
            creature[0], creature[1] = creature[0] + 2 * math.cos(creature[2]), creature[1] + 2 * math.sin(creature[2])
            at_x, at_y = creature[0] - x, creature[1] - y
            if -20 < at_x < SIZE[0] + 20 and -20 < at_y < SIZE[1] + 20:
                pen.ellipse((at_x - 9, at_y - 9, at_x + 9, at_y + 9), fill=ink, outline="black")
        score += r.random() < 0.05
        pen.text((8, 6), f"SCORE {score * 10:06}", "white", font)
        yield image


def talk(r: random.Random) -> Iterator[Image.Image]:
    """Someone who talks in a room and shows one thing after the other, from two cameras."""
    room = _room(r)
    near = room.resize((SIZE[0] * 3 // 2, SIZE[1] * 3 // 2)).crop((SIZE[0] // 4, 40, SIZE[0] * 5 // 4, 40 + SIZE[1]))
    skin, hair, shirt, thing = (_ink(r) for _ in range(4))
    sway, nod, hand, mouth = 0.0, 0.0, 0.0, 0.0
    close, until = False, 0
    for frame in range(1 << 30):
        if frame >= until:
            close, until = not close, frame + r.randint(4 * RATE, 12 * RATE)
            thing = _ink(r)
        sway, nod, hand = (0.97 * each + r.gauss(0, size) for each, size in ((sway, 1.2), (nod, 0.8), (hand, 3)))
        mouth = 0.6 * mouth + 0.4 * r.uniform(0, 14)
        image = (near if close else room).copy()
        pen, size = ImageDraw.Draw(image), 1.5 if close else 1.0
        x, y = SIZE[0] / 2 + sway * size, SIZE[1] * 0.42 + nod * size
        pen.ellipse((x - 95 * size, y + 45 * size, x + 95 * size, y + 300 * size), fill=shirt)
        pen.ellipse((x - 46 * size, y - 64 * size, x + 46 * size, y + 40 * size), fill=hair)
        pen.ellipse((x - 40 * size, y - 50 * size, x + 40 * size, y + 56 * size), fill=skin, outline="#402010")
        for eye in (-16, 16):
            pen.ellipse((x + (eye - 5) * size, y - 14 * size, x + (eye + 5) * size, y - 6 * size), fill="#101010")
        pen.ellipse((x - 14 * size, y + 24 * size, x + 14 * size, y + (27 + mouth) * size), fill="#701020")
        left, top = x + (70 + hand) * size, y + (60 - abs(hand)) * size
        pen.rectangle((left, top, left + 44 * size, top + 60 * size), fill=thing, outline="white", width=2)
        yield image


def screencast(r: random.Random) -> Iterator[Image.Image]:
    """Text being typed in an editor, with a page to scroll through now and then."""
    font = ImageFont.load_default(11)
    lines = [""]
    while True:
        page, start = _page(r, font), 0.0
        for frame in range(r.randint(15 * RATE, 40 * RATE)):
            if frame % 2 == 0 and r.random() < 0.7:
                _type(lines, r)
            yield _editor(lines[-16:], font, cursor=frame // 12 % 2 == 0)
        for _ in range(r.randint(4 * RATE, 12 * RATE)):
            start = min(max(0.0, start + r.gauss(1.5, 3)), page.height - SIZE[1])
            yield page.crop((0, int(start), SIZE[0], int(start) + SIZE[1]))


def _game_sound(r: random.Random, seconds: float) -> Sound:
    return 0.5 * sounds.music(r, seconds) + sounds.noises(r, seconds, 3)


def _screen_sound(r: random.Random, seconds: float) -> Sound:
    return sounds.speech(r, seconds) + 0.5 * sounds.noises(r, seconds, 5)


KINDS: dict[str, tuple[Scene, Callable[[random.Random, float], Sound]]] = {
    "game": (game, _game_sound),
    "talk": (talk, sounds.speech),
    "screen": (screencast, _screen_sound),
}


def _write(path: Path, pictures: Iterator[Image.Image], sound: Sound, seconds: float) -> None:
    with tempfile.TemporaryDirectory() as folder:
        heard = Path(folder) / "sound.wav"
        sounds.write(heard, sound)
        command = [find_ffmpeg(), "-y", "-v", "error", "-nostdin", "-f", "rawvideo", "-pix_fmt", "rgb24"]
        command += ["-s", f"{SIZE[0]}x{SIZE[1]}", "-r", str(RATE), "-i", "pipe:", "-i", str(heard), "-threads", "1"]
        command += ["-c:v", "libx264", "-preset", "veryfast", "-crf", "24", "-pix_fmt", "yuv420p", "-c:a", "aac"]
        command += ["-shortest", str(path)]
        with subprocess.Popen(command, stdin=subprocess.PIPE) as encoder:
            assert encoder.stdin
            for _ in track(range(round(seconds * RATE)), path.name, console=Console(stderr=True)):
                encoder.stdin.write(next(pictures).tobytes())
            encoder.stdin.close()
    if encoder.returncode:
        raise RuntimeError(f"{path}: ffmpeg ended with {encoder.returncode}")


def _world(r: random.Random) -> Image.Image:
    """A map of 3200 × 2400: plains of several grounds, with trees, stones and paths."""
    noise = np.random.default_rng(r.randrange(1 << 32))
    palette = np.array([[60, 120, 50], [90, 150, 70], [150, 130, 80], [70, 90, 150], [120, 120, 120]], np.uint8)
    plains = Image.fromarray(noise.integers(0, 256, (30, 40), np.uint8)).resize((3200, 2400), Image.Resampling.BICUBIC)
    ground = palette[np.asarray(plains).astype(int) * len(palette) // 256]
    grain = noise.integers(-18, 18, (*ground.shape[:2], 1))
    world = Image.fromarray(np.clip(ground + grain, 0, 255).astype(np.uint8)).filter(ImageFilter.SMOOTH)
    pen = ImageDraw.Draw(world)
    for _ in range(2500):
        x, y, size = r.uniform(0, 3200), r.uniform(0, 2400), r.uniform(6, 34)
        shape = r.choice([pen.ellipse, pen.rectangle])
        shape((x, y, x + size, y + size * r.uniform(0.6, 1.6)), fill=_ink(r), outline="black")
    return world


def _room(r: random.Random) -> Image.Image:
    image = Image.new("RGB", SIZE, _ink(r))
    pen = ImageDraw.Draw(image)
    for _ in range(r.randint(14, 30)):
        x, y = r.uniform(0, SIZE[0]), r.uniform(0, SIZE[1] * 0.8)
        pen.rectangle((x, y, x + r.uniform(8, 90), y + r.uniform(8, 70)), fill=_ink(r), outline=_ink(r))
    return image.filter(ImageFilter.GaussianBlur(1.2))


def _page(r: random.Random, font: ImageFont.FreeTypeFont | ImageFont.ImageFont) -> Image.Image:
    page = Image.new("RGB", (SIZE[0], 1600), "#fafafa")
    pen, y = ImageDraw.Draw(page), 10
    while y < 1540:
        if r.random() < 0.15:
            pen.rectangle((30, y, r.randint(150, 450), y + 60), fill=_ink(r), outline=_ink(r), width=4)
            y += 70
        pen.text((30, y), " ".join(r.choices(WORDS, k=r.randint(3, 11))), "#202020", font)
        y += 17
    return page


def _type(lines: list[str], r: random.Random) -> None:
    lines[-1] += r.choice(["", "    "]) if not lines[-1] else ""
    lines[-1] += r.choice(WORDS) + r.choice([" ", "_", "(", ") ", " = ", ": ", ", "])
    if len(lines[-1]) > r.randint(25, 70):
        lines.append("")


def _editor(lines: list[str], font: ImageFont.FreeTypeFont | ImageFont.ImageFont, *, cursor: bool) -> Image.Image:
    image = Image.new("RGB", SIZE, "#1e2030")
    pen = ImageDraw.Draw(image)
    pen.rectangle((0, 0, 70, SIZE[1]), fill="#2a2d42")
    for row, line in enumerate(lines):
        pen.text((80, 6 + 16 * row), line, "#d8dcf0" if line.startswith(" ") else "#8fd0a0", font)
    if cursor:
        x, y = 82 + pen.textlength(lines[-1], font), 6 + 16 * (len(lines) - 1)
        pen.rectangle((x, y, x + 6, y + 12), fill="#ffffff")
    return image


def _ink(r: random.Random) -> str:
    return f"#{r.randrange(1 << 24):06x}"
