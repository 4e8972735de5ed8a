"""Publications over HTTP: where an approved clip was posted."""

from litestar import Response, delete, get, post
from litestar.di import NamedDependency
from litestar.params import FromPath, JSONBody
from sqlalchemy.ext.asyncio import AsyncConnection

from licensing import publications
from licensing.api.scopes import PARTY_READ, PARTY_WRITE, READ, WRITE
from licensing.publications import Posting, Publication
from licensing.states import By

_ALL = "/submissions/{submission_id:int}/publications"
_ONE = "/submissions/{submission_id:int}/publications/{publication_id:int}"
_ADD = {"action": "publication.add"}
_REMOVE = {"action": "publication.remove"}


@post(_ALL, opt={**WRITE, **_ADD}, summary="Put on record where a clip was posted")
async def add(
    submission_id: FromPath[int],
    data: JSONBody[Posting],
    connection: NamedDependency[AsyncConnection],
    book_id: NamedDependency[int],
    actor: NamedDependency[str],
    book: FromPath[str],
) -> Response[Publication]:
    """The first makes an approved clip live. The account must be one of the grant's, which is active or in its tail;
    posted at the earliest a day before the clip was submitted.
    """
    made = await publications.publish(connection, book_id, submission_id, data, by=By("host", actor))
    place = f"/v1/books/{book}/submissions/{submission_id}/publications/{made.publication_id}"
    return Response(made, headers={"Location": place})


@get(_ALL, opt=READ, summary="Where a clip was posted")
async def list_all(
    submission_id: FromPath[int], connection: NamedDependency[AsyncConnection], book_id: NamedDependency[int]
) -> list[Publication]:
    """In the order in which they came on record; removed ones too."""
    return await publications.list_publications(connection, book_id, submission_id)


@get(_ONE, opt=READ, summary="A publication")
async def show(
    submission_id: FromPath[int],
    publication_id: FromPath[int],
    connection: NamedDependency[AsyncConnection],
    book_id: NamedDependency[int],
) -> Publication:
    """One place where a clip was posted."""
    return await publications.find_publication(connection, book_id, submission_id, publication_id)


@delete(_ONE, opt={**WRITE, **_REMOVE}, summary="A publication is not there any more")
async def remove(
    submission_id: FromPath[int],
    publication_id: FromPath[int],
    connection: NamedDependency[AsyncConnection],
    book_id: NamedDependency[int],
    actor: NamedDependency[str],
) -> None:
    """Its content id stays this clip's. Doing it twice changes nothing."""
    await publications.remove_publication(connection, book_id, submission_id, publication_id, by=By("host", actor))


@post(_ALL, opt={**PARTY_WRITE, **_ADD}, summary="Tell where one's clip was posted")
async def add_mine(
    submission_id: FromPath[int],
    data: JSONBody[Posting],
    connection: NamedDependency[AsyncConnection],
    party_id: NamedDependency[int],
    book_id: NamedDependency[int],
    actor: NamedDependency[str],
) -> Response[Publication]:
    """The first makes an approved clip live. The account must be one of the grant's, which is active or in its tail;
    posted at the earliest a day before the clip was submitted.
    """
    made = await publications.publish(connection, book_id, submission_id, data, by=By("clipper", actor))
    place = f"/v1/clippers/{party_id}/submissions/{submission_id}/publications/{made.publication_id}"
    return Response(made, headers={"Location": place})


@get(_ALL, opt=PARTY_READ, summary="Where one's clip was posted")
async def list_mine(
    submission_id: FromPath[int], connection: NamedDependency[AsyncConnection], book_id: NamedDependency[int]
) -> list[Publication]:
    """In the order in which they came on record; removed ones too."""
    return await publications.list_publications(connection, book_id, submission_id)


@get(_ONE, opt=PARTY_READ, summary="A publication of one's clip")
async def show_mine(
    submission_id: FromPath[int],
    publication_id: FromPath[int],
    connection: NamedDependency[AsyncConnection],
    book_id: NamedDependency[int],
) -> Publication:
    """One place where it was posted."""
    return await publications.find_publication(connection, book_id, submission_id, publication_id)


@delete(_ONE, opt={**PARTY_WRITE, **_REMOVE}, summary="One's publication is not there any more")
async def remove_mine(
    submission_id: FromPath[int],
    publication_id: FromPath[int],
    connection: NamedDependency[AsyncConnection],
    book_id: NamedDependency[int],
    actor: NamedDependency[str],
) -> None:
    """Its content id stays this clip's. Doing it twice changes nothing."""
    await publications.remove_publication(connection, book_id, submission_id, publication_id, by=By("clipper", actor))


HOST_ROUTES = [add, list_all, show, remove]
CLIPPER_ROUTES = [add_mine, list_mine, show_mine, remove_mine]
