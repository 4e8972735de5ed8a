"""A report's file: what is known of it, and how far it has been read. Pure."""

from datetime import datetime
from typing import Literal

from msgspec import Struct

OnFault = Literal["park", "refuse"]
"""What becomes of a file with rows that can't be read: the others go on, or it is refused whole."""


class ImportFailure(Struct, frozen=True):
    """Why a report was refused: a stable code, and the sentence for people."""

    code: str
    rule: str


class Import(Struct, frozen=True):
    """A report's file. `rows_read` and `bytes_read` tell how far it is; `changed` are the sales that came or moved.

    `as_of` is the moment of which the report tells, `zone` where its times without a zone are from.
    """

    import_id: int
    name: str
    sha256: str
    size: int
    key: str
    format: str
    columns: tuple[str, ...]
    as_of: datetime
    zone: str
    on_fault: OnFault
    state: Literal["reading", "done", "refused"]
    rows_read: int
    bytes_read: int
    parked: int
    changed: int
    failure: ImportFailure | None
    created_by: str
    created_at: datetime
    finished_at: datetime | None
