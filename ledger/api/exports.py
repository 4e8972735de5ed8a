"""The whole book as a file."""

from typing import Annotated

from litestar import get
from litestar.di import NamedDependency
from litestar.openapi import ResponseSpec
from litestar.params import FromPath, QueryParameter
from litestar.response import Stream
from sqlalchemy.ext.asyncio import AsyncConnection

from ledger.api.files import AlsoAnyFormat
from ledger.api.parameters import READ
from ledger.books import find_book
from ledger.exports import MEDIA_TYPES, SUFFIXES, Format, export_book

_Format = Annotated[Format, QueryParameter(description="json is one object a line for each entry.")]
_AS_FILE = {200: ResponseSpec(str, media_type=MEDIA_TYPES["beancount"], generate_examples=False, description="A file.")}


@get("/export", opt=READ, responses=_AS_FILE, operation_class=AlsoAnyFormat, summary="Export the book")
async def export(
    book: FromPath[str],
    connection: NamedDependency[AsyncConnection],
    format: _Format,  # noqa: A002 - the query's own word
) -> Stream:
    """The whole book as it is at one moment, streamed however long it is."""
    found = await find_book(connection, book)
    name = f"{found.slug}.{SUFFIXES[format]}"
    return Stream(
        export_book(connection, found, format),
        media_type=MEDIA_TYPES[format],
        headers={"Content-Disposition": f'attachment; filename="{name}"'},
    )


ROUTES = [export]
