"""How fast a rail is called: never more than so many calls a second, and none while it asks for patience."""

import asyncio
from collections.abc import Awaitable, Callable

Sleep = Callable[[float], Awaitable[None]]
Seconds = Callable[[], float]


class Pace:
    """Turns to call, evenly spaced. One for each process and rail; unlimited where `per_second` is None."""

    def __init__(
        self, per_second: float | None, *, sleep: Sleep = asyncio.sleep, seconds: Seconds | None = None
    ) -> None:
        self._gap = 0.0 if per_second is None else 1 / per_second
        self._sleep = sleep
        self._seconds = seconds or (lambda: asyncio.get_running_loop().time())
        self._next = 0.0

    async def turn(self) -> None:
        """Returns when it is the caller's turn."""
        now = self._seconds()
        its = max(now, self._next)
        self._next = its + self._gap
        if its > now:
            await self._sleep(its - now)

    def hold(self, seconds: float) -> None:
        """No turn before so many seconds have passed."""
        self._next = max(self._next, self._seconds() + seconds)
