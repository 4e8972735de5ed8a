"""Where a host's events go: endpoints, their secrets, which addresses they may have, and the log of what was sent."""

import asyncio
from collections.abc import Sequence
from typing import Any, get_args

import pytest
from httpx import AsyncClient, Response
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncEngine

from licensing.api import events as events_api
from licensing.errors import InvalidEndpoint, LicensingError, QuotaReached
from licensing.events import OWN_SUBJECTS, TYPES, Change, list_own_events, record
from licensing.states import By
from licensing.webhooks import addresses, deliveries, endpoints
from licensing.webhooks.addresses import is_public, target_of
from tests.clipledger.front_door import posting, problem
from tests.licensing.house import Clipper, Host, NewClipper, NewHost, events_of, soon

BY = By("host", "user:1")
URL = "https://1.1.1.1/hook"  # an address needs no name server


async def _post(client: AsyncClient, host: Host, path: str, body: Any = None, key: str | None = None) -> Response:
    return await client.post(f"{host.path}/webhooks{path}", json=body, headers=posting(host.person, key))


async def _added(client: AsyncClient, host: Host, **body: Any) -> Any:
    answer = await _post(client, host, "", {"url": URL, **body})
    assert answer.status_code == 201, answer.text
    return answer.json()


async def _told(engine: AsyncEngine, host: Host, *actions: str) -> None:
    async with engine.begin() as connection:
        await record(connection, host.book_id, "grant", BY, [Change(each, 1, each) for each in actions])


async def test_an_endpoint_is_made_read_changed_and_its_secret_shown_once(client: AsyncClient, host: Host) -> None:
    answer = await _post(client, host, "", {"url": URL, "types": ["grant.revoked"]}, key="once")
    made = answer.json()
    assert answer.headers["location"] == f"{host.path}/webhooks/{made['endpoint_id']}"
    assert made["secret"].startswith("whsec_")
    again = await _post(client, host, "", {"url": URL, "types": ["grant.revoked"]}, key="once")
    assert (again.json()["endpoint_id"], again.json()["secret"]) == (made["endpoint_id"], None)

    shown = await client.get(answer.headers["location"], headers=host.person.bearer)
    assert shown.json() == {name: value for name, value in made.items() if name != "secret"}
    changed = await client.patch(
        answer.headers["location"], json={"description": "The shop", "types": []}, headers=host.person.bearer
    )
    assert (changed.json()["description"], changed.json()["types"], changed.json()["url"]) == ("The shop", [], URL)
    listed = (await client.get(f"{host.path}/webhooks", headers=host.person.bearer)).json()["data"]
    assert [each["endpoint_id"] for each in listed] == [made["endpoint_id"]]


async def test_a_changed_secret_leaves_the_former_one_valid_for_a_day(client: AsyncClient, host: Host) -> None:
    made = await _added(client, host)
    rotated = (await _post(client, host, f"/{made['endpoint_id']}/rotate")).json()
    assert rotated["secret"] != made["secret"]
    assert rotated["former_until"] is not None


async def test_an_endpoint_gets_the_types_it_asks_for_and_nothing_while_disabled(
    client: AsyncClient, app_engine: AsyncEngine, host: Host
) -> None:
    picky, every = await _added(client, host, types=["grant.revoked"]), await _added(client, host)
    await _told(app_engine, host, "suspended", "revoked")
    disabled = await _post(client, host, f"/{every['endpoint_id']}/disable")
    assert disabled.json()["disabled_at"] is not None
    await _post(client, host, f"/{every['endpoint_id']}/disable")
    await _told(app_engine, host, "resumed")

    async def got(endpoint: Any, **query: str) -> list[tuple[str, str]]:
        path = f"{host.path}/webhooks/{endpoint['endpoint_id']}/deliveries"
        page = (await client.get(path, params=query, headers=host.person.bearer)).json()
        return [(each["type"], each["state"]) for each in page["data"]]

    assert await got(picky) == [("grant.revoked", "waiting")]
    assert await got(every) == [("grant.revoked", "failed"), ("grant.suspended", "failed")]
    assert await got(every, state="waiting") == []
    assert (await events_of(app_engine, host.book_id)).count("webhook.disabled") == 1
    refused = await _post(client, host, f"/{every['endpoint_id']}/replay", {"since": soon(days=-1).isoformat()})
    assert "enable it first" in problem(refused)["detail"]
    listed = await client.get(
        f"{host.path}/webhooks/{every['endpoint_id']}/deliveries", params={"limit": 1}, headers=host.person.bearer
    )
    one = f"/{every['endpoint_id']}/deliveries/{listed.json()['data'][0]['delivery_id']}/replay"
    assert "enable it first" in problem(await _post(client, host, one))["detail"]
    enabled = await _post(client, host, f"/{every['endpoint_id']}/enable")
    assert enabled.json()["disabled_at"] is None
    replayed = await _post(client, host, f"/{every['endpoint_id']}/replay", {"since": soon(days=-1).isoformat()})
    assert (replayed.status_code, replayed.json()) == (202, {"count": 2})
    late = await _post(client, host, f"/{every['endpoint_id']}/replay", {"since": soon(days=1).isoformat()})
    assert late.json() == {"count": 0}
    assert len(await got(every, state="waiting")) == 3, "with the event that it was enabled"


async def test_a_test_event_goes_to_one_endpoint_whatever_types_it_gets(
    client: AsyncClient, app_engine: AsyncEngine, host: Host
) -> None:
    picky, other = await _added(client, host, types=["grant.revoked"]), await _added(client, host)
    sent = await _post(client, host, f"/{picky['endpoint_id']}/test")
    assert (sent.status_code, sent.json()["type"], sent.json()["state"]) == (202, "webhook.tested", "waiting")
    async with app_engine.connect() as connection:
        assert await deliveries.list_deliveries(connection, host.book_id, other["endpoint_id"]) == []
    path = f"{host.path}/webhooks/{picky['endpoint_id']}/deliveries/{sent.json()['delivery_id']}"
    assert (await client.get(path, headers=host.person.bearer)).json()["attempts"] == []


async def test_a_book_sends_to_so_many_endpoints_and_of_two_the_last_place_has_one(
    app_engine: AsyncEngine, host: Host, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(endpoints, "MOST_ENDPOINTS", 1)

    async def added() -> endpoints.NewSecret:
        async with app_engine.begin() as connection:
            return await endpoints.add_endpoint(connection, host.book_id, BY, URL)

    outcomes = await asyncio.gather(added(), added(), return_exceptions=True)
    assert {type(each) for each in outcomes} == {endpoints.NewSecret, QuotaReached}


async def test_a_host_sees_and_changes_nothing_of_anothers_endpoints(
    client: AsyncClient, host: Host, new_host: NewHost
) -> None:
    made = (await _added(client, host))["endpoint_id"]
    other = await new_host()
    place = f"{other.path}/webhooks/{made}"
    for path in (place, f"{place}/deliveries", f"{place}/deliveries/1"):
        assert (await client.get(path, headers=other.person.bearer)).status_code == 404
    assert (await client.patch(place, json={}, headers=other.person.bearer)).status_code == 404
    for action in ("rotate", "disable", "enable", "test", "deliveries/1/replay"):
        assert (await _post(client, other, f"/{made}/{action}")).status_code == 404
    assert (await _post(client, other, f"/{made}/replay", {"since": "2026-01-01T00:00:00Z"})).status_code == 404
    assert (await client.get(f"{host.path}/webhooks", headers=other.person.bearer)).status_code == 404


REFUSED: list[tuple[dict[str, Any], str, str]] = [
    ({"url": "http://1.1.1.1/hook"}, "url", "https://host"),
    ({"url": "https:///hook"}, "url", "https://host"),
    ({"url": "https://user:word@1.1.1.1/"}, "url", "without user"),
    ({"url": "https://1.1.1.1/#top"}, "url", "fragment"),
    ({"url": "https://1.1.1.1/ a"}, "url", "https://host"),
    ({"url": "https://[1.1.1.1/"}, "url", "https://host"),
    ({"url": "https://1.1.1.1:99999/"}, "url", "https://host"),
    ({"url": "https://1.1.1.1/\0"}, "url", "https://host"),
    ({"url": "https://1.1.1.1/" + "x" * 2000}, "url", "at most 2000"),
    ({"url": "https://there-is-none.invalid/"}, "url", "has no address"),
    ({"url": "https://localhost/"}, "url", "which is not public"),
    ({"url": "https://127.1/"}, "url", "which is not public"),
    ({"url": "https://2130706433/"}, "url", "which is not public"),
    ({"url": "https://169.254.169.254/latest/meta-data"}, "url", "which is not public"),
    ({"url": "https://[::ffff:10.0.0.1]/"}, "url", "which is not public"),
    ({"description": "x" * 201}, "description", "0 to 200"),
    ({"types": ["grants.revoked"]}, "types[0]", "application.approved, application.expired"),
    ({"types": ["grant"]}, "types[0]", "grant.accepted"),
    ({"types": ["grant.revokd"]}, "types[0]", "must be one of grant.accepted, grant.accounts-changed"),
    ({"types": ["handle.confirmed"]}, "types[0]", "must be one of"),  # belongs to no host
    ({"types": ["grant.revoked"] * 51}, "types", "at most"),
]


async def test_what_is_no_endpoint_is_refused_by_field_and_rule(client: AsyncClient, host: Host) -> None:
    for change, field, rule in REFUSED:
        refused = await _post(client, host, "", {"url": URL, **change})
        assert (refused.status_code, problem(refused)["type"]) == (422, "/problems/invalid-endpoint"), change
        assert problem(refused)["field"] == field
        assert rule in problem(refused)["detail"]


async def test_a_moment_without_a_time_zone_is_refused(client: AsyncClient, host: Host) -> None:
    made = await _added(client, host)
    refused = await _post(client, host, f"/{made['endpoint_id']}/replay", {"since": "2026-10-05T20:00:00"})
    assert problem(refused)["field"] == "since"


# Addresses --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "address",
    [
        "0.0.0.0",
        "10.1.2.3",
        "100.100.100.200",
        "127.0.0.1",
        "168.63.129.16",
        "169.254.169.254",
        "172.16.0.1",
        "192.168.1.1",
        "224.0.0.1",
        "255.255.255.255",
        "::",
        "::1",
        "::ffff:169.254.169.254",
        "64:ff9b::a9fe:a9fe",
        "2002:7f00:1::",
        "fd00:ec2::254",
        "fe80::1%eth0",
        "ff02::1",
    ],
)
def test_no_address_inside_a_network_is_public(address: str) -> None:
    assert not is_public(address)


@pytest.mark.parametrize("address", ["1.1.1.1", "2606:4700:4700::1111", "::ffff:1.1.1.1", "64:ff9b::101:101"])
def test_addresses_of_the_internet_are(address: str) -> None:
    assert is_public(address)


async def test_one_private_address_among_public_ones_is_enough_to_refuse(monkeypatch: pytest.MonkeyPatch) -> None:
    async def both(_host: str, _port: int) -> Sequence[str]:
        return ("1.1.1.1", "10.0.0.1")

    monkeypatch.setattr(addresses, "resolve", both)
    with pytest.raises(InvalidEndpoint, match="an address which is not public"):
        await target_of("https://example.com/", allow_private=False)
    assert (await target_of("http://example.com/", allow_private=True)).addresses == ("1.1.1.1", "10.0.0.1")


# Events -----------------------------------------------------------------------------------------------------


async def test_events_are_read_by_subject(client: AsyncClient, app_engine: AsyncEngine, host: Host) -> None:
    await _told(app_engine, host, "suspended", "resumed")
    async with app_engine.begin() as connection:
        await record(connection, host.book_id, "offer", BY, [Change("opened", 7, "open", "draft")])

    async def read(**query: Any) -> list[str]:
        page = (await client.get(f"{host.path}/events", params=query, headers=host.person.bearer)).json()
        return [each["type"] for each in page["data"]]

    assert await read() == ["offer.opened", "grant.resumed", "grant.suspended"]
    assert await read(subject="grant", limit=1) == ["grant.resumed"]
    assert await read(subject="offer", subject_id=8) == []
    answer = await client.get(f"{host.path}/events", params={"subject": "weather"}, headers=host.person.bearer)
    assert answer.status_code == 400


def test_events_can_be_asked_for_by_every_subject_there_is() -> None:
    assert set(get_args(events_api.Subject)) == {each.partition(".")[0] for each in TYPES}
    assert get_args(events_api.OwnSubject) == OWN_SUBJECTS


async def test_a_clipper_reads_its_own_events_without_the_hosts_people_and_reasons(
    client: AsyncClient,
    app_engine: AsyncEngine,
    host: Host,
    new_host: NewHost,
    clipper: Clipper,
    new_clipper: NewClipper,
) -> None:
    other, second = await new_clipper(), await new_host()
    detail = {"reason": "the host's own"}
    async with app_engine.begin() as connection:
        for book, subject, action, whose in (
            (host, "grant", "offered", clipper),
            (second, "claim", "opened", clipper),
            (host, "grant", "offered", other),
            (host, "case", "opened", clipper),
        ):
            change = Change(action, 1, "open", None, whose.clipper_id, detail)
            await record(connection, book.book_id, subject, BY, [change])
        assert len(await list_own_events(connection, other.clipper_id)) == 1
    page = (await client.get(f"{clipper.path}/events", headers=clipper.person.bearer)).json()
    assert [each["type"] for each in page["data"]] == ["claim.opened", "grant.offered"]
    assert not {"actor", "detail"} & set(page["data"][0])
    filtered = await client.get(f"{clipper.path}/events", params={"subject": "grant"}, headers=clipper.person.bearer)
    assert len(filtered.json()["data"]) == 1


async def test_an_event_of_another_book_is_none(
    client: AsyncClient, app_engine: AsyncEngine, host: Host, new_host: NewHost
) -> None:
    await _told(app_engine, host, "suspended")
    number = (await client.get(f"{host.path}/events", headers=host.person.bearer)).json()["data"][0]["event_id"]
    assert (await client.get(f"{host.path}/events/{number}", headers=host.person.bearer)).status_code == 200
    other = await new_host()
    assert (await client.get(f"{other.path}/events/{number}", headers=other.person.bearer)).status_code == 404


async def test_a_refused_endpoint_leaves_nothing_behind(app_engine: AsyncEngine, host: Host) -> None:
    async with app_engine.begin() as connection:
        with pytest.raises(LicensingError):
            await endpoints.add_endpoint(connection, host.book_id, BY, "https://10.0.0.1/")
        count = text("SELECT count(*) FROM licensing.webhook_endpoints WHERE book_id = :book")
        assert await connection.scalar(count, {"book": host.book_id}) == 0
