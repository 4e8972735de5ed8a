"""The bounds within which host and clipper may share."""

from fractions import Fraction

from litestar import Response
from litestar.di import NamedDependency
from sqlalchemy.ext.asyncio import AsyncConnection

from clipledger.access.people import people_behind
from clipledger.pages.routes import page
from clipledger.pages.view import View
from licensing.policies import list_policies, policy_in_force
from media.api.pages import Cursor, number_of, page_of

_ON_A_PAGE = 50


@page("/operator/policy", space="operator", scope="licences:policy")
async def show(
    view: NamedDependency[View], connection: NamedDependency[AsyncConnection], cursor: Cursor = None
) -> Response[str]:
    """Those in force, and those there were."""
    found = await list_policies(connection, before=number_of(cursor), limit=_ON_A_PAGE + 1)
    past = page_of(found, _ON_A_PAGE, lambda policy: policy.policy_no)
    people = await people_behind(connection, {policy.set_by for policy in past.data if policy.set_by})
    current = await policy_in_force(connection)

    def part(ratio: tuple[int, int]) -> str:
        return view.formats.percent(Fraction(ratio[0], sum(ratio)))

    return view.render("operator/policy.html", now=current, past=past, people=people, part=part)
