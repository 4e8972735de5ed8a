"""Rows of a report as COPY reads them: text that is made for ten thousand at once. Pure."""

from collections.abc import Iterator, Sequence

from settlement.observations import Observation, Quarantined


def copied(of: tuple[int, int], rows: Sequence[Observation]) -> str:
    """Observations of (book, import) as COPY reads them.

    No text of a row can hold NUL, so NUL and a letter stand for what must not be escaped, until all is.
    """
    return _escaped(_observed(f"{of[0]}\0t{of[1]}\0t", row) for row in rows)


def _observed(head: str, row: Observation) -> str:
    placed = row.placed_at.isoformat() if row.placed_at else _NULL
    settled = row.settled_at.isoformat() if row.settled_at else _NULL
    texts = "\0t".join((
        row.marketplace, row.order, row.line, row.currency, row.product, row.platform or _NULL, row.handle or _NULL,
        row.content_id or _NULL, row.tracking_id or _NULL, row.territory or _NULL,
    ))  # fmt: skip
    return (
        f"{head}{row.row_no}\0t{row.quantity}\0t{row.refunded}\0t{row.gmv}\0t{row.net_gmv}\0t{row.estimated}"
        f"\0t{row.actual}\0t{row.due}\0t{row.state}\0t{placed}\0t{settled}\0t{texts}\0t{_array(row.raw)}\0n"
    )


def copied_parked(of: tuple[int, int], rows: Sequence[Quarantined]) -> str:
    """Rows that could not be read, likewise."""
    return _escaped(
        f"{of[0]}\0t{of[1]}\0t{row.row_no}\0t{row.rule}\0t{_NULL if row.column is None else row.column}"
        f"\0t{_NULL if row.text is None else row.text}\0t{_array(row.raw)}\0n"
        for row in rows
    )


_NULL = "\0N"


def _array(raw: tuple[str, ...]) -> str:
    joined = "\0,".join(raw)
    if "\\" in joined or '"' in joined:
        joined = joined.replace("\\", "\\\\").replace('"', '\\"')
    return f"\0{{{joined}\0}}" if raw else "\0e"


def _escaped(rows: Iterator[str]) -> str:
    said = "".join(rows)
    for sign, escape in (("\\", "\\\\"), ("\t", "\\t"), ("\n", "\\n"), ("\r", "\\r")):
        if sign in said:
            said = said.replace(sign, escape)
    for mark, sign in (
        ("\0t", "\t"), ("\0n", "\n"), ("\0,", '","'), ("\0{", '{"'), ("\0}", '"}'), ("\0N", "\\N"), ("\0e", "{}"),
    ):  # fmt: skip
        said = said.replace(mark, sign)
    return said
