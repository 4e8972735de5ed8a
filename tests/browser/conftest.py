"""A real browser on the demo's pages: the demo tells its story and serves what it leaves; tests are its guests.

Each page that is looked at leaves a screenshot in `var/browser` and is checked by axe-core for accessibility.
"""

import os
import shutil
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest
from playwright.async_api import Browser, StorageState, async_playwright

from tests.browser.served import ROOT, Guests, Served, told_and_served
from tests.browser.sitting import Sitting, Variant
from tests.conftest import reachable_folder

PICTURES = ROOT / "var" / "browser"
VARIANTS = [
    Variant("en", 390, 844),
    Variant("zh", 390, 844),
    Variant("en", 1280, 900),
    Variant("zh", 1280, 900),
]


def chromium() -> str | None:
    """The one that CLIPLEDGER_BROWSER names, or Debian's."""
    named = os.environ.get("CLIPLEDGER_BROWSER", "")
    return shutil.which(named) or shutil.which("chromium") or shutil.which("chromium-browser")


@pytest.fixture(scope="session")
def served() -> Iterator[Served]:
    """The demo, whose story has come out, while it serves."""
    with reachable_folder() as folder, told_and_served(folder) as found:
        yield found


@pytest.fixture(scope="session")
def guests(served: Served) -> Guests:
    return served.guests()


@pytest.fixture(scope="session")
async def browser() -> AsyncIterator[Browser]:
    path = chromium()
    if path is None:
        pytest.skip("no browser: install Debian's chromium, or name one by CLIPLEDGER_BROWSER")
    shutil.rmtree(PICTURES, ignore_errors=True)
    PICTURES.mkdir(parents=True)
    async with async_playwright() as playwright:
        started = await playwright.chromium.launch(executable_path=path, args=["--no-sandbox"])
        yield started
        await started.close()


@pytest.fixture(scope="session")
def logged_in() -> dict[str, StorageState]:
    """The sessions of those who have logged in, by name."""
    return {}


@pytest.fixture(params=VARIANTS, ids=str)
async def sitting(
    request: pytest.FixtureRequest, browser: Browser, guests: Guests, logged_in: dict[str, StorageState]
) -> AsyncIterator[Sitting]:
    """Somebody before a screen of that width, who reads that language."""
    opened = Sitting(browser, guests, request.param, PICTURES, logged_in)
    yield opened
    await opened.leave()


@pytest.fixture
def another_clip(served: Served, tmp_path: Path) -> Path:
    """Twelve seconds of the stream that no test has submitted yet."""
    return served.cut_another(tmp_path / "another.mp4")
