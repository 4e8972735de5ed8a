"""Files for the bank: made of what a run has filed, downloaded, and answered by the bank.

A file holds payees' whole account numbers, so that it is for finance alone.
"""

from datetime import date
from typing import Annotated, Any

import msgspec
from litestar import Request, Response, get, post
from litestar.di import NamedDependency
from litestar.openapi import ResponseSpec
from litestar.openapi.spec import Example
from litestar.params import Body, FromPath, JSONBody
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from ledger.money import BIGINT_MAX
from settlement.api.scopes import APPROVE, IMPORT, READ
from settlement.closing import Person
from settlement.payouts import file_answers, files, runs
from settlement.payouts.file_answers import LARGEST_ANSWER, Answered
from settlement.payouts.files import PayoutFile
from settlement.payouts.filing import Maker
from settlement.payouts.halts import Rails

_XML = {200: ResponseSpec(bytes, media_type="application/xml", generate_examples=False, description="The file.")}
_ANSWER = (
    '<Document xmlns="urn:iso:std:iso:20022:tech:xsd:pain.002.001.10"><CstmrPmtStsRpt><GrpHdr><MsgId>A1</MsgId>'
    "<CreDtTm>2026-11-23T12:00:00+01:00</CreDtTm></GrpHdr><OrgnlGrpInfAndSts><OrgnlMsgId>CL0123</OrgnlMsgId>"
    "<OrgnlMsgNmId>pain.001</OrgnlMsgNmId><GrpSts>ACSP</GrpSts></OrgnlGrpInfAndSts></CstmrPmtStsRpt></Document>"
)
_Answer = Annotated[
    bytes,
    Body(
        media_type="application/xml",
        title="The bank's answer",
        description="An ISO 20022 pain.002 of any version, as the bank gives it out.",
        examples=[Example(value=_ANSWER)],
    ),
]
_Number = Annotated[int, msgspec.Meta(ge=1, le=BIGINT_MAX)]


class NewFile(msgspec.Struct, kw_only=True, forbid_unknown_fields=True):
    """The day on which the bank shall pay: the run's, unless it is said."""

    execute_on: Annotated[date | None, msgspec.Meta(examples=["2026-11-30"])] = None


class NotPaid(msgspec.Struct, kw_only=True, forbid_unknown_fields=True):
    """Why it is certain, and of which payouts; without them of all that the bank has said nothing final about."""

    reason: Annotated[str, msgspec.Meta(min_length=1, max_length=500, examples=["The bank never got the file."])]
    payouts: Annotated[list[_Number], msgspec.Meta(min_length=1, max_length=100_000)] | None = None


class AnswerRequest(Request[Any, Any, Any]):
    """Takes a body as it is; Litestar reads all but forms as JSON."""

    async def json(self) -> bytes:
        """The file."""
        return await self.body()


@post(
    "/payout-runs/{run_id:int}/files",
    opt={**IMPORT, "action": "payout-file.make"},
    summary="Make a file for the bank",
)
async def make(
    run_id: FromPath[int],
    data: JSONBody[NewFile],
    engine: NamedDependency[AsyncEngine],
    book_id: NamedDependency[int],
    book: FromPath[str],
    rails: NamedDependency[Rails],
    person: NamedDependency[Person],
) -> Response[PayoutFile]:
    """Of all that is approved and in no file yet. From then on it counts as sent, for whoever may download the file may
    give it to the bank.
    """
    made = await Maker(engine, rails).make(book_id, run_id, person, data.execute_on)
    return Response(made, headers={"Location": f"/v1/books/{book}/payout-files/{made.file_id}"})


@get("/payout-runs/{run_id:int}/files", opt=READ, summary="A run's files for the bank")
async def list_all(
    run_id: FromPath[int], connection: NamedDependency[AsyncConnection], book_id: NamedDependency[int]
) -> list[PayoutFile]:
    """Newest first: a second one is of what was refused and tried again."""
    await runs.find_run(connection, book_id, run_id)
    return await files.list_files(connection, book_id, run_id)


@get("/payout-files/{file_id:int}", opt=READ, summary="A file for the bank")
async def show(
    file_id: FromPath[int], connection: NamedDependency[AsyncConnection], book_id: NamedDependency[int]
) -> PayoutFile:
    """What it sums up to, and what the bank has said of it."""
    return await files.find_file(connection, book_id, file_id)


@get(
    "/payout-files/{file_id:int}/payments.xml",
    opt=IMPORT,
    media_type="application/xml",
    responses=_XML,
    summary="Download a file for the bank",
)
async def download(
    file_id: FromPath[int], connection: NamedDependency[AsyncConnection], book_id: NamedDependency[int]
) -> Response[bytes]:
    """ISO 20022 pain.001.001.09; the same bytes each time. Refused once the bank has refused some of it."""
    found = await files.find_file(connection, book_id, file_id)
    content = await files.content_of(connection, book_id, file_id)
    headers = {"Content-Disposition": f'attachment; filename="{found.name}"', "Cache-Control": "no-store"}
    return Response(content, media_type="application/xml", headers=headers)


@post(
    "/payout-files/{file_id:int}/status",
    opt={**IMPORT, "action": "payout-file.answer"},
    request_class=AnswerRequest,
    request_max_body_size=LARGEST_ANSWER,
    status_code=200,
    summary="Send the bank's answer",
)
async def answer(
    file_id: FromPath[int],
    data: _Answer,
    engine: NamedDependency[AsyncEngine],
    book_id: NamedDependency[int],
    actor: NamedDependency[str],
) -> Answered:
    """What the bank rejects is refused, and may be tried again; what it takes stays sent until a statement shows it.
    An answer that names another file, or a payment that this one does not hold, is refused whole.
    """
    return await file_answers.receive_answer(engine, book_id, file_id, data, actor)


@post(
    "/payout-files/{file_id:int}/not-paid",
    opt={**APPROVE, "action": "payout-file.not-paid"},
    status_code=200,
    summary="Say that the bank has not paid, and won't",
)
async def declare(
    file_id: FromPath[int],
    data: JSONBody[NotPaid],
    engine: NamedDependency[AsyncEngine],
    book_id: NamedDependency[int],
    rails: NamedDependency[Rails],
    person: NamedDependency[Person],
) -> PayoutFile:
    """By another person than made the file: it never got to the bank, or the bank says so without a file of its own.
    Refused where the bank has settled, or a statement shows it.
    """
    return await file_answers.Undone(engine, rails).declare(book_id, file_id, person, data.reason, data.payouts)


HOST_ROUTES = [make, list_all, show, download, answer, declare]
