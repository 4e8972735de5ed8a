"""`clipledger stripe-sandbox` as a process on loopback, for tests that go the whole way."""

import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx

COMMAND = [sys.executable, "-m", "clipledger", "stripe-sandbox", "--rate", "0", "--hold", "2"]


@contextmanager
def serving(log: Path) -> Iterator[str]:
    """Where it listens, once it does; what it says goes into the file."""
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = int(free.getsockname()[1])
    with log.open("wb") as output:
        command = [*COMMAND, "--port", str(port)]
        process = subprocess.Popen(command, cwd=Path(__file__).parents[2], stdout=output, stderr=output)
    try:
        for _ in range(1200):
            if process.poll() is not None or answers(port):
                break
            time.sleep(0.05)
        assert answers(port), log.read_text()
        yield f"http://127.0.0.1:{port}"
        process.send_signal(signal.SIGTERM)
        status = process.wait(30)
        assert status == 0, f"it ended with {status}, and said: {log.read_text()}"
    finally:
        process.kill()
        process.wait()


def answers(port: int) -> bool:
    """Not merely listens: whether the port is free is tried out before the server is there."""
    try:
        return httpx.get(f"http://127.0.0.1:{port}/_sandbox/", timeout=5).is_success
    except httpx.TransportError:
        return False
