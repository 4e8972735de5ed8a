"""HTTP for hosts and their agencies: uploads, sources, clips and what they show, under /v1/books/{book}.

Handlers parse, call one function of the room, and answer. What they take for granted is the front door's: the
transaction (`connection`), who asks (`actor`), that they may (`opt={"scope": …}`), which book the path's `{book}` is
(`book_id`), where bytes lie (`storage`, `folders`), and the `engine` for what must not wait inside a transaction.
"""

from litestar import Router
from litestar.di import Provide

from media.api import clips, sources, uploads
from media.api.places import READ, WRITE

_hosts_own = {"owner": Provide(lambda: None, sync_to_thread=False)}

router = Router(
    "/v1/books/{book:str}",
    route_handlers=[
        Router("", route_handlers=uploads.READING, opt=READ, dependencies=_hosts_own, tags=["uploads"]),
        Router(
            "",
            route_handlers=[*uploads.WRITING, *uploads.APPENDING],
            opt=WRITE,
            dependencies=_hosts_own,
            tags=["uploads"],
        ),
        Router("", route_handlers=sources.ROUTES, tags=["sources"]),
        Router("", route_handlers=clips.ROUTES, tags=["clips"]),
    ],
)
