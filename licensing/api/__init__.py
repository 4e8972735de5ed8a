"""HTTP for hosts, clippers, agencies and operators."""

from litestar import Router

router = Router("/v1", route_handlers=[])
