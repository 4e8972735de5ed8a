"""A clipper's pages: what was earned, what is held and until when, and why."""

from litestar import Router

from clipledger.pages.clipper import earnings

routes: list[Router] = [earnings.dashboard]
