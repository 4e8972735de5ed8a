"""HTTP for finance and operators: a book's accounts, entries, balances, periods and seals, under /v1/books.

Handlers parse, call one function of the room, and answer. What they take for granted is the front door's: the
transaction (`connection`), who asks (`actor`), that they may (`opt={"scope": …}`), and which book the path's `{book}`
is (`book_id`). `docs/http-api.md` walks through it with curl.

Every amount is an integer of minor units beside its currency, debit positive; a balance also comes as text for people
to read (`balance_text`). Months are written `2026-10`.
"""

from litestar import Router

from ledger.api import accounts, balances, books, entries, exports, periods, seals
from ledger.api.parameters import dependencies

_BOOK = "/{book:str}"

router = Router(
    "/v1/books",
    route_handlers=[
        Router("", route_handlers=books.ROUTES, tags=["books"]),
        Router(_BOOK, route_handlers=accounts.ROUTES, tags=["accounts"]),
        Router(_BOOK, route_handlers=entries.ROUTES, tags=["entries"]),
        Router(_BOOK, route_handlers=[*balances.ROUTES, *exports.ROUTES], tags=["balances"]),
        Router(_BOOK, route_handlers=periods.ROUTES, tags=["periods"]),
        Router(_BOOK, route_handlers=seals.ROUTES, tags=["seals"]),
    ],
    dependencies=dependencies(),
)
