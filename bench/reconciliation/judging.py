"""What was found, against what was made up."""

from collections.abc import Iterable, Mapping
from typing import NamedTuple

from bench.reconciliation.month import Month
from settlement.reconciliation.kinds import Kind

Name = int | str


class Verdict(NamedTuple):
    """Shares of one; `wrong` are defects by kind, and what was said of them instead."""

    clean_matched: float
    defects_told: float
    defects: int
    kinds: int
    false_alarms: int
    wrong: Mapping[Kind, list[str]]


def judge(month: Month, matched: set[Name], residuals: Iterable[tuple[Kind, frozenset[Name]]]) -> Verdict:
    """`matched` are the names of lines in matches, `residuals` kinds and the names of their lines.

    A defect is told if each of its lines is in a residual of its kind, and in none of another.
    """
    told: dict[Name, set[Kind]] = {}
    for kind, names in residuals:
        for name in names:
            told.setdefault(name, set()).add(kind)
    wrong: dict[Kind, list[str]] = {}
    for kind, each in month.defects.items():
        for names in each:
            said = {name: sorted(told.get(name, set())) for name in names}
            if any(kinds != [kind] for kinds in said.values()):
                wrong.setdefault(kind, []).append(str(said))
    defects = sum(map(len, month.defects.values()))
    missed = sum(map(len, wrong.values()))
    return Verdict(
        clean_matched=len(month.clean & matched) / len(month.clean),
        defects_told=(defects - missed) / defects,
        defects=defects,
        kinds=len(month.defects),
        false_alarms=len(month.clean & told.keys()),
        wrong=wrong,
    )
