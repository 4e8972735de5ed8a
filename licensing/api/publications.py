"""Publications over HTTP: where an approved clip was posted, as its host or its clipper tells.

Nothing in the handlers says who that is: where they are mounted, `opt` says who may, and the dependency `by` who acts.
"""

from typing import Any

from litestar import Request, Response, delete, get, post
from litestar.di import NamedDependency
from litestar.params import FromPath, JSONBody
from sqlalchemy.ext.asyncio import AsyncConnection

from licensing import publications
from licensing.api.scopes import PARTY_READ, PARTY_WRITE, READ, WRITE
from licensing.api.sides import by_clipper, by_host
from licensing.publications import Posting, Publication
from licensing.states import By


async def add(
    submission_id: FromPath[int],
    data: JSONBody[Posting],
    request: Request[Any, Any, Any],
    connection: NamedDependency[AsyncConnection],
    book_id: NamedDependency[int],
    by: NamedDependency[By],
) -> Response[Publication]:
    """The first makes an approved clip live. The account must be one of the grant's, which is active or in its tail;
    posted at the earliest a day before the clip was submitted.
    """
    made = await publications.publish(connection, book_id, submission_id, data, by=by)
    return Response(made, headers={"Location": f"{request.url.path.rstrip('/')}/{made.publication_id}"})


async def list_all(
    submission_id: FromPath[int], connection: NamedDependency[AsyncConnection], book_id: NamedDependency[int]
) -> list[Publication]:
    """In the order in which they came on record; removed ones too."""
    return await publications.list_publications(connection, book_id, submission_id)


async def show(
    submission_id: FromPath[int],
    publication_id: FromPath[int],
    connection: NamedDependency[AsyncConnection],
    book_id: NamedDependency[int],
) -> Publication:
    """One place where a clip was posted."""
    return await publications.find_publication(connection, book_id, submission_id, publication_id)


async def remove(
    submission_id: FromPath[int],
    publication_id: FromPath[int],
    connection: NamedDependency[AsyncConnection],
    book_id: NamedDependency[int],
    by: NamedDependency[By],
) -> None:
    """Its content id stays this clip's. Doing it twice changes nothing."""
    await publications.remove_publication(connection, book_id, submission_id, publication_id, by=by)


_ALL = "/submissions/{submission_id:int}/publications"
_ONE = "/submissions/{submission_id:int}/publications/{publication_id:int}"
_ADD = {"action": "publication.add"}
_REMOVE = {"action": "publication.remove"}

HOST_ROUTES = [
    by_host(
        post(_ALL, opt={**WRITE, **_ADD}, summary="Put on record where a clip was posted")(add),
        get(_ALL, opt=READ, summary="Where a clip was posted")(list_all),
        get(_ONE, opt=READ, summary="A publication")(show),
        delete(_ONE, opt={**WRITE, **_REMOVE}, summary="A publication is not there any more")(remove),
    )
]
CLIPPER_ROUTES = [
    by_clipper(
        post(_ALL, opt={**PARTY_WRITE, **_ADD}, summary="Tell where one's clip was posted")(add),
        get(_ALL, opt=PARTY_READ, summary="Where one's clip was posted")(list_all),
        get(
            _ONE,
            opt=PARTY_READ,
            summary="A publication of one's clip",
            description="One place where it was posted.",
        )(show),
        delete(_ONE, opt={**PARTY_WRITE, **_REMOVE}, summary="One's publication is not there any more")(remove),
    )
]
