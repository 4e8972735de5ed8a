"""TikTok Shop's export for creators: 45 columns, one row for each order and SKU.

`/` is null, times have no zone, and an order has as many rows as it has SKUs. While an order is pending its actual
columns hold 0.00, so the estimate counts until Settled. What is earned is the standard commission and that of shop
ads, bonuses, less taxes and what a partner is given; the export sums it up itself only once settled.
"""

from typing import Final

from settlement.observations import Observation, State
from settlement.readers.layouts import Format, Layout, RowReader
from settlement.readers.values import Counts, Currencies, Times, Unreadable, number_id

_STATES: Final[dict[str, State]] = {
    "Settled": "settled",
    "Pending": "pending",
    "AwaitingPayment": "pending",
    "Awaiting payment": "pending",
    "Ineligible": "void",
    "Frozen": "frozen",
}
_ESTIMATES = ("Est. Shop Ads commission", "Est. Bonus", "Est. Affiliate partner bonus")
_DEDUCTIONS = ("Est. IVA", "Est. ISR", "Est. PIT", "Est. revenue sharing portion")


def _reader(layout: Layout) -> RowReader:
    pick = layout.pick(
        "Order ID", "SKU ID", "Product ID", "Items sold", "Items refunded", "Currency", "Order settlement status",
        "Content ID", "GMV", "Est. standard commission", "Actual commission base", "Total final earned amount",
        "Order date", "Commission settlement date",
    )  # fmt: skip
    more = layout.pick(*_ESTIMATES, *_DEDUCTIONS)
    nulls = layout.nulls
    money = Currencies(layout.style, nulls)
    counts, times = Counts(), Times("DD/MM/YYYY", layout.zone)
    nothing = {(null,) * 7 for null in nulls}

    def read(row_no: int, cells: tuple[str, ...]) -> Observation:
        (
            order,
            sku,
            product,
            sold,
            returned,
            currency,
            status,
            content,
            gmv,
            standard,
            base,
            total,
            placed,
            settled,
        ) = pick(cells)
        state = _STATES.get(status)
        if state is None:
            raise Unreadable("status", status, f"is none of {', '.join(_STATES)}")
        needed, optional = money[currency]
        first = needed[gmv]
        estimated = needed[standard]
        others = more(cells)
        if others not in nothing:
            ads, bonus, partner, *deducted = (optional[text] for text in others)
            estimated += ads + bonus + partner - sum(deducted)
        if state == "settled":
            actual = due = needed[total]
            net = needed[base]
        else:
            actual, due, net = optional[total], estimated, first
            if state == "void":
                due = net = 0
        return Observation(
            row_no,
            "tiktok",
            order if order.isdigit() and order.isascii() else number_id(order),
            sku if sku.isdigit() and sku.isascii() else number_id(sku),
            currency,
            product if product.isdigit() and product.isascii() else number_id(product),
            counts[sold],
            counts[returned],
            first,
            net,
            estimated,
            actual,
            due,
            state,
            "tiktok",
            None,
            None if content in nulls else number_id(content),
            None,
            None,
            times(placed),
            None if settled in nulls else times(settled),
            cells,
        )

    return read


FORMAT: Final = Format(
    name="tiktok_creator",
    columns=(
        "Order ID", "SKU ID", "Product name", "Product ID", "Price", "Items sold", "Items refunded", "Shop name",
        "Shop code", "Affiliate partner", "Agency", "Currency", "Order type", "Order settlement status", "Indirect",
        "Commission type", "Content Type", "Content ID", "Standard", "Shop ads", "TikTok bonus", "Partner bonus",
        "Revenue sharing portion", "GMV", "Est. commission base", "Est. standard commission",
        "Est. Shop Ads commission", "Est. Bonus", "Est. Affiliate partner bonus", "Est. IVA", "Est. ISR", "Est. PIT",
        "Est. revenue sharing portion", "Actual commission base", "Standard commission", "Shop Ads commission",
        "Bonus", "Affiliate partner bonus", "Tax - ISR", "Tax - IVA", "Tax - PIT", "Shared with partner",
        "Total final earned amount", "Order date", "Commission settlement date",
    ),
    needed=frozenset((
        "Order ID", "SKU ID", "Product ID", "Items sold", "Items refunded", "Currency", "Order settlement status",
        "Content ID", "GMV", "Est. standard commission", "Actual commission base", "Total final earned amount",
        "Order date",
    )),
    amounts=(
        "GMV", "Est. standard commission", "Total final earned amount", "Actual commission base", *_ESTIMATES,
        *_DEDUCTIONS,
    ),
    times=("Order date", "Commission settlement date"),
    counts=("Items sold", "Items refunded"),
    ids=("Order ID", "SKU ID", "Product ID", "Content ID"),
    status="Order settlement status",
    currency="Currency",
    nulls=("", "/"),
    usual_zone="UTC",
    reader=_reader,
)  # fmt: skip
"""`Shared with partner` and the taxes of a settled row are in its total already."""
