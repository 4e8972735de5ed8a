"""An ffmpeg filter graph that grows edit by edit, and knows how large its picture and how long its clip is."""

import random
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

from bench.identification.clips.cutting import FRAME_RATE, Grounds, Piece

SOUND_RATE = 44_100
LARGEST = 640  # pixels, width or height of what comes out


def even(value: float) -> int:
    return max(2, round(value / 2) * 2)


@dataclass
class Graph:
    """`picture` and `sound` are the labels at which the next filter is attached; `folder` takes what is drawn."""

    grounds: Grounds
    folder: Path
    pieces: Sequence[Piece]
    speed: float
    inputs: list[list[str]] = field(default_factory=list)
    steps: list[str] = field(default_factory=list)
    width: int = 0
    height: int = 0
    picture: str = ""
    sound: str = ""
    quality: int = 23
    _labels: int = 0

    def __post_init__(self) -> None:
        """The pieces, one after the other, at the speed asked for."""
        shown = next(piece.footage for piece in self.pieces if piece.kind != "foreign")
        scale = min(1.0, LARGEST / shown.width, 480 / shown.height)
        self.width, self.height = even(shown.width * scale), even(shown.height * scale)
        labels = [label for piece in self.pieces for label in self._piece(piece)]
        self.picture, self.sound = self.label(), self.label()
        joined = "".join(f"[{label}]" for label in labels)
        self.steps.append(f"{joined}concat=n={len(self.pieces)}:v=1:a=1[{self.picture}][{self.sound}]")
        if self.speed != 1:
            self.show(f"setpts=PTS/{self.speed},fps={FRAME_RATE}")
            self.play(f"atempo={self.speed}")

    @property
    def seconds(self) -> float:
        return sum(piece.seconds for piece in self.pieces) / self.speed

    def label(self) -> str:
        self._labels += 1
        return f"s{self._labels}"

    def input(self, *arguments: str) -> int:
        """The number of a new input; the last argument names it, those before are its options."""
        self.inputs.append([*arguments[:-1], "-i", arguments[-1]])
        return len(self.inputs) - 1

    def show(self, chain: str, width: float | None = None, height: float | None = None) -> None:
        """Filter the picture; the size is told where it changes."""
        before, self.picture = self.picture, self.label()
        self.width, self.height = even(width or self.width), even(height or self.height)
        self.steps.append(f"[{before}]{chain}[{self.picture}]")

    def play(self, chain: str) -> None:
        """Filter the sound."""
        before, self.sound = self.sound, self.label()
        self.steps.append(f"[{before}]{chain}[{self.sound}]")

    def resize(self, width: float, height: float) -> None:
        """To another size, whatever becomes of the aspect."""
        self.show(f"scale={even(width)}:{even(height)},setsar=1", width, height)

    def crop(self, width: float, height: float, x: float, y: float) -> None:
        """`x`, `y`: where the rest is left out, 0 all on the right or bottom, 1 all on the left or top."""
        width, height = min(self.width, even(width)), min(self.height, even(height))
        self.show(f"crop={width}:{height}:(iw-ow)*{x:.3f}:(ih-oh)*{y:.3f}", width, height)

    def crop_to(self, aspect: float, x: float, y: float) -> None:
        """The largest part of this aspect."""
        if self.width > self.height * aspect:
            self.crop(self.height * aspect, self.height, x, y)
        else:
            self.crop(self.width, self.width / aspect, x, y)

    def foreign(self, r: random.Random, width: int, height: int) -> str:
        """Label of foreign footage that fills this size for as long as the clip lasts."""
        chosen = r.choice(self.grounds.foreign)
        start = r.uniform(0, max(0.0, chosen.seconds - self.seconds))
        options = ["-stream_loop", "-1"] if chosen.seconds < self.seconds + 1 else []
        number = self.input(*options, "-ss", f"{start:.3f}", str(chosen.path))
        label = self.label()
        filling = f"scale={width}:{height}:force_original_aspect_ratio=increase,crop={width}:{height}"
        self.steps.append(f"[{number}:v:0]{filling},setsar=1,fps={FRAME_RATE},format=yuv420p[{label}]")
        return label

    def beside(self, other: str, filter_: str, *, first: bool, width: float, height: float) -> None:
        """Stack the picture with another (`hstack`, `vstack`)."""
        before, self.picture = self.picture, self.label()
        order = f"[{before}][{other}]" if first else f"[{other}][{before}]"
        self.steps.append(f"{order}{filter_}=shortest=1[{self.picture}]")
        self.width, self.height = even(width), even(height)

    def lay_over(self, top: str, where: str) -> None:
        """Another picture over this one; `where`: the options of `overlay`."""
        before, self.picture = self.picture, self.label()
        self.steps.append(f"[{before}][{top}]overlay={where}[{self.picture}]")

    def lay_on(self, ground: str, x: float, y: float, width: float, height: float) -> None:
        """The picture on another, of that size."""
        before, self.picture = self.picture, self.label()
        self.steps.append(f"[{ground}][{before}]overlay={even(x)}:{even(y)}:shortest=1[{self.picture}]")
        self.width, self.height = even(width), even(height)

    def lay_image(self, path: Path, where: str) -> None:
        number = self.input("-loop", "1", "-framerate", str(FRAME_RATE), str(path))
        self.lay_over(f"{number}:v", f"{where}:shortest=1")

    def finish(self) -> None:
        """No larger than `LARGEST`, in the pixels that players take."""
        scale = min(1.0, LARGEST / max(self.width, self.height))
        self.resize(self.width * scale, self.height * scale)
        self.show("format=yuv420p")

    def _piece(self, piece: Piece) -> tuple[str, str]:
        frozen = piece.kind == "frozen"
        span = ["-ss", f"{piece.start:.3f}", *([] if frozen else ["-t", f"{piece.seconds:.3f}"])]
        number = self.input(*span, str(piece.footage.path))
        picture, sound = self.label(), self.label()
        fit = f"scale={self.width}:{self.height}"
        if piece.kind == "foreign":
            fit += f":force_original_aspect_ratio=decrease,pad={self.width}:{self.height}:(ow-iw)/2:(oh-ih)/2"
        still = f"trim=end_frame=1,loop=loop=-1:size=1,setpts=N/{FRAME_RATE}/TB," if frozen else ""
        self.steps.append(
            f"[{number}:v:0]setpts=PTS-STARTPTS,fps={FRAME_RATE},{still}tpad=stop_mode=clone:stop_duration=1,"
            f"trim=duration={piece.seconds:.3f},{fit},setsar=1,format=yuv420p[{picture}]"
        )
        shape = f"aformat=sample_fmts=fltp:sample_rates={SOUND_RATE}:channel_layouts=mono"
        if frozen or not piece.footage.sound:
            self.steps.append(f"anullsrc=r={SOUND_RATE}:cl=mono,{shape},atrim=duration={piece.seconds:.3f}[{sound}]")
        else:
            self.steps.append(
                f"[{number}:a:0]asetpts=PTS-STARTPTS,{shape},apad,atrim=duration={piece.seconds:.3f}[{sound}]"
            )
        return picture, sound
