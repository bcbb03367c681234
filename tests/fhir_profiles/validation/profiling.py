"""Profiles made in a test: a differential on a base type, and what a resource has against it."""

from typing import Any

from fhir_profiles.json_text import Tree
from fhir_profiles.snapshots import CORE, derived
from fhir_profiles.validation.fhirpath.nodes import resource_node
from fhir_profiles.validation.places import fhirpath, top
from fhir_profiles.validation.profile_tree import tree_of
from fhir_profiles.validation.profiles import check_part
from fhir_profiles.validation.session import Bundles, Entry, Scope, Session, Terms
from tests.fhir_profiles.validation.listed import LISTED


def element(id_: str, **said: Any) -> Tree:
    """One element of a differential; `_` before a name that Python keeps for itself."""
    path = ".".join(step.partition(":")[0] for step in id_.split("."))
    made = {"id": id_, "path": path} | {name.lstrip("_"): value for name, value in said.items()}
    if ":" in id_.rpartition(".")[2]:
        made["sliceName"] = id_.rpartition(":")[2]
    return made


def sliced(id_: str, kind: str, path: str, rules: str = "open", **more: Any) -> Tree:
    slicing = {"discriminator": [{"type": kind, "path": path}], "rules": rules} | more
    return element(id_, slicing=slicing)


def problems(
    differential: list[Tree], tree: Tree, others: dict[str, Tree] | None = None
) -> list[str]:
    """Errors and warnings as `code place`, of a resource against a profile on its own type."""
    type_ = tree["resourceType"]
    part = tree_of(derived(CORE + type_, differential))
    session = Session(Terms(LISTED))
    entries = {url: Entry(url, resource_node(one), top("x")) for url, one in (others or {}).items()}
    node = resource_node(tree)
    scope = Scope(session, node, top(type_), None, Bundles(entries, "collection"))
    check_part(scope, part, node, top(type_), "urn:profile")
    notes = [f"note {first.code}" for first, _ in session.hints.values()]
    return [f"{one.code} {fhirpath(one.place)}" for one in session.found] + notes
