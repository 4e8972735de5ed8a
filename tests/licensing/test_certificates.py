"""What a certificate says, to whom, in which languages and forms, and what anybody may learn of its number."""

import hashlib
import json
import re
import secrets
import subprocess
import sys
from base64 import b64encode
from datetime import UTC, datetime, timedelta
from html import unescape
from typing import Any

import msgspec
import pytest
from httpx import AsyncClient, Response
from sqlalchemy import insert, text, update
from sqlalchemy.ext.asyncio import AsyncEngine

from ledger.splits import Share, SplitRule, Take, Tier
from licensing import tables
from licensing.certificates.document import document_of
from licensing.certificates.facts import Certificate, Facts, Names, Stream, encode, sha256_of
from licensing.certificates.labels import LABELS, language_of
from licensing.certificates.numbers import number_of, printed
from licensing.certificates.page import certificate_page
from licensing.certificates.pdf import pdf_of
from licensing.certificates.verification import status_at
from licensing.terms import Disclosure, EditRules, Terms
from licensing.terms import sha256_of as sha256_of_terms
from tests.clipledger.front_door import problem
from tests.licensing.house import LONG_AGO, TERMS, Granted, Host, NewClipper, NewGrant, NewHost

HTML = {"Accept": "text/html,application/xhtml+xml;q=0.9,*/*;q=0.8"}
NUMBER = "3fa9c01e77b2d4580c11e2f3a4b5c6d7"
URL = f"https://clips.example/certificates/{NUMBER}"
INJECTIONS = (
    "#panic()",
    "$1/0$",
    "*bold*",
    "[",
    "]",
    "\\",
    "<script>alert(1)</script>",
    '"quoted"',
    '#read("/etc/passwd")',
    "{licensor} {0}",
    "//",
    "/*",
    "= h",
    "@ref",
    "`",
    "{{ 7*7 }}",
)

SPLIT = SplitRule(
    currency="CNY",
    takes=(Take("platform", "5%"), Take("agency", "10%", of="rest", fixed=50)),
    shares=(Share("clipper", 6), Share("host", 4)),
    tiers=(Tier(10_000_00, (7, 3)),),
)
RICH = Terms(
    licensor="Lili Live Ltd",
    split=SPLIT,
    agency=5,
    platforms=("douyin", "tiktok"),
    territories=("CN", "SG"),
    products=("100", "200"),
    excluded_products=("300",),
    streams=(7,),
    edits=EditRules(mirroring=False, fastest_ppm=1_500_000, own_footage_ppm=125_000),
    disclosure=Disclosure(texts=("#ad", "广告"), on_screen=False),
    exclusivity="category",
    starts_at=LONG_AGO,
    tail_days=30,
)


def certificate(terms: Terms = RICH, state: str = "active", **said: Any) -> Certificate:
    called = {
        "licensee": "李娜 Lina",
        "offer": "Autumn coats",
        "agency": "Star MCN",
        "streams": (Stream(7, "双十一 special"),),
    }
    names = Names(**{name: said.pop(name, usual) for name, usual in called.items()})
    facts = Facts(
        **{
            "number": NUMBER,
            "licensor": terms.licensor,
            "clipper_id": 12,
            "offer_id": 3,
            "terms_version": 2,
            "terms_sha256": sha256_of_terms(terms),
            "terms": terms,
            "accounts": ("douyin:lina", "tiktok:lina.clips"),
            "starts_at": LONG_AGO,
            "ends_at": datetime(2026, 12, 31, 16, tzinfo=UTC),
            "accepted_at": datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC),
            "attested": False,
            **said,
        }
    )
    return Certificate(facts=facts, names=names, sha256=sha256_of(facts), state=state, state_since=LONG_AGO)


def in_words(found: Certificate, language: Any = "en") -> dict[str, tuple[str, ...]]:
    return {line.label: line.values for part in document_of(found, language, URL).sections for line in part.lines}


async def changed(engine: AsyncEngine, granted: Granted, **values: Any) -> None:
    """The grant's row, as another use case would leave it, with its history."""
    its = tables.grants.c
    key = {"book_id": granted.book_id, "grant_id": granted.grant_id}
    async with engine.begin() as connection:
        await connection.execute(
            update(tables.grants)
            .where(its.book_id == granted.book_id, its.grant_id == granted.grant_id)
            .values(**values)
        )
        if "state" in values:
            number = text("SELECT max(change_no) + 1 FROM licensing.grant_changes WHERE grant_id = :grant_id")
            told = {"change_no": await connection.scalar(number, key), "action": "test", "actor": "test"}
            when = {"effective_at": datetime.now(UTC), "recorded_at": datetime.now(UTC)}
            change = insert(tables.grant_changes).values(**key, **told, **when, state=values["state"])
            await connection.execute(change)


async def of_host(client: AsyncClient, host: Host, granted: Granted, form: str = "", **headers: str) -> Response:
    path = f"{host.path}/grants/{granted.grant_id}/certificate{form}"
    return await client.get(path, headers={**host.person.bearer, **headers})


async def number_from(client: AsyncClient, host: Host, granted: Granted) -> str:
    return str((await of_host(client, host, granted)).json()["facts"]["number"])


async def verdict(client: AsyncClient, number: str, **query: str) -> dict[str, Any]:
    answer = await client.get(f"/v1/certificates/{number}", params=query)
    assert answer.status_code == 200, answer.text
    found: dict[str, Any] = answer.json()
    return found


# What it says -----------------------------------------------------------------------------------------------


async def test_a_certificate_says_what_was_granted_to_whom_and_carries_its_own_hash(
    client: AsyncClient, host: Host, new_grant: NewGrant
) -> None:
    granted = await new_grant(host)
    answer = (await of_host(client, host, granted)).json()
    facts, names = answer["facts"], answer["names"]
    assert (facts["licensor"], names["licensee"], names["offer"]) == ("Lili Live Ltd", "Ana", "An offer")
    assert (facts["clipper_id"], facts["offer_id"]) == (granted.clipper.clipper_id, granted.offer_id)
    assert (facts["terms_version"], facts["terms_sha256"]) == (1, sha256_of_terms(TERMS))
    assert facts["accounts"] == sorted(granted.clipper.accounts)
    assert (answer["state"], facts["attested"], names["streams"]) == ("active", False, None)
    canonical = json.dumps(facts, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
    assert hashlib.sha256(canonical.encode()).hexdigest() == answer["sha256"]


async def test_who_and_what_a_certificate_names_may_be_renamed_and_the_paper_stays_genuine(
    client: AsyncClient, app_engine: AsyncEngine, owner_engine: AsyncEngine, host: Host, new_grant: NewGrant
) -> None:
    async with app_engine.begin() as connection:
        stream = await connection.scalar(
            text(
                "INSERT INTO media.sources (book_id, title, live, created_by)"
                " VALUES (:book, '双十一', false, 'test') RETURNING source_id"
            ),
            {"book": host.book_id},
        )
        row = insert(tables.parties).values(kind="agency", name="Star MCN", registered_by="test")
        agency = (await connection.execute(row.returning(tables.parties.c.party_id))).scalar_one()
    granted = await new_grant(host, terms=msgspec.structs.replace(RICH, streams=(stream,), agency=agency))
    paper = (await of_host(client, host, granted)).json()
    assert paper["names"]["streams"] == [{"source_id": stream, "title": "双十一"}]
    assert paper["names"]["agency"] == "Star MCN"

    its = {"party": [granted.clipper.clipper_id, agency], "offer": granted.offer_id, "stream": stream}
    async with owner_engine.begin() as connection:
        for renamed in (
            "licensing.parties SET name = 'Renamed' WHERE party_id = ANY (:party)",
            "licensing.offers SET title = 'Renamed' WHERE offer_id = :offer",
            "media.sources SET title = 'Renamed' WHERE source_id = :stream",
        ):
            await connection.execute(text(f"UPDATE {renamed}"), its)
    later = (await of_host(client, host, granted)).json()
    assert {later["names"][name] for name in ("licensee", "offer", "agency")} == {"Renamed"}
    assert later["names"]["streams"][0]["title"] == "Renamed"
    assert (later["facts"], later["sha256"]) == (paper["facts"], paper["sha256"])
    found = await verdict(client, paper["facts"]["number"], sha256=paper["sha256"])
    assert (found["status"], found["matches"]) == ("valid", True)


def test_every_rule_of_the_terms_is_put_into_words() -> None:
    said = in_words(certificate())
    assert said["Certificate number"] == ("3fa9-c01e-77b2-d458-0c11-e2f3-a4b5-c6d7",)
    assert said["State"] == ("in force since 2026-01-01 00:00 UTC",)
    assert said["Accounts"] == ("douyin @lina", "tiktok @lina.clips")
    assert said["Window"] == ("from 2026-01-01 00:00 UTC until 2026-12-31 16:00 UTC",)
    assert said["Sales after its end"] == ("still pay for 30 days",)
    assert (said["Platforms"], said["Territories"], said["Marketplaces"]) == (
        ("douyin, tiktok",),
        ("CN, SG",),
        ("all",),
    )
    assert (said["Products"], said["Excluded products"]) == (("100, 200",), ("300",))
    assert said["Streams"] == ("双十一 special (#7)",)
    assert said["Edit rules"] == (
        "mirroring is not allowed",
        "at most 1.5× as fast",
        "3 to 600 seconds long",
        "at most 12.5% from elsewhere",
    )
    assert said["Disclosure"] == ("one of these in the caption: #ad, 广告",)
    assert said["First"] == (
        "5% of the gross commission to the service",
        "0.50 CNY of each sale and 10% of the rest to the agency",
    )
    assert said["Of what remains"] == ("host 4 : clipper 6",)
    assert said["Tiers"] == ("from 10,000.00 CNY of net sales in a month: host 3 : clipper 7",)
    assert said["Accepted"] == ("2026-01-02 03:04:05 UTC, by the licensee",)
    assert said["Verify at"] == (URL,)


def test_plain_terms_need_few_words() -> None:
    said = in_words(certificate(TERMS, agency=None, streams=None, ends_at=None, attested=True, accounts=()))
    assert said["Window"] == ("from 2026-01-01 00:00 UTC, without an end",)
    assert said["Sales after its end"] == ("do not pay",)
    assert (said["Products"], said["Streams"], said["Territories"]) == (("all",), ("all",), ("everywhere",))
    assert said["Accepted"] == ("2026-01-02 03:04:05 UTC, as the licensor attests",)
    assert not {"Agency", "Accounts", "Excluded products", "Tiers", "SHA-256 of the contract"} & set(said)


def test_of_ten_thousand_products_the_first_are_named() -> None:
    terms = msgspec.structs.replace(TERMS, products=tuple(str(number) for number in range(10_000)))
    (products,) = in_words(certificate(terms))["Products"]
    assert products.endswith("58, 59, and 9940 more, which the terms name")


def test_the_hash_is_of_what_was_granted_and_not_of_the_state() -> None:
    assert certificate(state="suspended").sha256 == certificate().sha256
    assert certificate(licensee="Somebody", offer="Else").sha256 == certificate().sha256
    for other in ({"clipper_id": 13}, {"offer_id": 4}, {"accounts": ()}):
        assert certificate(**other).sha256 != certificate().sha256
    assert msgspec.json.decode(encode(certificate().facts), type=Facts) == certificate().facts


async def test_a_grant_that_nobody_has_accepted_has_no_certificate(
    client: AsyncClient, app_engine: AsyncEngine, host: Host, new_grant: NewGrant
) -> None:
    granted = await new_grant(host)
    number = await number_from(client, host, granted)
    await changed(app_engine, granted, state="offered", accepted_at=None)
    refused = await of_host(client, host, granted)
    assert (refused.status_code, problem(refused)["type"]) == (409, "/problems/not-accepted")
    assert problem(refused)["value"] == "offered"
    assert (await verdict(client, number))["status"] == "unknown"


# Languages --------------------------------------------------------------------------------------------------


def test_both_languages_have_all_the_words_with_the_same_blanks() -> None:
    blanks = {
        language: {name: set(re.findall(r"{\w+}", said)) for name, said in LABELS[language].items()}
        for language in LABELS
    }
    assert blanks["en"] == blanks["zh"]


@pytest.mark.parametrize(
    ("chosen", "accepted", "language"),
    [
        (None, "", "en"),
        (None, "zh-CN,zh;q=0.9,en;q=0.8", "zh"),
        (None, "fr, en;q=0.4, zh;q=0.5", "zh"),
        (None, "zh;q=0, en;q=0.1", "en"),
        (None, "zh;q=many,;;,de", "en"),
        (None, "zho", "en"),
        ("en", "zh", "en"),
    ],
)
def test_the_language_is_the_one_chosen_or_preferred(chosen: Any, accepted: str, language: str) -> None:
    assert language_of(chosen, accepted) == language


async def test_the_page_is_in_the_language_asked_for(client: AsyncClient, host: Host, new_grant: NewGrant) -> None:
    granted = await new_grant(host)
    english = await of_host(client, host, granted, **HTML)
    chinese = await of_host(client, host, granted, **HTML, **{"Accept-Language": "zh-CN"})
    chosen = await of_host(client, host, granted, "?lang=zh", **HTML)
    assert '<html lang="en">' in english.text
    assert "Clip licence certificate" in english.text
    assert '<html lang="zh-Hans">' in chinese.text
    assert "切片授权证书" in chinese.text
    assert chosen.text == chinese.text
    assert (await of_host(client, host, granted, "?lang=fr", **HTML)).status_code == 400


# Pages ------------------------------------------------------------------------------------------------------


async def test_the_page_runs_no_script_and_fetches_nothing(
    client: AsyncClient, host: Host, new_grant: NewGrant
) -> None:
    page = await of_host(client, host, await new_grant(host), **HTML)
    assert page.headers["content-type"].startswith("text/html")
    assert page.headers["x-robots-tag"] == "noindex, nofollow"
    assert not re.search(r"<script|\son\w+=|style=|src=|url\(|@import", page.text)
    (style,) = re.findall(r"<style>(.*?)</style>", page.text, re.DOTALL)
    digest = b64encode(hashlib.sha256(style.encode()).digest()).decode()
    assert f"style-src 'sha256-{digest}'" in page.headers["content-security-policy"]
    assert page.headers["content-security-policy"].startswith("default-src 'none'")


@pytest.mark.parametrize("name", INJECTIONS)
def test_no_name_becomes_markup_of_the_page(name: str) -> None:
    page = certificate_page(document_of(certificate(licensee=name, offer=name), "en", URL), "certificate.pdf")
    assert "<script" not in page
    assert page.count("<h1>") == 1
    (heading,) = re.findall(r"<h1><bdi>(.*)</bdi></h1>", page)
    assert unescape(heading) == name


# PDF --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("language", ["en", "zh"])
def test_the_same_facts_give_the_same_bytes(language: Any) -> None:
    made = [pdf_of(document_of(certificate(), language, URL)) for _ in range(2)]
    assert made[0] == made[1]
    assert made[0].startswith(b"%PDF-")
    assert b"<pdfuaid:part>1</pdfuaid:part>" in made[0]
    assert b"/StructTreeRoot" in made[0] or b"/MarkInfo" in made[0]
    assert made[0] != pdf_of(document_of(certificate(state="suspended"), language, URL))


@pytest.mark.parametrize("name", INJECTIONS)
def test_no_name_becomes_markup_of_the_paper(name: str) -> None:
    """What would fail or vanish if it were evaluated is set as it stands."""
    paper = pdf_of(document_of(certificate(licensee=name, offer=name, agency=name), "en", URL))
    assert b"<pdfuaid:part>1</pdfuaid:part>" in paper
    (title,) = re.findall(rb"<dc:title>.*?<rdf:li[^>]*>(.*?)</rdf:li>", paper, re.DOTALL)
    assert unescape(title.decode()) == f"Clip licence certificate {printed(NUMBER)}: {name}"


@pytest.mark.parametrize("name", ["สวัสดี", "안녕하세요", "😀", "a\x07b\nc", "\u202eabc", "x" * 200])
def test_a_name_in_letters_that_no_font_has_still_gets_its_paper(name: str) -> None:
    made = [pdf_of(document_of(certificate(licensee=name), "en", URL)) for _ in range(2)]
    assert made[0].startswith(b"%PDF-")
    assert made[0] == made[1]


async def test_both_sides_get_the_paper(client: AsyncClient, host: Host, new_grant: NewGrant) -> None:
    granted = await new_grant(host)
    paper = await of_host(client, host, granted, ".pdf?lang=zh")
    own = f"{granted.clipper.path}/grants/{granted.grant_id}/certificate.pdf?lang=zh"
    theirs = await client.get(own, headers=granted.clipper.person.bearer)
    assert paper.status_code == theirs.status_code == 200
    assert paper.headers["content-type"] == "application/pdf"
    assert re.search(r'inline; filename="certificate-[0-9a-f]{32}-zh.pdf"', paper.headers["content-disposition"])
    assert paper.content == theirs.content


def test_typst_is_not_imported_before_it_is_needed() -> None:
    seen = "import sys, licensing.certificates.pdf; sys.exit('typst' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", seen], check=False).returncode == 0


# Who may see it ---------------------------------------------------------------------------------------------


async def test_nobody_else_gets_it(
    client: AsyncClient,
    host: Host,
    new_grant: NewGrant,
    new_host: NewHost,
    new_clipper: NewClipper,
) -> None:
    granted, other_host, other_clipper = await new_grant(host), await new_host(), await new_clipper()
    for form in ("", ".pdf"):
        assert (await of_host(client, other_host, granted, form)).status_code == 404
        for path, person in (
            (host.path, other_host.person),
            (other_clipper.path, other_clipper.person),
            (granted.clipper.path, other_clipper.person),
        ):
            answer = await client.get(f"{path}/grants/{granted.grant_id}/certificate{form}", headers=person.bearer)
            assert answer.status_code == 404, path
        assert (await client.get(f"{host.path}/grants/{granted.grant_id}/certificate{form}")).status_code == 401


async def test_the_clipper_sees_what_the_host_sees(client: AsyncClient, host: Host, new_grant: NewGrant) -> None:
    granted = await new_grant(host)
    own = await client.get(
        f"{granted.clipper.path}/grants/{granted.grant_id}/certificate", headers=granted.clipper.person.bearer
    )
    assert own.json() == (await of_host(client, host, granted)).json()
    assert "actor" not in own.text


# What anybody may learn -------------------------------------------------------------------------------------


async def test_anybody_may_learn_whether_it_holds_and_nothing_else(
    client: AsyncClient, host: Host, new_grant: NewGrant
) -> None:
    number = await number_from(client, host, await new_grant(host))
    found = await verdict(client, number)
    unknown = await verdict(client, secrets.token_hex(16))
    assert (found["status"], unknown["status"]) == ("valid", "unknown")
    assert found.keys() == unknown.keys() == {"status", "checked_at", "matches"}
    assert (await verdict(client, printed(number).upper()))["status"] == "valid"


async def test_a_paper_in_hand_can_be_compared(
    client: AsyncClient, app_engine: AsyncEngine, host: Host, new_grant: NewGrant
) -> None:
    granted = await new_grant(host)
    paper = (await of_host(client, host, granted)).json()
    number = paper["facts"]["number"]
    assert (await verdict(client, number, sha256=paper["sha256"].upper()))["matches"] is True
    assert (await verdict(client, number, sha256="0" * 64))["matches"] is False
    assert (await verdict(client, number, sha256="no hash \0"))["matches"] is False
    assert (await verdict(client, secrets.token_hex(16), sha256=paper["sha256"]))["matches"] is False
    await changed(app_engine, granted, state="suspended")
    assert await verdict(client, number, sha256=paper["sha256"]) | {"checked_at": 0} == {
        "status": "revoked",
        "matches": True,
        "checked_at": 0,
    }
    await changed(app_engine, granted, handles=["tiktok:another"])
    assert (await verdict(client, number, sha256=paper["sha256"]))["matches"] is False


async def test_the_page_of_a_number_says_the_same_in_words(
    client: AsyncClient, app_engine: AsyncEngine, host: Host, new_grant: NewGrant
) -> None:
    granted = await new_grant(host)
    number = await number_from(client, host, granted)
    page = await client.get(f"/certificates/{number}")
    assert '<h1 class="valid">Valid</h1>' in page.text
    assert page.headers["x-robots-tag"] == "noindex, nofollow"
    assert '<meta name="robots" content="noindex, nofollow">' in page.text
    assert "Ana" not in page.text
    assert "Lili" not in page.text
    await changed(app_engine, granted, state="revoked")
    assert "已失效" in (await client.get(f"/certificates/{number}", params={"lang": "zh"})).text
    differs = await client.get(f"/certificates/{number}", params={"sha256": '"><script>'})
    assert LABELS["en"]["differs"] in differs.text
    assert "<script" not in differs.text


@pytest.mark.parametrize("number", ["0" * 31, "x" * 32, "%00", "%F0%9F%98%80", "%ED%A0%80", "é" * 500, "%FF"])
async def test_what_can_be_no_number_is_unknown(client: AsyncClient, number: str) -> None:
    assert (await client.get(f"/v1/certificates/{number}")).json()["status"] == "unknown"
    page = await client.get(f"/certificates/{number}", params={"sha256": "\0"})
    assert (page.status_code, "Unknown" in page.text) == (200, True)


END = datetime(2026, 6, 1, tzinfo=UTC)
DAY = timedelta(days=1)


@pytest.mark.parametrize(
    ("state", "standing", "now", "status"),
    [
        ("active", "active", LONG_AGO - DAY, "unknown"),
        ("active", "active", LONG_AGO, "valid"),
        ("suspended", "suspended", LONG_AGO + DAY, "revoked"),
        ("revoked", "revoked", LONG_AGO + DAY, "revoked"),
        ("resigned", "resigned", LONG_AGO + DAY, "revoked"),
        ("active", "active", END + 29 * DAY, "valid"),
        ("expired", "active", END + 29 * DAY, "valid"),
        ("expired", "suspended", END + 29 * DAY, "revoked"),
        ("active", "active", END + 30 * DAY, "revoked"),
        ("expired", "active", END + 30 * DAY, "revoked"),
    ],
)
def test_it_holds_from_its_start_through_the_days_that_still_pay(
    state: str, standing: str, now: datetime, status: str
) -> None:
    assert status_at(certificate(state=state, ends_at=END), standing, now) == status


def test_a_window_at_the_end_of_time_is_no_error() -> None:
    last = datetime.max.replace(tzinfo=UTC)
    assert status_at(certificate(ends_at=last), "active", END) == "valid"


async def test_what_has_run_out_is_judged_by_the_clock_and_not_by_the_job(
    client: AsyncClient, app_engine: AsyncEngine, host: Host, new_grant: NewGrant
) -> None:
    granted = await new_grant(host, terms=RICH_OF_NOBODY, ends_at=datetime.now(UTC) - DAY)
    number = await number_from(client, host, granted)
    assert (await verdict(client, number))["status"] == "valid"
    await changed(app_engine, granted, state="expired")
    assert (await verdict(client, number))["status"] == "valid"
    await changed(app_engine, granted, ends_at=datetime.now(UTC) - 30 * DAY)
    assert (await verdict(client, number))["status"] == "revoked"


RICH_OF_NOBODY = msgspec.structs.replace(TERMS, tail_days=30)


def test_a_number_is_typed_as_it_is_printed() -> None:
    number = secrets.token_hex(16)
    assert number_of(f" {printed(number).upper()} ") == number
    assert number_of(number + "0") is None
