"""HTTP for hosts, clippers, agencies and operators: under /v1/books/{book}, /v1/clippers/{clipper},
/v1/agencies/{agency} and /v1.

Handlers parse, call one function of the room, and answer. What they take for granted is the front door's: the
transaction (`connection`), who asks (`actor`, from `ip`), that they may (`opt={"scope": …}`), which book the path's
`{book}` is (`book_id`) and which party its `{clipper}` or `{agency}` (`party_id`), who is a user (`people`), and what
was accrued (`accruals`).
"""

from types import ModuleType

from litestar.di import Provide

from licensing.api import (
    agencies,
    applications,
    bulk,
    cases,
    certificates,
    claims,
    clip_pictures,
    events,
    grants,
    handles,
    judge,
    matching,
    notices,
    offers,
    parties,
    policies,
    publications,
    submissions,
    webhooks,
)
from licensing.api.books import book_of_path
from media.api.mounts import mounted

_TAGS: dict[str, tuple[ModuleType, ...]] = {
    "parties": (parties, handles, agencies),
    "offers": (offers, policies, matching),
    "applications": (applications,),
    "grants": (grants, bulk, certificates),
    "submissions": (submissions, clip_pictures, publications),
    "sales": (judge,),
    "claims": (claims, cases),
    "events": (events, notices, webhooks),
}
_DEPENDENCIES = {"CLIPPER_ROUTES": {"book_id": Provide(book_of_path)}}
"""Beside the front door's: where a clipper's path names a grant, a clip or a claim, `book_id` is its book."""

routers = mounted(_TAGS, _DEPENDENCIES)
