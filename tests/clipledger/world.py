"""A host and its clipper with one of everything there can be, and people who have nothing to do with them."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from uuid import uuid4

import msgspec
from httpx import AsyncClient, Response
from sqlalchemy import insert, update
from sqlalchemy.ext.asyncio import AsyncConnection

from clipledger.access import keys, roles
from licensing import tables
from media import tables as media
from settlement import tables as settlement
from settlement.payouts import tables as payouts
from settlement.reconciliation import tables as reconciliation
from tests.clipledger.front_door import Person, add_user, posting
from tests.clipledger.operations import Operation
from tests.licensing.house import LONG_AGO, Granted, Host


@dataclass(frozen=True)
class World:
    """Everything that a host and its clipper have, by number; and people who have nothing to do with them."""

    client: AsyncClient
    numbers: Mapping[str, Any]
    other_host: Host
    other_clipper: Person
    other_clipper_id: int
    agency: Person
    agency_id: int
    operator: Person
    finance: Person

    async def ask(self, operation: Operation, by: Person, **places: Any) -> Response:
        numbers = {**self.numbers, **places}
        path = operation.path
        for name in operation.names:
            path = path.replace(f"{{{name}}}", str(numbers.get(name, "1")))
        headers = {**posting(by), "Upload-Length": "5", "Upload-Offset": "0", "If-Match": '"1"'}
        media_type, value = operation.body or (None, None)
        if media_type is None and operation.method == "patch":
            media_type = "application/offset+octet-stream"
        content = msgspec.json.encode(value) if media_type == "application/json" else b"clipper\n1\n"
        sent: dict[str, Any] = {"headers": headers, "params": operation.query}
        if media_type is not None:
            sent |= {"content": content, "headers": {**headers, "Content-Type": media_type}}
        return await self.client.request(operation.method, path, **sent)


async def things_of(connection: AsyncConnection, host: Host, granted: Granted) -> dict[str, int]:
    book, clipper = {"book_id": host.book_id}, {"clipper_id": granted.clipper.clipper_id}
    of_grant = {**book, "grant_id": granted.grant_id, **clipper}

    async def made(table: Any, key: str, **values: Any) -> int:
        row = insert(table).values(**values).returning(table.c[key])
        return int((await connection.execute(row)).scalar_one())

    titled, by = {"title": "A clip"}, {"submitted_by": "t"}
    of_offer = {**book, **clipper, "offer_id": granted.offer_id, "version_no": 1}
    url, told = {"url": "https://example.com/"}, {"subject": "grant", "subject_id": granted.grant_id, "detail": {}}
    address = {**url, "secret": "whsec_" + "A" * 32, "description": "", "created_by": "t"}
    clip = await made(media.clips, "clip_id", **book, **titled, **by, place="object:x", state="identified")
    shown: dict[str, Any] = {
        "clip_id": clip,
        "caption": "#ad",
        "on_screen": False,
        "disclosed": "caption",
        "state": "identified",
    }
    submission = await made(tables.submissions, "submission_id", **of_grant, **titled, **by, **shown)
    endpoint = await made(tables.webhook_endpoints, "endpoint_id", **book, **address)
    happened = {"type": "grant.accepted", "state": "active", "side": "clipper", "actor": "t"}
    event = await made(tables.events, "event_id", **book, **clipper, **told, **happened)
    agency = await made(tables.parties, "party_id", kind="agency", name="An agency", registered_by="t")
    sent = {"endpoint_id": endpoint, "event_id": event}
    applied = {"message": "", "findings": [], "expires_at": LONG_AGO}
    posted = {"platform": "tiktok", "content_id": uuid4().hex, "handle": "x", "published_at": LONG_AGO, "added_by": "t"}
    disputed = {"claimant": "host", "ground": "other", "frozen": True, "respond_by": LONG_AGO, "opened_by": "t"}
    found = {"origin": uuid4().hex, "state": "open", "opened_by": "t"}
    claimed = {"platform": "x", "handle": uuid4().hex, "code": "c", "claimed_by": "t"}
    proposed = {"agency_id": agency, "rate": "10%", "proposed_by": "t"}
    announced = {"length": 5, "created_by": "t", "expires_at": LONG_AGO}
    return {
        "offer_id": granted.offer_id,
        "grant_id": granted.grant_id,
        "version_no": 1,
        "clip_id": clip,
        "submission_id": submission,
        "endpoint_id": endpoint,
        "event_id": event,
        "agency": agency,
        "delivery_id": await made(tables.webhook_deliveries, "delivery_id", **book, **sent),
        "application_id": await made(tables.applications, "application_id", **of_offer, **by, **applied),
        "publication_id": await made(
            tables.publications, "publication_id", **book, **url, **posted, submission_id=submission
        ),
        "claim_id": await made(tables.claims, "claim_id", **of_grant, **disputed, submission_id=submission),
        "case_id": await made(tables.cases, "case_id", **book, **found),
        "handle_id": await made(tables.handles, "handle_id", **clipper, **claimed),
        "representation_id": await made(tables.representations, "representation_id", **clipper, **proposed),
        "upload_id": await made(media.uploads, "upload_id", **book, **announced),
        **await _sold(connection, host, granted),
        "statement_id": await _issued(connection, host, granted, agency),
        **await _paid(connection, host, granted),
        **await _reconciled(connection, host),
        "line_no": 1,
        "source_id": await made(media.sources, "source_id", **book, title="A stream", live=True, created_by="t"),
    }


async def _sold(connection: AsyncConnection, host: Host, granted: Granted) -> dict[str, int]:
    """A report with one sale, and a rule by which such sales are attributed."""
    book = {"book_id": host.book_id}

    async def made(table: Any, key: str, **values: Any) -> int:
        return int(
            (await connection.execute(insert(table).values(**book, **values).returning(table.c[key]))).scalar_one()
        )

    file = {"name": "r.csv", "sha256": "0" * 64, "size": 1, "format": "generic", "columns": [], "zone": "UTC"}
    how = {"as_of": LONG_AGO, "on_fault": "park", "state": "done", "created_by": "t", "finished_at": LONG_AGO}
    report = await made(settlement.imports, "import_id", **file, **how)
    line = {"marketplace": "tiktok-shop", "order_no": "1", "line_no": "1", "currency": "CNY", "product": "1"}
    told = {"as_of": LONG_AGO, "sha256": "0" * 64, "import_id": report, "row_no": 1, "gmv": 0, "net_gmv": 0, "due": 0}
    sold = {"state": "void", "sold_at": LONG_AGO, "sold_on": LONG_AGO.date()}
    whose = {"grant_id": granted.grant_id, "clipper_id": granted.clipper.clipper_id}
    proposed = {"kind": "adjustment", "party": "host", "currency": "CNY", "amount": 1, "against": "book", "reason": "x"}
    came = {"marketplace": "tiktok-shop", "currency": "CNY", "amount": 1, "account": "assets:bank", "reference": "1"}
    booked = {"received_on": LONG_AGO.date(), "recorded_by": "t", "entry_id": 1}
    rule = {"matches": "content:1", "grant_id": granted.grant_id, "reason": "x", "resolved_by": "t"}
    return {
        "import_id": report,
        "sale_id": await made(settlement.sales, "sale_id", **line, **told, **sold, **whose),
        "resolution_id": await made(settlement.resolutions, "resolution_id", **rule),
        "adjustment_id": await made(
            settlement.adjustments, "adjustment_id", **proposed, proposed_by=1, proposed_as="t"
        ),
        "remittance_id": await made(settlement.remittances, "remittance_id", **came, **booked),
    }


async def _paid(connection: AsyncConnection, host: Host, granted: Granted) -> dict[str, int]:
    """A run with one payout, a file for the bank, and the clipper's account."""
    paying = {"rail": "stripe", "basis": "available", "pay_on": LONG_AGO.date(), "created_by": "t"}
    run = insert(payouts.payout_runs).values(book_id=host.book_id, **paying).returning(payouts.payout_runs.c.run_id)
    run_id = (await connection.execute(run)).scalar_one()
    party = f"clipper-{granted.clipper.clipper_id}"
    its = {"book_id": host.book_id, "run_id": run_id, "party": party, "currency": "CNY", "rail": "stripe"}
    payout = insert(payouts.payouts).values(**its, taken=1, amount=1).returning(payouts.payouts.c.payout_id)
    place = {"rail": "stripe", "destination": "acct_1", "country": "US", "currencies": ["USD"], "created_by": "t"}
    account = insert(payouts.payout_accounts).values(**place, party_id=granted.clipper.clipper_id)
    made = await connection.execute(account.returning(payouts.payout_accounts.c.account_id))
    file = {"message_id": "x", "sha256": "0" * 64, "content": b"x", "payments": 1, "totals": {}}
    by = {"user_id": 1, "made_by": "t", "execute_on": LONG_AGO.date()}
    whole = insert(payouts.payout_files).values(book_id=host.book_id, run_id=run_id, **file, **by)
    filed = await connection.execute(whole.returning(payouts.payout_files.c.file_id))
    return {
        "run_id": int(run_id),
        "payout_id": int((await connection.execute(payout)).scalar_one()),
        "account_id": int(made.scalar_one()),
        "file_id": int(filed.scalar_one()),
    }


async def _reconciled(connection: AsyncConnection, host: Host) -> dict[str, int]:
    """A bank's file, and a month of an account with a match and a residual."""

    async def made(table: Any, column: str, **values: Any) -> int:
        row = insert(table).values(book_id=host.book_id, **values).returning(table.c[column])
        return int((await connection.execute(row)).scalar_one())

    file = {"name": "b.csv", "sha256": "0" * 64, "size": 1, "key": "x", "format": "csv", "created_by": "t"}
    of = {"account": "assets:bank", "currency": "CNY", "month": LONG_AGO.date().replace(day=1), "created_by": "t"}
    number = await made(reconciliation.reconciliations, "reconciliation_id", **of)
    its = {"reconciliation_id": number, "ledger_amount": 1, "outside_amount": 1}
    matched = {"rule": "reference", "confidence": 100, "made_by": "rule"}
    left = {"key": "x", "kind": "missing-outside", "owner": "finance", "since": LONG_AGO.date(), "currency": "CNY"}
    return {
        "bank_file_id": await made(reconciliation.bank_files, "file_id", **file, lines=1, new_lines=1, parked=0),
        "reconciliation_id": number,
        "match_id": await made(reconciliation.matches, "match_id", **its, **matched),
        "residual_id": await made(reconciliation.residuals, "residual_id", **its, **left, members={}, said="x"),
    }


async def _issued(connection: AsyncConnection, host: Host, granted: Granted, agency_id: int) -> int:
    """A statement of a month that is issued; it is read by the host, the clipper and an agency."""
    its = {"book_id": host.book_id, "month": LONG_AGO.date().replace(day=1)}
    clipper = {"clipper_id": granted.clipper.clipper_id, "party": f"clipper-{granted.clipper.clipper_id}"}
    amounts = [column.name for column in settlement.statements.c if column.name.startswith(("opening_", "closing_"))]
    await connection.execute(insert(settlement.closings).values(**its))
    row = insert(settlement.statements).values(
        **its, **clipper, **dict.fromkeys(amounts, 0), agency_id=agency_id, name="A clipper", currency="CNY"
    )
    number: int = (await connection.execute(row.returning(settlement.statements.c.statement_id))).scalar_one()
    moved = ("sales", "held", "available", "reserve", "frozen", "paying", "recoverable")
    line = {"book_id": host.book_id, "statement_id": number, "line_no": 1, "kind": "earned", "product": "1"}
    await connection.execute(insert(settlement.statement_lines).values(dict.fromkeys(moved, 0) | line))
    for step in ({"state": "submitted", "submitted_by": 1}, {"state": "issued", "approved_by": 2}):
        await connection.execute(update(settlement.closings).values(**step).filter_by(**its))
    return number


async def new_person(connection: AsyncConnection, role: str | None, book: str | None) -> Person:
    user_id, email = await add_user(connection)
    scopes = roles.PARTY_SCOPES
    if role is not None:
        await roles.grant_role(connection, user_id, role, book)
        scopes = roles.ROLES[role] | roles.PARTY_SCOPES
    token = (await keys.create_key(connection, user_id, "all", scopes))[1]
    return Person(user_id, email, token)


async def new_party(connection: AsyncConnection, kind: str) -> tuple[Person, int]:
    person = await new_person(connection, None, None)
    row = (
        insert(tables.parties).values(kind=kind, name="A party", registered_by="t").returning(tables.parties.c.party_id)
    )
    party_id = int((await connection.execute(row)).scalar_one())
    member = {"party_id": party_id, "user_id": person.user_id, "role": "owner", "added_by": "t"}
    await connection.execute(insert(tables.members).values(member))
    return person, party_id
