"""Roles and scopes, as data.

A scope is what a route asks for; a role is a set of scopes. A role is held for one book, and the operator's,
who runs the service, for every book. Duties are kept apart: who posts doesn't lock, and who runs the service
does neither unless also granted the role. Clippers and agencies are parties with members of their own: any user may
hold the scopes `party:…`, which open only the parties whose member the user is.
"""

from collections.abc import Collection, Mapping
from dataclasses import dataclass

from sqlalchemy import delete, select
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncConnection

from clipledger.access import errors
from clipledger.access.tables import role_grants, users
from ledger.books import find_book
from ledger.tables import books

SCOPES: Mapping[str, str] = {
    "ledger:read": "read a book's accounts, entries, balances, periods and seals",
    "ledger:post": "open accounts, post and reverse entries",
    "ledger:lock": "lock a period",
    "ledger:seal": "seal a book and verify its seals",
    "media:read": "read sources, clips and what clips show",
    "media:write": "upload, register and remove sources, submit clips",
    "media:import": "register videos from the service's folders and object store",
    "licences:read": "read a book's offers, applications, grants, clips, claims and cases",
    "licences:write": "make offers, decide on applications, grant and revoke licences, review clips, dispute",
    "licences:policy": "set the bounds of splits, decide appeals",
    "webhooks:manage": "say where a book's events are sent",
    "settlement:read": "read a book's imports, sales, suspense and statements",
    "settlement:import": "import marketplaces' reports, attribute sales, draft and submit statements",
    "settlement:approve": "approve what another person has submitted",
    "rails:manage": "see the rails that payouts leave by, and use a halted one again",
    "service:read": "see what the service does by the clock, and how it ended",
    "parties:manage": "register agencies, confirm handles",
    "party:read": "read what is one's own as a clipper or agency",
    "party:write": "apply, accept, submit clips and dispute as a clipper, propose as an agency",
    "party:manage": "change a party's profile and its members",
    "books:open": "open a book",
    "access:manage": "add and disable users, grant and withdraw roles",
    "audit:read": "read the audit trail",
}

OPERATOR = "operator"

ROLES: Mapping[str, frozenset[str]] = {
    "host": frozenset(
        {
            "ledger:read",
            "media:read",
            "media:write",
            "licences:read",
            "licences:write",
            "webhooks:manage",
            "settlement:read",
        }
    ),
    "reviewer": frozenset({"media:read", "media:write", "licences:read", "licences:write"}),
    "finance": frozenset(
        {
            "ledger:read",
            "ledger:post",
            "ledger:seal",
            "media:read",
            "licences:read",
            "settlement:read",
            "settlement:import",
            "audit:read",
        }
    ),
    "approver": frozenset(
        {
            "ledger:read",
            "ledger:lock",
            "ledger:seal",
            "licences:read",
            "settlement:read",
            "settlement:approve",
            "audit:read",
        }
    ),
    OPERATOR: frozenset(
        {
            "ledger:read",
            "ledger:seal",
            "media:read",
            "media:import",
            "licences:read",
            "licences:policy",
            "settlement:read",
            "rails:manage",
            "service:read",
            "parties:manage",
            "books:open",
            "access:manage",
            "audit:read",
        }
    ),
}

PARTY_ROLES: Mapping[str, frozenset[str]] = {
    "viewer": frozenset({"party:read"}),
    "member": frozenset({"party:read", "party:write"}),
    "owner": frozenset({"party:read", "party:write", "party:manage"}),
}
"""What a member of a clipper or an agency may do there; who is a member, `licensing.parties` knows."""

PARTY_SCOPES = PARTY_ROLES["owner"]


@dataclass(frozen=True)
class HeldRole:
    """A role and the slug of the book it is held for; None is every book."""

    role: str
    book: str | None


async def grant_role(connection: AsyncConnection, user_id: int, role: str, book: str | None = None) -> None:
    """Let the user hold a role for the book of that slug; granting twice changes nothing.

    Raises UnknownRole, MisplacedRole, BookNotFound, UserNotFound.
    """
    book_id = await _place_of(connection, role, book)
    if (await connection.execute(select(users.c.user_id).where(users.c.user_id == user_id))).first() is None:
        raise errors.UserNotFound("user_id", str(user_id))
    row = insert(role_grants).values(user_id=user_id, role=role, book_id=book_id)
    await connection.execute(row.on_conflict_do_nothing())


async def withdraw_role(connection: AsyncConnection, user_id: int, role: str, book: str | None = None) -> None:
    """Withdrawing a role not held changes nothing. Raises UnknownRole, MisplacedRole, BookNotFound."""
    book_id = await _place_of(connection, role, book)
    held = (role_grants.c.user_id == user_id) & (role_grants.c.role == role)
    place = role_grants.c.book_id.is_not_distinct_from(book_id)
    await connection.execute(delete(role_grants).where(held & place))


async def held_roles(connection: AsyncConnection, user_ids: list[int]) -> dict[int, list[HeldRole]]:
    """The roles of each of these users, by role and book."""
    rows = await connection.execute(
        select(role_grants.c.user_id, role_grants.c.role, books.c.slug)
        .join_from(role_grants, books, isouter=True)
        .where(role_grants.c.user_id.in_(user_ids))
        .order_by(role_grants.c.role, books.c.slug)
    )
    held: dict[int, list[HeldRole]] = {user_id: [] for user_id in user_ids}
    for user_id, role, slug in rows:
        held[user_id].append(HeldRole(role, slug))
    return held


async def slugs_of(connection: AsyncConnection, book_ids: Collection[int | None]) -> dict[int | None, str]:
    """The slugs of these books; None, which is every book, has none."""
    chosen = select(books.c.book_id, books.c.slug).where(books.c.book_id.in_([*filter(None, book_ids)]))
    return {row.book_id: row.slug for row in await connection.execute(chosen)}


async def _place_of(connection: AsyncConnection, role: str, book: str | None) -> int | None:
    if role not in ROLES:
        raise errors.UnknownRole("role", role, f"must be one of {', '.join(ROLES)}")
    if (role == OPERATOR) != (book is None):
        raise errors.MisplacedRole("book", book)
    return None if book is None else (await find_book(connection, book)).book_id
