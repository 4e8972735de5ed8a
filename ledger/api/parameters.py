"""What several routes read from a request, each by naming it as a NamedDependency.

- `key: str`: the request's Idempotency-Key, which every POST has
- `account: Account`: the account that the path's `{code}/{currency}` names
- `moment: Moment`: which facts count, by `as_of`, `known_on` and `through`
"""

from datetime import date
from typing import Annotated, Any

from litestar import Request
from litestar.di import NamedDependency, Provide
from litestar.params import FromPath, PathParameter, QueryParameter
from sqlalchemy.ext.asyncio import AsyncConnection

from ledger.accounts import Account, find_account
from ledger.balances import Moment
from ledger.periods import parse_period

READ = {"scope": "ledger:read"}
POST = {"scope": "ledger:post"}

_AsOf = Annotated[date | None, QueryParameter(description="Counting what had happened by the end of this day.")]
_KnownOn = Annotated[
    date | None,
    QueryParameter(description="Counting what the books had learned by the end of this day, by the book's calendar."),
]
_Through = Annotated[
    str | None, QueryParameter(description="Counting what is booked in months up to this one, such as 2026-09.")
]


def _key(request: Request[Any, Any, Any]) -> str:
    return request.headers["idempotency-key"]


async def _account(
    connection: NamedDependency[AsyncConnection],
    book_id: NamedDependency[int],
    code: Annotated[str, PathParameter(description="Such as `assets:bank`; the colon needs no escape.")],
    currency: FromPath[str],
) -> Account:
    return await find_account(connection, book_id, code, currency)


def _moment(as_of: _AsOf = None, known_on: _KnownOn = None, through: _Through = None) -> Moment:
    return Moment(as_of, known_on, None if through is None else parse_period(through, "through"))


def dependencies() -> dict[str, Provide]:
    """For the room's router."""
    return {
        "key": Provide(_key, sync_to_thread=False),
        "account": Provide(_account),
        "moment": Provide(_moment, sync_to_thread=False),
    }
