"""The demo as a process: its story is told once for all tests, then its pages are served until they are over."""

import os
import re
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from itertools import count
from pathlib import Path

import httpx

from media.ffmpeg import find_ffmpeg

ROOT = Path(__file__).parents[2]
_GUEST = re.compile(r"^ +(\S+) .+? (\S+@example\.com) +(http\S+) *$", re.MULTILINE)
_LONGEST = 300
"""Seconds that the story may take on a busy machine."""


@dataclass(frozen=True)
class Guests:
    """Where the pages are, the password of all, and of each, by name, the address and the page to begin with."""

    address: str
    password: str
    emails: dict[str, str]
    pages: dict[str, str]


@dataclass
class Served:
    """What the demo has said, and the folder it has left its videos in."""

    said: str
    address: str
    folder: Path
    _next: Iterator[int] = field(default_factory=lambda: count(3))

    def guests(self) -> Guests:
        """As the demo names them."""
        (password,) = re.findall(r"The password of each is (\S+)", self.said)
        found = _GUEST.findall(self.said)
        emails = {name: email for name, email, _ in found}
        return Guests(
            self.address, password, emails, {name: page.removeprefix(self.address) for name, _, page in found}
        )

    def cut_another(self, path: Path) -> Path:
        """Twelve seconds of the stream, other ones each time."""
        start = str(next(self._next) * 14)
        command = [find_ffmpeg(), "-v", "error", "-nostdin", "-y", "-ss", start, "-t", "12"]
        subprocess.run([*command, "-i", str(self.folder / "stream.mp4"), str(path)], check=True)
        return path


@contextmanager
def told_and_served(var: Path) -> Iterator[Served]:
    """Raises AssertionError, with what was said, where the demo ends before it serves."""
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = int(free.getsockname()[1])
    address = f"http://127.0.0.1:{port}"
    env = {**os.environ, "CLIPLEDGER_VAR": str(var), "COLUMNS": "120"}
    env |= {"CLIPLEDGER_PORT": str(port), "CLIPLEDGER_PUBLIC_URL": address}
    log = var / "said"
    with log.open("w") as said:
        process = subprocess.Popen(
            [sys.executable, "-m", "clipledger", "demo"], cwd=ROOT, env=env, stdout=said, stderr=said
        )
    try:
        for _ in range(_LONGEST * 5):
            if process.poll() is not None or ("Serving until" in log.read_text() and _answers(address)):
                break
            time.sleep(0.2)
        assert process.poll() is None, log.read_text()
        yield Served(log.read_text(), address, var / "demo")
    finally:
        process.terminate()
        process.wait(60)
    assert process.returncode == 0, log.read_text()


def _answers(address: str) -> bool:
    with suppress(httpx.TransportError):
        return httpx.get(f"{address}/health").status_code == 200
    return False
