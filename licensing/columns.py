"""Columns of numbers and words as one row of an answer: ten thousand rows cost the database and us some milliseconds.

All aggregates of one SELECT see the rows in the same order, so the columns belong together. Words are joined by
commas and blanks, which no platform, language, category or currency contains.
"""

import numpy as np

from licensing.scoring import Numbers, Whole


def of_numbers(column: str) -> str:
    """SQL for one column of doubles; null counts as nothing."""
    return f"string_agg(float8send(CAST(COALESCE({column}, 0) AS float8)), '')"


def of_ids(column: str) -> str:
    """SQL for one column of bigints, none of them null."""
    return f"string_agg(int8send({column}), '')"


def of_words(column: str) -> str:
    """SQL for one column of a word each; null counts as none."""
    return f"string_agg(COALESCE({column}, ''), ',')"


def of_names(column: str) -> str:
    """SQL for one column of several words each."""
    return f"string_agg(array_to_string({column}, ' '), ',')"


def numbers(answer: bytes | None) -> Numbers:
    """What `of_numbers` gave."""
    return np.frombuffer(answer or b"", dtype=">f8").astype(np.float64)


def ids(answer: bytes | None) -> Whole:
    """What `of_ids` gave."""
    return np.frombuffer(answer or b"", dtype=">i8").astype(np.int64)


def words(answer: str | None) -> list[str]:
    """What `of_words` or `of_names` gave; several words of a row are joined by blanks."""
    return [] if answer is None else answer.split(",")
