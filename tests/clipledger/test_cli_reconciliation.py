"""`clipledger reconcile`, as two people of finance type it."""

import json
from collections.abc import Callable
from pathlib import Path

import pytest
from click.testing import CliRunner, Result
from sqlalchemy import text
from sqlalchemy.engine import make_url
from sqlalchemy.ext.asyncio import AsyncConnection

from clipledger.cli import main
from clipledger.database import DatabaseUrls
from tests.clipledger.test_cli_closing import House, house  # noqa: F401

Run = Callable[..., Result]
LINES = "booked_on,amount,currency,kind,text\n2026-10-29,-3.50,CNY,fee,Account fee\n"
OCTOBER = ("--month", "2026-10")


@pytest.fixture
def run(urls: DatabaseUrls, house: House, tmp_path: Path) -> Run:  # noqa: F811
    plain = make_url(urls.app).set(drivername="postgresql").render_as_string(hide_password=False)
    env = {"DATABASE_URL": plain, "CLIPLEDGER_VAR": str(tmp_path / "var")}

    def invoke(*arguments: str) -> Result:
        return CliRunner(env=env).invoke(main, ["reconcile", *arguments, "--book", house.slug])

    return invoke


@pytest.fixture
def bank_file(tmp_path: Path) -> str:
    path = tmp_path / "october.csv"
    path.write_text(LINES)
    return str(path)


def test_a_month_is_reconciled_by_two_people(house: House, run: Run, bank_file: str) -> None:  # noqa: F811
    sent = run("import", bank_file, "--account", "DE1")
    assert (sent.exit_code, sent.output) == (0, "october.csv: 1 lines, 1 new, 0 parked.\n")
    assert "sent before" in run("import", bank_file, "--account", "DE1").output
    ana, ben = ("--by", house["ana"]), ("--by", house["ben"])
    done = run("run", "--currency", "CNY", *OCTOBER, *ana)
    assert done.exit_code == 0, done.output
    assert "fee-not-booked" in done.output
    told = json.loads(run("run", "--currency", "CNY", *OCTOBER, *ana, "--json").output)
    number, (residual,) = str(told["reconciliation"]["reconciliation_id"]), told["residuals"]
    early = run("submit", number, *ana)
    assert (early.exit_code, "each residual needs a reason" in early.output) == (1, True)
    assert (
        run("residuals", number).output.splitlines()[1].startswith(f"{residual['residual_id']},fee-not-booked,finance")
    )
    posted = run("explain", number, str(residual["residual_id"]), "--reason", "October's fee", "--post", *ana)
    assert "posted as entry" in posted.output
    assert "Everything matches." in run("run", "--currency", "CNY", *OCTOBER, *ana).output
    board = run("board", *OCTOBER)
    assert (board.exit_code, "draft" in board.output) == (1, True)
    assert run("submit", number, *ana).exit_code == 0
    assert "holds no role" in run("sign-off", number, *ana).output
    assert run("sign-off", number, *ben).output == f"Reconciliation {number} is signed.\n"
    assert run("board", *OCTOBER).exit_code == 0

    async def trail(connection: AsyncConnection) -> list[str]:
        query = text("SELECT action FROM clipledger.audit_events WHERE book_id = :book ORDER BY 1")
        return [*await connection.scalars(query, {"book": house.book_id})]

    assert {"bank-file.import", "reconciliation.sign"} <= set(house.transact(trail))


def test_rows_that_cannot_be_read_end_it_with_1(run: Run, bank_file: str) -> None:
    with Path(bank_file).open("a") as file:
        file.write("yesterday,1.00,CNY,,\n")
    done = run("import", bank_file, "--account", "DE1")
    assert (done.exit_code, "1 parked" in done.output, "row 3: must be a day" in done.output) == (1, True, True)


@pytest.mark.parametrize(
    "arguments", [("run", "--currency", "CNY", "--month", "2026-13", "--by", "x"), ("board", "--month", "x")]
)
def test_what_is_no_month_is_refused(run: Run, arguments: tuple[str, ...]) -> None:
    assert run(*arguments).exit_code == 2
