"""`clipledger doctor`: what is configured, reachable and missing, and what to do about it."""

import http.client
import json
import platform
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass
from importlib import metadata
from pathlib import Path
from typing import Any, Literal, LiteralString

import click
import psycopg
from alembic.script import ScriptDirectory
from psycopg import Connection
from rich.console import Console
from rich.table import Table

from clipledger import database, scheduler
from clipledger.database import APP_ROLE, DatabaseError, conninfo, database_urls
from clipledger.jobs import QUEUES
from clipledger.postgres import PostgresError
from clipledger.settings import Settings, SettingsError
from media.ffmpeg import ffmpeg_version
from settlement.payouts.rail_events import GIVEN_UP

ROOT = Path(__file__).parents[2]
GIGABYTE = 10**9
APPEND_ONLY = (
    "ledger.entries",
    "ledger.postings",
    "ledger.period_locks",
    "ledger.period_reopenings",
    "ledger.seals",
    "ledger.sealed_entries",
    "clipledger.audit_events",
)

SUBJECTS = (
    *("python", "packages", "ffmpeg", "settings", "disk"),
    *("database", "schema", "rights"),
    *("worker", "scheduler", "jobs", "rails", "web"),
)
Row = tuple[Any, ...]
State = Literal["good", "attention", "missing"]
MARKS: dict[State, str] = {"good": "[green]✓", "attention": "[yellow]![/]", "missing": "[red]✗"}


@dataclass(frozen=True)
class Finding:
    """What was found out about one subject. Only what is `missing` keeps the house from working."""

    subject: str
    state: State
    detail: str
    remedy: str = ""


@click.command()
@click.argument("subjects", nargs=-1, type=click.Choice(SUBJECTS))
@click.option("--json", "as_json", is_flag=True, help="For scripts: a list of findings.")
def doctor(subjects: tuple[str, ...], as_json: bool) -> None:
    """Say what is configured, reachable and missing.

    The exit code is 1 when something needed is missing. With SUBJECTS only these count, and all must be good.
    """
    found = _chosen(list(examine()), subjects)
    if as_json:
        click.echo(json.dumps([asdict(finding) for finding in found], indent=2, ensure_ascii=False))
    else:
        _print(found)
    if any(item.state == "missing" or (subjects and item.state != "good") for item in found):
        sys.exit(1)


def _chosen(found: list[Finding], subjects: tuple[str, ...]) -> list[Finding]:
    """Those asked for; where one of them could not be looked at, also what is missing for that."""
    chosen = [item for item in found if not subjects or item.subject in subjects]
    if {item.subject for item in chosen} >= set(subjects):
        return chosen
    return [item for item in found if item in chosen or item.state == "missing"]


def _print(found: list[Finding]) -> None:
    table = Table(box=None, pad_edge=False)
    for heading in ("", "subject", "found", "what to do"):
        table.add_column(heading, overflow="fold")
    for finding in found:
        table.add_row(MARKS[finding.state], finding.subject, finding.detail, finding.remedy)
    Console().print(table)


def examine() -> Iterator[Finding]:
    """All findings, each made when the ones before did not make it pointless."""
    yield python()
    yield packages()
    yield ffmpeg()
    try:
        settings = Settings.from_environment()
    except SettingsError as error:
        yield Finding("settings", "missing", str(error), "correct the environment variable")
        return
    own = "a database of its own" if not settings.database_url else "DATABASE_URL"
    yield Finding("settings", "good", f"{own}, files in {settings.var}, reached as {settings.public_url}")
    yield disk(settings)
    yield from _database(settings)
    yield web(settings)


# The machine -----------------------------------------------------------------------------------------------


def python() -> Finding:
    return Finding("python", "good", f"{platform.python_version()} in {sys.prefix}")


def packages() -> Finding:
    """Compared with the lock, as far as it holds for every machine."""
    lock = (ROOT / "requirements.lock").read_text()
    pins = dict(re.findall(r"^([\w.-]+)==(\S+) \\$", lock, re.MULTILINE))
    wrong = sorted(name for name, version in pins.items() if _installed(name) != version)
    if wrong:
        remedy = "pip install --require-hashes -r requirements.lock"
        return Finding("packages", "missing", f"not as locked: {', '.join(wrong)}", remedy)
    return Finding("packages", "good", f"{len(pins)}, as locked")


def ffmpeg() -> Finding:
    """The one that decodes videos."""
    try:
        binary, version = ffmpeg_version()
    except (RuntimeError, OSError, subprocess.SubprocessError) as error:
        return Finding("ffmpeg", "missing", f"none that runs: {error}", "apt install ffmpeg")
    return Finding("ffmpeg", "good", f"{version}, {binary}")


def _installed(name: str) -> str | None:
    try:
        return metadata.version(name)
    except metadata.PackageNotFoundError:
        return None


def disk(settings: Settings) -> Finding:
    place = next(folder for folder in (settings.var, *settings.var.parents) if folder.exists())
    free = shutil.disk_usage(place).free
    detail = f"{free / GIGABYTE:.1f} GB free for {settings.var}"
    if free < GIGABYTE:
        return Finding("disk", "missing", detail, "free at least 1 GB, or set CLIPLEDGER_VAR to another disk")
    if free < 10 * GIGABYTE:
        return Finding("disk", "attention", detail, "plan for more before it is full")
    return Finding("disk", "good", detail)


# The database ----------------------------------------------------------------------------------------------


def _database(settings: Settings) -> Iterator[Finding]:
    if not settings.database_url and not (settings.var / "postgres" / "data").exists():
        yield Finding("database", "missing", f"none yet in {settings.var}", "clipledger serve, or set DATABASE_URL")
        return
    try:
        with database_urls(settings) as urls:
            database.check_service_login(urls.app)
            with psycopg.connect(conninfo(urls.app), autocommit=True, connect_timeout=5) as connection:
                yield server(connection, embedded=not settings.database_url)
                yield (current := schema(connection))
                if current.state != "missing":
                    yield from (look(connection) for look in (rights, worker, elected, queue, rails))
    except (PostgresError, DatabaseError) as error:
        yield Finding("database", "missing", str(error))
    except psycopg.Error as error:
        yield Finding("database", "missing", " ".join(str(error).split()), "start the server, or correct DATABASE_URL")


def server(connection: Connection, *, embedded: bool) -> Finding:
    where = connection.info
    version = f"PostgreSQL {where.server_version // 10_000}.{where.server_version % 10_000}"
    place = "embedded" if embedded else f"{where.dbname} at {where.host}, as {where.user}"
    if where.server_version < database.OLDEST * 10_000:
        return Finding("database", "missing", f"{version}, {place}", f"use {database.OLDEST} or newer")
    return Finding("database", "good", f"{version}, {place}")


def schema(connection: Connection) -> Finding:
    """Compared with the newest migration that this code knows."""
    known = [script.revision for script in ScriptDirectory(str(database.MIGRATIONS)).walk_revisions()]
    found = None
    if _ask(connection, "SELECT has_table_privilege(to_regclass('public.alembic_version'), 'SELECT')")[0]:
        found = _ask(connection, "SELECT max(version_num) FROM public.alembic_version")[0]
    if found == known[0]:
        return Finding("schema", "good", f"at {found}, the newest")
    if found and found not in known:
        return Finding("schema", "attention", f"at {found}, newer than this code", "run the code that it is for")
    return Finding("schema", "missing", f"at {found or 'nothing'}, not {known[0]}", "clipledger db migrate")


def rights(connection: Connection) -> Finding:
    """That what is posted stays as it is shall not hang on good will."""
    changeable = _ask(connection, CHANGEABLE, {"role": APP_ROLE, "tables": list(APPEND_ONLY)})[0]
    if changeable:
        remedy = f"REVOKE UPDATE, DELETE, TRUNCATE ON {changeable} FROM {APP_ROLE}, and find out who granted it"
        return Finding("rights", "attention", f"{APP_ROLE} can change {changeable}", remedy)
    if _ask(connection, OWNS_TOO, {"role": APP_ROLE})[0]:
        detail = f"the service's login, {connection.info.user}, can act as the tables' owner"
        return Finding("rights", "attention", detail, "give the owner a login of its own: DATABASE_OWNER_URL")
    return Finding("rights", "good", "the service can't change what is append-only")


def _ask(connection: Connection, query: LiteralString, parameters: Mapping[str, Any] | None = None) -> Row:
    """The one row that answers."""
    row = connection.execute(query, parameters).fetchone()
    assert row
    return row


CHANGEABLE = """
    SELECT string_agg(name, ', ') FROM unnest(%(tables)s::text[]) AS name
    WHERE has_table_privilege(%(role)s, name, 'UPDATE, DELETE, TRUNCATE')
       OR has_any_column_privilege(%(role)s, name, 'UPDATE')
"""
OWNS_TOO = """
    SELECT pg_has_role(session_user, relowner, 'MEMBER') OR pg_has_role(%(role)s, relowner, 'MEMBER')
    FROM pg_class WHERE oid = 'ledger.entries'::regclass
"""

# The processes ---------------------------------------------------------------------------------------------


def worker(connection: Connection) -> Finding:
    alive = _ask(connection, WORKERS)[0]
    return _process("worker", f"{alive // len(QUEUES) or 1} at work" if alive else "")


def elected(connection: Connection) -> Finding:
    leads = connection.execute(scheduler.LEADER, [scheduler.LEADER_LOCK]).fetchone()
    return _process("scheduler", "one leads" if leads else "")


def web(settings: Settings) -> Finding:
    where = f"{settings.host}:{settings.port}"
    connection = http.client.HTTPConnection(settings.host, settings.port, timeout=5)
    try:
        connection.request("GET", "/ready")
        answer = connection.getresponse()
        text = answer.read(1000).decode(errors="replace")
    except (OSError, http.client.HTTPException):
        return _process("web", "")
    finally:
        connection.close()
    if answer.status != 200:
        return Finding("web", "attention", f"{where} answers {answer.status}: {text}", "see the log of clipledger web")
    return _process("web", f"ready at {where}")


def _process(name: str, alive: str) -> Finding:
    if alive:
        return Finding(name, "good", alive)
    return Finding(name, "attention", "none is running", f"clipledger serve, or clipledger {name}")


def queue(connection: Connection) -> Finding:
    failed, late = _ask(connection, TROUBLE)
    if failed or late:
        remedy = "see the log of clipledger worker" if failed else "see that a worker runs, or run more of them"
        return Finding("jobs", "attention", f"{failed} failed, {late} waiting for over ten minutes", remedy)
    return Finding("jobs", "good", "none failed, none waits for long")


def rails(connection: Connection) -> Finding:
    """By which payouts leave."""
    halted, given_up = _ask(connection, RAILS)
    if halted or given_up:
        remedy = f"see why: clipledger payouts {'rails' if halted else 'events'}"
        return Finding("rails", "attention", f"{halted} halted, {given_up} events of theirs given up", remedy)
    return Finding("rails", "good", "none is halted, no event of theirs was given up")


RAILS: LiteralString = f"""
    SELECT (SELECT count(*) FROM settlement.rail_halts WHERE ended_at IS NULL), (SELECT count(*) FROM {GIVEN_UP})
"""  # noqa: S608 - of constants
WORKERS = "SELECT count(*) FROM jobs.procrastinate_workers WHERE last_heartbeat > now() - interval '30 seconds'"
TROUBLE = """
    SELECT count(*) FILTER (WHERE status = 'failed'),
           count(*) FILTER (WHERE status = 'todo' AND due < now() - interval '10 minutes')
    FROM jobs.procrastinate_jobs j CROSS JOIN LATERAL (
        SELECT coalesce(j.scheduled_at, min(at)) FROM jobs.procrastinate_events WHERE job_id = j.id
    ) AS since (due)
"""
