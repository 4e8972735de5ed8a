"""`clipledger doctor` finds what is missing, says what to do, and tells scripts by its exit code."""

import asyncio
import json
import os
import socket
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import psycopg
import pytest
from click.testing import CliRunner, Result

from clipledger import jobs, scheduler
from clipledger.cli.doctor import SUBJECTS, doctor
from clipledger.cli.doctor import examine as found_now
from clipledger.database import DatabaseUrls, conninfo, downgrade
from clipledger.settings import Settings

Doctor = Callable[..., Result]


@pytest.fixture
def port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as free:
        return int(free.getsockname()[1])


@pytest.fixture
def examine(monkeypatch: pytest.MonkeyPatch, fresh_urls: DatabaseUrls, tmp_path: Path, port: int) -> Doctor:
    """Runs `clipledger doctor` on a database of the test's own; nothing else of the house runs."""
    monkeypatch.setenv("DATABASE_URL", fresh_urls.app)
    monkeypatch.setenv("DATABASE_OWNER_URL", fresh_urls.owner)
    monkeypatch.setenv("CLIPLEDGER_VAR", str(tmp_path))
    monkeypatch.setenv("CLIPLEDGER_PORT", str(port))

    def run(*arguments: str) -> Result:
        return CliRunner().invoke(doctor, ["--json", *arguments])

    return run


def findings(result: Result) -> dict[str, dict[str, str]]:
    found: list[dict[str, Any]] = json.loads(result.stdout)
    return {finding["subject"]: finding for finding in found}


def states(result: Result) -> dict[str, str]:
    return {subject: finding["state"] for subject, finding in findings(result).items()}


def change(urls: DatabaseUrls, statement: str) -> None:
    with psycopg.connect(conninfo(urls.owner)) as connection:
        connection.execute(statement)


def test_a_house_whose_processes_do_not_run_lacks_nothing_needed(examine: Doctor) -> None:
    result = examine()
    not_running = {subject for subject, state in states(result).items() if state == "attention"}
    assert not_running - {"rights"} == {"worker", "scheduler", "web"}
    assert "missing" not in states(result).values()
    assert result.exit_code == 0


def test_a_subject_that_is_named_has_to_be_good(examine: Doctor) -> None:
    assert examine("schema").exit_code == 0
    result = examine("worker", "web")
    assert states(result) == {"worker": "attention", "web": "attention"}
    assert result.exit_code == 1


def test_every_finding_that_is_not_good_says_what_to_do(examine: Doctor) -> None:
    for finding in findings(examine()).values():
        assert bool(finding["remedy"]) == (finding["state"] != "good")


async def test_a_worker_and_a_scheduler_that_run_are_seen(examine: Doctor, fresh_urls: DatabaseUrls) -> None:
    def looked_at() -> dict[str, str]:
        return {finding.subject: finding.state for finding in found_now()}

    parts = (jobs.work(fresh_urls.app, Settings.from_environment()), scheduler.schedule(fresh_urls.app))
    running = [asyncio.create_task(part) for part in parts]
    try:
        for _ in range(100):
            found = await asyncio.to_thread(looked_at)
            if found["worker"] == found["scheduler"] == "good":
                break
            await asyncio.sleep(0.1)
    finally:
        for task in running:
            task.cancel()
        await asyncio.gather(*running, return_exceptions=True)
    assert (found["worker"], found["scheduler"], found["jobs"]) == ("good", "good", "good")


def test_a_job_that_failed_and_one_that_waits_too_long_are_seen(examine: Doctor, fresh_urls: DatabaseUrls) -> None:
    change(
        fresh_urls,
        """
        SET search_path TO jobs;
        INSERT INTO procrastinate_jobs (queue_name, task_name, status) VALUES ('q', 'broken', 'failed');
        INSERT INTO procrastinate_jobs (queue_name, task_name) VALUES ('q', 'forgotten'), ('q', 'new');
        UPDATE procrastinate_events SET at = now() - interval '11 minutes'
        WHERE job_id = (SELECT id FROM procrastinate_jobs WHERE task_name = 'forgotten')
        """,
    )
    found = findings(examine("jobs"))["jobs"]
    assert (found["state"], found["detail"]) == ("attention", "1 failed, 1 waiting for over ten minutes")


def test_a_halted_rail_and_events_that_were_given_up_are_seen(examine: Doctor, fresh_urls: DatabaseUrls) -> None:
    assert findings(examine("rails"))["rails"]["state"] == "good"
    change(
        fresh_urls,
        """
        INSERT INTO settlement.rail_halts (rail, reason) VALUES ('stripe', 'the key is refused');
        INSERT INTO settlement.rail_events (event_id, rail, kind, created_at, payload, attempts)
        VALUES ('evt_1', 'stripe', 'x', now(), '{}', 16), ('evt_2', 'stripe', 'x', now(), '{}', 15)
        """,
    )
    found = findings(examine("rails"))["rails"]
    assert (found["state"], found["detail"]) == ("attention", "1 halted, 1 events of theirs given up")


def test_a_schema_that_is_not_the_newest_is_missing(examine: Doctor, fresh_urls: DatabaseUrls) -> None:
    downgrade(fresh_urls.owner, "0002")
    result = examine()
    assert findings(result)["schema"]["detail"].startswith("at 0002, not ")
    assert findings(result)["schema"]["remedy"] == "clipledger db migrate"
    assert result.exit_code == 1


def test_a_schema_newer_than_the_code_is_seen(examine: Doctor, fresh_urls: DatabaseUrls) -> None:
    change(fresh_urls, "UPDATE public.alembic_version SET version_num = '9999'")
    found = findings(examine())["schema"]
    assert (found["state"], found["detail"]) == ("attention", "at 9999, newer than this code")


def test_an_empty_database_is_told_to_migrate(examine: Doctor, fresh_urls: DatabaseUrls) -> None:
    downgrade(fresh_urls.owner, "base")
    result = examine()
    assert findings(result)["schema"]["detail"].startswith("at nothing, not ")
    assert result.exit_code == 1


@pytest.mark.parametrize("right", ["UPDATE", "DELETE", "TRUNCATE", "UPDATE (description)"])
def test_a_service_that_could_change_entries_is_warned_of(
    examine: Doctor, fresh_urls: DatabaseUrls, right: str
) -> None:
    change(fresh_urls, f"GRANT {right} ON ledger.entries TO clipledger_app")
    found = findings(examine("rights"))["rights"]
    assert found["state"] == "attention"
    assert found["detail"] == "clipledger_app can change ledger.entries"
    assert found["remedy"].startswith("REVOKE UPDATE, DELETE, TRUNCATE ON ledger.entries FROM clipledger_app")


@pytest.mark.skipif("DATABASE_URL" not in os.environ, reason="the embedded server has a login for each role")
def test_a_service_that_logs_in_as_the_owner_is_warned_of(examine: Doctor) -> None:
    found = findings(examine("rights"))["rights"]
    assert found["state"] == "attention"
    assert "DATABASE_OWNER_URL" in found["remedy"]


def test_a_server_that_does_not_answer_is_missing_whatever_was_asked_for(
    examine: Doctor, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DATABASE_URL", "postgresql://somebody:secret@127.0.0.1:1/nothing")
    result = examine("worker")
    assert states(result) == {"database": "missing"}
    assert "secret" not in result.output
    assert result.exit_code == 1


def test_a_wrong_setting_is_named(examine: Doctor, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CLIPLEDGER_PORT", "eighty")
    result = examine()
    assert "CLIPLEDGER_PORT='eighty'" in findings(result)["settings"]["detail"]
    assert result.exit_code == 1


def test_an_embedded_database_is_not_made_by_looking_for_it(
    examine: Doctor, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.delenv("DATABASE_URL")
    monkeypatch.delenv("DATABASE_OWNER_URL")
    result = examine("database")
    assert "none yet" in findings(result)["database"]["detail"]
    assert list(tmp_path.iterdir()) == []


def test_people_read_a_table(examine: Doctor) -> None:
    shown = CliRunner(env={"COLUMNS": "500"}).invoke(doctor).stdout
    assert tuple(line.split()[1] for line in shown.splitlines()[1:]) == SUBJECTS


def test_packages_that_are_not_as_locked_are_missing(
    examine: Doctor, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    (tmp_path / "requirements.lock").write_text("click==0.1 \\\nno-such-package==1.0 \\\nrich==1 ; win32 \\\n")
    monkeypatch.setattr(sys.modules[doctor.callback.__module__], "ROOT", tmp_path)
    found = findings(examine("packages"))["packages"]
    assert (found["state"], found["detail"]) == ("missing", "not as locked: click, no-such-package")
