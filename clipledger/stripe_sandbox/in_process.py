"""The SDK on a sandbox without a socket: `StripeClient(API_KEY, http_client=InProcess(sandbox))`."""

from typing import NoReturn

import httpx
import stripe

from clipledger.stripe_sandbox.sandbox import ConnectionFault, Failing, Sandbox


class SandboxTransport(httpx.AsyncBaseTransport):
    """Answers from the sandbox; its connection faults are httpx's exceptions."""

    def __init__(self, sandbox: Sandbox) -> None:
        self.sandbox = sandbox

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        body = await request.aread()
        path = request.url.raw_path.decode("ascii")
        try:
            answer = self.sandbox.handle(request.method, path, dict(request.headers), body)
        except ConnectionFault as fault:
            fail(fault.how, request)
        return httpx.Response(answer.status, headers=answer.headers, content=answer.body, request=request)


def fail(how: Failing, request: httpx.Request) -> NoReturn:
    """Raise what httpx would."""
    if how == "refused":
        raise httpx.ConnectError("All connection attempts failed", request=request)
    if how == "timeout":
        raise httpx.ReadTimeout("", request=request)
    raise httpx.RemoteProtocolError("Server disconnected without sending a response.", request=request)


class InProcess(stripe.HTTPXClient):
    """What a StripeClient takes as `http_client`. Only its asynchronous methods work.

    It may be given another sandbox later, `client.transport.sandbox = …`: making one costs more than a sandbox does.
    """

    def __init__(self, sandbox: Sandbox) -> None:
        super().__init__(verify_ssl_certs=False)
        self.transport = SandboxTransport(sandbox)
        self._client_async = httpx.AsyncClient(transport=self.transport, verify=False)  # noqa: S501 - it opens no socket
