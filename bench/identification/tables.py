"""The tables of a comparison, for a terminal and for docs/identification.md."""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from rich.table import Table as RichTable

from bench.identification.comparison import Comparison
from bench.identification.scoring import Scores, Tally

BEGIN, END = "<!-- measured: begin -->", "<!-- measured: end -->"

QUALITY = {
    "recall_singles": "recall, single edits",
    "recall_combos": "recall, combined edits",
    "recall_worst_single": "worst single edit",
    "recall_at_p99": "recall at precision 0.99",
    "precision": "precision",
    "fpr": "negatives with any match",
    "segment_f1": "segment F1 (VCSL's measure)",
    "boundary_s_median": "median boundary error, s",
}


@dataclass(frozen=True)
class Table:
    """Text in rows; the first column is left-aligned, the others are numbers."""

    title: str
    headings: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]

    def for_terminal(self) -> RichTable:
        table = RichTable(title=self.title)
        for index, heading in enumerate(self.headings):
            table.add_column(heading, justify="right" if index else "left")
        for row in self.rows:
            table.add_row(*row)
        return table

    def as_markdown(self) -> str:
        lines = [f"**{self.title}**", "", _line(self.headings), _line(["---", *["---:"] * (len(self.headings) - 1)])]
        return "\n".join([*lines, *map(_line, self.rows)])


def tables_of(comparison: Comparison) -> list[Table]:
    """Quality, recall by transformation, recall by what became of the sound."""
    names = (*comparison.methods, *comparison.absent)
    quality = tuple((label, *_row(comparison, _figure(figure))) for figure, label in QUALITY.items())
    return [
        Table("Quality", ("", *names), quality),
        Table(
            "Recall by transformation",
            ("", "segments", *names),
            _recalls(comparison, comparison.groups, lambda scores: scores.by_group),
        ),
        Table(
            "Recall by sound",
            ("", "segments", *names),
            _recalls(comparison, comparison.sounds, lambda scores: scores.by_sound),
        ),
    ]


def figures_table(measured: Mapping[str, Any]) -> Table:
    """The bench's figures against their bars, from its JSON file."""
    bars, notes = measured["bars"], measured.get("notes", {})
    rows = tuple(
        (f"`{name}`", _shown(value), bars.get(name, ""), notes.get(name, ""))
        for name, value in measured["figures"].items()
    )
    return Table("Figures", ("", "value", "bar", ""), rows)


def write_measured(path: Path, measured: Mapping[str, Any]) -> None:
    """Replace what stands between the marks in a document by the tables of a JSON file of this bench."""
    machine = measured["machine"]
    system = machine["system"].split()[0]
    where = f"{machine['processor']}, {machine['cores']} cores, {machine['memory_gib']:g} GiB, {system}"
    settings = measured["settings"]
    counted = ", ".join(f"{value} {name.replace('_', ' ')}" for name, value in settings.items())
    tables = [figures_table(measured)]
    if measured.get("comparison"):
        tables += tables_of(Comparison.from_json(measured["comparison"]))
    shown = "\n\n".join([f"{counted}. Machine: {where}.", *(table.as_markdown() for table in tables)])
    document = path.read_text()
    if BEGIN not in document or END not in document:
        raise ValueError(f"{path} has no {BEGIN} … {END} to put the tables in")
    between = re.compile(f"{re.escape(BEGIN)}.*{re.escape(END)}", re.DOTALL)
    path.write_text(between.sub(lambda _: f"{BEGIN}\n\n{shown}\n\n{END}", document))


def _recalls(
    comparison: Comparison, names: list[str], tallies: Callable[[Scores], Mapping[str, Tally]]
) -> tuple[tuple[str, ...], ...]:
    def row(name: str) -> tuple[str, ...]:
        counts = [tallies(scores)[name].all for scores in comparison.methods.values() if name in tallies(scores)]
        shown = _row(comparison, lambda scores: _shown(tallies(scores).get(name, Tally()).recall))
        return name, str(max(counts)), *shown

    return tuple(row(name) for name in names)


def _figure(name: str) -> Callable[[Scores], str]:
    return lambda scores: _shown(scores.figures.get(name))


def _row(comparison: Comparison, cell: Callable[[Scores], str]) -> tuple[str, ...]:
    return *map(cell, comparison.methods.values()), *comparison.absent.values()


def _shown(value: float | None) -> str:
    return "–" if value is None else f"{value:.3g}" if abs(value) < 1 else f"{value:,.4g}"


def _line(cells: Any) -> str:
    return f"| {' | '.join(cells)} |"
