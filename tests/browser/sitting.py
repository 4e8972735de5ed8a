"""Somebody before a browser: goes to pages, looks at them, and fills in forms by their labels."""

import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from axe_playwright_python.async_playwright import Axe
from playwright.async_api import Browser, BrowserContext, Locator, Page, StorageState

from clipledger.pages.languages import Language
from tests.browser.served import Guests

_RULES = {"runOnly": ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa"], "resultTypes": ["violations"]}


@dataclass(frozen=True)
class Variant:
    """A language, and the size of the screen."""

    language: Language
    width: int
    height: int

    def __str__(self) -> str:
        return f"{self.language}-{self.width}"


class Sitting:
    """One person at a time; `page` is theirs. What a page's scripts complain of is a failure."""

    page: Page

    def __init__(
        self, browser: Browser, guests: Guests, variant: Variant, pictures: Path, logged_in: dict[str, StorageState]
    ) -> None:
        self.browser = browser
        self.guests = guests
        self.variant = variant
        self.pictures = pictures
        self.logged_in = logged_in
        self.complaints: list[str] = []
        self._contexts: list[BrowserContext] = []
        self._looked: dict[str, int] = {}

    async def is_now(self, name: str) -> str:
        """Be a guest of the demo, on the page that it begins with, whose address is returned.

        Each logs in once in all tests: more often would be too often within a quarter of an hour.
        """
        size: Any = {"width": self.variant.width, "height": self.variant.height}
        locale = {"en": "en-GB", "zh": "zh-CN"}[self.variant.language]
        context = await self.browser.new_context(
            viewport=size,
            locale=locale,
            base_url=self.guests.address,
            reduced_motion="reduce",
            storage_state=self.logged_in.get(name),
        )
        self._contexts.append(context)
        self.page = await context.new_page()
        self.page.on("console", lambda said: self.complaints.append(said.text) if said.type == "error" else None)
        self.page.on("pageerror", lambda error: self.complaints.append(str(error)))
        start = self.guests.pages[name]
        await self.page.goto(start)
        if name not in self.logged_in:
            await self.fill("login", email=self.guests.emails[name], password=self.guests.password)
            await self.send("login")
            self.logged_in[name] = await context.storage_state()
        assert self.page.url == f"{self.guests.address}{start}"
        return start

    @property
    def path(self) -> str:
        """Of the page that is shown."""
        return self.page.url.removeprefix(self.guests.address).partition("?")[0]

    async def menu(self, base: str) -> list[str]:
        """The addresses in the menu of a place."""
        found = await self.page.locator(f'nav.menu a[href^="{base}"]').evaluate_all(
            "links => links.map(a => a.pathname)"
        )
        return [str(each) for each in found]

    async def go(self, path: str) -> None:
        """To a page, which must be there."""
        answer = await self.page.goto(path)
        assert answer is not None
        assert answer.ok, f"{answer.status} {path}"

    async def follow(self, href: str) -> None:
        """The first link of the page that leads to below that address."""
        link = self.page.locator(f'main a[href^="{href}"]').first
        await self._unfold(link)
        async with self.page.expect_navigation():
            await link.click()

    async def fill(self, form: str, fields: dict[str, str] | None = None, **more: str) -> None:
        """Write into a form's fields, by their names; a select is set to the value."""
        for name, value in {**(fields or {}), **more}.items():
            field = self.page.locator(f'form[id="{form}"] [name="{name}"]:not([type=hidden])').first
            await self._unfold(field)
            kind = await field.evaluate("field => field.type")
            if kind == "select-one":
                await field.select_option(value)
            elif kind in ("checkbox", "radio"):
                await field.set_checked(value == "true")
            elif kind == "file":
                await field.set_input_files(value)
            else:
                await field.fill(value)

    async def send(self, form: str) -> None:
        """Press the form's last button."""
        button = self.page.locator(f'form[id="{form}"] button[type=submit]').last
        await self._unfold(button)
        async with self.page.expect_navigation():
            await button.click()

    async def _unfold(self, what: Locator) -> None:
        """Open what hides it, outermost first."""
        for summary in await what.locator("xpath=ancestor::details[not(@open)]/summary").all():
            await summary.click()

    async def look(self, name: str) -> str:
        """Take a picture of the page, find nothing wrong with it, and return what can be read in its main part."""
        self._looked[name] = self._looked.get(name, 0) + 1
        again = f"-{self._looked[name]}" if self._looked[name] > 1 else ""
        picture = self.pictures / f"{name}{again}-{self.variant}.png"
        await self.page.screenshot(path=picture, full_page=True)
        wide = await self.page.evaluate("document.documentElement.scrollWidth")
        assert wide <= self.variant.width, f"{name} is {wide} wide"
        found = await Axe().run(self.page, options=_RULES)
        assert not found.violations_count, found.generate_report()
        assert not self.complaints, self.complaints
        lang = await self.page.locator("html").get_attribute("lang")
        assert lang == {"en": "en", "zh": "zh-Hans"}[self.variant.language]
        return re.sub(r"\s+", " ", await self.page.locator("main").inner_text())

    async def leave(self) -> None:
        """Close everything."""
        for context in self._contexts:
            await context.close()
