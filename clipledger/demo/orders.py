"""What a marketplace reports of a few orders, as TikTok Shop exports it for creators: early, and some days later."""

import csv
from collections.abc import Iterable
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, time, timedelta
from pathlib import Path
from typing import Literal

from ledger.money import format_amount

CLIP = "7412345678901234567"
"""Ana's clip, as she posted it there."""
REPOST = "7498765432109876543"
"""A post of which nobody was told."""
CURRENCY = "CNY"

EARLY, LATER, LAST = 8, 20, 27
"""Days after the month's first: of the two reports, and of the last look at what is due. Every month has them."""

_COLUMNS = (
    "Order ID", "SKU ID", "Product name", "Product ID", "Items sold", "Items refunded", "Currency",
    "Order settlement status", "Content Type", "Content ID", "Standard", "GMV", "Est. standard commission",
    "Actual commission base", "Total final earned amount", "Order date", "Commission settlement date",
)  # fmt: skip


@dataclass(frozen=True)
class Order:
    """An order of one product as it is known on a day; `price` of an item in minor units, a fifth is commission."""

    number: str
    content: str
    placed: date
    price: int
    items: int = 1
    refunded: int = 0
    status: Literal["Pending", "Settled", "Ineligible"] = "Pending"
    settled: date | None = None

    def cells(self) -> tuple[str, ...]:
        gmv = self.price * self.items
        base = self.price * (self.items - self.refunded) if self.status == "Settled" else 0
        amounts = (gmv, gmv // 5, base, base // 5)
        return (
            self.number, "1731000000000", "Red leather bag", "1729384756012", str(self.items), str(self.refunded),
            CURRENCY, self.status, "Video", self.content, "20%", *(format_amount(each, CURRENCY) for each in amounts),
            _at(self.placed), _at(self.settled) if self.settled else "/",
        )  # fmt: skip


KEPT, HALF_RETURNED, RETURNED, REPOSTED, SLOW, REPOSTED_AGAIN = (str(576210001000 + n) for n in range(1, 7))
"""The orders, by what becomes of them."""


def early(month: date) -> list[Order]:
    """All are pending."""
    return [
        Order(KEPT, CLIP, _day(month, 1), 19_900),
        Order(HALF_RETURNED, CLIP, _day(month, 2), 19_900, items=2),
        Order(RETURNED, CLIP, _day(month, 3), 8_990),
        Order(REPOSTED, REPOST, _day(month, 4), 24_990),
        Order(SLOW, CLIP, _day(month, 6), 15_900),
    ]


def later(month: date) -> list[Order]:
    """One of them has settled whole, one in part, one is returned, two have settled late, and there is a new one."""
    kept, half, returned, reposted, slow = early(month)
    soon, late = _day(month, 9), _day(month, 18)
    return [
        replace(kept, status="Settled", settled=soon),
        replace(half, status="Settled", settled=soon, refunded=1),
        replace(returned, status="Ineligible", refunded=1),
        replace(reposted, status="Settled", settled=late),
        replace(slow, status="Settled", settled=late),
        Order(REPOSTED_AGAIN, REPOST, _day(month, 16), 24_990),
    ]


def write(path: Path, orders: Iterable[Order]) -> None:
    with path.open("w", encoding="utf-8-sig", newline="") as file:
        csv.writer(file).writerows([_COLUMNS, *(order.cells() for order in orders)])


def _day(month: date, days: int) -> date:
    return month + timedelta(days=days)


def _at(day: date) -> str:
    return f"{datetime.combine(day, time(9, 30), UTC):%d/%m/%Y %H:%M:%S}"
