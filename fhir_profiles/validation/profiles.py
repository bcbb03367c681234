"""Is a value what a profile says? (https://hl7.org/fhir/R4/profiling.html)

How often, types, fixed and pattern values, ranges, lengths, bindings, constraints, targets and
slices. The base type is checked elsewhere.
"""

from __future__ import annotations

from typing import Any

from fhir_profiles.definitions.element_rules import Binding
from fhir_profiles.definitions.tables import resource_types
from fhir_profiles.outcomes import Severity
from fhir_profiles.snapshots import CORE, NoProfile, ProfileTrouble
from fhir_profiles.validation.constraints import check_constraint
from fhir_profiles.validation.fhirpath.comparing import compare
from fhir_profiles.validation.fhirpath.nodes import Node
from fhir_profiles.validation.matching import covers, same
from fhir_profiles.validation.places import Place
from fhir_profiles.validation.primitives import shown
from fhir_profiles.validation.profile_tree import Part, TypeAsked
from fhir_profiles.validation.session import Scope, Session
from fhir_profiles.validation.slicing import check_slices
from fhir_profiles.validation.values import Value, literal_type, values_of

STRENGTHS: dict[str, Severity] = {"required": "error", "extensible": "warning"}


def check_profile(scope: Scope, node: Node, place: Place, url: str) -> None:
    """NoProfile, ProfileTrouble: the profile is not known here, or makes no sense."""
    key = (id(node.value), url)
    if key in scope.session.running:
        return  # a circle of references: it is being checked already
    scope.session.running.add(key)
    try:
        about = scope.session.library.type_of(url)
        if about is not None and node.type != about:
            said = f"{url} is a profile of {about}, this is a {node.type}"
            scope.session.add("error", "structure", said, place)
            return
        check_part(scope, scope.session.library.tree(url), node, place, url)
    finally:
        scope.session.running.discard(key)


def check_part(scope: Scope, part: Part, node: Node, place: Place, url: str) -> None:
    """A value against the tree of a profile; `url` is the profile's name in messages."""
    _Checks(scope, url).one(part, Value(node, place))


def conforms(scope: Scope, node: Node, url: str) -> bool | None:
    """Without saying why. None: the profile is not known here."""
    base = url.partition("|")[0].removeprefix(CORE)
    if scope.session.library.definition(url) is None:
        return node.type == base if base in resource_types() else None
    key = id(node.value), url
    verdicts = scope.session.verdicts
    if key in verdicts:
        return verdicts[key]
    session = Session(
        scope.session.terms,
        scope.session.fetch,
        running=scope.session.running,
        verdicts=verdicts,
        shelf=scope.session.library,
    )
    inner = Scope(session, scope.node, scope.place, None, scope.bundle)
    inner.root = scope.root
    inner.env.root = scope.env.root
    try:
        check_profile(inner, node, scope.place, url)
        verdicts[key] = not any(found.severity == "error" for found in session.found)
    except (NoProfile, ProfileTrouble):
        verdicts[key] = None
    return verdicts[key]


class _Checks:
    def __init__(self, scope: Scope, url: str) -> None:
        self.scope, self.session = scope, scope.session
        self.name = url.partition("|")[0].rpartition("/")[2]

    def add(self, code: str, said: str, place: Place, severity: Severity = "error") -> None:
        self.session.add(severity, code, f"{said} (profile {self.name})", place)

    def conforms(self, node: Node, url: str) -> bool | None:
        return conforms(self.scope, node, url)

    # ---- one value -----------------------------------------------------------------------------

    def one(self, part: Part, value: Value) -> None:
        if part.only_inside or self.itself(part, value):
            for child in part.children.values():
                self.child(child, value)

    def itself(self, part: Part, value: Value) -> bool:
        """The value without its insides; False if it is of another type, so that they are too."""
        node, place = value.node, value.place
        asked = self.type_of_value(part, value)
        if asked is None:
            return False
        if part.says("fixed") and not same(part.fixed, node.value):
            self.add("value", f"has to be exactly {_written(part.fixed)}", place)
        if part.says("pattern") and not covers(part.pattern, node.value):
            self.add("value", f"has to hold {_written(part.pattern)}", place)
        if part.binding is not None:
            self.binding(part.binding, value)
        self.limits(part, value)
        for constraint in part.constraints:
            check_constraint(self.scope, constraint, node, place)
        self.targets(asked, value)
        return True

    def type_of_value(self, part: Part, value: Value) -> list[TypeAsked] | None:
        """The types asked for that fit; None, and said, if none does."""
        node = value.node
        if not part.types:
            return []
        by_code = part.choice or node.type in resource_types()
        fitting = [one for one in part.types if one.code == node.type or one.code == "Resource"]
        if not by_code:
            return list(part.types)
        if fitting:
            return fitting
        wanted = " or ".join(dict.fromkeys(one.code for one in part.types))
        self.add("value", f"has to be of type {wanted}, found {node.type}", value.place)
        return None

    def limits(self, part: Part, value: Value) -> None:
        content = value.node.value
        longest = part.max_length
        if longest is not None and isinstance(content, str) and len(content) > longest:
            said = f"has at most {longest} characters, this has {len(content)}"
            self.add("too-long", said, value.place)
        for name, wrong, words in (("least", -1, "least"), ("most", 1, "most")):
            if part.says(name):
                limit = Node(getattr(part, name), value.node.type)
                if compare(value.node, limit) == wrong:
                    self.add("value", f"has to be at {words} {_written(limit.value)}", value.place)

    def binding(self, binding: Binding, value: Value) -> None:
        severity = STRENGTHS.get(binding.strength)
        if severity is None or binding.value_set is None or value.node.value is None:
            return
        answer = self.session.coded(binding.value_set, value.node)
        if answer is None:
            said = f"codes of {binding.value_set} are not checked: it cannot be listed here"
            self.session.unchecked(binding.value_set, said, value.place)
        elif answer is False and not (severity == "warning" and _only_text(value.node.value)):
            said = f"has to be a code of {binding.value_set}, found {code_shown(value.node.value)}"
            self.add("code-invalid", said, value.place, severity)

    def targets(self, types: list[TypeAsked], value: Value) -> None:
        if value.node.type in ("Reference", "canonical"):
            self.reference([t for one in types for t in one.targets], value)
        profiles = [
            p for one in types for p in one.profiles if one.code in (value.node.type, "Resource")
        ]
        if value.node.type == "Extension" or not profiles:
            return  # an extension is checked against its own definition, wherever it stands
        answers = [self.conforms(value.node, url) for url in profiles]
        if True in answers:
            return
        if None in answers:
            said = f"{', '.join(profiles)} is not known here, so not checked"
            self.session.unchecked(profiles[0], said, value.place)
        elif len(profiles) == 1:
            check_profile(self.scope, value.node, value.place, profiles[0])
        else:
            self.add("structure", f"fits none of {', '.join(profiles)}", value.place)

    def reference(self, targets: list[str], value: Value) -> None:
        type_of = self.session.library.type_of
        types = {type_of(url) for url in targets} - {None}
        if not targets or not isinstance(value.node.value, dict) or "Resource" in types:
            return
        told = literal_type(value.node.value, self.scope)
        if told is not None and types and told not in types:
            names = " or ".join(sorted(str(t) for t in types))
            self.add("value", f"has to refer to {names}, refers to {told}", value.place)
            return
        text = value.node.value.get("reference")
        target = self.scope.resolve(text) if isinstance(text, str) else None
        if target is None or told is None:
            return
        answers = [self.conforms(target, url) for url in targets if type_of(url) == told]
        if answers and not any(answer in (True, None) for answer in answers):
            said = f"refers to a {told} that fits none of {', '.join(targets)}"
            self.add("structure", said, value.place)

    # ---- children and slices ---------------------------------------------------------------------

    def child(self, part: Part, parent: Value) -> None:
        values = values_of(parent, part.name)
        place = (parent.place, part.name, part.name)
        self.count(part, values, part.name, place)
        for value in values:
            self.one(part, value)
        if part.slices:
            check_slices(self, part, values, place)

    def count(self, part: Part, values: list[Value], words: str, place: Place) -> None:
        if len(values) < part.min:
            often = f"{part.min} times at least, it is there {len(values)} times"
            often = "is needed and missing" if part.min == 1 else f"is needed {often}"
            self.add("required", f"{words} {often}", place)
        if part.max is not None and len(values) > part.max:
            if part.max == 0:
                self.add("structure", f"{words} may not be there; leave it out", values[0].place)
            else:
                said = f"{words} may be there {part.max} times at most, found {len(values)}"
                self.add("structure", said, values[part.max].place)


def _only_text(value: Any) -> bool:
    return isinstance(value, dict) and "text" in value and not value.get("coding")


def code_shown(value: Any) -> str:
    if isinstance(value, dict):
        codings = value.get("coding", [value])
        listed = codings if isinstance(codings, list) else []
        words = [
            f"{one.get('system', '')}|{one.get('code', '')}"
            for one in listed[:3]
            if isinstance(one, dict)
        ]
        return shown(", ".join(words)) if words and words != ["|"] else "no code"
    return shown(value)


def _written(value: Any) -> str:
    if isinstance(value, dict):
        inner = ", ".join(f"{name}: {_written(one)}" for name, one in value.items())
        return "{" + inner + "}"
    if isinstance(value, list):
        return "[" + ", ".join(_written(one) for one in value) + "]"
    return shown(value)
