"""Clicks on clips' shopping links, as platforms or a host's own links count them."""

from datetime import datetime
from typing import Annotated

import msgspec
from litestar import post
from litestar.di import NamedDependency
from litestar.params import JSONBody
from sqlalchemy.ext.asyncio import AsyncConnection

from settlement import clicks
from settlement.api.scopes import IMPORT
from settlement.clicks import MOST_ROWS, Clicks, Counted

LARGEST_BODY = 4 * 1024 * 1024
"""Bytes; 10,000 rows with the longest of ids fit."""


class ClickCounts(msgspec.Struct, kw_only=True, forbid_unknown_fields=True):
    """Up to 10,000 rows. `as_of` is the moment of which they tell; else they are of now."""

    as_of: Annotated[datetime | None, msgspec.Meta(examples=["2026-10-05T20:00:00+08:00"])] = None
    rows: Annotated[tuple[Clicks, ...], msgspec.Meta(min_length=1, max_length=MOST_ROWS)]


@post(
    "/clicks",
    opt={**IMPORT, "action": "clicks.send"},
    request_max_body_size=LARGEST_BODY,
    status_code=200,
    summary="Send clicks",
)
async def send(
    data: JSONBody[ClickCounts],
    connection: NamedDependency[AsyncConnection],
    book_id: NamedDependency[int],
    actor: NamedDependency[str],
) -> Counted:
    """By day, platform and content id, the newest told counts; the same again changes nothing. A row that can't be
    counted is named and left out; the others count.
    """
    return await clicks.count_clicks(connection, book_id, data.rows, as_of=data.as_of, told_by=actor)


HOST_ROUTES = [send]
