"""Matching under way: which lines are free still, and what was found so far."""

from collections.abc import Iterator, Sequence

from settlement.reconciliation.lines import Match, Ours, Residual, Theirs, Tolerance


class Work:
    """Lines in an order made of what they say; each is free until a match or a residual takes it.

    `named` are places of ours by (reference, amount), `named_otherwise` by (group, amount).
    """

    def __init__(
        self,
        ours: Sequence[Ours],
        theirs: Sequence[Theirs],
        tolerance: Tolerance,
        parted: frozenset[tuple[tuple[int, int], int]],
    ) -> None:
        self.ours, self.theirs, self.tolerance = ours, theirs, tolerance
        self._parted = parted
        self.our_free, self.their_free = bytearray(b"\1") * len(ours), bytearray(b"\1") * len(theirs)
        self.matches: list[Match] = []
        self.residuals: list[Residual] = []
        self._our_order = sorted(range(len(ours)), key=lambda at: _our_key(ours[at]))
        self._their_order = sorted(range(len(theirs)), key=lambda at: _their_key(theirs[at]))
        self.named: dict[tuple[str, int], list[int]] = {}
        self.named_otherwise: dict[tuple[str, int], list[int]] = {}
        for place in self._our_order:
            its = ours[place]
            if its.reference:
                self.named.setdefault((its.reference, its.amount), []).append(place)
            if its.group:
                self.named_otherwise.setdefault((its.group, its.amount), []).append(place)

    def free_ours(self) -> Iterator[int]:
        """Those free at the moment, in their order; taking some on the way does no harm."""
        free = self.our_free
        return (place for place in self._our_order if free[place])

    def free_theirs(self) -> Iterator[int]:
        free = self.their_free
        return (place for place in self._their_order if free[place])

    def free_references(self) -> list[str]:
        """Of free lines of either side."""
        named = {self.ours[at].reference for at in self.free_ours()}
        return sorted((named | {self.theirs[at].reference for at in self.free_theirs()}) - {""})

    def match(self, match: Match) -> bool:
        """Take its lines, unless a person has parted some of them; whether it did."""
        if self._parted and self._was_parted(match):
            return False
        self.matches.append(match)
        self._take(match.ours, match.theirs)
        return True

    def set_aside(self, residual: Residual) -> None:
        """Take its lines: they are no other match's."""
        self.residuals.append(residual)
        if residual.match is None:
            self._take(residual.ours, residual.theirs)

    def _take(self, ours: Sequence[int], theirs: Sequence[int]) -> None:
        for place in ours:
            self.our_free[place] = 0
        for place in theirs:
            self.their_free[place] = 0

    def _was_parted(self, match: Match) -> bool:
        named = [(self.ours[place].entry_id, self.ours[place].line) for place in match.ours]
        return any((mine, self.theirs[place].line_id) in self._parted for mine in named for place in match.theirs)


def _our_key(its: Ours) -> tuple[int, int, str, str, int, int]:
    return its.day, its.amount, its.reference, its.group, its.entry_id, its.line


def _their_key(its: Theirs) -> tuple[int, int, str, str]:
    return its.day, its.amount, its.reference, its.external_id
