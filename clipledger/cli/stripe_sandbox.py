"""`clipledger stripe-sandbox`: a server that speaks like Stripe where payouts need it. It is not Stripe."""

import asyncio
import os
import signal
import socket
import sys
from pathlib import Path
from typing import NoReturn

import click

HOST = "127.0.0.1"
"""Loopback only: its control endpoints ask for no key."""


@click.command("stripe-sandbox")
@click.option("--port", default=12111, show_default=True, type=click.IntRange(1, 65535))
@click.option(
    "--rate",
    default=25.0,
    show_default=True,
    type=click.FloatRange(min=0),
    help="Requests a second to one endpoint; 0 is no limit.",
)
@click.option(
    "--latency", default=0.0, show_default=True, type=click.FloatRange(0, 60), help="Seconds that a call takes."
)
@click.option(
    "--hold",
    default=120.0,
    show_default=True,
    type=click.FloatRange(0, 600),
    help="Seconds for which a call that times out is held.",
)
@click.option("--seed", default=0, show_default=True, help="Of ids and secrets: the same requests get the same ones.")
@click.option(
    "--data",
    type=click.Path(dir_okay=False, path_type=Path),
    help="Keep what happens in this file, and go on from there; its seed and rate are those it was begun with.",
)
def stripe_sandbox(port: int, rate: float, latency: float, hold: float, seed: int, data: Path | None) -> None:
    """Serve a local stand-in for Stripe's API, for payouts without money. Without --data it forgets all when it stops.

    docs/stripe-sandbox.md tells what it can do, and how to make things go wrong.
    """
    from granian.constants import Interfaces
    from granian.server.embed import Server

    from clipledger.stripe_sandbox.journal import Journal, JournalError
    from clipledger.stripe_sandbox.sandbox import API_KEY
    from clipledger.stripe_sandbox.server import Application

    _require_free(port)
    try:
        journal = Journal(data, seed=seed, rate=rate or None)
    except (OSError, JournalError) as error:
        raise click.ClickException(f"Can't go on from {data}: {error}") from None
    application = Application(journal, latency=latency, hold=hold)
    server = Server(application, HOST, port, interface=Interfaces.ASGI, websockets=False, log_enabled=False)
    click.echo("This is not Stripe. It is a local sandbox that speaks like it; no money moves.")
    click.echo(f"API at http://{HOST}:{port}, key {API_KEY}, control at http://{HOST}:{port}/_sandbox/")

    async def serve() -> None:
        for number in (signal.SIGTERM, signal.SIGINT):
            asyncio.get_running_loop().add_signal_handler(number, server.stop)
        await server.serve()

    asyncio.run(serve())
    _leave()


def _leave() -> NoReturn:
    """At once: threads of the embedded server may still reach for the interpreter, and abort while it is torn down.

    Nothing is lost by it: the journal is written with each request.
    """
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(0)


def _require_free(port: int) -> None:
    """The server itself would share the port with whoever has it."""
    try:
        socket.create_server((HOST, port)).close()
    except OSError as error:
        raise click.ClickException(f"Can't listen on {HOST}:{port}: {error.strerror}") from None
