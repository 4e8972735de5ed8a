"""What must be true when all is quiet: nothing paid twice, nothing lost, nothing stuck that nobody sees."""

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Literal, NamedTuple

from sqlalchemy import text

from bench.faults.books import Payee
from bench.faults.world import World
from settlement.payouts.payouts import group_of

Fault = Literal["duplicate", "lost", "stuck"]
Balances = Mapping[tuple[str, str], int]
"""By account and currency; debits positive."""

_OPEN = ("ready", "sending", "sent", "refused", "unknown")
"""Money that lies in paying."""


class Finding(NamedTuple):
    """What is not as it must be."""

    fault: Fault
    told: str


async def judge(world: World, payees: Sequence[Payee], funded: Counter[str]) -> list[Finding]:
    """Compares what the payouts say with the sandbox's transfers and with the ledger."""
    payouts = list(await world.rows(_PAYOUTS))
    balances = {(row.code, row.currency): int(row.balance) for row in await world.rows(_BALANCES)}
    world.seen.update(f"ends as {row.state}" for row in payouts if row.state not in ("planned", "left-out"))
    return [
        *_paid(world, payouts),
        *_booked(payouts, payees, balances),
        *_at_stripe(world, payees, funded, balances),
        *await _visible(world, payouts),
    ]


def _paid(world: World, payouts: Sequence[Any]) -> Iterable[Finding]:
    """What stays at the payee is what the payout says that it was paid."""
    by_group: dict[str, list[Any]] = defaultdict(list)
    for transfer in world.sandbox.state.transfers:
        by_group[transfer["transfer_group"]].append(transfer)
    for row in payouts:
        made = by_group.pop(group_of(world.book_id, row.payout_id), [])
        stays = sum(transfer["amount"] - transfer["amount_reversed"] for transfer in made)
        told = row.amount - row.returned if row.state in ("sent", "paid", "returned") else 0
        if len(made) > 1:
            yield Finding("duplicate", f"payout {row.payout_id} ({row.state}) has {len(made)} transfers")
        if stays != told:
            fault: Fault = "duplicate" if stays > told else "lost"
            yield Finding(fault, f"payout {row.payout_id} is {row.state}, {told}; at the payee is {stays}")
    for group in by_group:
        yield Finding("duplicate", f"a transfer of no payout: {group}")


def _booked(payouts: Sequence[Any], payees: Sequence[Payee], balances: Balances) -> Iterable[Finding]:
    """The ledger's balances are those of the payouts' states, party by party."""
    for currency in {payee.currency for payee in payees}:
        if total := sum(amount for (_, its), amount in balances.items() if its == currency):
            yield Finding("lost", f"the ledger is out of balance by {total} {currency}")
        sent = sum(row.amount for row in payouts if (row.state, row.currency) == ("sent", currency))
        if balances.get(("assets:in-transit:stripe", currency), 0) != sent:
            yield Finding("lost", f"in transit is not the {sent} {currency} that were sent")
    for payee in payees:
        its = [row for row in payouts if (row.party, row.currency) == (payee.party, payee.currency)]
        yield from _of_party(its, payee, balances)


def _of_party(payouts: Sequence[Any], payee: Payee, balances: Balances) -> Iterable[Finding]:
    def balance(kind: str) -> int:
        return balances.get((f"{kind}:{payee.party}", payee.currency), 0)

    paying = sum(row.amount for row in payouts if row.state in _OPEN)
    if balance("liabilities:paying") != -paying:
        yield Finding("lost", f"{payee.party}: {balance('liabilities:paying')} in paying, not {-paying}")
    paid = sum(row.amount - row.returned for row in payouts if row.state in ("paid", "returned"))
    owes = balance("assets:recoverable")
    available = payee.owed - payee.recoverable + owes - paying - paid
    if balance("liabilities:available") != -available:
        yield Finding("lost", f"{payee.party}: {balance('liabilities:available')} available, not {-available}")
    if not 0 <= owes <= payee.recoverable:
        yield Finding("lost", f"{payee.party} owes {owes}, of {payee.recoverable}")


def _at_stripe(world: World, payees: Sequence[Payee], funded: Counter[str], balances: Balances) -> Iterable[Finding]:
    there = world.sandbox.balance()
    for currency, given in funded.items():
        brought = sum(payee.owed - payee.recoverable for payee in payees if payee.currency == currency)
        moved = sum(there.get(currency.lower(), (0, 0))) - given
        booked = balances.get(("assets:stripe", currency), 0) - brought
        if moved != booked:
            yield Finding("lost", f"assets:stripe has {booked} {currency}, at Stripe it moved by {moved}")


async def _visible(world: World, payouts: Sequence[Any]) -> list[Finding]:
    """Whatever is not at an end says why, in its run, its rail or itself; and so does a run."""
    rail_halted = bool(await world.rows(_RAIL_HALTED))
    findings = []
    for row in payouts:
        waits = row.state == "ready" and row.code == "unfunded"
        if row.state in ("ready", "sending", "unknown", "sent") and not (row.halted or rail_halted or waits):
            findings.append(Finding("stuck", f"payout {row.payout_id} is {row.state} ({row.code}), {row.run_state}"))
        if row.state == "refused" and not (row.reason and row.fixed_by):
            findings.append(Finding("stuck", f"payout {row.payout_id} is refused, nobody is told why"))
    for run in await world.rows(_RUNS):
        if run.state == "sending" and not run.unended and not rail_halted:
            findings.append(Finding("stuck", f"run {run.run_id} is sending, and nothing is left of it"))
        if run.state == "done" and run.unended:
            findings.append(Finding("stuck", f"run {run.run_id} is done, and not all of it is"))
    return findings


_PAYOUTS = text("""
    SELECT its.*, run.state AS run_state, run.halted
    FROM settlement.payouts AS its JOIN settlement.payout_runs AS run USING (book_id, run_id)
    WHERE its.book_id = :book AND its.state NOT IN ('planned', 'left-out') ORDER BY its.payout_id
""")

_BALANCES = text("""
    SELECT account.code, account.currency, sum(moved.amount) AS balance
    FROM ledger.accounts AS account JOIN ledger.movements AS moved USING (book_id, account_id)
    WHERE account.book_id = :book GROUP BY 1, 2
""")

_RAIL_HALTED = text("SELECT FROM settlement.rail_halts WHERE rail = 'stripe' AND ended_at IS NULL LIMIT 1")

_RUNS = text("""
    SELECT run.run_id, run.state,
           count(*) FILTER (WHERE its.state IN ('ready', 'sending', 'unknown')) AS unended
    FROM settlement.payout_runs AS run JOIN settlement.payouts AS its USING (book_id, run_id)
    WHERE run.book_id = :book GROUP BY 1, 2
""")
