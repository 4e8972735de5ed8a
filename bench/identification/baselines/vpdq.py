"""vPDQ: 256-bit PDQ hashes of one picture a second, matched as its authors do it, with offset voting on top.

It has no wheels and is built against FFmpeg's headers; so it may live in another environment than this one, whose
interpreter `$VPDQ_PYTHON` names.
"""

import json
import os
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from bench.identification.baselines import Found, NotInstalled, Progress
from bench.identification.baselines.voting import Hashes, vote

NAME = "vPDQ"
DISTANCE, QUALITY = 31, 50  # its own defaults: farther bits don't match, plainer pictures don't count
LEAST_VOTES = 3

_HASHING = """
import json, sys, vpdq
found = vpdq.computeHash(sys.argv[1], seconds_per_hash=1, thread_count=1)
print(json.dumps([[each.hex, each.quality] for each in found]))
"""


def measure(sources: Sequence[Path], clips: Sequence[Path], progress: Progress) -> dict[str, Found]:
    python = os.environ.get("VPDQ_PYTHON", sys.executable)
    if subprocess.run([python, "-c", "import vpdq"], capture_output=True, check=False).returncode:
        raise NotInstalled("vpdq is not installed")
    known = []
    for path in sources:
        known.append(_hashes(python, path))
        progress(path.name)
    found: Found = {}
    for path in clips:
        found[path.name] = vote(_hashes(python, path), known, DISTANCE, LEAST_VOTES, bin_seconds=1.0)
        progress(path.name)
    return {NAME: found}


def _hashes(python: str, path: Path) -> Hashes:
    command = [python, "-c", _HASHING, str(path)]
    done = subprocess.run(command, capture_output=True, check=False)
    features = json.loads(done.stdout.splitlines()[-1]) if done.returncode == 0 else []
    data = bytes.fromhex("".join(hash_ for hash_, _ in features))
    words = np.frombuffer(data, np.uint64).reshape(-1, 4)
    return Hashes(path.stem, 1.0, words, np.array([quality >= QUALITY for _, quality in features], bool))
