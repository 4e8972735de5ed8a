"""What stands frozen for each dispute."""

from sqlalchemy.ext.asyncio import AsyncEngine

from licensing.claim_evidence import Statement
from licensing.claims import move_claim, open_claim
from licensing.states import By
from settlement.disputed import Frozen, frozen_for
from tests.licensing.house import Granted, NewGrant, NewHost
from tests.licensing.reels import handed_in, sql

HOST = By("host", "user:1")


async def frozen_sale(engine: AsyncEngine, grant: Granted, submission: int, amount: int, currency: str = "CNY") -> None:
    """A sale of the clip of which so much is the clipper's, frozen."""
    await sql(
        engine,
        "INSERT INTO settlement.sales (book_id, marketplace, order_no, line_no, as_of, sha256, import_id, row_no,"
        " currency, product, gmv, net_gmv, due, state, sold_at, sold_on, rule, grant_id, clipper_id, submission_id,"
        " offer_id, version_no, posted, platform_part, host_part, clipper_part, stage)"
        " VALUES (:book, 'shop', :order, '1', now(), repeat('0', 64), 1, 1, :currency, 'P', 0, 0, :amount, 'settled',"
        " now(), current_date, 'content', :grant, :clipper, :submission, :offer, 1, :amount, 0, 0, :amount, 'frozen')",
        book=grant.book_id,
        order=f"O-{submission}-{amount}",
        currency=currency,
        grant=grant.grant_id,
        clipper=grant.clipper.clipper_id,
        submission=submission,
        offer=grant.offer_id,
        amount=amount,
    )


async def test_a_claim_over_a_clip_tells_of_its_sales_and_one_over_a_grant_of_all(
    app_engine: AsyncEngine, new_host: NewHost, new_grant: NewGrant
) -> None:
    host = await new_host()
    grant = await new_grant(host)
    clips = [(await handed_in(app_engine, grant, "live"))[0] for _ in range(2)]
    for clip, amount, currency in ((clips[0], 500, "CNY"), (clips[0], 70, "CNY"), (clips[1], 900, "USD")):
        await frozen_sale(app_engine, grant, clip, amount, currency)
    whose, said = {"book_id": host.book_id}, Statement("It is not true.")
    async with app_engine.begin() as connection:
        clip_s = await open_claim(connection, HOST, whose, "false-sales", said, submission_id=clips[0])
        grant_s = await open_claim(connection, HOST, whose, "false-sales", said, grant_id=grant.grant_id)
        asked = [clip_s.claim_id, grant_s.claim_id]
        assert await frozen_for(connection, host.book_id, asked) == {
            clip_s.claim_id: (Frozen("CNY", 2, 570),),
            grant_s.claim_id: (Frozen("CNY", 2, 570), Frozen("USD", 1, 900)),
        }
        await move_claim(connection, host.book_id, clip_s.claim_id, "withdrawn", HOST, said)
        assert clip_s.claim_id not in await frozen_for(connection, host.book_id, asked)
        assert await frozen_for(connection, (await new_host()).book_id, asked) == {}
