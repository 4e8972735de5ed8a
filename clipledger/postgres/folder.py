"""The folder of an embedded server: who owns it, who gets at it, and where its socket is.

data/          what the server stores
socket/        its socket; a link to a folder with a shorter path where this one's is too long
server.log     of the last start; server.log.1 of the one before
*.lock         see `clipledger.postgres.watcher`
"""

import hashlib
import os
import pwd
import shutil
import stat
import subprocess
from contextlib import suppress
from pathlib import Path
from tempfile import gettempdir

from clipledger.postgres import watcher
from clipledger.postgres.errors import ELSEWHERE, WrongOwnerError

PORT = 5432
"""Only a part of the socket's file name: each server has a socket folder of its own."""
SOCKET_PATH_LIMIT = 103
"""Bytes of a socket's path that every system takes (Linux: 107)."""


def own(folder: Path) -> None:
    """Make the folder, and see to it that it belongs to whom the server shall run as.

    Raises:
        WrongOwnerError: it can't be made, or belongs to somebody else.
    """
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    except OSError as error:
        raise WrongOwnerError(f"Can't make the folder {folder}: {error.strerror}. {ELSEWHERE}") from error
    owner, me = folder.stat().st_uid, os.geteuid()
    if me == 0 and owner == 0:
        os.chown(folder, *_nobody())
    elif me not in (0, owner):
        raise WrongOwnerError(
            f"The folder {folder} belongs to {_name(owner)}, but this runs as {_name(me)}."
            f" Run it as {_name(owner)}. {ELSEWHERE}"
        )


def _nobody() -> tuple[int, int]:
    try:
        account = pwd.getpwnam("nobody")
    except KeyError:
        return 65534, 65534
    return account.pw_uid, account.pw_gid


def _name(uid: int) -> str:
    try:
        return pwd.getpwuid(uid).pw_name
    except KeyError:
        return f"user {uid}"


def check_reach(folder: Path, program: Path) -> None:
    """Check that the folder's owner, whom the server runs as, can enter the folder and run the program.

    Raises:
        WrongOwnerError: naming what is closed to that user.
    """
    command = ["/bin/sh", "-c", 'cd "$0" || exit 3; exec "$1" --version', str(folder), str(program)]
    user = _name(folder.stat().st_uid)
    try:
        done = subprocess.run(command, check=False, capture_output=True, **watcher.as_owner(folder))
    except OSError as error:
        raise WrongOwnerError(f"Can't run PostgreSQL as {user}: {error.strerror}. {ELSEWHERE}") from error
    if done.returncode:
        place = folder if done.returncode == 3 else program
        raise WrongOwnerError(
            f"PostgreSQL would run as {user}, who can't get at {place}"
            f" ({done.stderr.decode(errors='replace').strip()}): perhaps a folder above it is closed to"
            f" others. Run this as an ordinary user who gets there (root can't run PostgreSQL). {ELSEWHERE}"
        )


def socket_folder(folder: Path) -> Path:
    """Where clients find the socket; whoever starts the server decides it."""
    return (folder / "socket").resolve()


def make_socket_folder(folder: Path) -> Path:
    """Make the socket's folder, or one below the temporary folder where the path would be too long.

    Raises:
        WrongOwnerError: the place under the temporary folder was taken by somebody else.
    """
    place = folder / "socket"
    if place.is_symlink():
        place.unlink()
    if len(os.fsencode(place / f".s.PGSQL.{PORT}")) <= SOCKET_PATH_LIMIT:
        _make_private(place, folder)
        return place
    uid, digest = folder.stat().st_uid, hashlib.sha256(os.fsencode(folder)).hexdigest()
    short = Path(gettempdir()) / f"clipledger-{uid}-{digest[:16]}"
    _make_private(short, folder)
    if place.is_dir():
        shutil.rmtree(place)
    place.symlink_to(short)
    return short


def _make_private(place: Path, folder: Path) -> None:
    """A folder for the server's user alone. Sockets that a killed server left there are removed."""
    owner = folder.stat()
    with suppress(FileExistsError):
        place.mkdir(mode=0o700)
        if os.geteuid() == 0:
            os.chown(place, owner.st_uid, owner.st_gid, follow_symlinks=False)
    found = place.lstat()
    if not stat.S_ISDIR(found.st_mode) or found.st_uid != owner.st_uid or found.st_mode & 0o077:
        user = _name(owner.st_uid)
        raise WrongOwnerError(f"{place} must be a folder that only {user} can enter. Remove it.")
    for leftover in place.glob(".s.PGSQL.*"):
        leftover.unlink()
