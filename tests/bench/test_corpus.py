"""What the bench is given on its command line: folders, clips and the truth beside them."""

import json
from pathlib import Path

import click
import pytest
from click.testing import CliRunner

from bench.identification.corpus import find_corpus
from bench.identification.folders import FOLDER, Folders
from bench.identification.footage import videos


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Two sources in two folders, and a generated set: clips in clips/, truth.json beside it."""
    for name in ("streams/one.mp4", "real/two.webm", "set/clips/a.mp4", "set/clips/b.mp4", "set/clips/notes.txt"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).touch()
    return tmp_path


def write_truth(path: Path, *names: str) -> None:
    clips = [{"clip": name, "group": "zoom", "audio": "orig", "matches": []} for name in names]
    path.write_text(json.dumps({"clips": clips}))


def test_clips_lie_in_a_folder_of_that_name_and_the_truth_beside_it(folder: Path) -> None:
    write_truth(folder / "set/truth.json", "a.mp4", "b.mp4")
    corpus = find_corpus([folder / "streams", folder / "real"], folder / "set", None)
    assert [path.name for path in corpus.sources] == ["one.mp4", "two.webm"]
    assert [path.name for path in corpus.clips] == ["a.mp4", "b.mp4"]
    assert corpus.truth is not None
    assert [clip.name for clip in corpus.truth] == ["a.mp4", "b.mp4"]


def test_the_folder_of_clips_may_be_named_itself(folder: Path) -> None:
    write_truth(folder / "set/truth.json", "a.mp4")
    corpus = find_corpus([folder / "streams"], folder / "set/clips", None)
    assert [path.name for path in corpus.clips] == ["a.mp4"]


def test_there_need_be_no_truth(folder: Path) -> None:
    corpus = find_corpus([folder / "streams"], folder / "set", None)
    assert corpus.truth is None
    assert [path.name for path in corpus.clips] == ["a.mp4", "b.mp4"]


def test_a_truth_about_clips_that_are_not_there_is_an_error(folder: Path) -> None:
    write_truth(folder / "elsewhere.json", "a.mp4", "z.mp4")
    with pytest.raises(FileNotFoundError, match=r"names 1 clips that are not in .*, z.mp4 first"):
        find_corpus([folder / "streams"], folder / "set", folder / "elsewhere.json")


def test_two_sources_with_one_stem_can_not_be_told_apart(folder: Path) -> None:
    (folder / "real/one.mkv").touch()
    with pytest.raises(ValueError, match="the same name twice: one"):
        videos([folder / "streams", folder / "real"])


def test_another_size_of_a_file_makes_another_corpus(folder: Path) -> None:
    before = find_corpus([folder / "streams"], folder / "set", None).key
    (folder / "set/clips/a.mp4").write_bytes(b"more")
    assert find_corpus([folder / "streams"], folder / "set", None).key != before


@pytest.mark.parametrize(
    "words",
    [
        "--sources streams real --json out.json",
        "--json out.json --sources streams --sources real",
        "--sources=streams real --json out.json",
    ],
)
def test_an_option_takes_several_folders_at_once_or_one_by_one(words: str, folder: Path) -> None:
    @click.command(cls=Folders)
    @click.option("--sources", type=FOLDER, multiple=True)
    @click.option("--json", "json_path")
    def command(sources: tuple[Path, ...], json_path: str) -> None:
        click.echo(f"{' '.join(each.name for each in sources)} → {json_path}")

    given = [str(folder / word) if word in {"streams", "real"} else word for word in words.split()]
    given = [word.replace("=streams", f"={folder}/streams") for word in given]
    assert CliRunner().invoke(command, given).output == "streams real → out.json\n"
