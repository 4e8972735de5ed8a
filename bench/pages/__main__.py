"""`python -m bench.pages [--lines N] [--json FILE] [--folder DIR]`.

A book of 11,000 clippers and 50,000 clips, whose month of order lines was imported and closed. Each of four people
begins at the first page of a place and follows links, to one page of each kind that can be reached; each is asked for
again and again, through the whole application but for the network.
"""

import asyncio
import logging
import re
import statistics
import tempfile
import time
from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass
from http import HTTPStatus
from pathlib import Path
from typing import Any

import click
import structlog
from bs4 import BeautifulSoup
from httpx import ASGITransport, AsyncClient
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncEngine

from bench.licensing.ground import Ground, ground
from bench.report import Bar, Report, python_versions
from bench.settlement.closing import close_month
from bench.settlement.importing import CLIPPERS, CLIPS, DAY, imported, opened_book, write_report
from clipledger.access.roles import grant_role
from clipledger.access.users import add_user
from clipledger.pages.templates import STATIC
from clipledger.settings import Settings
from clipledger.web.app import create_app, keep_for_good
from media.storage import Storage
from settlement.facts import refresh_facts
from settlement.kept_reports import refresh_reports
from settlement.rolled import refresh_rolled
from settlement.sold import refresh_sold

_DATABASE = "bench_pages"
_PASSWORD = "correct horse battery staple"
_TIMES = 20
_SLOWEST_MS, _HEAVIEST_KB = 100, 100
_NUMBER = re.compile(r"\d+")
_SKIPPED = ("/v1/", "/language/", "/static/", "/s/", "/certificates/", "#", "http", "mailto:")


@dataclass(frozen=True)
class Seen:
    """A page: milliseconds of each time it was asked for, kilobytes with the files that it loads; or how it failed."""

    path: str
    took: list[float]
    kilobytes: float
    status: int

    @property
    def p95(self) -> float | None:
        """In milliseconds; None where it has failed."""
        return statistics.quantiles(self.took, n=20)[-1] if self.status == HTTPStatus.OK else None


@click.command()
@click.option("--lines", type=click.IntRange(1000), default=1_000_000, show_default=True)
@click.option("--json", "json_path", type=Path, help="Write the figures here.")
@click.option("--folder", type=Path, default=Path("var/bench/postgres"), help="Data folder of the server.")
def main(*, lines: int, json_path: Path | None, folder: Path) -> None:
    """Measure every kind of page."""
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.ERROR))
    with ground(folder) as here, tempfile.TemporaryDirectory() as files:
        server = here.settings()
        versions = python_versions("litestar", "jinja2", "babel") | {"postgresql": server.pop("server_version")}
        report = Report("pages", {"lines": lines, "clippers": CLIPPERS, "clips": CLIPS, **server}, versions)
        seen = asyncio.run(_measure(here, Path(files), lines))
    for each in sorted(seen, key=lambda page: -(page.p95 or 0)):
        note = f"ms; {each.kilobytes:.0f} kB" if each.p95 else f"answered {each.status}"
        report.add(_NUMBER.sub("N", each.path), each.p95, Bar("≤", _SLOWEST_MS), note)
    report.add("heaviest_kb", max(each.kilobytes for each in seen), Bar("≤", _HEAVIEST_KB))
    report.print()
    if json_path:
        report.write(json_path)


async def _measure(on: Ground, folder: Path, lines: int) -> list[Seen]:
    write_report(folder / "month.csv", lines)
    async with on.service(_DATABASE) as engine:
        book_id = await opened_book(engine, on, _DATABASE, "lili")
        await imported(engine, Storage((folder / "objects").as_uri()), book_id, folder / "month.csv", DAY)
        await close_month(engine, book_id)
        await refresh_sold(engine, book_id)
        await refresh_rolled(engine, book_id)
        await refresh_reports(engine, book_id)
        async with engine.begin() as connection:
            await refresh_facts(connection, book_id)
        on.load(_DATABASE, [])
        starts = await _people(engine, book_id)
        settings = Settings.from_environment(
            {"CLIPLEDGER_VAR": str(folder), "CLIPLEDGER_PUBLIC_URL": "http://localhost"}
        )
        app: Any = create_app(settings, engine)
        keep_for_good()
        return [page for email, start in starts.items() for page in await _walk(app, email, start)]


async def _people(engine: AsyncEngine, book_id: int) -> dict[str, str]:
    """With the page that each begins at: the clipper is the one with most sales."""
    roles = {"host": "/books/lili", "finance": "/books/lili/finance", "operator": "/operator"}
    busiest = text("""
        SELECT grants.clipper_id FROM settlement.sales JOIN licensing.grants USING (book_id, grant_id)
        WHERE book_id = :book GROUP BY 1 ORDER BY count(*) DESC LIMIT 1
    """)
    join = text(
        "INSERT INTO licensing.members (party_id, user_id, role, added_by) VALUES (:party, :user, 'owner', 'bench')"
    )
    async with engine.begin() as connection:
        for role in roles:
            user = await add_user(connection, f"{role}@example.com", _PASSWORD, role)
            await grant_role(connection, user.user_id, role, None if role == "operator" else "lili")
        user = await add_user(connection, "clipper@example.com", _PASSWORD, "clipper")
        party = await connection.scalar(busiest, {"book": book_id})
        await connection.execute(join, {"party": party, "user": user.user_id})
    return {
        **{f"{role}@example.com": start for role, start in roles.items()},
        "clipper@example.com": f"/clippers/{party}",
    }


async def _walk(app: Any, email: str, start: str) -> list[Seen]:
    """One page of each kind that can be reached from `start` without leaving its place."""
    headers = {"Accept": "text/html"}
    async with AsyncClient(transport=ASGITransport(app), base_url="http://localhost", headers=headers) as web:
        (await web.post("/v1/session", json={"email": email, "password": _PASSWORD})).raise_for_status()
        known, waiting, seen = {_kind(start)}, deque([start]), []
        while waiting:
            path = waiting.popleft()
            page, html = await _asked(web, path)
            print(f"  {path}: {page.status}, {statistics.median(page.took):.0f} ms", flush=True)
            seen.append(page)
            for link in _links(html, start):
                if _kind(link) not in known:
                    known.add(_kind(link))
                    waiting.append(link)
    return seen


async def _asked(web: AsyncClient, path: str) -> tuple[Seen, str]:
    took = []
    for _ in range(_TIMES):
        begun = time.perf_counter()
        answer = await web.get(path)
        took.append((time.perf_counter() - begun) * 1000)
        if answer.is_error:
            break
    loaded = sum(
        (STATIC / name).stat().st_size for name in set(re.findall(r"/static/([\w.]+\.(?:css|js))", answer.text))
    )
    return Seen(path, took, (len(answer.content) + loaded) / 1000, answer.status_code), answer.text


def _links(html: str, start: str) -> Iterator[str]:
    for link in BeautifulSoup(html, "html.parser").find_all("a", href=True):
        href = str(link["href"])
        if href.startswith(start) and not href.startswith(_SKIPPED):
            yield href.partition("#")[0]


def _kind(path: str) -> str:
    """Pages of one kind differ by their numbers alone; of a list's parameters only what it shows makes another kind."""
    place, _, query = path.partition("?")
    shown = [each for each in query.split("&") if each.startswith("show=")]
    return _NUMBER.sub("N", "?".join([place, *shown]))


if __name__ == "__main__":
    main()
