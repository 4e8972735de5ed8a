"""What a run works on: sources, clips, and the truth where there is one."""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from bench.identification.footage import videos
from bench.identification.scoring import TrueClip, read_truth


@dataclass(frozen=True)
class Corpus:
    sources: tuple[Path, ...]
    clips: tuple[Path, ...]
    truth: tuple[TrueClip, ...] | None

    @property
    def key(self) -> str:
        """Names the corpus by the names, sizes and times of its files."""
        known = hashlib.sha256()
        for path in (*self.sources, *self.clips):
            facts = path.stat()
            known.update(f"{path.name} {facts.st_size} {facts.st_mtime_ns}\n".encode())
        return known.hexdigest()[:16]


def find_corpus(sources: Sequence[Path], clips: Path, truth: Path | None) -> Corpus:
    """`clips`: a folder of videos, or one with a folder `clips` in it; truth.json may lie in it or beside it.

    Only clips that the truth names are taken where there is one; a name in it without a file is an error.
    """
    folder = clips / "clips" if (clips / "clips").is_dir() else clips
    beside = (truth, folder / "truth.json", folder.parent / "truth.json")
    found = next((path for path in beside if path and path.is_file()), None)
    paths = videos([folder])
    if not found:
        return Corpus(tuple(videos(sources)), tuple(paths), None)
    known = read_truth(found)
    missing = {clip.name for clip in known} - {path.name for path in paths}
    if missing:
        raise FileNotFoundError(f"{found} names {len(missing)} clips that are not in {folder}, {min(missing)} first")
    named = {clip.name for clip in known}
    return Corpus(tuple(videos(sources)), tuple(path for path in paths if path.name in named), tuple(known))
