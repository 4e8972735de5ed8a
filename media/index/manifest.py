"""The manifest: which segments are the index. Replaced whole, so that every change of the index is one rename."""

import zlib
from pathlib import Path

import msgspec

from media.index.durable import written_whole
from media.index.errors import StaleIndex

_NAME = "manifest.json"
_FORMAT = "clipledger index 1"


class Entry(msgspec.Struct, frozen=True):
    """One live segment: its file, what it holds, and the sources removed since it was written."""

    name: str
    kind: str
    dropped: frozenset[int] = frozenset()


Manifest = tuple[Entry, ...]


def read_manifest(folder: Path) -> Manifest:
    """The folder's live segments; none where nothing was ever added. Raises StaleIndex."""
    try:
        head, _, body = (folder / _NAME).read_bytes().partition(b"\n")
    except FileNotFoundError:
        return ()
    if head != _head(body):
        raise StaleIndex(f"{folder / _NAME} was not written by this version, or not to its end")
    return msgspec.json.decode(body, type=Manifest)


def write_manifest(folder: Path, manifest: Manifest) -> None:
    """Make this the folder's manifest. The caller holds the writer's lock."""
    body = msgspec.json.encode(manifest, order="deterministic")
    with written_whole(folder / _NAME) as file:
        file.write(_head(body) + b"\n" + body)


def _head(body: bytes) -> bytes:
    return f"{_FORMAT} {zlib.crc32(body):08x}".encode()
