"""Probes and metrics: is the process alive, can it serve, how busy is it."""

import msgspec
import structlog
from alembic.script import ScriptDirectory
from litestar import Response, get
from litestar.di import NamedDependency
from litestar.plugins.prometheus import PrometheusController
from sqlalchemy import text
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.ext.asyncio import AsyncEngine

from clipledger.database import MIGRATIONS

_PROBE = {"public": True, "rate_limited": False}
_REVISION = text("SELECT version_num FROM public.alembic_version")

log = structlog.get_logger()


class Alive(msgspec.Struct):
    """The process answers."""

    status: str = "alive"


class Readiness(msgspec.Struct):
    """Whether the database can be reached, and its schema is the one this code was written for."""

    status: str
    database: str
    schema_revision: str | None
    expected_revision: str | None


@get("/health", opt=_PROBE, tags=["operation"], summary="Is the process alive?", security=[])
async def health() -> Alive:
    """Asks nobody else: a database that is away is no reason to restart this process."""
    return Alive()


@get("/ready", opt=_PROBE, tags=["operation"], summary="Can it serve?", security=[])
async def ready(engine: NamedDependency[AsyncEngine]) -> Response[Readiness]:
    """200 when requests can be served, else 503."""
    expected = ScriptDirectory(str(MIGRATIONS)).get_current_head()
    try:
        async with engine.connect() as connection:
            found = await connection.scalar(_REVISION)
    except (SQLAlchemyError, OSError) as error:
        log.warning("not ready", exc_info=error)
        return Response(Readiness("not ready", "unreachable", None, expected), status_code=503)
    ready = found == expected
    status = "ready" if ready else "not ready"
    return Response(Readiness(status, "reachable", found, expected), status_code=200 if ready else 503)


class Metrics(PrometheusController):
    """Counts and durations by route, for Prometheus. No tenant's data is in them."""

    opt = _PROBE
    include_in_schema = False
