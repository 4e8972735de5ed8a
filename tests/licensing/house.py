"""Hosts, clippers, offers and grants to try the room on, put straight into the tables; and the application over HTTP.

What a test is about it makes through the room; what it only needs comes from here.
"""

from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from uuid import uuid4

import msgspec
import pytest
from httpx import AsyncClient
from sqlalchemy import insert, text
from sqlalchemy.ext.asyncio import AsyncEngine

from clipledger.access import keys, roles
from clipledger.settings import Settings
from clipledger.web.app import create_app
from ledger.books import open_book
from ledger.splits import Share, SplitRule, Take
from licensing import tables
from licensing.terms import Terms, clipper_ppm, encode, sha256_of
from tests.clipledger.front_door import Person, add_user, client_of

LONG_AGO = datetime(2026, 1, 1, tzinfo=UTC)
SPLIT = SplitRule(currency="CNY", takes=(Take("platform", "5%"),), shares=(Share("host", 4), Share("clipper", 6)))
TERMS = Terms(licensor="Lili Live Ltd", split=SPLIT, platforms=("douyin", "tiktok"), starts_at=LONG_AGO)


@dataclass(frozen=True)
class Host:
    """A book, and a user who may do everything a host may."""

    book: str
    book_id: int
    person: Person

    @property
    def path(self) -> str:
        return f"/v1/books/{self.book}"


@dataclass(frozen=True)
class Clipper:
    """A clipper with one owner, and confirmed accounts (`tiktok:…`)."""

    clipper_id: int
    accounts: tuple[str, ...]
    person: Person

    @property
    def path(self) -> str:
        return f"/v1/clippers/{self.clipper_id}"


@dataclass(frozen=True)
class Granted:
    """A grant, by its numbers; the host is its book."""

    book_id: int
    offer_id: int
    grant_id: int
    clipper: Clipper


NewHost = Callable[[], Awaitable[Host]]
NewClipper = Callable[..., Awaitable[Clipper]]
NewOffer = Callable[..., Awaitable[int]]
NewGrant = Callable[..., Awaitable[Granted]]
NewUser = Callable[..., Awaitable[Person]]


@pytest.fixture
def new_user(app_engine: AsyncEngine) -> NewUser:
    """Makes users with a key of these scopes; a role is held for the book of that slug."""

    async def made(scopes: frozenset[str], role: str | None = None, book: str | None = None) -> Person:
        async with app_engine.begin() as connection:
            user_id, email = await add_user(connection)
            if role is not None:
                await roles.grant_role(connection, user_id, role, book)
            token = (await keys.create_key(connection, user_id, "all", scopes))[1]
        return Person(user_id, email, token)

    return made


@pytest.fixture
def new_host(app_engine: AsyncEngine, new_user: NewUser) -> NewHost:
    async def made() -> Host:
        slug = f"host-{uuid4().hex}"
        async with app_engine.begin() as connection:
            book = await open_book(connection, slug, "A host", "Asia/Shanghai")
        return Host(slug, book.book_id, await new_user(roles.ROLES["host"], "host", slug))

    return made


@pytest.fixture
async def host(new_host: NewHost) -> Host:
    return await new_host()


@pytest.fixture
async def operator(new_user: NewUser) -> Person:
    return await new_user(roles.ROLES["operator"], "operator")


@pytest.fixture
def new_clipper(app_engine: AsyncEngine, new_user: NewUser) -> NewClipper:
    """Makes clippers with a confirmed handle on each of these platforms."""

    async def made(*platforms: str, **profile: Any) -> Clipper:
        person = await new_user(roles.PARTY_SCOPES)
        accounts = [(platform, uuid4().hex) for platform in platforms or ("tiktok", "douyin")]
        async with app_engine.begin() as connection:
            values = {"kind": "clipper", "name": "Ana", "registered_by": "test", **profile}
            row = insert(tables.parties).values(values).returning(tables.parties.c.party_id)
            clipper_id = (await connection.execute(row)).scalar_one()
            owner = {"party_id": clipper_id, "user_id": person.user_id, "role": "owner", "added_by": "test"}
            await connection.execute(insert(tables.members).values(owner))
            proved = {"state": "confirmed", "proof": "host", "decided_by": "test", "decided_at": LONG_AGO}
            for platform, handle in accounts:
                claimed = {"clipper_id": clipper_id, "platform": platform, "handle": handle, "code": "test"}
                await connection.execute(insert(tables.handles).values(**claimed, claimed_by="test", **proved))
        return Clipper(clipper_id, tuple(f"{platform}:{handle}" for platform, handle in accounts), person)

    return made


@pytest.fixture
async def clipper(new_clipper: NewClipper) -> Clipper:
    return await new_clipper()


@pytest.fixture
def new_offer(app_engine: AsyncEngine) -> NewOffer:
    """Makes offers with one version of terms, open unless said otherwise; returns their numbers."""

    async def made(host: Host, terms: Terms = TERMS, **values: Any) -> int:
        async with app_engine.begin() as connection:
            told = {"title": "An offer", "summary": "", "category": "beauty", "created_by": "test"}
            row = insert(tables.offers).values(book_id=host.book_id, **{**told, **values, "state": "draft"})
            offer_id: int = (await connection.execute(row.returning(tables.offers.c.offer_id))).scalar_one()
            version = {"version_no": 1, "terms": msgspec.json.decode(encode(terms)), "sha256": sha256_of(terms)}
            key = {"book_id": host.book_id, "offer_id": offer_id}
            await connection.execute(insert(tables.terms_versions).values(**key, **version, published_by="test"))
            found = {
                "state": "open",
                "version_no": 1,
                "opened_at": LONG_AGO,
                "licensor": terms.licensor,
                "platforms": list(terms.platforms),
                "territories": None if terms.territories is None else list(terms.territories),
                "currency": terms.split.currency,
                "clipper_ppm": clipper_ppm(terms),
                "ends_at": terms.ends_at,
            }
            its = tables.offers.c
            change = tables.offers.update().where(its.book_id == host.book_id, its.offer_id == offer_id)
            await connection.execute(change.values({**found, **{k: v for k, v in values.items() if k in found}}))
        return offer_id

    return made


@pytest.fixture
def new_grant(app_engine: AsyncEngine, new_clipper: NewClipper, new_offer: NewOffer) -> NewGrant:
    """Makes active grants, by themselves or of an offer, to a clipper or a new one."""

    async def made(
        host: Host,
        *,
        offer_id: int | None = None,
        clipper: Clipper | None = None,
        terms: Terms = TERMS,
        starts_at: datetime = LONG_AGO,
        ends_at: datetime | None = None,
    ) -> Granted:
        clipper = clipper or await new_clipper()
        offer_id = offer_id or await new_offer(host, terms)
        said = {"state": "active", "version_no": 1, "starts_at": starts_at, "ends_at": ends_at}
        said["handles"] = list(clipper.accounts)
        async with app_engine.begin() as connection:
            row = insert(tables.grants).values(
                book_id=host.book_id,
                offer_id=offer_id,
                clipper_id=clipper.clipper_id,
                certificate_no=uuid4().hex,
                created_by="test",
                accepted_at=starts_at,
                accepted_by="test",
                **said,
            )
            grant_id = (await connection.execute(row.returning(tables.grants.c.grant_id))).scalar_one()
            told = {"action": "accepted", "effective_at": starts_at, "recorded_at": starts_at, "actor": "test"}
            change = insert(tables.grant_changes).values(
                book_id=host.book_id, grant_id=grant_id, change_no=1, **told, **said
            )
            await connection.execute(change)
        return Granted(host.book_id, offer_id, grant_id, clipper)

    return made


@pytest.fixture
async def own_bounds(owner_engine: AsyncEngine) -> AsyncIterator[None]:
    """For tests that set the bounds of splits: those hold for every book, so none may outlast its test."""
    yield
    async with owner_engine.begin() as connection:
        await connection.execute(text("DELETE FROM licensing.split_policies"))


@pytest.fixture(scope="session")
def web_settings(media_var: Path) -> Settings:
    env = {"CLIPLEDGER_VAR": str(media_var), "CLIPLEDGER_PUBLIC_URL": "http://localhost"}
    return Settings.from_environment(env)


@pytest.fixture(scope="session")
async def client(app_engine: AsyncEngine, web_settings: Settings) -> AsyncIterator[AsyncClient]:
    async with client_of(create_app(web_settings, app_engine)) as made:
        yield made


async def events_of(engine: AsyncEngine, book_id: int) -> list[str]:
    """What was told of the book's things, in order: `grant.revoked`."""
    async with engine.connect() as connection:
        query = text("SELECT type FROM licensing.events WHERE book_id = :book_id ORDER BY event_id")
        return list(await connection.scalars(query, {"book_id": book_id}))


def soon(**delta: float) -> datetime:
    """A moment so far from now."""
    return datetime.now(UTC) + timedelta(**delta)
