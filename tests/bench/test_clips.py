"""Clips made by the bench: what was cut and edited, and that the truth beside it says so."""

import json
import random
import re
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner

from bench.identification.clips.__main__ import main
from bench.identification.clips.cutting import Grounds, Piece, truth_of
from bench.identification.clips.painted import KINDS
from bench.identification.clips.rendering import COMBINED, SINGLES, Cut, Plan, plan, render
from bench.identification.footage import Footage, find_footage, look_at

# One worker makes the footage.
pytestmark = pytest.mark.xdist_group("painted")

SIZE = 16


@pytest.fixture(scope="session")
def grounds(tmp_path_factory: pytest.TempPathFactory) -> Grounds:
    """Two sources and something foreign, 40 seconds each, of test patterns that never stand still."""
    folder = tmp_path_factory.mktemp("footage")
    paths = []
    for number, name in enumerate(("first", "second", "foreign")):
        picture = f"mandelbrot=s=160x90:r=15:start_scale=0.{number + 1}:end_scale=0.01"
        paths.append(folder / f"{name}.mp4")
        command = ["ffmpeg", "-v", "error", "-nostdin", "-f", "lavfi", "-i", picture]
        command += ["-f", "lavfi", "-i", f"sine=f={200 + 100 * number}", "-t", "40", "-pix_fmt", "yuv420p"]
        subprocess.run([*command, "-preset", "ultrafast", str(paths[-1])], check=True)
    first, second, foreign = (look_at(path) for path in paths)
    return Grounds((first, second), (foreign,))


def footage(name: str, seconds: float = 100.0) -> Footage:
    return Footage(Path(f"{name}.mp4"), seconds, 640, 360, sound=True)


def found(pieces: Sequence[Piece], speed: float = 1.0) -> list[tuple[object, ...]]:
    names = ("source", "clip_t0", "clip_t1", "source_t0", "source_t1", "speed")
    return [tuple(match[name] for name in names) for match in truth_of(pieces, speed)]


def test_a_clip_at_another_speed_is_shorter_than_what_it_shows() -> None:
    assert found([Piece(footage("a"), 10, 25)], speed=1.5) == [("a", 0, 10, 10, 25, 1.5)]


def test_jump_cuts_are_one_segment_that_runs_faster_than_the_clip() -> None:
    pieces = [Piece(footage("a"), 10, 14), Piece(footage("a"), 15, 21)]
    assert found(pieces) == [("a", 0, 10, 10, 21, 1.1)]


def test_a_freeze_is_part_of_the_segment_around_it() -> None:
    pieces = [Piece(footage("a"), 10, 14), Piece(footage("a"), 14, 16, "frozen"), Piece(footage("a"), 14, 20)]
    assert found(pieces) == [("a", 0, 12, 10, 20, 10 / 12)]


def test_moments_of_one_source_that_lie_apart_are_segments_of_their_own() -> None:
    pieces = [Piece(footage("a"), 50, 60), Piece(footage("a"), 10, 20)]
    assert found(pieces) == [("a", 0, 10, 50, 60, 1), ("a", 10, 20, 10, 20, 1)]


def test_foreign_seconds_are_no_segment() -> None:
    pieces = [Piece(footage("x"), 0, 4, "foreign"), Piece(footage("a"), 10, 20), Piece(footage("x"), 9, 12, "foreign")]
    assert found(pieces) == [("a", 4, 14, 10, 20, 1)]


@pytest.mark.parametrize("cut", {each.cut: None for each in (SINGLES | COMBINED).values()})
def test_no_cut_reaches_past_the_end_of_its_footage(cut: Cut) -> None:
    grounds = Grounds((footage("a", 20), footage("b", 90), footage("c", 400)), (footage("x", 8), footage("y", 30)))
    for seed in range(200):
        for piece in cut(grounds, random.Random(seed), 1.3):
            assert 0 <= piece.start < piece.end
            assert piece.kind == "frozen" or piece.end <= piece.footage.seconds


@pytest.mark.parametrize("group", ["zoom", "rotate", "split_screen", "side_bars", "captions", "c_hidden", "c_talk"])
def test_an_edited_clip_lasts_as_long_as_its_truth_says(group: str, grounds: Grounds, tmp_path: Path) -> None:
    entry = render(Plan("pos", group, (SINGLES | COMBINED)[group], f"1|{group}|000"), grounds, tmp_path)
    rendered = look_at(tmp_path / entry["clip"])
    assert rendered.seconds == pytest.approx(entry["matches"][-1]["clip_t1"], abs=0.1)
    assert max(rendered.width, rendered.height) <= 640
    assert rendered.sound


def test_a_clip_shows_the_seconds_that_its_truth_names(grounds: Grounds, tmp_path: Path) -> None:
    entry = render(Plan("pos", "compilation", SINGLES["compilation"], "1|compilation|000"), grounds, tmp_path)
    by_name = {each.name: each for each in grounds.own}
    assert len(entry["matches"]) == 2
    for match in entry["matches"]:
        for share in (0.2, 0.8):
            ours = picture(tmp_path / entry["clip"], between(match, "clip", share))
            theirs = picture(by_name[match["source"]].path, between(match, "source", share))
            assert np.corrcoef(ours, theirs)[0, 1] > 0.95


def test_the_same_plan_gives_the_same_clip(grounds: Grounds, tmp_path: Path) -> None:
    planned = Plan("pos", "stickers", SINGLES["stickers"], "7|stickers|000")
    entries, contents = [], []
    for name in ("one", "two"):
        (tmp_path / name).mkdir()
        entries.append(render(planned, grounds, tmp_path / name))
        contents.append((tmp_path / name / planned.name).read_bytes())
    assert entries[0] == entries[1]
    assert contents[0] == contents[1]


def test_a_plan_has_so_many_clips_of_each_recipe_and_strangers_that_match_nothing(
    grounds: Grounds, tmp_path: Path
) -> None:
    planned = plan(seed=1, each=2, strangers=3)
    assert len(planned) == 2 * len(SINGLES | COMBINED) + 3
    assert len({each.name for each in planned}) == len(planned)
    strange = [each for each in planned if each.kind == "neg"]
    assert render(strange[0], grounds, tmp_path)["matches"] == []


def test_painted_footage_never_shows_the_same_again() -> None:
    for scene, sound in KINDS.values():
        r = random.Random(1)
        pictures = scene(r)
        shown = [np.asarray(next(pictures).resize((SIZE, SIZE))).tobytes() for _ in range(300)]
        assert len(set(shown)) > 100
        assert np.abs(sound(r, 3)).max() > 0.1


@pytest.mark.timeout(600)
def test_the_command_paints_cuts_and_writes_the_truth(painted: Path) -> None:
    truth = json.loads((painted / "truth.json").read_text())["clips"]
    assert {clip["group"] for clip in truth} == {"c_mirror_fast_caption", "vignette", "neg_stranger"}
    assert {each.name for each in find_footage([painted / "clips"])} == {Path(clip["clip"]).stem for clip in truth}
    sources = {each.name for each in find_footage([painted / "sources"])}
    assert {match["source"] for clip in truth for match in clip["matches"]} <= sources


def test_the_command_says_what_it_lacks(tmp_path: Path) -> None:
    done = CliRunner().invoke(main, ["--out", str(tmp_path / "out")])
    assert done.exit_code == 2
    assert re.search("--footage and --foreign need at least one video each", done.output)


def test_help_is_there_for_who_asks() -> None:
    command = [sys.executable, "-m", "bench.identification.clips", "--help"]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert "--painted" in done.stdout


def between(match: dict[str, float], axis: str, share: float) -> float:
    return match[f"{axis}_t0"] + share * (match[f"{axis}_t1"] - match[f"{axis}_t0"])


def picture(path: Path, second: float) -> np.ndarray[tuple[int], np.dtype[np.float64]]:
    command = ["ffmpeg", "-v", "error", "-nostdin", "-ss", f"{second:.3f}", "-i", str(path), "-frames:v", "1"]
    command += ["-vf", "scale=64:36,format=gray", "-f", "rawvideo", "-"]
    return np.frombuffer(subprocess.run(command, capture_output=True, check=True).stdout, np.uint8).astype(np.float64)
