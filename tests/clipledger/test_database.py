"""The schema and the logins on a real server: what migrations promise, and what the service's role may not do."""

import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest
from click.testing import CliRunner
from psycopg import errors
from psycopg.conninfo import conninfo_to_dict
from sqlalchemy import text
from sqlalchemy.exc import ProgrammingError
from sqlalchemy.ext.asyncio import AsyncEngine

from clipledger import database, postgres
from clipledger.cli.db import db
from clipledger.database import DatabaseUrls, OldServerError, PrivilegeError, SchemaDriftError

ROOT = Path(__file__).parents[2]

OURS = "('ledger', 'licensing', 'media', 'settlement', 'clipledger', 'jobs')"

SHAPE = f"""
    WITH ours AS (SELECT oid, nspname FROM pg_namespace WHERE nspname IN {OURS})
    SELECT 'column', c.oid::regclass::text, attname::text,
           concat_ws(' ', format_type(atttypid, atttypmod), attnotnull, attidentity, attgenerated), relacl::text
      FROM pg_attribute a JOIN pg_class c ON c.oid = attrelid JOIN ours ON ours.oid = relnamespace
     WHERE attnum > 0 AND NOT attisdropped
    UNION ALL
    SELECT 'constraint', conrelid::regclass::text, conname, pg_get_constraintdef(c.oid), NULL
      FROM pg_constraint c JOIN ours ON ours.oid = connamespace
    UNION ALL
    SELECT 'index', indrelid::regclass::text, indexrelid::regclass::text, pg_get_indexdef(indexrelid), NULL
      FROM pg_index JOIN pg_class c ON c.oid = indexrelid JOIN ours ON ours.oid = relnamespace
    UNION ALL
    SELECT 'function', p.oid::regprocedure::text, NULL, md5(prosrc), proacl::text
      FROM pg_proc p JOIN ours ON ours.oid = pronamespace
    UNION ALL
    SELECT 'trigger', tgrelid::regclass::text, tgname, pg_get_triggerdef(t.oid), NULL
      FROM pg_trigger t JOIN pg_class c ON c.oid = tgrelid JOIN ours ON ours.oid = relnamespace
     WHERE NOT tgisinternal
    ORDER BY 1, 2, 3, 4
"""


def run(url: str, statement: str) -> None:
    with psycopg.connect(database.conninfo(url), autocommit=True) as connection:
        connection.execute(statement.encode())


def rows(url: str, query: str) -> list[tuple[object, ...]]:
    with psycopg.connect(database.conninfo(url), autocommit=True) as connection:
        return connection.execute(query.encode()).fetchall()


# The schema -------------------------------------------------------------------------------------------------


def test_migrations_go_up_down_and_up_again_to_the_same_schema(fresh_urls: DatabaseUrls) -> None:
    before = rows(fresh_urls.owner, SHAPE)
    assert len(before) > 50

    database.downgrade(fresh_urls.owner, "base")
    assert rows(fresh_urls.owner, f"SELECT nspname FROM pg_namespace WHERE nspname IN {OURS}") == []

    database.migrate(fresh_urls.owner)
    assert rows(fresh_urls.owner, SHAPE) == before


def test_who_took_a_step_before_that_was_kept_is_found_in_the_trail(fresh_urls: DatabaseUrls) -> None:
    database.downgrade(fresh_urls.owner, "0013")
    run(
        fresh_urls.owner,
        """
        INSERT INTO settlement.payout_runs (book_id, rail, basis, pay_on, state, submitted_by, created_by) VALUES
            (1, 'stripe', 'available', '2026-10-05', 'done', 1, 'x'),
            (1, 'stripe', 'available', '2026-10-05', 'submitted', 1, 'x');
        INSERT INTO settlement.payout_run_events (book_id, run_id, event_no, action, state, user_id, actor) VALUES
            (1, 1, 1, 'submitted', 'submitted', 1, 'x'), (1, 1, 2, 'approved', 'sending', 2, 'x'),
            (1, 1, 3, 'finished', 'done', NULL, 'system');
        INSERT INTO settlement.closings (book_id, month, state, submitted_by, revision) VALUES
            (1, '2026-08-01', 'issued', 1, 1), (1, '2026-09-01', 'draft', 1, 2);
        INSERT INTO settlement.closing_events (book_id, month, event_no, action, state, user_id, actor, revision) VALUES
            (1, '2026-08-01', 1, 'approved', 'issued', 2, 'x', 1),
            (1, '2026-09-01', 1, 'approved', 'issued', 2, 'x', 1),
            (1, '2026-09-01', 2, 'reopening-asked', 'issued', 3, 'x', 1),
            (1, '2026-09-01', 3, 'reopened', 'open', 4, 'x', 2);
        """,
    )
    database.migrate(fresh_urls.owner)
    assert rows(fresh_urls.owner, "SELECT approved_by FROM settlement.payout_runs ORDER BY run_id") == [(2,), (None,)]
    people = "SELECT approved_by, asked_by, reopened_by FROM settlement.closings ORDER BY month"
    assert rows(fresh_urls.owner, people) == [(2, None, None), (None, 3, 4)]


def test_the_tables_declared_in_python_are_those_of_the_migrations(urls: DatabaseUrls) -> None:
    database.check(urls.owner)


@pytest.mark.parametrize(
    ("change", "told"),
    [
        ("ALTER TABLE ledger.books ADD COLUMN colour text", "colour"),
        ("ALTER TABLE ledger.books DROP COLUMN time_zone", "time_zone"),
        ("ALTER TABLE ledger.books ALTER COLUMN opened_at DROP DEFAULT", "opened_at"),
        ("ALTER TABLE ledger.books ALTER COLUMN name DROP NOT NULL", "name"),
        ("ALTER TABLE ledger.books DROP CONSTRAINT books_slug_key", "slug"),
        ("CREATE TABLE clipledger.notes (note text)", "notes"),
    ],
)
def test_a_schema_changed_by_hand_is_noticed(fresh_urls: DatabaseUrls, change: str, told: str) -> None:
    run(fresh_urls.owner, change)

    with pytest.raises(SchemaDriftError, match=told):
        database.check(fresh_urls.owner)


def test_two_migrations_at_once_wait_for_each_other(fresh_urls: DatabaseUrls) -> None:
    before = rows(fresh_urls.owner, SHAPE)
    database.downgrade(fresh_urls.owner, "base")
    program = "import sys; from clipledger import database; database.migrate(sys.argv[1])"
    command = [sys.executable, "-c", program, fresh_urls.owner]
    both = [subprocess.Popen(command, cwd=ROOT, stderr=subprocess.PIPE, text=True) for _ in range(2)]

    assert [process.communicate(timeout=60)[1] for process in both] == ["", ""]
    assert rows(fresh_urls.owner, SHAPE) == before


def test_a_migration_that_fails_leaves_the_state_before_it(fresh_urls: DatabaseUrls) -> None:
    before = rows(fresh_urls.owner, SHAPE)
    database.downgrade(fresh_urls.owner, "0002")
    run(fresh_urls.owner, "CREATE SCHEMA jobs")

    with pytest.raises(ProgrammingError, match='schema "jobs" already exists'):
        database.migrate(fresh_urls.owner)
    assert rows(fresh_urls.owner, "SELECT version_num FROM public.alembic_version") == [("0002",)]

    run(fresh_urls.owner, "DROP SCHEMA jobs")
    database.migrate(fresh_urls.owner)
    assert rows(fresh_urls.owner, SHAPE) == before


# The service's role -----------------------------------------------------------------------------------------


async def test_the_service_acts_as_its_role_and_says_who_it_is(app_engine: AsyncEngine) -> None:
    async with app_engine.connect() as connection:
        row = await connection.execute(text("SELECT current_user, current_setting('application_name')"))

    assert row.one() == ("clipledger_app", "clipledger")


@pytest.mark.parametrize(
    "statement",
    [
        "CREATE TABLE public.mine ()",
        "CREATE TABLE ledger.mine ()",
        "CREATE TABLE clipledger.mine ()",
        "CREATE TABLE jobs.mine ()",
        "CREATE FUNCTION ledger.mine() RETURNS int LANGUAGE sql AS 'SELECT 1'",
        "CREATE SCHEMA mine",
        "ALTER TABLE ledger.postings DISABLE TRIGGER ALL",
        "ALTER TABLE ledger.books ADD COLUMN mine int",
        "ALTER TABLE ledger.books OWNER TO clipledger_app",
        "ALTER SCHEMA ledger RENAME TO mine",
        "DROP TABLE ledger.books CASCADE",
        "DROP SCHEMA ledger CASCADE",
        "TRUNCATE ledger.postings",
        "UPDATE public.alembic_version SET version_num = 'mine'",
        "SET session_replication_role = replica",
    ],
)
def test_the_service_cannot_change_the_schema(urls: DatabaseUrls, statement: str) -> None:
    with pytest.raises(errors.InsufficientPrivilege):
        run(urls.app, statement)


def test_the_service_owns_nothing(urls: DatabaseUrls) -> None:
    query = f"""
        SELECT relname FROM pg_class JOIN pg_namespace n ON n.oid = relnamespace
         WHERE nspname IN {OURS} AND relowner = 'clipledger_app'::regrole
        UNION ALL
        SELECT proname FROM pg_proc JOIN pg_namespace n ON n.oid = pronamespace
         WHERE nspname IN {OURS} AND proowner = 'clipledger_app'::regrole
        UNION ALL
        SELECT nspname FROM pg_namespace WHERE nspowner = 'clipledger_app'::regrole
    """
    assert rows(urls.owner, query) == []


# Somebody else's server -------------------------------------------------------------------------------------


@pytest.fixture
def empty_server(var: Path) -> Iterator[postgres.Server]:
    """A server without our roles, with a database `clips` that belongs to its superuser."""
    with postgres.running(var / "postgres") as server:
        run(server.url("postgres", "postgres"), "CREATE DATABASE clips")
        yield server


def administer(server: postgres.Server, *statements: str) -> None:
    for statement in statements:
        run(server.url("postgres", "clips"), statement)


def test_a_login_without_privileges_is_told_what_an_administrator_has_to_run(empty_server: postgres.Server) -> None:
    administer(empty_server, "CREATE ROLE someone LOGIN")
    urls = database.external_urls(empty_server.url("someone", "clips"))

    with pytest.raises(PrivilegeError) as caught:
        database.migrate(urls.owner)
    assert caught.value.statements == [
        'CREATE ROLE "clipledger_app";',
        'GRANT CREATE ON DATABASE "clips" TO "someone";',
        'GRANT CREATE ON SCHEMA public TO "someone";',
    ]
    assert all(statement in str(caught.value) for statement in caught.value.statements)

    administer(empty_server, *caught.value.statements)
    database.migrate(urls.owner)
    with pytest.raises(PrivilegeError) as caught:
        database.check_service_login(urls.app)
    assert caught.value.statements == ['GRANT "clipledger_app" TO "someone";']

    administer(empty_server, *caught.value.statements)
    database.check_service_login(urls.app)
    assert rows(urls.app, "SELECT session_user, current_user") == [("someone", "clipledger_app")]


def test_a_single_login_that_may_make_roles_needs_nobody(empty_server: postgres.Server) -> None:
    # Named like a schema of ours, which its default search path would put first.
    administer(empty_server, "CREATE ROLE ledger LOGIN CREATEROLE", "ALTER DATABASE clips OWNER TO ledger")
    urls = database.external_urls(empty_server.url("ledger", "clips"))

    database.migrate(urls.owner)

    database.check(urls.owner)
    database.check_service_login(urls.app)
    assert rows(urls.app, "SELECT session_user, current_user") == [("ledger", "clipledger_app")]
    with pytest.raises(errors.InsufficientPrivilege):
        run(urls.app, "CREATE TABLE ledger.mine ()")


def test_a_service_with_a_login_of_its_own_must_be_a_member_of_the_role(empty_server: postgres.Server) -> None:
    administer(empty_server, "CREATE ROLE keeper LOGIN CREATEROLE", "ALTER DATABASE clips OWNER TO keeper")
    administer(empty_server, "CREATE ROLE service LOGIN")
    urls = database.external_urls(empty_server.url("service", "clips"), empty_server.url("keeper", "clips"))
    with pytest.raises(PrivilegeError) as caught:
        database.check_service_login(urls.app)
    assert caught.value.statements == ['CREATE ROLE "clipledger_app";', 'GRANT "clipledger_app" TO "service";']

    database.migrate(urls.owner)
    with pytest.raises(PrivilegeError) as caught:
        database.check_service_login(urls.app)
    administer(empty_server, *caught.value.statements)

    database.check_service_login(urls.app)
    assert rows(urls.app, "SELECT current_user FROM (SELECT count(*) FROM ledger.books) AS read") == [("service",)]
    with pytest.raises(errors.InsufficientPrivilege):
        run(urls.app, "CREATE TABLE ledger.mine ()")


async def test_a_server_that_is_too_old_is_refused(urls: DatabaseUrls, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(database, "OLDEST", 99)
    engine = database.create_engine(urls.app)

    with pytest.raises(OldServerError, match="needs PostgreSQL 99"):
        database.migrate(urls.owner)
    with pytest.raises(OldServerError, match="needs PostgreSQL 99"):
        async with engine.connect():
            pass
    await engine.dispose()


@pytest.mark.parametrize("scheme", ["postgres", "postgresql", "postgresql+psycopg"])
def test_a_url_keeps_what_it_says_and_takes_the_role_in_addition(scheme: str) -> None:
    given = f"{scheme}://me:p%40ss%20w%2Fo+rd%27@db.example:6432/clips?sslmode=require&options=-c%20jit%3Doff"

    urls = database.external_urls(given)

    expected = {"host": "db.example", "port": "6432", "user": "me", "password": "p@ss w/o+rd'", "dbname": "clips"}
    expected |= {"sslmode": "require"}
    assert conninfo_to_dict(database.conninfo(urls.owner)) == expected | {"options": "-c jit=off"}
    assert conninfo_to_dict(database.conninfo(urls.app)) == expected | {"options": "-c jit=off -c role=clipledger_app"}
    assert "p@ss" not in repr(urls)


# The command line -------------------------------------------------------------------------------------------


def test_the_command_line_migrates_checks_and_takes_back(var: Path) -> None:
    def command(*arguments: str) -> tuple[int, str]:
        env = {"CLIPLEDGER_VAR": str(var), "DATABASE_URL": None, "DATABASE_OWNER_URL": None}
        result = CliRunner().invoke(db, arguments, env=env)
        return result.exit_code, result.output

    assert command("migrate") == (0, "The schema is at head.\n")
    assert command("check") == (0, "The schema is what the code declares.\n")
    assert f"user={database.OWNER_ROLE}" in command("url", "--owner")[1]
    assert command("psql", "-c", r"\q")[0] == 0
    assert command("downgrade", "base", "--yes") == (0, "The schema is at base.\n")
    assert command("check") == (1, "Error: Target database is not up to date.\n")
    assert command("migrate", "nowhere") == (1, "Error: Can't locate revision identified by 'nowhere'\n")


def test_a_database_out_of_reach_ends_a_command_with_one_clear_error() -> None:
    env = {"DATABASE_URL": "postgresql://me:s3cret@127.0.0.1:1/clips", "DATABASE_OWNER_URL": None}

    result = CliRunner().invoke(db, ["migrate"], env=env)

    assert result.exit_code == 1
    assert "127.0.0.1" in result.output
    assert "s3cret" not in result.output
