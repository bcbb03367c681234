"""JSON Patch, RFC 6902, on the JSON of a resource (https://hl7.org/fhir/R4/http.html#patch).

jsonpatch carries the operations out. What it leaves open is settled here: a limit on what `copy`
may make, words that name the operation and no patient's data, and no empty array or object where
the last thing in it was removed (FHIR's JSON has none).
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any, Final

from jsonpatch import JsonPatch as Library
from jsonpatch import JsonPatchException, JsonPointerException

from fhir_profiles import json_text
from fhir_profiles.json_text import MAX_DEPTH, JsonTrouble, Tree
from fhir_server.patches.patch import (
    Effort,
    TooMuch,
    impossible,
    measure,
    require_few,
    unreadable,
)

MEDIA: Final = "application/json-patch+json"
MAX_COPIED: Final = 1_000_000  # values and letters that the copies of one patch may make
MAX_EFFORT: Final = 1_000_000  # values that are looked at for copies and moves
_NEEDS: Final = {
    "add": ("value",),
    "remove": (),
    "replace": ("value",),
    "move": ("from",),
    "copy": ("from",),
    "test": ("value",),
}
_POINTER = re.compile(r"(?:/(?:[^~/]|~[01])*)*")
_INDEX = re.compile(r"0|[1-9][0-9]{0,8}")

Parts = list[str]


@dataclass(frozen=True, slots=True)
class JsonPatch:
    """Operations of RFC 6902, their shape already looked at."""

    operations: list[Tree]

    def apply(self, tree: Tree) -> Tree:
        """As `Patch.apply`; whatever comes out may be something else than a resource."""
        copies, effort = Effort(MAX_COPIED), Effort(MAX_EFFORT)
        emptied: list[Any] = []
        for number, operation in enumerate(self.operations, 1):
            try:
                _require_possible(tree, number, operation, copies, effort)
            except TooMuch as err:
                raise impossible(number, f"{operation['op']}: {err}") from None
            if operation["op"] in ("remove", "move"):
                way = operation["path" if operation["op"] == "remove" else "from"]
                emptied += _containers(tree, _parts(way))
            try:
                tree = Library([operation]).apply(tree, in_place=True)
            except (JsonPatchException, JsonPointerException, TypeError, ValueError, LookupError):
                # What the library says may quote the resource.
                raise impossible(
                    number, f"{operation['op']} at {_shown(operation['path'])} cannot be done"
                ) from None
        if emptied:
            _prune(tree, {id(container) for container in emptied})
        return tree


def read(body: bytes) -> JsonPatch:
    """The patch in a body. JsonTrouble: no JSON; FhirError 400: no patch, 413: too long a one."""
    operations = _array(body)
    require_few(len(operations))
    for number, operation in enumerate(operations, 1):
        _require_shape(number, operation)
    return JsonPatch(operations)


def _array(body: bytes) -> list[Any]:
    if not body.strip():
        raise JsonTrouble("the body is empty; send an array of operations")
    try:
        # Our reader of JSON reads objects; the line break keeps the columns right.
        tree = json_text.parse(b'{"patch":\n' + body + b"\n}")
    except JsonTrouble as err:
        path = re.sub(r"^patch\.?", "", err.path)
        raise JsonTrouble(err.problem, max(err.line - 1, 1), err.column, path) from None
    operations = tree["patch"]
    if len(tree) > 1 or not isinstance(operations, list):
        raise JsonTrouble('a JSON Patch is an array of operations: [{"op": "replace", ...}, ...]')
    return operations


def _require_shape(number: int, operation: Any) -> None:
    if not isinstance(operation, dict):
        raise unreadable(number, 'it is no object like {"op": "replace", "path": "/active", ...}')
    name = operation.get("op")
    needs = _NEEDS.get(name) if isinstance(name, str) else None
    if needs is None:
        said = f"op is {str(name)[:40]!r}" if "op" in operation else "it has no op"
        raise unreadable(number, f"{said}; possible are {', '.join(_NEEDS)}")
    for member in ("path", *needs):
        if member not in operation:
            raise unreadable(number, f"{name} needs a {member!r}")
    for member in ("path", "from"):
        pointer = operation.get(member, "")
        if not isinstance(pointer, str) or not _POINTER.fullmatch(pointer):
            raise unreadable(
                number, f"{member} is no JSON Pointer; it looks like /name/0/given, ~ is written ~0"
            )
        if pointer.count("/") > MAX_DEPTH:
            raise unreadable(number, f"{member} has more than {MAX_DEPTH} steps")


# ---- can it be done ----------------------------------------------------------------------------


def _require_possible(
    tree: Any, number: int, operation: Tree, copies: Effort, effort: Effort
) -> None:
    """FhirError 422: the path leads nowhere, a test fails, it gets too deep; TooMuch."""
    name, path = operation["op"], operation["path"]
    target = _parts(path)
    new = name in ("add", "copy", "move")
    if name != "move":  # its own removal may come first
        _walk(tree, number, target, new=new)
    if name == "test":
        _require_equal(tree, number, operation, target)
    source = operation.get("value")
    if name in ("copy", "move"):
        source = _walk(tree, number, _parts(operation["from"]), new=False)
    if name in ("remove", "test"):
        return
    depth, count, letters = measure(source)
    if name in ("copy", "move"):
        effort.spend(count)
    if name == "copy":
        copies.spend(count + letters)
    if depth + len(target) > MAX_DEPTH:
        raise impossible(number, f"the resource would be nested deeper than {MAX_DEPTH} levels")


def _require_equal(tree: Any, number: int, operation: Tree, target: Parts) -> None:
    try:
        Library([operation]).apply(tree, in_place=True)
    except (JsonPatchException, JsonPointerException):
        raise impossible(
            number, f"the test fails: {_shown(operation['path'])} has another value"
        ) from None


def _parts(pointer: str) -> Parts:
    return [part.replace("~1", "/").replace("~0", "~") for part in pointer.split("/")[1:]]


def _walk(tree: Any, number: int, parts: Parts, *, new: bool) -> Any:
    """The value at a path. `new`: its last step may be where nothing is yet."""
    here = tree
    for place, part in enumerate(parts):
        last = place == len(parts) - 1
        before = _shown("".join(f"/{one}" for one in parts[:place])) or "the resource"
        if isinstance(here, dict):
            if part not in here and not (new and last):
                raise impossible(number, f"{before} has no {part[:60]!r}")
            here = here.get(part)
        elif isinstance(here, list):
            here = _item(here, number, part, before, new=new and last)
        else:
            raise impossible(number, f"{before} is a single value, there is nothing inside")
    return here


def _item(items: list[Any], number: int, part: str, before: str, *, new: bool) -> Any:
    if part == "-" and new:
        return None
    if not _INDEX.fullmatch(part):
        raise impossible(number, f"{before} is an array; {part[:60]!r} is no place in it")
    if int(part) >= len(items) + (1 if new else 0):
        raise impossible(
            number, f"{before} has {len(items)} items, {part} is none (they count from 0)"
        )
    return items[int(part)] if int(part) < len(items) else None


def _shown(pointer: str) -> str:
    return pointer if len(pointer) <= 200 else f"{pointer[:200]}..."


# ---- nothing empty stays -----------------------------------------------------------------------


def _containers(tree: Any, parts: Parts) -> list[Any]:
    """The arrays and objects on the way to a value, the resource itself left out."""
    found, here = [], tree
    for part in parts[:-1]:
        here = here[int(part)] if isinstance(here, list) else here[part]
        found.append(here)
    return found


def _prune(node: Any, emptied: set[int]) -> None:
    """Takes out those containers that lost what they held."""
    if isinstance(node, dict):
        for name, value in list(node.items()):
            _prune(value, emptied)
            if not value and id(value) in emptied:
                del node[name]
    elif isinstance(node, list):
        for value in node:
            _prune(value, emptied)
        node[:] = [value for value in node if value or id(value) not in emptied]
