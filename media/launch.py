"""Become another program, confined: `python launch.py PARENT CPU_SECONDS MEMORY_BYTES PROGRAM ARGUMENT…`.

Run as a script, never imported. A process that has threads may not safely run Python between fork and exec, so
`preexec_fn` is out; limits set from outside after the start would leave the child free for a moment and cannot ask
for the death signal at all. This takes some 20 ms, a small part of what starting ffmpeg on a video takes.
"""

import ctypes
import os
import resource
import signal
import sys

_PR_SET_PDEATHSIG = 1


def main(parent: int, cpu_seconds: int, memory_bytes: int, command: list[str]) -> None:
    """Replace this process by the command, which dies with its parent, writes no file and leaves no core."""
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
    if os.getppid() != parent:  # it died before the signal was asked for
        return
    _limit(resource.RLIMIT_CPU, cpu_seconds)
    _limit(resource.RLIMIT_DATA, memory_bytes)  # not _AS: every thread reserves 64 MiB that it may never touch
    _limit(resource.RLIMIT_FSIZE, 0)
    _limit(resource.RLIMIT_CORE, 0)
    os.execv(command[0], command)  # noqa: S606 - the command is a list built by media.ffmpeg


def _limit(what: int, most: int) -> None:
    hard = resource.getrlimit(what)[1]
    most = most if hard == resource.RLIM_INFINITY else min(most, hard)
    resource.setrlimit(what, (most, most))


if __name__ == "__main__":
    main(int(sys.argv[1]), int(sys.argv[2]), int(sys.argv[3]), sys.argv[4:])
