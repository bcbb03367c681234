"""Questionnaires: what no invariant says of their items (https://hl7.org/fhir/R4/questionnaire.html)."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, Final

from fhir_profiles.json_text import Tree
from fhir_profiles.validation.fhirpath.nodes import Node
from fhir_profiles.validation.places import Place
from fhir_profiles.validation.primitives import shown
from fhir_profiles.validation.session import Scope, Walker

ANSWERS: Final[Mapping[str, tuple[str, ...]]] = {
    "boolean": ("Boolean",),
    "decimal": ("Decimal", "Integer"),
    "integer": ("Integer",),
    "date": ("Date",),
    "dateTime": ("DateTime", "Date"),
    "time": ("Time",),
    "string": ("String",),
    "text": ("String",),
    "url": ("Uri",),
    "choice": ("Coding", "String", "Integer", "Date", "Time", "Reference"),
    "open-choice": ("Coding", "String", "Integer", "Date", "Time", "Reference"),
    "attachment": ("Attachment",),
    "reference": ("Reference",),
    "quantity": ("Quantity",),
}
"""Item type -> types that an answer may have (valueset-item-type.html)."""


def items_of(tree: Any, place: Place) -> Iterator[tuple[Tree, Place]]:
    """Every item below, from the top down, with its place."""
    listed = tree.get("item") if isinstance(tree, dict) else None
    for index, one in enumerate(listed if isinstance(listed, list) else ()):
        if isinstance(one, dict):
            where: Place = ((place, "item", "item"), index, "")
            yield one, where
            yield from items_of(one, where)


def value_of(tree: Tree, stem: str) -> tuple[str, Any] | None:
    """Of a choice: (type as its name is written, value)."""
    for name, value in tree.items():
        if name.startswith(stem) and name[len(stem) : len(stem) + 1].isupper():
            return name[len(stem) :], value
    return None


def check_questionnaire(walk: Walker, _scope: Scope, node: Node, place: Place) -> None:
    session = walk.session
    items = list(items_of(node.value, place))
    types = {one.get("linkId"): one.get("type") for one, _ in items}
    for item, where in items:
        _options(walk, item, where)
        listed = item.get("enableWhen")
        for index, when in enumerate(listed if isinstance(listed, list) else ()):
            if not isinstance(when, dict):
                continue
            here: Place = ((where, "enableWhen", "enableWhen"), index, "")
            asked = when.get("question")
            if not isinstance(asked, str):
                continue
            if asked not in types:
                said = f"there is no item with the linkId {shown(asked)}; name one that exists"
                session.add("error", "not-found", said, (here, "question", "question"))
            elif asked == item.get("linkId"):
                said = "an item cannot depend on its own answer; name another item"
                session.add("error", "invalid", said, (here, "question", "question"))
            elif when.get("operator") != "exists" and (given := value_of(when, "answer")):
                fitting = ANSWERS.get(str(types[asked]))
                if fitting and given[0] not in fitting:
                    said = (
                        f"the answer is a {given[0]}, the item {shown(asked)} is a {types[asked]}; "
                        f"expected {' or '.join(fitting)}"
                    )
                    session.add("error", "value", said, (here, f"answer{given[0]}", "answer"))


def _options(walk: Walker, item: Tree, place: Place) -> None:
    """Options and first values are of the item's type."""
    fitting = ANSWERS.get(str(item.get("type")))
    if fitting is None:
        return
    for name in ("answerOption", "initial"):
        listed = item.get(name)
        for index, one in enumerate(listed if isinstance(listed, list) else ()):
            given = value_of(one, "value") if isinstance(one, dict) else None
            if given is not None and given[0] not in fitting:
                said = f"a {given[0]} in an item of type {item['type']}"
                said += f"; expected {' or '.join(fitting)}"
                here: Place = ((place, name, name), index, "")
                walk.session.add("error", "value", said, (here, f"value{given[0]}", "value"))
