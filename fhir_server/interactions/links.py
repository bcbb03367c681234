"""Links between the resources of a transaction, turned into references that last.

https://hl7.org/fhir/R4/http.html#trules: what names an entry's `fullUrl` in Reference.reference, in
elements of type uri, url, oid or uuid, or in a link of the narrative is replaced; canonicals never
are. Conditional references (`Patient?identifier=...`) are looked up.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator, Mapping
from typing import Any, Final

import msgspec

from fhir_profiles import json_text
from fhir_profiles.definitions import tables
from fhir_profiles.json_text import Tree
from fhir_server.store.port import Document

_CONDITIONAL = re.compile(r"[A-Z][A-Za-z]+\?.+")
_STRING = re.compile(rb'"[^"\\]*(?:\\.[^"\\]*)*"', re.DOTALL)
_NARRATIVE = re.compile(r"""(\b(?:href|src)\s*=\s*)(["'])([^"']*)\2""")
_REPLACED_TYPES: Final = ("uri", "url", "oid", "uuid")
_encode = msgspec.json.encode

Path = tuple[str | int, ...]


def conditional_references(tree: Tree) -> list[str]:
    """The references of a resource that have to be looked up."""
    return [text for _, key, text, _ in _texts(tree) if key == "reference" and _is_search(text)]


def place_of(tree: Tree, reference: str) -> Path | None:
    """Where a reference stands."""
    found = (
        path for _, key, text, path in _texts(tree) if key == "reference" and text == reference
    )
    return next(found, None)


def rewritten(
    document: Document, links: Mapping[str, str], full_url: str, found: Mapping[str, str]
) -> Document:
    """The resource with its links replaced; the very same one if it has none.

    `links`: full address -> "Type/id". `full_url` is the resource's own; a relative reference is
    meant beside it. `found`: conditional reference -> "Type/id". The tree is changed in place.
    """
    beside = _folder(full_url)
    changed: Counter[tuple[str, str]] = Counter()
    for holder, key, text, path in _texts(document.tree):
        if key == "reference":
            new = found.get(text) or links.get(text) or links.get(beside + text)
        elif key == "div":
            new = _narrative(text, links)
        elif text in links and _type_at(document.tree, path) in _REPLACED_TYPES:
            new = links[text]
        else:
            continue
        if new is not None and new != text:
            holder[key] = new
            changed[text, new] += 1
    if not changed:
        return document
    return Document(document.tree, _retyped(document, changed))


def _texts(value: Any, path: Path = ()) -> Iterator[tuple[Any, Any, str, Path]]:
    """All text of a resource: (object or array, key in it, the text, path to it)."""
    for key, inner in list(value.items() if isinstance(value, dict) else enumerate(value)):
        if isinstance(inner, str):
            yield value, key, inner, (*path, key)
        elif isinstance(inner, (dict, list)):
            yield from _texts(inner, (*path, key))


def _is_search(reference: str) -> bool:
    return "?" in reference and _CONDITIONAL.fullmatch(reference) is not None


def _folder(full_url: str) -> str:
    """`http://host/fhir/` of `http://host/fhir/Patient/1`; of a urn what nothing is in."""
    if not full_url.startswith(("http://", "https://")):
        return "\n"
    return full_url.rsplit("/", 2)[0] + "/"


def _narrative(div: str, links: Mapping[str, str]) -> str:
    if "href" not in div and "src" not in div:
        return div
    return _NARRATIVE.sub(lambda m: f"{m[1]}{m[2]}{links.get(m[3], m[3])}{m[2]}", div)


def _type_at(tree: Tree, path: Path) -> str | None:
    """The data type of the element at a path; None if FHIR knows no such element."""
    here, node = str(tree.get("resourceType")), tree
    for step in path:
        node = node[step]  # type: ignore[index]  # the path comes from this very tree
        if isinstance(step, int):
            if here == "Resource" and isinstance(node, dict):
                here = str(node.get("resourceType"))
            continue
        try:
            element = tables.structure(here).elements.get(step)
        except KeyError:
            return None
        if element is None:
            return None
        here = element.content or element.types[0]
        if here == "Resource" and isinstance(node, dict):
            here = str(node.get("resourceType"))
    return here


def _retyped(document: Document, changed: Counter[tuple[str, str]]) -> bytes:
    """The body with the same replacements, all else byte for byte.

    Where text cannot tell what was meant (the same word in a canonical, or written with escapes)
    the changed tree is written out instead; only blanks and escapes differ then.
    """
    table = {_encode(old): (_encode(new), (old, new)) for old, new in changed}
    seen: Counter[tuple[str, str]] = Counter()

    def replaced(token: re.Match[bytes]) -> bytes:
        found = table.get(token[0])
        if found is None:
            return token[0]
        seen[found[1]] += 1
        return found[0]

    body = _STRING.sub(replaced, document.body)
    return body if seen == changed else json_text.dump(document.tree)
