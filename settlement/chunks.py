"""What a report says, chunk by chunk, as it goes into the books: looked at as a whole, then told by ten thousand rows.

A large file is read by a process of its own. Python reads rows on one core at a time, and a thread that reads lets the
one that posts wait for its turn after every answer of the server; a process uses the other core. It tells what it
finds through a pipe, and ends with whoever reads from that.
"""

import signal
import subprocess
import sys
from collections.abc import Generator, Iterator
from itertools import islice
from pathlib import Path
from typing import BinaryIO
from zoneinfo import ZoneInfo

from msgspec import Struct, msgpack

from settlement.checking import CHUNK, Progress, check, judged, open_report
from settlement.copying import copied, copied_parked
from settlement.errors import FileRefused
from settlement.observations import Observation, Quarantined
from settlement.readers import Report
from settlement.report import Import
from settlement.sale import Sale, sales_of

LARGE = 16 << 20
"""Bytes of a file that is worth a process: it takes most of a second to begin."""
_LENGTH = 8
"""Bytes that say how many follow."""


class Chunk(Struct, frozen=True, tag=True):
    """Rows after `after` up to `last`: the texts that write them down, and the sales that they tell of."""

    after: int
    last: int
    bytes_read: int
    observations: bytes
    parked: bytes
    parked_rows: int
    sales: list[Sale]


class Refused(Struct, frozen=True, tag=True):
    """Why the file can't be read in: the code and the sentence of a FileRefused."""

    code: str
    rule: str


Said = Progress | Chunk | Refused


class Asked(Struct, frozen=True):
    """Of which file, for which book; `zone` is that of the book's calendar, `rows` how many make a chunk."""

    path: str
    report: Import
    book_id: int
    zone: str
    rows: int


def said(path: Path, report: Import, book_id: int, zone: ZoneInfo) -> Generator[Said]:
    """How far the look at the whole file is, if nothing of it has been read yet; then what is left of it. A refusal is
    the last thing said. To be closed by who doesn't hear it to its end.
    """
    asked = Asked(str(path), report, book_id, zone.key, CHUNK)
    return _told_by_a_process(asked) if report.size >= LARGE else _read(asked)


def _read(asked: Asked) -> Generator[Said]:
    path, report, repeated = Path(asked.path), asked.report, None
    try:
        if not report.rows_read:
            with open_report(path, report) as opened:
                yield from check(opened, report)
                repeated = opened.repeated
        with open_report(path, report, repeated) as opened:
            yield from _chunks(opened, asked)
    except FileRefused as refusal:
        yield Refused(refusal.code, str(refusal))


def _chunks(opened: Report, asked: Asked) -> Iterator[Chunk]:
    after = asked.report.rows_read
    rows = (row for row in judged(opened, asked.report.as_of) if row.row_no > after)
    while chunk := _chunk(list(islice(rows, asked.rows)), after, opened.bytes_read, asked):
        after = chunk.last
        yield chunk
        del chunk  # one at a time is held


def _chunk(rows: list[Observation | Quarantined], after: int, bytes_read: int, asked: Asked) -> Chunk | None:
    if not rows:
        return None
    of = asked.book_id, asked.report.import_id
    parked = [row for row in rows if isinstance(row, Quarantined)]
    seen = [row for row in rows if isinstance(row, Observation)]
    return Chunk(
        after,
        rows[-1].row_no,
        bytes_read,
        copied(of, seen).encode(),
        copied_parked(of, parked).encode(),
        len(parked),
        sales_of(seen, asked.report, ZoneInfo(asked.zone)),
    )


# By a process ---------------------------------------------------------------------------------------------------

_ENCODER = msgpack.Encoder()
_ASKED, _SAID = msgpack.Decoder(Asked), msgpack.Decoder(Said)


def _told_by_a_process(asked: Asked) -> Generator[Said]:
    command = [sys.executable, "-m", "settlement.chunks"]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, start_new_session=True) as process:
        assert process.stdin is not None
        assert process.stdout is not None
        try:
            process.stdin.write(_ENCODER.encode(asked))
            process.stdin.close()
            while size := process.stdout.read(_LENGTH):
                yield _SAID.decode(process.stdout.read(int.from_bytes(size)))
            if process.wait():
                raise ChildProcessError(f"the process that read {asked.report.name} ended with {process.returncode}")
        finally:
            process.kill()


def _tell(asked: Asked, out: BinaryIO) -> None:
    for told in map(_ENCODER.encode, _read(asked)):
        out.write(len(told).to_bytes(_LENGTH))
        out.write(told)
        out.flush()
        del told


if __name__ == "__main__":
    signal.signal(signal.SIGPIPE, signal.SIG_DFL)  # nobody listens any more
    _tell(_ASKED.decode(sys.stdin.buffer.read()), sys.stdout.buffer)
