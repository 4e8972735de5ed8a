"""Paying through a bank: a file of credit transfers that a person uploads, and the bank's answer to it.

The file is ISO 20022 pain.001.001.09 and is checked against that schema before anybody gets it. The way of an order:

1. `send` says `Filed` (or why not): nothing has left the house.
2. `make_file` puts all filed orders into one file. The same orders make the same message id, whenever, and on the same
   clock the same bytes, so a bank that gets the file twice refuses the second by its id.
3. A person uploads it. The bank's pain.002 goes into `outcomes`: settled is `Sent`, rejected `Refused`, anything
   between stays `Filed` with the bank's latest word.
4. The account's statement has the last word: `look_up` finds the order's line in it, `status` what has come back.

A file that was made may have been uploaded, whatever anybody remembers: its orders go into another file only after a
refusal, and then under new keys.
"""

import hashlib
from collections.abc import AsyncIterator, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, time
from typing import Final, Literal, Protocol

from settlement.errors import InvalidOrder
from settlement.rails.bank_accounts import BankAccount
from settlement.rails.bank_answers import FileLine, outcomes_in, read_answer
from settlement.rails.bank_lines import BankLine
from settlement.rails.bank_messages import Batch, Transfer, canonical, fits_end_to_end, latin, message_of, validate
from settlement.rails.bank_reasons import words_for
from settlement.rails.protocol import (
    Filed,
    Limits,
    Movement,
    MovementKind,
    Order,
    Outcome,
    RailBalance,
    RailContradicts,
    Refused,
    Sent,
    TransferStatus,
)

_MOST: Final = 10**15 - 1
_MOST_SEPA: Final = 99_999_999_999  # EPC125-05: an amount is 999,999,999.99 euros at most

_KINDS: Final[Mapping[str, MovementKind]] = {
    "transfer": "transfer", "return": "return", "fee": "fee", "receipt": "top-up", "other": "other",
}  # fmt: skip


class BankRecords(Protocol):
    """What has been imported of the bank's statements; the database's side of this rail."""

    async def lines_of(self, end_to_end_id: str) -> Sequence[BankLine]: ...

    def lines(self, since: date, until: date) -> AsyncIterator[BankLine]:
        """Booked from `since` on and before `until`."""
        ...

    async def balances(self) -> Sequence[RailBalance]:
        """Closing balances of the newest statements."""
        ...


@dataclass(frozen=True)
class BankFile:
    """What is uploaded. `totals` are minor units by currency, for the person to compare with the bank's page; `lines`
    are what the bank's answer is read against.
    """

    name: str
    message_id: str
    content: bytes
    sha256: str
    count: int
    totals: Mapping[str, int]
    lines: Sequence[FileLine]


class BankFileRail:
    """`Rail` over our own `accounts` by currency and the `payees` by the name that orders call them."""

    def __init__(
        self, accounts: Mapping[str, BankAccount], payees: Mapping[str, BankAccount], records: BankRecords
    ) -> None:
        self._accounts, self._payees, self._records = accounts, payees, records

    @property
    def name(self) -> str:
        return "bank-file"

    @property
    def answers(self) -> Literal["at-once", "by-file"]:
        return "by-file"

    @property
    def currencies(self) -> frozenset[str]:
        return frozenset(self._accounts)

    def limits(self, currency: str) -> Limits:
        if currency not in self._accounts:
            raise KeyError(currency)
        return Limits(least=1, most=_MOST_SEPA if currency == "EUR" else _MOST)

    def refusal(self, order: Order) -> Refused | None:
        if order.currency not in self._accounts:
            return _ours("currency", f"we have no bank account in {order.currency}")
        if order.amount > self.limits(order.currency).most:
            return _ours("amount", "more than goes into one credit transfer")
        if not fits_end_to_end(order.key):
            return _ours("key", "must be an end-to-end id: 1 to 35 of letters, digits and - . + ' ( ) : ? , /")
        return self._misfit(order, self._payees.get(order.destination))

    def request_hash(self, order: Order) -> str:
        account = self._accounts[order.currency]
        return hashlib.sha256(canonical(account, self._transfer(order))).hexdigest()

    async def send(self, order: Order) -> Outcome:
        return self.refusal(order) or Filed(order.key, "to go into the next file")

    def make_file(self, orders: Iterable[Order], *, created: datetime, execute_on: date) -> BankFile:
        """One file of them all. Raises InvalidOrder if there are none, one is refused, or two have one key.

        Checking it against its schema takes half a millisecond for each order: call it in a thread.
        """
        batches, message_id = self._batched(orders)
        content = message_of(batches, message_id, created.astimezone(UTC), execute_on)
        validate(content)
        return BankFile(
            name=f"{message_id}.xml",
            message_id=message_id,
            content=content,
            sha256=hashlib.sha256(content).hexdigest(),
            count=sum(len(batch.transfers) for batch in batches),
            totals=_totals(batches),
            lines=_lines(batches),
        )

    def outcomes(self, status_file: bytes, orders: Iterable[Order]) -> dict[str, Outcome]:
        """What the bank's answer says of the file's orders, by key; an order that it passes over is left out.

        Give it all orders of the file, whose id is made of them. Raises FileRefused.
        """
        batches, message_id = self._batched(orders)
        return outcomes_in(read_answer(status_file), message_id, _lines(batches))

    async def look_up(self, order: Order) -> Sent | None:
        """By the order's key: an attempt under another key is another transfer to a bank."""
        paid = [line for line in await self._records.lines_of(order.key) if line.kind == "transfer"]
        if not paid:
            return None
        if len(paid) > 1:
            raise RailContradicts(f"the bank has paid {order.key} more than once")
        if (paid[0].amount, paid[0].currency) != (-order.amount, order.currency):
            raise RailContradicts(f"the bank has booked {paid[0].amount} {paid[0].currency} for {order.key}")
        return Sent(order.key, _start_of(paid[0].booked_on))

    async def reverse(self, reference: str, amount: int, currency: str, key: str) -> Outcome:
        """A credit transfer is final; only its payee can give it back."""
        del reference, amount, currency, key
        return Refused("not_reversible", "a bank transfer can't be taken back: ask the payee", "payee", retriable=False)

    async def status(self, reference: str) -> TransferStatus | None:
        lines = await self._records.lines_of(reference)
        paid = [line for line in lines if line.kind == "transfer"]
        if not paid:
            return None
        return TransferStatus(
            reference=reference,
            destination=paid[0].counterparty,
            amount=-sum(line.amount for line in paid),
            reversed=sum(line.amount for line in lines if line.kind == "return"),
            currency=paid[0].currency,
            created=_start_of(paid[0].booked_on),
            group=None,
        )

    async def why_returned(self, reference: str) -> str:
        """In words, of the last return of a payment."""
        codes = [line.return_reason for line in await self._records.lines_of(reference) if line.kind == "return"]
        return words_for(codes[-1]) if codes and codes[-1] else "the bank gives no reason"

    async def balance(self) -> Sequence[RailBalance]:
        return await self._records.balances()

    async def movements(self, since: datetime, until: datetime) -> AsyncIterator[Movement]:
        async for line in self._records.lines(since.date(), until.date()):
            yield Movement(
                id=line.id,
                kind=_KINDS[line.kind],
                kind_there=line.code or line.kind,
                amount=line.amount,
                fee=0,
                net=line.amount,
                currency=line.currency,
                created=_start_of(line.booked_on),
                available_on=line.value_on,
                source=line.end_to_end_id,
                description=line.text,
            )

    def _misfit(self, order: Order, payee: BankAccount | None) -> Refused | None:
        if payee is None:
            return Refused("destination", "the payee has given no bank account", "payee", retriable=True)
        if payee.currency not in (None, order.currency):
            return Refused("currency", f"the payee's account takes {payee.currency} only", "payee", retriable=True)
        if order.currency == "EUR" and payee.sepa and latin(payee.holder) is None:
            return Refused("holder", "the payee's name is needed in Latin letters", "payee", retriable=True)
        return None

    def _transfer(self, order: Order) -> Transfer:
        payee = self._payees[order.destination]
        return Transfer(order.key, order.amount, order.currency, payee, order.description)

    def _batched(self, orders: Iterable[Order]) -> tuple[list[Batch], str]:
        """The orders by currency and scheme, in the order of their keys, and the id of the message they make."""
        transfers: dict[str, Transfer] = {}
        for order in sorted(orders, key=lambda order: order.key):
            refused = self.refusal(order)
            if refused:
                raise InvalidOrder(refused.code, order.key, refused.reason)
            if order.key in transfers:
                raise InvalidOrder("key", order.key, "is in the file twice")
            transfers[order.key] = self._transfer(order)
        if not transfers:
            raise InvalidOrder("orders", None, "a file holds one payment at least")
        return _batches(self._accounts, transfers.values())


def _batches(accounts: Mapping[str, BankAccount], transfers: Iterable[Transfer]) -> tuple[list[Batch], str]:
    by_kind: dict[tuple[str, bool], list[Transfer]] = {}
    digest = hashlib.sha256()
    for transfer in transfers:
        by_kind.setdefault((transfer.currency, transfer.sepa), []).append(transfer)
        digest.update(transfer.key.encode() + b"\0" + canonical(accounts[transfer.currency], transfer) + b"\0")
    message_id = f"CL{digest.hexdigest()[:24].upper()}"
    return [
        Batch(f"{message_id}-{number}", accounts[currency], sepa, tuple(members))
        for number, ((currency, sepa), members) in enumerate(sorted(by_kind.items()), start=1)
    ], message_id


def _totals(batches: Sequence[Batch]) -> dict[str, int]:
    totals: dict[str, int] = {}
    for batch in batches:
        totals[batch.account_currency] = totals.get(batch.account_currency, 0) + batch.total
    return totals


def _lines(batches: Sequence[Batch]) -> tuple[FileLine, ...]:
    return tuple(
        FileLine(transfer.key, batch.id, transfer.amount, transfer.currency)
        for batch in batches
        for transfer in batch.transfers
    )


def _ours(code: str, reason: str) -> Refused:
    return Refused(code, reason, "operator", retriable=False)


def _start_of(day: date) -> datetime:
    return datetime.combine(day, time(), UTC)
