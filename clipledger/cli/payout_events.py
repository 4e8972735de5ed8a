"""`clipledger payouts events` and `retry-events`: what rails have told by themselves, and what was given up."""

from typing import TYPE_CHECKING, Any

import click

from clipledger.cli.connections import SNAPSHOT, connected, run
from clipledger.cli.options import as_json
from clipledger.cli.payout_steps import by_email
from clipledger.cli.payouts import payouts
from clipledger.cli.people import acting, on_record
from clipledger.cli.tables import json_of, plain, table

if TYPE_CHECKING:
    from settlement.payouts.rail_events import Arrived


@payouts.command()
@click.option(
    "--state", type=click.Choice(["waiting", "done", "given-up", "all"]), default="given-up", show_default=True
)
@click.option("--limit", type=click.IntRange(1, 1000), default=50, show_default=True, help="The newest.")
@as_json
def events(state: Any, limit: int, as_json: bool) -> None:
    """What Stripe has told by itself, and why it could not be acted upon."""
    from settlement.payouts.rail_events import list_events

    async def work() -> "list[Arrived]":
        async with connected(**SNAPSHOT) as connection:
            return await list_events(connection, state=None if state == "all" else state, limit=limit)

    found = run(work())
    rows = [
        (f"{its.received_at:%Y-%m-%d %H:%M}", its.event_id, its.kind, its.object_id or "", its.state,
         plain(its.outcome or ""))
        for its in found
    ]  # fmt: skip
    heading = ("came (UTC)", "event", "kind", "about", "state", "what came of it")
    click.echo(json_of(found) if as_json else table([heading, *rows]) or "There is none.")


@payouts.command("retry-events")
@click.argument("event_ids", metavar="[EVENT]...", nargs=-1)
@by_email
def retry_events(event_ids: tuple[str, ...], email: str) -> None:
    """Act once more upon events that were given up, or upon all of them; by an operator."""
    from settlement.payouts.rail_events import retry, retry_all

    async def work() -> int:
        async with connected() as connection, connection.begin():
            by = await acting(connection, None, email, "rails:manage", "try events again")
            for event_id in event_ids:
                await retry(connection, event_id)
                await on_record(connection, "rail-event.retry", event_id, None, by, email)
            if event_ids:
                return len(event_ids)
            count = await retry_all(connection)
            await on_record(connection, "rail-events.retry", f"{count} events", None, by, email)
            return count

    click.echo(f"Tried again by the worker: {run(work()):,}.")
