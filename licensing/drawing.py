"""The state machines as a document: a diagram and a table of each, drawn from `licensing.states`.

`python -m licensing.drawing` writes `docs/states.md`; a test tells when it was forgotten.
"""

from collections.abc import Iterator
from pathlib import Path

from licensing.states import MACHINES, Machine

DRAWN = Path(__file__).resolve().parent.parent / "docs" / "states.md"

_HEAD = """# States

Everything in licensing that has states: which there are, what leads from one to another, and who may do it. A
transition by the system is made by the clock, by a job, or by a claim finally upheld. Drawn from
`licensing/states.py` by `python -m licensing.drawing`; don't edit it here.
"""


def document() -> str:
    """The whole of `docs/states.md`."""
    return "\n".join((_HEAD, *(line for machine in MACHINES for line in _section(machine))))


def _section(machine: Machine) -> Iterator[str]:
    yield f"## {machine.noun.capitalize()}\n"
    yield from ("```mermaid", *_diagram(machine), "```\n")
    yield from (*_table(machine), "")


def _diagram(machine: Machine) -> Iterator[str]:
    """In mermaid, where a state's name is an identifier and what it says another matter."""
    yield "stateDiagram-v2"
    for state in machine.states:
        if _identifier(state) != state:
            yield f'    state "{state}" as {_identifier(state)}'
    for state in machine.initial:
        yield f"    [*] --> {_identifier(state)}"
    for each in machine.transitions:
        for state in each.sources:
            yield f"    {_identifier(state)} --> {_identifier(each.target)}: {each.action} ({', '.join(each.by)})"
    for state in machine.states:
        if not any(state in each.sources for each in machine.transitions):
            yield f"    {_identifier(state)} --> [*]"


def _table(machine: Machine) -> Iterator[str]:
    yield "| from | action | to | by |"
    yield "|---|---|---|---|"
    for each in machine.transitions:
        for state in each.sources:
            yield f"| {state} | {each.action} | {each.target} | {', '.join(each.by)} |"


def _identifier(state: str) -> str:
    return state.replace("-", "_")


if __name__ == "__main__":
    DRAWN.write_text(document(), encoding="utf-8")
