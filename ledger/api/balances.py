"""The trial balance of a book."""

from typing import Annotated, Any, Literal

import msgspec
from litestar import Response, get
from litestar.di import NamedDependency
from litestar.params import QueryParameter
from sqlalchemy.ext.asyncio import AsyncConnection

from ledger.api.files import AlsoCsv
from ledger.api.parameters import READ
from ledger.balances import AccountBalance, Moment, TrialBalance, trial_balance
from ledger.exports import MEDIA_TYPES, trial_balance_csv
from ledger.money import format_amount

_Depth = Annotated[
    int | None,
    QueryParameter(
        ge=1, le=100, description="Sum accounts by so many words of their codes: at 2, all `liabilities:held:…`."
    ),
]
_Format = Annotated[Literal["json", "csv"], QueryParameter(description="csv: debits and credits in columns.")]


class TrialBalanceRow(AccountBalance, frozen=True, kw_only=True):
    """An account's balance, or that of all accounts below a code; debit positive."""

    balance_text: Annotated[str, msgspec.Meta(examples=["-1,234.50"])]


class TrialBalanceTotals(msgspec.Struct):
    """Both sides of one currency, which are equal in sound books."""

    currency: str
    debits: int
    credits: int
    debits_text: str
    credits_text: str


class TrialBalanceView(msgspec.Struct):
    """By code and currency."""

    rows: list[TrialBalanceRow]
    totals: list[TrialBalanceTotals]


@get("/trial-balance", opt=READ, operation_class=AlsoCsv, summary="The trial balance")
async def show_trial_balance(
    connection: NamedDependency[AsyncConnection],
    book_id: NamedDependency[int],
    moment: NamedDependency[Moment],
    depth: _Depth = None,
    format: _Format = "json",  # noqa: A002 - the query's own word
) -> Response[TrialBalanceView]:
    """Every account that ever moved, now or as it stood; the three dates may be asked together."""
    trial = await trial_balance(connection, book_id, moment, depth=depth)
    if format == "csv":
        file: Response[Any] = Response(trial_balance_csv(trial), media_type=MEDIA_TYPES["csv"])
        return file
    return Response(_view(trial))


def _view(trial: TrialBalance) -> TrialBalanceView:
    return TrialBalanceView(
        rows=[
            TrialBalanceRow(**msgspec.structs.asdict(row), balance_text=format_amount(row.balance, row.currency))
            for row in trial.rows
        ],
        totals=[
            _totals(currency, trial.debits.get(currency, 0), trial.credits.get(currency, 0))
            for currency in sorted({row.currency for row in trial.rows})
        ],
    )


def _totals(currency: str, debits: int, credits_: int) -> TrialBalanceTotals:
    return TrialBalanceTotals(
        currency, debits, credits_, format_amount(debits, currency), format_amount(credits_, currency)
    )


ROUTES = [show_trial_balance]
