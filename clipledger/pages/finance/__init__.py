"""The pages of the finance's space."""

from litestar import Router

routes: list[Router] = []
