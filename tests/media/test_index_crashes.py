"""A process that dies between any two steps leaves the index as it was or as it was to be."""

import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from media.index import Index
from tests.media.index_streams import Part, add_all, contents, parts

STEPS = ["media.index.durable.to_disk", "media.index.durable.rename", "media.index.index.delete"]

Operation = Callable[[Index], object]

OPERATIONS: dict[str, Operation] = {
    "add": lambda index: Part(3, 0).add_to(index),
    "add that merges": lambda index: Part(2, 2).add_to(index),
    "remove": lambda index: index.remove(1),
    "remove of the only part of a segment": lambda index: index.remove(2),
    "compact": lambda index: index.compact(),
}


class Killed(BaseException):
    """No `except Exception` may tidy up after a process that was killed."""


@contextmanager
def killed_at(step: int | None, monkeypatch: pytest.MonkeyPatch) -> Iterator[list[str]]:
    """Die before the step of this number, which is after the one before it; yields the steps as they are taken."""
    taken: list[str] = []

    def counted(name: str, do: Callable[..., Any]) -> Callable[..., Any]:
        def step_taken(*arguments: Any) -> None:
            taken.append(name)
            if len(taken) == step:
                raise Killed
            do(*arguments)

        return step_taken

    with monkeypatch.context() as patch:
        for name in STEPS:
            module, _, function = name.rpartition(".")
            patch.setattr(name, counted(name, getattr(__import__(module, fromlist=[function]), function)))
        yield taken


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Sources 1 (parts 0 and 1) and 2 (part 0), and what an earlier crash has left."""
    folder = tmp_path / "index"
    index = Index.open(folder)
    add_all(index, [*parts(1, 2), Part(2, 0)])
    (folder / "hashes-00.segment.unfinished").write_bytes(b"half a seg")
    (folder / "hashes-01.segment").write_bytes(b"written, but never named by a manifest")
    return folder


@pytest.mark.parametrize("name", OPERATIONS)
def test_whatever_step_is_not_reached(folder: Path, name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    operation = OPERATIONS[name]
    was = contents(Index.open(folder))
    done = shutil.copytree(folder, folder.with_name("done"))
    with killed_at(None, monkeypatch) as steps:
        operation(Index.open(done))
    is_to_be = contents(Index.open(done))
    assert steps

    for step in range(1, len(steps) + 1):
        crashed = shutil.copytree(folder, folder.with_name(f"killed-at-{step}"))
        index = Index.open(crashed)
        with pytest.raises(Killed), killed_at(step, monkeypatch):
            operation(index)
        del index

        left = contents(Index.open(crashed))
        assert left in (was, is_to_be), steps[step - 1]
        again = Index.open(crashed)
        operation(again)
        again.compact()
        assert contents(again) == is_to_be
        assert_nothing_else_is_left(crashed)


def assert_nothing_else_is_left(folder: Path) -> None:
    manifest = (folder / "manifest.json").read_text()
    for path in folder.iterdir():
        assert path.suffix == ".lock" or path.name == "manifest.json" or path.name in manifest
