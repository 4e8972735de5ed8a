"""A house in which everything has happened, and somebody has written markup wherever people may write."""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from typing import Any
from uuid import uuid4

from msgspec.structs import replace
from sqlalchemy import insert, text
from sqlalchemy.exc import DBAPIError
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from clipledger.access import roles
from licensing import tables
from licensing.terms import Disclosure
from media.storage import Storage
from settlement import adjustments
from settlement.adjustments import Proposed
from settlement.closing import Person as Actor
from settlement.reconciliation.tables import platform_lines
from tests.clipledger.front_door import Person
from tests.licensing.house import LONG_AGO, TERMS, Host, NewClipper, NewGrant, NewHost, NewOffer, NewUser
from tests.licensing.reels import handed_in, identified, segment, stream, unreadable
from tests.settlement.books import OCTOBER, Closer
from tests.settlement.desk import Desk
from tests.settlement.market import written
from tests.settlement.payouts.purse import Hands, Purse, ScriptedRail
from tests.settlement.reconciliation.office import Office
from tests.settlement.shop import dispute
from tests.settlement.till import NOON, Till, by, facts

LONG = "\"><script>planted=1</script><img src=x onerror=planted=1>' onclick=planted=1 {{7*191}}%(x)s${7*191}"
MIDDLING = '"><img src=x onerror=planted=1>{{7*191}}%(x)s'
SHORT = "<b onclick=p>%(x)s"
PLANTS = (LONG, MIDDLING, SHORT)
URL = 'https://example.com/"><img/src=x/onerror=planted=1>'
ALIVE = "1337"
"""What `7*191` would be."""

_SCHEMAS = "('ledger', 'media', 'licensing', 'settlement', 'clipledger')"
_COLUMNS = text(f"""
    SELECT table_schema || '.' || table_name AS place, column_name AS name, collation_name = 'C' AS machine
    FROM information_schema.columns JOIN information_schema.tables USING (table_schema, table_name)
    WHERE table_schema IN {_SCHEMAS} AND data_type = 'text' AND table_type = 'BASE TABLE'
    ORDER BY 1, 2
""")
_WRITTEN_BY_OTHERS = {
    *("handle", "order_no", "content_id", "tracking_id", "product", "external_id", "reference", "bank_reference"),
    *("payment_group", "counterparty", "destination", "account_name", "territory"),
}
"""Columns of machines' words that hold what people or other houses write."""
_NEVER = {
    *("password_hash", "secret", "former_secret", "place", "rate", "time_zone", "key", "zone", "checksum"),
    *("actor", "created_by", "opened_by", "submitted_by", "decided_by", "proposed_as", "recorded_by", "kind"),
}
"""Columns that only we write: a planted one could only be our own fault."""


@dataclass(frozen=True)
class House:
    """Who can come in, by what they are."""

    people: dict[str, Person]
    host: Host


async def everything(
    engine: AsyncEngine,
    storage: str,
    new_host: NewHost,
    new_offer: NewOffer,
    new_grant: NewGrant,
    new_clipper: NewClipper,
    new_user: NewUser,
) -> House:
    """One of everything that there can be, in a book of its own."""
    host = await new_host()
    terms = replace(
        TERMS,
        licensor=LONG,
        disclosure=Disclosure(texts=("#ad", SHORT)),
        products=("17", "P-1", SHORT),
        document_sha256="0" * 64,
        document_url=URL,
        reserve="10%",
        reserve_days=30,
    )
    granted = await new_grant(host, terms=terms)
    await new_offer(host, state="open", title="Another", summary="Something")
    applicant = await new_clipper()
    approver = await new_user(roles.ROLES["approver"], "approver", host.book)
    operator = await new_user(roles.ROLES["operator"], "operator")
    async with engine.begin() as connection:
        await roles.grant_role(connection, host.person.user_id, "finance", host.book)
        await _licensing(connection, host, granted, applicant.clipper_id, operator.user_id)
    await _money(engine, storage, host, granted, approver, await _media(engine, host, granted))
    people = {"host": host.person, "approver": approver, "operator": operator}
    return House({**people, "clipper": granted.clipper.person, "applicant": applicant.person}, host)


async def _licensing(connection: AsyncConnection, host: Host, granted: Any, applicant: int, operator: int) -> None:
    async def made(table: Any, key: str, **values: Any) -> int:
        row = insert(table).values(**values).returning(table.c[key])
        return int((await connection.execute(row)).scalar_one())

    book, clipper = {"book_id": host.book_id}, {"clipper_id": granted.clipper.clipper_id}
    soon = datetime.now(UTC) + timedelta(days=5)
    applied = {"offer_id": granted.offer_id, "version_no": 1, "clipper_id": applicant, "submitted_by": "user:1"}
    await made(tables.applications, "application_id", **book, **applied, message="Hello", findings=[], expires_at=soon)
    disputed = {"grant_id": granted.grant_id, **clipper, "claimant": "host", "frozen": False, "respond_by": soon}
    for state in ("appealed", "responded"):
        ground = {"appealed": "outside-terms", "responded": "false-sales"}[state]
        more = {"ground": ground, "state": state, "opened_by": "user:1", "decide_by": soon, "reason": "So it is"}
        number = await made(tables.claims, "claim_id", **book, **disputed, **more)
        said = {
            "side": "clipper",
            "statement": "No",
            "added_by": "user:1",
            "evidence_no": 1,
            "url": "https://x.example/",
        }
        await connection.execute(insert(tables.claim_evidence).values(**book, claim_id=number, **said))
    for state in ("open", "looking"):
        found = {"origin": uuid4().hex, "state": state, "opened_by": "user:1", "platform": "tiktok", "handle": "y"}
        await made(tables.cases, "case_id", **book, **found)
    address = {"url": "https://example.com/", "secret": "whsec_" + "A" * 32, "description": "x", "created_by": "user:1"}
    endpoint = await made(tables.webhook_endpoints, "endpoint_id", **book, **address)
    told = {"type": "grant.accepted", "subject": "grant", "subject_id": granted.grant_id, "state": "active"}
    detail = {"side": "clipper", "actor": "user:1", "detail": {"reason": LONG, LONG: LONG}}
    event = await made(tables.events, "event_id", **book, **clipper, **told, **detail)
    sent = {"endpoint_id": endpoint, "event_id": event, "state": "failed", "attempts": 8}
    delivery = await made(tables.webhook_deliveries, "delivery_id", **book, **sent)
    attempt = {"delivery_id": delivery, "attempt_no": 1, "took_ms": 5, "status": 500, "answer": "no"}
    await connection.execute(insert(tables.webhook_attempts).values(**book, **attempt))
    claimed = {"platform": "tiktok", "handle": uuid4().hex, "code": "CLIP-7F3K2M9QXA", "claimed_by": "user:1"}
    await made(tables.handles, "handle_id", **clipper, **claimed)
    agency = await made(tables.parties, "party_id", kind="agency", name="An agency", registered_by="user:1")
    proposed = {"agency_id": agency, **clipper, "rate": "10%", "proposed_by": "user:1"}
    await made(tables.representations, "representation_id", **proposed)
    owner = {"party_id": agency, "user_id": operator, "role": "owner", "added_by": "user:1"}
    await connection.execute(insert(tables.members).values(owner))
    ratios = {"least_host": 3, "least_clipper": 7, "most_host": 5, "most_clipper": 5}
    await connection.execute(insert(tables.split_policies).values(**ratios, reason="So it is", set_by="user:1"))
    line = {"source": "stripe", "account": "platform", "kind": "top-up", "reference": "", "description": "x"}
    when = {"moved_at": LONG_AGO, "value_on": LONG_AGO.date(), "amount": 100, "currency": "CNY"}
    await connection.execute(insert(platform_lines).values(**line, **when, external_id=uuid4().hex))
    await connection.execute(
        text("INSERT INTO settlement.rail_halts (rail, reason) VALUES ('stripe', 'x') ON CONFLICT DO NOTHING")
    )


async def _media(engine: AsyncEngine, host: Host, granted: Any) -> int:
    """The number of the clip that is live."""
    source = await stream(engine, host.book_id)
    recording = (
        "INSERT INTO media.recordings (book_id, source_id, recording_no, place, state, progress, duration_s, starts_s)"
        " VALUES (:book, :source, 1, 'file:/nowhere', 'ready', 1, 5400, 0)"
    )
    async with engine.begin() as connection:
        await connection.execute(text(recording), {"book": host.book_id, "source": source})
    live = 0
    for state in ("submitted", "identified", "approved", "rejected", "live", "removed"):
        number, clip = await handed_in(engine, granted, state)
        live = number if state == "live" else live
        if state == "submitted":
            await unreadable(engine, host.book_id, clip)
        else:
            await identified(engine, host.book_id, clip, segment(source))
    account = granted.clipper.accounts[0].partition(":")[2]
    posted = {"platform": "tiktok", "content_id": "111", "handle": account, "url": "https://example.com/1"}
    when = {"published_at": NOON, "added_by": "user:1"}
    async with engine.begin() as connection:
        row = insert(tables.publications).values(book_id=host.book_id, submission_id=live, **posted, **when)
        await connection.execute(row)
    return live


async def _money(engine: AsyncEngine, storage: str, host: Host, granted: Any, approver: Person, clip: int) -> None:
    till = Till(engine, host)
    settled = {"state": "settled", "settled_at": NOON}
    sales = await till.sell(
        facts(**by(granted), **settled), facts(**by(granted)), facts(content_id="111", **settled), facts(content_id="9")
    )
    await till.tell(sales[0], due=10_000, as_of=NOON + timedelta(days=1))
    await dispute(till, granted, clip)
    first, second = Actor(host.person.user_id, f"user:{host.person.user_id}"), Actor(approver.user_id, "user:2")
    async with engine.begin() as connection:
        party = f"clipper-{granted.clipper.clipper_id}"
        for amount in (500, 100_000):
            asked = Proposed(kind="adjustment", party=party, currency="CNY", amount=amount, against="host", reason="x")
            done = await adjustments.propose(connection, host.book_id, first, asked)
        await adjustments.approve(connection, host.book_id, done.adjustment_id, second)
    handle = granted.clipper.accounts[0].partition(":")[2]
    desk = Desk(engine, Storage(storage), host, [granted])
    await desk.read(_report(handle), date(2026, 10, 20), name="report.csv")
    office = Office(engine, Storage(storage), host)
    await office.book(500, reference="B1")
    closer = Closer(till)
    await closer.close(OCTOBER)
    await closer.seal()
    clock = Hands()
    purse = Purse(engine, host, ScriptedRail(clock), clock)
    await purse.owe(party, 20_000)
    await purse.account(granted.clipper)
    await purse.approved()
    await purse.send()
    await office.send(
        b"booked_on,amount,currency,end_to_end_id,kind\n2026-10-05,5.00,CNY,B1,receipt\n2026-10-06,-0.35,CNY,,fee\n"
    )
    await office.run()


def _report(handle: str) -> bytes:
    def row(order: str, due: str, who: str, product: str = "P-1") -> Sequence[str]:
        moment = NOON.isoformat()
        told = ("shop", order, "L1", "CNY", product, "1", "0", "100.00", "", due, due, "settled", "tiktok", who)
        return (*told, "", "", "", moment, moment)

    return written([row("O-1", "13.02", handle), row("O-2", "13.02", "nobody"), row("O-3", "much", handle, LONG)])


# Planting ---------------------------------------------------------------------------------------------------


async def plant(engine: AsyncEngine) -> set[str]:
    """Write markup into every column in which people's words stand; names of the columns that took it."""
    async with engine.connect() as connection:
        columns = list(await connection.execute(_COLUMNS))
    planted = set()
    for column in columns:
        words = not column.machine or column.name in _WRITTEN_BY_OTHERS
        if words and column.name not in _NEVER and await _planted(engine, column.place, column.name):
            planted.add(f"{column.place}.{column.name}")
    await _in_json(engine)
    return planted


async def _planted(engine: AsyncEngine, place: str, name: str) -> bool:
    """The longest text that the column takes, told apart by a number, for some must be."""
    for told in [URL] if name == "url" else PLANTS:
        try:
            async with engine.begin() as connection:
                await connection.execute(text(f"ALTER TABLE {place} DISABLE TRIGGER USER"))
                change = text(f"UPDATE {place} SET {name} = :told || substr(ctid::text, 2, 6) WHERE {name} IS NOT NULL")
                done = await connection.execute(change, {"told": told})
                await connection.execute(text(f"ALTER TABLE {place} ENABLE TRIGGER USER"))
                return bool(done.rowcount)
        except DBAPIError:
            continue
    return False


async def _in_json(engine: AsyncEngine) -> None:
    told = json.dumps({"reason": LONG, SHORT: [LONG]})
    async with engine.begin() as connection:
        await connection.execute(text("ALTER TABLE clipledger.audit_events DISABLE TRIGGER USER"))
        await connection.execute(
            text("UPDATE clipledger.audit_events SET detail = CAST(:told AS jsonb)"), {"told": told}
        )
        await connection.execute(text("ALTER TABLE clipledger.audit_events ENABLE TRIGGER USER"))
