"""A scenario: a rollout, its laws and its own parameter values, read from one YAML file.

A scenario is the sharing world. Its counterfactual is the same file with nobody publishing or
asking.
"""

from __future__ import annotations

import datetime as dt
import hashlib
import json
import math
from collections.abc import Callable, Iterable, Mapping
from functools import cached_property
from itertools import pairwise
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from scenarios.parameters import (
    WORLD_0_GROUPS,
    Parameter,
    joint_problems,
    load_parameters,
    overridden,
    problem_of,
    unknown_parameter,
)
from vietnam.datafiles import Document, InputError, did_you_mean, read_yaml
from vietnam.facilities import network_names
from vietnam.regulations import load_regulations

LIBRARY = Path(__file__).with_name("library")
Mode = Literal["pull", "flag", "push", "mandate"]
MODES: tuple[Mode, ...] = ("pull", "flag", "push", "mandate")
Number = Annotated[float, Field(ge=-1e12, le=1e12)]


class _Together(ValueError):
    """A fault between several keys, told at one of them."""

    def __init__(self, place: tuple[str | int, ...], problem: str) -> None:
        super().__init__(problem)
        self.place = place


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class _Dated(_Strict):
    since: dt.date


class DatedMode(_Dated):
    """How results reach the clinician from a day on."""

    mode: Mode


class DatedRegulation(_Dated):
    """Which regulation set of vietnam/regulations.yaml is in force from a day on."""

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
    parameters: dict[str, Number | OwnValue] = Field(default_factory=dict)

    @model_validator(mode="after")
    def _in_order(self) -> Scenario:
        if not dt.date(2016, 1, 1) <= self.count_from <= dt.date(2040, 12, 31):
            raise _Together(("count_from",), "the count begins before 2016 or after 2040")
        if self.count_to < self.count_from:
            raise _Together(("count_to",), f"the count ends before it begins ({self.count_from})")
        if (self.count_to - self.count_from).days > 3 * 366:
            raise _Together(("count_to",), "the count period is longer than three years")
        for key, rows in (("modes", self.modes), ("regulations", self.regulations)):
            for i, (row, following) in enumerate(pairwise(rows), start=1):
                if following.since <= row.since:
                    raise _Together((key, i, "since"), f"it does not come after {row.since}")
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
    if content.get("parameters") is None:
        content["parameters"] = {}
    scenario = _validated(document, content)
    return with_sets(scenario, sets or {})


def _validated(document: Document, content: dict[str, Any]) -> Scenario:
    try:
        scenario = Scenario.model_validate(content, strict=True)
    except ValidationError as error:
        raise _input_error(document, error) from None
    for name in scenario.parameters:
        if name not in load_parameters():
            raise unknown_parameter(name, document.file, document.line("parameters", name))
    for name in scenario.parameters:
        problem = problem_of(scenario.resolved[name])
        if problem:
            raise document.error(("parameters", name), problem, "keep low <= value <= high, finite")
    for name, problem in joint_problems(scenario.resolved):
        raise document.error(("parameters", name), problem, "lower one of them")
    _known(document, ("network",), scenario.network, network_names(), "network")
    for i, row in enumerate(scenario.regulations):
        place = ("regulations", i, "regulation")
        _known(document, place, row.regulation, load_regulations(), "regulation set")
    return scenario


def _known(
    document: Document, place: tuple[str | int, ...], word: str, known: Iterable[str], kind: str
) -> None:
    names = list(known)
    if kind == "network" and word.endswith((".yaml", ".yml")):
        if not Path(word).exists():
            raise document.error(place, f"there is no file {word!r}", "check the name")
    elif word not in names:
        raise document.error(place, f"{word!r} is no {kind}", did_you_mean(word, names))


def _input_error(document: Document, error: ValidationError) -> InputError:
    """The first thing that is wrong, in the words of a scenario file."""
    errors = error.errors(include_url=False)
    # an unknown key explains a missing one, so it is told first
    first = min(errors, key=lambda e: e["type"] != "extra_forbidden")
    # of a value that may be several things, what came closest went deepest
    first = max((e for e in errors if _place(e)[:2] == _place(first)[:2]), key=_depth)
    place = _place(first)
    if first["type"] == "extra_forbidden":
        known = _ROWS.get(str(place[0]), Scenario) if len(place) > 1 else Scenario
        return document.error(
            place, "unknown key", did_you_mean(str(place[-1]), known.model_fields)
        )
    if first["type"] == "missing":
        return document.error(place, "is missing", "add it; `lienthong show pilots` has an example")
    fault = first.get("ctx", {}).get("error")
    if isinstance(fault, _Together):
        return document.error(fault.place, str(fault), "correct one of the two")
    allowed = dict.fromkeys(_allowed(e) for e in errors if _place(e) == place)
    shown = f"{first.get('input')!r}"[:60]
    return document.error(
        place, f"{shown} is not allowed: {' or '.join(allowed)}", "see `lienthong schema scenario`"
    )


_ROWS: dict[str, type[_Strict]] = {
    "modes": DatedMode,
    "regulations": DatedRegulation,
    "parameters": OwnValue,
}
_BRANCHES = ("date", "OwnValue", "float", "constrained-float")


def _place(error: Mapping[str, Any]) -> tuple[str | int, ...]:
    """Key path of an error, without the names pydantic gives the members of a union."""
    return tuple(
        p for p in error["loc"] if p not in _BRANCHES and not str(p).startswith("literal[")
    )


def _depth(error: Mapping[str, Any]) -> tuple[bool, int]:
    return error["type"] == "extra_forbidden", len(_place(error))


def _allowed(error: Mapping[str, Any]) -> str:
    message = error["msg"].removeprefix("Input should be ")
    mapping = ("a valid dictionary or instance of", "a valid dictionary")
    return "a mapping (key: value)" if message.startswith(mapping) else message


def with_sets(scenario: Scenario, sets: Mapping[str, str]) -> Scenario:
    """`--set key=value`: a parameter or a top-level key gets another value."""
    content = scenario.model_dump()
    for key, text in sets.items():
        if key in load_parameters():
            content["parameters"] = {**content["parameters"], key: {"value": _number(key, text)}}
            content["parameters"][key]["source"] = "set on the command line"
        elif key in _TOP:
            content[key] = _TOP[key](key, text)
        elif key == "mode":
            content["modes"] = [{"since": scenario.modes[0].since, "mode": text}]
        elif key == "regulation":
            content["regulations"] = [{"since": scenario.regulations[0].since, "regulation": text}]
        else:
            raise unknown_parameter(key, "--set", None)
    return _validated(Document("--set", content), content) if sets else scenario


def _word(_: str, text: str) -> str:
    return text


def _day(_: str, text: str) -> dt.date | str:
    try:
        return dt.date.fromisoformat(text)
    except ValueError:
        return text  # one of the words that may stand there, or refused with them


def _whole(key: str, text: str) -> int:
    value = _number(key, text)
    if value != int(value):
        raise InputError(
            "--set", None, key, f"{text[:40]!r} is not a whole number", "write e.g. 30"
        )
    return int(value)


def _number(key: str, text: str) -> float:
    try:
        value = float(text)
    except ValueError:
        value = math.nan
    if not math.isfinite(value) or abs(value) > 1e12:
        raise InputError("--set", None, key, f"{text[:40]!r} is not a number", "write e.g. 0.25")
    return value


_TOP: dict[str, Callable[[str, str], Any]] = {
    "scale": _number,
    "backload_days": _whole,
    "recognition": _word,
    "connect": _day,
    "emr": _day,
    "push_base": _word,
}
