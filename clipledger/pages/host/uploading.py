"""Forms of a host with a video in them: the video is uploaded to the book first."""

from typing import Any

from litestar import Request, Response
from litestar.di import NamedDependency

from clipledger.pages.routes import after, asked, sent_form
from clipledger.pages.uploading import upload
from clipledger.web.session_cookie import SessionCookie


async def with_video(request: Request[Any, Any, Any], session_cookie: NamedDependency[SessionCookie]) -> Response[Any]:
    """What a page does with its forms, of which some bring a file."""
    sent, file = await sent_form(request)
    if file is not None and file.filename:
        uploaded = await upload(request, sent, file, f"/v1/books/{request.path_params['book']}/uploads")
        if not uploaded.good:
            return await after(request, session_cookie, sent, uploaded)
    answer = await asked(request, sent)
    if answer.problem and answer.problem.field == "upload":
        sent.typed["upload"] = ""  # it is no good, so it is not shown again
    return await after(request, session_cookie, sent, answer)
