"""`python -m bench.identification.clips --footage DIR… --foreign DIR… --out DIR [--seed N] [--each N]`."""

import json
from concurrent.futures import ThreadPoolExecutor, as_completed
from pathlib import Path
from typing import Any

import click
from rich.console import Console
from rich.progress import Progress

from bench.identification.clips.cutting import Grounds
from bench.identification.clips.painted import paint
from bench.identification.clips.rendering import Plan, plan, render
from bench.identification.folders import FOLDER, Folders
from bench.identification.footage import find_footage


@click.command(cls=Folders)
@click.option("--footage", type=FOLDER, multiple=True, help="Folders of what is registered (sources).")
@click.option("--foreign", type=FOLDER, multiple=True, help="Folders of footage that is never registered.")
@click.option("--painted", type=float, help="Paint six videos of so many minutes, three of them foreign, and use them.")
@click.option("--out", type=Path, required=True, help="Gets clips/, truth.json, and with --painted sources/, foreign/.")
@click.option("--seed", default=1, show_default=True)
@click.option("--each", default=4, show_default=True, help="Clips of every recipe.")
@click.option("--strangers", type=int, help="Clips that must match nothing; as many as a third of the others if unset.")
@click.option("--only", multiple=True, help="Only recipes whose name contains this.")
@click.option("--jobs", default=2, show_default=True)
def main(
    *,
    footage: tuple[Path, ...],
    foreign: tuple[Path, ...],
    painted: float | None,
    out: Path,
    seed: int,
    each: int,
    strangers: int | None,
    only: tuple[str, ...],
    jobs: int,
) -> None:
    """Cut clips from footage and edit them as clippers do."""
    (out / "clips").mkdir(parents=True, exist_ok=True)
    if painted:
        paint(out, seed, painted)
        footage, foreign = (*footage, out / "sources"), (*foreign, out / "foreign")
    grounds = Grounds(find_footage(footage), find_footage(foreign))
    if not grounds.own or not grounds.foreign:
        raise click.UsageError("--footage and --foreign need at least one video each; --painted makes some")
    plans = plan(seed, each, 0)
    plans += plan(seed, 0, len(plans) // 3 if strangers is None else strangers)
    plans = [one for one in plans if not only or any(part in one.group for part in only)]
    clips = render_all(plans, grounds, out / "clips", jobs)
    (out / "truth.json").write_text(json.dumps({"seed": seed, "clips": clips}, indent=1) + "\n")


def render_all(plans: list[Plan], grounds: Grounds, folder: Path, jobs: int) -> list[dict[str, Any]]:
    """Their entries in truth.json, in the order of the plans."""
    with Progress(console=Console(stderr=True)) as progress, ThreadPoolExecutor(jobs) as threads:
        task = progress.add_task("clips", total=len(plans))
        futures = [threads.submit(render, one, grounds, folder) for one in plans]
        try:
            for future in as_completed(futures):
                future.result()
                progress.advance(task)
        except BaseException:
            threads.shutdown(cancel_futures=True)
            raise
    return [future.result() for future in futures]


if __name__ == "__main__":
    main()
