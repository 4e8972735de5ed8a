"""Payouts through the front door: what people of finance, clippers, operators and Stripe ask, over the sandbox."""

import time
from collections.abc import AsyncIterator, Iterator, MutableMapping
from dataclasses import replace
from datetime import date
from types import SimpleNamespace
from typing import Any, cast

import pytest
from httpx import AsyncClient
from procrastinate import JobContext
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncEngine

from clipledger import jobs
from clipledger.access import keys, roles
from clipledger.settings import Settings
from clipledger.web.app import create_app
from clipledger.web.rate_limits import DEFAULT_LIMITS, Limit, Limits
from tests.clipledger.front_door import NewPerson, Person, client_of, problem
from tests.clipledger.paying_office import CONNECT, PLATFORM, WAY_BACK, Office, event, signed, stripe_at
from tests.clipledger.sandbox_process import serving
from tests.licensing.house import Clipper, Host, NewClipper, host  # noqa: F401 - a fixture

BOTH = roles.ROLES["finance"] | roles.ROLES["approver"]
GENEROUS = Limits(*(Limit(each.name, 10**9, 1) for each in vars(DEFAULT_LIMITS).values()))
WHY = {"reason": "The bank details are wrong"}


@pytest.fixture(scope="module")
def sandbox_url(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    with serving(tmp_path_factory.mktemp("sandbox") / "log") as address:
        yield address


@pytest.fixture
async def sandbox(sandbox_url: str) -> AsyncIterator[AsyncClient]:
    async with AsyncClient(base_url=f"{sandbox_url}/_sandbox/") as control:
        (await control.post("fund", json={"amount": 100_000_000})).raise_for_status()
        yield control
        await control.post("faults", json={})


@pytest.fixture(scope="module")
def paying(settings: Settings, sandbox_url: str) -> Settings:
    return replace(settings, stripe=stripe_at(sandbox_url))


@pytest.fixture(scope="module")
async def client(app_engine: AsyncEngine, paying: Settings) -> AsyncIterator[AsyncClient]:
    async with client_of(create_app(paying, app_engine, limits=GENEROUS)) as made:
        yield made


@pytest.fixture
async def office(
    app_engine: AsyncEngine,
    client: AsyncClient,
    sandbox: AsyncClient,
    paying: Settings,
    host: Host,  # noqa: F811
    new_person: NewPerson,
    new_clipper: NewClipper,
) -> AsyncIterator[Office]:
    people = {role: await new_person(role, host.book) for role in ("finance", "approver")}
    operator = await new_person("operator")
    yield Office(client, sandbox, app_engine, paying, host, **people, operator=operator, new_clipper=new_clipper)
    async with app_engine.begin() as connection:  # a halted rail is every book's
        await connection.execute(_FREE)


_FREE = text("UPDATE settlement.rail_halts SET ended_at = now(), ended_by = 'test' WHERE ended_at IS NULL")


async def with_key(engine: AsyncEngine, person: Person, scopes: frozenset[str]) -> Person:
    """The same person with another key."""
    async with engine.begin() as connection:
        return replace(person, token=(await keys.create_key(connection, person.user_id, "other", scopes))[1])


def states(shown: dict[str, Any]) -> dict[str, int]:
    return {each["state"]: each["payouts"] for each in shown["sums"]}


# A run by two people ------------------------------------------------------------------------------------------


async def test_finance_drafts_and_submits_an_approver_approves_stripe_says_that_it_arrived(office: Office) -> None:
    ana, bob = await office.payee(12_345), await office.payee(700)
    unpayable = await office.new_clipper()
    await office.owe(unpayable, 900)
    preview = await office.done("payout-runs/preview", office.finance, {"basis": "available"})
    told = {each["party"]: (each["amount"], each["code"], each["fixed_by"]) for each in preview}
    assert told == {
        f"clipper-{ana.clipper_id}": (12_345, None, None),
        f"clipper-{bob.clipper_id}": (700, None, None),
        f"clipper-{unpayable.clipper_id}": (900, "no-account", "payee"),
    }
    assert await office.payouts() == []

    run = await office.submitted()
    shown = await office.done(f"payout-runs/{run}/approve", office.approver)
    assert (shown["run"]["state"], states(shown)) == ("sending", {"ready": 2, "left-out": 1})
    await office.send()
    assert states(await office.get(f"payout-runs/{run}")) == {"sent": 2, "left-out": 1}
    for each in await office.payouts(f"?run={run}&state=sent"):
        body = event("transfer.created", each["reference"])
        assert (await office.tell(body, signed(body))).status_code == 200
    await office.hear()
    shown = await office.get(f"payout-runs/{run}")
    assert (shown["run"]["state"], states(shown)) == ("done", {"paid": 2, "left-out": 1})
    assert [each["action"] for each in shown["events"]] == ["drafted", "submitted", "approved", "finished"]
    assert [each["user_id"] for each in shown["events"]] == [
        *[office.finance.user_id] * 2,
        office.approver.user_id,
        None,
    ]
    paid = {each["party"]: each["paid"] for each in (await office.get("balances"))["parties"]}
    assert paid == {f"clipper-{each.clipper_id}": its for each, its in ((ana, 12_345), (bob, 700), (unpayable, 0))}


async def test_a_payout_is_shown_with_every_step_of_its_way_and_found_by_party_and_state(office: Office) -> None:
    clipper, _ = await office.payee(), await office.payee()
    await office.approved()
    await office.send()
    (its,) = await office.payouts(f"?party=clipper-{clipper.clipper_id}&state=sent")
    shown = await office.get(f"payouts/{its['payout_id']}")
    assert shown["payout"] == its
    assert [each["action"] for each in shown["events"]] == ["approved", "claimed", "sent"]
    first = await office.get("payouts?limit=1")
    rest = await office.get(f"payouts?limit=1&cursor={first['next_cursor']}")
    assert {each["payout_id"] for each in [*first["data"], *rest["data"]]} == {
        each["payout_id"] for each in await office.payouts()
    }


async def test_who_submitted_does_not_approve_by_whatever_key(office: Office, new_person: NewPerson) -> None:
    await office.payee()
    both = await new_person("finance", office.host.book)
    async with office.engine.begin() as connection:
        await roles.grant_role(connection, both.user_id, "approver", office.host.book)
    submitting = await with_key(office.engine, both, roles.ROLES["finance"])
    approving = await with_key(office.engine, both, BOTH)
    run = (await office.done("payout-runs", submitting, {"basis": "available"}))["run"]["run_id"]
    await office.done(f"payout-runs/{run}/submit", submitting)
    refused = await office.post(f"payout-runs/{run}/approve", approving)
    assert (refused.status_code, problem(refused)["type"]) == (409, "/problems/same-person")
    await office.done(f"payout-runs/{run}/return", office.approver, WHY)
    await office.done(f"payout-runs/{run}/submit", office.finance)
    assert (await office.done(f"payout-runs/{run}/approve", approving))["run"]["state"] == "sending"


@pytest.mark.parametrize(
    ("by", "step", "body"),
    [
        ("finance", "approve", None),
        ("finance", "return", WHY),
        ("finance", "resume", WHY),
        ("approver", "submit", None),
        ("approver", "plan", None),
        ("approver", "cancel", WHY),
        ("operator", "approve", None),
        ("operator", "submit", None),
        ("operator", "resume", WHY),
    ],
)
async def test_duties_are_apart_and_an_operators_is_none_of_them(office: Office, by: str, step: str, body: Any) -> None:
    await office.payee()
    run = await office.submitted()
    refused = await office.post(f"payout-runs/{run}/{step}", getattr(office, by), body)
    assert (refused.status_code, problem(refused)["type"]) == (403, "/problems/scope-required")


async def test_a_run_is_returned_planned_anew_cancelled_and_only_one_waits_at_a_time(office: Office) -> None:
    clipper = await office.payee(1_000)
    run = await office.submitted()
    again = await office.post("payout-runs", office.finance, {"basis": "available"})
    assert (again.status_code, problem(again)["type"]) == (409, "/problems/run-open")
    assert (await office.done(f"payout-runs/{run}/return", office.approver, WHY))["run"]["state"] == "draft"
    await office.owe(clipper, 500)
    assert (await office.done(f"payout-runs/{run}/plan", office.finance))["sums"][0]["amount"] == 1_500
    assert (await office.done(f"payout-runs/{run}/cancel", office.finance, WHY))["run"]["state"] == "cancelled"
    wrong = await office.post(f"payout-runs/{run}/submit", office.finance)
    assert (wrong.status_code, problem(wrong)["type"]) == (409, "/problems/wrong-run-step")
    assert [each["run_id"] for each in (await office.get("payout-runs"))["data"]] == [run]


async def test_with_nothing_to_pay_or_by_a_rail_that_is_not_set_up_nothing_is_approved(office: Office) -> None:
    nothing = await office.post("payout-runs", office.finance, {"basis": "available"})
    assert (nothing.status_code, problem(nothing)["type"]) == (409, "/problems/nothing-to-pay")
    unknown = await office.post("payout-runs", office.finance, {"rail": "carrier-pigeon"})
    assert unknown.status_code in (400, 422)
    assert (await office.post("payout-runs/999999/approve", office.approver)).status_code == 404


# What is in the way -------------------------------------------------------------------------------------------


async def test_refused_retried_once_the_reason_is_gone_or_cancelled(office: Office) -> None:
    ana, bob = await office.payee(1_000), await office.payee(2_000)
    run = await office.approved()
    await office.sandbox.post("faults", json={"calls": [{"kind": "capability_lost", "times": 2}]})
    await office.send()
    refused = await office.payouts("?state=refused")
    assert [each["fixed_by"] for each in refused] == ["payee", "payee"]
    assert (await office.get(f"payout-runs/{run}"))["run"]["state"] == "done"
    by_party = {each["party"]: each["payout_id"] for each in refused}
    first, second = (by_party[f"clipper-{each.clipper_id}"] for each in (ana, bob))
    for clipper in (ana, bob):
        (account,) = await office.get(f"{clipper.path}/payout-accounts", clipper.person)
        await office.sandbox.post(f"accounts/{account['destination']}/capability", json={"status": "active"})

    retried = await office.done(f"payouts/{first}/retry", office.finance)
    assert (retried["payout"]["state"], retried["payout"]["attempts"]) == ("ready", 0)
    cancelled = await office.done(f"payouts/{second}/cancel", office.approver, WHY)
    assert (cancelled["payout"]["state"], cancelled["payout"]["reason"]) == ("cancelled", WHY["reason"])
    await office.send()
    assert (await office.get(f"payouts/{first}"))["payout"]["state"] == "sent"
    for path, by, body in (
        (f"payouts/{first}/retry", office.finance, None),
        (f"payouts/{first}/cancel", office.approver, WHY),
    ):
        wrong = await office.post(path, by, body)
        assert (wrong.status_code, problem(wrong)["type"]) == (409, "/problems/wrong-payout-step")
    parties = {each["party"]: each for each in (await office.get("balances"))["parties"]}
    assert parties[f"clipper-{bob.clipper_id}"]["available"] == 2_000
    for path, by, body in (
        (f"payouts/{first}/retry", office.approver, None),
        (f"payouts/{first}/cancel", office.finance, WHY),
    ):
        assert (await office.post(path, by, body)).status_code == 403


async def test_a_halted_rail_is_resumed_by_an_operator_and_its_runs_by_their_approvers(office: Office) -> None:
    await office.payee()
    run = await office.approved()
    await office.sandbox.post("faults", json={"calls": [{"kind": "api_key_expired"}]})
    await office.send()
    shown = (await office.get(f"payout-runs/{run}"))["run"]
    assert shown["state"] == "halted"
    rails = {each["rail"]: each for each in await office.get("/v1/rails", office.operator)}
    assert rails["stripe"]["set_up"]
    assert rails["stripe"]["halted"] == shown["halted"]
    await office.send()
    assert (await office.payout())["state"] == "ready"

    for person in (office.finance, office.approver):
        assert (await office.post("/v1/rails/stripe/resume", person)).status_code == 403
    freed = await office.done("/v1/rails/stripe/resume", office.operator)
    assert {each["rail"]: each["halted"] for each in freed}["stripe"] is None
    again = await office.post("/v1/rails/stripe/resume", office.operator)
    assert (again.status_code, problem(again)["type"]) == (409, "/problems/rail-not-halted")
    assert (await office.post("/v1/rails/carrier-pigeon/resume", office.operator)).status_code == 400
    await office.send()
    assert (await office.payout())["state"] == "ready", "its run waits for its approver"
    resumed = await office.done(f"payout-runs/{run}/resume", office.approver, {"reason": "The key is renewed"})
    assert resumed["run"]["state"] == "sending"
    await office.send()
    assert (await office.payout())["state"] == "sent"


# When a book pays ---------------------------------------------------------------------------------------------


async def test_a_schedule_is_set_by_finance_and_says_when_it_pays_next(office: Office) -> None:
    path, headers = f"{office.host.path}/payout-schedule", office.finance.bearer
    assert (await office.client.get(path, headers=headers)).status_code == 404
    plan = {"days": {"cadence": "semi-monthly", "days": [15, 31], "hour": 10, "holidays": ["2026-10-01"]}}
    shown = (await office.client.put(path, json=plan, headers=headers)).json()
    assert shown["plan"]["days"]["days"] == [15, 31]
    assert date.fromisoformat(shown["last_due"]) <= date.fromisoformat(shown["next_at"][:10])
    assert await office.get("payout-schedule") == shown
    off = (await office.client.put(path, json={**plan, "active": False}, headers=headers)).json()
    assert off["next_at"] is None
    wrong = await office.client.put(path, json={"days": {"cadence": "weekly", "days": [8]}}, headers=headers)
    assert (wrong.status_code, problem(wrong)["field"]) == (422, "days")
    refused = await office.client.put(path, json=plan, headers=office.approver.bearer)
    assert refused.status_code == 403


@pytest.mark.parametrize("day", [0, -1, 2**31, 2**63, "first"])
async def test_days_that_no_calendar_has_are_refused(office: Office, day: Any) -> None:
    path = f"{office.host.path}/payout-schedule"
    plan = {"days": {"cadence": "monthly", "days": [day]}}
    assert (await office.client.put(path, json=plan, headers=office.finance.bearer)).status_code in (400, 422)


# A clipper's own ----------------------------------------------------------------------------------------------


async def test_a_clipper_sets_its_account_up_and_reads_what_it_was_paid(office: Office) -> None:
    clipper = await office.new_clipper()
    await office.owe(clipper, 500)
    place, by = f"{clipper.path}/payout-accounts", clipper.person
    opened = await office.post(f"{place}/stripe", by, {"country": "US", "email": "ana@example.com"})
    assert opened.status_code == 201
    account = opened.json()
    assert account["state"] != "active"
    assert all(asked["en"] and asked["zh"] for asked in account["blocking"])
    twice = await office.post(f"{place}/stripe", by, {"country": "US", "email": "ana@example.com"})
    assert (twice.status_code, problem(twice)["type"]) == (409, "/problems/account-exists")
    link = await office.done(f"{place}/{account['account_id']}/onboarding-link", by, WAY_BACK)
    assert link["url"].startswith("http")
    await office.sandbox.post(f"accounts/{account['destination']}/onboard")
    body = event("account.updated", account["destination"], account["destination"])
    assert (await office.tell(body, signed(body, CONNECT), "stripe-connect")).status_code == 200
    await office.hear()
    (ready,) = await office.get(place, by)
    assert (ready["state"], ready["currencies"]) == ("active", ["USD"])

    await office.submitted()
    assert (await office.get(f"{clipper.path}/payouts", by))["data"] == [], "a plan is nobody's payout yet"
    await office.done(f"payout-runs/{(await office.payout())['run_id']}/approve", office.approver)
    await office.send()
    (own,) = (await office.get(f"{clipper.path}/payouts", by))["data"]
    assert (own["book"], own["payout"]["state"], own["payout"]["amount"]) == (office.host.book, "sent", 500)
    closed = await office.client.delete(f"{place}/{account['account_id']}", headers=by.bearer)
    assert (closed.status_code, closed.json()) == (200, [])


async def test_accounts_and_payouts_are_nobody_elses(office: Office) -> None:
    clipper, other = await office.payee(), await office.new_clipper()
    (account,) = await office.get(f"{clipper.path}/payout-accounts", clipper.person)
    number = account["account_id"]
    for person in (other.person, office.finance, office.operator):
        for path in ("payouts", "payout-accounts"):
            answer = await office.client.get(f"{clipper.path}/{path}", headers=person.bearer)
            assert answer.status_code == 404
    for path, body in (("onboarding-link", WAY_BACK), ("refresh", None)):
        assert (
            await office.post(f"{other.path}/payout-accounts/{number}/{path}", other.person, body)
        ).status_code == 404


async def test_a_host_has_an_account_of_its_own(office: Office) -> None:
    made = await office.post("payout-accounts/stripe", office.finance, {"country": "US", "email": "h@example.com"})
    assert made.status_code == 201
    assert [each["account_id"] for each in await office.get("payout-accounts")] == [made.json()["account_id"]]
    refused = await office.post("payout-accounts/stripe", office.approver, {"country": "US", "email": "h@example.com"})
    assert refused.status_code == 403


@pytest.mark.parametrize(
    ("field", "value"), [("country", "usa"), ("country", "us"), ("email", ""), ("email", "\0@x"), ("email", "x" * 255)]
)
async def test_what_no_account_can_have_is_refused(office: Office, field: str, value: str) -> None:
    clipper = await office.new_clipper()
    body = {"country": "US", "email": "ana@example.com", field: value}
    answer = await office.post(f"{clipper.path}/payout-accounts/stripe", clipper.person, body)
    assert answer.status_code in (400, 422), answer.text


async def test_what_stripe_does_not_grant_is_told_and_that_it_is_away_is_no_fault_of_ours(
    office: Office, app_engine: AsyncEngine
) -> None:
    clipper = await office.new_clipper()
    body = {"country": "KP", "email": "ana@example.com"}
    refused = await office.post(f"{clipper.path}/payout-accounts/stripe", clipper.person, body)
    assert (refused.status_code, problem(refused)["type"]) == (422, "/problems/invalid-payout-account")
    away = replace(office.settings, stripe=stripe_at("http://127.0.0.1:1"))
    async with client_of(create_app(away, app_engine, limits=GENEROUS)) as client:
        absent = await replace(office, client=client).post(
            f"{clipper.path}/payout-accounts/stripe", clipper.person, {**body, "country": "US"}
        )
    assert (absent.status_code, problem(absent)["type"]) == (503, "/problems/unavailable")


async def test_without_a_key_there_is_no_rail_and_it_is_said_so(office: Office, app_engine: AsyncEngine) -> None:
    clipper = await office.payee()
    run = await office.submitted()
    bare = replace(office.settings, stripe=None)
    async with client_of(create_app(bare, app_engine, limits=GENEROUS)) as client:
        without = replace(office, client=client)
        rails = await without.get("/v1/rails", office.operator)
        assert not {each["rail"]: each["set_up"] for each in rails}["stripe"]
        for path, by, body in (
            (f"payout-runs/{run}/approve", office.approver, None),
            (f"{clipper.path}/payout-accounts/stripe", clipper.person, {"country": "US", "email": "a@example.com"}),
        ):
            refused = await without.post(path, by, body)
            assert (refused.status_code, problem(refused)["type"]) == (409, "/problems/rail-not-set-up")
        told = event("ping", "x")
        assert (await without.tell(told, signed(told))).status_code == 404


# Webhooks -----------------------------------------------------------------------------------------------------


async def test_an_event_that_comes_three_times_is_acted_upon_once(office: Office) -> None:
    await office.payee()
    await office.approved()
    await office.send()
    body = event("transfer.created", (await office.payout())["reference"])
    header = signed(body)
    for _ in range(3):
        assert (await office.tell(body, header)).status_code == 200
        await office.hear()
    shown = await office.get(f"payouts/{(await office.payout())['payout_id']}")
    assert [each["action"] for each in shown["events"]] == ["approved", "claimed", "sent", "confirmed"]
    async with office.engine.connect() as connection:
        kept = text("SELECT deliveries, outcome FROM settlement.rail_events WHERE event_id = :event")
        rows = (await connection.execute(kept, {"event": body.decode().split('"')[3]})).all()
    assert [tuple(row) for row in rows] == [(3, "arrived")]


async def test_the_job_finds_that_a_payee_can_be_paid_though_nobody_told(office: Office) -> None:
    clipper = await office.new_clipper()
    place, email = f"{clipper.path}/payout-accounts", clipper.person.email
    made = await office.done(f"{place}/stripe", clipper.person, {"country": "US", "email": email})
    (await office.sandbox.post(f"accounts/{made['destination']}/onboard")).raise_for_status()
    async with office.engine.begin() as connection:
        long_ago = (
            "UPDATE settlement.payout_accounts SET refreshed_at = now() - interval '1 hour' WHERE destination = :to"
        )
        await connection.execute(text(long_ago), {"to": made["destination"]})
    told = {"engine": office.engine, "settings": office.settings}
    await jobs.refresh_payees(cast(JobContext, SimpleNamespace(additional_context=told)))
    (account,) = await office.get(f"/v1{place.removeprefix('/v1')}", clipper.person)
    assert (account["state"], account["blocking"]) == ("active", [])


async def test_events_that_were_given_up_are_the_operators_to_see_and_to_try_again(office: Office) -> None:
    body = event("transfer.created", "tr_none")
    event_id = body.decode().split('"')[3]
    assert (await office.tell(body, signed(body))).status_code == 200
    async with office.engine.begin() as connection:
        given_up = text(
            "UPDATE settlement.rail_events SET attempts = 16, outcome = 'no answer' WHERE event_id = :event"
        )
        await connection.execute(given_up, {"event": event_id})

    page = await office.get("/v1/rail-events?state=given-up&limit=1", office.operator)
    (told,) = page["data"]
    assert (told["event_id"], told["outcome"], told["state"]) == (event_id, "no answer", "given-up")
    assert "payload" not in told, "which may tell of any host's payees"
    for person in (office.finance, office.approver):
        assert (await office.client.get("/v1/rail-events", headers=person.bearer)).status_code == 403
        for path in ("retry", f"{event_id}/retry"):
            assert (await office.post(f"/v1/rail-events/{path}", person)).status_code == 403

    assert (await office.post(f"/v1/rail-events/{event_id}/retry", office.operator)).status_code == 202
    waiting = await office.get("/v1/rail-events?state=waiting", office.operator)
    assert event_id in {each["event_id"] for each in waiting["data"]}
    again = await office.post(f"/v1/rail-events/{event_id}/retry", office.operator)
    assert (again.status_code, problem(again)["type"]) == (409, "/problems/rail-event-not-given-up")
    none = await office.post("/v1/rail-events/evt_none/retry", office.operator)
    assert (none.status_code, problem(none)["type"]) == (404, "/problems/rail-event-not-found")

    async with office.engine.begin() as connection:
        await connection.execute(given_up, {"event": event_id})
    assert (await office.done("/v1/rail-events/retry", office.operator))["events"] >= 1
    assert (await office.get("/v1/rail-events?state=given-up", office.operator))["data"] == []
    odd = await office.client.get("/v1/rail-events?cursor=evt_none", headers=office.operator.bearer)
    assert (odd.status_code, problem(odd)["type"]) == (422, "/problems/invalid-cursor")


@pytest.mark.parametrize(
    "wrong",
    [
        "no-header",
        "no-signature",
        "no-ascii",
        "other-secret",
        "connects-secret",
        "altered",
        "stale",
        "no-event",
        "no-json",
    ],
)
async def test_what_stripe_did_not_sign_just_now_is_refused_logged_and_not_kept(
    office: Office, wrong: str, logged: list[MutableMapping[str, Any]]
) -> None:
    body = {"no-event": b'{"hello": 1}', "no-json": b"\xff\xfe"}.get(wrong) or event("transfer.reversed", "tr_1")
    secret = {"other-secret": "whsec_" + "x" * 32, "connects-secret": CONNECT}.get(wrong, PLATFORM)
    header: str | None = "t=1,v1=00"
    if wrong != "no-json":
        header = signed(body, secret, age=301 if wrong == "stale" else 0)
    header = {"no-header": None, "no-signature": "whatever", "no-ascii": f"t={int(time.time())},v1=\xe9"}.get(
        wrong, header
    )
    answer = await office.tell(body + b" " if wrong == "altered" else body, header)
    assert (answer.status_code, problem(answer)["type"]) == (400, "/problems/malformed-request")
    (told,) = [entry for entry in logged if entry["event"] == "a webhook was not taken"]
    assert (told["path"], bool(told["why"])) == ("/v1/webhooks/stripe", True)
    async with office.engine.connect() as connection:
        kept = await connection.scalar(text("SELECT count(*) FROM settlement.rail_events WHERE object_id = 'tr_1'"))
    assert kept == 0


@pytest.mark.parametrize("secret", [None, ""])
@pytest.mark.parametrize(
    ("path", "field"), [("stripe", "webhook_secret"), ("stripe-connect", "connect_webhook_secret")]
)
async def test_without_its_secret_an_address_does_not_exist(
    office: Office, app_engine: AsyncEngine, sandbox_url: str, secret: str | None, path: str, field: str
) -> None:
    half = replace(office.settings, stripe=stripe_at(sandbox_url, **{field: secret}))
    body = event("transfer.created", "tr_1")
    async with client_of(create_app(half, app_engine)) as client:
        without = replace(office, client=client)
        for header in (signed(body), signed(body, CONNECT), signed(body, "x"), None):
            assert (await without.tell(body, header, path)).status_code == 404


async def test_a_body_over_the_limit_is_not_read(office: Office) -> None:
    body = event("transfer.created", "x" * 1024 * 1024)
    assert (await office.tell(body, signed(body))).status_code == 413


async def test_what_is_told_of_strangers_and_of_other_things_changes_nothing(office: Office) -> None:
    for kind, its in (
        ("transfer.created", "tr_nobodys"),
        ("invoice.paid", "in_1"),
        ("account.updated", "acct_nobodys"),
    ):
        body = event(kind, its, its if kind.startswith("account") else None)
        assert (await office.tell(body, signed(body))).status_code == 200
    assert await office.hear() >= 2
