"""What an operator relies on: probes, metrics, request ids, logs, headers."""

import json
import os
import subprocess
import sys
from typing import Any

import pytest
from httpx import AsyncClient
from sqlalchemy import text
from sqlalchemy.engine import make_url
from sqlalchemy.ext.asyncio import AsyncEngine

from clipledger.database import DatabaseUrls, create_engine
from clipledger.settings import Settings
from clipledger.web.app import create_app
from tests.clipledger.front_door import Company, client_of


async def test_alive_and_ready(client: AsyncClient) -> None:
    health, ready = await client.get("/health"), await client.get("/ready")

    assert (health.status_code, health.json()) == (200, {"status": "alive"})
    assert ready.status_code == 200
    assert ready.json()["schema_revision"] == ready.json()["expected_revision"]


async def test_without_a_database_it_is_alive_but_not_ready(settings: Settings, unreachable: AsyncEngine) -> None:
    async with client_of(create_app(settings, unreachable)) as client:
        health, ready = await client.get("/health"), await client.get("/ready")

    assert health.status_code == 200
    assert ready.status_code == 503
    assert ready.json()["database"] == "unreachable"


async def test_with_another_schema_it_is_not_ready(settings: Settings, fresh_urls: DatabaseUrls) -> None:
    owner, engine = create_engine(fresh_urls.owner), create_engine(fresh_urls.app)
    async with owner.begin() as connection:
        await connection.execute(text("UPDATE public.alembic_version SET version_num = '0001'"))
    async with client_of(create_app(settings, engine)) as client:
        ready = await client.get("/ready")
    await owner.dispose()
    await engine.dispose()

    assert ready.status_code == 503
    assert ready.json()["schema_revision"] == "0001"


async def test_metrics_count_by_route_and_true_status(client: AsyncClient, company: Company) -> None:
    await client.get(f"/v1/books/{company.book}/notes", headers=company.finance.bearer)
    await client.get(f"/v1/books/{company.book}/notes")
    metrics = (await client.get("/metrics")).text

    for status in (200, 401):
        labels = f'method="GET",path="/v1/books/{{book}}/notes",status_code="{status}"'
        assert labels in metrics
    assert company.book not in metrics


@pytest.mark.parametrize("sane", ["abc-123", "2026.11_x", "a" * 128])
async def test_a_sane_request_id_is_kept(client: AsyncClient, sane: str) -> None:
    answer = await client.get("/health", headers={"X-Request-Id": sane})

    assert answer.headers["x-request-id"] == sane


@pytest.mark.parametrize("wild", ["", "a b", "<script>", "a" * 129, "a\tb"])
async def test_any_other_is_replaced_by_one_of_ours(client: AsyncClient, wild: str) -> None:
    answers = [await client.get("/health", headers={"X-Request-Id": wild}) for _ in range(2)]

    ids = {answer.headers["x-request-id"] for answer in answers}
    assert len(ids) == 2
    assert wild not in ids


async def test_a_request_has_one_line_in_the_log(
    client: AsyncClient, company: Company, logged: list[dict[str, Any]]
) -> None:
    await client.get(
        f"/v1/books/{company.book}/notes?secret=hidden", headers={**company.finance.bearer, "X-Request-Id": "one"}
    )

    (line,) = [entry for entry in logged if entry["event"] == "request"]
    assert line["request_id"] == "one"
    assert line["method"] == "GET"
    assert line["path"] == f"/v1/books/{company.book}/notes"
    assert line["status"] == 200
    assert line["ip"] == "127.0.0.9"
    assert line["actor"].startswith("key:")
    assert line["ms"] > 0
    assert "hidden" not in str(logged)
    assert company.finance.token not in str(logged)


@pytest.mark.parametrize("path", ["/health", "/v1/session", "/nowhere", "/docs"])
async def test_every_answer_has_the_security_headers(client: AsyncClient, path: str) -> None:
    headers = (await client.get(path)).headers

    assert headers["x-content-type-options"] == "nosniff"
    assert headers["referrer-policy"] == "no-referrer"
    assert headers["x-frame-options"] == "DENY"
    assert "default-src 'none'" in headers["content-security-policy"]
    assert "frame-ancestors 'none'" in headers["content-security-policy"]
    assert "unsafe" not in headers["content-security-policy"]
    assert "strict-transport-security" not in headers


async def test_over_https_browsers_are_told_to_stay_there(app_engine: AsyncEngine) -> None:
    settings = Settings.from_environment({"CLIPLEDGER_PUBLIC_URL": "https://clips.example"})
    async with client_of(create_app(settings, app_engine)) as client:
        answer = await client.get("/nowhere")

    assert "max-age=31536000" in answer.headers["strict-transport-security"]


async def test_options_need_no_credentials(client: AsyncClient) -> None:
    answer = await client.options("/v1/users")

    assert answer.status_code == 204
    assert "OPTIONS" in answer.headers["allow"]


async def test_the_application_closes_its_connections_at_the_end(settings: Settings, fresh_urls: DatabaseUrls) -> None:
    engine = create_engine(fresh_urls.app)
    app = create_app(settings, engine)
    async with app.lifespan(), client_of(app) as client:
        await client.get("/ready")
        before = engine.pool
    assert engine.pool is not before  # dispose() leaves an empty pool in its place


def test_logs_are_one_json_object_a_line_also_those_of_other_libraries() -> None:
    program = """
import logging, structlog
from clipledger.web.logs import configure_logs
configure_logs()
password = "hunter2 in a local variable"
try:
    1 / 0
except ZeroDivisionError:
    structlog.get_logger().exception("ours", book="linas-shop")
logging.getLogger("theirs").warning("theirs")
"""
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    ours, theirs = map(json.loads, done.stderr.splitlines())

    assert (ours["event"], ours["level"], ours["book"]) == ("ours", "error", "linas-shop")
    assert "ZeroDivisionError" in ours["exception"]
    assert "hunter2" not in done.stderr
    assert (theirs["event"], theirs["level"]) == ("theirs", "warning")


def test_a_server_can_import_the_application_made_from_the_environment(urls: DatabaseUrls) -> None:
    program = "from clipledger.web.app import app_from_environment; print(app_from_environment().routes[0].path)"
    url = make_url(urls.owner).set(drivername="postgresql").render_as_string(hide_password=False)
    env = {**os.environ, "DATABASE_URL": url}
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, env=env, check=True)

    assert done.stdout.startswith("/")
