"""`python -m bench.identification --sources DIR… --clips DIR --json OUT [--baselines] [--no-costs] [--plot FILE] …`."""

import json
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import click
from rich.console import Console
from rich.progress import MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

from bench.identification import costs, plot
from bench.identification.baselines import Found
from bench.identification.baselines.measuring import measure_baselines
from bench.identification.comparison import OURS, Comparison, compare
from bench.identification.corpus import Corpus, find_corpus
from bench.identification.folders import FOLDER, Folders
from bench.identification.predicting import (
    KnownSource,
    Predictions,
    build_library,
    fingerprint_sources,
    identify_all,
)
from bench.identification.tables import tables_of, write_measured
from bench.report import Bar, Report, python_versions

BARS = {
    "recall_singles": Bar("≥", 0.98),
    "recall_combos": Bar("≥", 0.95),
    "recall_worst_single": Bar("≥", 0.90),
    "recall_at_p99": Bar("≥", 0.97),
    "fpr": Bar("≤", 0.005),
    "segment_f1": Bar("≥", 0.97),
    "boundary_s_median": Bar("≤", 0.08),
    "decode_ratio": Bar("≥", 0.6),
    "source_hour_mib": Bar("≤", 16),
    "identify_cpu_s_p95": Bar("≤", 4),
    "search_ms_p95": Bar("≤", 500),
    "index_gib_per_1000h": Bar("≤", 4),
    "fresh_s": Bar("≤", 5),
}
"""What each figure must reach, in the order in which they are told."""


@dataclass
class Run:
    """The state of one run."""

    corpus: Corpus
    report: Report
    folder: Path  # of the library, and of whatever else is only needed while it runs
    progress: Progress
    known: list[KnownSource] = field(default_factory=list)
    predictions: Predictions = field(default_factory=Predictions)
    comparison: Comparison | None = None

    def starting(self, what: str, files: int) -> Callable[[str], None]:
        """A bar for something that goes through so many files; the function is told each one's name."""
        task = self.progress.add_task(what, total=files)
        return lambda name: self.progress.update(task, advance=1, description=f"{what}: {name}"[:60])

    def take(self, name: str, measured: costs.Measured) -> None:
        self.report.add(name, measured.value, BARS.get(name), measured.note)


@click.command(cls=Folders)
@click.option("--sources", type=FOLDER, multiple=True, required=True, help="Folders of what is registered.")
@click.option("--clips", type=FOLDER, required=True, help="A folder of clips, or one with a folder clips/ in it.")
@click.option("--json", "json_path", type=Path, required=True, help="Gets figures and predictions.")
@click.option("--truth", type=Path, help="truth.json, where it doesn't lie in or beside the folder of clips.")
@click.option("--baselines", is_flag=True, help="Measure the peers too: slow the first time, remembered then.")
@click.option("--costs/--no-costs", "with_costs", default=True, help="Measure time and space too, in 100 and 1,000 h.")
@click.option("--plot", "plot_path", type=Path, help="Write the plot (SVG) here.")
@click.option("--docs", "docs_path", type=Path, help="A document whose section of measurements to write anew.")
@click.option("--cache", type=Path, default=Path("var/bench/identification"), help="Where baselines are remembered.")
def main(
    *,
    sources: tuple[Path, ...],
    clips: Path,
    json_path: Path,
    truth: Path | None,
    baselines: bool,
    with_costs: bool,
    plot_path: Path | None,
    docs_path: Path | None,
    cache: Path,
) -> None:
    """Identify clips in sources, and say how well, how fast and how small that was."""
    with running(find_corpus(sources, clips, truth)) as run:
        predict(run)
        if run.corpus.truth is not None:
            judge(run, *(measure_baselines(run.corpus, cache, run.starting) if baselines else ({}, {})))
        run.take("source_hour_mib", costs.source_hour_mib(run.known))
        write(run, json_path)
        if with_costs:
            measure_costs(run)
    tell(run)
    write(run, json_path)
    if plot_path and run.comparison:
        plot.draw(plot_path, run.comparison)
    if docs_path:
        write_measured(docs_path, json.loads(json_path.read_text()))


@contextmanager
def running(corpus: Corpus) -> Iterator[Run]:
    """A run with its folder, and its progress on stderr."""
    settings: dict[str, Any] = {"sources": len(corpus.sources), "clips": len(corpus.clips)}
    report = Report("identification", settings, python_versions("numpy", "pillow", "imagehash") | costs.versions())
    columns = (TextColumn("{task.description:60}"), MofNCompleteColumn(), TimeElapsedColumn())
    with (
        tempfile.TemporaryDirectory(prefix="identification-") as folder,
        Progress(*columns, console=Console(stderr=True)) as progress,
    ):
        yield Run(corpus, report, Path(folder), progress)


def predict(run: Run) -> None:
    """Fingerprint the sources, build the library, identify the clips."""
    sources, clips = run.corpus.sources, run.corpus.clips
    run.known = fingerprint_sources(sources, run.starting("sources", len(sources)))
    build_library(run.folder / "library", run.known)
    names = [path.stem for path in sources]
    run.predictions = identify_all(clips, run.folder / "library", names, run.starting("clips", len(clips)))


def judge(run: Run, baselines: dict[str, Found], absent: dict[str, str]) -> None:
    """The figures that need the truth."""
    assert run.corpus.truth is not None
    run.comparison = compare(run.corpus.truth, {OURS: run.predictions.by_clip(), **baselines}, absent)
    ours = run.comparison.methods[OURS]
    for name in (*(name for name in BARS if name in ours.figures), "precision"):
        run.take(name, costs.Measured(ours.figures[name]))


def measure_costs(run: Run) -> None:
    """The figures of time and space."""
    subject = costs.Subject(run.corpus, run.known, run.predictions, run.folder, run.starting)
    for name, measured in costs.measure(subject).items():
        run.take(name, measured)


def tell(run: Run) -> None:
    """Everything on the terminal."""
    run.report.print()
    console = Console()
    if run.comparison:
        console.print(*(table.for_terminal() for table in tables_of(run.comparison)))
    wrong = [f"{source.name}: {source.error}" for source in run.known if source.error]
    wrong += [f"{answer.clip}: {answer.error}" for answer in run.predictions.answers if answer.error]
    for line in wrong:
        console.print(line, style="red")


def write(run: Run, path: Path) -> None:
    """The report, with what was predicted and how the baselines did."""
    run.report.write(path)
    content = json.loads(path.read_text())
    content["figures"] = {name: content["figures"].get(name) for name in (*BARS, *content["figures"])}
    content["notes"] = {figure.name: figure.note for figure in run.report.figures if figure.note}
    content["errors"] = {source.name: source.error for source in run.known if source.error}
    content["comparison"] = run.comparison and run.comparison.to_json()
    content["predictions"] = run.predictions.to_json()
    path.write_text(json.dumps(content, indent=1) + "\n")


if __name__ == "__main__":
    main()
