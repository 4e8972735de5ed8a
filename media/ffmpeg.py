"""ffmpeg: which one there is, and a run of it that cannot outlast, outgrow or outlive us.

A video comes from a stranger, so the decoder is taken to be his: it runs in a process of its own with limits on time,
processor, memory and output, with no standard input, no file it could write, and no environment of ours.
"""

import fcntl
import os
import re
import selectors
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

import imageio_ffmpeg  # type: ignore[import-untyped]

from media.errors import TooCostly

_LAUNCHER = Path(__file__).with_name("launch.py")
_CHUNK = 1 << 20
_PIPE_BYTES = 1 << 20  # a megabyte is what Linux lets any user ask for
_SAID_FIRST = 64 * 1024  # of what ffmpeg says, this much of the beginning and of the end is kept
_SAID_LAST = 16 * 1024
_CPU_SIGNALS = (signal.SIGXCPU, signal.SIGKILL)  # the second when soft and hard limit are one
_PATIENCE = 5.0  # seconds a process may take to exit once it has closed its outputs


@dataclass(frozen=True)
class Limits:
    """What one video may cost. Past any of these it is refused with the limit named.

    `duration` and `wall_seconds` are seconds by the video's clock and by ours, `stall_seconds` those in which nothing
    comes (an ffmpeg out of memory may try again for good), `cpu_seconds` the processor's over all
    threads; `memory` is what it may write to, in bytes (RLIMIT_DATA);
    `picture_pixels` is width × height as coded, `frame_rate` pictures a second as declared.
    """

    duration: float
    wall_seconds: float
    cpu_seconds: int
    memory: int = 4 << 30
    output_bytes: int = 4 << 30
    picture_pixels: int = 8192 * 4352
    frame_rate: float = 300.0
    stall_seconds: float = 120.0


SOURCE = Limits(duration=12 * 3600.0, wall_seconds=12 * 3600.0, cpu_seconds=24 * 3600)
CLIP = Limits(duration=3600.0, wall_seconds=1800.0, cpu_seconds=3600)


def find_ffmpeg() -> str:
    """The system's ffmpeg when there is one, else the one that came with imageio-ffmpeg."""
    return shutil.which("ffmpeg") or imageio_ffmpeg.get_ffmpeg_exe()


def ffmpeg_version(binary: str | None = None) -> tuple[str, str]:
    """The path and the version (`5.1.9-0+deb12u1`) of the ffmpeg in use."""
    binary = binary or find_ffmpeg()
    said = subprocess.run([binary, "-version"], capture_output=True, text=True, timeout=30, check=True).stdout
    found = re.match(r"ffmpeg version (\S+)", said)
    return binary, found[1] if found else "unknown"


class Run:
    """One running ffmpeg. `said` is what it wrote to its standard error, the middle left out when it was long."""

    def __init__(self, process: subprocess.Popen[bytes], outputs: Sequence[int], limits: Limits) -> None:
        assert process.stderr is not None
        self._process = process
        self._outputs = list(outputs)
        self._stderr = process.stderr.fileno()
        self._limits = limits
        self._deadline = time.monotonic() + limits.wall_seconds
        self._first = bytearray()
        self._last = bytearray()

    @property
    def said(self) -> str:
        """Text of its standard error so far."""
        return (self._first + self._last).decode(errors="replace")

    @property
    def succeeded(self) -> bool:
        """Whether it has ended of its own will and without complaint."""
        return self._process.returncode == 0

    def chunks(self) -> Iterator[tuple[int, bytes]]:
        """What it writes, as (number of the output, bytes), until it has ended.

        Raises:
            TooCostly: it took more time, memory or output than it may.
        """
        written = 0
        for fd, chunk in self._read():
            if fd == self._stderr:
                self._keep(chunk)
                continue
            written += len(chunk)
            if written > self._limits.output_bytes:
                raise TooCostly("video", None, f"may decode to at most {self._limits.output_bytes} bytes")
            yield self._outputs.index(fd), chunk
        self._ended()

    def _read(self) -> Iterator[tuple[int, bytes]]:
        # All pipes are watched together: ffmpeg blocks on whichever is full, so none may wait for another.
        with selectors.DefaultSelector() as selector:
            for fd in (*self._outputs, self._stderr):
                selector.register(fd, selectors.EVENT_READ)
            quiet_since = time.monotonic()
            while selector.get_map():
                until = min(self._deadline, quiet_since + self._limits.stall_seconds)
                for key, _ in selector.select(max(0.0, until - time.monotonic())):
                    chunk = os.read(key.fd, _CHUNK)
                    if chunk:
                        yield key.fd, chunk
                    else:
                        selector.unregister(key.fd)
                    if key.fd != self._stderr:  # complaints are no progress: there may be no end of them
                        quiet_since = time.monotonic()  # after the reader is back, whose time is not ffmpeg's
                self._in_time(quiet_since)

    def _in_time(self, quiet_since: float) -> None:
        now = time.monotonic()
        if now >= self._deadline:
            raise TooCostly("video", None, f"must be decoded within {self._limits.wall_seconds:g} seconds")
        if now >= quiet_since + self._limits.stall_seconds:
            seconds = f"{self._limits.stall_seconds:g} seconds"
            raise TooCostly("video", None, f"must not keep the decoder for {seconds} without a picture or a sound")

    def _keep(self, chunk: bytes) -> None:
        room = _SAID_FIRST - len(self._first)
        self._first += chunk[:room]
        self._last = (self._last + chunk[room:])[-_SAID_LAST:]

    def _ended(self) -> None:
        try:
            status = self._process.wait(_PATIENCE)
        except subprocess.TimeoutExpired:
            raise TooCostly("video", None, "must let the decoder come to an end") from None
        if status < 0 and -status in _CPU_SIGNALS:
            raise TooCostly("video", None, f"must be decoded in {self._limits.cpu_seconds} seconds of processor time")
        if status != 0 and "Cannot allocate memory" in self.said:
            raise TooCostly("video", None, f"must be decoded in {self._limits.memory >> 20} MiB of memory")


@contextmanager
def running(command: Callable[[list[str]], list[str]], *, reads: int, outputs: int, limits: Limits) -> Iterator[Run]:
    """A run of the command, which is given the names of that many output pipes and may read the open file `reads`.

    On the way out, by whatever way, the process is dead and waited for, and the pipes are closed.
    """
    with ExitStack() as stack:
        readers, writers = [], []
        for _ in range(outputs):
            reader, writer = os.pipe()
            readers.append(_closing(stack, reader))
            writers.append(writer)
        try:
            process = _start(command([f"pipe:{writer}" for writer in writers]), (reads, *writers), limits)
        finally:
            for writer in writers:
                os.close(writer)
        stack.callback(_stop, process)
        yield Run(process, readers, limits)


def _closing(stack: ExitStack, fd: int) -> int:
    stack.callback(os.close, fd)
    if hasattr(fcntl, "F_SETPIPE_SZ"):
        with suppress(PermissionError):  # the user has all the pipe memory a user may have
            fcntl.fcntl(fd, fcntl.F_SETPIPE_SZ, _PIPE_BYTES)
    return fd


def _start(command: list[str], inherited: tuple[int, ...], limits: Limits) -> subprocess.Popen[bytes]:
    confined = [sys.executable, "-I", "-S", str(_LAUNCHER), str(os.getpid()), str(limits.cpu_seconds)]
    return subprocess.Popen(
        [*confined, str(limits.memory), *command],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        pass_fds=inherited,
        env={name: os.environ[name] for name in ("LD_LIBRARY_PATH",) if name in os.environ},
        start_new_session=True,  # an interrupt from the keyboard is ours to handle
    )


def _stop(process: subprocess.Popen[bytes]) -> None:
    process.kill()
    process.wait()
    if process.stderr:
        process.stderr.close()
