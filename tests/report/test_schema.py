"""summary.schema.json is a strict JSON Schema, and what the report knows agrees with it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import jsonschema
import pytest

from coordinator.rules.gates import Gate
from scenarios.orders import CLASS_NAMES
from scenarios.report import words
from scenarios.schemas import scenario_schema, summary_schema
from tests.report.example import example_summary


def faults(summary: dict[str, Any]) -> list[str]:
    validator = jsonschema.Draft202012Validator(summary_schema())
    return [error.json_path for error in validator.iter_errors(summary)]


def test_schemas_are_schemas() -> None:
    jsonschema.Draft202012Validator.check_schema(summary_schema())
    jsonschema.Draft202012Validator.check_schema(scenario_schema())


def test_the_example_fits() -> None:
    assert faults(example_summary()) == []


@pytest.mark.parametrize(
    ("where", "spoil"),
    [
        ("$", lambda s: s.pop("seed")),
        ("$", lambda s: s.update(extra=1)),
        ("$.scale", lambda s: s.update(scale=0)),
        ("$.scale", lambda s: s.update(scale=1.5)),
        ("$.measures", lambda s: s["measures"].pop("reach")),
        ("$.measures.reach", lambda s: s["measures"]["reach"].pop("ui95")),
        ("$.measures.reach.ui95", lambda s: s["measures"]["reach"].update(ui95=[1])),
        ("$.leaks", lambda s: s["leaks"].pop("seen")),
        ("$.leaks", lambda s: s["leaks"].update(another={"lost": 0, "sole": 0, "if_perfect": 0})),
        ("$.leaks.seen.lost", lambda s: s["leaks"]["seen"].update(lost=-1)),
        ("$.classes.with_sharing", lambda s: s["classes"]["with_sharing"].update({"lost.13": 1})),
        ("$.pairs[0].from", lambda s: s["pairs"][0].update({"from": "x"})),
        ("$.by_test.CT", lambda s: s["by_test"]["CT"].pop("label")),
        ("$.provenance.input_hash", lambda s: s["provenance"].update(input_hash="no hash")),
    ],
)
def test_a_spoilt_summary_is_refused(where: str, spoil: Callable[[dict], object]) -> None:
    summary = example_summary()
    spoil(summary)
    assert faults(summary) == [where]


def test_gates_are_those_of_the_rulebook_in_its_order() -> None:
    assert list(words.GATES) == [gate.key for gate in Gate]
    assert set(words.GATES) == set(summary_schema()["properties"]["leaks"]["required"])


def test_classes_are_those_of_the_engines() -> None:
    plain = {name.split(".")[0] for name in CLASS_NAMES}
    assert plain == set(words.CLASSES)
    pattern = summary_schema()["$defs"]["classes"]
    content = dict.fromkeys(CLASS_NAMES, 0)
    assert jsonschema.Draft202012Validator(pattern).is_valid(content)
