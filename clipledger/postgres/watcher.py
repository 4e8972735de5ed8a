"""Stops the embedded server once nobody uses it any more.

The kernel counts the users, so that a normal exit, SIGTERM and `kill -9` are all the same:

    users.lock    every user holds it shared; who stops the server holds it exclusively
    start.lock    who looks for the server, or starts it, holds it exclusively
    server.lock   the server's processes inherit it, locked exclusively: free means that none of them lives
    watcher.lock  the watcher inherits it, locked exclusively: free means that there is none

So a server is started only by a user and stopped only while there is no user, and no pid file is trusted.
The watcher runs this file alone, with the standard library only (`python -I -S watcher.py`), in a session
of its own, so that it stays small and outlives whoever started it. If it is killed, the next user starts
another.
"""

import fcntl
import os
import subprocess
import sys
import time
from contextlib import suppress
from pathlib import Path
from typing import Any

PATIENCE = 120
"""Seconds a fast shutdown may take (it writes a checkpoint) before an immediate one is asked for."""


def open_file(path: Path, flags: int = 0) -> int:
    """Open (or make) a file that belongs to its folder's owner. No child inherits the descriptor unasked."""
    fd = os.open(path, os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC | flags, 0o600)
    if os.geteuid() == 0:
        owner = path.parent.stat()
        os.fchown(fd, owner.st_uid, owner.st_gid)
    return fd


def try_exclusive(fd: int) -> bool:
    """Take the lock without waiting; False when somebody else holds it."""
    try:
        fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def as_owner(folder: Path) -> dict[str, Any]:
    """Arguments of `subprocess` that run a command as the folder's owner: PostgreSQL refuses to run as root.

    What steers PostgreSQL's programs in the caller's environment (PGDATA, PGOPTIONS, LANG, …) is left out.
    """
    env = {name: value for name, value in os.environ.items() if not name.startswith(("PG", "LC_", "LANG"))}
    arguments: dict[str, Any] = {"cwd": "/", "env": {**env, "LC_ALL": "C"}, "umask": 0o077}
    if os.geteuid() == 0:
        owner = folder.stat()
        arguments |= {"user": owner.st_uid, "group": owner.st_gid, "extra_groups": []}
    return arguments


def stop(folder: Path, server_fd: int, pg_ctl: str) -> None:
    """Stop the server and wait until its last process is gone. The caller holds users.lock exclusively."""
    started = time.monotonic()
    while not try_exclusive(server_fd):
        if _stoppable(folder, server_fd):
            mode = "fast" if time.monotonic() - started < PATIENCE else "immediate"
            command = [pg_ctl, "stop", "-s", "-D", str(folder / "data"), "-m", mode, "-t", str(PATIENCE)]
            with suppress(OSError):  # whatever pg_ctl answers, only the lock tells whether the server is gone
                subprocess.run(command, check=False, stdin=subprocess.DEVNULL, **as_owner(folder))
        time.sleep(0.02)


def _stoppable(folder: Path, server_fd: int) -> bool:
    """Not before a server has written its pid file, and not if it is another one's: a folder that was removed,
    or replaced by another, has a server that ends by itself.
    """
    with suppress(OSError):
        same = os.path.samestat(os.fstat(server_fd), (folder / "server.lock").stat())
        return same and (folder / "data" / "postmaster.pid").exists()
    return False


def main(folder: Path, watcher_fd: int, pg_ctl: str) -> None:
    """Wait for the last user to go, then stop the server."""
    users_fd, server_fd = open_file(folder / "users.lock"), open_file(folder / "server.lock")
    if os.fork():
        os._exit(0)  # the starter waits for this one only
    os.setsid()
    fcntl.flock(users_fd, fcntl.LOCK_EX)
    stop(folder, server_fd, pg_ctl)
    # In this order: a newcomer waits for users.lock, and must then see that server and watcher are no more.
    for fd in (server_fd, watcher_fd, users_fd):
        os.close(fd)


if __name__ == "__main__":
    main(Path(sys.argv[1]), int(sys.argv[2]), sys.argv[3])
