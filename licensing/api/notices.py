"""Notices: of which events a clipper is told on its pages."""

from typing import Annotated

import msgspec
from litestar import get, put
from litestar.di import NamedDependency
from litestar.params import JSONBody
from sqlalchemy.ext.asyncio import AsyncConnection

from licensing import notices
from licensing.api.scopes import PARTY_READ, PARTY_WRITE
from licensing.notices import NoticeSettings, Subject


class ChosenNotices(msgspec.Struct, kw_only=True, forbid_unknown_fields=True):
    """The kinds of things to be told of, none or all of them; `own_acts`: also of what the clipper did itself."""

    subjects: Annotated[tuple[Subject, ...], msgspec.Meta(max_length=4, examples=[["grant", "claim"]])] = ()
    own_acts: Annotated[bool, msgspec.Meta(examples=[False])] = False


@get("/notice-settings", opt=PARTY_READ, summary="Of what the pages tell")
async def show(connection: NamedDependency[AsyncConnection], party_id: NamedDependency[int]) -> NoticeSettings:
    """Until somebody chooses, of everything that others do to the clipper's own things."""
    return await notices.settings_of(connection, party_id)


@put("/notice-settings", opt={**PARTY_WRITE, "action": "notices.choose"}, summary="Choose of what the pages tell")
async def choose(
    data: JSONBody[ChosenNotices],
    connection: NamedDependency[AsyncConnection],
    party_id: NamedDependency[int],
    actor: NamedDependency[str],
) -> NoticeSettings:
    """For everybody who acts for the clipper. `/events` goes on telling of all."""
    return await notices.choose(connection, party_id, data.subjects, own_acts=data.own_acts, by=actor)


CLIPPER_ROUTES = [show, choose]
