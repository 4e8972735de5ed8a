"""TikTok Shop's export of affiliate orders for sellers: one row for each order and SKU, with the creator's name.

Identifiers end in a tab, so that a spreadsheet does not round them; an empty cell is null. The time the commission
was paid is what makes a row settled. The order's own status only says how far the parcel is.
"""

from typing import Final

from settlement.observations import Observation, State
from settlement.readers.layouts import Format, Layout, RowReader
from settlement.readers.values import Counts, Currencies, Times, Unreadable, number_id

_VOID: Final = {
    "Unpaid": False,
    "To ship": False,
    "Awaiting shipment": False,
    "Awaiting collection": False,
    "Shipped": False,
    "In transit": False,
    "Delivered": False,
    "Completed": False,
    "Cancelled": True,
    "Canceled": True,
}
_YES_NO: Final = {"Yes": True, "No": False}
_ESTIMATES = ("Est. Shop Ads commission payment", "Est. co-funded creator bonus")
_ACTUALS = ("Actual Shop Ads commission payment", "Actual co-funded creator bonus")


def _state(status: str, returned: str, settled: str) -> State:
    void, whole = _VOID.get(status), _YES_NO.get(returned)
    if void is None:
        raise Unreadable("status", status, f"is none of {', '.join(_VOID)}")
    if whole is None:
        raise Unreadable("Fully returned or refunded", returned, "must be Yes or No")
    if void or whole:
        return "void"
    return "settled" if settled else "pending"


def _reader(layout: Layout) -> RowReader:
    pick = layout.pick(
        "Order ID", "SKU ID", "Product ID", "Quantity", "Currency", "Order Status", "Fully returned or refunded",
        "Creator Username", "Content ID", "Payment Amount", "Est. standard commission payment",
        "Actual Commission Base", "Actual Commission Payment", "Time Created", "Time Commission Paid",
    )  # fmt: skip
    more = layout.pick(*_ESTIMATES, *_ACTUALS)
    nulls = layout.nulls
    money = Currencies(layout.style, nulls)
    counts, times = Counts(), Times("DD/MM/YYYY", layout.zone)

    def read(row_no: int, cells: tuple[str, ...]) -> Observation:
        (order, sku, product, sold, currency, status, returned, creator, content, paid, standard, base, total, placed,
         settled) = map(str.strip, pick(cells))  # fmt: skip
        if settled in nulls:
            settled = ""
        state = _state(status, returned, settled)
        needed, optional = money[currency]
        gmv, quantity = needed[paid], counts[sold]
        ads, bonus, actual_ads, actual_bonus = (optional[text] for text in more(cells))
        estimated = needed[standard] + ads + bonus
        actual = (needed if state == "settled" else optional)[total] + actual_ads + actual_bonus
        net = needed[base] if state == "settled" else gmv
        return Observation(
            row_no,
            "tiktok",
            number_id(order),
            number_id(sku),
            currency,
            number_id(product),
            quantity,
            quantity if state == "void" else 0,
            gmv,
            0 if state == "void" else net,
            estimated,
            actual,
            0 if state == "void" else actual if state == "settled" else estimated,
            state,
            "tiktok",
            None if creator in nulls else creator,
            None if content in nulls else number_id(content),
            None,
            None,
            times(placed),
            times(settled) if settled else None,
            cells,
        )

    return read


FORMAT: Final = Format(
    name="tiktok_seller",
    columns=(
        "Order ID", "Product ID", "Product Name", "SKU ID", "Price", "Payment Amount", "Currency", "Quantity",
        "Payment method", "Order Status", "Fully returned or refunded", "Platform", "Creator Username",
        "Content Type", "Content ID", "commission model", "Standard commission rate", "Est. Commission Base",
        "Est. standard commission payment", "Actual Commission Base", "Actual Commission Payment",
        "Shop Ads commission rate", "Est. Shop Ads commission payment", "Actual Shop Ads commission payment",
        "Est. co-funded creator bonus", "Actual co-funded creator bonus", "Time Created", "Time Commission Paid",
    ),
    extras=("SKU", "Seller SKU"),
    needed=frozenset((
        "Order ID", "Product ID", "SKU ID", "Payment Amount", "Currency", "Quantity", "Order Status",
        "Fully returned or refunded", "Creator Username", "Content ID", "Est. standard commission payment",
        "Actual Commission Base", "Actual Commission Payment", "Time Created", "Time Commission Paid",
    )),
    amounts=(
        "Payment Amount", "Est. standard commission payment", "Actual Commission Payment", "Actual Commission Base",
        *_ESTIMATES, *_ACTUALS,
    ),
    times=("Time Created", "Time Commission Paid"),
    counts=("Quantity",),
    ids=("Order ID", "SKU ID", "Product ID", "Content ID"),
    status="Order Status",
    currency="Currency",
    usual_zone="UTC",
    reader=_reader,
)  # fmt: skip
