"""Settings: profile, accounts, members, agencies, notices; and becoming a clipper."""

import pytest
from litestar import Litestar
from sqlalchemy import insert
from sqlalchemy.ext.asyncio import AsyncEngine

from clipledger.pages.clipper.notices import SENTENCES, SUBJECTS
from licensing.events import OWN_SUBJECTS, TYPES, Change, record
from licensing.notices import SUBJECTS as CHOICES
from licensing.states import By
from licensing.tables import members, parties, representations
from tests.clipledger.front_door import Person, add_user
from tests.clipledger.pages.visitor import visiting
from tests.licensing.house import Clipper, Granted, Host, NewClipper, NewGrant, NewHost, NewUser

BY = By("host", "test")


@pytest.fixture
async def host(new_host: NewHost) -> Host:
    return await new_host()


@pytest.fixture
async def clipper(new_clipper: NewClipper) -> Clipper:
    return await new_clipper()


@pytest.fixture
async def granted(host: Host, new_grant: NewGrant, clipper: Clipper) -> Granted:
    return await new_grant(host, clipper=clipper)


def address(clipper: Clipper) -> str:
    return f"/clippers/{clipper.clipper_id}/settings"


def test_all_that_a_clipper_is_told_has_a_sentence() -> None:
    assert set(SENTENCES) == {each for each in TYPES if each.partition(".")[0] in OWN_SUBJECTS}
    assert tuple(SUBJECTS) == CHOICES == OWN_SUBJECTS


async def test_whoever_has_an_account_becomes_a_clipper(app: Litestar, app_engine: AsyncEngine) -> None:
    async with app_engine.begin() as connection:
        person = Person(*await add_user(connection), "")
    async with visiting(app, person) as visitor:
        assert f"Your number is {person.user_id}" in (await visitor.get("/account")).text
        page = await visitor.get("/")
        page = await visitor.send(page, "register", name="Bo", country="Spain", status=422)
        assert page.typed("register", "country") == "Spain"
        assert page.faults()
        page = await visitor.send(page, "register", country="ES", fields={"languages[]@words": "es en"})
        assert page.title == "Settings"
        assert "You are a clipper now." in page.text
        assert page.typed("profile-form", "languages[]@words") == "es en"
        assert "register" not in (await visitor.get("/")).forms()


async def test_the_profile_is_changed(app: Litestar, clipper: Clipper) -> None:
    async with visiting(app, clipper.person) as visitor:
        page = await visitor.get(address(clipper))
        fields = {"capacity@null": "-1", "categories[]@words": "beauty, home-living"}
        page = await visitor.send(page, "profile-form", fields=fields, status=422)
        assert page.typed("profile-form", "capacity@null") == "-1"
        page = await visitor.send(page, "profile-form", name="Ana <b>Pérez</b>", fields={"capacity@null": "12"})
        assert "The profile is changed." in page.text
        assert page.typed("profile-form", "categories[]@words") == "beauty home-living"
        assert "Ana <b>Pérez</b>" in page.soup.text
        page = await visitor.send(page, "profile-form", fields={"capacity@null": "", "categories[]@words": ""})
        assert page.typed("profile-form", "capacity@null") == page.typed("profile-form", "categories[]@words") == ""


async def test_an_account_is_claimed_shows_its_code_and_is_given_up(app: Litestar, clipper: Clipper) -> None:
    async with visiting(app, clipper.person) as visitor:
        page = await visitor.get(address(clipper))
        page = await visitor.send(page, "claim", platform="weibo", handle="two words", status=422)
        assert page.typed("claim", "handle") == "two words"
        page = await visitor.send(page, "claim", handle="@Ana.Cuts")
        code = page.soup.select_one(".secret")
        assert code is not None
        assert code.text.startswith("CLIP-")
        assert "Weibo @ana.cuts" in page.text
        page = await visitor.send(page, next(form for form in page.forms() if form.startswith("release-")))
        assert "The account is given up." in page.text
        assert page.soup.select_one(".secret") is None


async def test_members_are_added_changed_and_removed_by_owners(
    app: Litestar, clipper: Clipper, new_user: NewUser
) -> None:
    other = await new_user(frozenset({"party:read"}))
    async with visiting(app, clipper.person) as visitor:
        page = await visitor.get(address(clipper))
        page = await visitor.send(page, "member", user_id=str(2**40), role="viewer", status=422)
        assert page.typed("member", "user_id") == str(2**40)
        page = await visitor.send(page, "member", user_id=str(other.user_id), role="viewer")
        assert other.email in page.text
        page = await visitor.send(page, f"role-{other.user_id}", role="member")
        assert "The role is changed." in page.text
        refused = await visitor.send(page, f"role-{clipper.person.user_id}", role="viewer", status=409)
        assert "Nothing was changed." in refused.text
        async with visiting(app, other, language="zh") as member:
            seen = await member.get(address(clipper))
            assert seen.forms() == ["tell"]
            assert "只能由所有者修改" in seen.text
            assert clipper.person.email not in seen.text
        page = await visitor.send(page, f"remove-{other.user_id}")
        assert "The member is removed." in page.text
        assert other.email not in page.text


async def test_an_agency_is_accepted_and_let_go(app: Litestar, app_engine: AsyncEngine, clipper: Clipper) -> None:
    async with app_engine.begin() as connection:
        row = insert(parties).values(kind="agency", name="Moon MCN", registered_by="t").returning(parties.c.party_id)
        asked = {"agency_id": (await connection.execute(row)).scalar_one(), "clipper_id": clipper.clipper_id}
        await connection.execute(insert(representations).values(**asked, rate="15%", proposed_by="t"))
    async with visiting(app, clipper.person) as visitor:
        page = await visitor.get(address(clipper))
        assert "Moon MCN gets 15% of your share of every sale" in page.text
        page = await visitor.send(page, next(form for form in page.forms() if form.startswith("represent-")))
        assert "The agency represents you from now on." in page.text
        page = await visitor.send(page, next(form for form in page.forms() if form.startswith("end-")))
        assert "The agency no longer represents you." in page.text


async def test_notices_are_told_in_words_and_chosen(
    app: Litestar, app_engine: AsyncEngine, host: Host, granted: Granted
) -> None:
    clipper = granted.clipper
    async with app_engine.begin() as connection:
        told = Change("suspended", granted.grant_id, "suspended", "active", clipper.clipper_id)
        await record(connection, host.book_id, "grant", BY, [told])
    async with visiting(app, clipper.person) as visitor:
        page = await visitor.get(address(clipper))
        link = page.soup.find("a", href=f"/clippers/{clipper.clipper_id}/licences/{granted.grant_id}")
        assert link is not None
        assert link.text == "Your licence for “An offer” is suspended."
        page = await visitor.send(page, "tell", fields={"subjects[]": []})
        assert page.form("tell").select("[checked]") == []
        page = await visitor.send(page, "tell", fields={"subjects[]": ["claim"], "own_acts": "true"})
        assert "Your choice is kept." in page.text
        assert "There is nothing to tell yet." in page.text
        ticked = [str(each["value"]) for each in page.form("tell").select("[checked]")]
        assert ticked == ["claim", "true"]


async def test_a_viewer_chooses_nothing(
    app: Litestar, app_engine: AsyncEngine, clipper: Clipper, new_user: NewUser
) -> None:
    viewer = await new_user(frozenset({"party:read"}))
    async with app_engine.begin() as connection:
        its = {"party_id": clipper.clipper_id, "user_id": viewer.user_id, "role": "viewer", "added_by": "test"}
        await connection.execute(insert(members).values(its))
    async with visiting(app, viewer) as visitor:
        assert (await visitor.get(address(clipper))).forms() == []
