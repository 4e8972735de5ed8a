"""What a party is told of a month: every line, and that they make up what the ledger says."""

import csv
import io
import time
from datetime import UTC, date, datetime

import msgspec
import pytest
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncEngine

from clipledger.pages.tellings import told as tell
from ledger.splits import Share, SplitRule, Take
from settlement.errors import StatementNotFound, StatementsDiffer
from settlement.statements import papers
from settlement.statements.drafting import BALANCES
from settlement.statements.reading import Amounts, Statement, find_statement, lines_of, list_statements
from tests.licensing.house import TERMS, Clipper, Granted, Host, NewClipper, NewGrant, NewHost
from tests.settlement.books import OCTOBER, Closer, moved, told
from tests.settlement.shop import WITHDRAWN, decide, dispute, in_sql, settle
from tests.settlement.till import Till, by, facts, publish

SPLIT = SplitRule(
    currency="CNY",
    takes=(Take("platform", "5%"), Take("agency", "10%")),
    shares=(Share("host", 4), Share("clipper", 6)),
)
OURS = msgspec.structs.replace(TERMS, split=SPLIT, agency=9, hold_days=10, reserve="10%", reserve_days=30)
HERE = "https://clips.example.com"
SETTLED = {"state": "settled", "settled_at": datetime(2026, 10, 10, 4, tzinfo=UTC)}
"""On 10 October; the hold ends on the 20th."""


@pytest.fixture
def till(app_engine: AsyncEngine, host: Host) -> Till:
    return Till(app_engine, host)


@pytest.fixture
def closer(till: Till) -> Closer:
    return Closer(till)


@pytest.fixture
async def grant(host: Host, new_grant: NewGrant) -> Granted:
    return await new_grant(host, terms=OURS)


def party(granted: Granted) -> str:
    return f"clipper-{granted.clipper.clipper_id}"


# A month ----------------------------------------------------------------------------------------------------


async def test_a_month_of_sales_by_clip_and_product(till: Till, closer: Closer, grant: Granted) -> None:
    """130.20 is 6.51 platform, 13.02 agency, 44.27 host, 66.40 clipper; 80.00 is 4.00, 8.00, 27.20, 40.80."""
    async with till.engine.begin() as connection:
        await publish(connection, grant, "post-b")
    a, b, _ = await till.sell(
        facts(**by(grant), due=13_020),
        facts(platform="tiktok", content_id="post-b", due=8_000),
        facts(platform="tiktok", content_id="post-b", due=8_000),
    )
    await till.tell(a, **SETTLED)
    await settle(till, date(2026, 10, 20))  # A is released; a tenth of the clipper's 66.40 is kept back: 6.64
    await till.tell(b, due=4_000)  # half of B came back: 2.00, 4.00, 13.60, 20.40

    assert await closer.draft() == 3
    its = await closer.statement(party(grant))
    assert told(its) == [
        ("earned", "A clip", 2, {"held": 8_160}),
        ("earned", "17", 1, {"held": 6_640}),
        ("refund", "A clip", 1, {"held": -2_040}),
        ("release", None, 1, {"held": -6_640, "available": 6_640}),
        ("reserve", None, 1, {"available": -664, "reserve": 664}),
    ]
    assert moved(its.statement.opening) == {}
    assert its.statement.closing == Amounts(6_120, 5_976, 664, 0, 0, 0, 12_760)
    assert its.statement.name == "Ana"
    assert [(each.kind, each.lines, each.amounts.total) for each in its.summary] == [
        ("earned", 2, 14_800),
        ("refund", 1, -2_040),
        ("release", 1, 0),
        ("reserve", 1, 0),
    ]
    agency = await closer.statement("agency-9")
    assert agency.statement.closing == Amounts(1_200, 1_302, 0, 0, 0, 0, 2_502)
    host = await closer.statement("host")
    assert host.statement.closing == Amounts(4_080, 4_427, 0, 0, 0, 0, 8_507)
    assert host.statement.name == "A host"
    assert await closer.draft() == 3  # again, in place of the first
    assert told(await closer.statement(party(grant))) == told(its)


async def test_the_closing_of_one_month_is_the_opening_of_the_next(till: Till, closer: Closer, grant: Granted) -> None:
    (a,) = await till.sell(facts(**by(grant), due=13_020, sold_on=date(2026, 9, 30)))
    await till.tell(a, due=0)  # in October all of it came back
    september = date(2026, 9, 1)
    await closer.close(september)
    await closer.draft()
    first, second = await closer.statement(party(grant), september), await closer.statement(party(grant))
    assert told(first) == [("earned", "17", 1, {"held": 6_640})]
    assert told(second) == [("refund", "17", 1, {"held": -6_640})]
    assert second.statement.opening == first.statement.closing
    assert moved(second.statement.closing) == {}


async def test_what_another_clipper_turns_out_to_have_sold_is_adjusted(
    till: Till, closer: Closer, host: Host, grant: Granted, new_grant: NewGrant
) -> None:
    other = await new_grant(host)  # without an agency: 6.51 platform, 49.48 host, 74.21 clipper
    (a,) = await till.sell(facts(**by(grant), due=13_020))
    await till.tell(a, **by(other))
    await closer.draft()
    assert told(await closer.statement(party(grant))) == [
        ("earned", "17", 1, {"held": 6_640}),
        ("adjustment", "17", 1, {"held": -6_640}),
    ]
    assert told(await closer.statement(party(other))) == [("earned", "17", 1, {"held": 7_421})]
    assert told(await closer.statement("agency-9")) == [
        ("earned", "17", 1, {"held": 1_302}),
        ("adjustment", "17", 1, {"held": -1_302}),
    ]


async def test_a_sale_that_turns_out_to_be_in_another_currency_leaves_the_first(
    till: Till, closer: Closer, grant: Granted
) -> None:
    a, _ = await till.sell(facts(**by(grant), due=13_020), facts(**by(grant), due=8_000))
    await till.tell(a, currency="USD", due=8_000)
    await closer.draft()  # in dollars it is nobody's: the grant's split is in another currency
    assert told(await closer.statement(party(grant))) == [
        ("earned", "17", 2, {"held": 10_720}),
        ("adjustment", "17", 1, {"held": -6_640}),
    ]


async def test_a_claim_freezes_and_frees(till: Till, closer: Closer, grant: Granted) -> None:
    await till.sell(facts(**by(grant), due=13_020))
    claim = await dispute(till, grant)
    await settle(till, date(2026, 10, 7))
    await closer.draft()
    assert told(await closer.statement(party(grant))) == [
        ("earned", "17", 1, {"held": 6_640}),
        ("frozen", None, 1, {"held": -6_640, "frozen": 6_640}),
    ]
    await decide(till, claim, WITHDRAWN)
    await settle(till, date(2026, 10, 8))
    await closer.draft()
    its = await closer.statement(party(grant))
    assert told(its) == [("earned", "17", 1, {"held": 6_640})]
    assert its.statement.closing == Amounts(6_640, 0, 0, 0, 0, 0, 6_640)


async def test_what_finance_posts_is_told_entry_by_entry(till: Till, closer: Closer, grant: Granted) -> None:
    await till.sell(facts(**by(grant), due=13_020))
    its, day = party(grant), date(2026, 10, 20)
    held, available, paying = (f"liabilities:{name}:{its}" for name in ("held", "available", "paying"))
    owed = f"assets:recoverable:{its}"
    await closer.post(day, "Released by hand", {held: 6_640, available: -6_640})
    await closer.post(day, "A gift", {"expenses:gifts": 100, available: -100})
    await closer.post(day, "Tax", {available: 40, "liabilities:withheld:cn": -40})
    await closer.post(day, "Payout approved", {available: 5_000, paying: -5_000})
    await closer.post(day, "Payout arrived", {paying: 5_000, "assets:bank": -5_000})
    await closer.post(day, "Overpaid", {owed: 30, available: -30})
    await closer.post(day, "Nobody's", {"assets:bank": 1, "income:interest": -1})
    await closer.draft()
    whole = await closer.statement(its)
    assert told(whole)[1:] == [
        ("adjustment", "A gift", 0, {"available": 100}),
        ("release", "Released by hand", 0, {"held": -6_640, "available": 6_640}),
        ("recovery", "Overpaid", 0, {"available": 30, "recoverable": 30}),
        ("withholding", "Tax", 0, {"available": -40}),
        ("payout", "Payout approved", 0, {"available": -5_000, "paying": 5_000}),
        ("payout", "Payout arrived", 0, {"paying": -5_000}),
    ]
    assert whole.statement.closing == Amounts(0, 1_730, 0, 0, 0, 30, 1_700)


async def test_lines_that_do_not_make_up_the_ledger_are_never_drafted(
    till: Till, closer: Closer, grant: Granted, owner_engine: AsyncEngine
) -> None:
    (a,) = await till.sell(facts(**by(grant), due=13_020))
    async with owner_engine.begin() as connection:  # as nobody can through the service
        await connection.execute(text("ALTER TABLE settlement.accruals DISABLE TRIGGER append_only"))
        query = text("""
            UPDATE settlement.accruals SET host_part = host_part + 1, clipper_part = clipper_part - 1
            WHERE book_id = :book AND sale_id = :sale""")
        await connection.execute(query, {"book": till.book_id, "sale": a.sale_id})
        await connection.execute(text("ALTER TABLE settlement.accruals ENABLE TRIGGER append_only"))
    with pytest.raises(StatementsDiffer, match="host CNY"):
        await closer.draft()
    assert (await closer.checklist()).state == "open"


# Who sees it ------------------------------------------------------------------------------------------------


async def test_a_clipper_sees_its_own_once_it_is_issued(
    till: Till, closer: Closer, grant: Granted, new_clipper: NewClipper, new_host: NewHost
) -> None:
    await till.sell(facts(**by(grant)))
    own, stranger, other_host = grant.clipper.clipper_id, await new_clipper(), await new_host()

    async def seen(*, book_id: int | None = None, clipper_id: int | None = None) -> list[Statement]:
        async with till.engine.connect() as connection:
            return await list_statements(connection, book_id=book_id, clipper_id=clipper_id)

    await closer.draft()
    number = (await closer.statement(party(grant))).statement.statement_id
    assert await seen(clipper_id=own) == []
    with pytest.raises(StatementNotFound):
        await _found(till, number, clipper_id=own)
    await closer.submit()
    await closer.approve()
    assert [each.party for each in await seen(clipper_id=own)] == [party(grant)]
    assert (await _found(till, number, clipper_id=own)).issued_at is not None
    for whose in ({"clipper_id": stranger.clipper_id}, {"book_id": other_host.book_id}):
        assert await seen(**whose) == []
        with pytest.raises(StatementNotFound):
            await _found(till, number, **whose)
    host_s = (await closer.statement("host")).statement.statement_id
    with pytest.raises(StatementNotFound):
        await _found(till, host_s, clipper_id=own)


async def _found(till: Till, number: int, **whose: int) -> Statement:
    async with till.engine.connect() as connection:
        return (await find_statement(connection, number, **whose))[1]


# Papers -----------------------------------------------------------------------------------------------------


async def test_the_same_statement_gives_the_same_bytes(till: Till, closer: Closer, grant: Granted) -> None:
    await till.sell(facts(**by(grant), product="=cmd|'/c calc'!A1"), facts(**by(grant), product="-1"))
    await closer.close()
    first, second = await closer.statement(party(grant)), await closer.statement(party(grant))
    assert papers.json_of(first) == papers.json_of(second)
    assert papers.csv_of(first) == papers.csv_of(second)
    for language in ("en", "zh"):
        paper = papers.pdf_of(first, language, HERE, tell)
        assert paper == papers.pdf_of(second, language, HERE, tell)
        assert paper.startswith(b"%PDF-")
        assert b"pdfuaid:part" in paper
    assert papers.pdf_of(first, "en", HERE, tell) != papers.pdf_of(first, "zh", HERE, tell)


async def test_no_cell_of_a_csv_is_a_formula_and_numbers_stay_numbers(
    till: Till, closer: Closer, grant: Granted
) -> None:
    (a,) = await till.sell(facts(**by(grant), due=13_020, product="=1+1"))
    await till.sell(facts(**by(grant), due=8_000, product="-1+1"), facts(**by(grant), due=8_000, product="@x"))
    await till.tell(a, due=8_000)
    await closer.draft()
    rows = [*csv.DictReader(io.StringIO(papers.csv_of(await closer.statement(party(grant)))))]
    assert [(row["kind"], row["product"], row["amount"], row["held"]) for row in rows] == [
        ("opening", "", "0.00", "0.00"),
        ("earned", "'-1+1", "40.80", "40.80"),
        ("earned", "'=1+1", "66.40", "66.40"),
        ("earned", "'@x", "40.80", "40.80"),
        ("refund", "'=1+1", "-25.60", "-25.60"),
        ("closing", "", "122.40", "122.40"),
    ]


async def test_a_paper_of_very_many_lines_names_the_rest_in_one(
    till: Till, closer: Closer, grant: Granted, monkeypatch: pytest.MonkeyPatch
) -> None:
    await till.sell(*(facts(**by(grant), due=100, product=f"p{number}") for number in range(5)))
    await closer.draft()
    whole = await closer.statement(party(grant))
    monkeypatch.setattr(papers, "_MOST_PRINTED", 3)
    document = papers._document(whole, "en", HERE, tell)
    assert len(document["lines"]) == 4
    assert document["lines"][-1] == (
        "", "2 more lines, all of which are in the CSV and JSON", "", "1.02", "Held 1.02"
    )  # fmt: skip


async def test_the_first_page_of_ten_thousand_lines_is_fast(till: Till, closer: Closer, clipper: Clipper) -> None:
    await in_sql(till, "INSERT INTO settlement.closings (book_id, month) VALUES (:book, '2026-10-01')")
    balances = ", ".join(f"{side}_{name}" for side in ("opening", "closing") for name in BALANCES)
    ((number,),) = await in_sql(
        till,
        f"""INSERT INTO settlement.statements (book_id, month, party, name, currency, {balances})
            VALUES (:book, '2026-10-01', 'clipper-{clipper.clipper_id}', 'Ana', 'CNY', {", ".join(["0"] * 12)})
            RETURNING statement_id""",
    )
    await in_sql(
        till,
        """INSERT INTO settlement.statement_lines
           SELECT :book, :number, line, 'earned', line, NULL, NULL, 'A clip', 1, 1, 0, 0, 0, 0, 0
           FROM generate_series(1, 10000) AS line""",
        number=number,
    )
    took = []
    async with till.engine.connect() as connection:
        for _ in range(5):
            begun = time.perf_counter()
            await find_statement(connection, number, book_id=till.book_id)
            page = await lines_of(connection, till.book_id, number, limit=100)
            took.append(time.perf_counter() - begun)
        rest = await lines_of(connection, till.book_id, number, after=9_990)
    assert (len(page), [line.line_no for line in rest]) == (100, [*range(9_991, 10_001)])
    assert min(took) < 0.1


async def test_a_statement_of_a_month_without_anything_is_not_made(till: Till, closer: Closer, grant: Granted) -> None:
    await till.sell(facts(**by(grant), sold_on=date(2026, 9, 30)))
    await closer.close(date(2026, 9, 1))
    assert await closer.draft(OCTOBER) == 0
