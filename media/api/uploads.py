"""Resumable uploads, as tus 1.0.0 shapes them (core, creation, termination, expiration, checksum).

POST announces how many bytes will come and answers where; PATCH appends some of them at `Upload-Offset`; HEAD tells,
after anything broke off, where to go on. Then a source or clip is made of the upload.

Nothing here says whose uploads they are: where the routes are mounted, `opt` says who may, and the dependencies
`book_id` and `owner` for whom. There may be several such places; each sees its owner's uploads only.
"""

import base64
import binascii
import hashlib
from collections.abc import AsyncIterator
from typing import Annotated, Any

from litestar import Request, Response, delete, get, head, patch, post
from litestar.di import NamedDependency
from litestar.exceptions import InternalServerException
from litestar.params import FromPath, HeaderParameter
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from media.errors import InvalidUpload
from media.storage import Storage
from media.uploads import Upload, append, cancel_upload, create_upload, find_upload

PROTOCOL = "1.0.0"
_CHECKSUMS = ("sha256", "sha1", "md5")
_Length = Annotated[int, HeaderParameter(name="Upload-Length", description="Bytes of the whole file.", ge=0)]
_Offset = Annotated[int, HeaderParameter(name="Upload-Offset", description="Bytes that have arrived.", ge=0)]
_Checksum = Annotated[
    str | None,
    HeaderParameter(name="Upload-Checksum", description="Of this body: sha256, sha1 or md5, a space, base64."),
]


@post("/uploads", opt={"action": "upload.create"}, summary="Announce an upload")
async def create(
    length: _Length,
    connection: NamedDependency[AsyncConnection],
    book_id: NamedDependency[int],
    actor: NamedDependency[str],
    owner: NamedDependency[str | None],
    request: Request[Any, Any, Any],
) -> Response[Upload]:
    """`Location` is where to PATCH. What nothing is added to, and nothing made of, is forgotten in a day."""
    made = await create_upload(connection, book_id, length, created_by=actor, owner=owner)
    place = f"{request.url.path.rstrip('/')}/{made.upload_id}"
    return Response(made, headers={"Location": place, **_told(made)})


@get("/uploads/{upload_id:int}", summary="How far an upload is")
async def show(
    upload_id: FromPath[int],
    connection: NamedDependency[AsyncConnection],
    book_id: NamedDependency[int],
    owner: NamedDependency[str | None],
) -> Response[Upload]:
    """An upload of which a source or clip was made is none any more."""
    found = await find_upload(connection, book_id, upload_id, owner)
    return Response(found, headers=_told(found))


@head("/uploads/{upload_id:int}", summary="Where to go on")
async def offset(
    upload_id: FromPath[int],
    connection: NamedDependency[AsyncConnection],
    book_id: NamedDependency[int],
    owner: NamedDependency[str | None],
) -> Response[None]:
    """`Upload-Offset` bytes have arrived."""
    return Response(None, headers=_told(await find_upload(connection, book_id, upload_id, owner)))


@patch(
    "/uploads/{upload_id:int}",
    opt={"streams_body": True, "action": "upload.append"},
    status_code=204,
    request_max_body_size=None,
    summary="Append bytes",
)
async def add(
    upload_id: FromPath[int],
    at: _Offset,
    request: Request[Any, Any, Any],
    engine: NamedDependency[AsyncEngine],
    storage: NamedDependency[Storage],
    book_id: NamedDependency[int],
    owner: NamedDependency[str | None],
    checksum: _Checksum = None,
) -> Response[None]:
    """Any number of bytes (`application/offset+octet-stream`). Where the connection breaks, what came before is kept;
    with `Upload-Checksum`, all or nothing of this body is. One request at a time may append.
    """
    if request.content_type[0] != "application/offset+octet-stream":
        raise InvalidUpload("Content-Type", request.content_type[0], "must be application/offset+octet-stream")
    digest = None if checksum is None else _digest(checksum)
    done = await append(engine, storage, (book_id, upload_id), at, _arriving(request), digest, owner)
    return Response(None, status_code=204, headers=_told(done))


@delete("/uploads/{upload_id:int}", opt={"action": "upload.cancel"}, summary="Give an upload up")
async def cancel(
    upload_id: FromPath[int],
    connection: NamedDependency[AsyncConnection],
    book_id: NamedDependency[int],
    owner: NamedDependency[str | None],
) -> None:
    """Its bytes are deleted."""
    await cancel_upload(connection, book_id, upload_id, owner)


async def _arriving(request: Request[Any, Any, Any]) -> AsyncIterator[bytes]:
    """The body as it comes; it ends, too, where the sender broke off."""
    blocks = request.stream()
    while True:
        try:
            yield await anext(blocks)
        except (StopAsyncIteration, InternalServerException):  # the latter is how a broken connection is told
            return


def _digest(checksum: str) -> tuple[str, bytes]:
    """Raises InvalidUpload."""
    name, _, encoded = checksum.partition(" ")
    try:
        digest = base64.b64decode(encoded, validate=True)
    except (binascii.Error, ValueError):
        digest = b""
    if name not in _CHECKSUMS or len(digest) != hashlib.new(name, usedforsecurity=False).digest_size:
        rule = f"{', '.join(_CHECKSUMS)}, then a space and the digest in base64"
        raise InvalidUpload("Upload-Checksum", checksum, rule)
    return name, digest


def _told(upload: Upload) -> dict[str, str]:
    return {
        "Tus-Resumable": PROTOCOL,
        "Upload-Offset": str(upload.received),
        "Upload-Length": str(upload.length),
        "Upload-Expires": upload.expires_at.strftime("%a, %d %b %Y %H:%M:%S GMT"),
        "Cache-Control": "no-store",
    }


READING = [show, offset]
WRITING = [create, cancel]
APPENDING = [add]  # its `book_id` must not come of the request's transaction, which begins after the last byte
