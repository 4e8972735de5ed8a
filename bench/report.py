"""What every bench reports: figures against their bars, and on what machine, with what versions they were taken."""

import json
import os
import platform
import statistics
from collections.abc import Sequence
from dataclasses import dataclass, field
from importlib.metadata import version
from pathlib import Path
from typing import Any, Literal

from rich.console import Console
from rich.table import Table


@dataclass(frozen=True)
class Bar:
    """What a figure must reach: at least or at most a limit."""

    sense: Literal["≥", "≤"]
    limit: float

    def reached_by(self, value: float) -> bool:
        return value >= self.limit if self.sense == "≥" else value <= self.limit

    def __str__(self) -> str:
        return f"{self.sense} {self.limit:g}"


@dataclass(frozen=True)
class Figure:
    """One measured number; None where it could not be taken, and then `note` says why."""

    name: str
    value: float | None
    bar: Bar | None = None
    note: str = ""

    @property
    def shown(self) -> str:
        return "–" if self.value is None else f"{self.value:,.4g}"

    @property
    def verdict(self) -> str:
        if self.value is None or self.bar is None:
            return ""
        return "reached" if self.bar.reached_by(self.value) else "missed"


@dataclass
class Report:
    """The figures of one run of one bench."""

    bench: str
    settings: dict[str, Any]
    versions: dict[str, str]
    figures: list[Figure] = field(default_factory=list)

    def add(self, name: str, value: float | None, bar: Bar | None = None, note: str = "") -> None:
        """Take a figure and say it at once: a long run shows how far it is."""
        figure = Figure(name, value, bar, note)
        self.figures.append(figure)
        print(f"  {name:28} {figure.shown:>12}  {figure.bar or ''!s:8} {figure.verdict} {note}", flush=True)

    def print(self) -> None:
        table = Table(title=f"bench.{self.bench}", caption=f"{_machine()['processor']}, {_machine()['cores']} cores")
        for heading in ("figure", "value", "bar", "", "note"):
            table.add_column(heading, justify="right" if heading == "value" else "left")
        for figure in self.figures:
            table.add_row(figure.name, figure.shown, str(figure.bar or ""), figure.verdict, figure.note)
        Console().print(table, *(f"{name} {number}" for name, number in self.versions.items()))

    def write(self, path: Path) -> None:
        content = {
            "bench": self.bench,
            "figures": {figure.name: figure.value for figure in self.figures},
            "bars": {figure.name: str(figure.bar) for figure in self.figures if figure.bar},
            "machine": _machine(),
            "versions": self.versions,
            "settings": self.settings,
        }
        path.write_text(json.dumps(content, indent=2) + "\n")


def python_versions(*packages: str) -> dict[str, str]:
    """The versions of Python and of the named packages."""
    return {"python": platform.python_version(), **{name: version(name) for name in packages}}


def percentile(values: Sequence[float], percent: int) -> float:
    """The value that `percent` of a hundred do not exceed."""
    return statistics.quantiles(values, n=100, method="inclusive")[percent - 1]


def _machine() -> dict[str, Any]:
    return {
        "processor": _processor(),
        "cores": os.cpu_count(),
        "memory_gib": round(os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30, 1),
        "system": f"{platform.system()} {platform.release()}",
    }


def _processor() -> str:
    info = Path("/proc/cpuinfo")
    names = [line.split(":", 1)[1].strip() for line in info.read_text().splitlines() if line.startswith("model name")]
    return names[0] if names else platform.machine()
