"""Columns of numbers and words as one row of an answer: ten thousand rows cost the database and us some milliseconds.

All aggregates of one SELECT see the rows in the same order, so the columns belong together. Words are joined by marks
that no platform, language, category or currency contains.
"""

import numpy as np

from licensing.scoring import Flags, Numbers, Whole, Words


def of_integers(column: str) -> str:
    """SQL for a column of bigints, none of them null."""
    return f"string_agg(int8send({column}), '')"


def of_doubles(column: str) -> str:
    """SQL for a column of doubles; null counts as nothing."""
    return f"string_agg(float8send(COALESCE({column}, 0)), '')"


def of_flags(condition: str) -> str:
    """SQL for a column of what is true or not; null is not."""
    return f"string_agg(CASE WHEN {condition} THEN '1' ELSE '0' END, '')"


def of_words(*columns: str) -> str:
    """SQL for several columns of words at once: a word each, or an array of them. None is null."""
    return f"string_agg(concat_ws(';', {', '.join(columns)}), '|')"


def integers(answer: bytes | None) -> Whole:
    """What `of_integers` gave."""
    return np.frombuffer(answer or b"", dtype=">i8").astype(np.int64)


def doubles(answer: bytes | None) -> Numbers:
    """What `of_doubles` gave."""
    return np.frombuffer(answer or b"", dtype=">f8").astype(np.float64)


def flags(answer: str | None) -> Flags:
    """What `of_flags` gave."""
    return np.asarray(np.frombuffer((answer or "").encode(), dtype=np.uint8) == ord("1"))


def words(answer: str | None, count: int) -> list[Words]:
    """The `count` columns that `of_words` gave; several words of a row are joined by blanks.

    Rows that are alike in all of them are taken apart once: of ten thousand offers most are like another one.
    """
    rows = Words.of([] if answer is None else answer.split("|"))
    parts = [row.split(";") for row in rows.names]
    lists = [[part[number].strip("{}").replace(",", " ") for part in parts] for number in range(count)]
    return [Words.of(names).at(rows.codes) for names in lists]
