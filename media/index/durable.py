"""Files that are there whole or not at all, and the lock that writers take.

A reader maps files without a lock, so a file is never changed under its final name: it is written beside it, brought
to the disk, and renamed. What a crash leaves behind ends in `UNFINISHED` or is named by no manifest.
"""

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO

UNFINISHED = ".unfinished"


@contextmanager
def written_whole(path: Path) -> Iterator[BinaryIO]:
    """A file that appears as `path` when the block ends, and never if it raises."""
    unfinished = path.with_name(path.name + UNFINISHED)
    with unfinished.open("wb") as file:
        yield file
        file.flush()
        to_disk(file.fileno())
    rename(unfinished, path)
    folder = os.open(path.parent, os.O_RDONLY)
    try:
        to_disk(folder)
    finally:
        os.close(folder)


def to_disk(descriptor: int) -> None:
    """Wait until what was written to the file, or the names in the folder, would survive a loss of power."""
    os.fsync(descriptor)


def rename(old: Path, new: Path) -> None:
    """Give a file its final name, in place of whatever had it."""
    old.replace(new)


def delete(path: Path) -> None:
    """Take a file's name away. Processes that have it mapped keep what they see until they let go."""
    path.unlink(missing_ok=True)


@contextmanager
def locked(path: Path, *, wait: bool = True) -> Iterator[bool]:
    """Hold the lock that `path` stands for, against threads and processes alike.

    Yields False, and holds nothing, where another has it and we are not to `wait`.
    """
    with path.open("ab") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX if wait else fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            yield False
        else:
            yield True
