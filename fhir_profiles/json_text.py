"""FHIR JSON as text: read once, kept byte for byte (https://hl7.org/fhir/R4/json.html).

What a client sent is what is stored and served: only `id` and `meta` are the server's. So nothing
here ever writes out a resource that it has read; a number keeps its digits (`7.50`), text its
escapes. The slow walk (`_values`) runs only after something went wrong, to say where.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Sequence
from decimal import Decimal, DecimalException
from typing import Any, Final, NoReturn

import msgspec

Tree = dict[str, Any]
"""Parsed JSON: a number with a fraction or an exponent is a `Decimal` made from its text."""

MAX_DEPTH: Final = 64  # FHIR resources nest about ten levels; deeper is an attack or a mistake
MAX_VALUES: Final = 1_000_000  # a value of FHIR takes 25 bytes of JSON; `{}` takes 3, and 64 parsed

_STRING = re.compile(r'"[^"\\]*(?:\\.[^"\\]*)*"', re.DOTALL)
_TOKEN = re.compile(r'"[^"\\]*(?:\\.[^"\\]*)*"|[{}\[\],:]|[^\s{}\[\],:"]+', re.DOTALL)
_SURROGATE = re.compile(r"\\u[dD][89a-fA-F]")
_PLAIN_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
# Every bracket as a curly one, and nothing else.
_BRACKETS = {**dict.fromkeys(range(128)), **str.maketrans("{[}]", "{{}}")}
_STEP = {"{": 1, "[": 1, "}": -1, "]": -1}
_raw_members = msgspec.json.Decoder(dict[str, msgspec.Raw])
_encoder = msgspec.json.Encoder(decimal_format="number")


class JsonTrouble(ValueError):
    """A body that is not the JSON of a resource: what, where (line and column from 1), which."""

    def __init__(self, problem: str, line: int = 1, column: int = 1, path: str = "") -> None:
        self.problem, self.line, self.column, self.path = problem, line, column, path
        at = f" at {path}" if path else ""
        super().__init__(f"line {line}, column {column}{at}: {problem}")


class _Refused(ValueError):
    """Raised inside the parser, which knows what it met but not where."""

    def __init__(self, problem: str, kind: str, seen: str) -> None:
        super().__init__(problem)
        self.kind, self.seen = kind, seen


# ---- reading -----------------------------------------------------------------------------------


def parse(body: bytes) -> Tree:
    """The tree of a resource.

    JsonTrouble: wrong JSON or UTF-8, not an object, a member twice, deeper than 64 levels, more
    than a million values, half a surrogate pair, NaN or Infinity, a number too large to be read.
    """
    text = _text(body)
    if len(text) > MAX_VALUES:
        _require_few_values(text)
    try:
        tree = _decoder.decode(text)
    except json.JSONDecodeError as err:
        raise JsonTrouble(_in_words(err), err.lineno, _column(text, err.pos)) from None
    except _Refused as err:
        raise _place(text, err) from None
    except RecursionError:
        raise _too_deep(text) from None
    if not isinstance(tree, dict):
        raise JsonTrouble(
            f"the body is {_kind(tree)}, not a JSON object; send one resource: "
            '{"resourceType": ..., ...}',
            *_position(text, len(text) - len(text.lstrip())),
        )
    if text.count("{") + text.count("[") > MAX_DEPTH and _depth(text) > MAX_DEPTH:
        raise _too_deep(text)
    if _SURROGATE.search(text):
        _refuse_half_pairs(tree, text)
    return tree


def _text(body: bytes) -> str:
    if body.startswith(b"\xef\xbb\xbf"):
        raise JsonTrouble("the body starts with a byte order mark; send UTF-8 without one")
    if not body.strip():
        raise JsonTrouble("the body is empty; send one resource as JSON")
    try:
        return body.decode("utf-8")
    except UnicodeDecodeError as err:
        before = body[: err.start].decode("utf-8")
        raise JsonTrouble(
            f"the body is not UTF-8 (byte 0x{body[err.start]:02x}); save or send it as UTF-8",
            *_position(before, len(before)),
        ) from None


def _object(pairs: list[tuple[str, Any]]) -> Tree:
    members = dict(pairs)
    if len(members) != len(pairs):
        names = [name for name, _ in pairs]
        twice = next(name for name in names if names.count(name) > 1)
        raise _Refused(f"the member {twice!r} stands twice in one object", "twice", twice)
    return members


def _decimal(text: str) -> Decimal:
    try:
        return Decimal(text)
    except DecimalException:
        raise _Refused(
            "a number with an exponent this large cannot be kept", "number", text
        ) from None


def _integer(text: str) -> int:
    try:
        return int(text)
    except ValueError:  # Python refuses more than 4300 digits
        raise _Refused(f"a number of {len(text)} digits cannot be kept", "number", text) from None


def _constant(text: str) -> NoReturn:
    raise _Refused(f"{text} is not JSON; leave the element out or send a number", "number", text)


_decoder = json.JSONDecoder(
    object_pairs_hook=_object,
    parse_float=_decimal,
    parse_int=_integer,
    parse_constant=_constant,
)


def _in_words(err: json.JSONDecodeError) -> str:
    """The parser's complaint with what to do about it."""
    found = err.doc[err.pos : err.pos + 1]
    seen = f"found {found!r}" if found else "the body ends here"
    words = {
        "Expecting value": f"expected a value, {seen}",
        "Expecting property name enclosed in double quotes": (
            f"expected a member name in double quotes, {seen}; is there a comma too many?"
        ),
        "Illegal trailing comma before end of object": "there is a comma before the closing brace",
        "Illegal trailing comma before end of array": "there is a comma before the closing bracket",
        "Expecting ':' delimiter": f"expected a colon after the member name, {seen}",
        "Expecting ',' delimiter": f"expected a comma or the end, {seen}",
        "Extra data": f"there is more after the end of the resource, {seen}; send one resource",
        "Unterminated string starting at": "a string that starts here has no closing quote",
        "Invalid control character at": (
            f"a string holds the control character {found!r}; write it as an escape"
        ),
    }
    return words.get(err.msg, f"this is not JSON ({err.msg})")


# ---- how much, how deep, and surrogates ----------------------------------------------------------


def _require_few_values(text: str) -> None:
    """Small values need thirty times as much memory as their text has."""
    if _separators(text) > MAX_VALUES and _separators(_STRING.sub("", text)) > MAX_VALUES:
        raise JsonTrouble(f"the body holds more than {MAX_VALUES} values; send it in several parts")


def _separators(text: str) -> int:
    return text.count(",") + text.count("{") + text.count("[")


def _depth(text: str) -> int:
    """How deep a valid JSON text is nested, by taking away what is innermost again and again."""
    plain = text.replace("\\\\", "").replace('\\"', "")
    brackets = "".join(plain.split('"')[::2]).translate(_BRACKETS)
    depth = 0
    while brackets and depth <= MAX_DEPTH:
        brackets = brackets.replace("{}", "")
        depth += 1
    return depth


def _too_deep(text: str) -> JsonTrouble:
    depth = 0
    for token in _TOKEN.finditer(text):
        depth += _STEP.get(token[0], 0)
        if depth > MAX_DEPTH:
            break
    problem = f"the body is nested deeper than {MAX_DEPTH} levels"
    return JsonTrouble(problem, *_position(text, token.start()))


def _refuse_half_pairs(tree: Tree, text: str) -> None:
    """Half a surrogate pair is no character: such a string cannot be written as UTF-8."""
    try:
        _encoder.encode(tree)
        return
    except UnicodeEncodeError:
        pass
    for token in _STRING.finditer(text):
        try:
            json.loads(token[0]).encode()
        except UnicodeEncodeError:
            raise JsonTrouble(
                "a string holds half of a surrogate pair; write the whole character",
                *_position(text, token.start()),
            ) from None


# ---- where a value stands ----------------------------------------------------------------------


def locate(body: bytes, path: Sequence[str | int]) -> tuple[int, int]:
    """Line and column (from 1, in characters) of a value, or of its nearest ancestor there is.

    `path` is the way through the JSON: `("contact", 0, "_relationship")`.
    """
    return places(body, [path])[0]


def places(body: bytes, paths: Sequence[Sequence[str | int]]) -> list[tuple[int, int]]:
    """`locate` of many paths in one walk over the body."""
    text = body.decode("utf-8", "replace")
    wanted = [tuple(path) for path in paths]
    found: dict[tuple[str | int, ...], int] = {(): len(text) - len(text.lstrip())}
    missing = {path[:end] for path in wanted for end in range(1, len(path) + 1)}
    walk = _values(text)
    while missing and (value := next(walk, None)):
        here = tuple(value[0])
        if here in missing:
            missing.discard(here)
            found[here] = value[1]
    answers = []
    for path in wanted:
        nearest = next(path[:end] for end in range(len(path), -1, -1) if path[:end] in found)
        answers.append(_position(text, found[nearest]))
    return answers


def _values(text: str) -> Iterator[tuple[list[str | int], int]]:
    """Every value below the top as it appears: its path (one list, changing) and its offset."""
    path: list[str | int] = []
    name_next = False  # inside an object, before the colon
    for token in _TOKEN.finditer(text):
        first = token[0][0]
        if first in "}]":
            if path:
                path.pop()
            name_next = False
        elif first == ",":
            if path and isinstance(path[-1], int):
                path[-1] += 1
            name_next = bool(path) and isinstance(path[-1], str)
        elif first == '"' and name_next:
            path[-1] = _unquoted(token[0])
            name_next = False
        elif first != ":":
            if path:
                yield path, token.start()
            if first in "{[":
                path.append("" if first == "{" else 0)
                name_next = first == "{"


def _unquoted(token: str) -> str:
    try:
        return str(json.loads(token, strict=False))
    except ValueError:
        return token[1:-1]


def _place(text: str, refused: _Refused) -> JsonTrouble:
    """Says where the thing stands that the parser refused."""
    offset, path = _first_twice(text) if refused.kind == "twice" else _number(text, refused.seen)
    return JsonTrouble(str(refused), *_position(text, offset), path)


def _number(text: str, seen: str) -> tuple[int, str]:
    for path, offset in _values(text):
        if text.startswith(seen, offset):
            return offset, written(path)
    return text.find(seen), ""


def _first_twice(text: str) -> tuple[int, str]:
    seen: list[set[str]] = []
    for path, offset in _values(text):
        name = path[-1]
        del seen[len(path) :]
        seen.extend(set() for _ in range(len(path) - len(seen)))
        if isinstance(name, str) and name in seen[-1]:
            return offset, written(path)
        if isinstance(name, str):
            seen[-1].add(name)
    return 0, ""


def written(path: Sequence[str | int]) -> str:
    """A path as FHIRPath writes it: `contact[0].name`; odd names stand in backticks."""
    parts = []
    for part in path:
        if isinstance(part, int):
            parts.append(f"[{part}]")
        else:
            parts.append(f".{part if _PLAIN_NAME.fullmatch(part) else f'`{part}`'}")
    return "".join(parts).removeprefix(".")


def _position(text: str, offset: int) -> tuple[int, int]:
    return text.count("\n", 0, offset) + 1, _column(text, offset)


def _column(text: str, offset: int) -> int:
    return offset - text.rfind("\n", 0, offset)


def _kind(value: object) -> str:
    names = {list: "an array", str: "a string", bool: "a boolean", type(None): "null"}
    return names.get(type(value), "a number")


# ---- writing -----------------------------------------------------------------------------------


def members(body: bytes) -> dict[str, bytes]:
    """Top-level members in order, each value as the bytes it came in. JsonTrouble as in `parse`."""
    try:
        return {name: bytes(raw) for name, raw in _raw_members.decode(body).items()}
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as err:
        parse(body)  # says it better
        raise JsonTrouble(f"the body cannot be cut into its members ({err})") from None


def stored_form(body: bytes, type_: str, id_: str, version: int, updated: str) -> bytes:
    """The body with its `id`, `meta.versionId` and `meta.lastUpdated` replaced, nothing else.

    `resourceType`, `id` and `meta` come first; every other value is byte for byte what came.
    JsonTrouble: the body is no object, or its `meta` is none.
    """
    came = members(body)
    meta = {
        b"versionId": b'"%d"' % version,
        b"lastUpdated": _quoted(updated),
    }
    if (own := came.pop("meta", b"null")) != b"null":
        if not own.startswith(b"{"):
            raise JsonTrouble("meta is not an object", *locate(body, ["meta"]), "meta")
        for name, value in members(own).items():
            meta.setdefault(_name(name), value)
    parts = [
        b'"resourceType":' + _quoted(type_),
        b'"id":' + _quoted(id_),
        b'"meta":{' + b",".join(b'"%b":%b' % pair for pair in meta.items()) + b"}",
    ]
    for name, value in came.items():
        if name not in ("resourceType", "id"):
            parts.append(b'"%b":%b' % (_name(name), value))
    return b"{" + b",".join(parts) + b"}"


def _quoted(text: str) -> bytes:
    return _encoder.encode(text)


def _name(name: str) -> bytes:
    return _quoted(name)[1:-1]


def dump(tree: Tree) -> bytes:
    """Compact JSON of a tree that we made: UTF-8, a Decimal with its digits (`7.50`)."""
    return _encoder.encode(tree)
