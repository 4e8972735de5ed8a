"""A form's video: uploaded ahead of the form's own operation, through the API's operations for uploads.

A browser with script does that by itself, in pieces (`static/upload.js`), and then sends the upload's number. Without,
it sends the file with the form as one multipart body: that is spooled to the disk as it arrives, for its length must be
known before an upload is announced, and goes from there, block by block. What was uploaded is not lost where the form
is refused then: it is shown again with the upload's number in it.
"""

from secrets import token_urlsafe
from typing import Any

from litestar import Request
from litestar.datastructures import UploadFile

from clipledger.pages.forms import Sent
from clipledger.pages.operations import Answer, call
from clipledger.pages.routes import blocks_of

LARGEST_FORM = 4 * 1024**3
"""Bytes of a video that is sent without script; with it, an upload's own limit holds."""
_END = 2
"""Of `SEEK_END`."""


async def upload(request: Request[Any, Any, Any], sent: Sent, file: UploadFile, place: str) -> Answer:
    """Upload the file to `place`, an address for uploads, and put its number into the form; the answer says whether
    that was done.
    """
    try:
        length = file.file.seek(0, _END)
        await file.seek(0)
        known = {"X-CSRF-Token": sent.own.get("_csrf", "")}
        announced = {**known, "Idempotency-Key": token_urlsafe(), "Upload-Length": str(length)}
        made = await call(request, "POST", place, headers=announced)
        if not made.good:
            return made
        number = str(made.value["upload_id"])
        head = {**known, "Upload-Offset": "0", "Content-Type": "application/offset+octet-stream"}
        done = await call(request, "PATCH", f"{place}/{number}", headers=head, body=blocks_of(file))
    finally:
        await file.close()
    if done.good:
        sent.typed["upload"] = sent.body["upload"] = number
    return done
