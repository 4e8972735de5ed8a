"""`python -m bench.licensing [--quick] [--json FILE] [--plot FILE] [--folder DIR]`."""

import asyncio
import logging
import statistics
import tempfile
from dataclasses import dataclass
from pathlib import Path

import click
import structlog

from bench.licensing import plot
from bench.licensing.granting import ROWS, bulk_grant_s
from bench.licensing.ground import Ground, ground
from bench.licensing.judging import measure_judging
from bench.licensing.market import Size
from bench.licensing.matching import FULL, METHODS, QUICK, TEST_SEEDS, Answers, measure
from bench.licensing.searching import OFFERS, measure_searching
from bench.report import Bar, Report, python_versions

SIDES = {"offers for a clipper": "offers", "clippers for an offer": "clippers"}


@dataclass
class Run:
    """The state of one run."""

    ground: Ground
    report: Report
    quick: bool


@click.command()
@click.option("--quick", is_flag=True, help="A tenth of the size: whether it runs, not how fast it is.")
@click.option("--json", "json_path", type=Path, help="Write the figures here.")
@click.option("--plot", "plot_path", type=Path, help="Write the plot (SVG) here.")
@click.option("--folder", type=Path, default=Path("var/bench/postgres"), help="Data folder of the server.")
def main(*, quick: bool, json_path: Path | None, plot_path: Path | None, folder: Path) -> None:
    """Measure licensing."""
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.WARNING))
    with ground(folder) as here:
        server = here.settings()
        versions = python_versions("sqlalchemy", "psycopg", "numpy") | {"postgresql": server.pop("server_version")}
        run = Run(here, Report("licensing", {"quick": quick, **server}, versions), quick)
        asyncio.run(costs(run))
    answers = foretelling(run)
    run.report.print()
    if json_path:
        run.report.write(json_path)
    if plot_path:
        plot.draw(plot_path, answers)


async def costs(run: Run) -> None:
    """What takes time."""
    with tempfile.TemporaryDirectory() as folder:
        await _granting(run, Path(folder))
        _judging(run)
        await _searching(run, Path(folder))


async def _granting(run: Run, folder: Path) -> None:
    granting = await bulk_grant_s(run.ground, folder, rows=ROWS // 10 if run.quick else ROWS)
    run.report.add("bulk_grant_s", granting.bulk_grant_s, Bar("≤", 20), f"{ROWS:,} rows as JSON, one request")
    run.report.add("bulk_grant_replayed_s", granting.replayed_s, note="the same request again, under its key")
    run.report.add("bulk_grant_other_half_s", granting.other_half_s, note="sent anew when half were granted")
    run.report.add("bulk_grant_csv_s", granting.csv_s, note="the rows as CSV")


def _judging(run: Run) -> None:
    judging = measure_judging(*((1_100, 5_000) if run.quick else ()))
    run.report.add("judge_per_s", judging.judge_per_s, Bar("≥", 1000), "at 11,000 grants, one core")
    run.report.add("judge_register_s", judging.build_s, note="to make the register")


async def _searching(run: Run, folder: Path) -> None:
    asked, offers = (30, OFFERS // 10) if run.quick else (300, OFFERS)
    searching = await measure_searching(run.ground, folder, asked=asked, offers=offers)
    run.report.add("offer_search_ms_p95", searching.search_ms, Bar("≤", 50), f"{offers:,} offers, ranked")
    run.report.add("offer_search_ms_p50", searching.median_ms)
    run.report.add("offer_search_http_ms_p95", searching.http_ms, note="the whole request, without a network")
    run.report.add("candidates_ms_p95", searching.candidates_ms, note="11,000 clippers, ranked")


def foretelling(run: Run) -> dict[str, Answers]:
    """How well both rankings foretell, on markets that the weights were not fitted on."""
    seeds, size = (TEST_SEEDS[:2], QUICK) if run.quick else (TEST_SEEDS, FULL)
    answers = {title: _side(run, side, seeds, size) for title, side in SIDES.items()}
    mean = statistics.mean(statistics.mean(each.all["score"]) for each in answers.values())
    run.report.add("matching_ndcg10", mean, note="the mean of both sides")
    earned = measure("offers", seeds, size, earned=True).all["score"]
    run.report.add("ndcg10_offers_earned", statistics.mean(earned), note="by what the clipper gets of it")
    return answers


def _side(run: Run, side: str, seeds: tuple[int, ...], size: Size) -> Answers:
    answers = measure(side, seeds, size)  # type: ignore[arg-type]
    for name in METHODS:
        word = name.replace(" ", "_")
        for suffix, figures in (("", answers.all[name]), ("_cold", answers.cold[name])):
            spread = f"± {statistics.stdev(figures):.3f} over {len(figures)} markets"
            run.report.add(f"ndcg10_{side}_{word}{suffix}", statistics.mean(figures), note=spread)
    return answers


if __name__ == "__main__":
    main()
