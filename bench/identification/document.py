"""`python -m bench.identification.document FILE [--docs FILE] [--plot FILE]`: what a run wrote, shown again."""

import json
from pathlib import Path

import click

from bench.identification import plot
from bench.identification.comparison import Comparison
from bench.identification.tables import write_measured


@click.command()
@click.argument("measured", type=Path)
@click.option("--docs", type=Path, help="A document whose section of measurements to write anew.")
@click.option("--plot", "plot_path", type=Path, help="Write the plot (SVG) here.")
def main(*, measured: Path, docs: Path | None, plot_path: Path | None) -> None:
    """Tables and plot from the JSON file of a run."""
    content = json.loads(measured.read_text())
    if docs:
        write_measured(docs, content)
    if plot_path and content["comparison"]:
        plot.draw(plot_path, Comparison.from_json(content["comparison"]))


if __name__ == "__main__":
    main()
