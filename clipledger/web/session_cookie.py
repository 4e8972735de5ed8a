"""The cookie of a password session."""

from dataclasses import dataclass

from litestar.datastructures import Cookie

from clipledger.access.sessions import LONGEST


@dataclass(frozen=True)
class SessionCookie:
    """Out of scripts' reach, not sent with other sites' forms, over https bound to this host alone."""

    public_url: str

    @property
    def secure(self) -> bool:
        """Whether browsers reach the service by https."""
        return self.public_url.startswith("https://")

    @property
    def name(self) -> str:
        """`__Host-` makes browsers refuse it from any subdomain and without Secure (RFC 6265bis, 4.1.3)."""
        return "__Host-clipledger" if self.secure else "clipledger"

    def holding(self, token: str) -> Cookie:
        """For logging in."""
        return self._cookie(token, int(LONGEST.total_seconds()))

    def gone(self) -> Cookie:
        """For logging out."""
        return self._cookie("", 0)

    def _cookie(self, value: str, max_age: int) -> Cookie:
        return Cookie(
            self.name,
            value=value,
            max_age=max_age,
            path="/",
            secure=self.secure,
            httponly=True,
            samesite="lax",
        )
