"""`clipledger stripe-sandbox --data FILE`: what it was asked is kept, and done again at the next start."""

from pathlib import Path

import httpx
from click.testing import CliRunner

from clipledger.cli.stripe_sandbox import stripe_sandbox
from clipledger.stripe_sandbox import API_KEY
from clipledger.stripe_sandbox.journal import Journal
from clipledger.stripe_sandbox.server import Application


async def test_what_is_kept_in_a_file_is_the_same_after_a_restart(tmp_path: Path) -> None:
    path = tmp_path / "sandbox.jsonl"
    journal = Journal(path, seed=5)
    client = on(journal)
    [ana, link] = await onboarded(client)
    await client.post("/_sandbox/fund", json={"amount": 100})
    await client.post("/_sandbox/faults", json={"calls": [{"kind": "dropped_after", "nth": 2}]})
    await client.post("/v1/webhook_endpoints", data={"url": "http://nobody.invalid/", "enabled_events[0]": "*"})
    params = {"amount": "5", "currency": "usd", "destination": ana}
    first = await client.post("/v1/transfers", data=params, headers={"Idempotency-Key": "k1"})
    await client.post("/v1/transfers", data=params)
    await client.post("/_sandbox/advance", json={"seconds": 86_400 * 4})
    await client.get("/v1/balance")
    with path.open("ab") as torn:
        torn.write(b'{"at": 5')

    later = Journal(path)
    assert later.sandbox.balance() == {"usd": (90, 0)}
    assert later.sandbox.state.things == journal.sandbox.state.things
    assert later.sandbox.state.transfers.get(first.json()["id"])
    assert {*later.sandbox.outbox.waiting} == {*journal.sandbox.outbox.waiting}
    assert (await on(later).get(link)).status_code == 200
    assert len((await on(Journal(path)).get("/v1/transfers")).json()["data"]) == 2


def on(journal: Journal) -> httpx.AsyncClient:
    headers = {"Authorization": f"Bearer {API_KEY}"}
    return httpx.AsyncClient(
        transport=httpx.ASGITransport(Application(journal, hold=0)), base_url="http://s", headers=headers
    )


async def onboarded(client: httpx.AsyncClient) -> list[str]:
    """An account that can be paid, and its link, which is used up."""
    account = await client.post("/v1/accounts", data={"capabilities[transfers][requested]": "true"})
    form = {"account": account.json()["id"], "type": "account_onboarding"}
    link = (await client.post("/v1/account_links", data=form)).json()["url"]
    await client.post(link)
    return [account.json()["id"], link]


def test_another_file_is_not_taken_for_a_journal(tmp_path: Path) -> None:
    other = tmp_path / "notes.txt"
    other.write_text("Dear diary\n")
    result = CliRunner().invoke(stripe_sandbox, ["--data", str(other)])
    assert (result.exit_code, "no journal" in result.output) == (1, True)
    assert other.read_text() == "Dear diary\n"
