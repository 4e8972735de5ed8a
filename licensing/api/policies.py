"""The bounds of splits: anybody may read them, the operator sets them."""

from datetime import datetime
from typing import Annotated

import msgspec
from litestar import Response, get, post
from litestar.di import NamedDependency
from litestar.params import JSONBody
from sqlalchemy.ext.asyncio import AsyncConnection

from licensing import policies
from licensing.api.scopes import ANYONE, POLICY
from licensing.policies import Policy
from media.api.pages import Cursor, Limit, Page, number_of, page_of

_PATH = "/split-policy"


class PolicyToSet(msgspec.Struct, kw_only=True, forbid_unknown_fields=True):
    """Ratios host : clipper, the least and the most that a host may get of what the two share."""

    least: Annotated[tuple[int, int], msgspec.Meta(examples=[[3, 7]])]
    most: Annotated[tuple[int, int], msgspec.Meta(examples=[[5, 5]])]
    reason: Annotated[str, msgspec.Meta(examples=["As agreed with the hosts for 2027"])]


class Bounds(msgspec.Struct, frozen=True):
    """Host : clipper must be at least `least` and at most `most`; `set_at` is null until an operator has set any."""

    least: tuple[int, int]
    most: tuple[int, int]
    set_at: datetime | None


@get(_PATH, opt=ANYONE, summary="The bounds of splits")
async def show(connection: NamedDependency[AsyncConnection]) -> Bounds:
    """What terms that are published now must keep to. Terms published before stay as they are."""
    policy = await policies.policy_in_force(connection)
    return Bounds(policy.least, policy.most, policy.set_at)


@post(_PATH, opt={**POLICY, "action": "split-policy.set"}, summary="Set the bounds of splits")
async def set_bounds(
    data: JSONBody[PolicyToSet], connection: NamedDependency[AsyncConnection], actor: NamedDependency[str]
) -> Response[Policy]:
    """They hold for what is published from now on."""
    made = await policies.set_policy(connection, data.least, data.most, data.reason, set_by=actor)
    return Response(made, headers={"Location": f"/v1{_PATH}"})


@get(f"{_PATH}/history", opt=POLICY, summary="Bounds there were")
async def list_all(
    connection: NamedDependency[AsyncConnection], limit: Limit = 100, cursor: Cursor = None
) -> Page[Policy]:
    """Newest first: who set them, and why."""
    found = await policies.list_policies(connection, before=number_of(cursor), limit=limit + 1)
    return page_of(found, limit, lambda policy: policy.policy_no)


SERVICE_ROUTES = [show, set_bounds, list_all]
