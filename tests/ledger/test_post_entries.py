"""`ledger.post_entries`, which the service calls, called by hand with arrays that the program would never build."""

from typing import Any

import psycopg
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from clipledger import database
from tests.ledger.attacks import Scene
from tests.ledger.bookkeeper import Bookkeeper, nothing_changes, sale

TYPES = {
    "keys": "text", "effective_ons": "date", "periods": "date", "descriptions": "text", "metadatas": "jsonb",
    "reversed_ids": "bigint", "line_counts": "integer", "digests": "bytea", "currencies": "text", "codes": "text",
    "code_currencies": "integer", "line_entries": "integer", "line_numbers": "integer", "line_codes": "integer",
    "line_amounts": "bigint",
}  # fmt: skip
CALL = f"""
    SELECT created FROM ledger.post_entries(
        book => %(book)s, {", ".join(f"{name} => %({name})s::{type_}[]" for name, type_ in TYPES.items())})"""


def call(key: str) -> dict[str, Any]:
    """Two entries of two lines, which the function would post."""
    return {
        "keys": [f"{key} a", f"{key} b"], "effective_ons": ["2025-03-15", "2025-03-16"],
        "periods": ["2025-03-01", "2025-03-01"], "descriptions": ["a", "b"], "metadatas": ["{}", "{}"],
        "reversed_ids": [None, None], "line_counts": [2, 2], "digests": ["\\x" + "00" * 32, "\\x" + "11" * 32],
        "currencies": ["CNY"], "codes": ["assets:bank", "income:sales"], "code_currencies": [1, 1],
        "line_entries": [1, 1, 2, 2], "line_numbers": [1, 2, 1, 2], "line_codes": [1, 2, 1, 2],
        "line_amounts": [5, -5, 7, -7],
    }  # fmt: skip


def made(keeper: Bookkeeper, url: str, arrays: dict[str, Any]) -> list[bool] | str | None:
    """What the call answered, or the code of its refusal."""
    with psycopg.connect(database.conninfo(url)) as connection:
        try:
            rows = connection.execute(CALL.encode(), {"book": keeper.book_id, **arrays}).fetchall()
        except psycopg.Error as refusal:
            return refusal.sqlstate
        return [created for (created,) in rows]


ODD: dict[str, dict[str, Any]] = {
    "nothing at all": dict.fromkeys(TYPES),
    "empty arrays": {name: [] for name in TYPES},
    "no keys": {"keys": []},
    "keys that are null": {"keys": None},
    "a key that is null": {"keys": ["a", None]},
    "a key too few": {"keys": ["a"]},
    "a key too many": {"keys": ["a", "b", "c"]},
    "a day too few": {"effective_ons": ["2025-03-15"]},
    "a day that is null": {"effective_ons": ["2025-03-15", None]},
    "days from another number on": {"effective_ons": "[0:1]={2025-03-15,2025-03-16}"},
    "days in two dimensions": {"effective_ons": "{{2025-03-15,2025-03-16}}"},
    "a period too few": {"periods": ["2025-03-01"]},
    "a count too few": {"line_counts": [2]},
    "a count too large": {"line_counts": [2, 3]},
    "a count too small": {"line_counts": [2, 1]},
    "a digest too few": {"digests": ["\\x" + "00" * 32]},
    "a digest too short": {"digests": ["\\x" + "00" * 32, "\\x00"]},
    "no lines": {"line_entries": [], "line_numbers": [], "line_codes": [], "line_amounts": []},
    "lines that are null": {"line_entries": None},
    "lines of an entry that is not there": {"line_entries": [1, 1, 3, 3]},
    "lines of an entry before the first": {"line_entries": [1, 1, 0, 0]},
    "lines of one entry only": {"line_entries": [1, 1, 1, 1]},
    "a line of the other entry": {"line_entries": [1, 2, 2, 2]},
    "a number twice": {"line_numbers": [1, 1, 1, 2]},
    "numbers with room between": {"line_numbers": [1, 3, 1, 2]},
    "a number that is null": {"line_numbers": [1, None, 1, 2]},
    "an amount too few": {"line_amounts": [5, -5, 7]},
    "an amount that is null": {"line_amounts": [5, -5, 7, None]},
    "an amount too large": {"line_amounts": [5, -5, 7, -8]},
    "an amount of nothing": {"line_amounts": [0, 0, 7, -7]},
    "an account that is not there": {"line_codes": [1, 3, 1, 2]},
    "an account that is null": {"codes": ["assets:bank", None]},
    "a currency that is null": {"currencies": [None]},
    "another currency": {"currencies": ["USD"]},
    "a currency that is not there": {"code_currencies": [1, 2]},
    "metadata that is no object": {"metadatas": ["{}", "[]"]},
    "one key for two entries": {"keys": ["a", "a"]},
    "a reversal of nothing": {"reversed_ids": [None, 987654321]},
}


@pytest.mark.parametrize("what", ODD)
async def test_the_posting_function_takes_no_odd_arrays(scene: Scene, what: str) -> None:
    async with nothing_changes(scene.keeper, scene.other):
        answer = made(scene.keeper, scene.urls.app, {**call("attack"), **ODD[what]})
    assert answer == [] if what in ("nothing at all", "empty arrays") else isinstance(answer, str)
    assert made(scene.keeper, scene.urls.app, call("attack")) == [True, True]


ODD_VALUES = st.one_of(
    st.none(),
    st.integers(-1, 5),
    st.sampled_from(["", "a", "CNY", "JPY", "assets:cash", "2025-03-16", "2025-04-01", "2025-01-01", "{}"]),
)
ODDITIES = st.lists(st.tuples(st.sampled_from(list(TYPES)), st.integers(0, 4), ODD_VALUES), min_size=1, max_size=3)


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(ODDITIES)
async def test_whatever_arrays_it_is_given_the_books_stay_sound(
    scene: Scene, oddities: list[tuple[str, int, Any]]
) -> None:
    arrays = call(sale("2025-03-15").idempotency_key)
    for name, place, value in oddities:
        arrays[name][place : place + 1] = [] if value == "" else [value]
    made(scene.keeper, scene.urls.app, arrays)
    # What was posted by hand has no digest of its content.
    assert [each for each in (await scene.keeper.verify()).findings if each.rule != "changed-entry"] == []
