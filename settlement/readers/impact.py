"""impact.com's Actions as its API returns them: JSON, amounts as texts.

`Payout` is what counts now, also while pending; `IntendedPayout` is what was first promised. `Oid` is the order, `Id`
the line, `SubId1` carries the content id and `MediaPartnerId` says who.
"""

from typing import Final

from settlement.observations import Observation, State
from settlement.readers.layouts import Format, Layout, RowReader
from settlement.readers.values import Currencies, Unreadable, instant, text_id

_STATES: Final[dict[str, State]] = {"PENDING": "pending", "APPROVED": "settled", "REVERSED": "void"}


def _reader(layout: Layout) -> RowReader:
    pick = layout.pick(
        "Id", "Oid", "ActionTrackerId", "MediaPartnerId", "State", "Payout", "IntendedPayout", "Amount",
        "IntendedAmount", "Currency", "EventDate", "ClearedDate", "SubId1", "PromoCode",
    )  # fmt: skip
    money = Currencies("point", layout.nulls)

    def read(row_no: int, cells: tuple[str, ...]) -> Observation:
        (action, order, tracker, partner, status, payout, intended, amount, first, currency, placed, cleared, content,
         code) = pick(cells)  # fmt: skip
        state = _STATES.get(status)
        if state is None:
            raise Unreadable("status", status, f"is none of {', '.join(_STATES)}")
        amounts, _ = money[currency]
        due = amounts[payout]
        if state == "void" and due:
            raise Unreadable("Payout", payout, "a reversed action pays nothing")
        return Observation(
            row_no,
            "impact",
            text_id(order),
            text_id(action),
            currency,
            tracker,
            1,
            1 if state == "void" else 0,
            amounts[first],
            amounts[amount],
            amounts[intended],
            due if state == "settled" else 0,
            due,
            state,
            None,
            partner or None,
            text_id(content, "SubId1") if content else None,
            code or None,
            None,
            instant(placed),
            instant(cleared) if cleared else None,
            cells,
        )

    return read


FORMAT: Final = Format(
    name="impact",
    columns=(
        "Id", "CampaignId", "ActionTrackerId", "MediaPartnerId", "State", "Payout", "DeltaPayout", "IntendedPayout",
        "Amount", "DeltaAmount", "IntendedAmount", "Currency", "EventDate", "CreationDate", "LockingDate",
        "ClearedDate", "Oid", "SubId1", "SharedId", "PromoCode",
    ),
    extras=(
        "CampaignName", "ActionTrackerName", "EventCode", "MediaPartnerName", "AdId", "ReferringDate",
        "ReferringType", "ReferringDomain", "CustomerId", "CustomerArea", "CustomerCity", "CustomerRegion",
        "CustomerCountry", "CustomerPostCode", "CustomerStatus", "SubId2", "SubId3", "Uri",
    ),
    needed=frozenset((
        "Id", "Oid", "State", "Payout", "IntendedPayout", "Amount", "IntendedAmount", "Currency", "EventDate",
        "SubId1",
    )),
    amounts=("Payout", "IntendedPayout", "Amount", "IntendedAmount"),
    times=("EventDate", "ClearedDate"),
    counts=(),
    ids=("Oid", "Id"),
    status="State",
    currency="Currency",
    usual_zone="UTC",
    style="point",
    reader=_reader,
)  # fmt: skip
