"""The catalogues of the pages' messages: one for each space, `shell` for what all share, `problems` for refusals, and
`told` for what the books tell in words.

`make words` writes into them what is new in the code and the templates, and drops what is gone; what then has no
translation is for somebody to write.
"""

from collections.abc import Iterator
from pathlib import Path
from tempfile import NamedTemporaryFile

from babel.messages.catalog import Catalog
from babel.messages.extract import extract_from_dir
from babel.messages.pofile import read_po, write_po

from clipledger.pages import refusal_messages, told_messages
from clipledger.pages.languages import CATALOGUES, LANGUAGES
from clipledger.pages.refusals import TITLES

HERE = Path(__file__).parent
SPACES = ("clipper", "host", "finance", "operator")
_KEYWORDS = {"N_": None, "say": None, "_": None, "gettext": None, "ngettext": (1, 2)}
_METHODS = [("**.py", "python"), ("**.html", "jinja2")]
_OPTIONS = {"**.html": {"trimmed": "true", "trim_blocks": "true", "lstrip_blocks": "true"}}
_WIDTH = 120


def messages() -> dict[str, set[str | tuple[str, ...]]]:
    """The messages of each catalogue; what the shell says is in no other but `told`, which is searched by itself."""
    found: dict[str, set[str | tuple[str, ...]]] = {name: set() for name in ("shell", *SPACES)}
    for path, _, message, _, _ in extract_from_dir(HERE, _METHODS, _OPTIONS, _KEYWORDS, strip_comment_tags=True):
        parts = Path(path).parts
        place = parts[1] if parts[0] == "templates" else parts[0]
        found[place if place in SPACES else "shell"].add(message)
    found["problems"] = {
        *refusal_messages.rules(),
        *map(refusal_messages.title_of, refusal_messages.codes() - {*TITLES}),
    }
    found["told"] = {*told_messages.told()}
    return {name: said if name in ("shell", "told") else said - found["shell"] for name, said in found.items()}


def catalogue(language: str, name: str) -> Catalog:
    """As it lies there; empty where it does not yet."""
    path = CATALOGUES / language / f"{name}.po"
    if not path.exists():
        return Catalog(locale=language)
    with path.open("rb") as file:
        return read_po(file, locale=language)


def renewed(language: str, name: str, wanted: set[str | tuple[str, ...]]) -> Catalog:
    """The catalogue with all that is wanted and nothing else; translations stay."""
    old, new = catalogue(language, name), Catalog(locale=language)
    for message in sorted(wanted, key=str):
        known = old.get(message[0] if isinstance(message, tuple) else message)
        new.add(message, known.string if known else None)
    return new


def missing(language: str) -> Iterator[tuple[str, str]]:
    """What is said in no translation: catalogue and message."""
    for name, wanted in messages().items():
        for message in renewed(language, name, wanted):
            if message.id and not _translated(message.string):
                yield name, str(message.id)


def _translated(text: object) -> bool:
    return all(text) if isinstance(text, tuple) else bool(text)


def renew() -> None:
    """Write all catalogues anew."""
    for language in LANGUAGES:
        if language == "en":
            continue
        for name, wanted in messages().items():
            _write(CATALOGUES / language / f"{name}.po", renewed(language, name, wanted))


def _write(path: Path, catalog: Catalog) -> None:
    """Whole or not at all, for others may read it, or do the same, at this moment."""
    with NamedTemporaryFile(dir=path.parent, delete=False) as file:
        write_po(file, catalog, width=_WIDTH, omit_header=True, sort_output=True)
    Path(file.name).chmod(0o644)
    Path(file.name).replace(path)


if __name__ == "__main__":
    renew()
    for place, text in missing("zh"):
        print(f"{place} has no Chinese for: {text}")  # noqa: T201
