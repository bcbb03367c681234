"""A server with the terminology operations, and the small resources of the tables in its store."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from typing import Any
from urllib.parse import quote, urlencode

from fhir_server.standard.expand import expand
from fhir_server.standard.lookup import lookup
from fhir_server.standard.subsumes import subsumes
from fhir_server.standard.translate import translate
from fhir_server.standard.validate_code import validate_code
from tests.fhir_profiles.terminology.small import SYSTEM, listed, of_animals, value_set
from tests.fhir_server.serving import Answered, Server, serving
from tests.fhir_server.store.stores import opened

OPERATIONS = [*expand(), *validate_code(), *lookup(), *subsumes(), *translate()]

ALL = {**value_set("all", of_animals()), "id": "all", "version": "1"}
DOGS = {**value_set("dogs", of_animals("is-a", "dog")), "id": "dogs"}
FEW = {**value_set("few", listed("dog", "dodo")), "id": "few"}
STORED = {**SYSTEM, "id": "animals"}


@contextmanager
def answering(url: str, *resources: dict[str, Any]) -> Iterator[Server]:
    """Over PostgreSQL under a name of its own: others may be testing there."""
    with ExitStack() as stack:
        store_for = None
        if url.startswith("postgresql"):
            store = opened("postgresql", "")
            stack.callback(store.close)
            url, store_for = "memory:", lambda _: lambda caller: store
        more: dict[str, Any] = {"operations": OPERATIONS, "store_for": store_for}
        server = stack.enter_context(serving(url, **more))
        for tree in resources or (STORED, ALL, DOGS, FEW):
            made = server.ask("PUT", f"{tree['resourceType']}/{tree['id']}", tree)
            assert made.status == 201, made.body
        yield server


def path(place: str, **inputs: Any) -> str:
    """`ValueSet/$expand?url=...`; a `_` in a name stands for `-`."""
    pairs = [(name.replace("_", "-"), value) for name, value in inputs.items()]
    return f"{place}?{urlencode(pairs, doseq=True, quote_via=quote)}"


def body(**inputs: Any) -> dict[str, Any]:
    """The same as Parameters: text, true and false, numbers, Coding and resources."""
    listed_ = [
        _parameter(name.replace("_", "-"), value)
        for name, values in inputs.items()
        for value in (values if isinstance(values, list) else [values])
    ]
    return {"resourceType": "Parameters", "parameter": listed_}


def _parameter(name: str, value: Any) -> dict[str, Any]:
    if isinstance(value, dict) and "resourceType" in value:
        return {"name": name, "resource": value}
    if isinstance(value, dict):
        return {"name": name, "valueCodeableConcept" if "coding" in value else "valueCoding": value}
    kinds = {bool: "valueBoolean", int: "valueInteger", str: "valueString"}
    return {"name": name, kinds[type(value)]: value}


def told(answered: Answered) -> dict[str, Any]:
    """The outputs by name; of several with one name the first."""
    assert answered.status == 200, answered.body
    tree = answered.json
    assert tree["resourceType"] == "Parameters"
    found: dict[str, Any] = {}
    for part in tree["parameter"]:
        value = next(value for name, value in part.items() if name != "name")
        found.setdefault(part["name"], value)
    return found


def parts(answered: Answered, name: str) -> list[dict[str, Any]]:
    """Outputs that have parts, each as part name -> value."""
    return [
        {
            one["name"]: next(value for key, value in one.items() if key != "name")
            for one in output["part"]
        }
        for output in answered.json["parameter"]
        if output["name"] == name
    ]


def codes(answered: Answered) -> str:
    """Codes of an expansion; those inside another in brackets after it."""
    assert answered.status == 200, answered.body
    assert answered.json["resourceType"] == "ValueSet"
    return _written(answered.json["expansion"].get("contains", []))


def _written(contains: list[dict[str, Any]]) -> str:
    return " ".join(
        one["code"] + (f"[{_written(one['contains'])}]" if "contains" in one else "")
        for one in contains
    )


R4 = "http://hl7.org/fhir/ValueSet"
GENDER = "http://hl7.org/fhir/administrative-gender"
ACT = "http://terminology.hl7.org/CodeSystem/v3-ActCode"
