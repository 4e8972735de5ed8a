"""The Stripe sandbox as a process of its own, over real HTTP on loopback."""

import os
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx

from clipledger.stripe_sandbox import API_KEY

_PATIENCE = 120.0
"""Seconds for it to answer."""
_READY = {"type": "express", "country": "US", "capabilities[transfers][requested]": "true"}


@dataclass(frozen=True)
class Served:
    """One that is running at `url`."""

    url: str
    client: httpx.Client
    process_id: int

    def control(self, path: str, **told: Any) -> None:
        """Make happen what a real Stripe does not offer."""
        self.client.post(f"{self.url}/_sandbox/{path}", json=told).raise_for_status()

    def account(self) -> str:
        """A connected account that can be paid."""
        key = {"Authorization": f"Bearer {API_KEY}"}
        made = self.client.post(f"{self.url}/v1/accounts", data=_READY, headers=key).raise_for_status()
        account = str(made.json()["id"])
        self.control(f"accounts/{account}/onboard")
        return account

    def cpu_s(self) -> float:
        """Of the processor's time, what it has taken so far."""
        fields = Path(f"/proc/{self.process_id}/stat").read_text().rpartition(")")[2].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")

    def summary(self) -> dict[str, Any]:
        """What there is, at a glance."""
        told: dict[str, Any] = self.client.get(f"{self.url}/_sandbox/").raise_for_status().json()
        return told


@contextmanager
def sandbox() -> Iterator[Served]:
    """Runs until the block ends; without a limit, until one is set."""
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    command = [sys.executable, "-m", "clipledger", "stripe-sandbox", "--port", str(port), "--rate", "0"]
    with subprocess.Popen(command, stdout=subprocess.DEVNULL) as process, httpx.Client(timeout=30) as client:
        served = Served(f"http://127.0.0.1:{port}", client, process.pid)
        try:
            _wait(served)
            yield served
        finally:
            process.terminate()


def _wait(served: Served) -> None:
    until = time.monotonic() + _PATIENCE
    while True:
        try:
            served.summary()
            return
        except httpx.TransportError:
            if time.monotonic() > until:
                raise
            time.sleep(0.1)
