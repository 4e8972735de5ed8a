"""Logging in, places, languages, one's own account, and problems told by pages."""

from litestar import Litestar

from tests.clipledger.front_door import Company
from tests.clipledger.pages.visitor import visiting


async def test_who_is_not_logged_in_is_asked_to_and_comes_back(app: Litestar, company: Company) -> None:
    async with visiting(app) as visitor:
        page = await visitor.get("/account/keys")
        assert (page.path, page.title) == ("/login?next=%2Faccount%2Fkeys", "Log in")
        page = await visitor.send(page, "login", email=company.finance.email, password="not this one", status=401)
        assert "Nothing was changed" in page.text
        assert page.typed("login", "email") == company.finance.email
        page = await visitor.send(page, "login", password="correct horse battery staple")
        assert (page.path, page.title) == ("/account/keys", "API keys")


async def test_a_key_is_made_shown_once_and_revoked(app: Litestar, company: Company) -> None:
    async with visiting(app, company.finance) as visitor:
        page = await visitor.get("/account/keys")
        page = await visitor.send(page, "key", name="export", fields={"scopes[]@words": "ledger:read settlement:read"})
        secret = page.soup.select_one(".secret")
        assert secret is not None
        answer = await visitor.client.get(
            f"/v1/books/{company.book}/accounts", headers={"Authorization": f"Bearer {secret.text}"}
        )
        assert answer.status_code == 200
        page = await visitor.send(page, "key", name="export", fields={"scopes[]@words": "ledger:fly"}, status=422)
        assert page.faults()
        page = await visitor.get("/account/keys")
        assert page.soup.select_one(".secret") is None
        *_, name = (form for form in page.forms() if form.startswith("revoke-"))
        page = await visitor.send(page, name)
        assert "The key is revoked." in page.text


async def test_the_language_is_chosen_and_kept(app: Litestar, company: Company) -> None:
    async with visiting(app, company.finance, language="fr, zh;q=0.8, en;q=0.5") as visitor:
        assert (await visitor.get("/account")).soup.html["lang"] == "zh-Hans"  # type: ignore[index]
        page = await visitor.get("/language/en?next=/account")
        assert (page.path, page.title) == ("/account", "Your account")
        assert (await visitor.get("/language/zh?next=//evil.example")).path == "/"


async def test_what_is_not_there_or_not_ones_own_is_told_by_a_page(app: Litestar, company: Company) -> None:
    async with visiting(app, company.finance) as visitor:
        for path in ("/nowhere", "/books/nobodys"):
            page = await visitor.get(path, status=404)
            assert "nothing here" in page.text.lower()
