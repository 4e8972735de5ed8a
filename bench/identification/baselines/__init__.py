"""What others would do with the same footage, measured on the same clips.

voting.py        segments from single hits: the offset for which most of them speak
phash.py         ImageHash's pHash of a picture a second; the same with mirror images and cropped borders
vpdq.py          vPDQ and its own matching, where it is installed
chromaprint.py   sound alone, by ffmpeg's own muxer
measuring.py     all of them over a corpus
"""

from collections.abc import Callable, Sequence
from pathlib import Path

from bench.identification.scoring import Segment

Found = dict[str, list[Segment]]
"""By the clip's file name."""
Progress = Callable[[str], None]
"""Told the name of each file that is done."""
Baseline = Callable[[Sequence[Path], Sequence[Path], Progress], dict[str, Found]]
"""Sources, clips → predictions by the name of the method. Raises NotInstalled."""


class NotInstalled(Exception):  # noqa: N818 - named for what is wrong
    """The baseline can't be measured here; the message says what is missing."""
