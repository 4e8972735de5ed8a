"""Runs and payouts as people read them in a terminal."""

import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING

import click
from rich.console import Console
from rich.live import Live
from rich.text import Text

from clipledger.cli.tables import aligned, json_of, plain, table
from ledger.money import format_amount

if TYPE_CHECKING:
    from settlement.payouts.payouts import Payout, PayoutEvent
    from settlement.payouts.planning import Planned
    from settlement.payouts.runs import Run, RunEvent, Sum

_WIDTH = 40
"""Of a bar that is full, in characters."""
_STATES = (
    "planned",
    "ready",
    "sending",
    "filed",
    "unknown",
    "refused",
    "sent",
    "paid",
    "returned",
    "cancelled",
    "left-out",
)
"""In the order in which they are told."""

Told = Callable[["Run", "Sequence[Sum]"], None]


def planned(found: "Sequence[Planned]") -> str:
    rows = [
        (
            each.party,
            each.currency,
            *(aligned(getattr(each.amounts, name), each.currency) for name in ("taken", "recovery", "withheld")),
            aligned(each.amounts.amount if each.code is None else 0, each.currency),
            plain(f"left out: {each.reason} ({each.fixed_by})" if each.code else ""),
        )
        for each in found
    ]
    heading = ("party", "currency", "taken", "recovered", "withheld", "paid", "")
    return table([heading, *rows], range(2, 6)) or "Nobody is owed anything that could be paid."


def planned_json(found: "Sequence[Planned]") -> str:
    """As `POST …/payout-runs/preview` answers."""
    told = [
        {
            "party": each.party,
            "currency": each.currency,
            **{name: getattr(each.amounts, name) for name in ("taken", "recovery", "withheld", "amount")},
            **{name: getattr(each, name) for name in ("code", "reason", "fixed_by")},
        }
        for each in found
    ]
    return json_of(told)


def runs(found: "Sequence[Run]") -> str:
    rows = [
        (str(each.run_id), each.state, each.rail, each.basis, f"{each.pay_on}", str(each.due_on or ""),
         plain(each.halted or ""))
        for each in found
    ]  # fmt: skip
    heading = ("run", "state", "rail", "basis", "pays on", "due on", "halted")
    return table([heading, *rows], {0}) or "There are no runs yet."


def run(its: "Run", sums: "Sequence[Sum]", events: "Sequence[RunEvent]") -> str:
    said = [f"Run {its.run_id}: {its.state}, by {its.rail}, of what is {_BASIS[its.basis]}, on {its.pay_on}."]
    if its.halted is not None:
        said.append(plain(f"Halted: {its.halted}"))
    names = ("taken", "recovery", "withheld", "amount")
    rows = [
        (
            each.state,
            f"{each.payouts:,}",
            each.currency,
            *(aligned(getattr(each, name), each.currency) for name in names),
        )
        for each in _ordered(sums)
    ]
    steps = [(f"{each.at:%Y-%m-%d %H:%M}", each.action, each.actor, plain(each.reason or "")) for each in events]
    tables = [
        table([("payouts", "count", "", "taken", "recovered", "withheld", "paid"), *rows], {1, 3, 4, 5, 6}),
        table([("when (UTC)", "what", "who", "why"), *steps]),
    ]
    return "\n\n".join(["\n".join(said), *filter(None, tables)])


_BASIS = {"statement": "stated", "available": "available"}


def _ordered(sums: "Sequence[Sum]") -> "list[Sum]":
    def place(its: "Sum") -> tuple[int, str]:
        return (_STATES.index(its.state) if its.state in _STATES else len(_STATES), its.currency)

    return sorted(sums, key=place)


def trail(its: "Payout", events: "Sequence[PayoutEvent]") -> str:
    from settlement.payouts.words import next_step, step

    left = ", ".join(
        f"{format_amount(amount, its.currency)} {said}"
        for amount, said in ((its.recovery, "recovered"), (its.withheld, "withheld"), (its.returned, "came back"))
        if amount
    )
    amount = f"{format_amount(its.amount, its.currency)} {its.currency}{f' ({left})' if left else ''}"
    said = [
        f"Payout {its.payout_id} of run {its.run_id}: {amount} to {its.party}, by {its.rail}.",
        plain(f"{its.state.capitalize()}: {next_step(its)}."),
    ]
    if its.reason is not None:
        said.append(plain(f"Because: {its.reason}"))
    if its.next_attempt_at is not None:
        said.append(f"Next attempt: {its.next_attempt_at:%Y-%m-%d %H:%M:%S} UTC.")
    rows = [(f"{each.at:%Y-%m-%d %H:%M:%S}", each.state, plain(step(each, its.currency))) for each in events]
    return "\n\n".join(filter(None, ["\n".join(said), table([("when (UTC)", "state", "what"), *rows])]))


# Watching -------------------------------------------------------------------------------------------------------


@contextmanager
def bars(*, quiet: bool) -> Iterator[Told]:
    """A bar for each state where somebody is watching; else a line each time something has changed, or nothing."""
    if quiet:
        yield lambda its, sums: None
    elif sys.stdout.isatty():
        with Live(console=Console(), transient=True, auto_refresh=False) as live:
            yield lambda its, sums: live.update(Text(_bars(its, sums)), refresh=True)
    else:
        told: list[str] = []

        def changed(its: "Run", sums: "Sequence[Sum]") -> None:
            line = f"run {its.run_id} {its.state}: " + ", ".join(
                f"{each.payouts:,} {each.state}" for each in _ordered(sums)
            )
            if told[-1:] != [line]:
                told.append(line)
                click.echo(line)

        yield changed


def _bars(its: "Run", sums: "Sequence[Sum]") -> str:
    most = sum(each.payouts for each in sums) or 1
    rows = [
        (each.state, "█" * max(round(_WIDTH * each.payouts / most), 1), f"{each.payouts:,}",
         each.currency, aligned(each.amount, each.currency))
        for each in _ordered(sums)
    ]  # fmt: skip
    return f"Run {its.run_id}: {its.state}\n{table([('', '', 'payouts', '', 'amount'), *rows], {2, 4})}"
