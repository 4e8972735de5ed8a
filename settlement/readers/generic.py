"""Our own format, for marketplaces without a reader: columns and rules are in `docs/reports.md`."""

import re
from typing import Final

from settlement.observations import Observation, State
from settlement.readers.layouts import Format, Layout, RowReader
from settlement.readers.values import Counts, Currencies, Unreadable, instant, text_id

_STATES: Final[dict[str, State]] = {"pending": "pending", "frozen": "frozen", "settled": "settled", "void": "void"}
_MARKETPLACE = re.compile(r"[a-z0-9]+(?:-[a-z0-9]+)*")
_TERRITORY = re.compile(r"[A-Z]{2}")


def _checked(pattern: re.Pattern[str], column: str, text: str, rule: str) -> str:
    if pattern.fullmatch(text) is None:
        raise Unreadable(column, text, rule)
    return text


def _reader(layout: Layout) -> RowReader:
    pick = layout.pick(
        "marketplace", "order", "line", "currency", "product", "quantity", "refunded", "gmv", "net_gmv", "estimated",
        "actual", "state", "platform", "handle", "content_id", "tracking_id", "territory", "placed_at", "settled_at",
    )  # fmt: skip
    money = Currencies("point", ("",))
    counts = Counts()

    def read(row_no: int, cells: tuple[str, ...]) -> Observation:
        (market, order, line, currency, product, quantity, refunded, gmv, net, estimated, actual, status, platform,
         handle, content, tracking, territory, placed, settled) = pick(cells)  # fmt: skip
        state = _STATES.get(status)
        if state is None:
            raise Unreadable("status", status, f"is none of {', '.join(_STATES)}")
        needed, optional = money[currency]
        promised, earned = needed[estimated], (needed if state == "settled" else optional)[actual]
        return Observation(
            row_no,
            _checked(_MARKETPLACE, "marketplace", market, "lower-case letters and digits in words joined by hyphens"),
            text_id(order),
            text_id(line),
            currency,
            text_id(product),
            counts[quantity],
            counts[refunded],
            needed[gmv],
            needed[net] if net else 0 if state == "void" else needed[gmv],
            promised,
            earned,
            0 if state == "void" else earned if state == "settled" else promised,
            state,
            platform or None,
            handle or None,
            text_id(content) if content else None,
            tracking or None,
            _checked(_TERRITORY, "territory", territory, "ISO 3166-1, such as US") if territory else None,
            instant(placed),
            instant(settled) if settled else None,
            cells,
        )

    return read


FORMAT: Final = Format(
    name="generic",
    columns=(
        "marketplace", "order", "line", "currency", "product", "quantity", "refunded", "gmv", "net_gmv", "estimated",
        "actual", "state", "platform", "handle", "content_id", "tracking_id", "territory", "placed_at", "settled_at",
        "note",
    ),
    needed=frozenset((
        "marketplace", "order", "line", "currency", "product", "quantity", "refunded", "gmv", "estimated", "actual",
        "state", "placed_at",
    )),
    amounts=("gmv", "estimated", "actual", "net_gmv"),
    times=("placed_at", "settled_at"),
    counts=("quantity", "refunded"),
    ids=("order", "line", "product", "content_id"),
    status="state",
    currency="currency",
    usual_zone="UTC",
    style="point",
    reader=_reader,
)  # fmt: skip
