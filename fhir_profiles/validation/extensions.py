"""Extensions: is one known, may it stand here, is it what its definition says?

https://hl7.org/fhir/R4/extensibility.html and https://hl7.org/fhir/R4/defining-extensions.html#context
"""

from __future__ import annotations

import re
from typing import Final

from fhir_profiles.definitions.tables import resource_types
from fhir_profiles.snapshots import (
    CORE,
    NoProfile,
    ProfileTrouble,
    is_domain_resource,
)
from fhir_profiles.validation.fhirpath.nodes import PARENTS, Node
from fhir_profiles.validation.places import Place
from fhir_profiles.validation.primitives import shown
from fhir_profiles.validation.profiles import check_profile
from fhir_profiles.validation.session import Found, Scope

ELSEWHERE: Final = frozenset(
    f"{CORE}{name}"
    for name in (
        "structuredefinition-fhir-type",
        "structuredefinition-normative-version",
        "regex",
        "valueset-concept-comments",
    )
)
"""Extensions that the definitions of R4 themselves use outside of the contexts that they state."""
_ABSOLUTE: Final = re.compile(r"[A-Za-z][A-Za-z0-9+.\-]*:\S+")


def check_extension(
    scope: Scope, parent: Node, path: str, node: Node, place: Place, member: str
) -> None:
    """`path`: where the parent stands in the definition; `member`: extension, modifierExtension."""
    url = node.value.get("url")
    if not isinstance(url, str):
        return
    modifies = member == "modifierExtension"
    if not _ABSOLUTE.fullmatch(url):
        if parent.type != "Extension":
            said = f"the url of an extension is absolute, found {shown(url)}; write it out"
            scope.session.add("error", "value", said, (place, "url", "url"))
        return  # part of an extension: checked with the whole
    library = scope.session.library
    known = library.definition(url)
    if known is None or known["type"] != "Extension":
        _unknown(scope, url, place, modifies)
        return
    session = scope.session
    if modifies is not any(one.get("isModifier") for one in known["elements"][:1]):
        wrong = "is no modifier; put it under extension"
        right = "changes the meaning; put it under modifierExtension"
        said = f"the extension {url} {wrong if modifies else right}"
        session.add("error", "structure", said, place)
    contexts = [expression for kind, expression in known.get("context", ()) if kind == "element"]
    inside = [expression for kind, expression in known.get("context", ()) if kind == "extension"]
    told = contexts and len(contexts) + len(inside) == len(known["context"])
    told = told and url not in ELSEWHERE
    if told and not _allowed(contexts, inside, parent, path):
        where = " or ".join([*contexts, *inside])
        said = f"the extension {url} is for {where}; it may not stand on {path}"
        session.add("error", "structure", said, place)
    try:
        check_profile(scope, node, place, url)
    except (NoProfile, ProfileTrouble) as err:
        session.unchecked(f"extension {url}", f"the extension was not checked: {err}", place)


def _unknown(scope: Scope, url: str, place: Place, modifies: bool) -> None:
    if modifies:
        said = (
            f"the modifier extension {url} is not known here, and whoever does not know it may not "
            "use the element; remove it, or have its definition added"
        )
        scope.session.add("error", "extension", said, place)
    elif url.startswith(CORE):
        said = f"R4 has no extension {url}; is it misspelt?"
        scope.session.hint(f"extension {url}", Found("warning", "extension", said, place))
    else:
        scope.session.unchecked(
            f"extension {url}", f"the extension {url} is not known here, so not checked", place
        )


def _allowed(contexts: list[str], inside: list[str], parent: Node, path: str) -> bool:
    if parent.type == "Extension" and isinstance(parent.value, dict):
        return parent.value.get("url") in inside or "Extension" in contexts or "Element" in contexts
    names = {"Element", path, path.removesuffix("[x]"), parent.type}
    if isinstance(parent.extra, str):
        names.add(parent.extra)  # the type of a primitive that the extension is about
    names |= {PARENTS[name] for name in list(names) if name in PARENTS}
    if parent.type in resource_types():
        names.add("Resource")
        if is_domain_resource(parent.type):
            names.add("DomainResource")
    elif "." in parent.type:
        names.add("BackboneElement")
    plain = {context.removeprefix(CORE).removesuffix("[x]") for context in contexts}
    return not names.isdisjoint(plain) or any(context.startswith("http") for context in plain)
