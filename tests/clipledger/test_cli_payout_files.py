"""`clipledger payouts file`, `files`, `status` and `not-paid`."""

import asyncio
import json
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from uuid import uuid4
from xml.etree import ElementTree as Xml

import click
import pytest
from click.testing import CliRunner, Result
from sqlalchemy import insert
from sqlalchemy.engine import make_url
from sqlalchemy.ext.asyncio import AsyncEngine

from clipledger.access import roles
from clipledger.cli.payout_files import COMMANDS
from clipledger.database import DatabaseUrls, create_engine
from clipledger.rails import rails_of
from clipledger.settings import Settings
from ledger import open_book
from ledger.accounts import NewAccount, ensure_accounts
from ledger.entries import Line, NewEntry, post
from licensing import tables
from settlement.closing import Person
from settlement.payouts.accounts import Owner
from settlement.payouts.approving import approve
from settlement.payouts.banks import OwnAccount, open_bank_account, set_own_accounts
from settlement.payouts.runs import draft, submit
from settlement.suspense import book_today
from tests.clipledger.front_door import add_user
from tests.settlement.payouts.bank import OWN, PAYEE
from tests.settlement.rails.bank_stand import answer

PAYING = click.Group("payouts", {str(each.name): each for each in COMMANDS})
RAILS = rails_of(Settings.from_environment({"CLIPLEDGER_PUBLIC_URL": "http://localhost"}))


@dataclass
class Counter:
    """A book with an approved run of one payout in euros."""

    urls: DatabaseUrls
    folder: Path
    slug: str
    run_id: int = 0
    maker: str = ""
    approver: str = ""

    def __call__(self, *arguments: Any) -> Result:
        plain = make_url(self.urls.app).set(drivername="postgresql").render_as_string(hide_password=False)
        env = {"DATABASE_URL": plain, "CLIPLEDGER_VAR": str(self.folder / "var")}
        return CliRunner().invoke(PAYING, [*map(str, arguments), "--book", self.slug], env=env)

    def written(self) -> tuple[Path, str, str]:
        """The only file, its message id and the key of its only payment."""
        (path,) = (self.folder / "out").glob("*.xml")
        said = {each.tag.rpartition("}")[2]: each.text or "" for each in Xml.fromstring(path.read_bytes()).iter()}
        return path, said["MsgId"], said["EndToEndId"]

    def answered(self, *told: tuple[str, str, str | None], message_id: str = "") -> Path:
        path = self.folder / f"answer-{uuid4().hex}.xml"
        path.write_bytes(answer(message_id or self.written()[1], told))
        return path


async def furnish(counter: Counter, engine: AsyncEngine) -> None:
    async with engine.begin() as connection:
        book_id = (await open_book(connection, counter.slug, "A host", "Asia/Shanghai")).book_id
        user_id, counter.approver = await add_user(connection)
        await roles.grant_role(connection, user_id, "approver", counter.slug)
        user_id, counter.maker = await add_user(connection)
        for role in ("finance", "approver"):
            await roles.grant_role(connection, user_id, role, counter.slug)
        row = insert(tables.parties).values(kind="clipper", name="A clipper", registered_by="t")
        party_id = (await connection.execute(row.returning(tables.parties.c.party_id))).scalar_one()
        await set_own_accounts(connection, book_id, [OwnAccount(currency="EUR", account=OWN)], by="t")
        await open_bank_account(connection, Owner(party_id=party_id), PAYEE, "EUR", by="t")
        amounts = {f"liabilities:available:clipper-{party_id}": -5_000, "assets:marketplace:tiktok": 5_000}
        await ensure_accounts(connection, book_id, [NewAccount(code, "EUR") for code in amounts])
        lines = tuple(Line(code, "EUR", amount) for code, amount in amounts.items())
        on = await book_today(connection, book_id)
        earned = NewEntry(idempotency_key="e", effective_on=on, description="x", lines=lines)
        await post(connection, book_id, earned)
    async with engine.begin() as connection:
        run = await draft(connection, book_id, "bank-file", "available", by=Person(1, "user:1"))
        await submit(connection, book_id, run.run_id, Person(1, "user:1"))
    async with engine.begin() as connection:
        rail = await RAILS.of(connection, book_id, "bank-file")
        await approve(connection, book_id, run.run_id, Person(2, "user:2"), rail, datetime.now(UTC))
    counter.run_id = run.run_id


def in_loop(urls: DatabaseUrls, do: Callable[[AsyncEngine], Awaitable[None]]) -> None:
    async def done() -> None:
        engine = create_engine(urls.app)
        try:
            await do(engine)
        finally:
            await engine.dispose()

    asyncio.run(done())


@pytest.fixture
def counter(urls: DatabaseUrls, tmp_path: Path) -> Counter:
    made = Counter(urls, tmp_path, f"book-{uuid4().hex}")
    in_loop(urls, lambda engine: furnish(made, engine))
    return made


def test_a_file_is_written_listed_and_written_again(counter: Counter) -> None:
    out = counter.folder / "out"
    made = counter("file", counter.run_id, "--to", out, "--by", counter.maker)
    assert made.exit_code == 0, made.output
    path, message_id, _ = counter.written()
    assert (path.stem, path.stat().st_mode & 0o077) == (message_id, 0), "for its owner's eyes alone"
    assert "1 payments, 50.00 EUR" in made.stdout
    first = path.read_bytes()
    path.unlink()
    again = counter("file", counter.run_id, "--to", out, "--again")
    assert (again.exit_code, counter.written()[0].read_bytes()) == (0, first)
    nothing = counter("file", counter.run_id, "--to", out, "--by", counter.maker)
    assert (nothing.exit_code, len(nothing.stderr.splitlines())) == (1, 1)
    listed = counter("files", counter.run_id)
    assert all(said in listed.stdout for said in (message_id, "50.00 EUR", "1 nothing"))


def test_a_file_is_made_by_a_person_who_may(counter: Counter) -> None:
    out = ("--to", counter.folder / "out")
    assert "--by" in counter("file", counter.run_id, *out).stderr
    assert "may make files" in counter("file", counter.run_id, *out, "--by", counter.approver).stderr
    assert "The run has no file." in counter("file", counter.run_id, *out, "--again").stdout


def test_an_answer_finds_its_file_and_says_by_its_exit_whether_all_is_well(counter: Counter) -> None:
    counter("file", counter.run_id, "--to", counter.folder / "out", "--by", counter.maker)
    _, _, key = counter.written()
    good = counter("status", counter.answered((key, "ACSP", None)))
    assert (good.exit_code, "1 pending" in good.stdout) == (0, True), good.output
    path = counter.answered((key, "RJCT", "AC04"))
    bad = counter("status", path, "--json")
    assert (bad.exit_code, json.loads(bad.stdout)["outcome"]) == (1, {"rejected": 1})
    assert "It was taken before." in counter("status", path).stdout
    strange = counter("status", counter.answered((key, "ACSP", None), message_id="CLSTRANGE"))
    assert (strange.exit_code, "CLSTRANGE" in strange.stderr) == (1, True)
    assert "The run has no file." in counter("file", counter.run_id, "--to", counter.folder, "--again").stdout


def test_an_approver_says_that_a_file_never_got_there(counter: Counter) -> None:
    made = counter("file", counter.run_id, "--to", counter.folder / "out", "--by", counter.maker, "--json")
    number = json.loads(made.stdout)[0]["file_id"]
    own = counter("not-paid", number, "--reason", "It was lost", "--by", counter.maker)
    assert (own.exit_code, "another person" in own.stderr) == (1, True), "who made it may have given it to the bank"
    said = ("--reason", "It was lost", "--by", counter.approver)
    closed = counter("not-paid", number, *said)
    assert (closed.exit_code, "1 not-paid" in closed.stdout) == (0, True), closed.output
    assert counter("not-paid", number, *said).exit_code == 1
