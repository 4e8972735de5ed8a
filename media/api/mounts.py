"""Where a room's route modules are mounted: each lists its routes by whose paths they are under."""

from collections.abc import Mapping, Sequence
from types import ModuleType

from litestar import Router
from litestar.di import Provide

_PATHS = {
    "HOST_ROUTES": "/v1/books/{book:str}",
    "CLIPPER_ROUTES": "/v1/clippers/{clipper:int}",
    "AGENCY_ROUTES": "/v1/agencies/{agency:int}",
    "SERVICE_ROUTES": "/v1",
    "PAGE_ROUTES": "/",
}
"""By the name of a module's list."""


def mounted(
    tags: Mapping[str, Sequence[ModuleType]], dependencies: Mapping[str, Mapping[str, Provide]] | None = None
) -> list[Router]:
    """The modules' routes, each with its module's tag; `dependencies`, by the name of the lists, are of all in them."""
    own = dependencies or {}
    return [
        Router(path, route_handlers=_tagged(tags, name), dependencies=own.get(name)) for name, path in _PATHS.items()
    ]


def _tagged(tags: Mapping[str, Sequence[ModuleType]], name: str) -> list[Router]:
    return [
        Router("", route_handlers=routes, tags=[tag])
        for tag, modules in tags.items()
        for module in modules
        if (routes := getattr(module, name, ()))
    ]
