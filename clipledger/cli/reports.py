"""`clipledger settlement report …`: finance's reports as tables, CSV or JSON, from the same functions as over HTTP."""

from collections.abc import Awaitable, Callable, Iterable, Iterator, Mapping, Sequence
from datetime import date
from decimal import Decimal
from typing import TYPE_CHECKING, Any, NamedTuple, get_args

import click

from clipledger.cli.connections import reading, run
from clipledger.cli.options import as_date, as_json, day, of_book
from clipledger.cli.tables import json_of, plain, table
from ledger.balances import Moment, TrialBalance, trial_balance
from ledger.sheets import csv_text, decimal_of

if TYPE_CHECKING:
    from sqlalchemy.ext.asyncio import AsyncConnection

    from settlement.reports.performance import PerformanceReport


class _Asked(NamedTuple):
    """What was typed."""

    month: date | None = None
    since: date | None = None
    until: date | None = None
    as_of: date | None = None
    by: str | None = None
    party: str | None = None
    sort: str | None = None


class _Found(NamedTuple):
    """A report, and its rows below a heading."""

    report: Any
    rows: Iterator[Sequence[object]]


class _Report(NamedTuple):
    """How it is read; which options it knows, and what `--by` may be."""

    read: Callable[["AsyncConnection", int, _Asked], Awaitable[_Found]]
    options: frozenset[str]
    by: Sequence[str] = ()


# Reading, by the room's own functions; they are imported by whoever asks for them. -----------------------------


async def _trial_balance(connection: "AsyncConnection", book_id: int, asked: _Asked) -> _Found:
    trial = await trial_balance(connection, book_id, Moment(as_of=asked.as_of, through=asked.month))
    return _Found(trial, _sides(trial))


def _sides(trial: TrialBalance) -> Iterator[Sequence[object]]:
    """Debits and credits apart, with their sums below."""
    yield "account", "kind", "currency", "debit", "credit"
    for row in trial.rows:
        sides = decimal_of(abs(row.balance), row.currency), None
        yield row.code, row.kind, row.currency, *(sides if row.balance >= 0 else sides[::-1])
    for currency in sorted({row.currency for row in trial.rows}):
        sums = (side.get(currency, 0) for side in (trial.debits, trial.credits))
        yield "total", "", currency, *(decimal_of(total, currency) for total in sums)


async def _roll_forward(connection: "AsyncConnection", book_id: int, asked: _Asked) -> _Found:
    from settlement.reports import roll_forward

    if asked.month is None:
        raise click.UsageError("roll-forward needs --month")
    by: Any = asked.by or "kind"
    report = await roll_forward.roll_forward(connection, book_id, asked.month, by=by, party=asked.party)
    return _Found(report, roll_forward.sheet(report))


async def _ageing(connection: "AsyncConnection", book_id: int, asked: _Asked) -> _Found:
    from settlement.reports import ageing

    report = await ageing.payables_ageing(connection, book_id, asked.as_of, party=asked.party)
    return _Found(report, ageing.sheet(report))


async def _suspense(connection: "AsyncConnection", book_id: int, asked: _Asked) -> _Found:
    from settlement.reports import ageing

    report = await ageing.suspense_ageing(connection, book_id)
    return _Found(report, ageing.sheet(report))


async def _receivables(connection: "AsyncConnection", book_id: int, asked: _Asked) -> _Found:
    from settlement.reports import receivables

    by: Any = asked.by or "sale"
    report = await receivables.receivables(connection, book_id, by=by)
    return _Found(report, receivables.sheet(report))


async def _performance(connection: "AsyncConnection", book_id: int, asked: _Asked) -> _Found:
    from settlement.reports import performance

    by: Any = asked.by or "clipper"
    sort: Any = asked.sort or "gmv"
    if sort not in get_args(performance.Sort):
        raise click.UsageError(f"--sort is one of {', '.join(get_args(performance.Sort))}")
    chosen = performance.Asked(since=asked.since, until=asked.until, sort=sort)
    report: PerformanceReport = await performance.performance(connection, book_id, by, chosen, limit=None)
    return _Found(report, performance.sheet(report))


_SOLD_BY = ("clipper", "clip", "product", "offer", "marketplace", "platform", "day", "month", "all")
_REPORTS: Mapping[str, _Report] = {
    "trial-balance": _Report(_trial_balance, frozenset({"month", "as_of"})),
    "roll-forward": _Report(_roll_forward, frozenset({"month", "by", "party"}), ("kind", "party")),
    "payables-ageing": _Report(_ageing, frozenset({"as_of", "party"})),
    "suspense-ageing": _Report(_suspense, frozenset()),
    "receivables": _Report(_receivables, frozenset({"by"}), ("sale", "settlement")),
    "performance": _Report(_performance, frozenset({"since", "until", "by", "sort"}), _SOLD_BY),
}


# The command ----------------------------------------------------------------------------------------------------


@click.command()
@click.argument("name", metavar="NAME", type=click.Choice(list(_REPORTS)))
@of_book
@click.option(
    "--month", type=click.DateTime(["%Y-%m"]), callback=as_date, metavar="YYYY-MM", help="Booked in or up to it."
)
@day("--since", "First day of sale; else a year ago.")
@day("--until", "Last day of sale; else today.")
@day("--as-of", "At the end of this day; else today.")
@click.option("--by", help="What rows are of: party, settlement, clip, month, …")
@click.option("--party", help="Of one alone: host, clipper-7.")
@click.option("--sort", help="The figure by which rows are sorted, the largest first.")
@click.option("--csv", "as_csv", is_flag=True, help="For spreadsheets: all rows, no formulas.")
@as_json
def report(name: str, slug: str, as_csv: bool, as_json: bool, **typed: Any) -> None:
    """Print a report: trial-balance, roll-forward, payables-ageing, suspense-ageing, receivables or performance."""
    if as_csv and as_json:
        raise click.UsageError("either --csv or --json")
    its, asked = _REPORTS[name], _Asked(**typed)
    _check(name, its, asked)

    async def work() -> _Found:
        async with reading(slug) as (connection, book):
            return await its.read(connection, book.book_id, asked)

    found = run(work())
    if as_json:
        click.echo(json_of(found.report))
    elif as_csv:
        click.echo(csv_text(found.rows), nl=False)
    else:
        click.echo(_table(found.rows) or "Nothing is in the books yet.")


def _check(name: str, its: _Report, asked: _Asked) -> None:
    """Raises UsageError for an option that the report does not know: it would be ignored."""
    for option, value in asked._asdict().items():
        if value is not None and option not in its.options:
            raise click.UsageError(f"{name} does not know --{option.replace('_', '-')}")
    if asked.by is not None and asked.by not in its.by:
        raise click.UsageError(f"--by is one of {', '.join(its.by)}")


def _table(rows: Iterable[Sequence[object]]) -> str:
    """Numbers to the right."""
    heading, *below = rows
    numbers = [at for at in range(len(heading)) if any(isinstance(row[at], int | Decimal) for row in below)]
    return table([[str(each) for each in heading], *([_cell(value) for value in row] for row in below)], numbers)


def _cell(value: object) -> str:
    if isinstance(value, int | Decimal):
        return f"{value:,}"
    return "" if value is None else plain(str(value))
