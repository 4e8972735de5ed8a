"""A payout's states as a diagram, drawn from `settlement.payouts.lifecycle`.

`python -m settlement.payouts.drawing` puts it into `docs/payouts.md`; a test tells when it was forgotten.
"""

from collections.abc import Iterator
from pathlib import Path
from typing import get_args

from settlement.payouts.lifecycle import STEPS, State

DRAWN = Path(__file__).resolve().parents[2] / "docs" / "payouts.md"
_BEGIN, _END = "```mermaid\n", "```\n"


def diagram() -> str:
    """In mermaid, with its fence. What leads from a state to itself is left out: it only waits."""
    return "".join((_BEGIN, *(f"{line}\n" for line in _lines()), _END))


def drawn_into(page: str) -> str:
    """The page with the diagram in place of its first."""
    before, _, rest = page.partition(_BEGIN)
    return before + diagram() + rest.partition(_END)[2]


def _lines() -> Iterator[str]:
    yield "stateDiagram-v2"
    yield "    [*] --> planned"
    moves: dict[tuple[State, State], list[str]] = {}
    for action, leads in STEPS.items():
        for was, now in leads.items():
            if was != now:
                moves.setdefault((was, now), []).append(action)
    yield from (f"    {was} --> {now}: {', '.join(actions)}" for (was, now), actions in moves.items())
    reached, left = {now for _, now in moves}, {was for was, _ in moves if was != "paid"}
    yield from (f"    {state} --> [*]" for state in get_args(State) if state in reached - left)


if __name__ == "__main__":
    DRAWN.write_text(drawn_into(DRAWN.read_text(encoding="utf-8")), encoding="utf-8")
