"""Resources and what they refer to, as far as it lies on this server.

https://hl7.org/fhir/R4/references.html#literal: relative, absolute below this base, or with a
version, which is passed over: what is there now is what is given.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator
from typing import Any, Final

import msgspec

from fhir_profiles.definitions.tables import resource_types
from fhir_server.store.port import Reader, Version

Key = tuple[str, str]
"""Type and id of a resource."""

_LOCAL: Final = re.compile(
    r"([A-Z][A-Za-z]{2,63})/([A-Za-z0-9\-.]{1,64})(?:/_history/[A-Za-z0-9\-.]{1,64})?"
)
_BINARY: Final = re.compile(r"(?:^|/)Binary/[A-Za-z0-9\-.]{1,64}$")
_decode = msgspec.json.Decoder().decode


def tree_of(version: Version) -> Any:
    """The content, for looking at only: numbers are not kept as they were written."""
    return _decode(version.body)


def key_of(text: str, base: str) -> Key | None:
    """What a literal reference names on this server."""
    found = _LOCAL.fullmatch(text.removeprefix(f"{base}/"))
    return (found[1], found[2]) if found and found[1] in resource_types() else None


def referred(tree: Any, base: str) -> Iterator[Key]:
    """What the references in a resource name, and the Binaries that its attachments point to."""
    for text in literals(tree, also="url"):
        key = key_of(text, base)
        if key is not None:
            yield key


def literals(tree: Any, also: str = "") -> Iterator[str]:
    """The texts of all references; of elements named `also`, those that lead to a Binary."""
    nodes = [tree]
    while nodes:
        node = nodes.pop()
        if isinstance(node, dict):
            for name, value in node.items():
                if not isinstance(value, str):
                    nodes.append(value)
                elif name == "reference" or (name == also and _BINARY.search(value)):
                    yield value
        elif isinstance(node, list):
            nodes.extend(node)


def current(reader: Reader, key: Key) -> Version | None:
    """What is there now, unless it was deleted or is hidden."""
    version = reader.read(*key)
    return None if version is None or version.deleted else version


def closure(
    reader: Reader,
    roots: Iterable[Version],
    base: str,
    *,
    limit: int,
    follow: Callable[[Version, Key], bool],
) -> dict[Key, Version] | None:
    """What the roots refer to, and that in turn, each once; None: more than `limit`.

    `follow` is asked about each reference: from which resource, to which.
    """
    waiting = list(roots)
    seen: set[Key] = {(one.type, one.id) for one in waiting}
    found: dict[Key, Version] = {}
    for version in waiting:  # grows while it is walked
        for key in referred(tree_of(version), base):
            if key in seen or not follow(version, key):
                continue
            seen.add(key)
            target = current(reader, key)
            if target is not None:
                found[key] = target
                waiting.append(target)
                if len(found) > limit:
                    return None
    return found
