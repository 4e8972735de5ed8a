"""`clipledger stripe-sandbox` as a process, and Stripe's own SDK on it over loopback."""

import asyncio
import json
import socket
import threading
from collections.abc import AsyncIterator, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import httpx
import pytest
import stripe
from click.testing import CliRunner

from clipledger.cli.stripe_sandbox import stripe_sandbox
from clipledger.stripe_sandbox import API_KEY
from clipledger.stripe_sandbox.events import API_VERSION
from clipledger.stripe_sandbox.journal import Journal
from clipledger.stripe_sandbox.server import Application
from tests.clipledger.sandbox_process import serving


@pytest.fixture(scope="module")
def url(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """Where the sandbox listens, for all tests of this module."""
    log = tmp_path_factory.mktemp("sandbox") / "log"
    with serving(log) as address:
        yield address
    assert "This is not Stripe" in log.read_text()


@pytest.fixture
async def client(url: str) -> AsyncIterator[stripe.StripeClient]:
    http = stripe.HTTPXClient(timeout=0.5)
    yield stripe.StripeClient(API_KEY, base_addresses={"api": url}, http_client=http, stripe_version=API_VERSION)
    await http.close_async()  # type: ignore[no-untyped-call]


@pytest.fixture
async def sandbox(url: str) -> AsyncIterator[httpx.AsyncClient]:
    """The control endpoints; no fault is left behind."""
    async with httpx.AsyncClient(base_url=f"{url}/_sandbox/") as control:
        yield control
        await control.post("faults", json={})


async def ready_account(client: stripe.StripeClient, sandbox: httpx.AsyncClient) -> str:
    account = await client.v1.accounts.create_async(
        {"type": "express", "capabilities": {"transfers": {"requested": True}}}
    )
    assert (await sandbox.post(f"accounts/{account.id}/onboard")).json()["payouts_enabled"]
    return account.id


async def test_it_says_that_it_is_not_stripe(url: str) -> None:
    async with httpx.AsyncClient(base_url=url) as browser:
        page = await browser.get("/")
        assert "This is not Stripe" in page.text
        for path in ("/", "/v1/balance", "/_sandbox/"):
            assert (await browser.get(path)).headers["server"] == "clipledger-stripe-sandbox (not Stripe)"


async def test_a_payout_over_http_from_funding_to_the_bank(
    client: stripe.StripeClient, sandbox: httpx.AsyncClient
) -> None:
    await sandbox.post("fund", json={"amount": 100_00, "currency": "eur"})
    ana = await ready_account(client, sandbox)
    params: Any = {"amount": 30_00, "currency": "eur", "destination": ana, "transfer_group": "http"}
    first = await client.v1.transfers.create_async(params, {"idempotency_key": "http-1"})
    again = await client.v1.transfers.create_async(params, {"idempotency_key": "http-1"})
    assert first.id == again.id
    found = await client.v1.transfers.list_async({"transfer_group": "http", "expand": ["data.balance_transaction"]})
    assert [one.balance_transaction.net for one in found] == [-30_00]  # type: ignore[union-attr]
    assert (
        await sandbox.post(f"accounts/{ana}/bank", json={"number": "000123456789", "currency": "eur"})
    ).status_code == 200
    assert (await sandbox.post("advance", json={"seconds": 5 * 86_400})).status_code == 200
    [payout] = (await client.v1.payouts.list_async({}, {"stripe_account": ana})).data
    assert (payout.amount, payout.status) == (30_00, "paid")
    failed = await sandbox.post(f"payouts/{payout.id}/fail", json={"failure_code": "no_account"})
    assert failed.json()["failure_code"] == "no_account"
    assert (await sandbox.post(f"transfers/{first.id}/reverse")).json()["amount"] == 30_00


@pytest.mark.parametrize(
    ("kind", "effect"),
    [("timeout_before", 0), ("timeout_after", 1), ("dropped_before", 0), ("dropped_after", 1), ("malformed", 1)],
)
async def test_connections_break_before_and_after_the_effect(
    client: stripe.StripeClient, sandbox: httpx.AsyncClient, kind: str, effect: int
) -> None:
    await sandbox.post("fund", json={"amount": 10})
    ana = await ready_account(client, sandbox)
    await sandbox.post("faults", json={"calls": [{"kind": kind}]})
    raised = stripe.APIError if kind == "malformed" else stripe.APIConnectionError
    with pytest.raises(raised):
        await client.v1.transfers.create_async({"amount": 1, "currency": "usd", "destination": ana})
    assert len((await client.v1.transfers.list_async({"destination": ana})).data) == effect


class Receiver(ThreadingHTTPServer):
    """Takes webhooks, and keeps them with their signatures."""

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.got: list[tuple[bytes, str]] = []

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_port}/"


class Handler(BaseHTTPRequestHandler):
    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"]))
        assert isinstance(self.server, Receiver)
        self.server.got.append((body, self.headers["Stripe-Signature"]))
        self.send_response(200)
        self.end_headers()

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 - the base class's name
        """Quiet."""


async def test_webhooks_arrive_by_themselves_and_the_sdk_takes_their_signatures(
    client: stripe.StripeClient, sandbox: httpx.AsyncClient
) -> None:
    with Receiver() as receiver:
        threading.Thread(target=receiver.serve_forever, daemon=True).start()
        endpoint = await client.v1.webhook_endpoints.create_async(
            {"url": receiver.url, "enabled_events": ["account.updated", "capability.updated"], "connect": True}
        )
        ana = await ready_account(client, sandbox)
        for _ in range(100):
            if len(receiver.got) == 2:
                break
            await asyncio.sleep(0.05)
        receiver.shutdown()
        await client.v1.webhook_endpoints.delete_async(endpoint.id)
    events = [stripe.Webhook.construct_event(body, signature, endpoint.secret) for body, signature in receiver.got]
    assert [(event.type, event.account) for event in events] == [("account.updated", ana), ("capability.updated", ana)]


async def test_an_onboarding_link_works_once(client: stripe.StripeClient) -> None:
    account = await client.v1.accounts.create_async({"capabilities": {"transfers": {"requested": True}}})
    link = await client.v1.account_links.create_async(
        {
            "account": account.id,
            "type": "account_onboarding",
            "return_url": "http://house.test/back",
            "refresh_url": "http://house.test/again",
        }
    )
    async with httpx.AsyncClient() as browser:
        page = await browser.get(link.url)
        assert "This is not Stripe" in page.text
        assert account.id in page.text
        done = await browser.post(link.url)
        assert (done.status_code, done.headers["location"]) == (303, "http://house.test/back")
        assert (await browser.get(link.url)).headers["location"] == "http://house.test/again"
    assert (await client.v1.accounts.retrieve_async(account.id)).payouts_enabled


@pytest.mark.parametrize(
    ("path", "body", "status"),
    [
        ("fund", {"amount": -5}, 400),
        ("fund", {"amount": 5, "currency": "xyz"}, 400),
        ("fund", {"amount": 5, "colour": "red"}, 400),
        ("faults", {"calls": [{"kind": "bad luck"}]}, 400),
        ("faults", {"call_rates": {"refused": 2}}, 400),
        ("advance", {"seconds": -1}, 400),
        ("accounts/acct_unknown/onboard", {}, 404),
        ("payouts/po_unknown/fail", {"failure_code": "no_account"}, 404),
        ("payouts/po_unknown/fail", {"failure_code": "rain"}, 400),
        ("transfers/tr_unknown/reverse", {}, 404),
        ("rain", {}, 404),
    ],
)
async def test_wrong_control_requests_change_nothing(
    sandbox: httpx.AsyncClient, path: str, body: dict[str, Any], status: int
) -> None:
    before = (await sandbox.get("")).json()["balance"]
    answer = await sandbox.post(path, json=body)
    assert (answer.status_code, list(answer.json())) == (status, ["error"])
    assert (await sandbox.get("")).json()["balance"] == before


async def test_limits_and_capabilities_are_set_and_access_is_revoked_over_http(
    client: stripe.StripeClient, sandbox: httpx.AsyncClient
) -> None:
    ana = await ready_account(client, sandbox)
    await sandbox.post(f"accounts/{ana}/capability", json={"status": "inactive", "due": ["individual.id_number"]})
    account = await client.v1.accounts.retrieve_async(ana)
    assert account.capabilities is not None
    assert account.capabilities.transfers == "inactive"
    assert (await sandbox.post(f"accounts/{ana}/deauthorize")).json() == {"id": ana, "connected": False}
    with pytest.raises(stripe.PermissionError):
        await client.v1.accounts.retrieve_async(ana)
    await sandbox.post("limits", json={"rate": 1})
    with pytest.raises(stripe.RateLimitError):
        await asyncio.gather(*(client.v1.balance.retrieve_async() for _ in range(3)))
    await sandbox.post("limits", json={})
    assert (await client.v1.balance.retrieve_async()).object == "balance"


async def test_two_requests_at_once_with_one_key_are_a_conflict() -> None:
    journal = Journal(None)
    journal.sandbox.fund(100)
    ana = journal.sandbox.new_account()
    transport = httpx.ASGITransport(Application(journal, latency=0.05))
    headers = {"Authorization": f"Bearer {API_KEY}", "Idempotency-Key": "k1"}
    async with httpx.AsyncClient(transport=transport, base_url="http://sandbox", headers=headers) as client:
        params = {"amount": 5, "currency": "usd", "destination": ana}
        answers = await asyncio.gather(*(client.post("/v1/transfers", data=params) for _ in range(2)))
    assert sorted(answer.status_code for answer in answers) == [200, 409]
    assert journal.sandbox.balance(ana) == {"usd": (5, 0)}


async def test_a_body_without_end_is_cut_off(url: str) -> None:
    async with httpx.AsyncClient(base_url=url) as client:
        answer = await client.post("/v1/transfers", content=b"a=" + b"x" * 1_000_001)
    assert answer.status_code == 413


def test_the_state_is_shown_at_a_glance(url: str) -> None:
    shown = json.loads(httpx.get(f"{url}/_sandbox/").text)
    assert "not Stripe" in shown["note"]
    assert {"now", "account", "balance", "accounts", "transfers", "waiting_webhooks", "faults"} < {*shown}


def test_a_port_that_is_taken_is_refused() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = str(taken.getsockname()[1])
        result = CliRunner().invoke(stripe_sandbox, ["--port", port])
    assert (result.exit_code, f"Can't listen on 127.0.0.1:{port}" in result.output) == (1, True)
