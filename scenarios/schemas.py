"""JSON Schemas (draft 2020-12) of the files that people write and read: scenario, summary.json.

https://json-schema.org/draft/2020-12
"""

from __future__ import annotations

from importlib.resources import files
from typing import Any

import orjson

from scenarios.parameters import load_parameters
from scenarios.scenario import Scenario

DIALECT = "https://json-schema.org/draft/2020-12/schema"


def summary_schema() -> dict[str, Any]:
    """The shape of summary.json, written by hand in summary.schema.json."""
    return orjson.loads((files("scenarios") / "summary.schema.json").read_bytes())


def scenario_schema() -> dict[str, Any]:
    """The shape of a scenario file, generated from the pydantic model and the parameter table."""
    schema = Scenario.model_json_schema()
    table = schema["properties"]["parameters"]
    value = table.pop("additionalProperties")
    table["additionalProperties"] = False
    table["properties"] = {
        name: {**value, "description": f"{p.value:g} {p.unit}; {p.source}"}
        for name, p in load_parameters().items()
    }
    return {"$schema": DIALECT, **schema, "title": "lienthong scenario"}
