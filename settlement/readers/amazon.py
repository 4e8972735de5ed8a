"""Amazon Associates' earnings: no orders, but totals for each tracking id, product and day.

The line is (tracking id and day, product and device); a later export restates it. Returns are negative and have been
taken off revenue and fees, so a day of returns alone is a negative total. What is shipped is earned: each row counts
as settled. The sign in the header says the currency.
"""

import re
from typing import Final

from settlement.errors import UnknownColumn
from settlement.observations import Observation
from settlement.readers.layouts import Format, Layout, RowReader, known
from settlement.readers.values import Counts, Currencies, Unreadable, day_of, text_id

_SIGNS: Final = {"$": "USD", "£": "GBP", "€": "EUR", "¥": "JPY", "₹": "INR"}
_AMOUNTS = ("Price", "Revenue", "Ad Fees")


def _currency(layout: Layout) -> str:
    signs = {layout.header[layout.at[name]].strip().split("(")[-1].rstrip(")") for name in ("Revenue", "Ad Fees")}
    sign = signs.pop()
    if signs or sign not in _SIGNS:
        raise UnknownColumn("header", sign, "amazon: one currency's sign in Revenue and Ad Fees")
    return layout.currency or _SIGNS[sign]


def _reader(layout: Layout) -> RowReader:
    pick = layout.pick(
        "Tracking ID", "ASIN", "Date Shipped", "Items Shipped", "Returns", "Revenue", "Ad Fees", "Device Type Group"
    )
    currency = _currency(layout)
    amounts, _ = Currencies(layout.style, layout.nulls, signed=True)[currency]
    counts, zone = Counts(), layout.zone

    def read(row_no: int, cells: tuple[str, ...]) -> Observation:
        tracking, asin, day, shipped, returned, revenue, fees, device = map(str.strip, pick(cells))
        tracking, product, earned, placed_at = text_id(tracking), text_id(asin), amounts[fees], day_of(day, zone)
        if re.fullmatch("0|-[0-9]{1,9}", returned) is None:
            raise Unreadable("Returns", returned, "must be a whole number, zero or negative")
        return Observation(
            row_no,
            "amazon",
            f"{tracking}@{placed_at:%Y-%m-%d}",
            f"{product}/{device}" if device else product,
            currency,
            product,
            counts[shipped],
            -int(returned),
            amounts[revenue],
            amounts[revenue],
            earned,
            earned,
            earned,
            "settled",
            "amazon",
            None,
            None,
            tracking,
            None,
            placed_at,
            placed_at,
            cells,
        )

    return read


FORMAT: Final = Format(
    name="amazon",
    columns=(
        "Category", "Name", "ASIN", "Seller", "Tracking ID", "Date Shipped", "Price", "Items Shipped", "Returns",
        "Revenue", "Ad Fees", "Device Type Group",
    ),
    needed=frozenset((
        "ASIN", "Tracking ID", "Date Shipped", "Items Shipped", "Returns", "Revenue", "Ad Fees",
    )),
    amounts=("Revenue", "Ad Fees"),
    times=("Date Shipped",),
    counts=("Items Shipped",),
    ids=("Tracking ID", "ASIN"),
    usual_zone="America/Los_Angeles",
    translations={known(f"{name}({sign})"): name for name in _AMOUNTS for sign in _SIGNS},
    comma_names=frozenset(known(f"{name}(€)") for name in _AMOUNTS),
    reader=_reader,
)  # fmt: skip
