"""The packed files of R4's terminology (https://hl7.org/fhir/R4/terminologies-systems.html).

A file is read when somebody first asks for something of its kind (30 ms for the code systems), and
of it only the resource that is asked for is parsed.
"""

from __future__ import annotations

import lzma
from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import Any, Final

import msgspec
import orjson

from fhir_profiles.json_text import Tree

FOLDER: Final = Path(__file__).with_name("r4")
KINDS: Final = ("CodeSystem", "ValueSet", "ConceptMap")
DEFINITIONS: Final = "definition"

_FILES: Final = {
    "CodeSystem": "code_systems.json.xz",
    "ValueSet": "value_sets.json.xz",
    "ConceptMap": "concept_maps.json.xz",
    DEFINITIONS: "code_definitions.json.xz",
}


class Head(msgspec.Struct):
    """What a resource is; the rest of it is skipped."""

    url: str
    version: str | None = None
    content: str = ""


_head = msgspec.json.Decoder(Head)
_raw = msgspec.json.Decoder(dict[str, msgspec.Raw])


def file_name(kind: str) -> str:
    return _FILES[kind]


def canonical(tree: Mapping[str, Any]) -> str:
    """``url|version`` of a resource, its key in the files."""
    version = tree.get("version")
    return f"{tree['url']}|{version}" if version else str(tree["url"])


@cache
def versions(kind: str) -> Mapping[str, tuple[str, ...]]:
    """URL -> the keys of what has it."""
    found: dict[str, tuple[str, ...]] = {}
    for key in _file(kind):
        url = key.partition("|")[0]
        found[url] = (*found.get(url, ()), key)
    return found


@cache
def heads(kind: str) -> tuple[Head, ...]:
    return tuple(_head.decode(raw) for raw in _file(kind).values())


def tree(kind: str, key: str) -> Tree:
    """What is kept of a resource, by its ``url|version``."""
    found: Tree = orjson.loads(bytes(_file(kind)[key]))
    return found


def definitions(key: str) -> Mapping[str, str]:
    """What the codes of a code system mean, in words."""
    raw = _file(DEFINITIONS).get(key)
    found: Any = {} if raw is None else orjson.loads(bytes(raw))
    return found


@cache
def _file(kind: str) -> dict[str, msgspec.Raw]:
    return _raw.decode(lzma.decompress((FOLDER / _FILES[kind]).read_bytes()))
