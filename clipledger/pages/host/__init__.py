"""The pages of the host's space."""

from litestar import Router

routes: list[Router] = []
