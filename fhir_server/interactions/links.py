"""Links between the resources of a transaction, turned into references that last.

https://hl7.org/fhir/R4/http.html#trules: what names an entry's `fullUrl` in Reference.reference, in
elements of type uri, url, oid or uuid, or in a link of the narrative is replaced; canonicals never
are. Conditional references (`Patient?identifier=...`) are looked up.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Collection, Mapping
from dataclasses import dataclass
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
_FEW: Final = 32  # different links up to which it is faster to look for each than to read all text
_encode = msgspec.json.encode

Place = tuple[Any, Any]  # (place of the parent or None, key in it)


@dataclass(frozen=True, slots=True)
class Link:
    """A text in a resource that is, or may be, a link: `holder[key] == text`."""

    holder: Any
    key: Any
    text: str
    place: Place

    @property
    def is_search(self) -> bool:
        return "?" in self.text and _CONDITIONAL.fullmatch(self.text) is not None

    def path(self) -> list[str | int]:
        return _path(self.place)


def links_of(tree: Tree, full_urls: Collection[str]) -> list[Link]:
    """Whatever may have to be replaced: references, and what names one of these full addresses."""
    found: list[Link] = []
    _collect(tree, None, full_urls, found)
    return [
        link
        for link in found
        if link.key in ("reference", "div") or _type_at(tree, link.path()) in _REPLACED_TYPES
    ]


def _collect(node: Any, place: Any, names: Collection[str], found: list[Link]) -> None:
    for key, value in node.items() if type(node) is dict else enumerate(node):
        if type(value) is str:
            if key == "reference" or value in names or (key == "div" and _linking(value)):
                found.append(Link(node, key, value, (place, key)))
        elif type(value) is dict or type(value) is list:
            _collect(value, (place, key), names, found)


def _linking(div: str) -> bool:
    return "href" in div or "src" in div


def rewritten(
    document: Document,
    own: list[Link],
    full_url: str,
    targets: Mapping[str, str],
    searched: Mapping[str, str],
) -> Document:
    """The resource with its own links replaced; the very same one if none has to be.

    `targets`: full address -> "Type/id". `full_url` is the resource's own; a relative reference is
    meant beside it. `searched`: conditional reference -> "Type/id". The tree is changed in place.
    """
    beside = _folder(full_url)
    changed: Counter[tuple[str, str]] = Counter()
    for link in own:
        text = link.text
        if link.key == "div":
            new: str | None = _narrative(text, targets)
        else:
            new = targets.get(text)
            if new is None and link.key == "reference":
                new = searched.get(text) or targets.get(beside + text)
        if new is not None and new != text:
            link.holder[link.key] = new
            changed[text, new] += 1
    if not changed:
        return document
    return Document(document.tree, _retyped(document, changed))


def _folder(full_url: str) -> str:
    """`http://host/fhir/` of `http://host/fhir/Patient/1`; of a urn what nothing is in."""
    if not full_url.startswith(("http://", "https://")):
        return "\n"
    return full_url.rsplit("/", 2)[0] + "/"


def _narrative(div: str, targets: Mapping[str, str]) -> str:
    return _NARRATIVE.sub(lambda m: f"{m[1]}{m[2]}{targets.get(m[3], m[3])}{m[2]}", div)


def _path(place: Place) -> list[str | int]:
    path: list[str | int] = []
    here: Place | None = place
    while here is not None:
        here, key = here
        path.append(key)
    return path[::-1]


def _type_at(tree: Tree, path: list[str | int]) -> str | None:
    """The data type of the element at a path; None if FHIR knows no such element."""
    here, node = str(tree.get("resourceType")), tree
    for step in path:
        node = node[step]  # type: ignore[index]  # the path comes from this very tree
        if isinstance(step, str):
            try:
                element = tables.structure(here).elements[step]
            except KeyError:
                return None
            here = element.content or element.types[0]
        if here == "Resource" and isinstance(node, dict):
            here = str(node.get("resourceType"))
    return here


# ---- the same replacements in the text ---------------------------------------------------------


def _retyped(document: Document, changed: Counter[tuple[str, str]]) -> bytes:
    """The body with the links replaced, all else byte for byte.

    Where text cannot tell what was meant (the same word in a canonical, or written with escapes)
    the changed tree is written out instead; only blanks and escapes differ then.
    """
    body: bytes | None
    olds, news = {old for old, _ in changed}, {new for _, new in changed}
    if len(changed) <= _FEW and olds.isdisjoint(news):
        body = _one_by_one(document.body, changed)
    else:
        body = _in_one_pass(document.body, changed)
    return json_text.dump(document.tree) if body is None else body


def _one_by_one(body: bytes, changed: Counter[tuple[str, str]]) -> bytes | None:
    for (old, new), times in changed.items():
        token = _encode(old)
        if body.count(token) != times:
            return None
        body = body.replace(token, _encode(new))
    return body


def _in_one_pass(body: bytes, changed: Counter[tuple[str, str]]) -> bytes | None:
    table = {_encode(old): (_encode(new), (old, new)) for old, new in changed}
    seen: Counter[tuple[str, str]] = Counter()

    def replaced(token: re.Match[bytes]) -> bytes:
        found = table.get(token[0])
        if found is None:
            return token[0]
        seen[found[1]] += 1
        return found[0]

    body = _STRING.sub(replaced, body)
    return body if seen == changed else None
