"""Counts the cases of each chapter of the specification, and writes the page that shows them.

    python -m tests.fhir_server.chapters > docs/reference/fhir/conformance.md

A case is a test, or one row of a table of tests, with the mark `pytest.mark.spec("page#anchor")`.
The same case over several stores is one case.
"""

from __future__ import annotations

import contextlib
import io
import re
import sys
from collections import Counter, defaultdict
from pathlib import Path

import pytest

from fhir_profiles.definitions.tables import resource_types
from fhir_server.not_supported import NOT_SUPPORTED, OTHER
from fhir_server.search.parameters import supported

ROOT = Path(__file__).resolve().parents[2]
WHERE = ("tests/fhir_server", "tests/fhir_profiles")
STORES = ("memory", "sqlite", "postgresql")
SPEC = "https://hl7.org/fhir/R4/"
ELSEWHERE = {
    "bulkdata/export.html": "https://hl7.org/fhir/uv/bulkdata/export.html",
    "bulkdata/import.html": "https://github.com/smart-on-fhir/bulk-import",
    "subscriptions-backport": "https://hl7.org/fhir/uv/subscriptions-backport/",
}


class Collector:
    """A pytest plugin: chapter -> cases."""

    def __init__(self) -> None:
        self.cases: dict[str, set[str]] = defaultdict(set)

    def pytest_collection_modifyitems(self, items: list[pytest.Item]) -> None:
        for item in items:
            for mark in item.iter_markers("spec"):
                for chapter in mark.args:
                    self.cases[chapter].add(without_store(item.nodeid))


def without_store(nodeid: str) -> str:
    """`test_x[sqlite-a]` and `test_x[memory-a]` are the same case."""
    name, bracket, rest = nodeid.partition("[")
    if not bracket:
        return nodeid
    parts = [part for part in rest.rstrip("]").split("-") if part not in STORES]
    return f"{name}[{'-'.join(parts)}]"


def collected() -> dict[str, set[str]]:
    """Cases by chapter. RuntimeError: a test module cannot be read."""
    collector = Collector()
    options = ["--collect-only", "-qq", "-p", "no:xdist", *WHERE]
    said = io.StringIO()
    with contextlib.redirect_stdout(said):
        status = pytest.main([*options, f"--rootdir={ROOT}"], plugins=[collector])
    if status != 0:
        raise RuntimeError(f"the tests cannot be collected:\n{said.getvalue()}")
    return dict(sorted(collector.cases.items()))


def page(cases: dict[str, set[str]]) -> str:
    by_page: dict[str, list[tuple[str, int]]] = defaultdict(list)
    for chapter, own in cases.items():
        by_page[chapter.partition("#")[0]].append((chapter, len(own)))
    lines = [
        "# What the FHIR server is tested for",
        "",
        "Made from the tests by `python -m tests.fhir_server.chapters`; do not edit. A case is one",
        "request or question with its expected answer; run over several stores it counts once, and",
        "one that belongs to two chapters counts in both. The CapabilityStatement announces only",
        "what stands in `fhir_server/chapters.py`, and each row there needs cases here.",
        "",
        f"{len(cases)} chapters, {len(set().union(*cases.values())):,} cases.",
        "",
        "| chapter | cases |",
        "|---|--:|",
    ]
    for name in sorted(by_page):
        lines += [f"| {_link(chapter)} | {count:,} |" for chapter, count in by_page[name]]
    lines += ["", "## Search parameters", "", *_parameters(), ""]
    lines += ["## Not supported", "", "Answered 501, or refused with a reason:", ""]
    lines += [
        f"- {missing.item} (`{missing.request}`): {missing.instead}"
        for missing in NOT_SUPPORTED.values()
    ]
    lines += [f"- {item}" for item in OTHER]
    return "\n".join(lines) + "\n"


def _link(chapter: str) -> str:
    return f"[{chapter}]({ELSEWHERE.get(chapter, SPEC + chapter)})"


def _parameters() -> list[str]:
    types = Counter(p.type for type_ in resource_types() for p in supported(type_).values())
    return ["| type | parameters of the 146 resource types |", "|---|--:|"] + [
        f"| {type_} | {count:,} |" for type_, count in sorted(types.items())
    ]


if __name__ == "__main__":
    sys.stdout.write(re.sub(r"\n{3,}", "\n\n", page(collected())))
