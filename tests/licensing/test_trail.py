"""The audit trail of a book tells what its clippers did, though their routes name no book."""

from httpx import AsyncClient
from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncEngine

from clipledger.access.tables import audit_events
from licensing.granting import suspend
from licensing.states import By
from licensing.terms import sha256_of
from tests.clipledger.front_door import posting, problem
from tests.licensing.house import TERMS, Host, NewClipper, NewGrant, NewHost, NewOffer


async def test_what_a_clipper_does_is_in_the_trail_of_the_book_it_concerns(
    client: AsyncClient,
    app_engine: AsyncEngine,
    host: Host,
    new_host: NewHost,
    new_clipper: NewClipper,
    new_grant: NewGrant,
    new_offer: NewOffer,
) -> None:
    clipper, there = await new_clipper(), await new_host()
    granted = await new_grant(host, clipper=clipper)
    elsewhere = await new_grant(there, clipper=clipper)
    its = f"{clipper.path}/grants/{granted.grant_id}"

    async def post(path: str, body: object = None, **headers: str) -> dict[str, int]:
        answer = await client.post(path, json=body, headers={**posting(clipper.person), **headers})
        assert answer.is_success, answer.text
        return dict(answer.json())

    wanted = {"offer_id": await new_offer(host), "accept_sha256": sha256_of(TERMS)}
    application = await post(f"{clipper.path}/applications", wanted)
    await post(f"{clipper.path}/applications/{application['application_id']}/withdraw")
    upload = await post(f"{its}/uploads", **{"Upload-Length": "1", "Tus-Resumable": "1.0.0"})
    bytes_of = {"Upload-Offset": "0", "Tus-Resumable": "1.0.0", "Content-Type": "application/offset+octet-stream"}
    address = f"{its}/uploads/{upload['upload_id']}"
    sent = await client.patch(address, content=b"x", headers={**clipper.person.bearer, **bytes_of})
    assert sent.status_code == 204
    async with app_engine.begin() as connection:
        await suspend(connection, host.book_id, By("host", "user:1"), granted.grant_id)
    claim = await post(
        f"{clipper.path}/claims", {"grant_id": granted.grant_id, "ground": "wrongly-suspended", "statement": "Why?"}
    )
    await post(f"{clipper.path}/claims/{claim['claim_id']}/evidence", {"statement": "Tell me."})

    async with app_engine.connect() as connection:
        told = select(audit_events.c.action).order_by(audit_events.c.event_id)
        here = list(await connection.scalars(told.where(audit_events.c.book_id == host.book_id)))
        other = list(await connection.scalars(told.where(audit_events.c.book_id == elsewhere.book_id)))
    assert here == [
        "application.submit",
        "application.withdraw",
        "upload.create",
        "upload.append",
        "claim.open",
        "claim.evidence",
    ]
    assert other == []


async def test_a_parameter_is_named_as_it_was_sent(client: AsyncClient, host: Host) -> None:
    for sent in ({"state": "nonsense"}, {"clipper": "-1"}, {"offer": "x"}):
        said = problem(await client.get(f"{host.path}/grants", params=sent, headers=host.person.bearer))
        assert ({said["field"]: said["value"]}, said.get("errors")) == (sent, None)
