"""What the service does by the clock, for operators."""

from datetime import UTC, datetime

from litestar import get
from litestar.di import NamedDependency
from sqlalchemy.ext.asyncio import AsyncConnection

from clipledger.timetable import Timetable, timetable


@get("/v1/schedule", opt={"scope": "service:read"}, tags=["operation"], summary="What runs by the clock")
async def show(connection: NamedDependency[AsyncConnection]) -> Timetable:
    """Of each job its last run and how that ended, and when it is due next; and whether anybody asks for them."""
    return await timetable(connection, datetime.now(UTC))
