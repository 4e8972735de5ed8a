"""Judging as plainly as it can be written: every question goes through all the rows there are, nothing is prepared.

It says the rules of docs/judging.md once more, in other words, to hold `licensing.judge` against.
"""

import unicodedata
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from licensing.changes import GrantChange
from licensing.judge import SaleFacts
from licensing.terms import Terms

PLACES = [
    "handle", "not-accepted", "revoked", "resigned", "suspended", "window", "tail",
    "platform", "marketplace", "territory", "product", "stream",
]  # fmt: skip


@dataclass(frozen=True)
class Row:
    """One change, and whose it is."""

    grant_id: int
    offer_id: int
    clipper_id: int
    change: GrantChange


@dataclass(frozen=True)
class Book:
    """All rows of a book in any order, and terms by (offer_id, version_no)."""

    rows: Sequence[Row]
    terms: Mapping[tuple[int, int], Terms]


Answer = tuple[str, int | None, int | None, str | None, list[tuple[int, str, str | None]]]
"""Verdict, grant, version, condition; and each candidate's grant, outcome, condition."""


def plain_judge(book: Book, sale: SaleFacts, known_at: datetime | None) -> Answer:
    known = [row for row in book.rows if known_at is None or not row.change.recorded_at > known_at]
    held = [row for row in known if not row.change.effective_at > sale.sold_at]
    if sale.grant_id is not None:
        if not any(row.grant_id == sale.grant_id for row in known):
            return "unlicensed", None, None, "grant", []
        asked = [sale.grant_id]
    elif sale.handle is None:
        return "ambiguous", None, None, "handle", []
    else:
        asked = [number for number in sorted({row.grant_id for row in held}) if lists(held, number, sale)]
    if not asked:
        return "unlicensed", None, None, "handle", []
    told = [(number, *first_trouble(book, held, number, sale)) for number in asked]
    return conclusion(held, told)


def conclusion(held: Sequence[Row], told: list[tuple[int, str, str | None]]) -> Answer:
    by_outcome = {word: [each for each in told if each[1] == word] for word in ("passes", "undecided", "fails")}
    if len(by_outcome["passes"]) > 1:
        return "ambiguous", None, None, "several", told
    if by_outcome["passes"]:
        number = by_outcome["passes"][0][0]
        return "licensed", number, newest(held, number, "version_no"), None, told
    if by_outcome["undecided"]:
        return "ambiguous", None, None, by_outcome["undecided"][-1][2], told
    best = None
    for number, _, condition in by_outcome["fails"]:
        if best is None or PLACES.index(str(condition)) >= PLACES.index(str(best[1])):
            best = (number, condition)
    assert best is not None
    return "unlicensed", best[0], newest(held, best[0], "version_no"), best[1], told


def first_trouble(book: Book, held: Sequence[Row], number: int, sale: SaleFacts) -> tuple[str, str | None]:
    answers = answers_of(book, held, number, sale)
    for place in PLACES:
        if answers.get(place, True) is False:
            return "fails", place
    for place in PLACES:
        if answers.get(place, True) is None:
            return "undecided", place
    return "passes", None


def answers_of(book: Book, held: Sequence[Row], number: int, sale: SaleFacts) -> dict[str, bool | None]:
    """Each condition: whether it holds, None where nobody knows."""
    state = last_state(held, number)
    version = newest(held, number, "version_no")
    answers: dict[str, bool | None] = {
        "handle": None if sale.handle is None else lists(held, number, sale),
        "not-accepted": state not in (None, "offered", "declined") and version is not None,
        "revoked": state != "revoked",
        "resigned": state != "resigned",
        "suspended": state != "suspended",
    }
    begins = newest(held, number, "starts_at")
    answers["window"] = begins is not None and begins <= sale.sold_at
    if version is None:
        return answers
    (offer_id,) = {row.offer_id for row in held if row.grant_id == number}
    terms = book.terms[offer_id, version]
    answers["tail"] = in_tail(held, number, sale, terms.tail_days)
    answers["platform"] = sale.platform in terms.platforms
    answers["marketplace"] = among(sale.marketplace, terms.marketplaces)
    answers["territory"] = among(sale.territory, terms.territories)
    answers["product"] = among(sale.product, terms.products)
    if terms.excluded_products and answers["product"] is not False:
        answers["product"] = None if sale.product is None else sale.product not in terms.excluded_products
    if terms.streams is not None:
        shown = sale.source_ids
        answers["stream"] = None if shown is None else bool(shown) and all(each in terms.streams for each in shown)
    return answers


def among(value: str | None, allowed: Sequence[str] | None) -> bool | None:
    if allowed is None:
        return True
    return None if value is None else any(value == each for each in allowed)


def in_tail(held: Sequence[Row], number: int, sale: SaleFacts, tail_days: int) -> bool:
    """Whether the sale is before every end, or less than the tail behind the first, of a clip that was out by then."""
    ends = []
    window = last(held, number, "starts_at")
    if window is not None and window.change.ends_at is not None:
        ends.append(window.change.ends_at)
    ended = last(held, number, "state")
    if ended is not None and ended.change.state == "expired":
        ends.append(expiry(held, number))
    if not ends or sale.sold_at < min(ends):
        return True
    in_time = sale.published_at is None or sale.published_at < min(ends)
    return in_time and sale.sold_at < min(ends) + timedelta(days=tail_days)


def expiry(held: Sequence[Row], number: int) -> datetime:
    """When the grant expired that has not come back to life since."""
    its = in_order([row for row in held if row.grant_id == number and row.change.state is not None])
    while len(its) > 1 and its[-2].change.state == "expired":
        its.pop()
    return its[-1].change.effective_at


def last_state(held: Sequence[Row], number: int) -> str | None:
    """Expiry aside, which says nothing but that time has passed."""
    row = last([row for row in held if row.change.state != "expired"], number, "state")
    return None if row is None else row.change.state


def lists(held: Sequence[Row], number: int, sale: SaleFacts) -> bool:
    handle = unicodedata.normalize("NFKC", (sale.handle or "").lstrip("@")).casefold()
    return f"{sale.platform}:{handle}" in (newest(held, number, "handles") or ())


def newest(held: Sequence[Row], number: int, attribute: str) -> Any:
    row = last(held, number, attribute)
    return None if row is None else getattr(row.change, attribute)


def last(held: Sequence[Row], number: int, attribute: str) -> Row | None:
    its = [row for row in held if row.grant_id == number and getattr(row.change, attribute) is not None]
    return in_order(its)[-1] if its else None


def in_order(rows: Sequence[Row]) -> list[Row]:
    return sorted(rows, key=lambda row: (row.change.effective_at, row.change.change_no))
