"""Files and functions stay small: budgets.toml holds the limits and the few, exact exceptions."""

import ast
import tomllib
from collections.abc import Iterator

from tests.walls.tree import PACKAGES, ROOT, modules, parsed, relative

BUDGETS = tomllib.loads((ROOT / "tests/walls/budgets.toml").read_text(encoding="utf-8"))
JUDGED = (*PACKAGES, "tests", "benchmarks", ".ci")


def file_sizes() -> dict[str, int]:
    return {
        relative(path): len(path.read_text(encoding="utf-8").splitlines())
        for path in modules(*JUDGED)
    }


def function_sizes() -> dict[str, int]:
    """Lines of every function from its def to its end, docstring not counted."""
    sizes = {}
    for path in modules(*JUDGED):
        for name, node in _functions(parsed(path)):
            place = f"{relative(path)}::{name}"
            sizes[place] = max(_length(node), sizes.get(place, 0))
    return sizes


def _functions(node: ast.AST, inside: str = "") -> Iterator[tuple[str, ast.AST]]:
    for child in ast.iter_child_nodes(node):
        name = f"{inside}{getattr(child, 'name', '')}"
        if isinstance(child, ast.FunctionDef | ast.AsyncFunctionDef):
            yield name, child
            yield from _functions(child, f"{name}.")
        elif isinstance(child, ast.ClassDef):
            yield from _functions(child, f"{name}.")
        else:
            yield from _functions(child, inside)


def _length(node) -> int:
    lines = node.end_lineno - node.lineno + 1
    if ast.get_docstring(node) is not None:
        docstring = node.body[0]
        lines -= docstring.end_lineno - docstring.lineno + 1
    return lines


def complaints(sizes: dict[str, int], limit: int, exceptions: dict[str, dict]) -> list[str]:
    """What breaks the budget, and which exceptions have become too generous."""
    found = []
    for place, size in sizes.items():
        allowed = exceptions.get(place, {}).get("lines", limit)
        if size > allowed:
            found.append(f"{place} has {size} lines, its budget is {allowed}: cut it in two")
    for place, exception in exceptions.items():
        size = sizes.get(place, 0)
        if size <= limit:
            found.append(f"{place} has {size} lines and needs no exception any more: take it out")
        elif size < exception["lines"]:
            found.append(f"{place} has shrunk to {size} lines: tighten its exception to that")
        if not exception.get("reason"):
            found.append(f"the exception of {place} gives no reason")
    return found


def test_files_keep_their_budget():
    assert complaints(file_sizes(), BUDGETS["limits"]["file"], BUDGETS.get("files", {})) == []


def test_functions_keep_their_budget():
    found = complaints(
        function_sizes(), BUDGETS["limits"]["function"], BUDGETS.get("functions", {})
    )
    assert found == []


def test_budgets_only_tighten():
    def judged(size, **exception):
        return complaints({"a": size}, 10, {"a": exception} if exception else {})

    assert judged(10) == []
    assert judged(11) == ["a has 11 lines, its budget is 10: cut it in two"]
    assert judged(15, lines=15, reason="one table") == []
    assert judged(16, lines=15, reason="one table") == [
        "a has 16 lines, its budget is 15: cut it in two"
    ]
    assert judged(14, lines=15, reason="one table") == [
        "a has shrunk to 14 lines: tighten its exception to that"
    ]
    assert judged(10, lines=15, reason="one table") == [
        "a has 10 lines and needs no exception any more: take it out"
    ]
    assert judged(15, lines=15) == ["the exception of a gives no reason"]
    assert complaints({}, 10, {"gone": {"lines": 15, "reason": "one table"}}) == [
        "gone has 0 lines and needs no exception any more: take it out"
    ]


def test_function_sizes_see_methods_and_nested_functions():
    sizes = function_sizes()
    assert "tests/walls/test_budgets.py::test_budgets_only_tighten.judged" in sizes
    assert sizes["tests/walls/test_budgets.py::function_sizes"] == 7
