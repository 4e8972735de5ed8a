"""Arrays as PostgreSQL's own text, for statements about thousands of rows: adapted item by item they take longer."""

from collections.abc import Iterable


def array(items: Iterable[object]) -> str:
    """Of numbers, dates, truth values and words without signs; None is NULL."""
    return f"{{{','.join(['NULL' if item is None else str(item) for item in items])}}}"


def text_array(items: Iterable[str | None]) -> str:
    """Of any texts that a database can hold, so that NUL may stand for what must not be escaped; None is NULL."""
    joined = "\0,".join(["\0N" if item is None else item for item in items])
    escaped = joined.replace("\\", "\\\\").replace('"', '\\"').replace("\0,", '","')
    return f'{{"{escaped}"}}'.replace('"\0N"', "NULL") if joined else "{}"
