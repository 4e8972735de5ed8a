"""A browser without script, for the tests of pages: it keeps cookies, and sends the forms that it was shown."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any

from bs4 import BeautifulSoup, Tag
from httpx import ASGITransport, AsyncClient, Response
from litestar import Litestar

from clipledger.access.sessions import open_session
from tests.clipledger.front_door import ADDRESS, Person


@dataclass
class Shown:
    """A page as it was answered."""

    status: int
    path: str
    soup: BeautifulSoup
    answer: Response

    @property
    def text(self) -> str:
        """What can be read in its main part, blanks in one."""
        return " ".join((self.soup.main or self.soup).get_text(" ").split())

    @property
    def title(self) -> str:
        heading = self.soup.h1
        return heading.get_text(" ", strip=True) if heading else ""

    def form(self, name: str) -> Tag:
        """A form by its name."""
        found = self.soup.find("form", id=name)
        assert isinstance(found, Tag), f"no form {name}: {[form.get('id') for form in self.soup.find_all('form')]}"
        return found

    def forms(self) -> list[str]:
        return [str(form["id"]) for form in self.soup.find_all("form", id=True)]

    def folded(self, form: str) -> bool:
        """Whether it is to be opened before anybody sees it."""
        return any("open" not in each.attrs for each in self.form(form).find_parents("details"))

    def faults(self) -> list[str]:
        """What stands beside the fields as wrong."""
        return [each.get_text(" ", strip=True) for each in self.soup.select(".fault")]

    def typed(self, form: str, name: str) -> str:
        """What stands in a field."""
        field = self.form(form).select_one(f'[name="{name}"]')
        assert field is not None
        return str(field.get("value", field.get_text()))

    def rows(self, caption: str) -> list[list[str]]:
        """The cells of a table's body."""
        for table in self.soup.find_all("table"):
            if table.caption and table.caption.get_text(strip=True) == caption:
                found = table.select("tbody tr")
                return [[cell.get_text(" ", strip=True) for cell in row.find_all(["th", "td"])] for row in found]
        raise AssertionError(f"no table {caption}")

    def figures(self) -> dict[str, str]:
        """The figures by their names."""
        pairs = [(each.dt, each.dd) for each in self.soup.select(".figure")]
        return {dt.get_text(strip=True): dd.get_text(" ", strip=True) for dt, dd in pairs if dt and dd}


class Visitor:
    """Who sits before the browser."""

    def __init__(self, client: AsyncClient) -> None:
        self.client = client

    async def get(self, path: str, *, status: int = 200, **query: Any) -> Shown:
        """A page, after redirections."""
        answer = await self.client.get(path, params=query or None, follow_redirects=True)
        return self._shown(answer, status)

    async def send(
        self, page: Shown, form: str, *, status: int = 200, file: tuple[str, bytes] | None = None, **fields: Any
    ) -> Shown:
        """Fill in a form and send it; what is not named stays as it was shown. `a__b` stands for a name with a dot,
        other names are given by `fields={…}`.
        """
        fields = {**fields.pop("fields", {}), **fields}
        filled = _filled(page.form(form), {name.replace("__", "."): value for name, value in fields.items()})
        files = {"_body": file} if file else None
        answer = await self.client.post(page.path, data=filled, files=files, follow_redirects=True)
        return self._shown(answer, status)

    async def ask(self, page: Shown, form: str, *, status: int = 200, **fields: Any) -> Shown:
        """Fill in a form that asks for its page again, and send it: its fields become the page's query."""
        return await self.get(page.path.partition("?")[0], status=status, **_filled(page.form(form), fields))

    def _shown(self, answer: Response, status: int) -> Shown:
        soup = BeautifulSoup(answer.text, "html.parser")
        page = Shown(answer.status_code, answer.url.raw_path.decode(), soup, answer)
        assert answer.status_code == status, f"{answer.status_code} at {page.path}: {page.text[:2000]}"
        return page


def _filled(form: Tag, fields: dict[str, Any]) -> dict[str, Any]:
    values: dict[str, Any] = {}
    for each in form.find_all(["input", "textarea", "select"]):
        name = str(each.get("name", ""))
        if (
            not name
            or each.get("type") == "file"
            or (each.get("type") in ("checkbox", "radio") and "checked" not in each.attrs)
        ):
            continue
        if each.name == "select":
            options = each.find_all("option")
            chosen = next((option for option in options if "selected" in option.attrs), options[0] if options else None)
            value = str(chosen["value"]) if chosen else ""
        else:
            value = each.get_text() if each.name == "textarea" else str(each.get("value", ""))
        values[name] = (
            [*values[name], value]
            if isinstance(values.get(name), list)
            else [values[name], value]
            if name in values
            else value
        )
    unknown = {name for name in fields if not form.select_one(f'[name="{name}"]')}
    assert not unknown, f"no such fields: {unknown}"
    return {**values, **fields}


@asynccontextmanager
async def visiting(app: Litestar, person: Person | None = None, *, language: str = "en") -> AsyncIterator[Visitor]:
    """A visitor, logged in as the person."""
    transport = ASGITransport(app=app, client=ADDRESS)  # type: ignore[arg-type]
    headers = {"Accept": "text/html", "Accept-Language": language}
    async with AsyncClient(transport=transport, base_url="http://localhost", headers=headers) as client:
        if person is not None:
            client.cookies.set(*await _session(app, person))
        yield Visitor(client)


async def _session(app: Litestar, person: Person) -> tuple[str, str]:
    """The cookie of a new session: checking a password takes a fifth of a second on purpose."""
    engine, cookie = (app.dependencies[name].dependency() for name in ("engine", "session_cookie"))  # type: ignore[union-attr]
    async with engine.begin() as connection:
        opened = await open_session(connection, person.user_id)
    return cookie.name, opened.token
