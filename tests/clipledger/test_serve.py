"""`clipledger serve` as an operator runs it: a real process, which takes everything with it when it ends."""

import fcntl
import json
import os
import signal
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import psycopg
import pytest

from clipledger.database import DatabaseUrls, conninfo, downgrade

ROOT = Path(__file__).parents[2]
CLIPLEDGER = [sys.executable, "-m", "clipledger"]

pytestmark = pytest.mark.xdist_group("serve")


@pytest.fixture
def port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as free:
        return int(free.getsockname()[1])


def environment(port: int) -> dict[str, str]:
    """The environment of the tests without what steers the house, except the port."""
    ours = ("DATABASE_", "CLIPLEDGER_")
    others = {name: value for name, value in os.environ.items() if not name.startswith(ours)}
    return {**others, "CLIPLEDGER_PORT": str(port)}


@contextmanager
def serving(port: int, log: Path, **variables: str) -> Iterator[subprocess.Popen[bytes]]:
    """`clipledger serve`, once it says that it is ready."""
    env = {**environment(port), **variables}
    with log.open("wb") as output:
        process = subprocess.Popen([*CLIPLEDGER, "serve"], cwd=ROOT, env=env, stdout=output, stderr=output)
    try:
        until(lambda: process.poll() is not None or is_ready(port))
        assert process.poll() is None, log.read_text()
        yield process
    finally:
        process.kill()
        process.wait()


def until(reached: Callable[[], object]) -> None:
    for _ in range(600):
        if reached():
            return
        time.sleep(0.05)
    pytest.fail("waited for half a minute in vain")


def is_ready(port: int) -> bool:
    address = f"http://127.0.0.1:{port}/ready"
    with suppress(OSError), urllib.request.urlopen(address, timeout=5) as answer:
        return bool(json.load(answer)["status"] == "ready")
    return False


def is_listening(port: int) -> bool:
    with suppress(OSError), socket.create_connection(("127.0.0.1", port), timeout=5):
        return True
    return False


def sessions(urls: DatabaseUrls) -> set[str]:
    """What the parts call themselves on the server."""
    query = "SELECT application_name FROM pg_stat_activity WHERE datname = current_database()"
    with psycopg.connect(conninfo(urls.owner)) as connection:
        return {name for (name,) in connection.execute(query) if name.startswith("clipledger ")}


def jobs_done(urls: DatabaseUrls) -> int:
    query = "SELECT FROM jobs.procrastinate_jobs WHERE status = 'succeeded'"
    with psycopg.connect(conninfo(urls.owner)) as connection:
        return connection.execute(query).rowcount


def test_serve_answers_does_jobs_and_ends_with_its_parts_when_told_to(
    port: int, tmp_path: Path, fresh_urls: DatabaseUrls
) -> None:
    urls = {"DATABASE_URL": fresh_urls.app, "DATABASE_OWNER_URL": fresh_urls.owner}
    with serving(port, tmp_path / "log", **urls) as process:
        until(lambda: jobs_done(fresh_urls))
        parts = {"clipledger web", "clipledger worker", "clipledger scheduler", "clipledger scheduler's queue"}
        assert sessions(fresh_urls) == parts
        process.send_signal(signal.SIGTERM)
        assert process.wait(timeout=30) == 0, (tmp_path / "log").read_text()
    assert not is_listening(port)
    assert sessions(fresh_urls) == set()


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGKILL])
def test_serve_brings_its_own_database_which_ends_with_it(
    port: int, tmp_path: Path, var: Path, number: signal.Signals
) -> None:
    with serving(port, tmp_path / "log", CLIPLEDGER_VAR=str(var)) as process:
        process.send_signal(number)
        process.wait(timeout=30)
        until(lambda: nothing_runs_in(var / "postgres"))
    assert not is_listening(port)


def nothing_runs_in(postgres: Path) -> bool:
    """All processes of an embedded server hold this lock."""
    with (postgres / "server.lock").open("a") as lock, suppress(BlockingIOError):
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        return True
    return False


def test_serve_ends_with_an_error_when_one_of_its_parts_does(port: int, fresh_urls: DatabaseUrls) -> None:
    with socket.create_server(("127.0.0.1", port)):
        env = {**environment(port), "DATABASE_URL": fresh_urls.app, "DATABASE_OWNER_URL": fresh_urls.owner}
        done = subprocess.run(
            [*CLIPLEDGER, "serve"], cwd=ROOT, env=env, capture_output=True, text=True, timeout=60, check=False
        )
    assert done.returncode == 1
    assert f"Error: Can't listen on 127.0.0.1:{port}: Address already in use" in done.stderr
    assert "Error: web ended by itself, so everything was stopped" in done.stderr
    assert sessions(fresh_urls) == set()


@pytest.mark.parametrize("command", ["serve", "web", "worker", "scheduler"])
def test_a_database_without_the_schema_is_told_in_one_line(port: int, fresh_urls: DatabaseUrls, command: str) -> None:
    downgrade(fresh_urls.owner, "base")
    env = {**environment(port), "DATABASE_URL": fresh_urls.app, "DATABASE_OWNER_URL": fresh_urls.owner}
    done = subprocess.run(
        [*CLIPLEDGER, command], cwd=ROOT, env=env, capture_output=True, text=True, timeout=60, check=False
    )
    assert done.returncode == 1
    assert done.stderr.startswith("Error: The database's schema is at nothing, not ")
    assert done.stderr.endswith(". Run: clipledger db migrate\n")
