"""Bundles: their entries, and what holds between them (https://hl7.org/fhir/R4/bundle.html)."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any, Final

from fhir_profiles.json_text import Tree
from fhir_profiles.validation.fhirpath.nodes import Node, resource_node
from fhir_profiles.validation.places import Place
from fhir_profiles.validation.primitives import shown
from fhir_profiles.validation.session import Bundles, Entry, Found, Scope, Session, Walker

Entries = list[tuple[Tree, Place]]
_ABSOLUTE: Final = re.compile(r"[A-Za-z][A-Za-z0-9+.\-]*:\S+")
_RESTFUL: Final = re.compile(r"(?:https?://\S+/)?([A-Z][A-Za-z]+)/([A-Za-z0-9\-.]{1,64})")
_RELATIVE: Final = re.compile(r"([A-Z][A-Za-z]+)/[A-Za-z0-9\-.]{1,64}(?:/_history/\S+)?")
_NAMED: Final = frozenset({"document", "message"})  # every entry needs its fullUrl
_LISTS: Final = frozenset({"collection", "searchset", "history"})
_ORDERS: Final = frozenset({"batch", "transaction"})
_ALONE: Final = frozenset({"OperationOutcome", "Parameters", "Binary"})
# Direct references of a Composition whose targets have to be in the document.
_OF_DOCUMENT: Final = (
    "subject",
    "encounter",
    "author",
    "custodian",
    "attester.party",
    "event.detail",
    "section.author",
    "section.focus",
    "section.entry",
    "section.section.entry",
)


def check_bundle(walk: Walker, scope: Scope, node: Node, place: Place) -> None:
    tree = node.value
    listed = tree.get("entry")
    type_ = tree.get("type") if isinstance(tree.get("type"), str) else ""
    entries: Entries = [
        (one, ((place, "entry", "entry"), index, ""))
        for index, one in enumerate(listed if isinstance(listed, list) else ())
        if isinstance(one, dict)
    ]
    bundle = Bundles(_known(entries), type_, outer=scope.bundle)
    scope.bundle = bundle
    for one, where in entries:
        _entry(walk.session, one, where, type_)
        full_url = one.get("fullUrl")
        seen = bundle.seen_from(full_url if isinstance(full_url, str) else "")
        if isinstance(one.get("resource"), dict):
            walk.resource(one["resource"], (where, "resource", "resource"), None, seen)
    if type_ == "document":
        _document(walk.session, bundle, entries, place)
    elif type_ == "message":
        _message(walk.session, bundle, entries)


def _known(entries: Entries) -> dict[str, Entry]:
    """By fullUrl; a resource with a RESTful or no fullUrl also as `*/Type/id`."""
    found: dict[str, Entry] = {}
    for one, place in entries:
        resource = one.get("resource")
        if not isinstance(resource, dict):
            continue
        url, id_ = one.get("fullUrl"), resource.get("id")
        entry = Entry(
            url if isinstance(url, str) else "",
            resource_node(resource),
            (place, "resource", "resource"),
        )
        if isinstance(url, str):
            found.setdefault(url, entry)
        if isinstance(id_, str):
            found.setdefault(f"*/{entry.node.type}/{id_}", entry)
    return found


# ---- one entry -----------------------------------------------------------------------------------


def _entry(session: Session, entry: Tree, place: Place, type_: str) -> None:
    resource = entry.get("resource")
    resource = resource if isinstance(resource, dict) else None
    url = entry.get("fullUrl")
    if isinstance(url, str):
        _full_url(session, url, resource, (place, "fullUrl", "fullUrl"))
    elif resource is not None and "_fullUrl" not in entry:
        said = "an entry names its resource: add fullUrl, like urn:uuid:... or http://.../Type/id"
        if type_ in _NAMED:
            session.add("error", "required", said, place)
        elif type_ in _LISTS and resource.get("resourceType") not in _ALONE:
            session.hint("fullUrl", Found("warning", "required", said, place))
    request = entry.get("request")
    if isinstance(request, dict) and type_ in _ORDERS:
        _request(session, request, resource, (place, "request", "request"))
    mode = entry.get("search")
    if type_ == "searchset" and isinstance(mode, dict) and resource is not None:
        outcome = resource.get("resourceType") == "OperationOutcome"
        if mode.get("mode") == "outcome" and not outcome:
            said = "search.mode outcome is for an OperationOutcome; use match or include"
            session.add("error", "value", said, (place, "search", "search"))


def _full_url(session: Session, url: str, resource: Tree | None, place: Place) -> None:
    if not _ABSOLUTE.fullmatch(url):
        said = f"fullUrl is absolute, found {shown(url)}; write urn:uuid:... or http://.../Type/id"
        session.add("error", "value", said, place)
        return
    found = _RESTFUL.fullmatch(url)
    if resource is None or found is None or not url.startswith("http"):
        return
    type_, id_ = resource.get("resourceType"), resource.get("id")
    if found[1] != type_:
        return  # an address of another kind
    if isinstance(id_, str) and found[2] != id_:
        said = f"fullUrl ends with {shown(found[2])}, the resource has the id {shown(id_)}"
        session.add("error", "value", f"{said}; make them agree", place)


def _request(session: Session, request: Tree, resource: Tree | None, place: Place) -> None:
    method, url = request.get("method"), request.get("url")
    if method in ("POST", "PUT") and resource is None:
        said = f"{method} needs the resource of the entry; add it"
        session.add("error", "required", said, place)
    if method in ("GET", "HEAD", "DELETE") and resource is not None:
        said = f"{method} has no body; leave the resource of the entry out"
        session.add("error", "structure", said, place)
    if method not in ("POST", "PUT") or not isinstance(url, str) or resource is None:
        return
    path = url.partition("?")[0].removeprefix("/")
    type_, id_ = resource.get("resourceType"), resource.get("id")
    named = path.split("/")
    where = (place, "url", "url")
    if "$" in path or not named[0] or not named[0][0].isupper() or "://" in path:
        return
    if named[0] != type_:
        said = f"the request is to {shown(url)}, the resource is a {type_}; make them agree"
        session.add("error", "value", said, where)
    elif method == "PUT" and len(named) == 2 and isinstance(id_, str) and named[1] != id_:
        said = f"the request is to {shown(url)}, the resource has the id {shown(id_)}"
        session.add("error", "value", f"{said}; make them agree", where)


# ---- documents and messages ----------------------------------------------------------------------


def _document(session: Session, bundle: Bundles, entries: Entries, place: Place) -> None:
    first = entries[0][0].get("resource") if entries else None
    if not isinstance(first, dict) or first.get("resourceType") != "Composition":
        return  # bdl-11 says so
    seen = bundle.seen_from(str(entries[0][0].get("fullUrl") or ""))
    start: Place = (entries[0][1], "resource", "resource")
    for path in _OF_DOCUMENT:
        for value, where in _reach(first, path.split("."), start):
            text = value.get("reference") if isinstance(value, dict) else None
            if isinstance(text, str) and not text.startswith("#") and seen.find(text) is None:
                if text.startswith("urn:"):
                    continue  # said where the reference was met
                said = f"a document holds what its Composition refers to; add {shown(text)}"
                session.add("error", "not-found", said, (where, "reference", "reference"))
    for where, type_ in _orphans(bundle, entries):
        if type_ not in _ALONE:
            said = "nothing leads from the Composition to this entry; refer to it or leave it out"
            session.add("error", "invalid", said, where)


def _message(session: Session, bundle: Bundles, entries: Entries) -> None:
    first = entries[0][0].get("resource") if entries else None
    if not isinstance(first, dict) or first.get("resourceType") != "MessageHeader":
        return  # bdl-12 says so
    seen = bundle.seen_from(str(entries[0][0].get("fullUrl") or ""))
    start: Place = (entries[0][1], "resource", "resource")
    for value, where in _reach(first, ["focus"], start):
        text = value.get("reference") if isinstance(value, dict) else None
        if isinstance(text, str) and seen.find(text) is None and not text.startswith(("#", "urn:")):
            said = f"a message holds what its MessageHeader is about; add {shown(text)}"
            session.add("error", "not-found", said, (where, "reference", "reference"))


def _reach(tree: Any, path: list[str], place: Place) -> Iterator[tuple[Any, Place]]:
    if not path:
        yield tree, place
    elif isinstance(tree, dict):
        name = path[0]
        value = tree.get(name)
        for index, one in enumerate(value if isinstance(value, list) else [value]):
            here = (place, name, name)
            where: Place = (here, index, "") if isinstance(value, list) else here
            if one is not None:
                yield from _reach(one, path[1:], where)


def _orphans(bundle: Bundles, entries: Entries) -> Iterator[tuple[Place, str]]:
    """Entries that no chain of references, in either direction, ties to the first one."""
    number = {
        id(one["resource"]): index
        for index, (one, _) in enumerate(entries)
        if isinstance(one.get("resource"), dict)
    }
    ties: dict[int, set[int]] = {index: set() for index in number.values()}
    for index, (one, _) in enumerate(entries):
        if index not in ties:
            continue
        seen = bundle.seen_from(str(one.get("fullUrl") or ""))
        for text in _references(one["resource"]):
            target = seen.find(text)
            other = number.get(id(target.node.value)) if target is not None else None
            if other is not None:
                ties[index].add(other)
                ties[other].add(index)
    reached, waiting = {0}, [0]
    while waiting:
        for other in ties.get(waiting.pop(), ()):
            if other not in reached:
                reached.add(other)
                waiting.append(other)
    for index in ties:
        if index not in reached:
            yield entries[index][1], str(entries[index][0]["resource"].get("resourceType"))


def _references(value: Any) -> Iterator[str]:
    """Every text that may lead to another entry: references, and URLs of entries by themselves."""
    waiting = [value]
    while waiting:
        one = waiting.pop()
        if isinstance(one, dict):
            waiting.extend(one.values())
        elif isinstance(one, list):
            waiting.extend(one)
        elif isinstance(one, str) and (
            one.startswith(("urn:", "http")) or _RELATIVE.fullmatch(one)
        ):
            yield one
