"""`lienthong scenarios`, `show` and `schema`."""

from __future__ import annotations

import json

import jsonschema
import pytest

from scenarios.parameters import load_parameters
from scenarios.scenario import library
from tests.cli.conftest import Invoke


def test_the_library_is_listed_with_a_paragraph_each(invoke: Invoke) -> None:
    text = invoke("scenarios").stdout
    for name in library():
        assert f"{name}\n  " in text


def test_the_library_as_json(invoke: Invoke) -> None:
    rows = json.loads(invoke("scenarios", "--json").stdout)
    assert [row["name"] for row in rows] == library()
    assert all(row["why"] for row in rows)


def test_show_names_every_parameter_with_its_source(invoke: Invoke) -> None:
    result = invoke("show", "pilots")
    assert result.exit_code == 0
    assert "\x1b" not in result.stdout
    for name in load_parameters():
        assert name in result.stdout
    assert "ASSUMPTION" in result.stdout


def test_show_marks_what_was_changed(invoke: Invoke) -> None:
    before = invoke("show", "pilots").stdout
    after = invoke("show", "pilots", "--set", "look.pull=0.31").stdout
    marked = [line for line in after.splitlines() if line.lstrip().startswith("*")]
    assert any("look.pull" in line and "0.31" in line for line in marked)
    assert not any("look.pull" in line for line in before.splitlines() if "*" in line)


def test_show_as_json_has_value_range_and_source(invoke: Invoke) -> None:
    content = json.loads(invoke("show", "pilots", "--set", "look.pull=0.31", "--json").stdout)
    row = next(row for row in content["resolved"] if row["name"] == "look.pull")
    assert (row["value"], row["changed"]) == (0.31, True)


@pytest.mark.parametrize("args", [["show", "pilot"], ["show", "pilots", "--set", "x=1"], ["show"]])
def test_show_refuses(invoke: Invoke, args: list[str]) -> None:
    result = invoke(*args)
    assert result.exit_code == 2
    assert result.stdout == ""


@pytest.mark.parametrize("kind", ["scenario", "network", "summary"])
def test_schemas_are_printed(invoke: Invoke, kind: str) -> None:
    result = invoke("schema", kind)
    assert result.exit_code == 0
    jsonschema.Draft202012Validator.check_schema(json.loads(result.stdout))


def test_every_shipped_scenario_fits_the_printed_schema(invoke: Invoke) -> None:
    from scenarios.scenario import LIBRARY
    from vietnam.datafiles import read_yaml

    schema = json.loads(invoke("schema", "scenario").stdout)
    validator = jsonschema.Draft202012Validator(schema)
    for name in library():
        content = json.loads(json.dumps(read_yaml(LIBRARY / f"{name}.yaml").value, default=str))
        assert [error.message for error in validator.iter_errors(content)] == []
