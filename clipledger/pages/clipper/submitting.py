"""Handing a clip in: the licence, the words, and the video, which comes as `clipledger.pages.uploading` tells."""

from typing import Annotated, Any

from litestar import Request, Response
from litestar.di import NamedDependency
from litestar.params import QueryParameter
from sqlalchemy.ext.asyncio import AsyncConnection

from clipledger.pages.routes import after, asked, page, sent_form
from clipledger.pages.uploading import LARGEST_FORM, upload
from clipledger.pages.view import View
from clipledger.web.session_cookie import SessionCookie
from ledger.money import BIGINT_MAX
from licensing.own_clips import licences_for_clips

_Grant = Annotated[int | None, QueryParameter(name="grant", ge=1, le=BIGINT_MAX)]


async def hand_in(request: Request[Any, Any, Any], session_cookie: NamedDependency[SessionCookie]) -> Response[Any]:
    """The form's `grant` says where to; a file in it is uploaded first. Then the clip is submitted, and whoever sent it
    goes on to its page.
    """
    sent, file = await sent_form(request)
    grant = str(sent.body.pop("grant", "0"))
    sent.own["_operation"] = sent.own.get("_operation", "").replace("{grant}", grant)
    if file is not None:
        uploaded = await upload(request, sent, file, f"{sent.path.rpartition('/')[0]}/uploads")
        if not uploaded.good:
            return await after(request, session_cookie, sent, uploaded)
    answer = await asked(request, sent)
    if answer.problem and answer.problem.field == "upload":
        sent.typed["upload"] = ""
    return await after(request, session_cookie, sent, answer)


@page("/clippers/{clipper:int}/submit", space="clipper", scope="party:write", largest_body=LARGEST_FORM, takes=hand_in)
async def submitting(
    view: NamedDependency[View],
    connection: NamedDependency[AsyncConnection],
    party_id: NamedDependency[int],
    grant: _Grant = None,
) -> Response[str]:
    """Under a licence that lives; with `grant`, that one is chosen."""
    licences = await licences_for_clips(connection, party_id)
    return view.render("clipper/submit.html", licences=licences, chosen=grant, largest=LARGEST_FORM)
