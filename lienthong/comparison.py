"""`compare`: runs side by side, allowed only if their worlds without sharing are the same.

model.md section 1: runs whose world-0 inputs differ are refused, naming the differing keys.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from scenarios.scenario import Scenario
from vietnam.datafiles import InputError

Summary = Mapping[str, Any]


class Row(NamedTuple):
    """One measure in every run; `changes` are differences of means from the first run."""

    measure: str
    unit: str
    means: tuple[float | None, ...]
    ui95: tuple[list[float] | None, ...]
    changes: tuple[float | None, ...]


class Comparison(NamedTuple):
    """Runs that share their world without sharing; `notes` say what makes them less than twins."""

    names: tuple[str, ...]
    rows: tuple[Row, ...]
    notes: tuple[str, ...]


def compare(*runs: str | Path | Summary | Any) -> Comparison:
    """Finished runs side by side; each is a folder, a summary.json, a summary dict or a Result.

    InputError: fewer than two, not a finished run, or world-0 inputs that differ.
    """
    summaries = [_summary_of(run) for run in runs]
    if len(summaries) < 2:
        raise InputError(
            "compare", None, "RUN", "one run has nothing to be compared with", "Name two"
        )
    for other in summaries[1:]:
        _refuse_different_worlds(summaries[0], other)
    names = [
        name for name in summaries[0]["measures"] if all(name in s["measures"] for s in summaries)
    ]
    return Comparison(
        names=tuple(_distinct([s["scenario"] for s in summaries])),
        rows=tuple(_row(name, summaries) for name in names),
        notes=tuple(_notes(summaries)),
    )


def _summary_of(run: Any) -> Summary:
    if isinstance(run, (str, Path)):
        return read_summary(Path(run))
    summary: Summary = run.summary if hasattr(run, "summary") else run
    return summary


def read_summary(path: Path) -> Summary:
    """summary.json of a finished run, given the file or its folder; InputError otherwise."""
    file = path / "summary.json" if path.is_dir() else path
    remedy = "Name the folder of a finished run, for example runs/pilots"
    try:
        content = json.loads(file.read_bytes())
    except FileNotFoundError:
        problem = "there is no finished run here (no summary.json)"
        raise InputError(str(path), None, "", problem, remedy) from None
    except OSError as error:
        raise InputError(str(file), None, "", str(error.strerror).lower(), remedy) from None
    except UnicodeDecodeError:
        raise InputError(str(file), None, "", "is not UTF-8 text", remedy) from None
    except (ValueError, RecursionError) as error:
        line = getattr(error, "lineno", None)
        raise InputError(str(file), line, "", "is not JSON", remedy) from None
    if not isinstance(content, dict) or not {"measures", "provenance", "scenario"} <= set(content):
        raise InputError(str(file), None, "", "is not the summary of a run", remedy)
    return content


def _refuse_different_worlds(one: Summary, other: Summary) -> None:
    if one["provenance"]["world0_hash"] == other["provenance"]["world0_hash"]:
        return
    inputs = (summary["provenance"]["world0_inputs"] for summary in (one, other))
    keys = differing_keys(*inputs)
    raise different_worlds(one["scenario"], other["scenario"], keys)


def refuse_different_scenarios(scenarios: Sequence[Scenario]) -> None:
    """The same refusal before anything has run."""
    for other in scenarios[1:]:
        keys = differing_keys(scenarios[0].world_0_inputs(), other.world_0_inputs())
        if keys:
            raise different_worlds(scenarios[0].name, other.name, keys)


def different_worlds(one: str, other: str, keys: Sequence[str]) -> InputError:
    """The refusal, naming what differs."""
    named = ", ".join(keys) if keys else "the content of the network file, or the catalogue"
    problem = f"their worlds without sharing differ in: {named}"
    remedy = "Make these equal and run again; only then is a difference an effect of sharing"
    return InputError("compare", None, f"{one} and {other}", problem, remedy)


def differing_keys(one: Mapping[str, Any], other: Mapping[str, Any]) -> list[str]:
    """Keys whose values differ or that only one side has, in order."""
    return sorted(key for key in {*one, *other} if one.get(key) != other.get(key))


def _row(name: str, summaries: Sequence[Summary]) -> Row:
    items = [summary["measures"][name] for summary in summaries]
    first = items[0]["mean"]
    return Row(
        measure=name,
        unit=items[0]["unit"],
        means=tuple(item["mean"] for item in items),
        ui95=tuple(item["ui95"] for item in items),
        changes=tuple(
            None if first is None or item["mean"] is None else item["mean"] - first
            for item in items[1:]
        ),
    )


def _notes(summaries: Sequence[Summary]) -> list[str]:
    notes = []
    for key in ("seed", "replications", "draws", "scale", "resolution"):
        values = [summary[key] for summary in summaries]
        if len(set(values)) > 1:
            shown = ", ".join(str(value) for value in values)
            notes.append(f"{key} differs ({shown}): part of each difference is chance")
    return notes


def _distinct(names: Sequence[str]) -> list[str]:
    return [
        f"{name} ({names[: i + 1].count(name)})" if names.count(name) > 1 else name
        for i, name in enumerate(names)
    ]
