"""Tax: the rules by which is withheld from payments, whose they are, and what was withheld."""

from datetime import date
from typing import Annotated

import msgspec
from litestar import get, post
from litestar.di import NamedDependency
from litestar.params import JSONBody, QueryParameter
from sqlalchemy.ext.asyncio import AsyncConnection

from ledger.periods import parse_period
from media.api.pages import Cursor, Limit, Page, number_of, page_of
from settlement import tax, tax_rules
from settlement.api.scopes import APPROVE, IMPORT, READ
from settlement.errors import InvalidWithholding
from settlement.parties import PARTY
from settlement.reasons import MOST_REASON
from settlement.tax import Withholding
from settlement.tax_rules import TaxProfile, WithholdingRule
from settlement.withholding import Brackets, Exempt, Flat

_Code = Annotated[str, msgspec.Meta(min_length=1, max_length=40, examples=["us-backup"])]
_From = Annotated[date, msgspec.Meta(examples=["2026-11-01"], description="The first day on which it counts.")]
_Party = Annotated[str | None, QueryParameter(pattern=PARTY, description="Of one alone: host, clipper-7.")]
_Month = Annotated[str | None, QueryParameter(description="Of payments on the days of this month, as 2026-10.")]


class NewRule(msgspec.Struct, kw_only=True, forbid_unknown_fields=True):
    """How is withheld, as data: nothing, a flat rate, or brackets. It replaces an older rule of its code from its day
    on; what was withheld before stays.
    """

    code: _Code
    valid_from: _From
    rule: Annotated[
        Exempt | Flat | Brackets,
        msgspec.Meta(examples=[{"kind": "flat", "authority": "us-irs", "rate": "24%"}]),
    ]


class NewProfile(msgspec.Struct, kw_only=True, forbid_unknown_fields=True):
    """By which rule is withheld from a party's payments from a day on; with a null code by none."""

    party: Annotated[str, msgspec.Meta(examples=["clipper-7"], description="host, clipper-7 or agency-3")]
    code: _Code | None
    valid_from: _From
    reason: Annotated[
        str, msgspec.Meta(min_length=1, max_length=MOST_REASON, examples=["No Form W-9 by the day of payment."])
    ]


@get("/withholding-rules", opt=READ, summary="Rules by which tax is withheld")
async def show_rules(
    connection: NamedDependency[AsyncConnection], book_id: NamedDependency[int]
) -> list[WithholdingRule]:
    """By code, the newest first."""
    return await tax_rules.list_rules(connection, book_id)


@post("/withholding-rules", opt={**APPROVE, "action": "withholding-rule.add"}, summary="Add a rule")
async def add_rule(
    data: JSONBody[NewRule],
    connection: NamedDependency[AsyncConnection],
    book_id: NamedDependency[int],
    actor: NamedDependency[str],
) -> WithholdingRule:
    """It is never changed; a correction is a rule of the same code from another day on."""
    return await tax_rules.add_rule(connection, book_id, actor, data.code, data.valid_from, data.rule)


@get("/tax-profiles", opt=READ, summary="Whose rule is which")
async def show_profiles(
    connection: NamedDependency[AsyncConnection],
    book_id: NamedDependency[int],
    party: _Party = None,
    limit: Limit = 100,
    cursor: Cursor = None,
) -> Page[TaxProfile]:
    """What was said, by whom and when, newest first."""
    found = await tax_rules.list_profiles(connection, book_id, party=party, before=number_of(cursor), limit=limit + 1)
    return page_of(found, limit, lambda each: each.profile_id)


@post("/tax-profiles", opt={**IMPORT, "action": "tax-profile.set"}, summary="Say whose rule is which")
async def set_profile(
    data: JSONBody[NewProfile],
    connection: NamedDependency[AsyncConnection],
    book_id: NamedDependency[int],
    actor: NamedDependency[str],
) -> TaxProfile:
    """With the reason. What was said before of the same day counts no longer; what was withheld before stays."""
    return await tax_rules.set_profile(connection, book_id, actor, data.party, data.code, data.valid_from, data.reason)


@get("/withholdings", opt=READ, summary="What was withheld of payments")
async def show_withholdings(
    connection: NamedDependency[AsyncConnection],
    book_id: NamedDependency[int],
    party: _Party = None,
    month: _Month = None,
    limit: Limit = 100,
    cursor: Cursor = None,
) -> Page[Withholding]:
    """Newest first: each payment, by which rule, and how it was worked out."""
    first = None if month is None else parse_period(month, "month")
    if first is not None and not 2000 <= first.year < 2200:
        raise InvalidWithholding("month", month, "a month of the years 2000 to 2199, as 2026-10")
    found = await tax.list_withholdings(
        connection, book_id, party=party, month=first, before=number_of(cursor), limit=limit + 1
    )
    return page_of(found, limit, lambda each: each.withholding_id)


HOST_ROUTES = [show_rules, add_rule, show_profiles, set_profile, show_withholdings]
