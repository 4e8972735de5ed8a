"""What comes from outside: a bank's files and Stripe's movements, each line once, of the book that it is of."""

from datetime import UTC, date, datetime
from typing import Any

import pytest
from sqlalchemy import text

from clipledger.stripe_sandbox import API_KEY, Sandbox
from clipledger.stripe_sandbox.in_process import SandboxTransport
from media.places import Place
from settlement.errors import EmptyFile, FileRefused, MissingColumn, UnreadableFile
from settlement.payouts.payouts import group_of
from settlement.rails.protocol import Movement, Order, Sent
from settlement.rails.stripe_client import stripe_client
from settlement.rails.stripe_rail import StripeRail
from settlement.reconciliation.bank_files import list_faults, list_files
from settlement.reconciliation.bank_records import ImportedBankLines
from settlement.reconciliation.errors import InvalidBankFile, InvalidReconciliation, WrongReconciliationStep
from settlement.reconciliation.outside import OutsideLine, list_lines
from settlement.reconciliation.rail_lines import PlatformLine, RailImport, assign, import_movements, list_platform_lines
from tests.licensing.house import NewHost
from tests.settlement.rails.bank_stand import Bank
from tests.settlement.reconciliation.office import Office, moved, only

GOOD = b"booked_on,amount,currency,end_to_end_id\n2026-10-05,-12.50,CNY,clp-1-1-1\n2026-10-06,3.00,CNY,\n"
BAD = b"booked_on,amount,currency\n2026-10-05,12.50,CNY\nyesterday,1.00,CNY\n2026-10-06,1.005,CNY\n2026-10-07,1\n"


async def lines_of(office: Office) -> list[OutsideLine]:
    """As they came."""
    async with office.engine.connect() as connection:
        return [*reversed(await list_lines(connection, office.book_id))]


# Bank files -------------------------------------------------------------------------------------------------


async def test_a_file_is_kept_whole_and_its_lines_once(office: Office) -> None:
    kept = await office.send(GOOD)
    assert (kept.lines, kept.new_lines, kept.parked, kept.format, kept.size) == (2, 2, 0, "csv", len(GOOD))
    assert (await office.send(GOOD)).file_id == kept.file_id
    place = Place("object", f"bank-files/{office.book_id}/{kept.sha256}")
    async with office.storage.local(place) as path:
        assert path.read_bytes() == GOOD
    longer = await office.send(GOOD + b"2026-10-07,-1.00,CNY,\n")
    assert (longer.lines, longer.new_lines) == (3, 1)
    assert [(its.amount, its.reference, its.kind) for its in await lines_of(office)] == [
        (-1250, "clp-1-1-1", "transfer"), (300, "", "receipt"), (-100, "", "other"),
    ]  # fmt: skip
    async with office.engine.connect() as connection:
        assert await list_files(connection, office.book_id) == [longer, kept]


async def test_another_hosts_same_file_is_its_own(office: Office, new_host: NewHost) -> None:
    other = Office(office.engine, office.storage, await new_host())
    assert (await office.send(GOOD)).new_lines == (await other.send(GOOD)).new_lines == 2
    assert len(await lines_of(other)) == 2


async def test_rows_that_cannot_be_read_are_parked_with_the_rule(office: Office) -> None:
    kept = await office.send(BAD)
    assert (kept.lines, kept.parked) == (1, 3)
    async with office.engine.connect() as connection:
        faults = await list_faults(connection, office.book_id, kept.file_id)
    assert [(its.row_no, its.raw) for its in faults] == [
        (5, ["2026-10-07", "1"]), (4, ["2026-10-06", "1.005", "CNY"]), (3, ["yesterday", "1.00", "CNY"]),
    ]  # fmt: skip
    assert faults[-1].rule == "must be a day such as 2026-10-31"
    mended = await office.send(BAD.replace(b"yesterday", b"2026-10-08"))
    assert (mended.new_lines, mended.parked) == (1, 2)


@pytest.mark.parametrize(
    ("content", "refusal"),
    [
        (b"", EmptyFile),
        (b"booked_on,amount\n2026-10-05,1\n", MissingColumn),
        (b"\xff\xfe\x00", UnreadableFile),
        (b"<Document/>", FileRefused),
        (b"<!DOCTYPE x [<!ENTITY a SYSTEM 'file:///etc/passwd'>]><x>&a;</x>", FileRefused),
        (GOOD.replace(b"clp-1-1-1", b"a\0b"), FileRefused),
    ],
)
async def test_what_is_no_bank_file_is_refused_and_not_kept(
    office: Office, content: bytes, refusal: type[Exception]
) -> None:
    if refusal is FileRefused and b"\0" in content:
        assert (await office.send(content)).parked == 1
        return
    with pytest.raises(refusal):
        await office.send(content)
    async with office.engine.connect() as connection:
        assert await list_files(connection, office.book_id) == []


@pytest.mark.parametrize("account", [None, "", " ", "x" * 101, "a\0"])
async def test_a_csv_needs_the_account_that_it_is_of(office: Office, account: str | None) -> None:
    with pytest.raises(InvalidBankFile):
        await office.send(GOOD, account=account)


async def test_a_banks_statement_is_read_and_is_what_the_rail_asks_for(office: Office) -> None:
    bank = Bank()
    bank.entries.append((-5_000, "Ana", "clp-1-1-1", False))
    bank.give_back("clp-1-1-1", 5_000)
    kept = await office.send(bank.statement(), account=None)
    assert (kept.format, kept.lines, [its.closing for its in kept.statements]) == ("camt.053", 3, [1_000_000])
    records = ImportedBankLines(office.engine, office.book_id)
    assert [(its.kind, its.amount) for its in await records.lines_of("clp-1-1-1")] == [
        ("transfer", -5_000), ("return", 5_000),
    ]  # fmt: skip
    assert [(its.currency, its.available) for its in await records.balances()] == [("EUR", 1_000_000)]
    assert len([its async for its in records.lines(date(2000, 1, 1), date(2100, 1, 1))]) == 3
    assert [its async for its in records.lines(date(2000, 1, 1), date(2000, 1, 2))] == []
    desk = await office.run(currency="EUR", month=kept.statements[0].closing_on.replace(day=1))  # type: ignore[union-attr]
    assert only(await desk.residuals(), "returned-payment-not-booked").owner == "payee"


# Stripe -----------------------------------------------------------------------------------------------------


class Books:
    """A rail that tells of these movements, and of nothing else when asked."""

    def __init__(self, *movements: Movement) -> None:
        self.movements_ = movements

    async def movements(self, since: datetime, until: datetime) -> Any:
        for each in self.movements_:
            if since <= each.created < until:
                yield each

    async def status(self, reference: str) -> None:
        return None


NOON = datetime(2026, 10, 5, 18, tzinfo=UTC)
"""The 6th by the book's calendar, Asia/Shanghai."""


def movement(name: str, amount: int = 100, kind: Any = "top-up", **told: Any) -> Movement:
    usual: dict[str, Any] = {"kind_there": kind, "fee": 0, "currency": "USD", "created": NOON, "source": None}
    usual |= {"available_on": NOON.date(), "description": "", **told}
    return Movement(id=name, kind=kind, amount=amount, net=amount - usual["fee"], **usual)


async def imported(office: Office, *movements: Movement) -> RailImport:
    return await import_movements(office.engine, Books(*movements), since=datetime(2026, 1, 1, tzinfo=UTC))  # type: ignore[arg-type]


async def platforms(office: Office, prefix: str) -> list[PlatformLine]:
    async with office.engine.connect() as connection:
        return [its for its in await list_platform_lines(connection, limit=1000) if its.external_id.startswith(prefix)]


async def test_a_movement_is_of_the_book_that_its_group_names(office: Office, new_host: NewHost) -> None:
    other = Office(office.engine, office.storage, await new_host())
    name = f"txn_{office.book_id}"
    told = (
        movement(f"{name}_1", -500, "transfer", source=f"tr_{name}", group=f"clp-{office.book_id}-1"),
        movement(f"{name}_2", 900, group=f"clp-{other.book_id}"),
        movement(f"{name}_3", 700, description=f"For clp-{office.book_id}, October"),
        movement(f"{name}_4", 50, description="For nobody"),
        movement(f"{name}_5", 60, group="clp-999999999"),
        movement(f"{name}_6", -30, "other", kind_there="adjustment", description="Chargeback withdrawal for ch_1",
                 group=f"clp-{office.book_id}-1"),
        movement(f"{name}_7", 1000, "charge", fee=29, group=f"clp-{office.book_id}"),
    )  # fmt: skip
    assert await imported(office, *told) == RailImport(of_books=6, of_platform=2)
    assert await imported(office, *reversed(told)) == RailImport(of_books=0, of_platform=0)
    assert sorted((its.kind, its.amount) for its in await lines_of(office)) == [
        ("charge", 1000), ("chargeback", -30), ("fee", -29), ("top-up", 700), ("transfer", -500),
    ]  # fmt: skip
    assert {its.booked_on for its in await lines_of(office)} == {date(2026, 10, 6)}
    assert [its.amount for its in await lines_of(other)] == [900]
    assert [its.amount for its in await platforms(office, name)] == [60, 50]


async def test_an_operator_says_once_whose_a_line_is(office: Office) -> None:
    name = f"txn_{office.book_id}_a"
    await imported(office, movement(f"{name}1", 50, description="For nobody"))
    (its,) = await platforms(office, name)
    async with office.engine.begin() as connection:
        with pytest.raises(InvalidReconciliation):
            await assign(connection, its.line_id, office.book_id, "user:9", " ")
        said = await assign(connection, its.line_id, office.book_id, "user:9", "Lili's own transfer")
    assert (said.book_id, said.assigned_by) == (office.book_id, "user:9")
    async with office.engine.begin() as connection:
        with pytest.raises(WrongReconciliationStep):
            await assign(connection, its.line_id, office.book_id, "user:9", "Again")
    desk = await office.run("assets:stripe", "USD")
    assert await desk.kinds() == [("top-up-not-booked", -50)]
    assert await imported(office, movement(f"{name}1", 50, description="For nobody")) == RailImport(0, 0)


async def test_what_the_sandbox_moved_is_found_by_stripes_own_sdk(office: Office) -> None:
    sandbox = Sandbox(clock=lambda: datetime.now(UTC).timestamp(), seed=office.book_id)
    sandbox.fund(1_000_000)
    rail = StripeRail(stripe_client(API_KEY, transport=SandboxTransport(sandbox)))
    group = group_of(office.book_id, 1)
    sent = await rail.send(Order(f"{group}-1", group, sandbox.new_account(), 12_345, "USD", "A payout"))
    assert isinstance(sent, Sent)
    sandbox.reverse_transfer(sent.reference)
    await import_movements(
        office.engine, rail, clock=lambda: datetime.fromtimestamp(datetime.now(UTC).timestamp() + 5, UTC)
    )
    found = [(its.kind, its.amount, its.reference) for its in await lines_of(office)]
    assert sorted(found) == [("return", 12_345, sent.reference), ("transfer", -12_345, sent.reference)]


async def test_two_files_at_once_keep_each_line_once(office: Office) -> None:
    await office.hear(moved(5), moved(6))
    await office.hear(moved(6), moved(5), moved(7))
    async with office.engine.connect() as connection:
        query = text("SELECT array_agg(amount ORDER BY amount) FROM settlement.external_lines WHERE book_id = :book")
        assert (await connection.scalar(query, {"book": office.book_id})) == [5, 6, 7]
