"""A sale: one order line, told by its newest observation; whose it is, and where it stands in the books. Pure."""

from collections.abc import Iterable
from datetime import date, datetime
from typing import Literal
from zoneinfo import ZoneInfo

from msgspec import Struct

from settlement.observations import Observation, State
from settlement.report import Import

Rule = Literal["resolution", "content", "handle"]
"""By which it is somebody's; `settlement.attribution` says how."""
Stage = Literal["held", "available", "frozen"]

_UNNUMBERED = 0
"""Of a sale that is not written yet."""


class Sale(Struct, frozen=True, gc=False):
    """An order line: its facts, whose it is, and where it stands in the books.

    Amounts are in minor units of `currency`. `rule` and what follows it to `reason` are the attribution; without a
    rule the sale is in suspense, and `reason` says why. From `change_no` on: what is posted; see the table.
    """

    sale_id: int
    marketplace: str
    order_no: str
    line_no: str
    as_of: datetime
    sha256: str
    import_id: int
    row_no: int
    currency: str
    product: str
    gmv: int
    net_gmv: int
    due: int
    state: State
    platform: str | None
    handle: str | None
    content_id: str | None
    tracking_id: str | None
    territory: str | None
    sold_at: datetime
    sold_on: date
    settled_at: datetime | None
    rule: Rule | None = None
    confidence: int = 0
    grant_id: int | None = None
    clipper_id: int | None = None
    submission_id: int | None = None
    offer_id: int | None = None
    version_no: int | None = None
    reason: str | None = None
    change_no: int = 0
    posted: int = 0
    suspense: int = 0
    platform_part: int = 0
    agency_part: int = 0
    host_part: int = 0
    clipper_part: int = 0
    agency_id: int | None = None
    tier: int = 0
    fee_earned: bool = False
    stage: Stage = "held"
    reserved: int = 0
    release_on: date | None = None
    reserve_until: date | None = None


def sales_of(rows: Iterable[Observation], report: Import, zone: ZoneInfo) -> list[Sale]:
    """The sales that rows tell of, if they are new; of a line that is told twice, as the later row tells it. `zone` is
    that of the book's calendar.
    """
    sales = {}
    for row in rows:
        sold_at = row.placed_at or report.as_of
        sales[row.order, row.line, row.marketplace] = Sale(
            _UNNUMBERED,
            row.marketplace,
            row.order,
            row.line,
            report.as_of,
            report.sha256,
            report.import_id,
            row.row_no,
            row.currency,
            row.product,
            row.gmv,
            row.net_gmv,
            row.due,
            row.state,
            row.platform,
            row.handle,
            row.content_id,
            row.tracking_id,
            row.territory,
            sold_at,
            sold_at.astimezone(zone).date(),
            row.settled_at,
        )
    return list(sales.values())
