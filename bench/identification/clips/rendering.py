"""A planned clip, and the ffmpeg command that renders it. The same plan gives the same clip."""

import random
import subprocess
import tempfile
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from bench.identification.clips import cutting, edits
from bench.identification.clips.cutting import FRAME_RATE, Grounds, Piece
from bench.identification.clips.edits import Edit
from bench.identification.clips.graph import Graph
from bench.identification.footage import look_at
from media.ffmpeg import find_ffmpeg

Cut = Callable[[Grounds, random.Random, float], list[Piece]]

SOUNDS: dict[str, Edit | None] = {
    "orig": None,
    "mixed": edits.music,
    "replaced": edits.other_sound,
    "none": edits.silence,
}
SHARES = (0.7, 0.12, 0.12, 0.06)  # of the clips


@dataclass(frozen=True)
class Recipe:
    """How one group of clips is made; `sound` None: any, by `SHARES`."""

    edits: tuple[Edit, ...] = ()
    cut: Cut = cutting.any_seconds
    speeds: tuple[float, ...] = (1.0,)
    sound: str | None = None


def _speed(speed: float) -> Recipe:
    return Recipe(speeds=(speed,))


SINGLES: dict[str, Recipe] = {
    **{edit.__name__: Recipe((edit,)) for edit in (
        edits.zoom, edits.slow_zoom, edits.rotate, edits.shake, edits.square, edits.four_by_five, edits.off_centre,
        edits.stretch, edits.perspective, edits.split_screen, edits.side_by_side, edits.side_bars, edits.small_window,
        edits.facecam, edits.captions, edits.stickers, edits.vignette, edits.blur, edits.sharpen, edits.frame_drop,
        edits.film_look,
    )},
    **{f"speed_{speed}": _speed(speed) for speed in (0.8, 0.85, 1.15, 1.35, 1.75, 2.0)},
    "three_seconds": Recipe(cut=cutting.three_seconds),
    "jump_cuts": Recipe(cut=cutting.jump_cuts),
    "highlights": Recipe(cut=cutting.highlights),
    "freeze": Recipe(cut=cutting.frozen),
    "intro_outro": Recipe(cut=cutting.with_intro),
    "compilation": Recipe(cut=cutting.compilation),
    "loudness": Recipe((edits.loudness,), sound="orig"),
    "pitch": Recipe((edits.pitch,), sound="orig"),
    "music": Recipe(sound="mixed"),
}  # fmt: skip

COMBINED: dict[str, Recipe] = {
    "c_mirror_fast_caption": Recipe((edits.mirror, edits.captions), speeds=(1.1, 1.25, 1.4)),
    "c_reaction": Recipe((edits.zoom, edits.facecam, edits.caption), speeds=(1.0, 1.1)),
    "c_two_halves": Recipe((edits.caption, edits.split_screen, edits.stickers)),
    "c_square_repost": Recipe((edits.square, edits.stickers, edits.colour, edits.low_quality)),
    "c_bars": Recipe((edits.zoom, edits.mirror, edits.side_bars, edits.caption)),
    "c_off_screen": Recipe((edits.perspective, edits.shake, edits.colour, edits.blur)),
    "c_upright_tilt": Recipe((edits.rotate, edits.upright, edits.captions, edits.vignette), speeds=(1.0, 1.2)),
    "c_talk": Recipe((edits.slow_zoom, edits.four_by_five, edits.captions), cut=cutting.jump_cuts),
    "c_hidden": Recipe((edits.mirror, edits.small_window, edits.pitch), speeds=(1.1, 1.3), sound="orig"),
    "c_best_of": Recipe((edits.upright, edits.caption, edits.film_look), cut=cutting.highlights, sound="mixed"),
}

# A stranger's clip is edited like any other, so that the edits themselves can't be what is recognised.
STRANGE_EDITS = ("zoom", "captions", "side_bars", "stickers", "split_screen", "speed_1.15", "facecam", "four_by_five")


@dataclass(frozen=True)
class Plan:
    """One clip to be made: the recipe `group`, from registered footage (`pos`) or from none of it (`neg`)."""

    kind: str
    group: str
    recipe: Recipe
    seed: str

    @property
    def name(self) -> str:
        return f"{self.kind}_{self.seed.split('|', 1)[1].replace('|', '_')}.mp4"


def plan(seed: int, each: int, strangers: int) -> list[Plan]:
    """`each` clips of every recipe, and strangers' ones."""
    recipes = SINGLES | COMBINED
    wanted = [Plan("pos", group, recipes[group], f"{seed}|{group}|{n:03}") for group in recipes for n in range(each)]
    for n in range(strangers):
        group = STRANGE_EDITS[n % len(STRANGE_EDITS)]
        wanted.append(Plan("neg", "neg_stranger", recipes[group], f"{seed}|{group}|{n:03}"))
    return wanted


def render(planned: Plan, grounds: Grounds, folder: Path) -> dict[str, Any]:
    """Write the clip; its entry in truth.json."""
    r, recipe = random.Random(f"{planned.kind}|{planned.seed}"), planned.recipe
    if planned.kind == "neg":
        grounds = Grounds(grounds.foreign, grounds.foreign)
    speed = r.choice(recipe.speeds)
    pieces = recipe.cut(grounds, r, speed)
    sound = recipe.sound or r.choices(list(SOUNDS), SHARES)[0]
    path = folder / planned.name
    with tempfile.TemporaryDirectory() as drawn:
        graph = Graph(grounds, Path(drawn), pieces, speed)
        over = SOUNDS[sound]
        for edit in (*recipe.edits, *([over] if over else [])):
            edit(graph, r)
        graph.finish()
        _run(graph, path)
    found = look_at(path)
    return {
        "clip": path.name,
        "kind": planned.kind,
        "group": planned.group,
        "transforms": [edit.__name__ for edit in recipe.edits] or [recipe.cut.__name__],
        "audio": sound,
        "duration": found.seconds,
        "matches": cutting.truth_of(pieces, speed) if planned.kind == "pos" else [],
    }


def _run(graph: Graph, path: Path) -> None:
    command = [find_ffmpeg(), "-y", "-v", "error", "-nostdin", "-filter_complex_threads", "1"]
    for arguments in graph.inputs:
        command += ["-threads", "1", *arguments]
    command += ["-filter_complex", ";".join(graph.steps), "-map", f"[{graph.picture}]", "-map", f"[{graph.sound}]"]
    command += ["-t", f"{graph.seconds:.3f}", "-r", str(FRAME_RATE), "-c:v", "libx264", "-preset", "veryfast"]
    command += ["-crf", str(graph.quality), "-threads", "1", "-c:a", "aac", "-b:a", "96k", "-ar", "44100"]
    done = subprocess.run([*command, str(path)], capture_output=True, text=True, check=False)
    if done.returncode:
        raise RuntimeError(f"{path.name}: {done.stderr[-1500:]}\n{_readable(command)}")


def _readable(command: Sequence[str]) -> str:
    return " ".join(f"'{word}'" if ";" in word or " " in word else word for word in command)
