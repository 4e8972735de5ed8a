"""Small films rendered for a test: what each picture and each moment of sound is can be told from itself.

Picture n is one even grey of brightness 16 + n mod 219, kept exactly; each whole second begins with a click of 20 ms.
"""

import os
import shutil
import socket
import subprocess
import threading
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from functools import cache
from pathlib import Path

import imageio_ffmpeg  # type: ignore[import-untyped]
import numpy as np
import pytest
from numpy.typing import NDArray

from media.decode import SOUND_RATE, Pictures, Sound

Command = Sequence[str]

LEVELS = 219  # the greys between black and white of a video; picture n and n + 219 look alike
EXACT = ["-c:v", "libx264", "-qp", "0", "-preset", "ultrafast"]

WHEEL: str = imageio_ffmpeg.get_ffmpeg_exe()
SYSTEM = shutil.which("ffmpeg")
BINARIES: dict[str, str] = {"wheel": WHEEL} | ({"system": SYSTEM} if SYSTEM else {})


@pytest.fixture(params=sorted(BINARIES))
def either_ffmpeg(request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    """The test runs with the system's ffmpeg and with the wheel's."""
    binary = BINARIES[request.param]
    (tmp_path / "bin").mkdir()
    (tmp_path / "bin" / "ffmpeg").symlink_to(binary)
    monkeypatch.setenv("PATH", f"{tmp_path / 'bin'}:{os.environ['PATH']}")
    return binary


@pytest.fixture
def nothing_is_left() -> Iterator[None]:
    """After the test there are no more open files and no more child processes than before."""
    files, processes = Counter(open_files()), children()
    yield
    assert Counter(open_files()) - files == Counter()
    assert children() - processes == set()


def open_files() -> list[str]:
    """What every open descriptor of this process leads to, but for those of the listing itself."""
    return sorted(_target(fd) for fd in os.listdir("/proc/self/fd") if "/proc/" not in _target(fd))


def _target(fd: str) -> str:
    try:
        return os.readlink(f"/proc/self/fd/{fd}")
    except FileNotFoundError:
        return "/proc/"


def children(parent: int | None = None) -> set[int]:
    """Process ids of the children of a process (this one), zombies included."""
    threads = Path(f"/proc/{parent or os.getpid()}/task")
    return {int(pid) for listed in threads.glob("*/children") for pid in listed.read_text().split()}


@cache
def _encoder() -> str:
    """An ffmpeg that can render what is needed here."""
    for binary in BINARIES.values():
        said = subprocess.run([binary, "-hide_banner", "-encoders"], capture_output=True, text=True, check=True).stdout
        if "libx264 " in said:
            return binary
    pytest.skip("no ffmpeg here can write H.264")


def run_ffmpeg(*arguments: str) -> None:
    subprocess.run([_encoder(), "-v", "error", "-nostdin", "-y", *arguments], check=True)


def counted(*, rate: str = "25", seconds: float = 2, size: str = "64x48", then: str = "") -> list[str]:
    """An input of numbered pictures, through more filters (`then`, which begins with a comma)."""
    grey = f"color=black:s={size}:r={rate}:d={seconds},format=yuv420p,geq=lum='16+mod(N,{LEVELS})':cb=128:cr=128"
    return ["-f", "lavfi", "-i", grey + then]


def clicks(*, seconds: float = 2, rate: int = 16000, then: str = "") -> list[str]:
    """An input of clicks, one at the beginning of each second."""
    heard = f"aevalsrc='if(lt(mod(t,1),0.02),0.8*sin(2*PI*1000*t),0)':d={seconds}:s={rate}"
    return ["-f", "lavfi", "-i", heard + then]


def film(path: Path, *, seconds: float = 2, rate: str = "25", sound: Command = ("-c:a", "aac"), then: str = "") -> Path:
    """A whole film with pictures and, unless there is to be none, sound."""
    inputs = counted(rate=rate, seconds=seconds, then=then) + (clicks(seconds=seconds) if sound else [])
    run_ffmpeg(*inputs, *EXACT, *sound, str(path))
    return path


def rewrapped(source: Path, path: Path, *options: str) -> Path:
    """The same pictures and sound, copied as they are into another container."""
    run_ffmpeg("-i", str(source), "-c", "copy", *options, str(path))
    return path


def numbers(batches: Iterable[Pictures | Sound]) -> list[int]:
    """Which picture each decoded one is (modulo 219)."""
    frames = np.concatenate([batch.frames for batch in batches if isinstance(batch, Pictures)])
    brightness = frames.reshape(len(frames), -1).mean(axis=1)
    return [round(float(grey) * LEVELS / 255) for grey in brightness]


def samples(batches: Iterable[Pictures | Sound]) -> NDArray[np.int16]:
    return np.concatenate([np.zeros(0, np.int16)] + [batch.samples for batch in batches if isinstance(batch, Sound)])


def click_times(batches: Iterable[Pictures | Sound]) -> list[float]:
    """When each click begins, in seconds."""
    loud = np.flatnonzero(np.abs(samples(batches).astype(int)) > 4000)
    begins = loud[np.diff(loud, prepend=-SOUND_RATE) > SOUND_RATE // 4]
    return [int(begin) / SOUND_RATE for begin in begins]


@contextmanager
def listening() -> Iterator[tuple[int, list[str]]]:
    """A port on this machine, and what has connected to it by the end."""
    met: list[str] = []
    with socket.create_server(("127.0.0.1", 0)) as server:
        server.settimeout(0.1)
        stop = threading.Event()

        def accept() -> None:
            while not stop.is_set():
                try:
                    met.append(str(server.accept()[1]))
                except TimeoutError:
                    continue

        thread = threading.Thread(target=accept)
        thread.start()
        try:
            yield server.getsockname()[1], met
        finally:
            stop.set()
            thread.join()
