"""Names of what lists tell of by number, and the count of what waits for review."""

from sqlalchemy.ext.asyncio import AsyncEngine

from licensing.names import names_of_parties, offers_of_grants, titles_of_clips
from licensing.reviewing import count_to_review
from tests.licensing.house import NewClipper, NewGrant, NewHost
from tests.licensing.reels import handed_in


async def test_many_things_are_named_at_once_and_none_of_others(
    app_engine: AsyncEngine, new_host: NewHost, new_grant: NewGrant, new_clipper: NewClipper
) -> None:
    host, other = await new_host(), await new_host()
    grant, foreign = await new_grant(host, clipper=await new_clipper(name="Zoe")), await new_grant(other)
    clip, _ = await handed_in(app_engine, grant)
    theirs, _ = await handed_in(app_engine, foreign)
    async with app_engine.connect() as connection:
        clippers = [grant.clipper.clipper_id, foreign.clipper.clipper_id]
        assert await names_of_parties(connection, clippers) == {clippers[0]: "Zoe", clippers[1]: "Ana"}
        assert await names_of_parties(connection, []) == {}
        assert await titles_of_clips(connection, host.book_id, [clip, theirs]) == {clip: "Coat"}
        grants = [grant.grant_id, foreign.grant_id]
        assert await offers_of_grants(connection, host.book_id, grants) == {grant.grant_id: "An offer"}


async def test_what_waits_for_a_person_is_counted(
    app_engine: AsyncEngine, new_host: NewHost, new_grant: NewGrant
) -> None:
    host = await new_host()
    grant = await new_grant(host)
    for state in ("submitted", "identified", "unrecognised", "approved", "live"):
        await handed_in(app_engine, grant, state)
    async with app_engine.connect() as connection:
        assert await count_to_review(connection, host.book_id) == 2
