"""What is drawn of the states is what the code and the database hold to."""

import re

import pytest
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncEngine

from licensing.drawing import DRAWN, document
from licensing.states import MACHINES, Machine

TABLES = {machine.noun: f"licensing.{machine.noun}s" for machine in MACHINES}
CHECK_OF_STATE = text("""
    SELECT pg_get_constraintdef(constraints.oid)
    FROM pg_constraint AS constraints
    JOIN pg_attribute AS columns ON columns.attrelid = constraints.conrelid AND columns.attname = 'state'
    WHERE constraints.conrelid = CAST(:table AS regclass) AND constraints.contype = 'c'
      AND constraints.conkey = ARRAY[columns.attnum]
""")


def test_the_document_is_what_the_code_draws() -> None:
    assert DRAWN.read_text(encoding="utf-8") == document(), "run: python -m licensing.drawing"


@pytest.mark.parametrize("machine", MACHINES, ids=lambda machine: machine.noun)
async def test_the_database_knows_exactly_the_machines_states(machine: Machine, app_engine: AsyncEngine) -> None:
    async with app_engine.connect() as connection:
        checks = list(await connection.scalars(CHECK_OF_STATE, {"table": TABLES[machine.noun]}))
    assert len(checks) == 1
    assert sorted(re.findall(r"'([^']+)'::text", checks[0])) == sorted(machine.states)


@pytest.mark.parametrize("machine", MACHINES, ids=lambda machine: machine.noun)
def test_every_state_can_be_reached_and_is_drawn(machine: Machine) -> None:
    reached = set(machine.initial)
    for _ in machine.states:
        reached |= {each.target for each in machine.transitions if reached & set(each.sources)}
    assert reached == set(machine.states)
    section = document().partition(f"## {machine.noun.capitalize()}\n")[2].partition("\n## ")[0]
    for each in machine.transitions:
        for state in each.sources:
            assert f"| {state} | {each.action} | {each.target} | {', '.join(each.by)} |" in section
            arrow = f"{state} --> {each.target}: {each.action} ({', '.join(each.by)})"
            assert arrow in section.replace("_", "-")
