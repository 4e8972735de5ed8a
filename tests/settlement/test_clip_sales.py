"""What clips have sold: sums for many at once, one clip's sales line by line."""

from sqlalchemy.ext.asyncio import AsyncEngine

from settlement.clip_sales import ClipFigures, figures_of_clips, sales_of_clip
from tests.licensing.house import Host, NewGrant
from tests.settlement.till import Till, facts, publish


async def test_figures_are_a_clips_own_by_order_and_currency(
    app_engine: AsyncEngine, host: Host, new_grant: NewGrant
) -> None:
    grant = await new_grant(host)
    async with app_engine.begin() as connection:
        first = await publish(connection, grant, "clip-sales-1")
        second = await publish(connection, grant, "clip-sales-2")
        third = await publish(connection, grant, "clip-sales-3")
    one = {"platform": "tiktok", "content_id": "clip-sales-1"}
    sold = await Till(app_engine, host).sell(
        facts(order_no="a", line_no="1", **one),
        facts(order_no="a", line_no="2", gmv=10_000, net_gmv=0, due=0, **one),
        facts(order_no="b", **one),
        facts(order_no="c", **{**one, "content_id": "clip-sales-2"}),
    )
    clipper, book = grant.clipper.clipper_id, host.book_id
    async with app_engine.connect() as connection:
        found = await figures_of_clips(connection, clipper, [(book, first), (book, second), (book, third)])
        assert found == {
            (book, first): [ClipFigures("CNY", 210_000, 10_000, 2, 1, sum(each.clipper_part for each in sold[:3]))],
            (book, second): [ClipFigures("CNY", 100_000, 0, 1, 0, sold[3].clipper_part)],
            (book, third): [],
        }
        assert await figures_of_clips(connection, clipper + 1, [(book, first)]) == {(book, first): []}
        newest, *others = await sales_of_clip(connection, clipper, book, first)
        assert (newest.sale_id, newest.earned, newest.stage) == (sold[2].sale_id, sold[2].clipper_part, "held")
        before = await sales_of_clip(connection, clipper, book, first, before=newest.sale_id, limit=1)
        assert before == others[:1]
        assert await sales_of_clip(connection, clipper + 1, book, first) == []
