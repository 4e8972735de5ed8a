"""How often somebody may ask, by the generic cell rate algorithm: one number for each who asks.

Litestar's own limiter keeps and re-encodes every timestamp of the window at each request, so a limit in the
thousands would cost more than the request. Counts are of this process; n processes allow up to n times as
much.
"""

import math
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from clipledger.web.problems import Problem

_MOST_REMEMBERED = 100_000
_ROUNDING = 1e-6  # what sums of clock readings may be off by


@dataclass(frozen=True)
class Limit:
    """At most `quantity` in any burst, refilled evenly over `seconds`."""

    name: str
    quantity: int
    seconds: int


@dataclass(frozen=True)
class Limits:
    """For each user or key; for each address that shows neither; for logging in."""

    principal: Limit = Limit("principal", 6000, 60)
    anonymous: Limit = Limit("anonymous", 600, 60)
    login: Limit = Limit("login", 10, 900)
    login_address: Limit = Limit("login-address", 60, 900)


DEFAULT_LIMITS = Limits()


@dataclass
class RateLimiter:
    """Remembers, for each who asked, the moment at which they will have their whole burst again."""

    limit: Limit
    clock: Callable[[], float] = time.monotonic
    _whole_again: dict[str, float] = field(default_factory=dict)

    def spend(self, who: str) -> Mapping[str, str]:
        """Count one request; returns the headers that tell the client what is left.

        They follow draft-ietf-httpapi-ratelimit-headers-10. Raises Problem 429 with Retry-After.
        """
        now, per_request = self.clock(), self.limit.seconds / self.limit.quantity
        whole_again = max(self._whole_again.get(who, now), now) + per_request
        wait = whole_again - now - self.limit.seconds
        if wait > _ROUNDING:
            headers = {**self._headers(0, wait), "Retry-After": str(_whole(wait))}
            raise Problem(429, "too-many-requests", f"Try again in {_whole(wait)} s.", headers=headers)
        if len(self._whole_again) >= _MOST_REMEMBERED:
            self._forget(now)
        self._whole_again[who] = whole_again
        return self._headers(int(-wait / per_request + _ROUNDING), whole_again - now)

    def _headers(self, remaining: int, seconds: float) -> dict[str, str]:
        limit = self.limit
        return {
            "RateLimit-Policy": f'"{limit.name}";q={limit.quantity};w={limit.seconds}',
            "RateLimit": f'"{limit.name}";r={remaining};t={_whole(seconds)}',
        }

    def _forget(self, now: float) -> None:
        """Drop who has a whole burst anyway, and if that is not enough, everyone: memory stays bounded."""
        self._whole_again = {who: moment for who, moment in self._whole_again.items() if moment > now}
        if len(self._whole_again) >= _MOST_REMEMBERED:
            self._whole_again.clear()


def _whole(seconds: float) -> int:
    return math.ceil(seconds - _ROUNDING)


class LoginAttempts:
    """Counts attempts to log in, for each account from an address and for each address."""

    def __init__(self, limits: Limits) -> None:
        self._accounts = RateLimiter(limits.login)
        self._addresses = RateLimiter(limits.login_address)

    def spend(self, email: str, ip: str | None) -> None:
        """Before the password is looked at. Raises Problem 429."""
        self._addresses.spend(str(ip))
        self._accounts.spend(f"{email.lower()} {ip}")
