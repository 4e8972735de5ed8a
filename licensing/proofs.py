"""Proof that a clipper controls an account, found without a person: any class that can tell is one.

What a platform shows of an account is fetched by whoever has access to that platform; here stands only what to
look for.
"""

from typing import Protocol


class Proof(Protocol):
    """A way to prove control; `name` says in the handle's record how it was proved."""

    @property
    def name(self) -> str:
        """Lower-case letters and hyphens."""
        ...

    async def proves(self, platform: str, handle: str, code: str) -> bool:
        """Whether who has been told the code controls the account. False is no refusal: it may be too early."""
        ...


class Profiles(Protocol):
    """The public profiles of accounts, as a platform shows them to anybody."""

    async def text_of(self, platform: str, handle: str) -> str | None:
        """All that the account's owner has written there; None where there is no such account."""
        ...


class CodeInProfile:
    """The code stands in the account's public profile, where only its owner can have put it."""

    name = "code-in-profile"

    def __init__(self, profiles: Profiles) -> None:
        self._profiles = profiles

    async def proves(self, platform: str, handle: str, code: str) -> bool:
        """In any case of letters, because some platforms write profiles their own way."""
        said = await self._profiles.text_of(platform, handle)
        return said is not None and code.casefold() in said.casefold()
