"""Structure of resources: names, JSON types, cardinality, values, references, containment.

https://hl7.org/fhir/R4/validation.html and https://hl7.org/fhir/R4/json.html. Not here: FHIRPath
invariants other than those named below, profiles, and bindings weaker than required.
"""

from __future__ import annotations

from difflib import get_close_matches
from typing import Any, Final

from fhir_profiles.definitions.tables import resource_types
from fhir_profiles.json_text import Tree, places
from fhir_profiles.outcomes import Issue
from fhir_profiles.validation.places import Place, fhirpath, json_path, top
from fhir_profiles.validation.primitives import shown
from fhir_profiles.validation.references import reference_problem
from fhir_profiles.validation.rules import Rule, Rules, rules

MAX_ISSUES: Final = 100
_LISTED: Final = 12  # names that a message lists
_LONG: Final = 64  # letters of an unknown name that are looked at and shown

Problem = tuple[str, str, Place]


def check(tree: Tree, *, body: bytes | None = None, type_: str | None = None) -> list[Issue]:
    """Everything that is wrong with a resource, in its order; [] if nothing is.

    `type_` is the resource type that is expected. With `body` (the JSON that `tree` was parsed
    from) issues have line and column. After 100 issues the rest is only counted.
    """
    walk = _walked(tree)
    name = tree.get("resourceType")
    if type_ is not None and isinstance(name, str) and name != type_:
        walk.add("invalid", f"expected a resource of type {type_}", top(name))
    return _issues(walk, body)


def problems(tree: Tree) -> tuple[list[Problem], int]:
    """(issue code, sentence, place) of what is wrong, and how many more there are."""
    walk = _walked(tree)
    return walk.found, walk.more


def _walked(tree: Tree) -> _Walk:
    walk = _Walk()
    name = tree.get("resourceType")
    walk.resource(tree, top(name if isinstance(name, str) and name else "Resource"))
    return walk


def _issues(walk: _Walk, body: bytes | None) -> list[Issue]:
    found = walk.found
    where: list[tuple[int, int]] | list[tuple[None, None]] = [(None, None)] * len(found)
    if found and body is not None:
        where = places(body, [json_path(place) for _, _, place in found])
    issues = [
        Issue("error", code, said, fhirpath(place), *position)
        for (code, said, place), position in zip(found, where, strict=True)
    ]
    if walk.more:
        more = f"and {walk.more} more issues; repair these first"
        issues.append(Issue("error", "incomplete", more))
    return issues


class _Walk:
    """One walk over one tree; `found` fills with (issue code, sentence, place)."""

    def __init__(self) -> None:
        self.found: list[Problem] = []
        self.more = 0  # beyond what is told
        self.local: list[tuple[str, Place]] = []  # "#id" references of the resource we are in
        self.bundles = 0

    def add(self, code: str, said: str, place: Place) -> None:
        if len(self.found) < MAX_ISSUES:
            self.found.append((code, said, place))
        else:
            self.more += 1

    # ---- resources -----------------------------------------------------------------------------

    def resource(self, tree: Any, place: Place, *, contained: bool = False) -> None:
        if not isinstance(tree, dict):
            return self.add("structure", f"expected a resource, found {shown(tree)}", place)
        name = tree.get("resourceType")
        if name is None:
            return self.add(
                "required",
                'resourceType is missing; a resource says what it is, like "Patient"',
                place,
            )
        if not isinstance(name, str) or name not in resource_types():
            near = _near(name, resource_types()) if isinstance(name, str) else ""
            return self.add("value", f"{shown(name)} is no resource type of R4{near}", place)
        self.bundles += name == "Bundle"
        if contained:
            self._contained(tree, place)
            self.object(tree, rules(name), place, is_resource=True)
        else:
            outer, self.local = self.local, []
            self.object(tree, rules(name), place, is_resource=True)
            if self.local or "contained" in tree:
                self._local_references(tree, place)
            self.local = outer
        self.bundles -= name == "Bundle"
        return None

    def _contained(self, tree: Tree, place: Place) -> None:
        if "contained" in tree:
            self.add(
                "invariant",
                "a contained resource contains no other; put it beside this one (dom-2)",
                (place, "contained", "contained"),
            )
        if "id" not in tree:
            self.add("required", "a contained resource needs an id, to be referred to", place)
        meta = tree.get("meta")
        for name in ("versionId", "lastUpdated", "security"):
            if isinstance(meta, dict) and name in meta:
                rule = "dom-5" if name == "security" else "dom-4"
                self.add(
                    "invariant",
                    f"a contained resource has no meta.{name} of its own ({rule})",
                    ((place, "meta", "meta"), name, name),
                )

    def _local_references(self, tree: Tree, place: Place) -> None:
        listed = tree.get("contained")
        contained = (
            [one for one in listed if isinstance(one, dict)] if isinstance(listed, list) else []
        )
        ids = [one.get("id") for one in contained]
        for text, where in self.local:
            if text != "#" and text[1:] not in ids:
                self.add("invariant", f"no contained resource has the id {shown(text[1:])}", where)
        mentioned = _fragments(tree)
        for index, one in enumerate(contained):
            where = ((place, "contained", "contained"), index, "")
            if isinstance(id_ := one.get("id"), str):
                if ids.index(id_) < index:
                    self.add("duplicate", f"another contained resource has the id {id_!r}", where)
                elif f"#{id_}" not in mentioned and "#" not in _fragments(one):
                    self.add(
                        "invariant",
                        f"nothing refers to this resource; use #{id_} or leave it out (dom-3)",
                        where,
                    )

    # ---- objects -------------------------------------------------------------------------------

    def object(self, value: Any, known: Rules, place: Place, *, is_resource: bool = False) -> None:
        if type(value) is not dict:
            return self.add(
                "structure",
                f"expected an object ({known.structure.name}), found {shown(value)}",
                place,
            )
        by_name, chosen = known.by_name, None
        for name, item in value.items():
            rule = by_name.get(name)
            if rule is None:
                if not (is_resource and name == "resourceType"):
                    self._unknown(name, known, place)
            elif rule.many:
                self._array(item, rule, value, (place, name, rule.name))
            elif rule.test is not None:
                if problem := rule.test(item):
                    self.add(*problem, (place, name, rule.name))
            else:
                self.one(item, rule, (place, name, rule.name))
            if rule is not None and rule.choice:
                chosen = self._choose(chosen, rule, name.removeprefix("_"), place)
        for name in known.required:
            if name not in value and f"_{name}" not in value:
                self._missing(name, known, place)
        for stem in known.required_choices:
            names = known.structure.choices[stem]
            if not any(name in value or f"_{name}" in value for name in names):
                self._missing(stem, known, place)
        if not value or (len(value) == 1 and "id" in value and not (is_resource or known.bare)):
            self._empty(known, place)
        return None

    def one(self, item: Any, rule: Rule, place: Place) -> None:
        """A value that is no primitive."""
        type_ = rule.type
        if type_ == "Resource":
            return self.resource(item, place, contained=place_name(place) == "contained")
        self.object(item, rules(rule.inside), place)
        if type(item) is dict:
            if type_ == "Reference":
                self._reference(item, rule, place)
            elif type_ == "Extension":
                self._extension(item, place)
            elif rule.systems is not None:
                self._required_coding(item, rule, place)
        return None

    def _array(self, items: Any, rule: Rule, parent: Tree, place: Place) -> None:
        if type(items) is not list:
            return self.add(
                "structure", f"expected an array, found {shown(items)}; write it in [ ]", place
            )
        if not items:
            self.add("structure", "an array is never empty; leave the element out", place)
        other: Any = None
        for index, item in enumerate(items):
            if item is None and (rule.test is not None or rule.companion):
                if other is None:
                    name = str(place[1])
                    other = parent.get(name[1:] if rule.companion else f"_{name}") or []
                if not (type(other) is list and index < len(other) and other[index] is not None):
                    self.add(
                        "structure",
                        "null stands only where the other array has a value or an extension",
                        (place, index, ""),
                    )
            elif rule.test is None:
                self.one(item, rule, (place, index, ""))
            elif problem := rule.test(item):
                self.add(*problem, (place, index, ""))
        return None

    # ---- single checks -------------------------------------------------------------------------

    def _choose(
        self, chosen: dict[str, str] | None, rule: Rule, name: str, place: Place
    ) -> dict[str, str]:
        chosen = {} if chosen is None else chosen
        first = chosen.setdefault(rule.choice, name)
        if first != name:
            self.add(
                "structure",
                f"{first} and {name} stand together; {rule.choice}[x] has one type at a time",
                (place, name, rule.name),
            )
        return chosen

    def _reference(self, item: Tree, rule: Rule, place: Place) -> None:
        text = item.get("reference")
        if type(text) is str and text.startswith("#"):
            self.local.append((text, (place, "reference", "reference")))
        wrong = reference_problem(item, rule.targets, in_bundle=self.bundles > 0)
        if wrong is not None:
            name, problem = wrong
            self.add(*problem, (place, name, name))

    def _extension(self, item: Tree, place: Place) -> None:
        has_value = any(name.startswith(("value", "_value")) for name in item)
        if has_value == ("extension" in item):
            both = "both" if has_value else "neither"
            self.add(
                "invariant", f"an extension has a value or extensions, found {both} (ext-1)", place
            )

    def _required_coding(self, item: Tree, rule: Rule, place: Place) -> None:
        codings = item.get("coding", [])
        systems = rule.systems or {}
        for coding in codings if isinstance(codings, list) else []:
            if not isinstance(coding, dict):
                continue
            code, system = coding.get("code"), coding.get("system")
            known = systems.get(system, ()) if isinstance(system, str) else ()
            if isinstance(code, str) and code in known:
                return
        if codings or "extension" not in item:
            examples = [f"{s}|{c}" for s, codes in systems.items() for c in sorted(codes)]
            self.add(
                "code-invalid",
                f"one coding must be of {rule.binding}, such as {', '.join(examples[:_LISTED])}",
                place,
            )

    def _missing(self, name: str, known: Rules, place: Place) -> None:
        choices = known.structure.choices.get(name)
        also = f" as one of {_some(choices)}" if choices else ""
        self.add("required", f"{name} is required and missing{also}", (place, name, name))

    def _empty(self, known: Rules, place: Place) -> None:
        what = f"an object ({known.structure.name})"
        self.add("structure", f"{what} is never empty; leave it out or fill it (ele-1)", place)

    def _unknown(self, name: str, known: Rules, place: Place) -> None:
        of = known.structure
        where = (place, name, name[:_LONG])
        if len(self.found) >= MAX_ISSUES:
            return self.add("structure", "", where)  # only counted: looking for near names is slow
        if name == "resourceType":
            return self.add("structure", "resourceType stands in resources only", where)
        if (plain := name[1:]) in of.elements and name.startswith("_"):
            type_ = " or ".join(of.elements[plain].types)
            return self.add(
                "structure",
                f"{name} is for primitive elements; {plain} is a {type_}, put it inside",
                where,
            )
        for stem, names in of.choices.items():
            rest = name.removeprefix(stem)
            if rest != name and (not rest or rest[0].isupper()):
                return self.add(
                    "structure",
                    f"{name} does not exist; {stem}[x] is written {_some(names)}",
                    where,
                )
        near = _near(name, of.elements) or f"; known are {_some(tuple(of.elements))}"
        return self.add("structure", f"{of.name} has no element {shown(name)}{near}", where)


def place_name(place: Place) -> str | int:
    """JSON name of the element at a place, also of one value of an array."""
    return place[0][1] if isinstance(place[1], int) else place[1]


def _fragments(value: Any) -> set[str]:
    """Every text that begins with `#`: how a resource refers to what it contains."""
    if isinstance(value, str):
        return {value} if value.startswith("#") else set()
    inside = value.values() if isinstance(value, dict) else value if isinstance(value, list) else ()
    return set().union(*(_fragments(one) for one in inside))


def _near(word: str, known: Any) -> str:
    near = get_close_matches(word[:_LONG], list(known), n=1, cutoff=0.7)
    return f"; did you mean {near[0]}?" if near else ""


def _some(names: tuple[str, ...]) -> str:
    more = f" and {len(names) - _LISTED} more" if len(names) > _LISTED else ""
    return ", ".join(names[:_LISTED]) + more
