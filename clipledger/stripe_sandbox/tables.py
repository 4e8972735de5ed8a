"""Objects of one kind in the order they came, as Stripe lists them: newest first, a page at a time."""

from bisect import bisect_left, bisect_right
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

from clipledger.stripe_sandbox.refusals import no_such

Thing = dict[str, Any]
"""An object as it goes over the wire."""


class Table:
    """A list at `url`; `kept` are the fields it finds by without looking at every row. Those must never change."""

    def __init__(self, url: str, *kept: str) -> None:
        self.url = url
        self._rows: list[Thing | None] = []
        self._created: list[int] = []
        self._places: dict[str, int] = {}
        self._by: dict[str, dict[Any, list[int]]] = {field: {} for field in kept}

    def __len__(self) -> int:
        return len(self._places)

    def __iter__(self) -> Iterator[Thing]:
        return (row for row in self._rows if row is not None)

    def add(self, thing: Thing) -> Thing:
        place = len(self._rows)
        self._rows.append(thing)
        self._created.append(thing["created"])
        self._places[thing["id"]] = place
        for field, places in self._by.items():
            places.setdefault(thing[field], []).append(place)
        return thing

    def get(self, thing_id: str) -> Thing | None:
        place = self._places.get(thing_id)
        return None if place is None else self._rows[place]

    def remove(self, thing_id: str) -> None:
        self._rows[self._places.pop(thing_id)] = None

    def page(self, asked: Mapping[str, Any], **equal: Any) -> Thing:
        """The list object for `asked` (limit, starting_after, ending_before, created) and fields that equal a value.

        A value that is a frozenset asks for any of it; None asks for nothing. Raises Refusal for an unknown cursor.
        """
        wanted = {field: value for field, value in equal.items() if value is not None}
        places = self._narrowest(wanted)
        low, high = self._bounds(asked)
        limit = asked.get("limit", 10)
        backwards = "ending_before" in asked
        first, end = bisect_left(places, low), bisect_left(places, high)
        steps = range(first, end) if backwards else range(end - 1, first - 1, -1)
        found = self._matching((places[step] for step in steps), wanted, limit + 1)
        page = found[:limit]
        return {
            "object": "list",
            "data": page[::-1] if backwards else page,
            "has_more": len(found) > limit,
            "url": self.url,
        }

    def _narrowest(self, wanted: Mapping[str, Any]) -> Sequence[int]:
        usable = ((field, value) for field, value in wanted.items() if field in self._by)
        kept = [self._by[field].get(value, []) for field, value in usable if not isinstance(value, frozenset)]
        return min(kept, key=len) if kept else range(len(self._rows))

    def _bounds(self, asked: Mapping[str, Any]) -> tuple[int, int]:
        """The places that cursors and times leave: from the first up to before the second."""
        low, high = 0, len(self._rows)
        if "created" in asked:
            times: range = asked["created"]
            low = bisect_left(self._created, times.start)
            high = bisect_right(self._created, times.stop - 1)
        if "starting_after" in asked:
            high = min(high, self._cursor(asked["starting_after"], "starting_after"))
        if "ending_before" in asked:
            low = max(low, self._cursor(asked["ending_before"], "ending_before") + 1)
        return low, high

    def _cursor(self, thing_id: str, param: str) -> int:
        if thing_id not in self._places:
            kind = self.url.rstrip("/").rpartition("/")[2].removesuffix("s").replace("_", " ")
            raise no_such(kind, thing_id, param, status=400)
        return self._places[thing_id]

    def _matching(self, places: Iterable[int], wanted: Mapping[str, Any], most: int) -> list[Thing]:
        found: list[Thing] = []
        for place in places:
            row = self._rows[place]
            if row is not None and _fits(row, wanted):
                found.append(row)
                if len(found) == most:
                    break
        return found


def _fits(row: Thing, wanted: Mapping[str, Any]) -> bool:
    return all(
        row[field] in value if isinstance(value, frozenset) else row[field] == value for field, value in wanted.items()
    )
