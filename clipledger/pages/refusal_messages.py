"""What the rooms and the front door say when they refuse something, found in their code: titles and rules.

A title is that of a class of errors, or of a problem of the front door's. A rule is the third argument of an error that
is raised, an error's `usual_rule`, or what is handed to a function as its `rule`. Rules with figures in them are
messages with places: `at most {1} characters`.
"""

import ast
import pkgutil
import re
from collections.abc import Iterator, Mapping
from functools import cache
from importlib import import_module
from pathlib import Path

from clipledger.access.errors import AccessError
from ledger.errors import LedgerError
from licensing.refusal import Refusal
from media.errors import MediaError

ROOT = Path(__file__).parents[2]
ROOMS = ("ledger", "media", "licensing", "settlement")
FRONT_DOOR = ("clipledger/access", "clipledger/web", "clipledger/pages")
_Error = AccessError | LedgerError | MediaError | Refusal
_KINDS = {"code": "code", "rule": "rule", "detail": "rule"}
"""Names of parameters, and what is handed over by them."""
_CALLS: Mapping[str, Mapping[int, str]] = {
    "Problem": {1: "code", 2: "rule"},
    "DatabaseFault": {1: "code", 2: "rule"},
    "FieldFault": {1: "rule"},
}


def codes() -> set[str]:
    """Of every kind of problem: `/problems/<code>`."""
    front = {text for place in FRONT_DOOR for kind, text in _found(place) if kind == "code"}
    for room in ROOMS:
        for module in pkgutil.walk_packages(import_module(room).__path__, f"{room}."):
            import_module(module.name)
    trees: tuple[type[_Error], ...] = (AccessError, LedgerError, MediaError, Refusal)
    return front | {error.code for tree in trees for error in _kinds(tree)}


def title_of(code: str) -> str:
    """As the API titles it."""
    return code.replace("-", " ").capitalize()


def rules() -> set[str]:
    """All that a refusal may say of a field."""
    found = (text for place in (*ROOMS, *FRONT_DOOR) for kind, text in _found(place) if kind == "rule")
    return {text for text in found if is_sentence(text)}


def _kinds(error: type[_Error]) -> Iterator[type[_Error]]:
    """The errors below that one that can be raised: `Invalid` and its like only say which kind others are of."""
    for each in error.__subclasses__():
        is_kind = issubclass(each, Refusal) and "kind" in vars(each)
        if "code" in vars(each) and hasattr(each, "kind") and not is_kind:
            yield each
        yield from _kinds(each)


def is_sentence(text: str) -> bool:
    """Neither a word of the code nor a query."""
    said = [part for part in re.split(r"\{\d+\}", text) if re.search(r"[A-Za-z]{2}", part)]
    return bool(said) and " " in text and "\n" not in text


@cache
def _found(place: str) -> frozenset[tuple[str, str]]:
    """Kinds and texts, in the modules of a folder."""
    paths = sorted((ROOT / place).rglob("*.py"))
    return frozenset(found for path in paths for found in Module(ast.parse(path.read_text())).texts())


class Module:
    """The texts of one module."""

    def __init__(self, tree: ast.Module) -> None:
        self.nodes = list(ast.walk(tree))
        self._functions: dict[str, dict[int, str]] = {name: dict(its) for name, its in _CALLS.items()}
        self.assigned: dict[str, list[ast.expr]] = {}
        for node in self.nodes:
            if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
                self._learn(node)
            elif isinstance(node, ast.Assign | ast.AnnAssign) and node.value is not None:
                for name in names_of(node):
                    self.assigned.setdefault(name, []).append(node.value)

    def _learn(self, function: ast.FunctionDef | ast.AsyncFunctionDef) -> None:
        names = [each.arg for each in (*function.args.posonlyargs, *function.args.args)]
        taken = {place: _KINDS[name] for place, name in enumerate(names) if name in _KINDS}
        if taken:
            self._functions.setdefault(function.name, {}).update(taken)

    def texts(self) -> Iterator[tuple[str, str]]:
        """Each with its kind, `code` or `rule`."""
        for node in self.nodes:
            if isinstance(node, ast.Call):
                yield from self._of_call(node)
            elif isinstance(node, ast.Raise) and isinstance(node.exc, ast.Call):
                yield from (("rule", text) for each in node.exc.args[2:3] for text in self.read(each))
        for name, values in self.assigned.items():
            kind = "code" if "code_of" in name.lower() else "rule"
            if kind == "code" or "rule" in name.lower() or "refusals" in name.lower():
                yield from ((kind, text) for value in values for text in self.read(value))

    def _of_call(self, call: ast.Call) -> Iterator[tuple[str, str]]:
        name = call.func.id if isinstance(call.func, ast.Name) else getattr(call.func, "attr", "")
        places = self._functions.get(name, {})
        for place, argument in enumerate(call.args):
            if place in places:
                yield from ((places[place], text) for text in self.read(argument))
        for keyword in call.keywords:
            if keyword.arg in _KINDS:
                yield from ((_KINDS[keyword.arg], text) for text in self.read(keyword.value))

    def read(self, value: ast.expr, depth: int = 0) -> Iterator[str]:
        """The texts that an expression can come to, as far as they stand in this module."""
        if isinstance(value, ast.Constant):
            if isinstance(value.value, str):
                yield value.value
        elif isinstance(value, ast.JoinedStr):
            yield _with_places(value)
        elif isinstance(value, ast.Name) and depth == 0:
            yield from (text for each in self.assigned.get(value.id, []) for text in self.read(each, 1))
        elif isinstance(value, ast.IfExp):
            yield from (text for each in (value.body, value.orelse) for text in self.read(each, depth))
        elif isinstance(value, ast.Subscript):
            yield from self.read(value.value, depth)
        elif isinstance(value, ast.BoolOp | ast.Dict | ast.Tuple | ast.List):
            yield from (text for each in _parts(value) for text in self.read(each, depth))


def _parts(value: ast.BoolOp | ast.Dict | ast.Tuple | ast.List) -> list[ast.expr]:
    return value.elts if isinstance(value, ast.Tuple | ast.List) else value.values


def names_of(node: ast.Assign | ast.AnnAssign) -> list[str]:
    targets = node.targets if isinstance(node, ast.Assign) else [node.target]
    return [target.id for target in targets if isinstance(target, ast.Name)]


def _with_places(value: ast.JoinedStr) -> str:
    text, place = "", 0
    for part in value.values:
        if isinstance(part, ast.Constant):
            text += str(part.value)
        else:
            place += 1
            text += f"{{{place}}}"
    return text
