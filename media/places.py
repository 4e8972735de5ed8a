"""Where a video's bytes lie, as one line of text.

- `upload:17`: in pieces, as they arrived
- `object:books/3/uploads/17`: in the object store, under that key
- `file:/srv/streams/a.mp4`: in a folder of the service
"""

import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from media.errors import PlaceNotAllowed, VideoFileNotFound

OWN_PREFIX = "books/"
"""What the keys of uploaded bytes begin with; nobody may name them."""
_LONGEST = 1000
_KEY_RULE = f"an object's key: printable, no empty, . or .. between slashes, not below {OWN_PREFIX}"


@dataclass(frozen=True)
class Place:
    """`name` is the upload's number, the object's key, or the file's absolute path."""

    kind: Literal["upload", "object", "file"]
    name: str

    def __str__(self) -> str:
        return f"{self.kind}:{self.name}"

    @classmethod
    def parse(cls, said: str) -> "Place":
        """The place that `str` wrote."""
        kind, _, name = said.partition(":")
        assert kind in {"upload", "object", "file"}
        return cls(kind, name)  # type: ignore[arg-type]


def file_place(path: Path, folders: Sequence[Path] | None) -> Place:
    """The place of a file below one of these folders, links followed; None allows every file there is.

    Raises:
        PlaceNotAllowed: it lies, or leads, outside; the same whether or not there is such a file.
        VideoFileNotFound: there is no such file.
    """
    given = os.fspath(path)
    if "\0" in given or len(given) > _LONGEST:
        raise PlaceNotAllowed("path", given.replace("\0", "·"))
    found = Path(os.path.realpath(given))
    if folders is not None and not any(_below(found, folder) for folder in folders):
        raise PlaceNotAllowed("path", given)
    if not found.is_file():
        raise VideoFileNotFound("path", given)
    return Place("file", str(found))


def _below(path: Path, folder: Path) -> bool:
    return path.is_relative_to(os.path.realpath(folder))


def object_place(key: str) -> Place:
    """The place of an object. Raises PlaceNotAllowed where this is no key."""
    words = key.split("/")
    odd = not key.isprintable() or len(key) > _LONGEST or key.startswith(OWN_PREFIX)
    if odd or any(word in {"", ".", ".."} for word in words):
        raise PlaceNotAllowed("key", key.replace("\0", "·"), _KEY_RULE)
    return Place("object", key)


def unmoved(place: Place) -> Path:
    """The path of a file's place, checked again: what was a folder may have become a link since.

    Raises:
        VideoFileNotFound: there is no such file any more.
    """
    if os.path.realpath(place.name) != place.name or not Path(place.name).is_file():
        raise VideoFileNotFound("path", place.name)
    return Path(place.name)
