"""What a marketplace said of one order line on one day, and a row that could not be read as such.

A line is identified by (marketplace, order, line). A report's rows are observations of lines: never changed, only
followed by newer ones.
"""

from datetime import datetime
from typing import Literal

from msgspec import Struct

State = Literal["pending", "frozen", "settled", "void"]
"""pending: the estimate counts; frozen: the same, but the marketplace is looking into the order; settled: the actual
counts, and a later observation may still lower it; void: cancelled, refunded whole or not eligible, nothing counts."""


class Observation(Struct, frozen=True, gc=False):
    """One row of a report. Amounts are in minor units of `currency`; only Amazon's totals can be negative.

    A million are made of a file, positionally: the order of the fields is part of the interface.
    """

    row_no: int
    """1 is the first row below the header; in JSON the position in the list."""
    marketplace: str
    order: str
    line: str
    currency: str
    product: str
    """The marketplace's own product id."""
    quantity: int
    refunded: int
    """Items given back, as far as the report tells; a void line has them all."""
    gmv: int
    """What the buyer paid, as first sold."""
    net_gmv: int
    """What of it stands on this day."""
    estimated: int
    actual: int
    due: int
    """What the commission is worth on this day: the estimate until settled, then the actual; nothing if void."""
    state: State
    platform: str | None
    handle: str | None
    content_id: str | None
    tracking_id: str | None
    territory: str | None
    placed_at: datetime | None
    settled_at: datetime | None
    raw: tuple[str, ...]
    """The row's own texts, in the order of the report's `columns`."""

    @property
    def identity(self) -> tuple[str, str, str]:
        return self.marketplace, self.order, self.line


class Quarantined(Struct, frozen=True, gc=False):
    """A row that can't be read exactly; a person decides. Bytes that are no text stand in it as U+FFFD."""

    row_no: int
    column: str | None
    """Its name in the file's own header; None if the row as a whole is wrong."""
    text: str | None
    rule: str
    raw: tuple[str, ...]
    identity: tuple[str, str, str] | None = None
    """Of a line that an earlier row of this file described otherwise."""
