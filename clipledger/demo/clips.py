"""Clips as clippers cut them from a stream, each edited in another way, with what identification must find in them."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from PIL import Image, ImageDraw

from clipledger.demo import host, voice
from clipledger.demo.host import Gestures
from clipledger.demo.pen import WHITE, Colour, Pen, lettering, write
from clipledger.demo.recording import edit, write_sound

UPRIGHT = (360, 640)

Edit = Callable[[Path, Path, "NewClip"], None]


@dataclass(frozen=True)
class Cut:
    """What of the stream stands where in the clip. All in seconds; `speed` is stream seconds a clip second."""

    clip_t0: float
    clip_t1: float
    source_t0: float
    source_t1: float
    speed: float = 1.0
    mirrored: bool = False


@dataclass(frozen=True)
class NewClip:
    """A clip to be cut: the stream's seconds (from, to), one after the other, all edited alike."""

    name: str
    edited: str
    taken: tuple[tuple[float, float], ...]
    edit: Edit
    speed: float = 1.0
    mirrored: bool = False

    @property
    def seconds(self) -> float:
        """How long the clip is."""
        return sum(end - start for start, end in self.taken) / self.speed

    @property
    def cuts(self) -> tuple[Cut, ...]:
        """What identification must find."""
        cuts, at = [], 0.0
        for start, end in self.taken:
            length = (end - start) / self.speed
            cuts.append(Cut(at, at + length, start, end, self.speed, self.mirrored))
            at += length
        return tuple(cuts)


def cut(clip: NewClip, stream: Path, folder: Path) -> Path:
    """The clip as a file in the folder. Raises DemoError where ffmpeg fails."""
    path = folder / f"{clip.name}.mp4"
    clip.edit(stream, path, clip)
    return path


def _upright_crop(stream: Path, path: Path, clip: NewClip) -> None:
    """The middle of the picture, 9:16, faster, with a caption."""
    caption = path.with_suffix(".png")
    _caption(UPRIGHT, ("RED LEATHER BAG", "only today!"), (255, 214, 64)).save(caption)
    graph = (
        f"{_taken(clip)};[v0]setpts=PTS/{clip.speed},fps=15,crop=ih*9/16:ih,scale={_size(UPRIGHT)},setsar=1[cropped];"
        f"[cropped][1]overlay,format=yuv420p[v];[a0]atempo={clip.speed}[a]"
    )
    edit(path, [stream, caption], graph)
    caption.unlink()


def _mirrored_with_border(stream: Path, path: Path, clip: NewClip) -> None:
    """Seen in a mirror, smaller, inside a coloured border, with louder music over the voice."""
    music = write_sound(path.with_suffix(".wav"), voice.music(clip.seconds, seed=901, beat=0.3))
    graph = (
        f"{_taken(clip)};[v0]hflip,scale=540:304,pad=640:360:50:28:color=0x7a2ad0,format=yuv420p[v];"
        "[a0]volume=0.35[voice];[voice][1]amix=duration=first:normalize=0[a]"
    )
    edit(path, [stream, music], graph)
    music.unlink()


def _blurred_with_face(stream: Path, path: Path, clip: NewClip) -> None:
    """Upright: the picture, nearer, over a blurred copy of itself, with the clipper's face in a corner."""
    face = path.with_suffix(".png")
    _face(118).save(face)
    width, height = UPRIGHT
    graph = (
        f"{_taken(clip)};[v0]split[back][front];"
        f"[back]scale=-2:{height // 4},crop={width // 4}:{height // 4},boxblur=4:2,eq=brightness=-0.15,"
        f"scale={_size(UPRIGHT)}:flags=bilinear[blurred];"
        f"[front]crop=iw/1.25:ih/1.25,scale={width}:-2[nearer];[blurred][nearer]overlay=0:(H-h)/2[padded];"
        "[padded][1]overlay=x=226+4*sin(2*t):y=350+5*sin(3*t),format=yuv420p[v];[a0]anull[a]"
    )
    edit(path, [stream, face], graph)
    face.unlink()


def _as_it_is(stream: Path, path: Path, clip: NewClip) -> None:
    edit(path, [stream], f"{_taken(clip)};[v0]format=yuv420p[v];[a0]anull[a]")


CLIPS = (
    NewClip("ana", "9:16 crop, caption, faster", ((48.0, 70.0),), _upright_crop, speed=1.1),
    NewClip("bo", "mirrored, border, music", ((92.0, 110.0),), _mirrored_with_border, mirrored=True),
    NewClip("chen", "two cuts, zoomed, blurred bars, face", ((124.0, 134.0), (150.0, 162.0)), _blurred_with_face),
)
_CUT_FROM = 180.0
"""Seconds of the stream that they are cut from."""


def clips_of(seconds: float) -> tuple[NewClip, ...]:
    """The same clips of a stream of another length: at the same parts of it, and shorter where it is."""
    pace = seconds / _CUT_FROM
    return tuple(
        replace(
            clip, taken=tuple((start * pace, start * pace + (end - start) * min(1, pace)) for start, end in clip.taken)
        )
        for clip in CLIPS
    )


STRANGERS_CLIP = NewClip("stranger", "another host's stream", ((4.0, 22.0),), _as_it_is)


def _taken(clip: NewClip) -> str:
    """Filters that give the clip's seconds of the stream as [v0] and [a0]."""
    cuts, pads = [], ""
    for n, (start, end) in enumerate(clip.taken):
        cuts.append(f"[0:v]trim={start}:{end},setpts=PTS-STARTPTS[tv{n}]")
        cuts.append(f"[0:a]atrim={start}:{end},asetpts=PTS-STARTPTS[ta{n}]")
        pads += f"[tv{n}][ta{n}]"
    return ";".join([*cuts, f"{pads}concat=n={len(clip.taken)}:v=1:a=1[v0][a0]"])


def _caption(size: tuple[int, int], lines: Sequence[str], colour: Colour) -> Image.Image:
    """Lines in the upper part of an otherwise clear picture, on dark plates."""
    layer = Image.new("RGBA", size)
    draw = ImageDraw.Draw(layer)
    for row, text in enumerate(lines):
        mask = lettering(text, 34)
        left, top = (size[0] - mask.width) // 2, 84 + 50 * row
        draw.rounded_rectangle(
            (left - 12, top - 2, left + mask.width + 12, top + mask.height + 4), 8, (16, 12, 24, 255)
        )
        write(layer, (left, top), text, 34, colour if row == 0 else WHITE)
    return layer


def _face(size: int) -> Image.Image:
    """The clipper in a round window."""
    picture = Image.new("RGBA", (2 * size, 2 * size))
    draw = ImageDraw.Draw(picture)
    draw.rectangle((0, 0, 2 * size, 2 * size), (70, 92, 160, 255))
    pose = Gestures(5).pose(3.0, 0.5, showing=False)
    host.portrait(Pen(draw, size, 1.75 * size, size), host.CLIPPER, pose)
    window = Image.new("L", picture.size)
    ImageDraw.Draw(window).ellipse((6, 6, 2 * size - 6, 2 * size - 6), fill=255)
    picture.putalpha(window)
    ImageDraw.Draw(picture).ellipse((4, 4, 2 * size - 4, 2 * size - 4), outline=(255, 255, 255, 255), width=8)
    return picture.resize((size, size), Image.Resampling.LANCZOS)


def _size(size: tuple[int, int]) -> str:
    return f"{size[0]}:{size[1]}"
