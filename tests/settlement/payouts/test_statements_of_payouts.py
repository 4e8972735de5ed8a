"""What a clipper reads of its payouts: every line in words, six balances proved, and `paid` what it has got."""

import json
import re
from concurrent.futures import ThreadPoolExecutor
from datetime import date
from pathlib import Path
from typing import Any, NamedTuple

from click.testing import CliRunner
from sqlalchemy import insert
from sqlalchemy.engine import make_url

from clipledger.cli import main
from clipledger.database import DatabaseUrls
from settlement import tables
from settlement.balances import PartyBalance, earnings, party_balances
from settlement.payouts.lifecycle import State
from settlement.payouts.steps import cancel, come_back, confirm, retry
from settlement.rails.protocol import Refused
from settlement.statements.drafting import check_current, draft_statements
from settlement.statements.labels import LABELS
from settlement.statements.reading import EarningsLine, lines_of, list_statements
from settlement.suspense import book_today
from settlement.tax_rules import add_rule, set_profile
from tests.licensing.house import Clipper, NewGrant
from tests.settlement.payouts.purse import NewPayee, Purse
from tests.settlement.test_withholding import example

GONE = Refused("account", "the payee's account was closed", "payee", retriable=True)
LONG_AGO = date(2019, 1, 1)


class Told(NamedTuple):
    """A line without the numbers of payouts and transfers; amounts are those that moved."""

    kind: str
    label: str
    moved: dict[str, int]


async def drafted(purse: Purse) -> dict[str, list[Told]]:
    """Of each party, having proved that opening and lines are closing, six times over, and that this is the ledger."""
    async with purse.engine.begin() as connection:
        month = (await book_today(connection, purse.book_id)).replace(day=1)
        row = insert(tables.closings).values(book_id=purse.book_id, month=month)
        await connection.execute(row)
        await draft_statements(connection, purse.book_id, month)
        await check_current(connection, purse.book_id, month)
        found = {}
        for each in await list_statements(connection, book_id=purse.book_id):
            lines = await lines_of(connection, purse.book_id, each.statement_id)
            sums = {name: sum(getattr(line.amounts, name) for line in lines) for name in _BALANCES}
            closing = {name: getattr(each.closing, name) - getattr(each.opening, name) for name in _BALANCES}
            assert sums == closing
            found[each.party] = [told(line) for line in lines]
    return found


_BALANCES = ("held", "available", "reserve", "frozen", "paying", "recoverable", "total")


def told(line: EarningsLine) -> Told:
    assert f"kind_{line.kind}" in LABELS["en"].keys() & LABELS["zh"].keys()
    moved = {name: its for name in _BALANCES if (its := getattr(line.amounts, name))}
    return Told(line.kind, re.sub(r"tr_\d+", "tr_N", re.sub(r"Payout \d+", "Payout N", line.label or "")), moved)


async def balance(purse: Purse, clipper: Clipper) -> PartyBalance:
    async with purse.engine.connect() as connection:
        found = await party_balances(connection, purse.book_id, party_of(clipper))
    (its,) = found.parties
    return its


def party_of(clipper: Clipper) -> str:
    return f"clipper-{clipper.clipper_id}"


async def payout_id(purse: Purse, clipper: Clipper) -> int:
    return max(each.payout_id for each in await purse.payouts() if each.party == party_of(clipper))


async def arrive(purse: Purse, clipper: Clipper) -> None:
    async with purse.engine.begin() as connection:
        await confirm(connection, purse.book_id, [await payout_id(purse, clipper)], purse.clock())


async def back(purse: Purse, clipper: Clipper, amount: int, why: str) -> None:
    async with purse.engine.begin() as connection:
        await come_back(connection, purse.book_id, await payout_id(purse, clipper), amount, why, purse.clock())


async def taxed(purse: Purse, clipper: Clipper) -> None:
    """24 % are withheld of every payment."""
    async with purse.engine.begin() as connection:
        await add_rule(connection, purse.book_id, "user:1", "us-backup", LONG_AGO, example("us-backup"))
        await set_profile(connection, purse.book_id, "user:1", party_of(clipper), "us-backup", LONG_AGO, "No W-9.")


APPROVED = Told("payout", "Payout N: approved", {"available": -10_000, "paying": 10_000})
ARRIVED = Told("payout", "Payout N arrived: tr_N", {"paying": -10_000, "total": -10_000})
EARNED = Told("adjustment", "Earned", {"available": 10_000, "total": 10_000})


async def test_a_month_of_payouts_says_of_each_what_became_of_it(purse: Purse, new_payee: NewPayee) -> None:
    waiting, sent, paid, refused, returned, partly = [await new_payee() for _ in range(6)]
    await purse.approved()
    numbers = {each.party: each.payout_id for each in await purse.payouts()}
    groups = {party: f"clp-{purse.book_id}-{number}" for party, number in numbers.items()}
    purse.rail.script[groups[party_of(refused)]] = [GONE]
    purse.rail.script[groups[party_of(waiting)]] = ["lost-before"] * 3
    await purse.send()
    for clipper in (paid, returned, partly):
        await arrive(purse, clipper)
    async with purse.engine.begin() as connection:
        why = "the payee's account was closed"
        await cancel(connection, purse.book_id, [numbers[party_of(refused)]], "user:2", why, purse.clock())
    await back(purse, returned, 10_000, "the bank returned it: account closed")
    await back(purse, partly, 2_500, "the transfer was reversed")

    states: dict[str, State] = {each.party: each.state for each in await purse.payouts()}
    assert [states[party_of(each)] for each in (waiting, sent, paid, refused, returned, partly)] == [
        "unknown",
        "sent",
        "paid",
        "cancelled",
        "returned",
        "paid",
    ]
    lines = await drafted(purse)
    assert lines[party_of(waiting)] == lines[party_of(sent)] == [EARNED, APPROVED]
    assert lines[party_of(paid)] == [EARNED, APPROVED, ARRIVED]
    cancelled = "Payout N cancelled: the payee's account was closed"
    assert lines[party_of(refused)] == [
        EARNED,
        APPROVED,
        Told("payout", cancelled, {"available": 10_000, "paying": -10_000}),
    ]
    came = "Payout N came back: the bank returned it: account closed"
    assert lines[party_of(returned)] == [
        EARNED,
        APPROVED,
        ARRIVED,
        Told("payout", came, {"available": 10_000, "paying": -10_000}),
        Told("payout", came, {"paying": 10_000, "total": 10_000}),
    ]
    part = "Payout N came back in part: the transfer was reversed"
    assert lines[party_of(partly)] == [
        EARNED,
        APPROVED,
        ARRIVED,
        Told("payout", part, {"paying": 2_500, "total": 2_500}),
        Told("payout", part, {"available": 2_500, "paying": -2_500}),
    ]
    standing = {each: await balance(purse, each) for each in (waiting, sent, paid, refused, returned, partly)}
    assert [(its.available, its.paying, its.paid) for its in standing.values()] == [
        (0, 10_000, 0),
        (0, 10_000, 0),
        (0, 0, 10_000),
        (10_000, 0, 0),
        (10_000, 0, 0),
        (2_500, 0, 7_500),
    ]


async def test_recovered_and_withheld_are_lines_of_their_own_and_undone_with_what_came_back(
    purse: Purse, new_grant: NewGrant
) -> None:
    """Of 100.00 available 10.00 are owed back; of the 90.00 left 21.60 are withheld."""
    clipper = (await new_grant(purse.host)).clipper
    await purse.owe(party_of(clipper), 10_000, "USD", recoverable=1_000)
    await purse.account(clipper, currencies=("USD",))
    await taxed(purse, clipper)
    await purse.approved()
    await purse.send()
    await arrive(purse, clipper)
    assert (await balance(purse, clipper)).paid == 6_840
    await back(purse, clipper, 6_840, "the transfer was reversed")
    its = await balance(purse, clipper)
    assert (its.available, its.recoverable, its.paying, its.paid) == (10_000, 1_000, 0, 0)
    came = "Payout N came back: the transfer was reversed"
    lines = (await drafted(purse))[party_of(clipper)]
    assert [(line.kind, line.label, line.moved.get("total", 0)) for line in lines] == [
        ("adjustment", "Earned", 9_000),
        ("recovery", "Payout N: recovered for what is owed back", 0),
        ("recovery", came, 0),
        ("withholding", "Payout N: withheld for tax", -2_160),
        ("withholding", came, 2_160),
        ("payout", "Payout N: approved", 0),
        ("payout", "Payout N arrived: tr_N", -6_840),
        ("payout", came, 0),
        ("payout", came, 6_840),
    ]
    again = await purse.approved()
    assert again
    (new,) = [each for each in await purse.payouts() if each.run_id == again]
    assert (new.taken, new.recovery, new.withheld, new.amount) == (10_000, 1_000, 2_160, 6_840)


async def test_refused_and_tried_again_is_two_lines_for_a_payee_needs_no_more(
    purse: Purse, new_payee: NewPayee
) -> None:
    """What the rail refused, and what was tried again, is in the payout's trail, not on the statement."""
    clipper = await new_payee()
    await purse.approved()
    number = await payout_id(purse, clipper)
    purse.rail.script[f"clp-{purse.book_id}-{number}"] = [GONE]
    await purse.send()
    async with purse.engine.begin() as connection:
        await retry(connection, purse.book_id, number, "user:1", purse.clock())
    purse.clock.pass_(minutes=1)
    await purse.send()
    await arrive(purse, clipper)
    assert (await drafted(purse))[party_of(clipper)] == [EARNED, APPROVED, ARRIVED]


async def test_a_part_that_came_back_and_then_the_rest_is_as_if_it_was_never_paid(
    purse: Purse, new_payee: NewPayee
) -> None:
    clipper = await new_payee()
    await purse.approved()
    await purse.send()
    await arrive(purse, clipper)
    for returned, paid in ((2_500, 7_500), (6_000, 4_000), (10_000, 0)):
        await back(purse, clipper, returned, "the transfer was reversed")
        its = await balance(purse, clipper)
        assert (its.available, its.paying, its.paid) == (returned, 0, paid)
    lines = (await drafted(purse))[party_of(clipper)]
    assert sum(line.moved.get("total", 0) for line in lines) == 10_000
    assert {line.kind for line in lines} == {"adjustment", "payout"}
    assert (await purse.payout()).state == "returned"


async def test_a_clipper_reads_the_same_as_finance_whichever_way_it_asks(
    purse: Purse, new_grant: NewGrant, urls: DatabaseUrls, tmp_path: Path
) -> None:
    clipper = (await new_grant(purse.host)).clipper
    await purse.owe(party_of(clipper), 10_000)
    await purse.account(clipper)
    await purse.approved()
    await purse.send()
    await arrive(purse, clipper)
    await back(purse, clipper, 2_500, "the transfer was reversed")
    async with purse.engine.connect() as connection:
        (own,) = await earnings(connection, "clipper", clipper.clipper_id)
    assert own.balance == await balance(purse, clipper)
    shown = balances_typed(purse, urls, tmp_path, "--json")
    (its,) = [each for each in json.loads(shown)["parties"] if each["party"] == party_of(clipper)]
    assert (its["available"], its["paying"], its["paid"]) == (2_500, 0, 7_500)
    assert its["text"]["paid"] == "75.00"
    table = balances_typed(purse, urls, tmp_path)
    (row,) = [line for line in table.splitlines() if line.startswith(party_of(clipper))]
    assert row.split() == [party_of(clipper), "CNY", "0.00", "25.00", "0.00", "0.00", "0.00", "0.00", "75.00"]


def balances_typed(purse: Purse, urls: DatabaseUrls, folder: Path, *options: str) -> str:
    plain = make_url(urls.app).set(drivername="postgresql").render_as_string(hide_password=False)
    env = {"DATABASE_URL": plain, "CLIPLEDGER_VAR": str(folder / "var")}
    arguments = ["settlement", "balances", "--book", purse.host.book, *options]
    done: Any = _apart(lambda: CliRunner().invoke(main, arguments, env=env))
    assert done.exit_code == 0, done.output
    return str(done.stdout)


def _apart(work: Any) -> Any:
    """In a thread, for a command has a loop of its own."""
    with ThreadPoolExecutor(1) as pool:
        return pool.submit(work).result()
