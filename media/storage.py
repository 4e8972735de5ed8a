"""Where uploaded bytes rest: a folder, or the prefix of a bucket, by one URL. Never a file whole in memory."""

import asyncio
import os
import tempfile
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from functools import cached_property
from pathlib import Path
from urllib.parse import urlsplit
from urllib.request import url2pathname

import obstore
from obstore.exceptions import NotFoundError
from obstore.store import LocalStore, ObjectStore, from_url

from media.errors import VideoFileNotFound
from media.places import Place, unmoved

_BLOCK = 4 * 1024 * 1024


class Storage:
    """Objects by key. A folder's are files, which ffmpeg reads where they are."""

    def __init__(self, url: str) -> None:
        """Of a URL such as s3://bucket/prefix or file:///srv/media; a folder is made where it is missing.

        What a bucket needs beyond its name is read from the environment, as its vendor's own tools do.
        """
        self._url = url
        self._folder = Path(url2pathname(urlsplit(url).path)) if url.startswith("file:") else None

    @cached_property
    def _store(self) -> ObjectStore:
        """Opened by the first who needs it: a service that has no videos needs neither folder nor bucket."""
        return from_url(self._url) if self._folder is None else LocalStore(self._folder, mkdir=True)

    async def put(self, key: str, content: bytes | AsyncIterator[bytes]) -> None:
        """Keep an object: wholly or not at all, and for good when this returns."""
        await obstore.put_async(self._store, key, content)
        if self._folder is not None:
            await asyncio.to_thread(_settle, self._folder / key)

    async def join(self, keys: Sequence[str], into: str) -> None:
        """Make one object of several, in their order."""
        await self.put(into, self._contents(keys))

    async def _contents(self, keys: Sequence[str]) -> AsyncIterator[bytes]:
        for key in keys:
            async for block in (await obstore.get_async(self._store, key)).stream(_BLOCK):
                yield bytes(block)

    async def size(self, key: str) -> int:
        """Bytes. Raises VideoFileNotFound."""
        try:
            return int((await obstore.head_async(self._store, key))["size"])
        except (NotFoundError, FileNotFoundError):
            raise VideoFileNotFound("key", key) from None

    async def delete(self, keys: Sequence[str]) -> None:
        """Forget these objects, those that are gone already too."""
        for key in keys:
            try:
                await obstore.delete_async(self._store, key)
            except (NotFoundError, FileNotFoundError):
                continue

    @asynccontextmanager
    async def local(self, place: Place) -> AsyncIterator[Path]:
        """A file to read, for as long as the block lasts; what had to be fetched for it is then removed.

        Raises:
            VideoFileNotFound: the bytes are not there any more.
        """
        if place.kind == "file":
            yield await asyncio.to_thread(unmoved, place)
        elif self._folder is not None:
            await self.size(place.name)
            yield self._folder / place.name
        else:
            with tempfile.TemporaryDirectory(prefix="clipledger-media-") as folder:
                path = Path(folder) / "video"
                await self._fetch(place.name, path)
                yield path

    @asynccontextmanager
    async def all_local(self, places: Mapping[int, Place]) -> AsyncIterator[dict[int, Path]]:
        """Several at once."""
        async with AsyncExitStack() as stack:
            yield {number: await stack.enter_async_context(self.local(place)) for number, place in places.items()}

    async def _fetch(self, key: str, path: Path) -> None:
        await self.size(key)
        with path.open("wb") as file:
            async for block in self._contents([key]):
                await asyncio.to_thread(file.write, block)


def _settle(path: Path) -> None:
    """Have the disk write what so far only the system holds, the file's name included."""
    for settled in (path, path.parent):
        descriptor = os.open(settled, os.O_RDONLY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)
