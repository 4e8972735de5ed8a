"""What a database error means for the client: wait and try again, a number too large, or a fault of ours."""

from collections.abc import Mapping
from dataclasses import dataclass, field

import psycopg
from sqlalchemy.exc import DBAPIError
from sqlalchemy.exc import TimeoutError as PoolTimeoutError

_TRY_AGAIN = {
    "40001": "a conflict with another request",  # serialization_failure
    "40P01": "a deadlock with another request",
    "55P03": "a lock held by another request",
    "57014": "a time limit",  # query_canceled
}
_OVERFLOW = "22003"  # numeric_value_out_of_range
_AWAY = ("08", "57P", "53")  # connection exception, operator intervention, insufficient resources


@dataclass(frozen=True)
class DatabaseFault:
    """A translated database error; faults that are ours alone have none."""

    status: int
    code: str
    detail: str
    headers: Mapping[str, str] = field(default_factory=dict)


def database_fault(error: Exception) -> DatabaseFault | None:
    """None where the error is no database error, or one that the client can do nothing about."""
    if isinstance(error, PoolTimeoutError):
        return _unavailable("overloaded", "All database connections are in use. Nothing was changed.")
    original = error.orig if isinstance(error, DBAPIError) else error
    if not isinstance(original, psycopg.Error):
        return None
    state = original.sqlstate
    if state == _OVERFLOW:
        return DatabaseFault(422, "overflow", "A number lies outside the range of a 64-bit integer.")
    if state in _TRY_AGAIN:
        return _unavailable("busy", f"Stopped by {_TRY_AGAIN[state]}. Nothing was changed; try again.")
    never_reached = state is None and isinstance(original, psycopg.OperationalError)
    if never_reached or (state or "").startswith(_AWAY):
        return _unavailable("database-unavailable", "The database can't be reached. Try again.")
    return None


def _unavailable(code: str, detail: str) -> DatabaseFault:
    return DatabaseFault(503, code, detail, {"Retry-After": "1"})
