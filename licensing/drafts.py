"""Grants as drafts: what was asked for, checked row by row against what was read for all rows at once. No I/O."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

import msgspec

from licensing.errors import (
    AlreadyGranted,
    ExclusiveElsewhere,
    InvalidGrant,
    LicensingError,
    NotAccepted,
    PartyNotFound,
    QuotaReached,
)
from licensing.offers import Offer, TermsVersion
from licensing.terms import Terms, check_instant
from licensing.vocabulary import account_of, check_text
from licensing.windows import window_of

ANSWERED_WITHIN = timedelta(days=14)
"""How long an offered grant can be accepted, unless the host says otherwise."""
_HASH = re.compile(r"[0-9a-f]{64}")


class Acceptance(msgspec.Struct, frozen=True, kw_only=True):
    """That the clipper accepted the terms before the grant was made: by applying, or on paper (`attested`).

    `document_sha256` is of the signed document, and that of the terms where they name one.
    """

    accepted_at: datetime
    accepted_by: str
    ip: str | None = None
    attested: bool = False
    document_sha256: str | None = None


class NewGrant(msgspec.Struct, frozen=True, kw_only=True):
    """A grant to be made. Left out, `handles` are all the clipper's confirmed accounts on the terms' platforms, the
    window begins at once and is as long as the terms allow, and the clipper has `ANSWERED_WITHIN` to accept.
    """

    clipper_id: int
    handles: tuple[str, ...] | None = None
    starts_at: datetime | None = None
    ends_at: datetime | None = None
    respond_by: datetime | None = None
    reference: str | None = None
    application_id: int | None = None
    acceptance: Acceptance | None = None


@dataclass(frozen=True)
class Draft:
    """A row that can be granted, as the table takes it."""

    clipper_id: int
    state: str
    handles: tuple[str, ...]
    starts_at: datetime
    ends_at: datetime | None
    respond_by: datetime | None
    row: NewGrant
    acceptance: Acceptance | None


@dataclass
class Ground:
    """What the rows are checked against. `taken` are the clippers who have a living grant of the offer, each with the
    row that gave it, if one of these did; `places` are those left, None: no limit.
    """

    now: datetime
    offer: Offer
    version: TermsVersion
    clippers: frozenset[int]
    accounts: Mapping[int, tuple[str, ...]]
    excluded: Mapping[int, ExclusiveElsewhere]
    places: int | None
    taken: dict[int, int | None]

    def drafted(self, number: int, row: NewGrant | LicensingError) -> Draft | LicensingError:
        """The row's draft, whose place is taken with that, or its refusal."""
        if isinstance(row, LicensingError):
            return row
        try:
            draft = self._checked(row)
            if self.places == 0:
                raise QuotaReached("offer.quota", self.offer.quota)
        except LicensingError as refused:
            return refused
        self.taken[row.clipper_id] = number
        if self.places is not None:
            self.places -= 1
        return draft

    def _checked(self, row: NewGrant) -> Draft:
        if row.clipper_id not in self.clippers:
            raise PartyNotFound("clipper", row.clipper_id)
        if row.clipper_id in self.taken:
            before = self.taken[row.clipper_id]
            rule = None if before is None else f"row {before} is the same clipper's"
            raise AlreadyGranted("clipper", row.clipper_id, rule)
        if row.reference is not None:
            check_text(row.reference, InvalidGrant, "reference", most=100)
        window = window_of(self.version.terms, self.now, row.starts_at, row.ends_at)
        handles = self._handles(row)
        acceptance = self._acceptance(row)
        if acceptance is None:
            respond_by = row.respond_by or self.now + ANSWERED_WITHIN
            check_instant(respond_by, InvalidGrant, "respond_by")
            if respond_by <= self.now:
                raise InvalidGrant("respond_by", respond_by.isoformat(), "must lie in the future")
            return Draft(row.clipper_id, "offered", handles, *window, respond_by, row, None)
        if refused := self.excluded.get(row.clipper_id):
            raise refused
        return Draft(row.clipper_id, "active", handles, *window, None, row, acceptance)

    def _handles(self, row: NewGrant) -> tuple[str, ...]:
        return chosen_accounts(self.version.terms, self.accounts.get(row.clipper_id, ()), row.handles)

    def _acceptance(self, row: NewGrant) -> Acceptance | None:
        """What was accepted before, where that can have been."""
        given = row.acceptance
        if given is None or not given.attested:
            return given
        check_instant(given.accepted_at, InvalidGrant, "attested.accepted_at")
        if given.accepted_at > self.now:
            raise InvalidGrant("attested.accepted_at", given.accepted_at.isoformat(), "must not lie in the future")
        if (signed := given.document_sha256) is not None:
            if not _HASH.fullmatch(signed):
                rule = "64 hexadecimal digits in lower case"
                raise InvalidGrant("attested.document_sha256", signed, rule)
            if signed != (self.version.terms.document_sha256 or signed):
                raise NotAccepted("attested.document_sha256", signed, "must be that of the document the terms name")
        return given


def chosen_accounts(
    terms: Terms, confirmed: Sequence[str], asked: Sequence[str] | None, field: str = "handles"
) -> tuple[str, ...]:
    """The accounts of a grant: those asked for, else all that are confirmed and lie on the terms' platforms.

    Raises InvalidGrant, InvalidHandle.
    """
    fitting = tuple(account for account in confirmed if account.partition(":")[0] in terms.platforms)
    where = ", ".join(terms.platforms)
    if asked is None:
        if not fitting:
            raise InvalidGrant(field, None, f"the clipper has no confirmed account on {where}")
        return fitting
    if not asked:
        raise InvalidGrant(field, "[]", "at least one account")
    named = tuple(dict.fromkeys(normal_account(account, field) for account in asked))
    for account in named:
        if account not in fitting:
            raise InvalidGrant(field, account, f"must be an account that the clipper has confirmed, on {where}")
    return named


def normal_account(account: str, field: str) -> str:
    """An account as grants list it. Raises InvalidGrant, InvalidHandle."""
    platform, colon, handle = account.partition(":")
    if not colon:
        raise InvalidGrant(field, account, "platform:handle, such as tiktok:lina")
    return account_of(platform, handle)
