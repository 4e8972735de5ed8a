"""Idempotency keys and rates: what a request meets before its endpoint, and what a repeated one is answered."""

from dataclasses import dataclass

from clipledger.stripe_sandbox.refusals import key_in_use, other_endpoint, other_parameters, rate_limited

KEPT = 24 * 3600
"""Seconds for which Stripe keeps a key; after that it is a new one."""

Scope = tuple[str, str]
"""Account and key."""


@dataclass(frozen=True, slots=True)
class Saved:
    """The answer to the first request that executed under a key."""

    at: float
    endpoint: str
    parameters: bytes
    status: int
    body: bytes
    request_id: str


class IdempotencyKeys:
    """Which keys have answers, and which are in use by a request under way."""

    def __init__(self) -> None:
        self._saved: dict[Scope, Saved] = {}
        self._in_use: set[Scope] = set()

    def find(self, scope: Scope, endpoint: str, parameters: bytes, now: float) -> Saved | None:
        """The answer to give again. Raises Refusal if the key is in use or was used for something else."""
        if scope in self._in_use:
            raise key_in_use(scope[1])
        saved = self._saved.get(scope)
        if saved is None or now - saved.at >= KEPT:
            return None
        if saved.endpoint != endpoint:
            raise other_endpoint(scope[1], saved.endpoint, endpoint)
        if saved.parameters != parameters:
            raise other_parameters(scope[1])
        return saved

    def save(self, scope: Scope, saved: Saved) -> None:
        self._saved[scope] = saved

    def forget(self, scope: Scope) -> None:
        """As if a day had passed."""
        self._saved.pop(scope, None)

    def claim(self, scope: Scope) -> bool:
        """Whether no other request under way uses it; until `release` it is in use."""
        if scope in self._in_use:
            return False
        self._in_use.add(scope)
        return True

    def release(self, scope: Scope) -> None:
        self._in_use.discard(scope)


class Rates:
    """A bucket of tokens for each endpoint and one for all: so many requests a second, as many at once."""

    def __init__(self, endpoint: float | None, overall: float | None) -> None:
        self.endpoint = endpoint
        self.overall = overall
        self._buckets: dict[str, tuple[float, float]] = {}

    def take(self, endpoint: str, now: float) -> None:
        """Raises Refusal."""
        if self.overall is not None and not self._has("", self.overall, now):
            raise rate_limited("global-rate")
        if self.endpoint is not None and not self._has(endpoint, self.endpoint, now):
            raise rate_limited("endpoint-rate")

    def _has(self, name: str, rate: float, now: float) -> bool:
        tokens, since = self._buckets.get(name, (rate, now))
        tokens = min(rate, tokens + (now - since) * rate)
        enough = tokens >= 1
        self._buckets[name] = (tokens - enough, now)
        return enough
