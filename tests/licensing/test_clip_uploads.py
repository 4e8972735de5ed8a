"""A clipper's bytes lie in the host's book, and are the clipper's alone until a clip is made of them."""

from collections.abc import AsyncIterator

from httpx import AsyncClient, Response
from sqlalchemy.ext.asyncio import AsyncEngine

from tests.clipledger.front_door import Person, posting, problem
from tests.licensing.house import Clipper, Granted, Host, NewGrant
from tests.licensing.reels import sql

OFFSET = "application/offset+octet-stream"


def uploads_of(grant: Granted, clipper: Clipper | None = None) -> str:
    return f"{(clipper or grant.clipper).path}/grants/{grant.grant_id}/uploads"


async def announce(client: AsyncClient, by: Person, path: str, length: int = 3) -> Response:
    return await client.post(path, headers={**posting(by), "Upload-Length": str(length)})


async def append(client: AsyncClient, by: Person, place: str, content: object) -> Response:
    headers = {**by.bearer, "Upload-Offset": "0", "Content-Type": OFFSET}
    return await client.patch(place, headers=headers, content=content)  # type: ignore[arg-type]


async def test_a_clipper_uploads_and_submits_what_has_arrived(
    app_engine: AsyncEngine, client: AsyncClient, host: Host, new_grant: NewGrant
) -> None:
    grant = await new_grant(host)
    clipper = grant.clipper
    announced = await announce(client, clipper.person, uploads_of(grant))
    assert announced.status_code == 201, announced.text
    place, upload = announced.headers["location"], announced.json()["upload_id"]
    assert place == f"{uploads_of(grant)}/{upload}"
    assert (await append(client, clipper.person, place, b"abc")).status_code == 204
    assert (await client.head(place, headers=clipper.person.bearer)).headers["upload-offset"] == "3"
    body = {"upload": upload, "title": "Red coat"}
    path = f"{clipper.path}/grants/{grant.grant_id}/submissions"
    made = await client.post(path, json=body, headers=posting(clipper.person))
    assert made.status_code == 201, made.text
    place_of = "SELECT place FROM media.clips WHERE clip_id = :clip"
    assert await sql(app_engine, place_of, clip=made.json()["clip_id"]) == [(f"upload:{upload}",)]


async def test_neither_sees_the_others_uploads(client: AsyncClient, host: Host, new_grant: NewGrant) -> None:
    grant, rival = await new_grant(host), await new_grant(host)
    hers = (await announce(client, grant.clipper.person, uploads_of(grant))).json()["upload_id"]
    its = (await announce(client, host.person, f"{host.path}/uploads")).json()["upload_id"]
    places = [
        (host.person, f"{host.path}/uploads/{hers}"),
        (grant.clipper.person, f"{uploads_of(grant)}/{its}"),
        (rival.clipper.person, f"{uploads_of(rival)}/{hers}"),
        (rival.clipper.person, f"{uploads_of(grant, rival.clipper)}/{hers}"),
        (rival.clipper.person, f"{uploads_of(grant)}/{hers}"),
    ]
    for person, place in places:
        answers = [
            await client.get(place, headers=person.bearer),
            await client.head(place, headers=person.bearer),
            await append(client, person, place, b"abc"),
            await client.delete(place, headers=person.bearer),
        ]
        assert [answer.status_code for answer in answers] == [404] * 4, place
    stolen = {"title": "mine", "upload": hers}
    for noun in ("clips", "sources"):
        assert (await client.post(f"{host.path}/{noun}", json=stolen, headers=posting(host.person))).status_code == 404
    assert (await announce(client, rival.clipper.person, uploads_of(grant, rival.clipper))).status_code == 404
    mine = f"{uploads_of(grant)}/{hers}"
    assert (await client.delete(mine, headers=grant.clipper.person.bearer)).status_code == 204
    assert (await client.get(mine, headers=grant.clipper.person.bearer)).status_code == 404


async def test_bytes_are_taken_under_an_active_grant_only(
    app_engine: AsyncEngine, client: AsyncClient, host: Host, new_grant: NewGrant
) -> None:
    grant = await new_grant(host)
    place = (await announce(client, grant.clipper.person, uploads_of(grant))).headers["location"]
    await sql(app_engine, "UPDATE licensing.grants SET state = 'revoked' WHERE grant_id = :id", id=grant.grant_id)
    refused = await append(client, grant.clipper.person, place, b"abc")
    assert (refused.status_code, problem(refused)["field"]) == (409, "grant.state")
    assert (await client.head(place, headers=grant.clipper.person.bearer)).headers["upload-offset"] == "0"


async def test_no_transaction_is_open_while_bytes_arrive(
    app_engine: AsyncEngine, client: AsyncClient, host: Host, new_grant: NewGrant
) -> None:
    grant = await new_grant(host)
    place = (await announce(client, grant.clipper.person, uploads_of(grant))).headers["location"]
    open_ones = []

    async def watching() -> AsyncIterator[bytes]:
        open_ones.append(app_engine.pool.checkedout())  # type: ignore[attr-defined]
        yield b"abc"

    before = app_engine.pool.checkedout()  # type: ignore[attr-defined]
    assert (await append(client, grant.clipper.person, place, watching())).status_code == 204
    assert open_ones == [before]
