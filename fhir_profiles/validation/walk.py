"""The full check of one resource: invariants, bindings, references, extensions, profiles.

https://hl7.org/fhir/R4/validation.html. Names, JSON types and cardinality are the structure's
(`structure`); what is malformed there is passed over here.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import re
from collections.abc import Callable, Mapping
from typing import Any, Final

from fhir_profiles.definitions.element_rules import Binding
from fhir_profiles.json_text import Tree
from fhir_profiles.outcomes import Severity
from fhir_profiles.snapshots import NoProfile, ProfileTrouble
from fhir_profiles.validation.bundles import check_bundle
from fhir_profiles.validation.conformance_resources import (
    check_definition,
    check_search_parameter,
)
from fhir_profiles.validation.constraints import check_constraint
from fhir_profiles.validation.extensions import check_extension
from fhir_profiles.validation.fhirpath.nodes import NOT_DOMAIN, Node, resource_node
from fhir_profiles.validation.implied import implied_profiles
from fhir_profiles.validation.places import Place
from fhir_profiles.validation.plans import Member, Plan, plan
from fhir_profiles.validation.primitives import shown
from fhir_profiles.validation.profiles import STRENGTHS, check_profile, code_shown
from fhir_profiles.validation.questionnaires import check_questionnaire
from fhir_profiles.validation.responses import check_response
from fhir_profiles.validation.session import Bundles, Found, Scope, Session
from fhir_profiles.validation.values import literal_type

MAX_DEPTH: Final = 70
_MIME: Final = re.compile(r"[\w!#$&^.+-]+/[\w!#$&^.+-]+(?:\s*;.*)?|json|xml|ttl", re.ASCII)
_UNTOLD: Final = NOT_DOMAIN | {"OperationOutcome"}
_WHOLE: Final = frozenset({"document", "message", "transaction"})
"""Bundles that hold what their urn:uuid references lead to."""
UCUM: Final = "http://unitsofmeasure.org"
_OF_R4: Final = "http://hl7.org/fhir/"
_BY_PATH: Final = "ElementDefinition"  # its ids are paths, the same in both views of a profile
_LANGUAGE: Final = re.compile(r"[A-Za-z]{1,8}(?:-[A-Za-z0-9]{1,8})*")
_BY_FORM: Final[Mapping[str, re.Pattern[str]]] = {
    "http://hl7.org/fhir/ValueSet/mimetypes": _MIME,
    "http://hl7.org/fhir/ValueSet/all-languages": _LANGUAGE,
}
"""Value sets that a grammar stands for (BCP 13, BCP 47)."""


class Walk:
    def __init__(self, session: Session) -> None:
        self.session = session
        self.ids: dict[str, Place] = {}
        self.depth = 0

    # ---- resources -----------------------------------------------------------------------------

    def resource(
        self,
        tree: Any,
        place: Place,
        root: Scope | None = None,
        bundle: Bundles | None = None,
        profiles: tuple[str, ...] = (),
    ) -> None:
        node = resource_node(tree)
        if node.type == "Resource":
            return  # no resource at all; the structure walk says so
        outer, self.ids = self.ids, {}
        scope = Scope(self.session, node, place, root, bundle)
        self.object(scope, node, place, plan(node.type), node.type)
        if root is None and node.type not in _UNTOLD and "text" not in tree:
            said = "a resource should have a narrative for people to read: add text (dom-6)"
            self.session.hint("dom-6", Found("warning", "invariant", said, place))
        if (special := _SPECIAL.get(node.type)) is not None:
            special(self, scope, node, place)
        self.profiles(scope, node, place, profiles)
        self.ids = outer

    def profiles(self, scope: Scope, node: Node, place: Place, asked: tuple[str, ...]) -> None:
        """Those that were asked for, those that the resource declares, those that R4 demands."""
        meta = node.value.get("meta")
        listed = meta.get("profile") if isinstance(meta, dict) else None
        declared = [p for p in listed if isinstance(p, str)] if isinstance(listed, list) else []
        for url in dict.fromkeys(asked):
            try:
                check_profile(scope, node, place, url)
            except (NoProfile, ProfileTrouble) as err:
                said = f"{err}; name one that is known here, or leave it out"
                self.session.add("error", "not-found", said, place)
        for index, url in enumerate(declared):
            if url in asked:
                continue
            where = (((place, "meta", "meta"), "profile", "profile"), index, "")
            try:
                check_profile(scope, node, place, url)
            except (NoProfile, ProfileTrouble) as err:
                self.unknown_profile(str(err), url, where)
            else:
                self.partial_profile(url, where)
        for url in implied_profiles(node):
            if url not in declared and url not in asked:
                check_profile(scope, node, place, url)

    def unknown_profile(self, said: str, url: str, place: Place) -> None:
        if self.session.level == "profile":
            said += "; at this level every declared profile has to be known"
            self.session.add("error", "not-found", said, place)
        else:
            said += ", so the resource was not checked against it"
            self.session.hint(f"profile {url}", Found("warning", "not-found", said, place))

    def partial_profile(self, url: str, place: Place) -> None:
        known = self.session.library.definition(url)
        if known is not None and known.get("partial"):
            said = f"only the public rules of {url} are known here, so the rest is not checked"
            self.session.unchecked(f"profile {url}", said, place)

    # ---- elements ------------------------------------------------------------------------------

    def object(self, scope: Scope, node: Node, place: Place, known: Plan, path: str) -> None:
        """`path` is where the value stands in the definition: what extensions ask for."""
        value = node.value
        if type(value) is not dict or self.depth > MAX_DEPTH:
            return
        self.depth += 1
        keys = value.keys()
        for constraint, asked in known.checks:
            if asked is None or not keys.isdisjoint(asked):
                check_constraint(scope, constraint, node, place)
        members = known.members
        for name, item in value.items():
            member = members.get(name)
            if member is None:
                if name == "id" and "resourceType" not in value and node.type != _BY_PATH:
                    self.element_id(item, place)
            elif type(item) is list:
                here = (place, name, member.name)
                for index, one in enumerate(item):
                    if one is not None:
                        self.member(scope, member, one, (here, index, ""), node, path)
            else:
                self.member(scope, member, item, (place, name, member.name), node, path)
        self.depth -= 1

    def member(
        self, scope: Scope, member: Member, item: Any, place: Place, parent: Node, path: str
    ) -> None:
        if member.companion:
            if type(item) is dict:
                node = Node(item, "Element", member.type)
                self.object(scope, node, place, plan("Element"), member.path)
            return
        type_ = member.type
        if type_ == "Resource":
            if member.name == "contained":
                self.resource(item, place, scope.root, scope.bundle)
            elif parent.type == "Parameters.parameter" or member.name == "outcome":
                self.resource(item, place, None, scope.bundle)
            return  # entries of a Bundle: `check_bundle`
        node = Node(item, member.inside or type_)
        for constraint, asked in member.checks:
            if asked is None or type(item) is not dict or not item.keys().isdisjoint(asked):
                check_constraint(scope, constraint, node, place)
        if member.binding is not None:
            self.binding(member.binding, Node(item, type_), place)
        if not member.inside or type(item) is not dict:
            return
        if type_ == "Reference":
            self.reference(scope, member, item, place)
        elif type_ == "Extension":
            check_extension(scope, parent, path, node, place, member.name)
        elif type_ == "Attachment" and "data" in item:
            self.attachment(item, place)
        elif "system" in item and "code" in item:
            self.code(item["system"], item["code"], place)
        self.object(scope, node, place, plan(member.inside), member.path)

    def element_id(self, item: Any, place: Place) -> None:
        if not isinstance(item, str):
            return
        if item in self.ids:
            said = f"the id {shown(item)} stands on two elements of this resource; change one"
            self.session.add("error", "duplicate", said, (place, "id", "id"))
        else:
            self.ids[item] = place

    # ---- single checks -------------------------------------------------------------------------

    def binding(self, binding: Binding, node: Node, place: Place) -> None:
        self.in_largest(binding, node, place)
        severity = STRENGTHS.get(binding.strength)
        url = binding.value_set
        if severity is None or url is None:
            return
        value = node.value
        if (form := _BY_FORM.get(url)) is not None:
            if isinstance(value, str) and form.fullmatch(value) is None:
                said = f"expected a code like text/plain, found {shown(value)}"
                self.session.add(severity, "code-invalid", said, place)
            return
        if isinstance(value, dict) and not value.get("coding" if "coding" in value else "code"):
            return  # no code at all: that is for the cardinality
        answer = self.session.coded(url, node)
        if answer is None:
            said = f"codes of {url} are not checked: the value set cannot be listed here"
            self.session.unchecked(url, said, place)
        elif answer is False:
            found = code_shown(value)
            said = f"{found} is no code of {url}"
            said += "; use one of it" if severity == "error" else "; use one of it if one fits"
            self.session.add(severity, "code-invalid", said, place)

    def in_largest(self, binding: Binding, node: Node, place: Place) -> None:
        """The maximum value set: nothing outside of it is allowed, whatever the strength."""
        largest = binding.largest
        if largest is None:
            return
        form = _BY_FORM.get(largest)
        for code in _codes(node.value) if form is not None else ():
            if form is not None and form.fullmatch(code) is None:
                said = f"expected a language code like vi or en-US, found {shown(code)}"
                self.session.add("error", "code-invalid", said, place)
        value = node.value
        bare = isinstance(value, dict) and "code" not in value
        if form is None and not bare and self.session.coded(largest, node) is False:
            said = f"{code_shown(value)} is no code of {largest}, which is the largest set"
            self.session.add("error", "code-invalid", said, place)

    def reference(self, scope: Scope, member: Member, item: Tree, place: Place) -> None:
        """The type of what is at hand: contained, in the Bundle, or fetched."""
        text = item.get("reference")
        if not isinstance(text, str) or not text:
            return
        where = (place, "reference", "reference")
        target = scope.resolve(text)
        if target is None:
            if text.startswith("urn:") and scope.bundle is not None:
                self.lost(scope.bundle, text, where)
            return
        if member.targets is not None and target.type not in member.targets:
            names = " or ".join(sorted(member.targets))
            told = literal_type({"reference": text} if "/" in text else {}, scope)
            if text.startswith(("#", "urn:")) or told == target.type:
                said = f"expected a reference to {names}; {shown(text)} is a {target.type}"
                self.session.add("error", "value", said, where)
        told_type = item.get("type")
        if isinstance(told_type, str) and target.type != told_type and "/" not in told_type:
            said = f"the type is {shown(told_type)}, but {shown(text)} is a {target.type}"
            self.session.add("error", "value", said, (place, "type", "type"))

    def lost(self, bundle: Bundles, text: str, place: Place) -> None:
        said = (
            f"no entry of the Bundle has the fullUrl {shown(text)}; add it or correct one of them"
        )
        severity: Severity = "error" if bundle.type in _WHOLE else "warning"
        self.session.add(severity, "not-found", said, place)

    def code(self, system: Any, code: Any, place: Place) -> None:
        """A code that its system does not have. Those of R4 itself do not change any more."""
        if not isinstance(system, str) or not isinstance(code, str):
            return
        if self.session.terms.exists(system, code) is False:
            said = f"the code system {system} has no code {shown(code)}"
            if system == UCUM:
                said = f"{shown(code)} is no UCUM code; letters count: mm[Hg], meq/L, 10*9/L"
            severity: Severity = "error" if system.startswith(_OF_R4) else "warning"
            self.session.add(severity, "code-invalid", said, (place, "code", "code"))

    def attachment(self, item: Tree, place: Place) -> None:
        """`size` and `hash` are of the data, where it is there (datatypes.html#Attachment)."""
        try:
            data = base64.b64decode(re.sub(r"\s", "", str(item["data"])), validate=True)
        except (binascii.Error, ValueError):
            return
        size = item.get("size")
        if isinstance(size, int) and size != len(data):
            said = f"the data has {len(data)} bytes, size says {size}; correct it or leave it out"
            self.session.add("error", "value", said, (place, "size", "size"))
        digest = base64.b64encode(hashlib.sha1(data, usedforsecurity=False).digest()).decode()
        if isinstance(told := item.get("hash"), str) and told != digest:
            said = "the hash is not the SHA-1 of the data; correct it or leave it out"
            self.session.add("error", "value", said, (place, "hash", "hash"))


def _codes(value: Any) -> list[str]:
    if isinstance(value, str):
        return [value]
    if not isinstance(value, dict):
        return []
    listed = value.get("coding", [value])
    codes = [one.get("code") for one in listed if isinstance(one, dict)] if listed else []
    return [code for code in codes if isinstance(code, str)]


_SPECIAL: Final[Mapping[str, Callable[[Walk, Scope, Node, Place], None]]] = {
    "Bundle": check_bundle,
    "Questionnaire": check_questionnaire,
    "SearchParameter": check_search_parameter,
    "StructureDefinition": check_definition,
    "QuestionnaireResponse": check_response,
}
"""Rules of single resource types that no invariant expresses."""
