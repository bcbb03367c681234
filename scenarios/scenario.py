"""A scenario: a rollout, its laws and its own parameter values, read from one YAML file.

A scenario is the sharing world. Its counterfactual is the same file with nobody publishing or
asking.
"""

from __future__ import annotations

import datetime as dt
import hashlib
import json
import math
from collections.abc import Mapping
from functools import cached_property
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from scenarios.parameters import (
    WORLD_0_GROUPS,
    Parameter,
    load_parameters,
    overridden,
    problem_of,
    unknown_parameter,
)
from vietnam.datafiles import Document, InputError, did_you_mean, read_yaml

LIBRARY = Path(__file__).with_name("library")
Mode = Literal["pull", "flag", "push", "mandate"]
MODES: tuple[Mode, ...] = ("pull", "flag", "push", "mandate")
Number = Annotated[float, Field(ge=-1e12, le=1e12)]


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class DatedMode(_Strict):
    """How results reach the clinician from a day on."""

    since: dt.date
    mode: Mode


class DatedRegulation(_Strict):
    """Which regulation set of vietnam/regulations.yaml is in force from a day on."""

    since: dt.date
    regulation: str


class OwnValue(_Strict):
    """A scenario's own value of a parameter; without a range it is taken as certain."""

    value: Number
    low: Number | None = None
    high: Number | None = None
    source: str = "set by the scenario"


class Scenario(_Strict):
    """One scenario as its file says it. Days are ISO dates, the last day is counted."""

    name: str = Field(pattern=r"^[a-z0-9][a-z0-9-]{0,60}$")
    title: str = Field(min_length=1, max_length=200)
    why: str = Field(min_length=1, description="a paragraph: what is asked and what to expect")
    network: str = "pilots"
    count_from: dt.date
    count_to: dt.date
    scale: float = Field(1.0, gt=0.0, le=1.0, description="share of persons simulated by default")
    modes: list[DatedMode] = Field(min_length=1)
    push_base: Literal["pull", "flag", "mandate"] = "pull"
    regulations: list[DatedRegulation] = Field(min_length=1)
    recognition: Literal["law", "nothing"] = "law"
    connect: dt.date | Literal["network", "never"] = "network"
    emr: dt.date | Literal["network"] = "network"
    backload_days: int = Field(0, ge=0, le=3650)
    free_movement_from: dt.date = dt.date(2025, 7, 1)
    parameters: dict[str, float | OwnValue] = Field(default_factory=dict)

    @model_validator(mode="after")
    def _in_order(self) -> Scenario:
        if not dt.date(2016, 1, 1) <= self.count_from <= self.count_to <= dt.date(2040, 12, 31):
            raise ValueError("count_from and count_to must be in order, between 2016 and 2040")
        if (self.count_to - self.count_from).days > 3 * 366:
            raise ValueError("the count period is longer than three years")
        for rows in (self.modes, self.regulations):
            days = [row.since for row in rows]
            if days != sorted(set(days)):
                raise ValueError("dated rows must be in order, one a day")
        return self

    @cached_property
    def resolved(self) -> Mapping[str, Parameter]:
        """All parameters with this scenario's own values put in."""
        table = dict(load_parameters())
        for name, own in self.parameters.items():
            if not isinstance(own, OwnValue):
                own = OwnValue(value=own)
            table[name] = overridden(table[name], own.value, own.low, own.high, own.source)
        return table

    @property
    def days(self) -> int:
        """Length of the count period in days."""
        return (self.count_to - self.count_from).days + 1

    def world_0_inputs(self) -> dict[str, Any]:
        """What the world without sharing depends on; equal for scenarios that may be compared."""
        return {
            "network": self.network,
            "count_from": self.count_from.isoformat(),
            "count_to": self.count_to.isoformat(),
            "emr": str(self.emr),
            "free_movement_from": self.free_movement_from.isoformat(),
            **{
                name: [p.value, p.low, p.high]
                for name, p in self.resolved.items()
                if p.group in WORLD_0_GROUPS
            },
        }


def fingerprint(value: Any) -> str:
    """Short hash of a JSON-able value, independent of key order."""
    text = json.dumps(value, sort_keys=True, ensure_ascii=False, default=str, allow_nan=False)
    return hashlib.sha256(text.encode()).hexdigest()[:16]


def library() -> list[str]:
    """Names of the shipped scenarios."""
    return sorted(path.stem for path in LIBRARY.glob("*.yaml"))


def load_scenario(name_or_path: str, sets: Mapping[str, str] | None = None) -> Scenario:
    """A scenario from the library or from a file, with `--set key=value` changes applied.

    InputError: unknown name, bad YAML, unknown key or parameter, a value out of range.
    """
    path = LIBRARY / f"{name_or_path}.yaml"
    if name_or_path not in library():
        path = Path(name_or_path)
        if path.suffix not in (".yaml", ".yml") and not path.exists():
            remedy = did_you_mean(name_or_path, library())
            raise InputError(
                name_or_path, None, "", "is not a scenario", f"{remedy} or a YAML file"
            )
    document = read_yaml(path)
    if not isinstance(document.value, dict):
        raise document.error(
            (), "is not a scenario", "start with `name:`, see `lienthong show pilots`"
        )
    content = dict(document.value)
    content.setdefault("parameters", {})
    scenario = _validated(document, content)
    return with_sets(scenario, sets or {})


def _validated(document: Document, content: dict[str, Any]) -> Scenario:
    try:
        scenario = Scenario.model_validate(content)
    except ValidationError as error:
        raise _input_error(document, error) from None
    for name in scenario.parameters:
        if name not in load_parameters():
            raise unknown_parameter(name, document.file, document.line("parameters", name))
        problem = problem_of(scenario.resolved[name])
        if problem:
            raise document.error(("parameters", name), problem, "keep low <= value <= high, finite")
    return scenario


def _input_error(document: Document, error: ValidationError) -> InputError:
    first = error.errors()[0]
    place = tuple(
        p for p in first["loc"] if not (isinstance(p, str) and p in ("date", "OwnValue", "float"))
    )
    if first["type"] == "extra_forbidden":
        known = OwnValue.model_fields if len(place) > 1 else Scenario.model_fields
        return document.error(place, "unknown key", did_you_mean(str(place[-1]), known))
    if first["type"] == "missing":
        return document.error(place, "is missing", "add it; `lienthong show pilots` has an example")
    got = first.get("input")
    shown = f"{got!r}"[:60]
    message = first["msg"].removeprefix("Value error, ")
    return document.error(
        place, f"{shown} is not allowed: {message}", "see `lienthong schema scenario`"
    )


def with_sets(scenario: Scenario, sets: Mapping[str, str]) -> Scenario:
    """`--set key=value`: a parameter or a top-level key gets another value."""
    content = scenario.model_dump()
    for key, text in sets.items():
        if key in load_parameters():
            content["parameters"] = {**content["parameters"], key: {"value": _number(key, text)}}
            content["parameters"][key]["source"] = "set on the command line"
        elif key in ("scale", "backload_days", "recognition", "connect", "emr", "push_base"):
            content[key] = text
        elif key == "mode":
            content["modes"] = [{"since": scenario.modes[0].since, "mode": text}]
        elif key == "regulation":
            content["regulations"] = [{"since": scenario.regulations[0].since, "regulation": text}]
        else:
            raise unknown_parameter(key, "--set", None)
    return _validated(Document("--set", content), content) if sets else scenario


def _number(key: str, text: str) -> float:
    try:
        value = float(text)
    except ValueError:
        value = math.nan
    if not math.isfinite(value) or abs(value) > 1e12:
        raise InputError("--set", None, key, f"{text[:40]!r} is not a number", "write e.g. 0.25")
    return value
