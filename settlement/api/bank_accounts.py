"""A book's own bank accounts, which its files for the bank pay from."""

from typing import Annotated

import msgspec
from litestar import get, put
from litestar.di import NamedDependency
from litestar.params import JSONBody
from sqlalchemy.ext.asyncio import AsyncConnection

from settlement.api.scopes import IMPORT
from settlement.payouts import banks
from settlement.payouts.banks import OwnAccount

_EXAMPLE = {
    "currency": "CNY",
    "account": {
        "holder": "杭州剪辑有限公司",
        "country": "CN",
        "number": "1202022719900012345",
        "clearing": "CNAPS:102331002277",
    },
}


class OwnAccounts(msgspec.Struct, kw_only=True, forbid_unknown_fields=True):
    """One for each currency that is paid by bank file."""

    accounts: Annotated[list[OwnAccount], msgspec.Meta(max_length=50, examples=[[_EXAMPLE]])]


@get("/bank-accounts", opt=IMPORT, summary="The book's own bank accounts")
async def list_all(connection: NamedDependency[AsyncConnection], book_id: NamedDependency[int]) -> list[OwnAccount]:
    """By currency."""
    return await banks.own_accounts(connection, book_id)


@put("/bank-accounts", opt={**IMPORT, "action": "bank-accounts.set"}, summary="Say which bank accounts the book has")
async def set_all(
    data: JSONBody[OwnAccounts],
    connection: NamedDependency[AsyncConnection],
    book_id: NamedDependency[int],
    actor: NamedDependency[str],
) -> list[OwnAccount]:
    """These and no others. What was approved to be paid from another account is refused instead of put into a file."""
    return await banks.set_own_accounts(connection, book_id, data.accounts, by=actor)


HOST_ROUTES = [list_all, set_all]
