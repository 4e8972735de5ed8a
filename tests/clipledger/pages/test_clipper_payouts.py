"""Where a clipper is paid to, what is in the way, and what was paid."""

from datetime import UTC, datetime
from typing import Any
from uuid import uuid4

import pytest
from litestar import Litestar
from sqlalchemy import insert, update
from sqlalchemy.ext.asyncio import AsyncEngine

from clipledger.settings import Settings
from clipledger.web import app as web
from clipledger.web.rate_limits import DEFAULT_LIMITS, Limit, Limits
from licensing.tables import members
from settlement.payouts.accounts import Asked, Owner, PayoutAccount, Standing, add_account, find_account
from settlement.payouts.payees import Link
from settlement.payouts.tables import payout_accounts, payout_runs, payouts
from tests.clipledger.pages.visitor import Visitor, visiting
from tests.licensing.house import Clipper, Granted, Host, NewClipper, NewGrant, NewHost, NewUser

GENEROUS = Limits(*(Limit(each.name, 10**9, 1) for each in vars(DEFAULT_LIMITS).values()))
PASSPORT = Asked(code="id", en="Show Stripe your passport.", zh="请向 Stripe 出示护照。", past_due=True)
AT_STRIPE = "https://connect.stripe.example/setup/1"


class Stripe:
    """Sets accounts up at once, and asks each payee for a passport."""

    def __init__(self, engine: AsyncEngine) -> None:
        self.engine = engine
        self.asked: list[str] = []

    async def open(self, owner: Owner, country: str, email: str, *, by: str) -> PayoutAccount:
        standing = Standing("pending", (), (PASSPORT,))
        async with self.engine.begin() as connection:
            return await add_account(connection, owner, "stripe", f"acct_{owner.party_id}", country, standing, by=by)

    async def link(self, owner: Owner, account_id: int, return_url: str, refresh_url: str) -> Link:
        self.asked.append(return_url)
        return Link(AT_STRIPE, datetime(2026, 11, 1, tzinfo=UTC))

    async def refresh(self, owner: Owner, account_id: int) -> PayoutAccount:
        its = payout_accounts.c
        now = {"state": "active", "currencies": ["CNY"], "blocking": []}
        async with self.engine.begin() as connection:
            await connection.execute(update(payout_accounts).where(its.account_id == account_id).values(now))
            return await find_account(connection, owner, account_id)


@pytest.fixture(scope="module")
def stripe(app_engine: AsyncEngine) -> Stripe:
    return Stripe(app_engine)


@pytest.fixture(scope="module")
def app(settings: Settings, app_engine: AsyncEngine, stripe: Stripe) -> Litestar:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(web, "payees_of", lambda *_: stripe)
        return web.create_app(settings, app_engine, limits=GENEROUS)


@pytest.fixture
async def clipper(new_clipper: NewClipper) -> Clipper:
    return await new_clipper()


@pytest.fixture
async def host(new_host: NewHost) -> Host:
    return await new_host()


@pytest.fixture
async def granted(host: Host, clipper: Clipper, new_grant: NewGrant) -> Granted:
    return await new_grant(host, clipper=clipper)


def page_of(clipper: Clipper) -> str:
    return f"/clippers/{clipper.clipper_id}/payouts"


async def paid(engine: AsyncEngine, granted: Granted, state: str, **told: Any) -> None:
    """A payout of 45.38."""
    run = insert(payout_runs).values(
        book_id=granted.book_id, rail="stripe", basis="available", pay_on=datetime(2026, 10, 9), created_by="t"
    )
    usual: dict[str, Any] = {"currency": "CNY", "taken": 4_538, "amount": 4_538, "rail": "stripe", "state": state}
    called = {"transfer_group": "g", "request_sha256": "0" * 64, "destination": "acct_1", "reference": "tr_1"}
    usual |= {**called, "key": uuid4().hex, "approval_entry": 1}
    async with engine.begin() as connection:
        run_id = (await connection.execute(run.returning(payout_runs.c.run_id))).scalar_one()
        its = {"book_id": granted.book_id, "run_id": run_id, "party": f"clipper-{granted.clipper.clipper_id}"}
        await connection.execute(insert(payouts).values(**its, **{**usual, **told}))


async def test_without_an_account_one_is_told_that_nothing_can_be_paid(app: Litestar, clipper: Clipper) -> None:
    async with visiting(app, clipper.person) as visitor:
        page = await visitor.get(page_of(clipper))
        for said in ("You have no account yet", "Nothing is to be paid yet", "Nothing was paid yet"):
            assert said in page.text
        assert page.forms() == ["stripe", "bank"]
        assert len(page.answer.content) < 60_000


async def test_stripe_is_connected_asked_again_and_closed(app: Litestar, clipper: Clipper, stripe: Stripe) -> None:
    async with visiting(app, clipper.person) as visitor:
        page = await visitor.get(page_of(clipper))
        page = await visitor.send(page, "stripe", country="", email="ana@example.com", status=400)
        assert page.faults()
        assert page.typed("stripe", "email") == "ana@example.com"
        page = await visitor.send(page, "stripe", country="CN")
        for said in ("go on at Stripe", "Show Stripe your passport.", "Overdue.", "You put this right yourself"):
            assert said in page.text
        (link,) = (form for form in page.forms() if form.startswith("link-"))
        linked = await visitor.send(page, link)
        assert linked.soup.select_one(f'a[href="{AT_STRIPE}"]')
        assert stripe.asked[-1] == f"http://localhost{page_of(clipper)}"
        (again,) = (form for form in page.forms() if form.startswith("refresh-"))
        page = await visitor.send(page, again)
        assert "It can be paid to. Takes CNY" in page.text
        assert "stripe" not in page.forms()
        (close,) = (form for form in page.forms() if form.startswith("close-"))
        page = await visitor.send(page, close)
        assert "The account is closed." in page.text
        assert "stripe" in page.forms()


async def test_what_is_asked_is_in_the_readers_language(app: Litestar, clipper: Clipper, stripe: Stripe) -> None:
    await stripe.open(Owner(party_id=clipper.clipper_id), "CN", "x", by="t")
    async with visiting(app, clipper.person, language="zh") as visitor:
        page = await visitor.get(page_of(clipper))
        assert page.title == "打款"
        assert PASSPORT.zh in page.text


async def test_a_bank_account_is_checked_and_shown_by_its_last_digits(app: Litestar, clipper: Clipper) -> None:
    about = {"holder": "Ana Müller", "country": "NL", "currency": "EUR", "iban": "NL91 ABNA 0417 1643 01"}
    async with visiting(app, clipper.person) as visitor:
        page = await visitor.get(page_of(clipper))
        page = await visitor.send(page, "bank", fields=about, status=422)
        assert page.faults()
        assert page.typed("bank", "holder") == "Ana Müller"
        page = await visitor.send(page, "bank", iban="NL91 ABNA 0417 1643 00")
        assert "· …4300" in page.text
        assert "0417" not in page.answer.text
        assert "bank" not in page.forms()


@pytest.mark.parametrize(
    ("state", "told", "said"),
    [
        ("paid", {"ended_at": datetime(2026, 10, 9, 12, tzinfo=UTC)}, ["9 Oct 2026", "paid", "It has arrived."]),
        ("sent", {"sent_at": datetime(2026, 10, 9, tzinfo=UTC)}, ["on its way"]),
        (
            "refused",
            {"reason": "No such account", "fixed_by": "payee"},
            ["not paid", "Reason: No such account", "You can put this right"],
        ),
        ("returned", {"returned": 4_538, "reason": "Account closed"}, ["came back", "Reason: Account closed"]),
        ("paid", {"returned": 38}, ["CN¥0.38 of it came back"]),
        ("ready", {"taken": 6_000, "recovery": 462, "withheld": 1_000}, ["soon", "owed: CN¥4.62", "tax: CN¥10.00"]),
    ],
)
async def test_each_payout_tells_where_it_is_and_why(
    app: Litestar, app_engine: AsyncEngine, granted: Granted, state: str, told: dict[str, Any], said: list[str]
) -> None:
    await paid(app_engine, granted, state, **told)
    async with visiting(app, granted.clipper.person) as visitor:
        page = await visitor.get(page_of(granted.clipper))
        (row,) = page.rows("What was paid")
        assert row[1] == "CN¥45.38"
        for words in said:
            assert words in " ".join(row)


@pytest.mark.parametrize(
    ("state", "reason", "said"),
    [
        ("refused", "the account is closed: Konto erloschen", "该账户已注销：Konto erloschen"),
        ("unknown", "no statement of the bank's shows it yet", "银行对账单上尚未出现"),
        ("cancelled", "the account is closed", "the account is closed"),
    ],
)
async def test_why_is_told_in_chinese_and_what_a_person_wrote_as_it_is(
    app: Litestar, app_engine: AsyncEngine, granted: Granted, state: str, reason: str, said: str
) -> None:
    await paid(app_engine, granted, state, reason=reason)
    async with visiting(app, granted.clipper.person, language="zh") as visitor:
        assert f"原因：{said}" in (await visitor.get(page_of(granted.clipper))).text


async def test_what_is_not_approved_is_not_shown(app: Litestar, app_engine: AsyncEngine, granted: Granted) -> None:
    await paid(app_engine, granted, "planned")
    async with visiting(app, granted.clipper.person) as visitor:
        assert "Nothing was paid yet" in (await visitor.get(page_of(granted.clipper))).text


async def test_only_owners_change_where_it_is_paid_to(
    app: Litestar, app_engine: AsyncEngine, clipper: Clipper, new_user: NewUser, new_clipper: NewClipper
) -> None:
    member = await new_user(frozenset({"party:read"}))
    its = {"party_id": clipper.clipper_id, "user_id": member.user_id, "role": "member", "added_by": "t"}
    async with app_engine.begin() as connection:
        await connection.execute(insert(members).values(its))
    async with visiting(app, member) as visitor:
        page = await visitor.get(page_of(clipper))
        assert page.forms() == []
        assert "Only an owner" in page.text
    async with visiting(app, (await new_clipper()).person) as stranger:
        await _refused(stranger, page_of(clipper))


async def _refused(visitor: Visitor, path: str) -> None:
    assert "nothing here" in (await visitor.get(path, status=404)).text.lower()
