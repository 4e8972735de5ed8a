"""A book with clippers, and what is needed to read reports into it and to look at what came of that."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import date
from typing import Any

import pytest
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncEngine

from ledger.balances import trial_balance
from media.storage import Storage
from settlement.importing import Imported, run_import
from settlement.imports import Request, begin_import
from settlement.report import Import
from tests.licensing.house import Granted, Host, NewGrant, NewHost

_SALES = text("""
    SELECT marketplace, order_no, line_no, as_of, currency, due, state, handle, sold_at, sold_on, settled_at, rule,
           confidence, clipper_id, version_no, posted, suspense, platform_part, agency_part, host_part,
           clipper_part, fee_earned, stage, reserved, release_on
    FROM settlement.sales WHERE book_id = :book ORDER BY marketplace, order_no, line_no
""")


@dataclass(frozen=True)
class Desk:
    engine: AsyncEngine
    storage: Storage
    host: Host
    grants: Sequence[Granted]

    @property
    def book_id(self) -> int:
        return self.host.book_id

    @property
    def handles(self) -> list[str]:
        """Of clippers with a grant, and of somebody unknown."""
        return [*(grant.clipper.accounts[0].partition(":")[2] for grant in self.grants), "nobody"]

    async def begun(self, content: bytes, day: date | None, name: str = "report.csv", **more: Any) -> Import:
        asked = Request(file=content, name=name, as_of=day, **more)
        return (await begin_import(self.engine, self.storage, self.book_id, asked, created_by="test"))[0]

    async def read(self, content: bytes, day: date | None, name: str = "report.csv", **more: Any) -> Imported:
        report = await self.begun(content, day, name, **more)
        return await self.run(report.import_id)

    async def run(self, import_id: int) -> Imported:
        return await run_import(self.engine, self.storage, self.book_id, import_id)

    async def balances(self) -> dict[tuple[str, str], int]:
        """By account and currency, those that are not zero."""
        async with self.engine.connect() as connection:
            rows = (await trial_balance(connection, self.book_id)).rows
        return {(row.code, row.currency): row.balance for row in rows if row.balance}

    async def sales(self) -> list[tuple[Any, ...]]:
        """What is known of each, and where it stands; by which file it is known does not matter."""
        async with self.engine.connect() as connection:
            return [tuple(row) for row in await connection.execute(_SALES, {"book": self.book_id})]

    async def state(self) -> tuple[dict[tuple[str, str], int], list[tuple[Any, ...]]]:
        return await self.balances(), await self.sales()

    async def count(self, table: str) -> int:
        query = text(f"SELECT count(*) FROM {table} WHERE book_id = :book")
        async with self.engine.connect() as connection:
            return int((await connection.execute(query, {"book": self.book_id})).scalar_one())


@pytest.fixture(scope="session")
def storage_url(tmp_path_factory: pytest.TempPathFactory) -> str:
    return tmp_path_factory.mktemp("objects").as_uri()


@pytest.fixture
async def desk(app_engine: AsyncEngine, host: Host, new_grant: NewGrant, storage_url: str) -> Desk:
    """Two clippers with a grant."""
    return Desk(app_engine, Storage(storage_url), host, [await new_grant(host), await new_grant(host)])


@pytest.fixture
async def twin(desk: Desk, new_host: NewHost, new_grant: NewGrant) -> Desk:
    """Another host's, with the same clippers."""
    host = await new_host()
    return replace(desk, host=host, grants=[await new_grant(host, clipper=each.clipper) for each in desk.grants])
