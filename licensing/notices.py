"""Notices: those of a clipper's events that it wants to see on its pages, and how it says so.

A clipper that has said nothing is told of all that others did to its own things, and not of what it did itself.
"""

from datetime import datetime
from typing import Literal, get_args

import msgspec
from sqlalchemy import func, select
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncConnection

from licensing.events import OwnEvent
from licensing.tables import events, notice_settings

Subject = Literal["application", "grant", "submission", "claim"]
SUBJECTS: tuple[Subject, ...] = get_args(Subject)


class NoticeSettings(msgspec.Struct, frozen=True):
    """Of which kinds of its things a clipper is told, and whether also of what it did itself. `changed_at` is null
    until somebody chooses.
    """

    subjects: tuple[Subject, ...] = SUBJECTS
    own_acts: bool = False
    changed_at: datetime | None = None


async def settings_of(connection: AsyncConnection, clipper_id: int) -> NoticeSettings:
    """What the clipper has chosen, or what holds until it does."""
    its = notice_settings.c
    chosen = select(its.subjects, its.own_acts, its.changed_at).where(its.party_id == clipper_id)
    row = (await connection.execute(chosen)).one_or_none()
    return NoticeSettings() if row is None else NoticeSettings(tuple(row.subjects), row.own_acts, row.changed_at)


async def choose(
    connection: AsyncConnection, clipper_id: int, subjects: tuple[Subject, ...], *, own_acts: bool, by: str
) -> NoticeSettings:
    """From now on, in place of what was chosen before."""
    values = {
        "subjects": list(dict.fromkeys(subjects)),
        "own_acts": own_acts,
        "changed_by": by,
        "changed_at": func.now(),
    }
    made = insert(notice_settings).values(party_id=clipper_id, **values)
    await connection.execute(made.on_conflict_do_update(index_elements=["party_id"], set_=values))
    return await settings_of(connection, clipper_id)


async def list_notices(
    connection: AsyncConnection, clipper_id: int, *, before: int | None = None, limit: int = 100
) -> list[OwnEvent]:
    """As the clipper has chosen, with every host, newest first, those before a given one."""
    settings = await settings_of(connection, clipper_id)
    its = events.c
    chosen = select(*(its[name] for name in OwnEvent.__struct_fields__)).where(
        its.clipper_id == clipper_id, its.subject.in_(settings.subjects)
    )
    if not settings.own_acts:
        chosen = chosen.where(its.side != "clipper")
    if before is not None:
        chosen = chosen.where(its.event_id < before)
    rows = await connection.execute(chosen.order_by(its.event_id.desc()).limit(limit))
    return [OwnEvent(**row._mapping) for row in rows]
