"""The baselines: offset voting on made-up hashes, and the real ones on a clip that is easy and one that is not."""

import json
import subprocess
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from bench.identification.baselines import NotInstalled, chromaprint, measuring, phash, vpdq
from bench.identification.baselines.voting import Hashes, distances, vote
from bench.identification.corpus import Corpus
from bench.identification.scoring import Segment

RANDOM = np.random.default_rng(1).integers(0, 1 << 63, (600, 1), np.uint64)


def hashes(name: str, words: NDArray[np.uint64], step: float = 1.0) -> Hashes:
    return Hashes(name, step, words, np.ones(len(words), bool))


def ask(clip: Hashes, *sources: Hashes) -> list[Segment]:
    return vote(clip, sources, radius=10, least_votes=3, bin_seconds=1.0)


def test_distances_count_the_bits_of_all_words() -> None:
    one = np.array([[0b1011, 0b1], [0, 0]], np.uint64)
    assert distances(one, one).tolist() == [[0, 4], [4, 0]]


def test_a_clip_is_found_where_most_of_its_seconds_agree() -> None:
    found = ask(hashes("clip", RANDOM[200:220]), hashes("a", RANDOM[:100]), hashes("b", RANDOM[100:400]))
    assert found == [Segment("b", (0.0, 19.5), (100.0, 119.5), 1.0)]


def test_what_is_not_there_is_not_found() -> None:
    assert ask(hashes("clip", RANDOM[500:540]), hashes("a", RANDOM[:400])) == []


def test_two_parts_of_a_clip_from_two_sources_are_two_segments() -> None:
    clip = hashes("clip", np.concatenate([RANDOM[20:30], RANDOM[310:330]]))
    found = ask(clip, hashes("a", RANDOM[:100]), hashes("b", RANDOM[300:400]))
    assert [(each.source, each.clip) for each in found] == [("b", (9.5, 29.5)), ("a", (0.0, 9.5))]


def test_a_picture_that_tells_nothing_has_no_vote() -> None:
    black = np.zeros((30, 1), np.uint64)
    silent = Hashes("clip", 1.0, black, np.zeros(30, bool))
    assert ask(silent, hashes("a", black)) == []


@pytest.fixture(scope="module")
def corpus(tmp_path_factory: pytest.TempPathFactory) -> Corpus:
    """Forty seconds that never repeat, and ten of them: as they are, and as their left two thirds."""
    folder = tmp_path_factory.mktemp("corpus")
    source, plain, cropped = (folder / name for name in ("source.mp4", "plain.mp4", "cropped.mp4"))
    life = "life=s=40x24:r=2:seed=5:mold=10:ratio=0.4,scale=320:192:flags=neighbor,gblur=sigma=6"
    sound = "anoisesrc=r=22050:seed=3:a=0.3,bandpass=f=900,tremolo=f=3"
    run(["-f", "lavfi", "-i", life, "-f", "lavfi", "-i", sound, "-t", "40", "-pix_fmt", "yuv420p", str(source)])
    run(["-ss", "20", "-t", "10", "-i", str(source), str(plain)])
    run(["-ss", "20", "-t", "10", "-i", str(source), "-vf", "crop=iw*2/3:ih:0:0", str(cropped)])
    return Corpus((source,), (plain, cropped), None)


def run(arguments: list[str]) -> None:
    subprocess.run(["ffmpeg", "-v", "error", "-nostdin", *arguments], check=True)


def ignored(_name: str) -> None:
    """Progress that nobody watches."""


def test_phash_finds_what_is_unchanged_and_not_what_is_cropped(corpus: Corpus) -> None:
    found = phash.measure(corpus.sources, corpus.clips, ignored)
    [segment] = found[phash.PLAIN]["plain.mp4"]
    assert segment.from_source == pytest.approx((20, 30), abs=1.5)
    assert found[phash.PLAIN]["cropped.mp4"] == []


def test_a_mirrored_clip_is_found_by_the_extended_phash_alone(corpus: Corpus, tmp_path: Path) -> None:
    mirrored = tmp_path / "mirrored.mp4"
    run(["-i", str(corpus.clips[0]), "-vf", "hflip", str(mirrored)])
    found = phash.measure(corpus.sources, [mirrored], ignored)
    assert found[phash.PLAIN]["mirrored.mp4"] == []
    assert [each.source for each in found[phash.EXTENDED]["mirrored.mp4"]] == ["source"]


def test_chromaprint_hears_what_is_unchanged(corpus: Corpus) -> None:
    try:
        found = chromaprint.measure(corpus.sources, corpus.clips, ignored)
    except NotInstalled as missing:
        pytest.skip(str(missing))
    [segment] = found[chromaprint.NAME]["plain.mp4"]
    assert segment.from_source[0] == pytest.approx(20, abs=1.5)


def test_a_baseline_is_measured_once_and_remembered(
    corpus: Corpus, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    measured = []

    def starting(names: str, files: int) -> Callable[[str], None]:
        measured.append((names, files))
        return ignored

    monkeypatch.setattr(measuring, "BASELINES", {"pHash|pHash + mirror, borders": phash.measure})
    first = measuring.measure_baselines(corpus, tmp_path, starting)
    assert measuring.measure_baselines(corpus, tmp_path, starting) == first
    assert measured == [("pHash|pHash + mirror, borders", 3)]
    assert json.loads(next(tmp_path.iterdir()).read_text()).keys() == first[0].keys()


def test_a_baseline_that_is_not_installed_says_so(
    corpus: Corpus, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("VPDQ_PYTHON", "/bin/false")
    monkeypatch.setattr(measuring, "BASELINES", {vpdq.NAME: vpdq.measure})
    assert measuring.measure_baselines(corpus, tmp_path, lambda *_: ignored) == ({}, {"vPDQ": "not installed"})
