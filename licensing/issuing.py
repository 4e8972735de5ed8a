"""Issuing grants of an offer, any number in a few statements, under the lock of the offer. `licensing.grants` is the
way in, `licensing.drafts` what is checked.
"""

import secrets
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import RowMapping, text
from sqlalchemy.ext.asyncio import AsyncConnection

from licensing import changes, events
from licensing.drafts import Draft, Ground, NewGrant
from licensing.errors import ExclusiveElsewhere, LicensingError, NothingPublished, WrongTransition
from licensing.exclusivity import excluded, lock_clippers
from licensing.handles import confirmed_accounts
from licensing.offers import Offer, find_terms, lock_offer
from licensing.states import By
from licensing.terms import Terms

GIVES = ("open", "paused")
"""States of an offer of which grants are made; one that is paused takes no applications, but its host may grant."""


async def issue(
    connection: AsyncConnection,
    book_id: int,
    by: By,
    offer_id: int,
    rows: Sequence[NewGrant | LicensingError],
    *,
    together: bool,
) -> list[RowMapping | LicensingError | None]:
    """See `licensing.grants.try_grants`, which makes grants of these rows."""
    offer = await lock_offer(connection, book_id, offer_id)
    if offer.version_no is None:
        raise NothingPublished("offer", offer_id)
    if offer.state not in GIVES:
        raise WrongTransition("offer.state", offer.state, f"grants are made of an offer that is {' or '.join(GIVES)}")
    ground = await _ground(connection, book_id, offer, [row for row in rows if isinstance(row, NewGrant)])
    outcomes = [ground.drafted(number, row) for number, row in enumerate(rows, 1)]
    drafts = [outcome for outcome in outcomes if isinstance(outcome, Draft)]
    made: Mapping[int, RowMapping] = {}
    if drafts and not (together and len(drafts) < len(rows)):
        made = await _insert(connection, book_id, by, ground, drafts)
    return [made.get(each.clipper_id) if isinstance(each, Draft) else each for each in outcomes]


# Reading and writing ----------------------------------------------------------------------------------------

_CLIPPERS = text("""
    SELECT party_id FROM licensing.parties
    WHERE kind = 'clipper' AND party_id = ANY (CAST(:clippers AS bigint[]))
""")

_LIVING = text("""
    SELECT count(*), array_agg(clipper_id) FILTER (WHERE clipper_id = ANY (CAST(:clippers AS bigint[])))
    FROM licensing.grants
    WHERE book_id = :book_id AND offer_id = :offer_id AND state IN ('offered', 'active', 'suspended')
""")

_INSERT = text("""
    WITH made AS (
        INSERT INTO licensing.grants (
            book_id, offer_id, version_no, created_by, created_at, clipper_id, state, handles, starts_at, ends_at,
            respond_by, reference, certificate_no, application_id, accepted_at, accepted_by, accepted_ip, attested
        )
        SELECT :book_id, :offer_id, :version_no, :actor, :now, clipper_id, state, string_to_array(handles, ' '),
               starts_at, ends_at, respond_by, reference, certificate_no, application_id,
               accepted_at, accepted_by, accepted_ip, attested
        FROM unnest(
            CAST(:clipper_id AS bigint[]), CAST(:state AS text[]), CAST(:handles AS text[]),
            CAST(:starts_at AS timestamptz[]), CAST(:ends_at AS timestamptz[]), CAST(:respond_by AS timestamptz[]),
            CAST(:reference AS text[]), CAST(:certificate_no AS text[]), CAST(:application_id AS bigint[]),
            CAST(:accepted_at AS timestamptz[]), CAST(:accepted_by AS text[]), CAST(:accepted_ip AS inet[]),
            CAST(:attested AS boolean[])
        ) WITH ORDINALITY AS row (
            clipper_id, state, handles, starts_at, ends_at, respond_by, reference, certificate_no, application_id,
            accepted_at, accepted_by, accepted_ip, attested, place
        )
        ORDER BY place
        RETURNING *
    ), told AS (
        INSERT INTO licensing.grant_changes (
            book_id, grant_id, change_no, action, state, version_no, starts_at, ends_at, handles,
            effective_at, recorded_at, actor
        )
        SELECT book_id, grant_id, 1, CASE state WHEN 'active' THEN 'accepted' ELSE state END, state, version_no,
               starts_at, ends_at, handles, :now, :now, :actor
        FROM made
    )
    SELECT * FROM made
""")


async def _ground(connection: AsyncConnection, book_id: int, offer: Offer, rows: Sequence[NewGrant]) -> Ground:
    """What must be known of all rows, the offer being locked already."""
    clippers = sorted({row.clipper_id for row in rows})
    accepted = {row.clipper_id: row.acceptance.attested for row in rows if row.acceptance is not None}
    if accepted:
        await lock_clippers(connection, accepted)
    now = await changes.moment(connection)
    version = await find_terms(connection, book_id, offer.offer_id)
    known = frozenset(await connection.scalars(_CLIPPERS, {"clippers": clippers}))
    its = {"book_id": book_id, "offer_id": offer.offer_id, "clippers": clippers}
    living, these = (await connection.execute(_LIVING, its)).one()
    return Ground(
        now=now,
        offer=offer,
        version=version,
        accounts=await confirmed_accounts(connection, clippers),
        excluded=await _excluded(connection, book_id, offer, version.terms, accepted, now),
        places=None if offer.quota is None else max(0, offer.quota - living),
        taken=dict.fromkeys(these or ()),
        clippers=known,
    )


async def _excluded(
    connection: AsyncConnection, book_id: int, offer: Offer, terms: Terms, accepted: Mapping[int, bool], now: datetime
) -> Mapping[int, ExclusiveElsewhere]:
    """Of those who have accepted, some as is attested."""
    found: dict[int, ExclusiveElsewhere] = {}
    for attested in set(accepted.values()):
        these = [clipper_id for clipper_id, how in accepted.items() if how == attested]
        found |= await excluded(connection, book_id, offer, terms, these, now, attested=attested)
    return found


async def _insert(
    connection: AsyncConnection, book_id: int, by: By, ground: Ground, drafts: Sequence[Draft]
) -> Mapping[int, RowMapping]:
    """The rows that were made, by clipper: one offer has one for each."""
    rows = [_values(draft) for draft in drafts]
    its = {"book_id": book_id, "offer_id": ground.offer.offer_id, "version_no": ground.version.version_no}
    columns = {name: [row[name] for row in rows] for name in rows[0]}
    found = await connection.execute(_INSERT, {**its, "actor": by.actor, "now": ground.now, **columns})
    made = {row["clipper_id"]: row for row in found.mappings()}
    told = [_event(made[draft.clipper_id], draft) for draft in drafts]
    await events.record(connection, book_id, "grant", by, told)
    return made


def _values(draft: Draft) -> dict[str, Any]:
    accepted = draft.acceptance
    return {
        "clipper_id": draft.clipper_id,
        "state": draft.state,
        "handles": " ".join(draft.handles),  # no handle has a blank
        "starts_at": draft.starts_at,
        "ends_at": draft.ends_at,
        "respond_by": draft.respond_by,
        "reference": draft.row.reference and draft.row.reference.strip(),
        "certificate_no": secrets.token_hex(16),
        "application_id": draft.row.application_id,
        "accepted_at": accepted and accepted.accepted_at,
        "accepted_by": accepted and accepted.accepted_by,
        "accepted_ip": accepted and accepted.ip,
        "attested": accepted is not None and accepted.attested,
    }


def _event(made: RowMapping, draft: Draft) -> events.Change:
    action = "accepted" if draft.state == "active" else draft.state
    detail = {"offer_id": made["offer_id"], "version_no": made["version_no"]}
    if (accepted := draft.acceptance) is not None and accepted.attested:
        detail |= {"attested": True, "document_sha256": accepted.document_sha256}
    return events.Change(action, made["grant_id"], draft.state, clipper_id=draft.clipper_id, detail=detail)
