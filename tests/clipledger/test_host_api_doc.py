"""docs/host-api.md, command by command: six calls lead from an offer to an approved clip."""

import asyncio
import json

from sqlalchemy import text

from clipledger.database import DatabaseUrls, create_engine
from licensing.reviewing import advance
from tests.clipledger.documents import Shell, blocks, steady

_FOUND = (
    text("INSERT INTO media.sources (book_id, title, live, created_by) VALUES (1, 'A stream', true, 'test')"),
    text("UPDATE media.clips SET state = 'identified', duration_s = 24"),
    text("""
        INSERT INTO media.identifications (book_id, clip_id, run_no, version, threshold, sources)
        VALUES (1, 1, 1, 1, 0.7, 1)
    """),
    text("""
        INSERT INTO media.matches VALUES
            (1, 1, 1, 1, 1, 0, 24, 600, 624, 0.98, 1, false, '[0, 0, 1, 1]', '[0, 0, 1, 1]', '{}')
    """),
)
"""What a worker would find: 24 seconds from the tenth minute of a stream."""


def test_every_command_of_the_page_does_what_the_page_says(shell: Shell, fresh_urls: DatabaseUrls) -> None:
    said = ""
    for language, page in blocks("host-api"):
        if "to-review" in page and language == "sh":
            asyncio.run(_work(fresh_urls))
        if language == "sh":
            said = shell.run(page)
        else:
            assert json.loads(steady(said)) == json.loads(steady(page))


async def _work(urls: DatabaseUrls) -> None:
    """In place of the worker: there is nothing to see in this clip."""
    engine = create_engine(urls.app)
    async with engine.begin() as connection:
        for statement in _FOUND:
            await connection.execute(statement)
        await advance(connection, 1)
    await engine.dispose()
