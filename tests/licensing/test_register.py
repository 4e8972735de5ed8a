"""The register as it is loaded, and judging over HTTP."""

import time
from datetime import datetime, timedelta
from typing import Any

import msgspec
from httpx import AsyncClient, Response
from sqlalchemy import event, insert
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from licensing import tables
from licensing.changes import append, moment
from licensing.judge import SaleFacts, Verdict, judge
from licensing.register import load_register
from licensing.terms import encode, sha256_of
from tests.clipledger.front_door import problem
from tests.licensing.house import LONG_AGO, TERMS, Granted, Host, NewClipper, NewGrant, NewHost, soon

LONGER = msgspec.structs.replace(TERMS, tail_days=30)
EARLY = LONG_AGO + timedelta(days=30)


async def verdict(connection: AsyncConnection, granted: Granted, sold_at: datetime, **asked: Any) -> Verdict:
    """Of a sale by the grant's first account, by a register loaded now."""
    platform, handle = granted.clipper.accounts[0].split(":")
    register = await load_register(connection, granted.book_id)
    return judge(register, SaleFacts(sold_at=sold_at, platform=platform, handle=handle), **asked)


async def change(connection: AsyncConnection, granted: Granted, **sets: Any) -> datetime:
    """Append a change of this moment."""
    now = await moment(connection)
    await append(connection, [(granted.book_id, granted.grant_id)], "test", now, "test", **sets)
    return now


async def test_it_has_the_whole_history_and_the_terms_that_it_names(
    app_engine: AsyncEngine, host: Host, new_grant: NewGrant
) -> None:
    granted = await new_grant(host)
    said = {"version_no": 2, "terms": msgspec.json.decode(encode(LONGER)), "sha256": sha256_of(LONGER)}
    key = {"book_id": host.book_id, "offer_id": granted.offer_id}
    async with app_engine.begin() as connection:
        await connection.execute(insert(tables.terms_versions).values(**key, **said, published_by="test"))
        newer = await change(connection, granted, version_no=2, effective_at=soon(days=2))
        suspended = await change(connection, granted, state="suspended")
        resumed = await change(connection, granted, state="active")
        found = [await verdict(connection, granted, at) for at in (EARLY, suspended, resumed, soon(days=3))]
        known = await verdict(connection, granted, soon(days=3), known_at=newer - timedelta(seconds=1))
    assert [each.verdict for each in found] == ["licensed", "unlicensed", "licensed", "licensed"]
    assert [each.version_no for each in found] == [1, 1, 1, 2]
    assert [found[0].terms_sha256, found[3].terms_sha256] == [sha256_of(TERMS), sha256_of(LONGER)]
    assert (known.verdict, known.version_no, known.clipper_id) == ("licensed", 1, granted.clipper.clipper_id)


async def test_what_is_committed_counts_at_once_and_nothing_before(
    app_engine: AsyncEngine, host: Host, new_grant: NewGrant
) -> None:
    granted = await new_grant(host)
    async with app_engine.connect() as judging, app_engine.connect() as hosting:
        suspended = await change(hosting, granted, state="suspended")
        assert (await verdict(judging, granted, suspended)).verdict == "licensed"
        await hosting.commit()
        start = time.perf_counter()
        failed = (await verdict(judging, granted, suspended)).failed
        assert failed is not None
        assert failed.name == "suspended"
        assert time.perf_counter() - start < 1


async def test_it_can_be_loaded_for_accounts_and_grants_alone(
    app_engine: AsyncEngine, host: Host, new_grant: NewGrant
) -> None:
    first, second, third = [await new_grant(host) for _ in range(3)]
    once, now = first.clipper.accounts[0], second.clipper.accounts[0]
    async with app_engine.begin() as connection:
        await change(connection, first, handles=["tiktok:another"])
        register = await load_register(connection, host.book_id, accounts=[once, now], grant_ids=[second.grant_id])
        assert [each.grant_id for each in register.of_account(once)] == [first.grant_id]
        assert [each.grant_id for each in register.of_account(now)] == [second.grant_id]
        assert register.grant(third.grant_id) is None
        only = await load_register(connection, host.book_id, grant_ids=[third.grant_id])
        assert (only.grant(third.grant_id) is None, only.grant(first.grant_id)) == (False, None)
        nobody = await load_register(connection, host.book_id, accounts=[], grant_ids=[])
        assert nobody.grant(first.grant_id) is None


async def test_another_host_s_grants_are_not_in_it(
    app_engine: AsyncEngine, host: Host, new_host: NewHost, new_grant: NewGrant, new_clipper: NewClipper
) -> None:
    clipper = await new_clipper()
    mine, other = await new_grant(host, clipper=clipper), await new_grant(await new_host(), clipper=clipper)
    account = clipper.accounts[0]
    async with app_engine.connect() as connection:
        whole = await load_register(connection, host.book_id)
        some = await load_register(connection, host.book_id, accounts=[account], grant_ids=[other.grant_id])
    for register in (whole, some):
        assert [each.grant_id for each in register.of_account(account)] == [mine.grant_id]
        assert register.grant(other.grant_id) is None


async def test_loading_takes_two_statements(app_engine: AsyncEngine, host: Host, new_grant: NewGrant) -> None:
    for _ in range(3):
        await new_grant(host)
    statements = []

    def count(*args: Any) -> None:
        statements.append(args[2])

    async with app_engine.connect() as connection:
        event.listen(connection.sync_connection, "before_cursor_execute", count)
        await load_register(connection, host.book_id)
    assert len(statements) == 2


# Over HTTP --------------------------------------------------------------------------------------------------


def facts(granted: Granted, **said: Any) -> dict[str, Any]:
    platform, handle = granted.clipper.accounts[0].split(":")
    return {"sold_at": "2026-02-01T20:15:00+08:00", "platform": platform, "handle": handle, **said}


async def judged(client: AsyncClient, host: Host, *sales: dict[str, Any], **said: Any) -> Response:
    return await client.post(f"{host.path}/judge", json={"sales": sales, **said}, headers=host.person.bearer)


async def test_a_host_has_its_sales_judged_without_an_idempotency_key(
    client: AsyncClient, host: Host, new_grant: NewGrant
) -> None:
    granted = await new_grant(host)
    known, unknown = facts(granted), facts(granted, handle="@nobody")
    answer = await judged(client, host, known, unknown, facts(granted, handle=None, grant_id=granted.grant_id))
    assert answer.status_code == 200, answer.text
    verdicts = answer.json()["verdicts"]
    assert [each["verdict"] for each in verdicts] == ["licensed", "unlicensed", "ambiguous"]
    assert verdicts[0] == {
        "verdict": "licensed",
        "grant_id": granted.grant_id,
        "clipper_id": granted.clipper.clipper_id,
        "offer_id": granted.offer_id,
        "version_no": 1,
        "terms_sha256": sha256_of(TERMS),
        "failed": None,
        "considered": [{"grant_id": granted.grant_id, "outcome": "passes", "condition": None}],
    }
    rule = "no grant lists this account at that moment"
    assert verdicts[1]["failed"] == {"name": "handle", "value": f"{unknown['platform']}:nobody", "rule": rule}


async def test_a_host_asks_as_of_a_day(client: AsyncClient, host: Host, new_grant: NewGrant) -> None:
    granted = await new_grant(host)
    before = "2025-12-31T00:00:00Z"
    (said,) = (await judged(client, host, facts(granted), known_at=before)).json()["verdicts"]
    assert (said["verdict"], said["failed"]["name"]) == ("unlicensed", "handle")


async def test_another_host_s_grant_is_none_to_this_host(
    client: AsyncClient, host: Host, new_host: NewHost, new_grant: NewGrant
) -> None:
    granted = await new_grant(await new_host())
    (said,) = (await judged(client, host, facts(granted, grant_id=granted.grant_id))).json()["verdicts"]
    assert (said["grant_id"], said["failed"]["name"]) == (None, "grant")
    for person in (host.person, granted.clipper.person):
        body = {"sales": [facts(granted)]}
        other = await client.post("/v1/books/no-such-book/judge", json=body, headers=person.bearer)
        assert other.status_code in (403, 404)
    refused = await client.post(f"{host.path}/judge", json={"sales": []}, headers=granted.clipper.person.bearer)
    assert refused.status_code in (403, 404)


async def test_a_fact_that_cannot_be_is_refused_by_name(client: AsyncClient, host: Host) -> None:
    fine = {"sold_at": "2026-02-01T20:15:00+08:00", "platform": "tiktok", "handle": "lina"}
    refused: list[tuple[dict[str, Any], int, str]] = [
        ({"sold_at": "2026-02-01T20:15:00"}, 422, "sold_at"),
        ({"published_at": "2026-02-01T20:15:00"}, 422, "published_at"),
        ({"platform": "myspace"}, 422, "platform"),
        ({"handle": "li na"}, 422, "handle"),
        ({"handle": "\0"}, 422, "handle"),
        ({"handle": "x" * 201}, 400, "handle"),
        ({"territory": "china"}, 400, "territory"),
        ({"marketplace": "Tao Bao"}, 400, "marketplace"),
        ({"grant_id": 2**63}, 400, "grant_id"),
        ({"source_ids": [7, 0]}, 400, "source_ids[1]"),
        ({"price": 5}, 400, "price"),
    ]
    for said, status, field in refused:
        answer = await judged(client, host, fine, {**fine, **said})
        told = problem(answer)
        assert (answer.status_code, told["field"]) == (status, f"sales[1].{field}"), told
        assert told["rule"]
    answer = await judged(client, host, fine, known_at="2026-02-01T00:00:00")
    assert (answer.status_code, problem(answer)["field"]) == (422, "known_at")


async def test_the_first_and_the_last_moment_are_moments(client: AsyncClient, host: Host, new_grant: NewGrant) -> None:
    granted = await new_grant(host, ends_at=EARLY, terms=LONGER)
    for at in ("0001-01-01T00:00:00+14:00", "9999-12-31T23:59:59-12:00"):
        answer = await judged(client, host, facts(granted, sold_at=at, published_at=at), known_at=at)
        assert answer.json()["verdicts"][0]["verdict"] == "unlicensed", answer.text


async def test_ten_thousand_sales_are_judged_in_one_request_and_no_more(
    client: AsyncClient, host: Host, new_grant: NewGrant
) -> None:
    granted = await new_grant(host)
    answer = await judged(client, host, *[facts(granted)] * 10_000)
    assert {each["verdict"] for each in answer.json()["verdicts"]} == {"licensed"}
    assert (await judged(client, host, *[facts(granted)] * 10_001)).status_code == 400
    assert (await judged(client, host)).status_code == 400
