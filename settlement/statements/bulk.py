"""A month's statements as files in a folder, by worker processes; what was broken off goes on.

A file is written beside its name and then given it, so what bears the name is whole. The manifest has a line for each
file, added once it stands: its hash, and a hash of what it was made of. A file that is as its line says, and made of
the same, is not made again.
"""

import asyncio
import hashlib
import os
from collections.abc import AsyncIterator, Callable, Iterable, Sequence
from concurrent.futures import Executor, ProcessPoolExecutor, ThreadPoolExecutor
from datetime import date
from multiprocessing import get_context
from pathlib import Path
from typing import Literal

import msgspec
from sqlalchemy.ext.asyncio import AsyncConnection

from licensing.certificates.labels import Language
from settlement.statements import papers, plaintext
from settlement.statements.papers import Telling, Whole
from settlement.statements.reading import Statement, list_statements
from settlement.statements.verifying import whole_of

Form = Literal["pdf", "json", "csv", "beancount"]

MANIFEST = "manifest.jsonl"
_PAGE = 1000
_WAITING = 4  # statements that are read before a worker is free for them, for each worker


class Asked(msgspec.Struct, frozen=True, kw_only=True):
    """Which files are wanted, and where. `public_url`, `language` and `tell` are for PDFs only; worker processes know
    the last by its name, so it is a function of a module.
    """

    folder: Path
    form: Form
    language: Language
    public_url: str
    tell: Telling

    def name_of(self, statement: Statement) -> str:
        return papers.file_name(statement, self.form, self.language if self.form == "pdf" else None)

    def made_of(self, statement: Statement) -> str:
        """A hash of all that decides about the file's bytes: a draft that is made again has another code."""
        how = (self.form, self.language, self.public_url) if self.form == "pdf" else (self.form,)
        return hashlib.sha256(msgspec.json.encode((how, statement), order="sorted")).hexdigest()


class Made(msgspec.Struct, frozen=True, kw_only=True):
    """A line of the manifest."""

    file: str
    sha256: str
    size: int
    statement_id: int
    party: str
    currency: str
    made_of: str


class Bulk(msgspec.Struct, frozen=True):
    """What has become of a month's statements. `failed`: files that could not be made, and why."""

    written: int
    skipped: int
    bytes_written: int
    failed: dict[str, str]


async def current_statements(connection: AsyncConnection, book_id: int, month: date) -> list[Statement]:
    """Of the month's newest revision, in order of their numbers."""
    found: list[Statement] = []
    before = None
    while page := await list_statements(connection, book_id=book_id, month=month, before=before, limit=_PAGE):
        found += [each for each in page if each.state != "superseded"]
        before = page[-1].statement_id
    return found[::-1]


async def write_statements(
    connection: AsyncConnection,
    book_id: int,
    statements: Sequence[Statement],
    asked: Asked,
    jobs: int,
    told: Callable[[int], None] = lambda done: None,
) -> Bulk:
    """Make the files that are missing or are not as the manifest says. `told` gets how many statements are done."""
    asked.folder.mkdir(parents=True, exist_ok=True)
    known = _known(asked.folder)
    to_do = [its for its in statements if not _stands(asked, its, known.get(asked.name_of(its)))]
    skipped = done = len(statements) - len(to_do)
    told(done)
    failed: dict[str, str] = {}
    made: list[Made] = []
    with (asked.folder / MANIFEST).open("ab") as manifest:
        async for name, result in _worked(connection, book_id, to_do, asked, jobs):
            if isinstance(result, Made):
                manifest.write(msgspec.json.encode(result) + b"\n")
                manifest.flush()
                made.append(result)
            else:
                failed[name] = result
            done += 1
            told(done)
    _write_manifest(asked.folder, {**known, **{each.file: each for each in made}}.values())
    return Bulk(len(made), skipped, sum(each.size for each in made), failed)


# The manifest -----------------------------------------------------------------------------------------------


def _known(folder: Path) -> dict[str, Made]:
    """What the manifest says, by file, without a line that was broken off; and begin it anew with that."""
    path = folder / MANIFEST
    found: dict[str, Made] = {}
    for line in path.read_bytes().splitlines() if path.exists() else ():
        try:
            its = msgspec.json.decode(line, type=Made)
        except msgspec.DecodeError:
            continue
        found[its.file] = its
    _write_manifest(folder, found.values())
    return found


def _write_manifest(folder: Path, lines: Iterable[Made]) -> None:
    ordered = sorted(lines, key=lambda its: its.file)
    _put(folder / MANIFEST, b"".join(msgspec.json.encode(each) + b"\n" for each in ordered))


def _stands(asked: Asked, statement: Statement, line: Made | None) -> bool:
    if line is None or line.made_of != asked.made_of(statement):
        return False
    try:
        with (asked.folder / line.file).open("rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest() == line.sha256
    except FileNotFoundError:
        return False


def _put(path: Path, content: bytes) -> None:
    """All of it under its name, or nothing."""
    beside = path.with_name(f".{path.name}.part")
    with beside.open("wb") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())
    beside.replace(path)


# The work ---------------------------------------------------------------------------------------------------


async def _worked(
    connection: AsyncConnection, book_id: int, statements: Sequence[Statement], asked: Asked, jobs: int
) -> AsyncIterator[tuple[str, Made | str]]:
    """The name of each file with its line, or with what kept it from being made."""
    if not statements:
        return
    with _pool(min(jobs, len(statements))) as pool:
        running: set[asyncio.Future[tuple[str, Made | str]]] = set()
        for its in statements:
            whole = msgspec.msgpack.encode(await whole_of(connection, book_id, its))
            running.add(asyncio.get_running_loop().run_in_executor(pool, _make, whole, asked))
            if len(running) >= jobs * _WAITING:
                done, running = await asyncio.wait(running, return_when=asyncio.FIRST_COMPLETED)
                for each in done:
                    yield each.result()
        for each in asyncio.as_completed(running):
            yield await each


def _pool(workers: int) -> Executor:
    """One worker needs no process of its own."""
    return ThreadPoolExecutor(1) if workers == 1 else ProcessPoolExecutor(workers, get_context("spawn"))


def _make(encoded: bytes, asked: Asked) -> tuple[str, Made | str]:
    """In a worker."""
    whole = msgspec.msgpack.decode(encoded, type=Whole)
    its = whole.statement
    name = asked.name_of(its)
    try:
        content = _content(whole, asked)
        _put(asked.folder / name, content)
    except Exception as error:  # one that can't be made keeps no other from being made
        return name, f"{type(error).__name__}: {error}"
    made = Made(
        file=name,
        sha256=hashlib.sha256(content).hexdigest(),
        size=len(content),
        statement_id=its.statement_id,
        party=its.party,
        currency=its.currency,
        made_of=asked.made_of(its),
    )
    return name, made


def _content(whole: Whole, asked: Asked) -> bytes:
    if asked.form == "pdf":
        return papers.pdf_of(whole, asked.language, asked.public_url, asked.tell)
    if asked.form == "json":
        return papers.json_of(whole)
    if asked.form == "csv":
        return papers.csv_of(whole).encode()
    return plaintext.beancount_of(whole).encode()
