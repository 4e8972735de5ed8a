"""Who is asking, and what they may do."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from clipledger.access.roles import PARTY_ROLES, PARTY_SCOPES, ROLES

EVERY_BOOK = None


@dataclass(frozen=True)
class Principal:
    """An authenticated user, by session or by key.

    `actor` is how the audit trail and the ledger name them: `user:3`, or `key:7` for a key. `grants` maps a
    book's id, or EVERY_BOOK, to the scopes held there; `personal` are those for the parties one is a member of.
    """

    actor: str
    user_id: int
    email: str
    grants: Mapping[int | None, frozenset[str]]
    session_id: int | None = None
    personal: frozenset[str] = PARTY_SCOPES

    def may(self, scope: str, book_id: int | None = EVERY_BOOK) -> bool:
        """Whether the scope is held for this book; without a book, for every book there is."""
        return any(scope in self.grants.get(place, ()) for place in (EVERY_BOOK, book_id))

    def may_as(self, role: str, scope: str) -> bool:
        """Whether the scope is held for a party of which one is a member in this role."""
        return scope in self.personal & PARTY_ROLES[role]

    def sees(self, book_id: int) -> bool:
        """Whether the book exists at all for this principal."""
        return EVERY_BOOK in self.grants or book_id in self.grants

    @property
    def seen(self) -> frozenset[int] | None:
        """The ids of the books that exist for this principal; None is every book."""
        return EVERY_BOOK if EVERY_BOOK in self.grants else frozenset(book for book in self.grants if book is not None)

    def books(self, scope: str) -> frozenset[int] | None:
        """The ids of the books for which the scope is held; None is every book."""
        if self.may(scope):
            return EVERY_BOOK
        return frozenset(book for book, scopes in self.grants.items() if book is not None and scope in scopes)


def grants_of_roles(held: Sequence[tuple[str, int | None]]) -> dict[int | None, frozenset[str]]:
    """What a set of (role, book id) allows, by book. A role the code no longer knows allows nothing."""
    grants: dict[int | None, frozenset[str]] = {}
    for role, book_id in held:
        grants[book_id] = grants.get(book_id, frozenset()) | ROLES.get(role, frozenset())
    return grants


def narrowed(
    grants: Mapping[int | None, frozenset[str]], scopes: frozenset[str], book_id: int | None
) -> dict[int | None, frozenset[str]]:
    """The part of `grants` that lies within these scopes and, unless None, within this one book."""
    if book_id is None:
        return {book: held & scopes for book, held in grants.items()}
    here = grants.get(EVERY_BOOK, frozenset()) | grants.get(book_id, frozenset())
    sees = EVERY_BOOK in grants or book_id in grants
    return {book_id: here & scopes} if sees else {}
