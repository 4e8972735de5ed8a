"""Whether a statement holds: what anybody with its code is told, and that nobody else is told anything."""

from typing import Any

import msgspec
import pytest
from httpx import AsyncClient
from sqlalchemy.ext.asyncio import AsyncEngine

from licensing.certificates.numbers import printed
from settlement.statements import papers
from settlement.statements.papers import Whole
from tests.clipledger.front_door import problem
from tests.licensing.house import Granted, Host, NewGrant
from tests.settlement.books import Closer
from tests.settlement.till import Till, by, facts

HTML = {"Accept": "text/html"}


@pytest.fixture
def closer(app_engine: AsyncEngine, host: Host) -> Closer:
    return Closer(Till(app_engine, host))


@pytest.fixture
async def grant(host: Host, new_grant: NewGrant) -> Granted:
    return await new_grant(host)


@pytest.fixture
async def issued(closer: Closer, grant: Granted) -> Whole:
    await closer.till.sell(facts(**by(grant), due=13_020))
    await closer.close()
    return await closer.statement(f"clipper-{grant.clipper.clipper_id}")


async def told(client: AsyncClient, code: str) -> dict[str, Any]:
    answer = await client.get(f"/v1/statements/{code}")
    assert answer.status_code == 200, answer.text
    return dict(answer.json())


async def test_anybody_with_the_code_is_told_what_the_paper_says_and_no_more(
    client: AsyncClient, closer: Closer, issued: Whole
) -> None:
    its = issued.statement
    found = await told(client, its.code)
    seal = found.pop("seal")
    assert found == {
        "code": its.code,
        "host": "A host",
        "name": "Ana",
        "month": "2026-10",
        "currency": "CNY",
        "revision": 1,
        "state": "issued",
        "replaced_by": None,
        "issued_at": (its.issued_at.isoformat() if its.issued_at else "").replace("+00:00", "Z"),
        "closing": its.closing.total,
        "sha256": papers.sha256_of(issued),
    }
    assert seal == msgspec.to_builtins(its.seal)
    typed = await told(client, printed(its.code).upper())
    assert typed == {**found, "seal": seal}
    await closer.sealed()
    sealed = await told(client, its.code)
    assert sealed["seal"]["seal_no"] >= 1
    assert len(sealed["seal"]["seal_hash"]) == 64
    assert sealed["sha256"] == papers.sha256_of(issued)


async def test_the_hash_is_that_of_the_file(client: AsyncClient, host: Host, issued: Whole) -> None:
    path = f"/v1/books/{host.book}/statements/{issued.statement.statement_id}/statement.json"
    file = await client.get(path, headers=host.person.bearer)
    assert file.content == papers.json_of(issued)


@pytest.mark.parametrize(
    ("language", "words"),
    [
        ("en", ("This statement holds", "Verification code", "Number 1")),
        ("zh", ("本结算单有效", "核验码", "第 1 次")),
    ],
)
async def test_the_page_says_it_in_words(
    client: AsyncClient, closer: Closer, issued: Whole, language: str, words: tuple[str, ...]
) -> None:
    its = issued.statement
    await closer.sealed()
    page = await client.get(f"/s/{its.code}", params={"lang": language}, headers=HTML)
    assert page.status_code == 200
    for word in (*words, printed(its.code), papers.sha256_of(issued), "A host", "Ana", "2026-10"):
        assert word in page.text
    assert page.headers["content-language"] == {"en": "en", "zh": "zh-Hans"}[language]
    assert page.headers["x-robots-tag"] == "noindex, nofollow"
    assert "default-src 'none'" in page.headers["content-security-policy"]
    chosen = await client.get(f"/s/{its.code}", headers={**HTML, "Accept-Language": "zh-CN,en;q=0.5"})
    assert "本结算单有效" in chosen.text


async def test_what_a_reopened_month_had_issued_says_that_it_is_replaced(
    client: AsyncClient, closer: Closer, grant: Granted, issued: Whole
) -> None:
    await closer.sealed()
    await closer.ask_reopening()
    await closer.reopen()
    await closer.till.sell(facts(**by(grant), due=1_000))
    code = issued.statement.code
    found = await told(client, code)
    assert (found["state"], found["revision"], found["replaced_by"]) == ("superseded", 1, 2)
    assert found["sha256"] == papers.sha256_of(issued)
    page = await client.get(f"/s/{code}", params={"lang": "en"})
    assert "This statement has been replaced" in page.text
    assert "revision 2 counts in its place" in page.text
    await closer.close()
    second = await closer.statement(issued.statement.party)
    assert second.statement.code != code
    assert (await told(client, second.statement.code))["revision"] == 2
    assert (await told(client, code))["state"] == "superseded"


async def test_drafts_and_unknown_codes_are_not_found(client: AsyncClient, closer: Closer, grant: Granted) -> None:
    await closer.till.sell(facts(**by(grant)))
    await closer.draft()
    draft = (await closer.statement("host")).statement.code
    await closer.submit()
    for code in (draft, "0" * 32, "x", "1", "0" * 31, "'; --", "%00", "%ED%A0%80", "<b>"):
        answer = await client.get(f"/v1/statements/{code}")
        assert answer.status_code in (400, 404), code
        problem(answer)
        page = await client.get(f"/s/{code}", headers=HTML)
        assert page.status_code in (400, 404), code
        assert "<b>" not in page.text
    page = await client.get(f"/s/{draft}", params={"lang": "en"})
    assert "No such statement" in page.text
    assert "A host" not in page.text
