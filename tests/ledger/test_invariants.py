"""The seven invariants, attacked with plain SQL by the service's role and by a careless owner.

Each attack is one transaction. It must end in a refusal, and all that the books hold must be as it was. What only a
superuser or an owner who disables triggers could do is found by verification instead: see test_verification.py.
"""

import psycopg
import pytest

from clipledger import database
from tests.ledger.attacks import (
    APPEND_ONLY,
    CHECK,
    DENIED,
    DUPLICATE,
    FORGED,
    IN_A_SCHEMA,
    ISOLATION,
    LOCKED,
    NO_ACCOUNT,
    NO_MIRROR,
    NO_PARENT,
    NOT_ENDED,
    NOT_LOCKED,
    NOT_NULL,
    NOT_WHOLE,
    SEARCHED_FIRST,
    STILL_WAITING,
    UNBALANCED,
    Scene,
    entry,
    lines,
    posted,
    reopened,
    together,
)
from tests.ledger.bookkeeper import nothing_changes


async def test_the_attackers_way_of_posting_works_where_it_keeps_the_rules(scene: Scene) -> None:
    assert scene.attack(scene.urls.app, posted()) is None
    assert scene.attack(scene.urls.owner, posted(number="{newer}", key="another")) is None
    assert await scene.keeper.balance("assets:bank") == 2000


# What both are refused, for the same reason --------------------------------------------------------------------

REFUSED = {
    # 1: an entry's postings sum to zero per currency, and arrive with it
    "lines that do not sum to zero": (posted("bank 500, sales -499"), UNBALANCED),
    "currencies that sum to zero only together": (posted("bank 500, yen_sales -500 JPY"), UNBALANCED),
    "an entry out of balance in its second currency": (
        posted("bank 5, sales -5, yen 7 JPY, yen_sales -8 JPY"), UNBALANCED),
    "an unbalanced entry beside a balanced one that makes up for it": (
        together(entry(), entry("{newer}", key="more"), lines("bank 5, sales -4"),
                 lines("bank 5, sales -6", "{newer}")), UNBALANCED),
    "an entry without lines": (entry(), NOT_WHOLE),
    "lines without an entry": (lines("bank 500, sales -500"), NOT_WHOLE),
    "fewer lines than the entry says": (together(entry(count=3), lines("bank 500, sales -500")), NOT_WHOLE),
    "more lines than the entry says": (together(entry(), lines("bank 500, sales -400, cash -100")), NOT_WHOLE),
    "an entry of one line": (together(entry(count=1), lines("bank 500")), CHECK),
    "an entry of too many lines": (together(entry(count=100_001), lines("bank 500, sales -500")), CHECK),
    "a line of nothing": (posted("bank 0, sales 0"), CHECK),
    "a line numbered zero": (together(entry(), lines("bank 500, sales -500", first=0)), CHECK),
    "lines that leave room before them": (together(entry(), lines("bank 500, sales -500", first=2)), NOT_WHOLE),
    "lines that leave room between them": (
        together(entry(), lines("bank 500"), lines("sales -500", first=3)), NOT_WHOLE),
    "lines that join an old entry": (lines("bank 7, sales -7", "{entry}", first=3), NOT_WHOLE),
    "lines that join an old entry under high numbers": (
        lines("bank 7, sales -7", "{entry}", first=100_000), NOT_WHOLE),
    "lines that take an old entry's place": (lines("bank 500, sales -500", "{entry}"), DUPLICATE),
    "lines that join in the same transaction": (
        posted() + ";\n" + lines("bank 7, sales -7", first=3), NOT_WHOLE),
    "an entry in two halves": (
        together(entry(count=4), lines("bank 5, sales -5")) + ";\n" + lines("bank 7, sales -7", first=3), NOT_WHOLE),
    "an entry first and its lines after": (entry() + ";\n" + lines("bank 5, sales -5"), NOT_WHOLE),
    "lines first and their entry after": (lines("bank 5, sales -5") + ";\n" + entry(), NOT_WHOLE),
    "lines that join within the statement": (
        together(entry(), lines("bank 5, sales -5"), lines("bank 7, sales -7", first=3)), NOT_WHOLE),
    "lines written while the entry is": (
        "CREATE FUNCTION pg_temp.nested() RETURNS text LANGUAGE plpgsql AS $$ BEGIN "
        + lines("bank 5, sales -5") + "; RETURN ''; END $$;\n" + entry(key="' || pg_temp.nested() || '"), NOT_WHOLE),
    "lines merged into an old entry": ("""
        MERGE INTO ledger.postings AS p USING (VALUES ({bank}, 7, 3), ({sales}, -7, 4)) AS l (account, amount, line)
        ON p.book_id = {book} AND p.entry_id = {entry} AND p.line = l.line
        WHEN NOT MATCHED THEN INSERT VALUES
            ({book}, {entry}, l.account, l.amount, l.line, '2025-03-15', '2025-03-01', 'CNY')""", NOT_WHOLE),
    "lines that join where there is no conflict": (
        lines("bank 7, sales -7", "{entry}", first=2) + " ON CONFLICT DO NOTHING", UNBALANCED),
    "lines of other days than their entry": (
        together(entry(), lines("bank 500, sales -500", on="2025-03-16")), NOT_WHOLE),
    "lines of two days": (together(entry(), lines("bank 500"), lines("sales -500", first=2, on="2025-03-16")),
        NOT_WHOLE),
    "lines of another month than their entry": (
        together(entry(), lines("bank 500, sales -500", period="2025-04-01")), NOT_WHOLE),
    "another's names before the database's": (SEARCHED_FIRST + posted("bank 500, sales -499"), UNBALANCED),
    # 2: what corrects an entry names it, once, and mirrors it
    "a reversal that is no mirror": (posted("bank -500, sales 500", reverses="{reversal}"), NO_MIRROR),
    "a reversal of the same sign": (posted("bank 500, sales -500", reverses="{entry}"), NO_MIRROR),
    "a reversal of half": (posted("bank -250, sales 250", reverses="{entry}"), NO_MIRROR),
    "a reversal on another account": (posted("cash -500, sales 500", reverses="{entry}"), NO_MIRROR),
    "a second reversal": (posted("bank -7, sales 7", reverses="{reversed}"), DUPLICATE),
    "a reversal of another book's entry": (posted("bank -500, sales 500", reverses="{elsewhere}"), NO_PARENT),
    "a reversal of nothing": (posted("bank -500, sales 500", reverses="{newer}"), NO_PARENT),
    "a reversal of itself": (posted("bank 5, bank -5", reverses="{new}"), NO_MIRROR),
    "two that reverse each other": (
        together(entry(reverses="{newer}"), entry("{newer}", key="more", reverses="{new}"),
                 lines("bank 5, sales -5"), lines("bank -5, sales 5", "{newer}")), NO_MIRROR),
    # 3: a posting has its account's currency and book
    "a line in another currency than its account": (posted("bank 5 JPY, yen_sales -5 JPY"), NO_ACCOUNT),
    "a line in no currency": (posted("bank 5 XXX, sales -5 XXX"), NO_ACCOUNT),
    "a line on an account of another book": (posted("vault 5, sales -5"), NO_ACCOUNT),
    "a line on no account": (posted("987654321 5, sales -5"), NO_ACCOUNT),
    "lines on no account that cancel out": (posted("987654321 5, 987654321 -5"), NO_ACCOUNT),
    "lines in another book than their entry": (
        together(entry(), lines("vault 5, vault -5", book="{other}")), NOT_WHOLE),
    "an entry in a book that does not exist": (posted(book="987654321"), NO_ACCOUNT),
    "an entry whose number is none": (posted(number="0"), CHECK),
    "an account in no currency": (
        "INSERT INTO ledger.accounts (book_id, code, currency) VALUES ({book}, 'assets:x', 'XXX')", NO_PARENT),
    "an account of no kind": (
        "INSERT INTO ledger.accounts (book_id, code, currency) VALUES ({book}, 'debts:x', 'CNY')", NOT_NULL),
    "an account of no book": (
        "INSERT INTO ledger.accounts (book_id, code, currency) VALUES (987654321, 'assets:x', 'CNY')", NO_PARENT),
    "an account a second time": (
        "INSERT INTO ledger.accounts (book_id, code, currency) VALUES ({book}, 'assets:bank', 'CNY')", DUPLICATE),
    # 4: an idempotency key is used once in a book
    "a key a second time": (posted(key="victim"), DUPLICATE),
    "a key twice in one statement": (
        together(entry(), entry("{newer}"), lines("bank 5, sales -5"), lines("bank 5, sales -5", "{newer}")),
        DUPLICATE),
    "an empty key": (posted(key=""), CHECK),
    "a number a second time": (posted(number="{entry}"), DUPLICATE),
    # 5: nothing is posted into a locked period
    "an entry in a locked month": (posted(on="2025-01-15", period="2025-01-01"), LOCKED),
    "an entry in a month before": (posted(on="2024-12-31", period="2024-12-01"), LOCKED),
    "an entry that joins a locked month's": (
        together(entry(), entry("{newer}", key="more", on="2025-01-15", period="2025-01-01"), lines("bank 5, sales -5"),
                 lines("bank 5, sales -5", "{newer}", on="2025-01-15", period="2025-01-01")), LOCKED),
    "a period that is no month": (posted(period="2025-03-02"), CHECK),
    "a period before its day": (posted(period="2025-02-01"), CHECK),
    "a period that never comes": (posted(period="infinity"), CHECK),
    "a period that always was": (posted(on="-infinity", period="-infinity"), CHECK),
    "a day that always was": (posted(on="-infinity"), CHECK),
    "a day before the calendar": (posted(on="0044-03-15 BC"), CHECK),
    "a day after the calendar": (posted(on="12025-03-15", period="12025-03-01"), CHECK),
    "an entry from a snapshot that may be old": (
        "SET TRANSACTION ISOLATION LEVEL REPEATABLE READ;\n" + posted(), ISOLATION),
    "an entry from a serializable transaction": (
        "SET TRANSACTION ISOLATION LEVEL SERIALIZABLE;\n" + posted(), ISOLATION),
    "an old snapshot that says it is none": (
        "SET TRANSACTION ISOLATION LEVEL REPEATABLE READ;\n" + SEARCHED_FIRST + posted(), ISOLATION),
    "a lock of this month": ("""
        INSERT INTO ledger.period_locks (book_id, period, locked_by)
        VALUES ({book}, date_trunc('month', now() AT TIME ZONE 'Asia/Shanghai'), 'attack')""", NOT_ENDED),
    "a lock of this month by another clock": (SEARCHED_FIRST + """
        INSERT INTO ledger.period_locks (book_id, period, locked_by)
        VALUES ({book}, date_trunc('month', pg_catalog.now() AT TIME ZONE 'Asia/Shanghai'), 'attack')""", NOT_ENDED),
    "a lock of a month a second time": (
        "INSERT INTO ledger.period_locks (book_id, period, locked_by) VALUES ({book}, '2025-01-01', 'attack')",
        DUPLICATE),
    "a lock of a month that is behind": (
        "INSERT INTO ledger.period_locks (book_id, period, locked_by) VALUES ({book}, '2024-12-01', 'attack')", LOCKED),
    "two locks, the earlier one for nothing": ("""
        INSERT INTO ledger.period_locks (book_id, period, locked_by)
        VALUES ({book}, '2025-03-01', 'attack'), ({book}, '2025-02-01', 'attack')""", LOCKED),
    "a lock of half a month": (
        "INSERT INTO ledger.period_locks (book_id, period, locked_by) VALUES ({book}, '2025-02-15', 'attack')", CHECK),
    "a lock of all that was": (
        "INSERT INTO ledger.period_locks (book_id, period, locked_by) VALUES ({other}, '-infinity', 'attack')", CHECK),
    "a lock of a book that does not exist": (
        "INSERT INTO ledger.period_locks (book_id, period, locked_by) VALUES (987654321, '2025-02-01', 'attack')",
        NO_PARENT),
    # 5: a lock is taken back by a reopening alone, and only the last one
    "a reopening of a month that only a later one locks": (reopened("2024-12-01"), NOT_LOCKED),
    "a reopening of a month that is open": (reopened("2025-02-01"), NOT_LOCKED),
    "a reopening of half a month": (reopened("2025-01-15"), NOT_LOCKED),
    "a reopening of another book": (reopened(book="{other}"), NOT_LOCKED),
    "a reopening of no book": (reopened(book="987654321"), NO_PARENT),
    "a reopening of another's lock": (reopened(locked_by="'attack'"), NOT_LOCKED),
    "a reopening of a lock of another time": (reopened(locked_at="l.locked_at - interval '1 microsecond'"), NOT_LOCKED),
    "a reopening of a month before the last": (
        "INSERT INTO ledger.period_locks (book_id, period, locked_by) VALUES ({book}, '2025-02-01', 'attack');\n"
        + reopened().replace("DESC", "ASC"), NOT_LOCKED),
    "a reopening by another meaning of the names": (SEARCHED_FIRST + reopened("2024-12-01"), NOT_LOCKED),
    "a reopening a second time": (
        reopened() + ";\n" + reopened(), DUPLICATE),
    "a reopening without a reason": (reopened().replace("'attack'\n", "''\n"), CHECK),
    # 7: an entry is sealed once
    "an entry sealed again": ("""
        INSERT INTO ledger.sealed_entries (book_id, seal_no, leaf_no, entry_id, leaf_hash)
        VALUES ({book}, 2, 0, {entry}, decode(repeat('00', 32), 'hex'))""", DUPLICATE),
    "a seal's number again": ("""
        INSERT INTO ledger.seals
            (book_id, seal_no, entry_count, merkle_root, seal_hash, last_transaction_id, last_entry_id)
        SELECT book_id, seal_no, entry_count, merkle_root, seal_hash, last_transaction_id, last_entry_id
        FROM ledger.seals WHERE book_id = {book}""", DUPLICATE),
}  # fmt: skip


@pytest.mark.parametrize("who", ["app", "owner"])
@pytest.mark.parametrize("attack", REFUSED)
async def test_no_one_gets_past_the_rules(scene: Scene, attack: str, who: str) -> None:
    script, code = REFUSED[attack]
    await scene.must_refuse(getattr(scene.urls, who), script, code)


# What the service may not do at all, and its owner may not do by mistake ---------------------------------------

CHANGES = {
    "books": "time_zone = 'UTC'",
    "accounts": "code = 'assets:mine'",
    "entries": "description = 'attack'",
    "postings": "amount = amount + 1",
    "movements": "amount = amount + 1",
    "period_locks": "period = '2024-12-01'",
    "period_reopenings": "reason = 'attack'",
    "seals": "entry_count = 1",
    "sealed_entries": "leaf_no = leaf_no + 1",
    "currencies": "exponent = 0",
}
BY_MISTAKE = {
    **{f"a change of {table}": f"UPDATE ledger.{table} SET {change}" for table, change in CHANGES.items()},
    **{f"a change of no row of {table}": f"UPDATE ledger.{table} SET {change} WHERE false"
       for table, change in CHANGES.items()},
    **{f"a deletion from {table}": f"DELETE FROM ledger.{table}" for table in CHANGES},
    **{f"the emptying of {table}": f"TRUNCATE ledger.{table} CASCADE" for table in CHANGES},
    "the emptying of all tables": "TRUNCATE " + ", ".join(f"ledger.{table}" for table in CHANGES) + " CASCADE",
    "a change within another statement": "WITH u AS (UPDATE ledger.postings SET amount = 1) SELECT 1",
    "a deletion by merging": """
        MERGE INTO ledger.postings AS p USING (SELECT 1) AS x ON p.book_id = {book} WHEN MATCHED THEN DELETE""",
    "a change by merging": """
        MERGE INTO ledger.entries AS e USING (SELECT 1) AS x ON e.book_id = {book}
        WHEN MATCHED THEN UPDATE SET description = 'attack'""",
    "a change where there is a conflict": lines("bank 7", "{entry}") + """
        ON CONFLICT (book_id, entry_id, line) DO UPDATE SET amount = excluded.amount""",
    "a change of a key where there is a conflict": entry(key="victim") + """
        ON CONFLICT (book_id, idempotency_key) DO UPDATE SET description = 'attack'""",
    "an unlocking": "DELETE FROM ledger.period_locks WHERE book_id = {book}",
    "an unlocking by merging": """
        MERGE INTO ledger.period_locks AS l USING (SELECT 1) AS x ON l.book_id = {book} WHEN MATCHED THEN DELETE""",
    "an unlocking within another statement": """
        WITH d AS (DELETE FROM ledger.period_locks WHERE book_id = {book}) """ + reopened(),
    "an unsealing": "DELETE FROM ledger.seals WHERE book_id = {book}",
    "a movement by hand": """
        INSERT INTO ledger.movements (book_id, account_id, period, effective_on, recorded_on, stripe, amount)
        VALUES ({book}, {bank}, '2025-03-01', '2025-03-15', '2025-03-15', 0, 500)""",
    "a movement that adds to another": """
        INSERT INTO ledger.movements AS m SELECT * FROM ledger.movements WHERE book_id = {book}
        ON CONFLICT (book_id, account_id, period, effective_on, recorded_on, stripe)
            DO UPDATE SET amount = m.amount * 2""",
    "a movement by merging": """
        MERGE INTO ledger.movements AS m USING (SELECT 1) AS x ON m.book_id = {book}
        WHEN MATCHED THEN UPDATE SET amount = m.amount + 1""",
}  # fmt: skip


@pytest.mark.parametrize("attack", BY_MISTAKE)
async def test_nothing_that_was_recorded_can_be_changed(scene: Scene, attack: str) -> None:
    await scene.must_refuse(scene.urls.app, BY_MISTAKE[attack], DENIED)
    await scene.must_refuse(scene.urls.owner, BY_MISTAKE[attack], APPEND_ONLY)


HISTORY = {
    "an entry recorded yesterday": posted(more={"recorded_at": "now() - interval '1 day'"}),
    "an entry recorded a moment ago": posted(more={"recorded_at": "now() - interval '1 microsecond'"}),
    "an entry recorded tomorrow": posted(more={"recorded_at": "now() + interval '1 day'"}),
    "an entry recorded never": posted(more={"recorded_at": "'infinity'"}),
    "an entry of another transaction": posted(more={"transaction_id": "'1'"}),
    "an entry of a transaction to come": posted(more={"transaction_id": "'9223372036854775807'"}),
}


@pytest.mark.parametrize("attack", HISTORY)
async def test_when_an_entry_was_recorded_cannot_be_forged(scene: Scene, attack: str) -> None:
    await scene.must_refuse(scene.urls.app, HISTORY[attack], DENIED)
    await scene.must_refuse(scene.urls.owner, HISTORY[attack], FORGED)


SHADOWED = {
    "an unbalanced entry": (posted("bank 500, sales -499"), UNBALANCED),
    "an entry without lines": (entry(), NOT_WHOLE),
    "an entry in a locked month": (posted(on="2025-01-15", period="2025-01-01"), LOCKED),
    "a reversal that is no mirror": (posted("bank -250, sales 250", reverses="{entry}"), NO_MIRROR),
    "a line on an account of another book": (posted("vault 5, sales -5"), NO_ACCOUNT),
    "a lock of this month": ("""
        INSERT INTO ledger.period_locks (book_id, period, locked_by)
        VALUES ({book}, date_trunc('month', pg_catalog.now() AT TIME ZONE 'Asia/Shanghai'), 'attack')""", NOT_ENDED),
}  # fmt: skip


@pytest.mark.parametrize("attack", SHADOWED)
async def test_names_before_the_databases_own_deceive_no_rule(scene: Scene, attack: str) -> None:
    script, code = SHADOWED[attack]
    await scene.must_refuse(scene.urls.owner, IN_A_SCHEMA + script, code)


@pytest.mark.parametrize(
    ("table", "row", "code"),
    [
        ("postings", "{book} {entry} {bank} 7 3 2025-03-15 2025-03-01 CNY", UNBALANCED),
        ("postings", "{book} {new} {bank} 7 1 2025-03-15 2025-03-01 CNY", UNBALANCED),
        ("movements", "{book} {bank} 2025-03-01 2025-03-15 2025-03-15 0 500", APPEND_ONLY),
        ("movements", "{book} {cash} 2025-03-01 2025-03-15 2025-03-15 0 500", APPEND_ONLY),
    ],
)
async def test_copying_in_is_no_way_around_the_rules(scene: Scene, table: str, row: str, code: str) -> None:
    def copy_in(url: str) -> None:
        with (
            psycopg.connect(database.conninfo(url)) as connection,
            connection.cursor().copy(f"COPY ledger.{table} FROM STDIN".encode()) as copy,
        ):
            copy.write(row.format(**scene.names).replace(" ", "\t"))

    for url, expected in ((scene.urls.app, DENIED if table == "movements" else code), (scene.urls.owner, code)):
        async with nothing_changes(scene.keeper, scene.other):
            with pytest.raises(psycopg.Error) as refused:
                copy_in(url)
            assert refused.value.sqlstate == expected


async def test_the_last_lock_is_taken_back_by_telling_whose_it_was(scene: Scene) -> None:
    in_january = posted(on="2025-01-15", period="2025-01-01")
    assert scene.attack(scene.urls.app, in_january) == LOCKED
    assert scene.attack(scene.urls.app, reopened()) is None
    assert scene.attack(scene.urls.app, in_january) is None
    assert scene.attack(scene.urls.app, posted("bank 5, sales -5", "{newer}", key="more", on="2024-12-31",
                                               period="2024-12-01")) == LOCKED  # fmt: skip
    assert scene.attack(scene.urls.app, reopened("2024-12-01")) is None  # it has the same lock now
    assert scene.attack(scene.urls.app, LOCK_MARCH) is None


async def test_a_reopening_waits_for_the_entries_that_are_being_posted(scene: Scene) -> None:
    with psycopg.connect(database.conninfo(scene.urls.app)) as poster:
        poster.execute(posted().format(**scene.names).encode())
        assert scene.attack(scene.urls.app, IMPATIENT + reopened()) == STILL_WAITING
    assert scene.attack(scene.urls.app, reopened()) is None


IMPATIENT = "SET LOCAL lock_timeout = '50ms';\n"
LOCK_MARCH = "INSERT INTO ledger.period_locks (book_id, period, locked_by) VALUES ({book}, '2025-03-01', 'attack')"


async def test_an_entry_waits_for_a_lock_that_is_being_made(scene: Scene) -> None:
    with psycopg.connect(database.conninfo(scene.urls.app)) as locker:
        locker.execute(LOCK_MARCH.format(**scene.names).encode())
        for attempt in (posted(), posted(on="2025-04-01", period="2025-04-01")):
            assert scene.attack(scene.urls.app, IMPATIENT + attempt) == STILL_WAITING
    assert scene.attack(scene.urls.app, posted()) == LOCKED


async def test_a_lock_waits_for_the_entries_that_are_being_posted(scene: Scene) -> None:
    with psycopg.connect(database.conninfo(scene.urls.app)) as poster:
        poster.execute(posted().format(**scene.names).encode())
        assert scene.attack(scene.urls.app, IMPATIENT + LOCK_MARCH) == STILL_WAITING
    assert scene.attack(scene.urls.app, LOCK_MARCH) is None
