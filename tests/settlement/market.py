"""A market to try imports on: order lines that come, change and die, as our own format exports it.

What is exported of one day is the same whenever it is exported: a file holds some or all of a day's lines.
"""

import csv
import io
import random
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, timedelta

DAYS = (date(2026, 10, 5), date(2026, 10, 20), date(2026, 11, 15))
COLUMNS = (
    "marketplace", "order", "line", "currency", "product", "quantity", "refunded", "gmv", "net_gmv", "estimated",
    "actual", "state", "platform", "handle", "content_id", "tracking_id", "territory", "placed_at", "settled_at",
)  # fmt: skip


@dataclass(frozen=True)
class Told:
    """What is told of an order line on one day. Amounts in minor units of a currency with two decimals."""

    order: int
    currency: str
    estimated: int
    actual: int
    state: str
    handle: str
    placed_at: datetime
    settled_at: datetime | None = None

    @property
    def due(self) -> int:
        return {"void": 0, "settled": self.actual}.get(self.state, self.estimated)

    def cells(self) -> tuple[str, ...]:
        actual = f"{self.actual / 100:.2f}" if self.state == "settled" else ""
        settled = self.settled_at.isoformat() if self.settled_at else ""
        gmv = f"{self.estimated * 5 / 100:.2f}"
        return (
            "shop", f"O-{self.order}", "L1", self.currency, "P-1", "1", "0", gmv, "", f"{self.estimated / 100:.2f}",
            actual, self.state, "tiktok", self.handle, "", "", "", self.placed_at.isoformat(), settled,
        )  # fmt: skip


def market(seed: int, lines: int, handles: Sequence[str]) -> dict[date, list[Told]]:
    """Per day the lines that are known by then: pending, then settled for more or less, some refunded later."""
    chance = random.Random(seed)
    known: dict[int, Told] = {}
    days = {}
    for day in DAYS:
        for order, told in known.items():
            known[order] = _later(told, day, chance)
        for _ in range(lines // len(DAYS)):
            order = len(known) + 1
            placed = datetime(day.year, day.month, day.day, tzinfo=UTC) - timedelta(hours=chance.randint(1, 200))
            estimated, currency = chance.randint(1, 90_000), chance.choice(("CNY", "CNY", "CNY", "USD"))
            known[order] = Told(order, currency, estimated, 0, "pending", chance.choice(handles), placed)
        days[day] = list(known.values())
    return days


def _later(told: Told, day: date, chance: random.Random) -> Told:
    now = datetime(day.year, day.month, day.day, tzinfo=UTC) - timedelta(hours=chance.randint(1, 20))
    match told.state, chance.randint(0, 9):
        case "pending", 0:
            return replace(told, state="void")
        case "pending", 1 | 2 | 3 | 4 | 5:
            actual = told.estimated if chance.random() < 0.5 else chance.randint(0, told.estimated)
            return replace(told, state="settled", actual=actual, settled_at=now)
        case "settled", 0 | 1:
            return replace(told, actual=chance.randint(0, told.actual))
        case "settled", 2:
            return replace(told, state="void")
    return told


def export(lines: Sequence[Told]) -> bytes:
    return written([told.cells() for told in lines])


def written(rows: Sequence[Sequence[str]]) -> bytes:
    """Rows of cells below the header."""
    file = io.StringIO()
    csv.writer(file).writerows([COLUMNS, *rows])
    return file.getvalue().encode()
