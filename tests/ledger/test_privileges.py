"""What the service's role may do: read all, add, and nothing else. Tried with plain SQL."""

import psycopg
import pytest

from clipledger import database
from clipledger.database import DatabaseUrls
from tests.ledger.attacks import DENIED, Scene
from tests.ledger.bookkeeper import TABLES

NOT_THE_SERVICES = {
    "no triggers for this session": "SET session_replication_role = replica",
    "no triggers on a table": "ALTER TABLE ledger.postings DISABLE TRIGGER ALL",
    "a trigger less": "DROP TRIGGER apply_postings ON ledger.postings",
    "a trigger more": """
        CREATE TRIGGER attack AFTER INSERT ON ledger.postings EXECUTE FUNCTION ledger.refuse_change()""",
    "a function in the ledger": "CREATE FUNCTION ledger.attack() RETURNS integer LANGUAGE sql AS $$ SELECT 1 $$",
    "a function that replaces the ledger's": """
        CREATE OR REPLACE FUNCTION ledger.hold_periods_open(book bigint) RETURNS void LANGUAGE sql AS $$ SELECT $$""",
    "a table in the ledger": "CREATE TABLE ledger.attack (x integer)",
    "a table that inherits": "CREATE TEMP TABLE attack () INHERITS (ledger.postings)",
    "a rule": "CREATE RULE attack AS ON INSERT TO ledger.postings DO INSTEAD NOTHING",
    "a policy": "ALTER TABLE ledger.postings ENABLE ROW LEVEL SECURITY",
    "a constraint less": "ALTER TABLE ledger.entries DROP CONSTRAINT entries_idempotency_key",
    "an index less": "DROP INDEX ledger.entries_reversed_once",
    "a table less": "DROP TABLE ledger.movements",
    "a schema": "CREATE SCHEMA attack",
    "a function in the schema of all": "CREATE FUNCTION public.attack() RETURNS integer LANGUAGE sql AS $$ SELECT 1 $$",
    "numbers that begin again": "SELECT setval('ledger.entry_id', 1)",
    "a currency": "INSERT INTO ledger.currencies VALUES ('XXX', 2)",
    "a book's number": """
        INSERT INTO ledger.books (book_id, slug, name, time_zone) OVERRIDING SYSTEM VALUE
        VALUES (987654321, 'attack', 'A', 'UTC')""",
    "an account's number": """
        INSERT INTO ledger.accounts (book_id, account_id, code, currency) OVERRIDING SYSTEM VALUE
        VALUES ({other}, {bank}, 'assets:x', 'CNY')""",
    "when a lock was made": """
        INSERT INTO ledger.period_locks (book_id, period, locked_by, locked_at)
        VALUES ({book}, '2025-02-01', 'attack', '2025-03-01')""",
    "when a lock was taken back": """
        INSERT INTO ledger.period_reopenings
            (book_id, period, locked_at, locked_by, reopened_by, reason, reopened_at)
        SELECT book_id, period, locked_at, locked_by, 'attack', 'attack', '2025-03-01'
        FROM ledger.period_locks WHERE book_id = {book}""",
    "a lock less": "DELETE FROM ledger.period_locks WHERE book_id = {book}",
    "another's lock, taken back by a table of its own": """
        CREATE TEMP TABLE attack (LIKE ledger.period_reopenings INCLUDING DEFAULTS);
        CREATE TRIGGER attack AFTER INSERT ON attack REFERENCING NEW TABLE AS arrived
            FOR EACH STATEMENT EXECUTE FUNCTION ledger.accept_reopenings();
        INSERT INTO attack SELECT book_id, period, locked_at, locked_by, now(), 'attack', 'attack'
        FROM ledger.period_locks WHERE book_id = {book}""",
    "a deletion one trigger deep": """
        CREATE TEMP TABLE attack (x integer);
        CREATE FUNCTION pg_temp.attack() RETURNS trigger LANGUAGE plpgsql AS
            'BEGIN DELETE FROM ledger.period_locks WHERE book_id = {book}; RETURN NULL; END';
        CREATE TRIGGER attack AFTER INSERT ON attack FOR EACH STATEMENT EXECUTE FUNCTION pg_temp.attack();
        INSERT INTO attack VALUES (1)""",
    "when a seal was made": """
        INSERT INTO ledger.seals (book_id, seal_no, entry_count, merkle_root, seal_hash, last_transaction_id,
                                  last_entry_id, sealed_at)
        SELECT book_id, seal_no + 1, entry_count, merkle_root, seal_hash, last_transaction_id, last_entry_id, sealed_at
        FROM ledger.seals WHERE book_id = {book}""",
    # The function adds movements with its owner's rights, for every line that its table is given.
    "a table of its own under the ledger's trigger": """
        CREATE TEMP TABLE attack (LIKE ledger.postings);
        CREATE TRIGGER attack AFTER INSERT ON attack REFERENCING NEW TABLE AS arrived
            FOR EACH STATEMENT EXECUTE FUNCTION ledger.apply_postings();
        INSERT INTO attack SELECT * FROM ledger.postings WHERE book_id = {book} AND entry_id = {entry}""",
}  # fmt: skip


@pytest.mark.parametrize("attack", NOT_THE_SERVICES)
async def test_the_service_cannot_take_what_it_was_not_given(scene: Scene, attack: str) -> None:
    await scene.must_refuse(scene.urls.app, NOT_THE_SERVICES[attack], DENIED)


async def test_the_service_may_read_all_and_write_only_what_it_adds(urls: DatabaseUrls) -> None:
    query = """
        SELECT relname, privilege_type FROM pg_class, aclexplode(relacl)
        WHERE relnamespace = 'ledger'::regnamespace AND grantee <> relowner
        UNION SELECT proname, privilege_type FROM pg_proc, aclexplode(coalesce(proacl, acldefault('f', proowner)))
        WHERE pronamespace = 'ledger'::regnamespace AND grantee <> proowner"""
    with psycopg.connect(database.conninfo(urls.app)) as connection:
        granted = set(connection.execute(query).fetchall())
    assert granted == {
        *((table, "SELECT") for table in (*TABLES, "currencies")),
        ("postings", "INSERT"),
        ("sealed_entries", "INSERT"),
        ("entry_id", "USAGE"),
        ("find_accounts", "EXECUTE"),
        ("hold_periods_open", "EXECUTE"),
        ("post_entries", "EXECUTE"),
    }


async def test_no_function_runs_with_its_owners_rights_and_the_callers_names(urls: DatabaseUrls) -> None:
    query = """
        SELECT proname, proconfig FROM pg_proc WHERE pronamespace = 'ledger'::regnamespace AND prosecdef"""
    with psycopg.connect(database.conninfo(urls.app)) as connection:
        found: dict[str, list[str] | None] = dict(connection.execute(query).fetchall())
    assert set(found) == {"accept_entries", "accept_reopenings", "apply_postings"}
    assert all(settings and "search_path=pg_catalog, pg_temp" in settings for settings in found.values())
