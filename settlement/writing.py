"""Writing sales: whose they are and where they stand, and each difference that was posted on record.

A sale that is known is updated. One that is new is written here for the first time, once and whole, its facts straight
from its observation.
"""

from collections.abc import Mapping, Sequence

from msgspec import Struct
from sqlalchemy.ext.asyncio import AsyncConnection

from settlement.arrays import array, planned, text_array
from settlement.attribution import Attribution
from settlement.observing import FACTS, OBSERVED
from settlement.placing import Placed
from settlement.positions import Place
from settlement.sale import Sale


class Change(Struct, frozen=True, gc=False):
    """What is new of a sale: whose it is, and where it stands."""

    sale: Sale
    whose: Attribution
    place: Place


_STANDING = {
    "rule": "text",
    "confidence": "smallint",
    "grant_id": "bigint",
    "clipper_id": "bigint",
    "submission_id": "bigint",
    "offer_id": "bigint",
    "version_no": "integer",
    "reason": "text",
    "change_no": "integer",
    "posted": "bigint",
    "suspense": "bigint",
    "platform_part": "bigint",
    "agency_part": "bigint",
    "host_part": "bigint",
    "clipper_part": "bigint",
    "agency_id": "bigint",
    "fee_earned": "boolean",
    "stage": "text",
    "reserved": "bigint",
    "release_on": "date",
    "reserve_until": "date",
}
"""Columns of a sale that are not facts of its observation."""

_TOLD = dict.fromkeys(("import_id", "row_no", "due", "tier", "entry_id"), "bigint") | _STANDING
_NUMBERED = {"sale_id": "bigint"} | _TOLD


def _unnested(columns: Mapping[str, str]) -> str:
    arrays = ", ".join(f"%({name})s::{kind}[]" for name, kind in columns.items())
    return f"unnest({arrays}) AS told ({', '.join(columns)})"


_RECORD = """
    WITH told AS MATERIALIZED ({told}), written AS ({written})
    INSERT INTO settlement.accruals (
        book_id, sale_id, change_no, cause, entry_id, import_id, row_no, due, suspense, platform_part, agency_part,
        host_part, clipper_part, reserved, stage, grant_id, submission_id, version_no, tier
    )
    SELECT %(book)s, sale_id, change_no, %(cause)s, entry_id, import_id, row_no, due, suspense, platform_part,
        agency_part, host_part, clipper_part, reserved, stage, grant_id, submission_id, version_no, tier
    FROM told
    WHERE entry_id IS NOT NULL"""

_UPDATE = _RECORD.format(
    told=f"SELECT * FROM {_unnested(_NUMBERED)}",  # noqa: S608 - of constants
    written=f"""
    UPDATE settlement.sales AS sale SET {", ".join(f"{name} = told.{name}" for name in _STANDING)}
    FROM told
    WHERE sale.sale_id = told.sale_id AND sale.ctid = ANY (ARRAY(
        SELECT its.ctid FROM told CROSS JOIN LATERAL (
            SELECT s.ctid FROM settlement.sales AS s
            WHERE s.book_id = %(book)s AND s.sale_id = told.sale_id
            OFFSET 0
        ) AS its))""",  # noqa: S608 - of constants
)

_INSERT = _RECORD.format(
    told=f"SELECT nextval('settlement.sales_sale_id_seq') AS sale_id, told.* FROM {_unnested(_TOLD)}",  # noqa: S608
    written=f"""
    INSERT INTO settlement.sales (book_id, sale_id, {", ".join(FACTS)}, {", ".join(_STANDING)})
    OVERRIDING SYSTEM VALUE
    SELECT %(book)s, told.sale_id, {", ".join(f"o.{name}" for name in FACTS)},
        {", ".join(f"told.{name}" for name in _STANDING)}
    FROM told CROSS JOIN LATERAL {OBSERVED} AS o""",  # noqa: S608 - of constants
)


async def update(
    connection: AsyncConnection, book_id: int, cause: str, changes: Sequence[Change], entries: Sequence[int | None]
) -> None:
    """Put on record what has become of sales whose rows are locked, and the entries that moved them, null where none
    did.
    """
    if changes:
        numbers = array([change.sale.sale_id for change in changes])
        told = {"book": book_id, "cause": cause, "sale_id": numbers, **columns_of(changes), **_moved(changes, entries)}
        await planned(connection, _UPDATE, told)


async def insert(
    connection: AsyncConnection,
    book_id: int,
    cause: str,
    placed: Sequence[Placed],
    columns: Mapping[str, str],
    entries: Sequence[int | None],
) -> None:
    """Write down new sales, all of one import, and number them. `columns` are theirs, by `columns_of`."""
    if placed:
        its = {"book": book_id, "import": placed[0].sale.import_id, "cause": cause}
        await planned(connection, _INSERT, {**its, **columns, **_moved(placed, entries)})


def _moved(changes: Sequence[Change | Placed], entries: Sequence[int | None]) -> Mapping[str, str]:
    """The columns that depend on the entries."""
    counts = [each.sale.change_no + (entry is not None) for each, entry in zip(changes, entries, strict=True)]
    return {"entry_id": array(entries), "change_no": array(counts)}


def columns_of(changes: Sequence[Change | Placed]) -> Mapping[str, str]:
    """All other columns as arrays: column by column, for rows would be ten thousand tuples."""
    sales = [change.sale for change in changes]
    whose = [change.whose for change in changes]
    places = [change.place for change in changes]
    standings = [place.standing for place in places]
    return {
        "import_id": array([sale.import_id for sale in sales]),
        "row_no": array([sale.row_no for sale in sales]),
        "due": array([sale.due for sale in sales]),
        "tier": array([sale.tier for sale in sales]),
        "rule": text_array([its.rule for its in whose]),
        "confidence": array([its.confidence for its in whose]),
        "grant_id": array([its.grant_id for its in whose]),
        "clipper_id": array([its.clipper_id for its in whose]),
        "submission_id": array([its.submission_id for its in whose]),
        "offer_id": array([its.offer_id for its in whose]),
        "version_no": array([its.version_no for its in whose]),
        "reason": text_array([its.reason for its in whose]),
        "posted": array([standing.posted for standing in standings]),
        "suspense": array([standing.suspense for standing in standings]),
        "platform_part": array([standing.platform for standing in standings]),
        "agency_part": array([standing.agency for standing in standings]),
        "host_part": array([standing.host for standing in standings]),
        "clipper_part": array([standing.clipper for standing in standings]),
        "agency_id": array([standing.agency_id for standing in standings]),
        "fee_earned": array([standing.fee_earned for standing in standings]),
        "stage": text_array([standing.stage for standing in standings]),
        "reserved": array([standing.reserved for standing in standings]),
        "release_on": array([place.release_on for place in places]),
        "reserve_until": array([place.reserve_until for place in places]),
    }
