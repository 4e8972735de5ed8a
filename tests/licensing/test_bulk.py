"""Granting in bulk: all or each, as JSON or CSV, sent again without doubling anything."""

import asyncio
from typing import Any

import pytest
from httpx import AsyncClient, Response
from sqlalchemy.ext.asyncio import AsyncEngine

from licensing.bulk import GrantRow, bulk_grant, read_csv
from licensing.errors import InvalidBulk, LicensingError, OfferNotFound
from licensing.grants import list_grants
from licensing.states import By
from tests.clipledger.front_door import posting, problem
from tests.licensing.house import Host, NewClipper, NewHost, NewOffer, events_of

HOST = By("host", "user:1")


async def living(engine: AsyncEngine, host: Host) -> int:
    async with engine.connect() as connection:
        return len(await list_grants(connection, host.book_id))


async def test_all_rows_are_granted_together_or_none(
    app_engine: AsyncEngine, host: Host, new_clipper: NewClipper, new_offer: NewOffer
) -> None:
    offer_id = await new_offer(host)
    clippers = [await new_clipper() for _ in range(3)]
    good = [GrantRow(clipper=clipper.clipper_id, reference=str(number)) for number, clipper in enumerate(clippers)]
    async with app_engine.begin() as connection:
        bad = [good[0], GrantRow(clipper=clippers[1].clipper_id, handles=("tiktok:no",)), GrantRow(clipper=2**62)]
        with pytest.raises(
            InvalidBulk, match=r"row 2: invalid-grant: .*; 1 more row can't be granted either"
        ) as refused:
            await bulk_grant(connection, host.book_id, HOST, offer_id, bad)
    assert (refused.value.field, refused.value.value) == ("rows[1].handles", "tiktok:no")
    assert await living(app_engine, host) == 0
    async with app_engine.begin() as connection:
        answer = await bulk_grant(connection, host.book_id, HOST, offer_id, good)
    assert (answer.granted, answer.refused) == (3, 0)
    assert [row.clipper_id for row in answer.rows] == [clipper.clipper_id for clipper in clippers]
    numbers = [row.grant_id for row in answer.rows]
    assert numbers == sorted(numbers, key=lambda number: number or 0)
    assert await events_of(app_engine, host.book_id) == ["grant.offered"] * 3


async def test_each_row_has_an_outcome_of_its_own(
    app_engine: AsyncEngine, host: Host, new_clipper: NewClipper, new_offer: NewOffer
) -> None:
    offer_id = await new_offer(host, quota=3)
    ana, ben, eve, uma = [await new_clipper("tiktok") for _ in range(4)]
    platform, _, handle = ben.accounts[0].partition(":")
    rows = [
        GrantRow(clipper=ana.clipper_id),
        GrantRow(clipper=ana.clipper_id),
        GrantRow(platform=platform, handle=f"@{handle.upper()}"),
        GrantRow(clipper=ben.clipper_id),
        GrantRow(platform="tiktok", handle="nobody-has-this"),
        GrantRow(platform="nowhere", handle="lina"),
        GrantRow(platform="tiktok"),
        GrantRow(),
        GrantRow(clipper=eve.clipper_id, platform="tiktok", handle="lina"),
        GrantRow(clipper=2**62),
        GrantRow(clipper=eve.clipper_id, reference="\0"),
        GrantRow(clipper=eve.clipper_id),
        GrantRow(clipper=uma.clipper_id),
    ]
    async with app_engine.begin() as connection:
        answer = await bulk_grant(connection, host.book_id, HOST, offer_id, rows, "each")
    assert (answer.granted, answer.refused) == (3, 10)
    assert [(row.row, row.code, row.field) for row in answer.rows] == [
        (1, None, None),
        (2, "already-granted", "clipper"),
        (3, None, None),
        (4, "already-granted", "clipper"),
        (5, "handle-not-found", "handle"),
        (6, "invalid-handle", "platform"),
        (7, "invalid-grant", "clipper"),
        (8, "invalid-grant", "clipper"),
        (9, "invalid-grant", "clipper"),
        (10, "party-not-found", "clipper"),
        (11, "invalid-grant", "reference"),
        (12, None, None),
        (13, "quota-reached", "offer.quota"),
    ]
    assert answer.rows[1].rule == "row 1 is the same clipper's"
    assert answer.rows[2].clipper_id == ben.clipper_id
    async with app_engine.begin() as connection:
        again = await bulk_grant(connection, host.book_id, HOST, offer_id, rows, "each")
    assert again.granted == 0
    assert await living(app_engine, host) == 3


async def test_two_who_send_the_same_rows_grant_them_once(
    app_engine: AsyncEngine, host: Host, new_clipper: NewClipper, new_offer: NewOffer
) -> None:
    offer_id = await new_offer(host)
    rows = [GrantRow(clipper=(await new_clipper()).clipper_id) for _ in range(3)]

    async def sent() -> int:
        async with app_engine.begin() as connection:
            return (await bulk_grant(connection, host.book_id, HOST, offer_id, rows, "each")).granted

    assert sorted(await asyncio.gather(sent(), sent())) == [0, 3]
    assert await living(app_engine, host) == 3


async def test_a_request_that_broke_off_half_way_is_sent_again(
    app_engine: AsyncEngine, host: Host, new_clipper: NewClipper, new_offer: NewOffer
) -> None:
    offer_id = await new_offer(host)
    rows = [GrantRow(clipper=(await new_clipper()).clipper_id) for _ in range(2)]
    async with app_engine.connect() as connection:  # which is closed before it commits, as when the service is killed
        assert (await bulk_grant(connection, host.book_id, HOST, offer_id, rows)).granted == 2
    assert await living(app_engine, host) == 0
    assert await events_of(app_engine, host.book_id) == []
    async with app_engine.begin() as connection:
        assert (await bulk_grant(connection, host.book_id, HOST, offer_id, rows)).granted == 2
    assert await living(app_engine, host) == 2


async def test_rows_are_1_to_10000_and_the_offer_is_the_hosts(
    app_engine: AsyncEngine, host: Host, new_host: NewHost, new_offer: NewOffer
) -> None:
    offer_id = await new_offer(host)
    async with app_engine.begin() as connection:
        for count in (0, 10_001):
            with pytest.raises(InvalidBulk) as refused:
                await bulk_grant(connection, host.book_id, HOST, offer_id, [GrantRow(clipper=1)] * count)
            assert refused.value.value == str(count)
        other = await new_host()
        with pytest.raises(OfferNotFound):
            await bulk_grant(connection, other.book_id, HOST, offer_id, [GrantRow(clipper=1)])


# CSV --------------------------------------------------------------------------------------------------------


def test_a_table_is_read_with_or_without_a_byte_order_mark() -> None:
    table = "clipper, platform,handle,handles,starts_at,ends_at,reference,accepted_at,document_sha256\r\n"
    table += '7,,,tiktok:lina douyin:lina,2027-01-01T00:00:00+08:00,,"A, 17",2026-02-01T00:00:00Z,' + "ab" * 32 + "\r\n"
    table += "\r\n,tiktok,@丽娜,,,,,,\r\n"
    for body in (table.encode(), table.encode("utf-8-sig")):
        first, second = read_csv(body)
        assert isinstance(first, GrantRow)
        assert (first.clipper, first.reference) == (7, "A, 17")
        assert first.handles == ("tiktok:lina", "douyin:lina")
        assert first.starts_at is not None
        assert first.starts_at.isoformat() == "2027-01-01T00:00:00+08:00"
        assert first.attested is not None
        assert first.attested.document_sha256 == "ab" * 32
        assert second == GrantRow(platform="tiktok", handle="@丽娜")


@pytest.mark.parametrize(
    ("body", "field", "value"),
    [
        (b"", "body", None),
        (b"\xff\xfe", "body", "ff fe"),
        (b"clipper,clipperr\n7,8\n", "header", "clipperr"),
        (b"clipper,clipper\n7,8\n", "header", "clipper"),
        (b'clipper\n"7"8\n', "body", None),
        (b'clipper\n"' + b"7" * 200_000 + b'"\n', "body", None),
    ],
)
def test_what_is_no_table_is_refused(body: bytes, field: str, value: str | None) -> None:
    with pytest.raises(InvalidBulk) as refused:
        read_csv(body)
    assert (refused.value.field, refused.value.value) == (field, value)


@pytest.mark.parametrize(
    ("line", "field", "value"),
    [
        ("x,,,", "clipper", "x"),
        ("0,,,", "clipper", "0"),
        ("99999999999999999999,,,", "clipper", "99999999999999999999"),
        ("7,tomorrow,,", "starts_at", "tomorrow"),
        ("7,,2026,", "accepted_at", "2026"),
        ("7,,," + "ab" * 32, "accepted_at", None),
        ("7,", "row", "7,"),
    ],
)
def test_a_row_that_cannot_be_read_is_its_own_refusal(line: str, field: str, value: str | None) -> None:
    bad, good = read_csv(f"clipper,starts_at,accepted_at,document_sha256\n{line}\n8,,,\n".encode())
    assert isinstance(bad, LicensingError)
    assert (bad.field, bad.value) == (field, value)
    assert good == GrantRow(clipper=8)


# Over HTTP --------------------------------------------------------------------------------------------------


async def test_a_bulk_request_is_repeated_without_a_duplicate(
    client: AsyncClient, app_engine: AsyncEngine, host: Host, new_clipper: NewClipper, new_offer: NewOffer
) -> None:
    path = f"{host.path}/offers/{await new_offer(host)}/grants/bulk"
    attested = {"accepted_at": "2026-02-01T00:00:00+08:00"}
    rows = [{"clipper": (await new_clipper()).clipper_id, "attested": attested} for _ in range(2)]
    headers = posting(host.person)
    first = await client.post(path, json={"rows": rows}, headers=headers)
    assert (first.status_code, first.json()["granted"]) == (200, 2)
    replayed = await client.post(path, json={"rows": rows}, headers=headers)
    assert (replayed.json(), replayed.headers["idempotency-replayed"]) == (first.json(), "true")
    anew = await client.post(path, json={"mode": "each", "rows": rows}, headers=posting(host.person))
    assert [row["code"] for row in anew.json()["rows"]] == ["already-granted"] * 2
    refused = await client.post(path, json={"rows": rows}, headers=posting(host.person))
    assert refused.status_code == 422
    told = problem(refused)
    assert (told["type"], told["field"]) == ("/problems/invalid-bulk", "rows[0].clipper")
    assert await living(app_engine, host) == 2


async def test_a_table_is_granted_over_http(
    client: AsyncClient, host: Host, new_host: NewHost, new_clipper: NewClipper, new_offer: NewOffer
) -> None:
    offer_id = await new_offer(host)
    table = f"clipper,reference\n{(await new_clipper()).clipper_id},A\nnobody,B\n".encode()

    async def sent(path: str, content: bytes, of: Host = host, kind: str = "text/csv; charset=utf-8") -> Response:
        headers: dict[str, Any] = {**posting(of.person), "Content-Type": kind}
        return await client.post(f"{of.path}/offers/{offer_id}/grants/{path}", content=content, headers=headers)

    answer = await sent("bulk-csv?mode=each", table)
    assert answer.status_code == 200
    assert [(row["outcome"], row["field"]) for row in answer.json()["rows"]] == [
        ("granted", None),
        ("refused", "clipper"),
    ]
    assert (await sent("bulk-csv", table)).status_code == 422
    assert (await sent("bulk-csv", b"number\n7\n")).json()["field"] == "header"
    assert (await sent("bulk-csv", table, kind="application/json")).status_code == 415
    assert (await sent("bulk-csv", b"")).status_code == 400
    assert (await sent("bulk-csv", b"x" * (8 * 1024 * 1024 + 1))).status_code == 413
    assert (await sent("bulk-csv?mode=each", table, of=await new_host())).status_code == 404
