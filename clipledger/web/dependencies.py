"""What handlers get by naming it as a NamedDependency.

- `connection: AsyncConnection`: the request's transaction
- `actor: str`: who asks, as the trail names them
- `principal: Principal`: who asks, and what they may do
- `book_id: int`: the id behind the route's `{book}`, which the gate has found
- `party_id: int`: the clipper or agency of the route's `{clipper}` or `{agency}`
- `ip: str | None`: from where
- `unit: UnitOfWork`: to tell the audit trail more, or of a refusal
"""

from typing import Any

from litestar import Request
from litestar.di import Provide
from sqlalchemy.ext.asyncio import AsyncConnection

from clipledger.access.principal import Principal
from clipledger.web.unit_of_work import UnitOfWork

_Request = Request[Any, Any, Any]


def _unit(request: _Request) -> UnitOfWork:
    unit: UnitOfWork = request.scope["state"]["unit"]
    return unit


async def _connection(request: _Request) -> AsyncConnection:
    return await _unit(request).connection()


def _principal(request: _Request) -> Principal:
    principal: Principal = request.scope["user"]
    return principal


def _actor(request: _Request) -> str:
    return _unit(request).actor


def _book_id(request: _Request) -> int:
    return int(request.scope["state"]["book_id"])


def _party_id(request: _Request) -> int:
    return int(request.scope["state"]["party_id"])


def _ip(request: _Request) -> str | None:
    return _unit(request).ip


def request_dependencies() -> dict[str, Provide]:
    """Each made from the request alone."""
    return {
        "connection": Provide(_connection),
        "unit": Provide(_unit, sync_to_thread=False),
        "principal": Provide(_principal, sync_to_thread=False),
        "actor": Provide(_actor, sync_to_thread=False),
        "book_id": Provide(_book_id, sync_to_thread=False),
        "party_id": Provide(_party_id, sync_to_thread=False),
        "ip": Provide(_ip, sync_to_thread=False),
    }
