"""Offers: made in one call, their terms published version by version, opened, edited, and never anybody else's."""

import asyncio
from collections.abc import Awaitable, Callable
from datetime import date
from typing import Any

import msgspec
import pytest
from httpx import AsyncClient, Response
from sqlalchemy import insert, select, update
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from ledger.splits import Share, SplitRule
from licensing import offers, publishing, tables
from licensing.approval import Approval
from licensing.errors import LicensingError, OfferNotFound, SameTerms, StaleEdition, WrongTransition
from licensing.offers import OfferAbout, OfferChanges, TermsVersion
from licensing.states import By
from licensing.terms import Terms, encode, sha256_of
from licensing.what_if import ClippersMoved, Period, WhatIf, what_if
from media.tables import sources
from tests.clipledger.front_door import posting, problem
from tests.licensing.house import TERMS, Clipper, Host, NewGrant, NewHost, NewOffer, events_of, soon

HOST = By("host", "user:1")
ABOUT = OfferAbout(title="Autumn launch", category="beauty")
AS_JSON: dict[str, Any] = msgspec.json.decode(encode(TERMS))


class Desk:
    """A host at its offers, over HTTP."""

    def __init__(self, client: AsyncClient, host: Host) -> None:
        self.client, self.host = client, host
        self.path = f"{host.path}/offers"

    async def get(self, path: Any = "", **query: Any) -> Response:
        return await self.client.get(f"{self.path}/{path}".rstrip("/"), params=query, headers=self.host.person.bearer)

    async def post(self, path: Any = "", body: Any = None) -> Response:
        headers = posting(self.host.person)
        return await self.client.post(f"{self.path}/{path}".rstrip("/"), json=body, headers=headers)

    async def patch(self, offer: int, body: Any, edition: str | None) -> Response:
        headers = {**self.host.person.bearer, **({} if edition is None else {"If-Match": edition})}
        return await self.client.patch(f"{self.path}/{offer}", json=body, headers=headers)

    async def made(self, **said: Any) -> Response:
        answer = await self.post("", {"title": "Autumn launch", "category": "beauty", **said})
        assert answer.status_code == 201, answer.text
        return answer

    async def opened(self) -> int:
        return int((await self.made(terms=AS_JSON, open=True)).json()["offer_id"])


@pytest.fixture
def desk(client: AsyncClient, host: Host) -> Desk:
    return Desk(client, host)


def _with(**changes: Any) -> Terms:
    return msgspec.structs.replace(TERMS, **changes)


# Made -------------------------------------------------------------------------------------------------------


async def test_one_call_leads_from_nothing_to_an_open_offer(desk: Desk, app_engine: AsyncEngine) -> None:
    said = {
        "summary": "Coats",
        "languages": ["zh", "en"],
        "quota": 100,
        "applications_until": "2027-01-01T00:00:00+08:00",
        "approval": {"platforms": ["tiktok"], "least_approved_clips": 1},
    }
    answer = await desk.made(**said, terms=AS_JSON, open=True)
    made = answer.json()

    assert answer.headers["location"] == f"{desk.path}/{made['offer_id']}"
    assert (made["state"], made["version_no"], made["places_taken"]) == ("open", 1, 0)
    assert (made["terms"]["terms"], made["terms"]["sha256"]) == (AS_JSON, sha256_of(TERMS))
    assert made["opened_at"] is not None
    assert {**made, **{name: said[name] for name in ("summary", "languages", "quota")}} == made
    assert msgspec.convert(made["approval"], Approval) == Approval(platforms=("tiktok",), least_approved_clips=1)
    shown = await desk.get(made["offer_id"])
    assert (shown.json(), shown.headers["etag"]) == (made, answer.headers["etag"])
    told = await events_of(app_engine, desk.host.book_id)
    assert told == ["offer.created", "offer.terms-published", "offer.opened"]


async def test_a_draft_needs_no_more_than_a_title_and_a_category(desk: Desk) -> None:
    made = (await desk.made()).json()
    assert (made["state"], made["terms"], made["quota"], made["approval"]) == ("draft", None, None, None)


async def test_an_offer_that_cannot_be_opened_is_not_made_either(desk: Desk, app_engine: AsyncEngine) -> None:
    refused = await desk.post("", {"title": "x", "category": "beauty", "open": True})
    assert problem(refused)["type"] == "/problems/nothing-published"
    refused = await desk.post("", {"title": "x", "category": "beauty", "terms": {**AS_JSON, "platforms": []}})
    assert problem(refused)["field"] == "platforms"
    assert (await desk.get()).json()["data"] == []
    assert await events_of(app_engine, desk.host.book_id) == []


RULES: list[tuple[dict[str, Any], str, str]] = [
    ({"title": ""}, "title", ""),
    ({"title": "a" * 201}, "title", "a" * 200),
    ({"summary": "a\0b"}, "summary", "a\0b"),
    ({"category": "Beauty & care"}, "category", "Beauty & care"),
    ({"languages": ["en", "english"]}, "languages[1]", "english"),
    ({"quota": 0}, "quota", "0"),
    ({"quota": 10**40}, "quota", str(10**40)),
    ({"applications_until": "2027-01-01T00:00:00"}, "applications_until", "2027-01-01T00:00:00"),
    ({"applications_until": "9999-12-31T23:59:59-12:00"}, "applications_until", "9999-12-31T23:59:59-12:00"),
    ({"approval": {"platforms": ["tictok"]}}, "approval.platforms[0]", "tictok"),
]


async def test_a_rule_that_is_broken_names_field_and_value_in_a_new_offer_and_in_an_edit(desk: Desk) -> None:
    offer = (await desk.made()).json()["offer_id"]
    for said, field, value in RULES:
        whole = {"title": "x", "category": "beauty", **said}
        code = "/problems/invalid-approval" if "approval" in said else "/problems/invalid-offer"
        for answer in (await desk.post("", whole), await desk.patch(offer, said, '"1"')):
            refused = problem(answer)
            assert (refused["status"], refused["type"]) == (422, code)
            assert (refused["field"], refused["value"]) == (field, value)


# Listed -----------------------------------------------------------------------------------------------------


async def test_offers_are_listed_newest_first_page_by_page_and_by_state(desk: Desk) -> None:
    first, second = [(await desk.made()).json()["offer_id"] for _ in range(2)]
    third = await desk.opened()
    page = (await desk.get(limit=2)).json()
    assert [each["offer_id"] for each in page["data"]] == [third, second]
    rest = (await desk.get(limit=2, cursor=page["next_cursor"])).json()
    assert ([each["offer_id"] for each in rest["data"]], rest["next_cursor"]) == ([first], None)
    assert [each["offer_id"] for each in (await desk.get(state="open")).json()["data"]] == [third]
    assert problem(await desk.get(state="gone"))["status"] == 400


async def test_each_grant_that_has_not_ended_takes_a_place(
    desk: Desk, app_engine: AsyncEngine, new_offer: NewOffer, new_grant: NewGrant
) -> None:
    offer = await new_offer(desk.host)
    made = [(await new_grant(desk.host, offer_id=offer)).grant_id for _ in range(3)]
    await new_grant(desk.host)
    its = tables.grants.c
    async with app_engine.begin() as connection:
        for grant, state in zip(made, ("suspended", "revoked"), strict=False):
            named = (its.book_id == desk.host.book_id) & (its.grant_id == grant)
            await connection.execute(update(tables.grants).where(named).values(state=state))
    assert (await desk.get(offer)).json()["places_taken"] == 2


# Terms ------------------------------------------------------------------------------------------------------


async def test_every_version_stays_and_the_newest_counts(desk: Desk) -> None:
    offer = await desk.opened()
    newer = {**AS_JSON, "tail_days": 30}
    made = await desk.post(f"{offer}/terms", {"terms": newer})

    assert (made.status_code, made.headers["location"]) == (201, f"{desk.path}/{offer}/terms/2")
    assert (await desk.get(f"{offer}/terms/2")).json() == made.json()
    assert (await desk.get(f"{offer}/terms/1")).json()["terms"] == AS_JSON
    shown = (await desk.get(offer)).json()
    assert (shown["version_no"], shown["terms"]) == (2, made.json())
    page = (await desk.get(f"{offer}/terms", limit=1)).json()
    assert [each["version_no"] for each in page["data"]] == [2]
    rest = (await desk.get(f"{offer}/terms", cursor=page["next_cursor"])).json()
    assert [each["version_no"] for each in rest["data"]] == [1]
    for number in (3, 2**31, 2**63 - 1):
        assert problem(await desk.get(f"{offer}/terms/{number}"))["type"] == "/problems/terms-not-found"


async def test_two_versions_are_compared_member_by_member(desk: Desk) -> None:
    offer = await desk.opened()
    await desk.post(f"{offer}/terms", {"terms": {**AS_JSON, "tail_days": 30, "territories": ["CN"]}})
    diff = (await desk.get(f"{offer}/terms/diff", before=1, after=2)).json()
    assert diff == {
        "before": 1,
        "after": 2,
        "differences": [
            {"path": "tail_days", "before": 0, "after": 30},
            {"path": "territories", "before": None, "after": ["CN"]},
        ],
    }
    assert (await desk.get(f"{offer}/terms/diff", before=2, after=2)).json()["differences"] == []
    assert (await desk.get(f"{offer}/terms/diff", before=1, after=9)).status_code == 404
    assert (await desk.get(f"{offer}/terms/diff", before=1, after=2**40)).status_code == 400
    assert (await desk.get(f"{offer}/terms/diff", before=1)).status_code == 400


async def test_the_newest_terms_once_more_are_no_new_version(desk: Desk) -> None:
    offer = await desk.opened()
    refused = problem(await desk.post(f"{offer}/terms", {"terms": AS_JSON}))
    assert (refused["status"], refused["type"], refused["value"]) == (409, "/problems/same-terms", sha256_of(TERMS))
    await desk.post(f"{offer}/terms", {"terms": {**AS_JSON, "tail_days": 30}})
    assert (await desk.post(f"{offer}/terms", {"terms": AS_JSON})).json()["version_no"] == 3


async def test_the_offer_is_found_by_its_newest_terms(app_engine: AsyncEngine, host: Host) -> None:
    split = SplitRule(currency="USD", shares=(Share("host", 3), Share("clipper", 7)))
    newer = _with(licensor="Lili Inc", split=split, platforms=("x",), territories=("US",), ends_at=soon(days=9))
    async with app_engine.begin() as connection:
        offer = await publishing.make_offer(connection, host.book_id, ABOUT, HOST, terms=TERMS, opened=True)
        await publishing.publish_terms(connection, host.book_id, offer, newer, HOST)
        its = tables.offers.c
        columns = (its.licensor, its.platforms, its.territories, its.currency, its.clipper_ppm, its.ends_at)
        row = (await connection.execute(select(*columns).where(its.offer_id == offer))).one()
    assert tuple(row) == ("Lili Inc", ["x"], ["US"], "USD", 700_000, newer.ends_at)


async def test_an_agency_that_gets_a_part_is_a_registered_one(
    desk: Desk, app_engine: AsyncEngine, clipper: Clipper
) -> None:
    row = insert(tables.parties).values(kind="agency", name="MCN", registered_by="test")
    async with app_engine.begin() as connection:
        agency: int = (await connection.execute(row.returning(tables.parties.c.party_id))).scalar_one()
    takes = [{"party": "platform", "rate": "5%"}, {"party": "agency", "rate": "10%", "of": "rest"}]
    terms = {**AS_JSON, "split": {**AS_JSON["split"], "takes": takes}}
    for nobody in (clipper.clipper_id, 2**62):
        refused = problem(await desk.post("", {**msgspec.to_builtins(ABOUT), "terms": {**terms, "agency": nobody}}))
        assert (refused["type"], refused["field"]) == ("/problems/invalid-terms", "agency")
        assert refused["value"] == str(nobody)
    assert (await desk.made(terms={**terms, "agency": agency}, open=True)).json()["state"] == "open"


async def test_streams_in_scope_are_the_books_own(desk: Desk, app_engine: AsyncEngine, new_host: NewHost) -> None:
    other = await new_host()
    made = {}
    async with app_engine.begin() as connection:
        for name, book_id in (("own", desk.host.book_id), ("removed", desk.host.book_id), ("other", other.book_id)):
            row = insert(sources).values(book_id=book_id, title=name, live=True, created_by="test")
            made[name] = (await connection.execute(row.returning(sources.c.source_id))).scalar_one()
        gone = update(sources).where(sources.c.source_id == made["removed"])
        await connection.execute(gone.values(removed_at=soon()))
    assert (await desk.made(terms={**AS_JSON, "streams": [made["own"]]})).json()["version_no"] == 1
    offer = (await desk.made()).json()["offer_id"]
    for stream in (made["removed"], made["other"], 2**63 - 1):
        refused = problem(await desk.post(f"{offer}/terms", {"terms": {**AS_JSON, "streams": [made["own"], stream]}}))
        assert (refused["status"], refused["field"], refused["value"]) == (422, "streams[1]", str(stream))


async def test_terms_of_the_wrong_shape_or_out_of_bounds_are_refused(desk: Desk) -> None:
    offer = (await desk.made()).json()["offer_id"]
    cases: list[tuple[dict[str, Any], int, str]] = [
        ({"tail_days": "30"}, 400, "terms.tail_days"),
        ({"colour": "red"}, 400, "terms.colour"),
        ({"tail_days": 10**30}, 422, "tail_days"),
        ({"split": {**AS_JSON["split"], "currency": "ABC"}}, 422, "currency"),
        ({"split": {**AS_JSON["split"], "shares": [{"party": "host", "weight": 1}]}}, 422, "shares"),
    ]
    for changes, status, field in cases:
        refused = problem(await desk.post(f"{offer}/terms", {"terms": {**AS_JSON, **changes}}))
        assert (refused["status"], refused["field"]) == (status, field)
    assert (await desk.get(f"{offer}/terms")).json()["data"] == []


# States -----------------------------------------------------------------------------------------------------


async def test_an_offer_is_opened_paused_opened_and_closed(desk: Desk, app_engine: AsyncEngine) -> None:
    offer = (await desk.made(terms=AS_JSON)).json()["offer_id"]
    first = (await desk.post(f"{offer}/open")).json()
    assert (await desk.post(f"{offer}/pause")).json()["state"] == "paused"
    again = (await desk.post(f"{offer}/open")).json()
    assert (again["state"], again["opened_at"]) == ("open", first["opened_at"])
    closed = await desk.post(f"{offer}/close")
    assert (closed.status_code, closed.json()["state"]) == (200, "closed")
    told = await events_of(app_engine, desk.host.book_id)
    assert told[2:] == ["offer.opened", "offer.paused", "offer.opened", "offer.closed"]


async def test_an_offer_without_terms_does_not_open(desk: Desk) -> None:
    offer = (await desk.made()).json()["offer_id"]
    assert problem(await desk.post(f"{offer}/open"))["type"] == "/problems/nothing-published"
    assert (await desk.get(offer)).json()["state"] == "draft"


async def test_a_wrong_transition_names_the_state_and_what_it_allows(desk: Desk) -> None:
    offer = (await desk.made(terms=AS_JSON)).json()["offer_id"]
    for possible, wrong, state in ((None, "pause", "draft"), ("open", "open", "open"), ("close", "open", "closed")):
        if possible is not None:
            assert (await desk.post(f"{offer}/{possible}")).status_code == 200
        refused = problem(await desk.post(f"{offer}/{wrong}"))
        assert (refused["status"], refused["type"]) == (409, "/problems/wrong-transition")
        assert (refused["field"], refused["value"]) == ("offer.state", state)
        assert "allowed: " in refused["rule"]


async def test_a_closed_offer_takes_no_new_terms_and_is_not_edited(desk: Desk) -> None:
    offer = await desk.opened()
    edition = (await desk.post(f"{offer}/close")).headers["etag"]
    for refused in (
        await desk.post(f"{offer}/terms", {"terms": {**AS_JSON, "tail_days": 30}}),
        await desk.patch(offer, {"title": "Again"}, edition),
    ):
        assert (problem(refused)["status"], problem(refused)["type"]) == (409, "/problems/wrong-transition")
    shown = (await desk.get(offer)).json()
    assert (shown["title"], shown["version_no"]) == ("Autumn launch", 1)


# Edited -----------------------------------------------------------------------------------------------------


async def test_what_is_left_out_of_an_edit_stays_and_null_takes_away(desk: Desk, app_engine: AsyncEngine) -> None:
    made = await desk.made(summary="Coats", quota=5, approval={}, applications_until="2027-01-01T00:00:00Z")
    offer = made.json()["offer_id"]
    edited = await desk.patch(offer, {"title": " Winter ", "quota": None, "approval": None}, made.headers["etag"])
    told = edited.json()
    assert edited.status_code == 200
    assert (told["title"], told["summary"], told["quota"], told["approval"]) == ("Winter", "Coats", None, None)
    assert told["applications_until"] == made.json()["applications_until"]
    assert edited.headers["etag"] != made.headers["etag"]
    assert (await events_of(app_engine, desk.host.book_id))[-1] == "offer.edited"
    unchanged = await desk.patch(offer, {}, edited.headers["etag"])
    assert unchanged.headers["etag"] == edited.headers["etag"]
    async with app_engine.connect() as connection:
        by_nobody = tables.offers.c.approval.is_(None) & (tables.offers.c.offer_id == offer)
        assert await connection.scalar(select(tables.offers.c.offer_id).where(by_nobody)) == offer


async def test_an_edit_of_what_somebody_else_has_changed_is_refused(desk: Desk) -> None:
    made = await desk.made()
    offer = made.json()["offer_id"]
    assert (await desk.patch(offer, {"title": "One"}, made.headers["etag"])).status_code == 200
    refused = problem(await desk.patch(offer, {"title": "Other"}, made.headers["etag"]))
    assert (refused["status"], refused["type"], refused["field"]) == (409, "/problems/stale-edition", "If-Match")
    assert (await desk.get(offer)).json()["title"] == "One"


async def test_an_edit_says_which_edition_was_read(desk: Desk) -> None:
    offer = (await desk.made()).json()["offer_id"]
    for sent, status in ((None, 400), ("*", 422), ("1", 422), ('W/"1"', 422), ('"-1"', 422), (f'"{10**30}"', 422)):
        refused = await desk.patch(offer, {"title": "x"}, sent)
        assert problem(refused)["status"] == status
        assert "If-Match" in refused.text


# What if ----------------------------------------------------------------------------------------------------


async def test_there_are_no_sales_yet_to_share_by_other_terms(desk: Desk, app_engine: AsyncEngine) -> None:
    offer = await desk.opened()
    period = {"since": "2026-07-01", "until": "2026-09-30"}
    headers = desk.host.person.bearer
    body = {"terms": {**AS_JSON, "tail_days": 30}, "period": period}
    answer = await desk.client.post(f"{desk.path}/{offer}/what-if", json=body, headers=headers)
    assert answer.status_code == 200
    nothing = {"platform": 0, "host": 0, "clipper": 0}
    sums = {"currency": "CNY", "sales": 0, "gross": 0, "accrued": nothing, "proposed": nothing}
    nobody = {"more": 0, "less": 0, "same": 0, "median_more": None, "median_less": None}
    assert answer.json() == {**period, **sums, "clippers": nobody, "told": "The offer sold nothing in these days."}
    assert (await desk.get(offer)).json()["version_no"] == 1


async def test_a_question_is_answered_only_of_terms_that_could_be_published(desk: Desk) -> None:
    offer = await desk.opened()
    cases: list[tuple[dict[str, Any], dict[str, Any], str]] = [
        ({"platforms": []}, {}, "platforms"),
        ({"streams": [2**62]}, {}, "streams[0]"),
        ({}, {"until": "2026-06-30"}, "period.until"),
        ({}, {"until": "9999-12-31"}, "period.until"),
    ]
    for terms, period, field in cases:
        asked = {"since": "2026-07-01", "until": "2026-09-30", **period}
        refused = problem(await desk.post(f"{offer}/what-if", {"terms": {**AS_JSON, **terms}, "period": asked}))
        assert (refused["status"], refused["field"]) == (422, field)


async def test_the_sales_are_asked_for_under_the_terms_and_the_period_of_the_question(
    app_engine: AsyncEngine, host: Host, new_offer: NewOffer
) -> None:
    class Sold:
        asked: Any = None

        async def under(
            self, connection: AsyncConnection, book_id: int, offer_id: int, terms: Terms, period: Period
        ) -> WhatIf:
            self.asked = (book_id, offer_id, terms, period)
            return WhatIf(
                since=period.since,
                until=period.until,
                currency="CNY",
                sales=3,
                gross=0,
                accrued={},
                proposed={},
                clippers=ClippersMoved(),
                told="",
            )

    offer, sold, proposed = await new_offer(host), Sold(), _with(tail_days=30)
    period = Period(since=date(2026, 7, 1), until=date(2026, 7, 1))
    async with app_engine.connect() as connection:
        answer = await what_if(connection, sold, host.book_id, offer, proposed, period)
    assert (answer.sales, sold.asked) == (3, (host.book_id, offer, proposed, period))


# Whose ------------------------------------------------------------------------------------------------------


async def test_another_hosts_offer_is_none(client: AsyncClient, desk: Desk, new_host: NewHost) -> None:
    offer = await desk.opened()
    other = Desk(client, await new_host())
    period = {"since": "2026-07-01", "until": "2026-09-30"}
    answers = [
        await other.get(offer),
        await other.get(f"{offer}/terms"),
        await other.get(f"{offer}/terms/1"),
        await other.get(f"{offer}/terms/diff", before=1, after=1),
        await other.patch(offer, {"title": "Mine"}, '"1"'),
        await other.post(f"{offer}/terms", {"terms": {**AS_JSON, "tail_days": 1}}),
        await other.post(f"{offer}/what-if", {"terms": AS_JSON, "period": period}),
        *[await other.post(f"{offer}/{action}") for action in ("open", "pause", "close")],
    ]
    assert [problem(answer)["type"] for answer in answers] == ["/problems/offer-not-found"] * len(answers)
    assert (await other.get()).json()["data"] == []
    others_book = await client.get(desk.path, headers=other.host.person.bearer)
    assert others_book.status_code == 404


async def test_a_draft_is_known_to_its_host_alone(app_engine: AsyncEngine, host: Host) -> None:
    async with app_engine.begin() as connection:
        offer = await publishing.make_offer(connection, host.book_id, ABOUT, HOST, terms=TERMS, opened=False)
        for unknown in (offer, 2**62):
            with pytest.raises(OfferNotFound):
                await offers.book_of_offer(connection, unknown)
        for action in ("opened", "paused", "closed"):
            await publishing.move_offer(connection, host.book_id, offer, action, HOST)
            assert await offers.book_of_offer(connection, offer) == host.book_id


# Races ------------------------------------------------------------------------------------------------------


async def _both(engine: AsyncEngine, *steps: Callable[[AsyncConnection], Awaitable[Any]]) -> list[Any]:
    """What becomes of steps that are taken at once, each in a transaction of its own: its result, or the refusal."""

    async def taken(step: Callable[[AsyncConnection], Awaitable[Any]]) -> Any:
        async with engine.begin() as connection:
            return await step(connection)

    results = await asyncio.gather(*map(taken, steps), return_exceptions=True)
    assert all(not isinstance(each, BaseException) or isinstance(each, LicensingError) for each in results), results
    return results


async def test_of_two_who_publish_at_once_one_comes_after_the_other(app_engine: AsyncEngine, host: Host) -> None:
    async with app_engine.begin() as connection:
        offer = await publishing.make_offer(connection, host.book_id, ABOUT, HOST, terms=None, opened=False)

    def publish(terms: Terms) -> Callable[[AsyncConnection], Awaitable[TermsVersion]]:
        return lambda connection: publishing.publish_terms(connection, host.book_id, offer, terms, HOST)

    made = await _both(app_engine, publish(TERMS), publish(_with(tail_days=30)))
    assert sorted(each.version_no for each in made) == [1, 2]
    same = await _both(app_engine, publish(_with(tail_days=60)), publish(_with(tail_days=60)))
    assert {type(each) for each in same} == {SameTerms, TermsVersion}


async def test_of_two_who_open_at_once_one_does(app_engine: AsyncEngine, host: Host) -> None:
    async with app_engine.begin() as connection:
        offer = await publishing.make_offer(connection, host.book_id, ABOUT, HOST, terms=TERMS, opened=False)

    def opening(connection: AsyncConnection) -> Awaitable[Any]:
        return publishing.move_offer(connection, host.book_id, offer, "opened", HOST)

    results = await _both(app_engine, opening, opening)
    assert sum(isinstance(each, WrongTransition) for each in results) == 1
    assert (await events_of(app_engine, host.book_id)).count("offer.opened") == 1


async def test_of_two_who_edit_the_same_edition_one_does(app_engine: AsyncEngine, host: Host) -> None:
    async with app_engine.begin() as connection:
        made = await offers.create_offer(connection, host.book_id, ABOUT, HOST)

    def edit(title: str) -> Callable[[AsyncConnection], Awaitable[Any]]:
        changes = OfferChanges(title=title)
        return lambda connection: offers.edit_offer(
            connection, host.book_id, made.offer_id, changes, HOST, edition=made.edition
        )

    results = await _both(app_engine, edit("One"), edit("Other"))
    assert sum(isinstance(each, StaleEdition) for each in results) == 1


async def test_terms_published_while_the_offer_is_closed_are_refused_or_in_time(
    app_engine: AsyncEngine, host: Host
) -> None:
    async with app_engine.begin() as connection:
        offer = await publishing.make_offer(connection, host.book_id, ABOUT, HOST, terms=TERMS, opened=True)
    published, closed = await _both(
        app_engine,
        lambda connection: publishing.publish_terms(connection, host.book_id, offer, _with(tail_days=1), HOST),
        lambda connection: publishing.move_offer(connection, host.book_id, offer, "closed", HOST),
    )
    told = (await events_of(app_engine, host.book_id))[3:]
    in_time = ["offer.terms-published", "offer.closed"]
    assert told == (["offer.closed"] if isinstance(published, WrongTransition) else in_time)
    assert closed.state == "closed"
