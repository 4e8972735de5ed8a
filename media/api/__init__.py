"""HTTP for hosts and their agencies: uploads, sources, clips and what they show, under /v1/books/{book}.

Handlers parse, call one function of the room, and answer. What they take for granted is the front door's: the
transaction (`connection`), who asks (`actor`), that they may (`opt={"scope": …}`), which book the path's `{book}` is
(`book_id`), where bytes lie (`storage`, `folders`), and the `engine` for what must not wait inside a transaction.
"""

from litestar import Router

from media.api import clips, sources, uploads

router = Router(
    "/v1/books/{book:str}",
    route_handlers=[
        Router("", route_handlers=uploads.ROUTES, tags=["uploads"]),
        Router("", route_handlers=sources.ROUTES, tags=["sources"]),
        Router("", route_handlers=clips.ROUTES, tags=["clips"]),
    ],
)
