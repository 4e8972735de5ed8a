"""The processes of a running house: `web`, `worker` and `scheduler` apart, or all three by `serve`.

Each ends within seconds of SIGTERM or SIGINT, with exit code 0; ending for any other reason is an error, so
that whoever supervises it starts it anew.
"""

import asyncio
import logging
import os
import signal
import sys
import threading
from asyncio.subprocess import Process
from collections.abc import Coroutine
from typing import IO

import click
import psycopg
import structlog
from granian.constants import Interfaces
from granian.server.mp import MPServer

from clipledger import database, jobs
from clipledger.cli.db import opened
from clipledger.cli.doctor import schema
from clipledger.database import DatabaseUrls
from clipledger.scheduler import schedule
from clipledger.settings import Settings
from clipledger.web.logs import configure_logs

PARTS = ("web", "worker", "scheduler")
STOP_SIGNALS = (signal.SIGTERM, signal.SIGINT)
STOP_LIMIT = 15
"""Seconds a part may take to stop; a worker's job gets jobs.GRACE of them."""
DRAIN_LIMIT = 5
"""Seconds that requests under way may take once the web server is told to stop."""
CHATTY_LOGGERS = ("apscheduler", "procrastinate.blueprints", "procrastinate.jobs", "procrastinate.periodic")
"""They tell of every tick; what the worker does is told by others."""

log = structlog.get_logger()

until_orphaned = click.option(
    "--until-orphaned", is_flag=True, hidden=True, help="Stop when the other end of stdin is gone."
)


@click.command()
def serve() -> None:
    """Run web, worker and scheduler together.

    On the embedded database the schema is brought up to date first; else `clipledger db migrate` does it.
    """
    configure_logs()
    with opened() as urls:
        if not Settings.from_environment().database_url:
            database.migrate(urls.owner)
        _require_schema(urls)
        serve_until_stopped()


def serve_until_stopped(said: IO[str] | None = None) -> None:
    """Run the parts with this process's environment until a signal arrives; their logs go to `said`, where it is given.

    Raises ClickException where one ends by itself.
    """
    ended = asyncio.run(_supervise(said))
    if ended:
        raise click.ClickException(f"{ended} ended by itself, so everything was stopped; the log says why")


@click.command()
@until_orphaned
def web(until_orphaned: bool) -> None:
    """Answer HTTP requests."""
    _prepare(until_orphaned)
    with opened() as urls:
        _require_schema(urls)
        settings = Settings.from_environment()
        try:
            _web_server(settings.host, settings.port).serve()
        except RuntimeError as error:  # what it raises when the port is taken, with a stack of its own
            reason = str(error).splitlines()[0]
            raise click.ClickException(f"Can't listen on {settings.host}:{settings.port}: {reason}") from None


@click.command()
@until_orphaned
def worker(until_orphaned: bool) -> None:
    """Do the jobs in the queue."""
    _prepare(until_orphaned)
    with opened() as urls:
        _require_schema(urls)
        asyncio.run(_until_stopped(jobs.work(urls.app, Settings.from_environment())))


@click.command()
@until_orphaned
def scheduler(until_orphaned: bool) -> None:
    """Put in the queue what is due by the clock. Of several, one leads and the others stand by."""
    _prepare(until_orphaned)
    with opened() as urls:
        _require_schema(urls)
        asyncio.run(_until_stopped(schedule(urls.app)))


def _require_schema(urls: DatabaseUrls) -> None:
    with psycopg.connect(database.conninfo(urls.app), connect_timeout=10) as connection:
        found = schema(connection)
    if found.state == "missing":
        raise click.ClickException(f"The database's schema is {found.detail}. Run: {found.remedy}")


def _web_server(host: str, port: int) -> MPServer:
    return MPServer(
        "clipledger.web.app:app_from_environment",
        factory=True,
        interface=Interfaces.ASGI,
        address=host,
        port=port,
        workers_kill_timeout=DRAIN_LIMIT,
        websockets=False,
        log_dictconfig={"handlers": {}, "loggers": {"_granian": {"propagate": True}}},
    )


def _prepare(until_orphaned: bool) -> None:
    configure_logs()
    for chatty in CHATTY_LOGGERS:
        logging.getLogger(chatty).setLevel(logging.WARNING)
    if until_orphaned:
        threading.Thread(target=_stop_when_orphaned, daemon=True).start()


def _stop_when_orphaned() -> None:
    os.read(sys.stdin.fileno(), 1)
    os.kill(os.getpid(), signal.SIGTERM)


async def _until_stopped(part: Coroutine[None, None, None]) -> None:
    running = asyncio.ensure_future(part)
    for number in STOP_SIGNALS:
        asyncio.get_running_loop().add_signal_handler(number, running.cancel)
    try:
        await running
    except asyncio.CancelledError:
        return
    raise click.ClickException("ended by itself; the log says why")


# All three together ----------------------------------------------------------------------------------------


async def _supervise(said: IO[str] | None) -> str | None:
    """Run the parts until a signal arrives, or until one ends by itself, whose name is returned."""
    stopped = asyncio.Event()
    for number in STOP_SIGNALS:
        asyncio.get_running_loop().add_signal_handler(number, stopped.set)
    parts = {name: await _start(name, said) for name in PARTS}
    waiting = {asyncio.ensure_future(part.wait()): name for name, part in parts.items()}
    ended, _ = await asyncio.wait(
        {*waiting, asyncio.ensure_future(stopped.wait())}, return_when=asyncio.FIRST_COMPLETED
    )
    await asyncio.gather(*(_stop(name, part) for name, part in parts.items()))
    return None if stopped.is_set() else next(waiting[task] for task in ended if task in waiting)


async def _start(name: str, said: IO[str] | None) -> Process:
    """In a session of its own: Ctrl-C reaches the supervisor alone, which then stops each part once.

    The part's stdin is a pipe whose breaking stops it too: `kill -9` of the supervisor leaves no orphan.
    """
    return await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "clipledger", name, "--until-orphaned"),
        stdin=asyncio.subprocess.PIPE,
        stdout=said,
        stderr=said,
        start_new_session=True,
    )


async def _stop(name: str, part: Process) -> None:
    if part.returncode is not None:
        return
    part.terminate()
    try:
        async with asyncio.timeout(STOP_LIMIT):
            await part.wait()
    except TimeoutError:
        log.warning("killed, for it did not stop", part=name)
        part.kill()
        await part.wait()
