"""How a request says where a video's bytes lie."""

from collections.abc import Sequence
from pathlib import Path
from typing import Annotated

import msgspec
from sqlalchemy.ext.asyncio import AsyncConnection

from media.errors import InvalidPlace
from media.places import Place, file_place, object_place
from media.storage import Storage
from media.uploads import use_upload

READ = {"scope": "media:read"}
WRITE = {"scope": "media:write"}
IMPORT = {"scope": "media:import"}


class Video(msgspec.Struct, kw_only=True, forbid_unknown_fields=True):
    """Where the service finds it: exactly one of a file's path below one of CLIPLEDGER_MEDIA_FOLDERS, and a key of the
    object store.
    """

    path: Annotated[str | None, msgspec.Meta(examples=["/srv/streams/2026-10-05.mp4"])] = None
    key: Annotated[str | None, msgspec.Meta(examples=["recordings/2026-10-05.mp4"])] = None


async def place_of(video: Video, storage: Storage, folders: Sequence[Path]) -> Place:
    """Raises InvalidPlace, PlaceNotAllowed, VideoFileNotFound."""
    if (video.path is None) == (video.key is None):
        raise InvalidPlace("video", None, "names exactly one of path and key")
    if video.path is not None:
        return file_place(Path(video.path), folders)
    place = object_place(video.key or "")
    await storage.size(place.name)
    return place


async def uploaded(connection: AsyncConnection, book_id: int, upload_id: int | None) -> Place | None:
    """The place of a whole upload of the host's own; None where none is named. Raises as `use_upload`."""
    return None if upload_id is None else await use_upload(connection, book_id, upload_id)
