"""What clippers do to a picture and its sound, by name.

An edit changes the graph it is given; all that is random about it comes from `r`.
"""

import math
import random
from collections.abc import Callable

from bench.identification.clips.graph import SOUND_RATE, Graph, even
from bench.identification.clips.overlays import INKS, draw_caption, draw_sticker
from bench.identification.clips.sounds import write_music

Edit = Callable[[Graph, random.Random], None]


def zoom(graph: Graph, r: random.Random) -> None:
    width, height, factor = graph.width, graph.height, r.uniform(1.2, 1.6)
    graph.crop(width / factor, height / factor, r.uniform(0.2, 0.8), r.uniform(0.2, 0.8))
    graph.resize(width, height)


def slow_zoom(graph: Graph, r: random.Random) -> None:
    """Closer and closer: up to 1.4 at the end."""
    rate = r.uniform(0.15, 0.4) / graph.seconds
    width, height = graph.width, graph.height
    graph.show(f"scale=w='2*ceil({width}*(1+{rate:.5f}*t)/2)':h='2*ceil({height}*(1+{rate:.5f}*t)/2)':eval=frame")
    graph.show(f"crop={width}:{height},setsar=1")


def rotate(graph: Graph, r: random.Random) -> None:
    """1° to 3°; the corners black, or hidden by a zoom that is just enough."""
    width, height, angle = graph.width, graph.height, math.radians(r.uniform(1, 3)) * r.choice([-1, 1])
    graph.show(f"rotate={angle:.5f}:c=black")
    if r.random() < 0.5:
        factor = math.cos(angle) + max(width / height, height / width) * abs(math.sin(angle))
        graph.crop(width / factor, height / factor, 0.5, 0.5)
        graph.resize(width, height)


def shake(graph: Graph, r: random.Random) -> None:
    """A camera that trembles."""
    width, height, pace = graph.width, graph.height, r.uniform(2, 6)
    inside = f"{even(width * 0.92)}:{even(height * 0.92)}"
    graph.show(f"crop={inside}:'(iw-ow)*(0.5+0.4*sin({pace:.2f}*t))':'(ih-oh)*(0.5+0.4*sin({pace * 1.3:.2f}*t+1))'")
    graph.show(f"scale={width}:{height},setsar=1")


def square(graph: Graph, r: random.Random) -> None:
    graph.crop_to(1.0, r.uniform(0.2, 0.8), 0.5)


def four_by_five(graph: Graph, r: random.Random) -> None:
    graph.crop_to(0.8, r.uniform(0.2, 0.8), 0.5)


def upright(graph: Graph, r: random.Random) -> None:
    """9:16 from anywhere in the picture."""
    graph.crop_to(9 / 16, r.uniform(0.1, 0.9), 0.5)
    graph.resize(360, 640)


def off_centre(graph: Graph, r: random.Random) -> None:
    """A part of half to four fifths of each side, anywhere."""
    graph.crop(graph.width * r.uniform(0.5, 0.8), graph.height * r.uniform(0.5, 0.8), r.random(), r.random())


def stretch(graph: Graph, r: random.Random) -> None:
    graph.resize(graph.width * r.choice([0.56, 0.75, 0.8, 1.25]), graph.height)


def perspective(graph: Graph, r: random.Random) -> None:
    """Filmed off a screen, not quite from the front."""
    corners = ":".join(f"{side}{corner}={_inset(side, corner, r)}" for corner in range(4) for side in "xy")
    graph.show(f"perspective={corners}")


def split_screen(graph: Graph, r: random.Random) -> None:
    """Upright, foreign footage above or below."""
    graph.crop_to(360 / 320, r.uniform(0.25, 0.75), 0.5)
    graph.resize(360, 320)
    other = graph.foreign(r, 360, 320)
    graph.beside(other, "vstack", first=r.random() < 0.7, width=360, height=640)


def side_by_side(graph: Graph, r: random.Random) -> None:
    """Left or right of foreign footage, either whole and small or as its middle."""
    width, height = r.choice([(320, 360), (320, 180)])
    if height == 360:
        graph.crop_to(width / height, r.uniform(0.25, 0.75), 0.5)
    graph.resize(width, height)
    other = graph.foreign(r, width, height)
    graph.beside(other, "hstack", first=r.random() < 0.5, width=2 * width, height=height)


def side_bars(graph: Graph, r: random.Random) -> None:
    """Whole, on a moving ground that is foreign or painted, in another aspect."""
    width, height = r.choice([(360, 640), (640, 360), (480, 480)])
    scale = min(width / graph.width, height / graph.height) * r.uniform(0.8, 1)
    graph.resize(graph.width * scale, graph.height * scale)
    if r.random() < 0.5:
        ground = graph.label()
        graph.steps.append(f"[{graph.foreign(r, width, height)}]boxblur=8:1[{ground}]")
    else:
        painted = f"gradients=s={width}x{height}:r=30:speed={r.uniform(0.01, 0.05):.3f}:seed={r.randrange(1 << 16)}"
        ground = f"{graph.input('-f', 'lavfi', painted)}:v"
    graph.lay_on(ground, (width - graph.width) / 2, (height - graph.height) * r.uniform(0.3, 0.7), width, height)


def small_window(graph: Graph, r: random.Random) -> None:
    """On foreign footage, at 0.45 to 0.65 of its width."""
    scale = 640 * r.uniform(0.45, 0.65) / graph.width
    graph.resize(graph.width * scale, graph.height * scale)
    left, top = 640 - graph.width, max(0, 360 - graph.height)
    graph.lay_on(graph.foreign(r, 640, 360), left * r.random(), top * r.random(), 640, 360)


def facecam(graph: Graph, r: random.Random) -> None:
    """Someone else's camera over a corner, a quarter to two fifths of the width."""
    width = even(graph.width * r.uniform(0.25, 0.4))
    height = even(width * r.choice([9 / 16, 1.0, 0.75]))
    x, y = r.choice(["8", "W-w-8"]), r.choice(["8", "H-h-8"])
    framed = graph.label()
    graph.steps.append(f"[{graph.foreign(r, width, height)}]drawbox=color={r.choice(INKS)}:t=3[{framed}]")
    graph.lay_over(framed, f"{x}:{y}:shortest=1")


def captions(graph: Graph, r: random.Random) -> None:
    """A standing title and lines that change every second or two."""
    _caption(graph, r, 0.1, "")
    at, place = 0.3, r.uniform(0.6, 0.88)
    for _ in range(12):
        until = at + r.uniform(0.8, 2.5)
        if until > graph.seconds:
            break
        _caption(graph, r, place, f":enable='between(t,{at:.2f},{until:.2f})'")
        at = until + r.uniform(0.1, 1.5)


def caption(graph: Graph, r: random.Random) -> None:
    _caption(graph, r, r.choice([0.12, 0.5, 0.85]), "")


def stickers(graph: Graph, r: random.Random) -> None:
    """Two to five, some of them moving."""
    for _ in range(r.randint(2, 5)):
        size = even(min(graph.width, graph.height) * r.uniform(0.14, 0.3))
        path = graph.folder / f"{graph.label()}.png"
        draw_sticker(path, r, size)
        x, y = r.uniform(0, graph.width - size), r.uniform(0, graph.height - size)
        moving = f"+{r.uniform(10, 40):.0f}*sin({r.uniform(1, 5):.2f}*t)" if r.random() < 0.5 else ""
        graph.lay_image(path, f"'{x:.0f}{moving}':'{y:.0f}{moving}'")


def vignette(graph: Graph, r: random.Random) -> None:
    graph.show(f"vignette=a=PI/{r.uniform(3.2, 5):.2f}")


def blur(graph: Graph, r: random.Random) -> None:
    graph.show(f"gblur=sigma={r.uniform(1.2, 3):.2f}")


def sharpen(graph: Graph, r: random.Random) -> None:
    graph.show(f"unsharp=5:5:{r.uniform(1.2, 3):.2f}")


def frame_drop(graph: Graph, r: random.Random) -> None:
    """Few pictures a second, or some missing at random."""
    few = f"fps={r.choice([6, 8, 10, 12])},fps=30"
    some = f"select='gt(random({r.randrange(1000)}),{r.uniform(0.3, 0.6):.2f})',fps=30"
    graph.show(r.choice([few, some]))


def mirror(graph: Graph, r: random.Random) -> None:
    graph.show("hflip")


def colour(graph: Graph, r: random.Random) -> None:
    light = (
        f"brightness={r.uniform(-0.15, 0.15):.2f}:contrast={r.uniform(0.7, 1.45):.2f}:gamma={r.uniform(0.7, 1.4):.2f}"
    )
    graph.show(f"eq={light}:saturation={r.uniform(0.3, 2):.2f},hue=h={r.choice([-60, -30, 0, 30, 60])}")


def film_look(graph: Graph, r: random.Random) -> None:
    """A look: curves, grain, colours aside."""
    graph.show(f"curves=preset={r.choice(['vintage', 'cross_process', 'lighter', 'darker', 'strong_contrast'])}")
    graph.show(f"noise=alls={r.randint(8, 20)}:allf=t")


def low_quality(graph: Graph, r: random.Random) -> None:
    graph.quality = r.randint(35, 40)


def loudness(graph: Graph, r: random.Random) -> None:
    graph.play(r.choice(["volume=0.12", "volume=5,alimiter=limit=0.9", "acompressor=ratio=8:threshold=0.05:makeup=4"]))


def pitch(graph: Graph, r: random.Random) -> None:
    """Higher or lower at the same speed, by one to four semitones."""
    factor = 2 ** (r.choice([-4, -3, -2, -1, 1, 2, 3, 4]) / 12)
    graph.play(f"asetrate={SOUND_RATE * factor:.0f},aresample={SOUND_RATE},atempo={1 / factor:.5f}")


def music(graph: Graph, r: random.Random) -> None:
    """Music over it, as loud as it or twice as loud."""
    _mix_music(graph, r, r.uniform(0.3, 0.7))


def other_sound(graph: Graph, r: random.Random) -> None:
    """Music instead of it."""
    _mix_music(graph, r, 0.0)


def silence(graph: Graph, r: random.Random) -> None:
    graph.play("volume=0")


def _mix_music(graph: Graph, r: random.Random, own: float) -> None:
    path = graph.folder / f"{graph.label()}.wav"
    write_music(path, r, graph.seconds + 0.5)
    number, before, graph.sound = graph.input(str(path)), graph.sound, graph.label()
    shape = f"aformat=sample_fmts=fltp:sample_rates={SOUND_RATE}:channel_layouts=mono"
    label = graph.label()
    graph.steps.append(f"[{number}:a]{shape}[{label}]")
    mixing = f"amix=inputs=2:duration=first:weights='{own:.2f} 0.7':normalize=0"
    graph.steps.append(f"[{before}][{label}]{mixing}[{graph.sound}]")


def _caption(graph: Graph, r: random.Random, y: float, when: str) -> None:
    path = graph.folder / f"{graph.label()}.png"
    draw_caption(path, r, graph.width, graph.height, y)
    graph.lay_image(path, f"0:0{when}")


def _inset(side: str, corner: int, r: random.Random) -> str:
    """Up to a twentieth inwards of a corner, as an expression of `perspective`."""
    size, far = ("W", corner % 2) if side == "x" else ("H", corner // 2)
    inset = r.uniform(0, 0.05)
    return f"{size}*{1 - inset:.3f}" if far else f"{size}*{inset:.3f}"
