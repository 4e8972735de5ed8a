"""ImageHash's pHash of one picture a second, with offset voting: plain, and as a careful user would extend it.

The extended one also asks with the clip's mirror image and with its borders cropped away.
"""

import subprocess
from collections.abc import Iterator, Sequence
from pathlib import Path

import imagehash
import numpy as np
from numpy.typing import NDArray
from PIL import Image

from bench.identification.baselines import Found, Progress
from bench.identification.baselines.voting import Hashes, vote
from bench.identification.footage import look_at
from media.ffmpeg import find_ffmpeg

RADIUS = 10
LEAST_VOTES = 3
PLAIN, EXTENDED = "pHash", "pHash + mirror, borders"
_DARKEST = 8  # standard deviation of grey levels under which a line of pixels, or a picture, shows nothing


def measure(sources: Sequence[Path], clips: Sequence[Path], progress: Progress) -> dict[str, Found]:
    known = []
    for path in sources:
        known.append(_hashes(path.stem, list(pictures(path))))
        progress(path.name)
    found: dict[str, Found] = {PLAIN: {}, EXTENDED: {}}
    for path in clips:
        seen = list(pictures(path))
        queries = [_hashes(path.stem, each) for each in _variants(seen)]
        answers = [vote(query, known, RADIUS, LEAST_VOTES, bin_seconds=1.0) for query in queries]
        found[PLAIN][path.name] = answers[0]
        found[EXTENDED][path.name] = max(answers, key=lambda segments: sum(each.score for each in segments))
        progress(path.name)
    return found


def pictures(path: Path) -> Iterator[Image.Image]:
    """One a second, grey, as the file shows them."""
    shape = look_at(path)
    command = [find_ffmpeg(), "-v", "error", "-nostdin", "-threads", "1", "-i", str(path), "-map", "0:v:0"]
    command += ["-vf", f"fps=1,scale={shape.width}:{shape.height},format=gray", "-f", "rawvideo", "-"]
    with subprocess.Popen(command, stdout=subprocess.PIPE) as decoder:
        assert decoder.stdout
        size = shape.width * shape.height
        while len(data := decoder.stdout.read(size)) == size:
            yield Image.frombytes("L", (shape.width, shape.height), data)


def _hashes(name: str, seen: Sequence[Image.Image]) -> Hashes:
    bits = [imagehash.phash(picture).hash.reshape(-1) for picture in seen]
    words = np.packbits(np.array(bits, bool).reshape(-1, 64), axis=1).view(np.uint64)
    telling = np.array([np.asarray(picture).std() > _DARKEST for picture in seen], bool)
    return Hashes(name, 1.0, words, telling)


def _variants(seen: list[Image.Image]) -> Iterator[list[Image.Image]]:
    yield seen
    yield [picture.transpose(Image.Transpose.FLIP_LEFT_RIGHT) for picture in seen]
    box = _content(seen) if seen else None
    if box:
        cropped = [picture.crop(box) for picture in seen]
        yield cropped
        yield [picture.transpose(Image.Transpose.FLIP_LEFT_RIGHT) for picture in cropped]


def _content(seen: Sequence[Image.Image]) -> tuple[int, int, int, int] | None:
    """What is inside the uniform, unmoving border; None where there is no border, or nothing else."""
    stack = np.stack([np.asarray(picture, np.float32) for picture in seen[:60]])
    (top, bottom), (left, right) = _lively(stack.std(axis=(0, 2))), _lively(stack.std(axis=(0, 1)))
    whole = (0, 0, stack.shape[2], stack.shape[1])
    box = (left, top, right, bottom)
    return box if box != whole and right - left > 16 and bottom - top > 16 else None


def _lively(deviation: NDArray[np.float32]) -> tuple[int, int]:
    lines = np.nonzero(deviation > _DARKEST)[0]
    return (int(lines[0]), int(lines[-1]) + 1) if len(lines) else (0, 0)
