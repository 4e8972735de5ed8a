"""Whatever people write stays text, on every page there is; and what holds for every page holds for each.

No list of pages: they are found by following links from each person's first page. In the house, markup stands wherever
people can write. Then every form that has a field to write in is sent with markup in it.
"""

import re
from collections import Counter, defaultdict
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass, field
from itertools import cycle
from pathlib import Path
from urllib.parse import urljoin, urlsplit

import pytest
from bs4 import BeautifulSoup, Tag
from httpx import Response
from litestar import Litestar
from sqlalchemy.ext.asyncio import AsyncEngine

from clipledger.database import DatabaseUrls, create_engine
from clipledger.pages.templates import STATIC, environment
from clipledger.settings import Settings
from clipledger.web.app import create_app
from clipledger.web.rate_limits import DEFAULT_LIMITS, Limit, Limits
from tests.clipledger.pages.chinese import english
from tests.clipledger.pages.planted import ALIVE, LONG, SHORT, URL, House, everything, plant
from tests.clipledger.pages.visitor import Visitor, visiting
from tests.conftest import NewDatabase
from tests.licensing.house import NewClipper, NewGrant, NewHost, NewOffer, NewUser

OF_A_KIND = 2
"""Pages of one address with different numbers that are looked at; twice as many with different parameters."""
PICTURES = re.compile(r"/v1/.*/(contact-sheet|poster|thumbnail)")
"""Of videos, of which this house has none."""
TELLING = re.compile(r"/finance/(ledger/(entries|liabilities)|(payouts|reconciliations|statements)/\d)")
"""Pages on which the books tell what entries are of, why a payout stands as it does, and what does not match."""
TOLD = ("调整 2：", "打款 1：已批准", "外部已变动，尚未入账")
"""Some of it."""
LARGEST = 100_000
LARGEST_HTML = 60_000
_GENEROUS = Limits(*(Limit(each.name, 10**9, 1) for each in vars(DEFAULT_LIMITS).values()))
_LEAVING = {"logout", "everywhere", "password", "login"}
"""Forms after which nobody is here any more."""


@pytest.fixture(scope="module")
def urls(new_database: NewDatabase) -> Iterator[DatabaseUrls]:
    """A database of one's own: every row of it is planted."""
    with new_database() as found:
        yield found


@pytest.fixture(scope="module")
async def app_engine(urls: DatabaseUrls) -> AsyncIterator[AsyncEngine]:
    engine = create_engine(urls.app)
    yield engine
    await engine.dispose()


@pytest.fixture(scope="module")
async def owner_engine(urls: DatabaseUrls) -> AsyncIterator[AsyncEngine]:
    engine = create_engine(urls.owner)
    yield engine
    await engine.dispose()


@pytest.fixture(scope="module")
def settings(tmp_path_factory: pytest.TempPathFactory) -> Settings:
    env = {"CLIPLEDGER_VAR": str(tmp_path_factory.mktemp("var")), "CLIPLEDGER_PUBLIC_URL": "http://localhost"}
    return Settings.from_environment(env)


@pytest.fixture(scope="module")
def app(settings: Settings, app_engine: AsyncEngine) -> Litestar:
    return create_app(settings, app_engine, limits=_GENEROUS)


@pytest.fixture
async def house(
    app_engine: AsyncEngine,
    settings: Settings,
    new_host: NewHost,
    new_offer: NewOffer,
    new_grant: NewGrant,
    new_clipper: NewClipper,
    new_user: NewUser,
) -> House:
    kits = (new_host, new_offer, new_grant, new_clipper, new_user)
    return await everything(app_engine, settings.media_storage, *kits)


async def planted_everywhere(owner_engine: AsyncEngine) -> None:
    assert {
        "ledger.books.name",
        "licensing.parties.name",
        "licensing.offers.title",
        "licensing.claim_evidence.statement",
        "licensing.webhook_endpoints.description",
        "settlement.adjustments.reason",
        "settlement.sales.product",
        "settlement.sales.handle",
        "clipledger.users.name",
    } <= await plant(owner_engine)


# What holds for every page ----------------------------------------------------------------------------------


def alive(soup: BeautifulSoup) -> Iterator[str]:
    """Markup that somebody wrote and a browser would take for ours."""
    for script in soup.find_all("script"):
        if not str(script.get("src", "")).startswith("/static/"):
            yield f"a script: {script}"
    yield from (f"an element: {each}" for each in soup.find_all(["iframe", "object", "embed", "base", "b"]))
    yield from (f"a picture: {each}" for each in soup.find_all("img", src="x"))
    for element in soup.find_all(True):
        for name, value in element.attrs.items():
            if name.startswith("on") or name == "style":
                yield f"an attribute: {name} of {element.name}"
            if name in ("href", "src", "action", "formaction") and re.match(
                r"\s*(javascript:|data:[^,])", str(value), re.I
            ):
                yield f"an address: {value}"
    if ALIVE in soup.get_text():
        yield "an expression was worked out"


def unfit(soup: BeautifulSoup) -> Iterator[str]:
    """What no page may be."""
    html = soup.html
    if html is None or not html.get("lang"):
        yield "has no language"
    if len(soup.find_all("h1")) != 1:
        yield f"has {len(soup.find_all('h1'))} headings of the first level"
    if soup.title is None or not soup.title.get_text(strip=True):
        yield "has no title"
    ids = Counter(str(each["id"]) for each in soup.find_all(id=True))
    yield from (f"has the id {name} {count} times" for name, count in ids.items() if count > 1)
    labelled = {str(each["for"]) for each in soup.find_all("label") if each.get("for")}
    for each in soup.find_all(["input", "select", "textarea"]):
        named = each.get("aria-label") or each.find_parent("label") or each.get("id") in labelled
        if each.get("type") not in ("hidden", "submit") and not named:
            yield f"has a field without a label: {each.get('name')}"
    for name in ("aria-labelledby", "aria-describedby"):
        for each in soup.select(f"[{name}]"):
            yield from (f"{name} names nothing: {told}" for told in str(each[name]).split() if told not in ids)
    yield from _levels(soup)


def _levels(soup: BeautifulSoup) -> Iterator[str]:
    before = 0
    for heading in soup.find_all(re.compile("^h[1-6]$")):
        level = int(heading.name[1])
        if level > before + 1:
            yield f"goes from h{before} to h{level}: {heading.get_text(strip=True)[:40]}"
        before = level


def weight(answer: Response) -> int:
    """Of the page with its style and script, in octets."""
    return len(answer.content) + sum((STATIC / name).stat().st_size for name in ("style.css", "pages.js"))


# Walking ----------------------------------------------------------------------------------------------------


@dataclass
class Walk:
    """Of one person: what was seen, and what is wrong with it."""

    visitor: Visitor
    to_see: list[tuple[str, str]] = field(default_factory=lambda: [("/", "")])
    known: set[str] = field(default_factory=lambda: {"/"})
    kinds: dict[str, set[str]] = field(default_factory=lambda: defaultdict(set))
    wrong: list[str] = field(default_factory=list)
    pages: list[tuple[str, BeautifulSoup]] = field(default_factory=list)
    within: re.Pattern[str] = re.compile("")
    planted: int = 0

    async def go(self) -> None:
        while self.to_see:
            path, origin = self.to_see.pop(0)
            answer = await self.visitor.client.get(path, follow_redirects=True)
            if answer.status_code >= 400:
                self.wrong.append(f"{path}, to which {origin} leads, answers {answer.status_code}")
            elif answer.headers.get("content-type", "").startswith("text/html"):
                self.look(path, answer)

    def look(self, path: str, answer: Response) -> None:
        soup = BeautifulSoup(answer.text, "html.parser")
        self.wrong += [f"{path}: {fault}" for fault in (*alive(soup), *unfit(soup), *english(soup))]
        if weight(answer) > LARGEST or len(answer.content) > LARGEST_HTML:
            self.wrong.append(f"{path}: weighs {len(answer.content)}, with style and script {weight(answer)}")
        self.planted += "planted" in soup.get_text() or "onclick=p" in soup.get_text()
        self.pages.append((path, soup))
        for element in soup.find_all(["a", "img", "link", "script", "source", "video"]):
            for name in ("href", "src"):
                if element.get(name):
                    self.follow(path, str(element[name]))

    async def send(self, path: str, form: Tag) -> None:
        """With markup wherever one can write; what comes back says so, or does it."""
        client, filled = self.visitor.client, _filled(form)
        if form["method"] == "get":
            answer = await client.get(urlsplit(path).path, params=filled)
        else:
            answer = await client.post(path, data=filled, follow_redirects=True)
        faults = [*alive(BeautifulSoup(answer.text, "html.parser"))]
        faults += [f"answers {answer.status_code}"] if answer.status_code >= 500 else []
        self.wrong += [f"{path}, form {form['id']}: {fault}" for fault in faults]

    def follow(self, path: str, link: str) -> None:
        """To where a link leads, if it is here, new, and not one of many alike."""
        whole = urlsplit(urljoin(f"http://localhost{path}", link))
        if (
            whole.netloc != "localhost"
            or whole.scheme != "http"
            or not self.within.search(whole.path)
            or whole.path.startswith("/language/")
            or PICTURES.match(whole.path)
        ):
            return
        address = whole.path + (f"?{whole.query}" if whole.query else "")
        kind = re.sub(r"[0-9a-f]{32}|\d+", "N", whole.path)
        places = {urlsplit(each).path for each in self.kinds[kind]} | {whole.path}
        if address in self.known or len(self.kinds[kind]) >= 2 * OF_A_KIND or len(places) > OF_A_KIND:
            return
        self.known.add(address)
        self.kinds[kind].add(address)
        self.to_see.append((address, path))


async def test_nothing_that_people_write_comes_alive_and_every_page_is_fit(
    app: Litestar, house: House, owner_engine: AsyncEngine
) -> None:
    wrong, seen = await _told_in_english(app, house), 0
    await planted_everywhere(owner_engine)
    for who, person in house.people.items():
        async with visiting(app, person, language="en" if who == "approver" else "zh") as visitor:
            walk = Walk(visitor)
            await walk.go()
            assert walk.planted > len(walk.pages) // 3, f"{who} has met too few of what was planted"
            for path, form in _forms(walk.pages):
                await walk.send(path, form)
        wrong += [f"{who} at {fault}" for fault in walk.wrong]
        seen += len(walk.pages)
    assert not wrong, "\n".join(wrong)
    assert seen > 100


async def _told_in_english(app: Litestar, house: House) -> list[str]:
    """Of what the books tell, which what is planted would hide."""
    finance = f"/books/{house.host.book}/finance"
    begin = ("ledger?below=liabilities%3Aavailable", "payouts", "reconciliations", "statements", "seals")
    async with visiting(app, house.people["approver"], language="zh") as visitor:
        walk = Walk(visitor, to_see=[(f"{finance}/{each}", "") for each in begin], within=TELLING)
        await walk.go()
    said = " ".join(soup.get_text() for _, soup in walk.pages)
    assert [each for each in TOLD if each in said] == [*TOLD]
    return walk.wrong


def _forms(pages: list[tuple[str, BeautifulSoup]]) -> Iterator[tuple[str, Tag]]:
    """Those that have a field to write in, one of each kind."""
    met = set()
    for path, soup in pages:
        for form in (*soup.find_all("form", method="post"), *soup.find_all("form", method="get", id=True)):
            kind = re.sub(r"\d+", "N", f"{urlsplit(path).path} {form.get('id')}")
            writable = form.select("textarea, input:not([type=hidden]):not([type=checkbox]):not([type=file])")
            if writable and kind not in met and form.get("id") not in _LEAVING:
                met.add(kind)
                yield path, form


def _filled(form: Tag) -> dict[str, str]:
    """With markup wherever one can write."""
    plants = cycle((LONG, SHORT, "javascript:planted=1", URL))
    sent = {}
    for each in form.find_all(["input", "textarea", "select"]):
        name = str(each.get("name", ""))
        if each.name == "select":
            option = each.find("option", selected=True) or each.find("option")
            sent[name] = str(option["value"]) if option else ""
        elif each.get("type") in ("hidden", "checkbox", "radio"):
            sent[name] = str(each.get("value", ""))
        elif each.get("type") != "file":
            sent[name] = next(plants)
    return sent


def test_data_that_is_translated_stays_text() -> None:
    shown = environment("zh").from_string('{{ gettext(told) }} {{ gettext(told, x=1) }} {{ gettext("Log in") }}')
    assert shown.render(told="<b>%(x)s 100").split("\n") == ["&lt;b&gt;%(x)s 100 &lt;b&gt;1 100 登录"]


def test_the_style_and_the_script_are_small_enough() -> None:
    assert sum(Path(STATIC / name).stat().st_size for name in ("style.css", "pages.js")) < LARGEST - LARGEST_HTML
