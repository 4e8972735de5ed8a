"""What it costs to grant ten thousand licences in one request, through the whole application, and to send it again.

Each row names its clipper, gives a reference and attests an acceptance on paper, so that exclusivity is asked, too; the
host has a webhook for everything. Seconds are from the first byte of the request to the last of the answer, commit
included, in this process and without a network.
"""

import time
from pathlib import Path
from typing import Any, NamedTuple

from httpx import ASGITransport, AsyncClient, Response
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncEngine

from bench.licensing.ground import Ground
from clipledger.access import keys, roles, users
from clipledger.settings import Settings
from clipledger.web.app import create_app
from ledger.books import open_book
from ledger.splits import Share, SplitRule
from licensing.terms import Terms, encode, sha256_of

ROWS = 10_000
_DATABASE = "bench_granting"
_BOOK = "host"
_TERMS = Terms(
    licensor="Lili Live Ltd",
    split=SplitRule(currency="CNY", shares=(Share("host", 4), Share("clipper", 6))),
    platforms=("douyin", "tiktok"),
    exclusivity="category",
    starts_at="2026-01-01T00:00:00Z",  # type: ignore[arg-type]
)


class GrantingCosts(NamedTuple):
    """Seconds: of a request with all rows, of the same one repeated under its key, of all rows sent anew after one half
    of them was granted, and of all rows as CSV.
    """

    bulk_grant_s: float
    replayed_s: float
    other_half_s: float
    csv_s: float


async def bulk_grant_s(ground: Ground, folder: Path, *, rows: int = ROWS) -> GrantingCosts:
    """Raises AssertionError where a grant is missing or doubled. The folder is the service's."""
    async with ground.service(_DATABASE) as engine:
        token, book_id = await _host(engine)
        ground.load(_DATABASE, _statements(book_id, rows))
        settings = {"CLIPLEDGER_VAR": str(folder), "CLIPLEDGER_PUBLIC_URL": "http://localhost"}
        transport = ASGITransport(create_app(Settings.from_environment(settings), engine))  # type: ignore[arg-type]
        headers = {"Authorization": f"Bearer {token}"}
        async with AsyncClient(transport=transport, base_url="http://localhost", headers=headers) as client:
            costs = await _measured(client, rows)
        async with engine.connect() as connection:
            made = text("SELECT count(*), count(DISTINCT (offer_id, clipper_id)) FROM licensing.grants")
            assert tuple((await connection.execute(made)).one()) == (3 * rows, 3 * rows)
    return costs


async def _measured(client: AsyncClient, rows: int) -> GrantingCosts:
    accepted = {"accepted_at": "2026-10-01T09:30:00+08:00"}
    body = [{"clipper": number, "reference": f"A-{number}", "attested": accepted} for number in range(1, rows + 1)]
    first, took = await _posted(client, 1, "first", json={"rows": body})
    again, replayed = await _posted(client, 1, "first", json={"rows": body})
    assert (first.json()["granted"], again.content) == (rows, first.content)
    assert again.headers["idempotency-replayed"] == "true"
    await _posted(client, 2, "half", json={"rows": body[: rows // 2]})
    rest, other_half = await _posted(client, 2, "whole", json={"mode": "each", "rows": body})
    assert (rest.json()["granted"], rest.json()["refused"]) == (rows - rows // 2, rows // 2)
    lines = [f"tiktok,clipper{number},A-{number}" for number in range(1, rows + 1)]
    table = "\n".join(["platform,handle,reference", *lines]).encode()
    _, as_csv = await _posted(client, 3, "table", path="bulk-csv", content=table)
    return GrantingCosts(took, replayed, other_half, as_csv)


async def _posted(
    client: AsyncClient, offer_id: int, key: str, path: str = "bulk", **body: Any
) -> tuple[Response, float]:
    """The answer, and the seconds it took."""
    kind = {"Content-Type": "text/csv"} if "content" in body else {}
    request = client.build_request(
        "POST", f"/v1/books/{_BOOK}/offers/{offer_id}/grants/{path}", headers={"Idempotency-Key": key, **kind}, **body
    )
    start = time.perf_counter()
    answer = await client.send(request)
    took = time.perf_counter() - start
    answer.raise_for_status()
    return answer, took


async def _host(engine: AsyncEngine) -> tuple[str, int]:
    """A key of the host of a new book, and the book's number."""
    async with engine.begin() as connection:
        book = await open_book(connection, _BOOK, "A host", "Asia/Shanghai")
        user = await users.add_user(connection, "bench@example.com", "correct horse battery staple")
        await roles.grant_role(connection, user.user_id, "host", _BOOK)
        token = (await keys.create_key(connection, user.user_id, "bench", roles.ROLES["host"]))[1]
    return token, book.book_id


def _statements(book_id: int, clippers: int) -> list[str]:
    """SQL that makes the clippers, each with two accounts, three offers with the same terms, and a webhook."""
    terms = encode(_TERMS).decode().replace("'", "''")
    return [
        f"""INSERT INTO licensing.parties (kind, name, registered_by)
            SELECT 'clipper', 'Clipper ' || number, 'bench' FROM generate_series(1, {clippers}) AS number""",
        """INSERT INTO licensing.handles (clipper_id, platform, handle, code, state, claimed_by, decided_at)
            SELECT party_id, platform, 'clipper' || party_id, 'code', 'confirmed', 'bench', now()
            FROM licensing.parties, unnest(ARRAY['tiktok', 'douyin']) AS platform""",
        f"""INSERT INTO licensing.offers (book_id, title, summary, category, created_by)
            SELECT {book_id}, 'Offer ' || number, '', 'beauty', 'bench' FROM generate_series(1, 3) AS number""",
        f"""INSERT INTO licensing.terms_versions (book_id, offer_id, version_no, terms, sha256, published_by)
            SELECT book_id, offer_id, 1, '{terms}', '{sha256_of(_TERMS)}', 'bench' FROM licensing.offers""",
        "UPDATE licensing.offers SET version_no = 1, state = 'open', opened_at = now()",
        f"""INSERT INTO licensing.webhook_endpoints (book_id, url, description, secret, created_by)
            VALUES ({book_id}, 'https://example.com/hook', '', 'whsec_bench', 'bench')""",
    ]
