"""`python -m bench.settlement [--lines N] [--json FILE] [--folder DIR]`."""

import asyncio
import logging
import tempfile
from pathlib import Path

import click
import structlog

from bench.licensing.ground import Ground, ground
from bench.report import Bar, Report, python_versions
from bench.settlement.closing import measure_closing
from bench.settlement.importing import CLIPPERS, CLIPS, LINES, measure_importing


@click.command()
@click.option("--lines", type=click.IntRange(1000), default=LINES, show_default=True)
@click.option("--json", "json_path", type=Path, help="Write the figures here.")
@click.option("--folder", type=Path, default=Path("var/bench/postgres"), help="Data folder of the server.")
def main(*, lines: int, json_path: Path | None, folder: Path) -> None:
    """Measure settlement."""
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.WARNING))
    with ground(folder) as here:
        server = here.settings()
        versions = python_versions("sqlalchemy", "psycopg", "msgspec") | {"postgresql": server.pop("server_version")}
        report = Report("settlement", {"lines": lines, **server}, versions)
        asyncio.run(_measure(here, report, lines))
    report.print()
    if json_path:
        report.write(json_path)


async def _measure(on: Ground, report: Report, lines: int) -> None:
    with tempfile.TemporaryDirectory() as folder:
        importing = await measure_importing(on, Path(folder), lines)
    note = f"{lines:,} lines of {CLIPPERS:,} clippers' {CLIPS:,} clips"
    report.add("import_lines_per_s", importing.import_lines_per_s, Bar("≥", 10_000), note)
    report.add("import_vs_copy", importing.import_vs_copy, Bar("≥", 0.08), "COPY of the file into one bare text table")
    report.add("import_peak_mib", importing.import_peak_mib, Bar("≤", 512))
    report.add("reimport_lines_per_s", importing.reimport_lines_per_s, Bar("≥", 30_000), "the same file, no entries")
    report.add("retold_lines_per_s", importing.retold_lines_per_s, note="the same lines, of a later day, no entries")
    report.add("growth", importing.growth, Bar("≤", 1.2), "cost a line, of all against a hundredth")
    with tempfile.TemporaryDirectory() as folder:
        closing = await measure_closing(on, Path(folder), lines)
    report.add("close_s", closing.close_s, Bar("≤", 120), f"{closing.statements:,} statements drafted, proved, issued")
    report.add("statement_ms_p95", closing.statement_ms_p95, Bar("≤", 100), f"first page of {closing.lines:,} lines")
    report.add("pdf_per_s", closing.pdf_per_s, Bar("≥", 20), "on two cores")


if __name__ == "__main__":
    main()
