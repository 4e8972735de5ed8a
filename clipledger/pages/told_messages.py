"""What the books tell in English, found in the code of the rooms that write it: what an entry is of, why a payout was
refused, what does not match, how a tax was worked out.

It is what is handed to a parameter or a field that has one of the names in `_TELLING`, what a function returns that is
called so, or what stands in a table whose name ends so. What has figures in it is a message with places:
`Payout {1} sent: {2}`.
"""

import ast
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence

from clipledger.pages.refusal_messages import ROOT, Module, is_sentence, names_of
from settlement.rails.bank_reasons import STATUSES

BOOKS = ("ledger", "settlement")
_TELLING = frozenset({"said", "description", "reason", "why", "words", "steps", "blocked", "subject"})
_TABLES = ("REASONS", "REFUSALS")
_Takers = Mapping[str, set[int | str]]
"""Functions and classes by name, and which of their arguments tell something: by place and by name."""


def told() -> set[str]:
    """All that the books tell in words of their own."""
    paths = [path for place in BOOKS for path in sorted((ROOT / place).rglob("*.py"))]
    modules = [Module(ast.parse(path.read_text())) for path in paths]
    takers = _takers(modules)
    found = {text for module in modules for text in _texts(module, takers) if is_sentence(text)}
    return {*found, *STATUSES.values()}


def _takers(modules: Sequence[Module]) -> _Takers:
    takers: dict[str, set[int | str]] = defaultdict(set)
    nodes = [node for module in modules for node in module.nodes]
    for node in nodes:
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            takers[node.name] |= _telling(_parameters(node))
        elif isinstance(node, ast.ClassDef):
            takers[node.name] |= _telling(_fields(node))
    for node in nodes:
        if isinstance(node, ast.ClassDef) and not _fields(node):
            takers[node.name] |= {place for base in node.bases for place in takers.get(ast.unparse(base), ())}
    return takers


def _telling(names: Sequence[str]) -> set[int | str]:
    return {place for at, name in enumerate(names) if name in _TELLING for place in (at, name)}


def _fields(node: ast.ClassDef) -> list[str]:
    for each in node.body:
        if isinstance(each, ast.FunctionDef) and each.name == "__init__":
            return _parameters(each)
    return [
        each.target.id for each in node.body if isinstance(each, ast.AnnAssign) and isinstance(each.target, ast.Name)
    ]


def _parameters(function: ast.FunctionDef | ast.AsyncFunctionDef) -> list[str]:
    names = [each.arg for each in (*function.args.posonlyargs, *function.args.args, *function.args.kwonlyargs)]
    return names[1:] if names[:1] == ["self"] else names


def _texts(module: Module, takers: _Takers) -> Iterator[str]:
    for node in module.nodes:
        if isinstance(node, ast.Call):
            yield from (text for value in _handed(node, takers) for text in module.read(value))
        elif isinstance(node, ast.Assign | ast.AnnAssign) and node.value is not None:
            if any(name.endswith(_TABLES) for name in names_of(node)):
                yield from module.read(node.value)
        elif isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef) and _is_called_so(node.name):
            yield from (text for value in _returned(node) for text in module.read(value))


def _handed(call: ast.Call, takers: _Takers) -> Iterator[ast.expr]:
    name = call.func.id if isinstance(call.func, ast.Name) else getattr(call.func, "attr", "")
    places = takers.get(name, set())
    yield from (argument for at, argument in enumerate(call.args) if at in places)
    yield from (keyword.value for keyword in call.keywords if keyword.arg in places)


def _is_called_so(name: str) -> bool:
    return name.strip("_").split("_")[0] in _TELLING


def _returned(function: ast.FunctionDef | ast.AsyncFunctionDef) -> Iterator[ast.expr]:
    for node in ast.walk(function):
        if isinstance(node, ast.Return | ast.Yield) and node.value is not None:
            yield node.value
