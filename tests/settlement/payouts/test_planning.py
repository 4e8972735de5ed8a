"""Planning and approving: what a run pays by statements, what it takes to approve it, and what changes it meanwhile."""

import asyncio
from collections.abc import Mapping
from datetime import date, timedelta
from typing import Any

import msgspec
import pytest
from sqlalchemy import insert, update

from ledger.periods import lock_period
from settlement import adjustments
from settlement.adjustments import Proposed
from settlement.errors import MoreThanRecoverable
from settlement.exceptions import open_matters
from settlement.payouts.approving import approve
from settlement.payouts.errors import NothingToPay, RunOpen, RunOutdated, WrongRunStep
from settlement.payouts.lifecycle import Amounts
from settlement.payouts.observing import funds_came
from settlement.payouts.planning import Planned, plan
from settlement.payouts.recording import lock_payouts
from settlement.payouts.runs import Run, cancel, draft, give_back, plan_again, submit
from settlement.payouts.steps import cancel as cancel_payouts
from settlement.payouts.steps import come_back, confirm
from settlement.payouts.tables import payout_accounts
from settlement.rails.protocol import Unfunded
from settlement.statements.drafting import draft_statements
from settlement.statements.opening import LineWithholding, open_line
from settlement.suspense import book_today
from settlement.tables import closings
from settlement.tax_rules import add_rule, set_profile
from settlement.withholding import Bracket, Brackets, Exempt, Flat, Rule
from tests.licensing.house import TERMS, Clipper, NewClipper, NewGrant
from tests.settlement.books import OCTOBER, Closer
from tests.settlement.payouts.purse import ANA, BEN, Purse
from tests.settlement.till import Till

SEPTEMBER = date(2026, 9, 1)
LONG_AGO = date(2019, 1, 1)


@pytest.fixture
def closer(purse: Purse) -> Closer:
    return Closer(Till(purse.engine, purse.host))


def party(clipper: Clipper) -> str:
    return f"clipper-{clipper.clipper_id}"


async def earn(closer: Closer, whose: Clipper, amount: int, on: date = OCTOBER, currency: str = "CNY") -> None:
    """Make so much more available on a day, or less."""
    lines = {"assets:stripe": amount, f"liabilities:available:{party(whose)}": -amount}
    await closer.post(on, "A test's", lines, currency)


async def planned(purse: Purse, basis: Any = "available", on: date | None = None) -> Mapping[tuple[str, str], Planned]:
    async with purse.engine.connect() as connection:
        day = on or await book_today(connection, purse.book_id)
        found = await plan(connection, purse.book_id, "stripe", basis, day)
    return {(each.party, each.currency): each for each in found}


async def taken(purse: Purse, basis: Any = "statement", on: date | None = None) -> dict[str, int]:
    return {whose: each.amounts.taken for (whose, _), each in (await planned(purse, basis, on)).items()}


async def drafted(purse: Purse, basis: Any = "statement") -> Run:
    async with purse.engine.begin() as connection:
        return await draft(connection, purse.book_id, "stripe", basis, by=ANA)


async def submitted(purse: Purse, basis: Any = "statement") -> int:
    run = await drafted(purse, basis)
    async with purse.engine.begin() as connection:
        await submit(connection, purse.book_id, run.run_id, ANA)
    return run.run_id


async def approved(purse: Purse, run_id: int) -> None:
    async with purse.engine.begin() as connection:
        await approve(connection, purse.book_id, run_id, BEN, purse.rail, purse.clock())


async def rule(purse: Purse, whose: Clipper, its: Rule, code: str = "tax") -> None:
    async with purse.engine.begin() as connection:
        await add_rule(connection, purse.book_id, "user:1", code, LONG_AGO, its)
        await set_profile(connection, purse.book_id, "user:1", party(whose), code, LONG_AGO, "As the law says.")


@pytest.fixture
async def payee(purse: Purse, new_grant: NewGrant) -> Clipper:
    """With an account, and a grant under terms that pay out from 5.00 on."""
    clipper = (await new_grant(purse.host, terms=msgspec.structs.replace(TERMS, minimum_payout=500))).clipper
    await purse.account(clipper, currencies=("CNY", "USD"))
    return clipper


# By statements ------------------------------------------------------------------------------------------------


async def test_by_statements_nothing_is_paid_before_one_is_issued(purse: Purse, closer: Closer, payee: Clipper) -> None:
    await earn(closer, payee, 10_000)
    await closer.draft()
    await closer.submit()
    with pytest.raises(NothingToPay):
        await drafted(purse)
    assert await taken(purse, "available") == {party(payee): 10_000}


async def test_by_statements_what_came_since_waits_for_the_next(purse: Purse, closer: Closer, payee: Clipper) -> None:
    await earn(closer, payee, 10_000)
    await closer.close()
    await purse.owe(party(payee), 4_000)
    assert await taken(purse) == {party(payee): 10_000}
    await approved(purse, await submitted(purse))
    with pytest.raises(NothingToPay):
        await drafted(purse)
    assert await taken(purse, "available") == {party(payee): 4_000}


async def test_by_statements_no_more_is_paid_than_is_there_still(purse: Purse, closer: Closer, payee: Clipper) -> None:
    await earn(closer, payee, 10_000)
    await closer.close()
    await purse.owe(party(payee), -3_000)
    assert await taken(purse) == {party(payee): 7_000}


@pytest.mark.parametrize("whole", [True, False])
async def test_by_statements_what_was_not_paid_in_the_end_is_paid_again(
    purse: Purse, closer: Closer, payee: Clipper, whole: bool
) -> None:
    await earn(closer, payee, 10_000)
    await closer.close()
    await approved(purse, await submitted(purse))
    (its,) = await purse.payouts()
    if whole:
        async with purse.engine.begin() as connection:
            await cancel_payouts(connection, purse.book_id, [its.payout_id], "user:1", "By mistake", purse.clock())
    else:
        await come(purse, its.payout_id, 4_000)
    assert await taken(purse) == {party(payee): 10_000 if whole else 4_000}


async def test_by_statements_each_party_is_paid_by_its_last_one(
    purse: Purse, closer: Closer, payee: Clipper, new_grant: NewGrant
) -> None:
    other = (await new_grant(purse.host)).clipper
    await purse.account(other)
    await earn(closer, payee, 10_000, SEPTEMBER)
    await earn(closer, other, 3_000, SEPTEMBER)
    await earn(closer, other, 2_000, OCTOBER)
    await closer.close(SEPTEMBER)
    assert await taken(purse) == {party(payee): 10_000, party(other): 3_000}
    await closer.close(OCTOBER)
    assert await taken(purse) == {party(payee): 10_000, party(other): 5_000}
    await approved(purse, await submitted(purse))
    assert await taken(purse) == {}


async def test_by_statements_what_is_kept_back_is_a_part_of_what_is_paid(
    purse: Purse, closer: Closer, new_grant: NewGrant
) -> None:
    whose = (await new_grant(purse.host, terms=msgspec.structs.replace(TERMS, recovery_cap="50%"))).clipper
    await purse.account(whose)
    await earn(closer, whose, 10_000)
    await closer.close()
    await purse.owe(party(whose), 4_000, recoverable=20_000)
    amounts = (await planned(purse, "statement"))[party(whose), "CNY"].amounts
    assert (amounts.taken, amounts.recovery, amounts.amount) == (10_000, 5_000, 5_000)


async def test_what_was_drafted_and_never_issued_is_not_paid_by(
    purse: Purse, closer: Closer, payee: Clipper, new_grant: NewGrant
) -> None:
    other = (await new_grant(purse.host)).clipper
    await purse.account(other)
    await earn(closer, payee, 10_000, SEPTEMBER)
    async with purse.engine.begin() as connection:
        await lock_period(connection, purse.book_id, SEPTEMBER, locked_by="user:1")
    await closer.draft(SEPTEMBER)
    await earn(closer, other, 3_000, OCTOBER)
    await closer.close()
    assert await taken(purse) == {party(other): 3_000}


async def test_what_a_reopened_month_said_is_not_paid(purse: Purse, closer: Closer, payee: Clipper) -> None:
    await earn(closer, payee, 6_000, SEPTEMBER)
    await closer.close(SEPTEMBER)
    await earn(closer, payee, 4_000, OCTOBER)
    await closer.close()
    run_id = await submitted(purse)
    await closer.ask_reopening()
    assert await taken(purse) == {party(payee): 10_000}
    await closer.reopen()
    assert await taken(purse) == {party(payee): 6_000}
    with pytest.raises(RunOutdated):
        await approved(purse, run_id)

    await earn(closer, payee, -1_000, OCTOBER)
    await earn(closer, payee, 5_000, date(2026, 11, 2))
    await closer.close()
    assert await taken(purse) == {party(payee): 9_000}
    with pytest.raises(RunOutdated):
        await approved(purse, run_id)
    async with purse.engine.begin() as connection:
        await give_back(connection, purse.book_id, run_id, BEN, reason="October was reopened")
    async with purse.engine.begin() as connection:
        await plan_again(connection, purse.book_id, run_id, ANA)
        await submit(connection, purse.book_id, run_id, ANA)
    await approved(purse, run_id)
    assert [(each.taken, each.state) for each in await purse.payouts()] == [(9_000, "ready")]


# Approving ----------------------------------------------------------------------------------------------------


async def test_less_than_was_planned_is_not_approved_and_more_is_left(
    purse: Purse, closer: Closer, payee: Clipper
) -> None:
    await purse.owe(party(payee), 10_000)
    run_id = await submitted(purse, "available")
    await purse.owe(party(payee), 1)
    await purse.owe(party(payee), -2)
    with pytest.raises(RunOutdated):
        await approved(purse, run_id)
    await purse.owe(party(payee), 101)
    await approved(purse, run_id)
    assert (await purse.balances())[f"liabilities:available:{party(payee)}"] == -100
    assert (await purse.payout()).amount == 10_000


@pytest.mark.parametrize("change", ["destination", "state", "tax", "debt"])
async def test_what_has_changed_since_it_was_planned_is_not_approved(purse: Purse, payee: Clipper, change: str) -> None:
    await purse.owe(party(payee), 10_000)
    run_id = await submitted(purse, "available")
    if change == "tax":
        await rule(purse, payee, Flat(authority="irs", rate="24%"))
    elif change == "debt":
        await purse.owe(party(payee), 100, recoverable=100)
    else:
        its = payout_accounts.c.party_id == payee.clipper_id
        state = "blocked" if change == "state" else "closed"
        async with purse.engine.begin() as connection:
            await connection.execute(update(payout_accounts).where(its).values(state=state))
        if change == "destination":
            await purse.account(payee)
    with pytest.raises(RunOutdated):
        await approved(purse, run_id)
    assert (await purse.payout()).state == "planned"


async def test_a_debt_is_not_written_off_while_a_payout_recovers_it(purse: Purse, payee: Clipper) -> None:
    await purse.owe(party(payee), 10_000, recoverable=1_000)
    run_id = await submitted(purse, "available")
    asked = Proposed(
        kind="write-off", party=party(payee), currency="CNY", amount=1_000, against="book", reason="She can't"
    )
    async with purse.engine.begin() as connection:
        number = (await adjustments.propose(connection, purse.book_id, ANA, asked)).adjustment_id
    async with purse.engine.begin() as first, purse.engine.begin() as second:
        await approve(first, purse.book_id, run_id, BEN, purse.rail, purse.clock())
        waits = asyncio.ensure_future(adjustments.approve(second, purse.book_id, number, BEN))
        await asyncio.sleep(0.3)
        await first.commit()
        with pytest.raises(MoreThanRecoverable):
            await waits
    assert f"assets:recoverable:{party(payee)}" not in await purse.balances()


async def test_a_run_is_planned_while_no_other_is(purse: Purse, payee: Clipper) -> None:
    await purse.owe(party(payee), 10_000)
    run_id = await submitted(purse, "available")
    with pytest.raises(RunOpen):
        await drafted(purse, "available")
    async with purse.engine.begin() as connection:
        await cancel(connection, purse.book_id, run_id, BEN, reason="Not today")
    assert await purse.payouts() == []
    await approved(purse, await submitted(purse, "available"))
    await purse.owe(party(payee), 1_000)
    assert (await drafted(purse, "available")).state == "draft"  # while the first is being sent


async def test_an_approved_run_is_not_approved_or_cancelled_again(purse: Purse, payee: Clipper) -> None:
    await purse.owe(party(payee), 10_000)
    run_id = await submitted(purse, "available")
    await approved(purse, run_id)
    with pytest.raises(WrongRunStep):
        await approved(purse, run_id)
    with pytest.raises(WrongRunStep):
        async with purse.engine.begin() as connection:
            await cancel(connection, purse.book_id, run_id, BEN, reason="Too late")
    assert (await purse.balances())[f"liabilities:paying:{party(payee)}"] == -10_000


# Who is left out ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("amount", "code"), [(499, "below-minimum"), (500, None)])
async def test_less_than_the_terms_minimum_is_left_out(
    purse: Purse, payee: Clipper, amount: int, code: str | None
) -> None:
    await purse.owe(party(payee), amount)
    assert (await planned(purse))[party(payee), "CNY"].code == code


async def test_whoever_cannot_be_paid_is_left_out_and_told_why(
    purse: Purse, payee: Clipper, new_clipper: NewClipper
) -> None:
    nowhere, pending, foreign, taxed = [await new_clipper() for _ in range(4)]
    await purse.account(pending, "pending")
    await purse.account(foreign, currencies=("USD",))
    await purse.account(taxed, currencies=("CNY", "USD"))
    for each in (payee, nowhere, pending, foreign):
        await purse.owe(party(each), 10_000)
    await purse.owe("host", 10_000)
    found = {whose: (each.code, each.fixed_by) for (whose, _), each in (await planned(purse)).items()}
    assert found == {
        party(payee): (None, None),
        party(nowhere): ("no-account", "payee"),
        party(pending): ("account", "payee"),
        party(foreign): ("currency", "payee"),
        "host": ("no-account", "payee"),
    }


async def test_a_rule_in_another_currency_keeps_a_payment_back(purse: Purse, payee: Clipper) -> None:
    brackets = Brackets(authority="cn", currency="CNY", period="month", brackets=(Bracket(rate="20%"),))
    await rule(purse, payee, brackets)
    await purse.owe(party(payee), 10_000)
    await purse.owe(party(payee), 10_000, "USD")
    found = await planned(purse)
    assert [found[party(payee), currency].code for currency in ("CNY", "USD")] == [None, "tax"]
    assert found[party(payee), "CNY"].amounts.amount == 8_000


# Tax of payouts -----------------------------------------------------------------------------------------------


async def sent(purse: Purse) -> int:
    """Everything available is paid, and arrives; the newest payout."""
    await approved(purse, await submitted(purse, "available"))
    await purse.send()
    its = (await purse.payouts())[-1]
    async with purse.engine.begin() as connection:
        await confirm(connection, purse.book_id, [its.payout_id], purse.clock())
    return its.payout_id


async def come(purse: Purse, payout_id: int, returned: int) -> None:
    await purse.send()
    async with purse.engine.begin() as connection:
        await confirm(connection, purse.book_id, [payout_id], purse.clock())
    async with purse.engine.begin() as connection:
        await come_back(connection, purse.book_id, payout_id, returned, "closed", purse.clock())


async def behind(purse: Purse, whose: Clipper) -> dict[str, list[LineWithholding]]:
    """What was withheld, as it stands behind the lines of the party's statement of this month, by their kinds."""
    month = (await closing_day(purse)).replace(day=1)
    async with purse.engine.begin() as connection:
        await connection.execute(insert(closings).values(book_id=purse.book_id, month=month))
        await draft_statements(connection, purse.book_id, month)
    whole = await Closer(Till(purse.engine, purse.host)).statement(party(whose), month)
    async with purse.engine.connect() as connection:
        found: dict[str, list[LineWithholding]] = {}
        for line in whole.lines:
            opened = await open_line(connection, purse.book_id, whole.statement, line.line_no)
            found.setdefault(line.kind, []).extend(opened.withholdings)
        return found


async def closing_day(purse: Purse) -> date:
    async with purse.engine.connect() as connection:
        return await book_today(connection, purse.book_id)


async def test_what_was_withheld_of_a_payout_stands_behind_its_line(purse: Purse, payee: Clipper) -> None:
    await rule(purse, payee, Flat(authority="irs", rate="24%"))
    await purse.owe(party(payee), 10_000)
    await sent(purse)
    lines = await behind(purse, payee)
    (its,) = lines["withholding"]
    assert (its.gross, its.withheld, its.authority) == (10_000, 2_400, "irs")
    assert lines["payout"] == []


@pytest.mark.parametrize("exempt", [True, False])
async def test_a_payout_of_which_nothing_was_withheld_tells_why_if_there_is_a_rule(
    purse: Purse, payee: Clipper, exempt: bool
) -> None:
    if exempt:
        await rule(purse, payee, Exempt(authority="irs", basis="Form W-9 received"))
    await purse.owe(party(payee), 10_000)
    await sent(purse)
    assert [each.steps for each in (await behind(purse, payee))["payout"]] == (
        [["nothing is withheld: Form W-9 received"]] if exempt else []
    )


async def test_payouts_of_a_month_are_taxed_together_and_what_came_back_counts_no_longer(
    purse: Purse, payee: Clipper
) -> None:
    brackets = (Bracket(up_to=10_000, rate="10%"), Bracket(rate="20%", quick_deduction=1_000))
    await rule(purse, payee, Brackets(authority="cn", currency="CNY", period="month", brackets=brackets))
    whose = party(payee)
    await purse.owe(whose, 10_000)
    first = await sent(purse)
    await purse.owe(whose, 10_000)
    assert (await planned(purse))[whose, "CNY"].amounts.withheld == 2_000
    await come(purse, first, 9_000)
    amounts = (await planned(purse))[whose, "CNY"].amounts
    assert (amounts.taken, amounts.withheld) == (20_000, 3_000)


async def test_what_came_back_in_part_is_not_taxed_again_when_it_is_paid_again(purse: Purse, payee: Clipper) -> None:
    """100.00 is paid less 24 %, as 76.00; of that 19.00 comes back, and is paid again with 10.00 that was earned."""
    await rule(purse, payee, Flat(authority="irs", rate="24%"))
    await purse.owe(party(payee), 10_000)
    await come(purse, await sent(purse), 1_900)
    again = (await planned(purse))[party(payee), "CNY"]
    assert (again.amounts.taken, again.amounts.withheld, again.amounts.amount) == (1_900, 0, 1_900)
    assert again.withheld.steps == ("19.00 CNY of it was taxed when it was first paid, and came back",)

    await purse.owe(party(payee), 1_000)
    more = (await planned(purse))[party(payee), "CNY"]
    assert (more.withheld.gross, more.withheld.taxed_before, more.withheld.withheld) == (2_900, 1_900, 240)
    await sent(purse)
    await purse.owe(party(payee), 1_000)
    assert (await planned(purse))[party(payee), "CNY"].amounts.withheld == 240, "what came back counts once"
    assert (await purse.balances())["liabilities:withheld:irs"] == -2_640, "24 % of 110.00"


async def test_what_came_back_in_part_counts_once_for_the_tax_of_a_month(purse: Purse, payee: Clipper) -> None:
    """100.00 at 10 %, of which 20.00 comes back; then 50.00 more: 150.00 are taxed in all, 20 % less 10.00 = 20.00."""
    brackets = (Bracket(up_to=10_000, rate="10%"), Bracket(rate="20%", quick_deduction=1_000))
    await rule(purse, payee, Brackets(authority="cn", currency="CNY", period="month", brackets=brackets))
    await purse.owe(party(payee), 10_000)
    await come(purse, await sent(purse), 2_000)
    await purse.owe(party(payee), 5_000)
    amounts = (await planned(purse))[party(payee), "CNY"].amounts
    assert (amounts.taken, amounts.withheld) == (7_000, 1_000)
    await sent(purse)
    assert (await purse.balances())["liabilities:withheld:cn"] == -2_000


@pytest.mark.parametrize("exempt", [True, False])
async def test_what_came_back_of_a_payment_that_nobody_taxed_is_taxed_when_it_is_paid_again(
    purse: Purse, payee: Clipper, exempt: bool
) -> None:
    """100.00 is paid untaxed, 40.00 of it comes back; from then on 24 % are withheld: 9.60."""
    if exempt:
        await rule(purse, payee, Exempt(authority="irs", basis="Form W-9 received"), "w9")
    await purse.owe(party(payee), 10_000)
    await come(purse, await sent(purse), 4_000)
    await rule(purse, payee, Flat(authority="irs", rate="24%"), "backup")
    again = (await planned(purse))[party(payee), "CNY"]
    assert (again.withheld.taxed_before, again.amounts.withheld) == (0, 960)
    await sent(purse)
    assert (await purse.balances())["liabilities:withheld:irs"] == -960


async def test_what_came_back_untaxed_counts_once_for_the_tax_of_a_month(purse: Purse, payee: Clipper) -> None:
    """100.00 is paid untaxed, 40.00 of it comes back; then brackets take the month together: 10 % of 100.00."""
    await purse.owe(party(payee), 10_000)
    await come(purse, await sent(purse), 4_000)
    brackets = (Bracket(up_to=10_000, rate="10%"), Bracket(rate="20%", quick_deduction=1_000))
    await rule(purse, payee, Brackets(authority="cn", currency="CNY", period="month", brackets=brackets))
    amounts = (await planned(purse))[party(payee), "CNY"].amounts
    assert (amounts.taken, amounts.withheld) == (4_000, 1_000)


async def test_what_was_taxed_once_stays_so_though_it_is_paid_again_without_a_rule(
    purse: Purse, payee: Clipper
) -> None:
    """Of 100.00, taxed, 40.00 come back; paid again while nothing is withheld, they come back once more."""
    await rule(purse, payee, Flat(authority="irs", rate="24%"), "backup")
    await purse.owe(party(payee), 10_000)
    await come(purse, await sent(purse), 4_000)
    await rule(purse, payee, Exempt(authority="irs", basis="Form W-9 received"), "w9")
    await come(purse, await sent(purse), 3_000)
    await rule(purse, payee, Flat(authority="irs", rate="24%"), "backup-again")
    amounts = (await planned(purse))[party(payee), "CNY"].amounts
    assert (amounts.taken, amounts.withheld) == (3_000, 0)


@pytest.mark.parametrize("again", ["cancelled", "returned"])
async def test_what_was_paid_again_in_vain_is_still_not_taxed_again(purse: Purse, payee: Clipper, again: str) -> None:
    await rule(purse, payee, Flat(authority="irs", rate="24%"))
    await purse.owe(party(payee), 10_000)
    await come(purse, await sent(purse), 1_900)
    if again == "returned":
        await come(purse, await sent(purse), 1_900)
    else:
        await approved(purse, await submitted(purse, "available"))
        newest = (await purse.payouts())[-1].payout_id
        async with purse.engine.begin() as connection:
            await cancel_payouts(connection, purse.book_id, [newest], "user:2", "not now", purse.clock())
    amounts = (await planned(purse))[party(payee), "CNY"].amounts
    assert (amounts.taken, amounts.withheld) == (1_900, 0)


async def test_when_all_of_it_comes_back_after_a_part_was_paid_again_that_part_is_taxed_after_all(
    purse: Purse, payee: Clipper
) -> None:
    """Of 100.00 the payee has 19.00, untaxed, and 81.00 are payable: 24 % of 100.00 are withheld, 57.00 paid."""
    await rule(purse, payee, Flat(authority="irs", rate="24%"))
    await purse.owe(party(payee), 10_000)
    first = await sent(purse)
    await come(purse, first, 1_900)
    await sent(purse)
    async with purse.engine.begin() as connection:
        await come_back(connection, purse.book_id, first, 7_600, "closed", purse.clock())
    amounts = (await planned(purse))[party(payee), "CNY"].amounts
    assert (amounts.taken, amounts.withheld, amounts.amount) == (8_100, 2_400, 5_700)
    await sent(purse)
    assert (await purse.balances())["liabilities:withheld:irs"] == -2_400


@pytest.mark.parametrize("parts", [(9_000,), (2_000, 9_000), (1, 2, 9_000)])
async def test_however_it_comes_back_it_was_never_paid(purse: Purse, payee: Clipper, parts: tuple[int, ...]) -> None:
    await rule(purse, payee, Flat(authority="irs", rate="10%"))
    await purse.owe(party(payee), 11_000, recoverable=1_000)
    before = await purse.balances()
    payout_id = await sent(purse)
    for part in parts:
        await come(purse, payout_id, part)
    assert (await purse.payout()).state == "returned"
    assert await purse.balances() == before
    assert (await planned(purse))[party(payee), "CNY"].amounts == Amounts(11_000, 1_000, 1_000, "irs")


async def test_two_who_tell_at_once_how_much_has_come_back_are_both_right(purse: Purse, payee: Clipper) -> None:
    await purse.owe(party(payee), 10_000)
    payout_id = await sent(purse)
    async with purse.engine.begin() as first, purse.engine.begin() as second:
        await come_back(first, purse.book_id, payout_id, 2_500, "closed", purse.clock())
        waits = asyncio.ensure_future(come_back(second, purse.book_id, payout_id, 5_000, "closed", purse.clock()))
        await asyncio.sleep(0.3)
        await first.commit()
        await waits
    assert (await purse.balances())[f"liabilities:available:{party(payee)}"] == -5_000
    assert (await purse.payout()).returned == 5_000


# Waiting ------------------------------------------------------------------------------------------------------


async def test_funds_that_come_wait_for_nobody(purse: Purse, payee: Clipper) -> None:
    await purse.owe(party(payee), 10_000)
    await purse.owe(party(payee), 10_000, "USD")
    purse.rail.usual = [Unfunded("too little")] * 2
    await approved(purse, await submitted(purse, "available"))
    await purse.send()
    first, _ = await purse.payouts()
    async with purse.engine.begin() as connection:
        await lock_payouts(connection, purse.book_id, [first.payout_id])
        assert await asyncio.wait_for(funds_came(purse.engine, "stripe", clock=purse.clock), 5) >= 1
    await purse.send()
    assert [each.state for each in await purse.payouts()] == ["ready", "sent"]


async def test_what_waits_to_be_sent_is_an_exception_of_the_close(purse: Purse, closer: Closer, payee: Clipper) -> None:
    await purse.owe(party(payee), 10_000, lies="assets:marketplace:tiktok")
    await approved(purse, await submitted(purse, "available"))
    tomorrow = await closing_day(purse) + timedelta(days=1)
    async with purse.engine.connect() as connection:
        (matter,) = await open_matters(connection, purse.book_id, tomorrow)
        assert await open_matters(connection, purse.book_id, tomorrow - timedelta(days=1)) == []
    assert (matter.matter, matter.count, matter.currency, matter.amount) == ("open-payouts", 1, "CNY", 10_000)
    assert matter.link.endswith("/payouts?in_state=ready")
