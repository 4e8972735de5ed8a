"""Settings: profile, accounts, members, agencies, and of what the clipper's pages tell."""

from litestar import Response
from litestar.di import NamedDependency
from sqlalchemy.ext.asyncio import AsyncConnection

from clipledger.access.people import people_behind
from clipledger.pages.clipper.notices import SUBJECTS, notices_of
from clipledger.pages.routes import page
from clipledger.pages.view import View
from licensing.agencies import list_for_clipper
from licensing.handles import list_handles
from licensing.notices import settings_of
from licensing.parties import list_members
from licensing.vocabulary import PLATFORMS
from media.api.pages import Cursor, number_of, page_of

_NOTICES = 20


@page("/clippers/{clipper:int}/settings", space="clipper", scope="party:read")
async def settings(
    view: NamedDependency[View],
    connection: NamedDependency[AsyncConnection],
    party_id: NamedDependency[int],
    cursor: Cursor = None,
) -> Response[str]:
    """Owners change them; whoever is a member reads them, but for who else is one."""
    found = await notices_of(view, connection, party_id, before=number_of(cursor), limit=_NOTICES + 1)
    told = page_of(found, _NOTICES, lambda notice: notice.event_id)
    members = await list_members(connection, party_id) if view.may("party:manage") else []
    people = await people_behind(connection, [f"user:{each.user_id}" for each in members])
    return view.render(
        "clipper/settings.html",
        handles=await list_handles(connection, party_id),
        platforms=PLATFORMS,
        members=members,
        names={each.user_id: each.called for each in people.values()},
        representations=await list_for_clipper(connection, party_id),
        chosen=await settings_of(connection, party_id),
        subjects=SUBJECTS,
        notices=told.data,
        cursor=told.next_cursor,
    )
