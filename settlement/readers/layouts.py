"""Formats by their header: which reader a file is for, and where its columns stand.

A header is matched without regard to case, order, spaces around its names or a byte order mark. A name in another
language counts where it is known for certain; anything else is refused and named, never guessed.
"""

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from operator import itemgetter
from zoneinfo import ZoneInfo

from settlement.errors import FileRefused, MissingColumn, UnknownColumn, UnknownFormat
from settlement.observations import Observation
from settlement.readers.values import NumberStyle, Unreadable

RowReader = Callable[[int, tuple[str, ...]], Observation]
"""From a row's number and texts. Raises Unreadable."""

_SPACES = re.compile(r"\s+")


@dataclass(frozen=True)
class Format:
    """What is known of one kind of report."""

    name: str
    columns: tuple[str, ...]
    needed: frozenset[str]
    amounts: tuple[str, ...]
    """Columns of amounts that are read, those first that must not be empty; `times`, `counts` and `ids` likewise.
    They locate what is unreadable."""
    times: tuple[str, ...]
    counts: tuple[str, ...]
    ids: tuple[str, ...]
    reader: Callable[["Layout"], RowReader]
    usual_zone: str
    status: str | None = None
    currency: str | None = None
    translations: Mapping[str, str] = field(default_factory=dict)
    """Names in other languages, as `known` spells them, to those of `columns`."""
    nulls: tuple[str, ...] = ("",)
    """Texts that mean that there is nothing. An empty cell always does."""
    comma_names: frozenset[str] = frozenset()
    """Translations whose readers may write 1.234,56, so that the header does not decide about numbers."""
    extras: tuple[str, ...] = ()
    """Columns that only some files have."""
    style: NumberStyle | None = None
    """The only style it may use; None lets the file's values decide."""

    def canonical(self) -> dict[str, str]:
        return {known(name): name for name in (*self.columns, *self.extras)} | dict(self.translations)


@dataclass(frozen=True)
class Layout:
    """One file's header under its format."""

    format: Format
    header: tuple[str, ...]
    at: Mapping[str, int]
    """Positions of the canonical columns."""
    zone: ZoneInfo
    style: NumberStyle = "point"
    nulls: tuple[str, ...] = ("",)
    currency: str | None = None
    title: str = ""
    notes: list[str] = field(default_factory=list)

    def pick(self, *names: str) -> Callable[[tuple[str, ...]], tuple[str, ...]]:
        """Of a row the cells under these names, empty where the file has no such column."""
        places = [self.at.get(name, len(self.header)) for name in names]
        getter = itemgetter(*places)
        if max(places) < len(self.header):
            return getter
        return lambda cells: getter((*cells, ""))

    def says_style(self) -> bool:
        """True if the header's language has one way to write numbers."""
        return not any(known(name) in self.format.comma_names for name in self.header)

    def column_of(self, unreadable: Unreadable, cells: Sequence[str]) -> str | None:
        """The name, in the file's own words, of the column where the text stands."""
        for name in _columns_of(self.format, unreadable.kind):
            place = self.at.get(name)
            if place is not None and cells[place].strip() == unreadable.text.strip():
                return self.header[place].strip()
        return None


def _columns_of(kind: Format, which: str) -> tuple[str, ...]:
    named = {"amount": kind.amounts, "time": kind.times, "count": kind.counts, "id": kind.ids}
    if which == "status":
        return (kind.status,) if kind.status else ()
    if which == "currency":
        return (kind.currency,) if kind.currency else ()
    return named.get(which, (which,))


def known(name: str) -> str:
    """A column's name as headers are compared by it."""
    return _SPACES.sub(" ", name.replace("\ufeff", "").strip()).casefold()


def closest(formats: Sequence[Format], header: Sequence[str]) -> tuple[Format, int]:
    """The format that comes closest to the header, and how many of its columns the header has."""
    names = {known(name) for name in header}
    shared = [(len(names & form.canonical().keys()), form) for form in formats]
    count, nearest = max(shared, key=lambda found: found[0])
    return nearest, count


def layout_of(form: Format, header: Sequence[str], zone: ZoneInfo | None, title: str = "") -> Layout:
    """Where the columns stand. Raises MissingColumn or UnknownColumn, naming them all."""
    canonical = form.canonical()
    at: dict[str, int] = {}
    unknown: list[str] = []
    for place, name in enumerate(header):
        meant = canonical.get(known(name))
        if meant is None:
            unknown.append(name.strip())
        elif meant in at:
            raise UnknownColumn("header", name.strip(), f"{form.name}: stands there twice")
        else:
            at[meant] = place
    _refuse(form, sorted(form.needed - at.keys()), unknown)
    notes = [f"column absent: {name}" for name in form.columns if name not in at]
    return Layout(form, tuple(header), at, zone or ZoneInfo(form.usual_zone), title=title, notes=notes)


def _refuse(form: Format, lacking: Sequence[str], unknown: Sequence[str]) -> None:
    if lacking:
        beside = f"; unknown: {', '.join(unknown)}" if unknown else ""
        raise MissingColumn("header", ", ".join(lacking), f"{form.name}: needed columns are missing{beside}")
    if unknown:
        raise UnknownColumn("header", ", ".join(unknown), f"{form.name}: has no such columns")


def no_format(formats: Sequence[Format], header: Sequence[str]) -> FileRefused:
    """Says which reader came closest, and what it misses."""
    nearest, count = closest(formats, header)
    shown = ", ".join(name.strip() for name in header[:12])
    if not count:
        names = ", ".join(form.name for form in formats)
        return UnknownFormat("header", shown, f"no reader knows this header; export it in English, for one of {names}")
    names_of = {nearest.canonical().get(known(name)) for name in header}
    lacking = [name for name in nearest.columns if name in nearest.needed and name not in names_of]
    return UnknownFormat(
        "header",
        shown,
        f"no reader knows this header; {nearest.name} comes closest with {count} of {len(nearest.columns)} columns"
        + (f" and misses {', '.join(lacking)}" if lacking else ""),
    )
