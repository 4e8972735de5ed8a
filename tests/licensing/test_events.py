"""Events and the machines behind them."""

import pytest
from sqlalchemy.ext.asyncio import AsyncEngine

from licensing.errors import WrongTransition
from licensing.events import Change, list_events, record
from licensing.states import GRANT, MACHINES, By, Machine
from tests.licensing.house import Host, NewGrant, NewHost


async def test_a_host_reads_its_own_events_newest_first(
    app_engine: AsyncEngine, host: Host, new_host: NewHost, new_grant: NewGrant
) -> None:
    grant = await new_grant(host)
    other = await new_host()
    async with app_engine.begin() as connection:
        changes = [
            Change("suspended", grant.grant_id, "suspended", "active"),
            Change("resumed", grant.grant_id, "active"),
        ]
        await record(connection, host.book_id, "grant", By("host", "user:1"), changes)
        found = await list_events(connection, host.book_id, subject="grant", subject_id=grant.grant_id)
        assert [event.type for event in found] == ["grant.resumed", "grant.suspended"]
        assert await list_events(connection, other.book_id) == []


def test_a_wrong_transition_names_the_state_what_it_allows_and_who_may() -> None:
    with pytest.raises(WrongTransition) as refused:
        GRANT.target("revoked", "suspended", "host")
    assert refused.value.field == "grant.state"
    assert "nothing, it has ended" in str(refused.value)
    with pytest.raises(WrongTransition, match=r"accepted \(by the clipper\)"):
        GRANT.target("offered", "accepted", "host")


@pytest.mark.parametrize("machine", MACHINES, ids=lambda machine: machine.noun)
def test_every_state_can_be_reached(machine: Machine) -> None:
    reached = set(machine.initial)
    for _ in machine.states:
        reached |= {each.target for each in machine.transitions if set(each.sources) & reached}
    assert reached == set(machine.states)
