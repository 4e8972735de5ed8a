"""A request's way to its answer: who asks, how often, under which key, with what; then the endpoint.

Refusals before the endpoint executes are forgotten; what comes after is what its idempotency key answers for a day.
"""

import base64
import binascii
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import msgspec

from clipledger.stripe_sandbox import accounts, forms, onboarding, refusals, transfers
from clipledger.stripe_sandbox.endpoints import Call
from clipledger.stripe_sandbox.events import API_VERSION
from clipledger.stripe_sandbox.expanding import expanded
from clipledger.stripe_sandbox.faults import Fault, Kind
from clipledger.stripe_sandbox.keys import IdempotencyKeys, Rates, Saved, Scope
from clipledger.stripe_sandbox.outbox import Outbox
from clipledger.stripe_sandbox.parameters import checked
from clipledger.stripe_sandbox.refusals import Refusal
from clipledger.stripe_sandbox.routes import Route, route
from clipledger.stripe_sandbox.state import Holder, State
from clipledger.stripe_sandbox.tables import Thing

SERVER = "clipledger-stripe-sandbox (not Stripe)"


@dataclass(slots=True)
class Response:
    status: int
    headers: dict[str, str]
    body: bytes

    def json(self) -> Any:
        return msgspec.json.decode(self.body)


@dataclass(slots=True)
class Request:
    id: str
    method: str
    path: str
    query: str
    headers: Mapping[str, str]
    body: bytes
    fault: Fault | None = None
    api_key: str = ""
    given: Thing = field(default_factory=dict)

    @property
    def key(self) -> str | None:
        """The idempotency key; only POST has one."""
        return self.headers.get("idempotency-key") if self.method == "POST" else None

    def suffers(self, *kinds: Kind) -> bool:
        return self.fault is not None and self.fault.kind in kinds


class Answering:
    """Answers requests on a state."""

    def __init__(self, state: State, outbox: Outbox, keys: IdempotencyKeys, rates: Rates, api_key: str) -> None:
        self.state = state
        self.outbox = outbox
        self.keys = keys
        self.rates = rates
        self.api_key = api_key

    def answer(self, request: Request) -> Response:
        try:
            found, holder, ids = self._admit(request)
            request.given = forms.decode(request.body if request.method == "POST" else request.query)
            scope = (holder.id, request.key) if request.key else None
            saved = self._saved(request, scope)
            if saved is not None:
                return self._respond(request, saved.status, saved.body, replayed=saved.request_id)
            call = self._call(request, found, holder, ids)
        except Refusal as refusal:
            return self._refuse(request, refusal)
        return self._execute(request, found, call, scope)

    def _admit(self, request: Request) -> tuple[Route, Holder, list[str]]:
        """Whether the request may come in at all. Raises Refusal."""
        request.api_key = self._authenticated(request)
        version = request.headers.get("stripe-version", API_VERSION)
        if version != API_VERSION:
            raise refusals.wrong_version(version, API_VERSION)
        found, ids = route(request.method, request.path)
        if found is None:
            raise refusals.unknown_url(request.method, request.path)
        holder = self._on_behalf_of(request, found)
        self._refuse_by_fault(request)
        self.rates.take(found.name, self.state.now)
        return found, holder, ids

    def _authenticated(self, request: Request) -> str:
        """The API key. A restricted one (rk_test_…) may only read."""
        key = _bearer(request.headers.get("authorization", ""))
        if not key:
            raise refusals.no_api_key()
        if request.suffers("api_key_expired"):
            raise refusals.expired_api_key(key)
        if key.startswith("rk_test_") and request.method != "GET":
            raise refusals.not_permitted(key)
        if key != self.api_key and not key.startswith("rk_test_"):
            raise refusals.wrong_api_key(key)
        return key

    def _on_behalf_of(self, request: Request, found: Route) -> Holder:
        account_id = request.headers.get("stripe-account")
        if account_id is None or account_id == self.state.platform.id:
            return self.state.platform
        holder = self.state.holders.get(account_id)
        if holder is None or not holder.connected or not found.on_behalf:
            raise refusals.no_access(request.api_key, account_id)
        return holder

    def _refuse_by_fault(self, request: Request) -> None:
        if request.suffers("conflict"):
            raise refusals.key_in_use(request.key or "")
        if request.suffers("rate_limited"):
            raise refusals.rate_limited("endpoint-rate")
        if request.suffers("locked"):
            raise refusals.locked()
        if request.suffers("error_before"):
            raise refusals.broken()

    def _saved(self, request: Request, scope: Scope | None) -> Saved | None:
        if scope is None:
            return None
        if len(scope[1]) > 255:
            raise Refusal("Idempotency keys can have up to 255 characters.")
        if request.suffers("idempotency_key_expired"):
            self.keys.forget(scope)
        parameters = msgspec.json.encode(request.given, order="deterministic")
        return self.keys.find(scope, request.path, parameters, self.state.now)

    def _call(self, request: Request, found: Route, holder: Holder, ids: list[str]) -> Call:
        values = checked(found.takes, request.given)
        base_url = "http://" + request.headers.get("host", "localhost")
        return Call(self.state, self.outbox, holder, ids, values, request.api_key, base_url)

    def _execute(self, request: Request, found: Route, call: Call, scope: Scope | None) -> Response:
        """From here on the answer is remembered under its key, whatever it is."""
        self.state.request = {"id": request.id, "idempotency_key": request.key}
        try:
            thing = self._run(request, found, call)
            response = self._respond(request, 200, msgspec.json.encode(thing))
        except Refusal as refusal:
            response = self._refuse(request, refusal)
        finally:
            self.state.request = {"id": None, "idempotency_key": None}
        if scope is not None:
            parameters = msgspec.json.encode(request.given, order="deterministic")
            saved = Saved(self.state.now, request.path, parameters, response.status, response.body, request.id)
            self.keys.save(scope, saved)
        return response

    def _run(self, request: Request, found: Route, call: Call) -> Thing:
        self._between(request, call)
        if request.suffers("error_saved"):
            raise refusals.broken()
        if request.suffers("balance_short"):
            raise refusals.short_balance()
        thing = found.run(call)
        if request.suffers("error_after"):
            raise refusals.broken()
        if request.suffers("reversed_later") and thing["object"] == "transfer":
            assert request.fault is not None
            transfer = thing
            self.state.later(self.state.now + request.fault.delay, lambda: self._take_back(transfer))
        return expanded(thing, call.values.get("expand", []), self.state.things)

    def _between(self, request: Request, call: Call) -> None:
        """What befalls a transfer's destination between the caller's check and the call."""
        holder = self.state.holders.get(call.values.get("destination", ""))
        if holder is None or holder is self.state.platform:
            return
        if request.suffers("capability_lost"):
            onboarding.set_capability(
                self.state, holder, "transfers", "inactive", due=("individual.verification.document",)
            )
        elif request.suffers("deauthorized"):
            accounts.deauthorize(self.state, holder)

    def _take_back(self, transfer: Thing) -> None:
        if not transfer["reversed"]:
            transfers.reverse(self.state, transfer, {}, forced=True)

    def _refuse(self, request: Request, refusal: Refusal) -> Response:
        response = self._respond(request, refusal.status, msgspec.json.encode(refusal.body()))
        response.headers.update(refusal.headers)
        return response

    def _respond(self, request: Request, status: int, body: bytes, replayed: str | None = None) -> Response:
        headers = {
            "Content-Type": "application/json",
            "Server": SERVER,
            "Request-Id": request.id,
            "Stripe-Version": API_VERSION,
        }
        if request.key:
            headers["Idempotency-Key"] = request.key
        if replayed:
            headers["Idempotent-Replayed"] = "true"
            headers["Original-Request"] = replayed
        if status >= 500:
            headers["Stripe-Should-Retry"] = "true" if request.suffers("error_before") else "false"
        return Response(status, headers, body)


def _bearer(authorization: str) -> str:
    """The API key of Bearer auth, or of Basic auth as the user name."""
    scheme, _, value = authorization.partition(" ")
    if scheme.lower() == "basic":
        try:
            return base64.b64decode(value, validate=True).decode().partition(":")[0]
        except (binascii.Error, UnicodeDecodeError):
            return ""
    return value.strip() if scheme.lower() == "bearer" else ""
