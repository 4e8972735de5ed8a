"""The pages of the operator's space."""

from litestar import Router

routes: list[Router] = []
