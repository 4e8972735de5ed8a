"""How routes that answer with a file, too, are documented: Litestar knows one media type for each route."""

from dataclasses import dataclass
from typing import ClassVar

from litestar.openapi.spec import OpenAPIMediaType, OpenAPIResponse, OpenAPIType, Operation, Schema

from ledger.exports import MEDIA_TYPES


@dataclass
class AlsoCsv(Operation):
    """A text/csv answer beside the one that is known."""

    media_types: ClassVar[list[str]] = [MEDIA_TYPES["csv"]]

    def __post_init__(self) -> None:
        """Add the media types to the answer of 200."""
        answer = (self.responses or {}).get("200")
        assert isinstance(answer, OpenAPIResponse)
        file = OpenAPIMediaType(schema=Schema(type=OpenAPIType.STRING))
        answer.content = {**(answer.content or {}), **dict.fromkeys(self.media_types, file)}


@dataclass
class AlsoAnyFormat(AlsoCsv):
    """Every format of an export."""

    media_types: ClassVar[list[str]] = [*MEDIA_TYPES.values()]
