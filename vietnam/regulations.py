"""Regulation sets of mutual recognition of results (data: ``regulations.yaml``).

Law 51/2024/QH15, Art. 3(4); Decision 2429/QD-BYT; the drafts of November 2025 and August 2026.
The rulebook reads no files: it is handed these values.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any, Literal

from vietnam.catalogue import ORDER, load_catalogue
from vietnam.datafiles import Document, did_you_mean, read_yaml

REGULATIONS_FILE = Path(__file__).with_name("regulations.yaml")
RULES = ("NONE", "LEVEL_2017", "DRAFT_2025", "DRAFT_2026")
STATUSES = ("in_force", "draft", "what_if")
MINUTES_PER_DAY = 1440
Position = Literal["low", "central", "high"]


@dataclass(frozen=True)
class Span:
    """A value in days with the ends of its range."""

    low: float
    central: float
    high: float

    def at(self, position: float) -> float:
        """Days at a place in the range: -1 the low end, 0 central, 1 the high end."""
        side = self.high - self.central if position > 0 else self.central - self.low
        return self.central + position * side


@dataclass(frozen=True)
class Validity:
    """How many days a result may stand in, by the setting of the new order."""

    outpatient: Span
    inpatient: Span
    source: str


@dataclass(frozen=True)
class Retest:
    """Minimum retest interval in days; 0 = never called a duplicate. ``hard`` would block."""

    outpatient: float
    inpatient: float
    hard: float | None
    source: str
    children: bool = False
    loinc: str | None = None


@dataclass(frozen=True)
class Regulation:
    """One set of rules; ``recognition_rule`` names a ``RecognitionRule`` of the rulebook."""

    key: str
    title_vi: str
    title_en: str
    source: str
    status: str
    in_force_from: dt.date | None
    recognition_rule: str
    on_list: Mapping[str, bool]
    list_source: str
    validity_days: Mapping[str, Validity]
    retest_days: Mapping[str, Retest]
    retest_other_days: Mapping[str, Retest]
    never_reuse: Mapping[str, str]
    method_dependent: frozenset[str]

    def validity_minutes(
        self, test: str, inpatient: bool = False, position: Position = "central"
    ) -> int:
        """Validity window of a test group in minutes. KeyError for an unknown group."""
        places = {"low": -1.0, "central": 0.0, "high": 1.0}
        return self.validity_at(test, inpatient, places[position])

    def validity_at(self, test: str, inpatient: bool, position: float) -> int:
        """Validity window in minutes at a place in its range (see ``Span.at``)."""
        validity = self.validity_days[test]
        span = validity.inpatient if inpatient else validity.outpatient
        return round(span.at(position) * MINUTES_PER_DAY)

    def retest_minutes(self, test: str, inpatient: bool = False, child: bool = False) -> int:
        """Retest interval of a group or other test in minutes; 0 = never called a duplicate."""
        found = self.retest_days.get(test)
        retest = found if found is not None else self.retest_other_days[test]
        if child and not retest.children:
            return 0
        return round((retest.inpatient if inpatient else retest.outpatient) * MINUTES_PER_DAY)


@cache
def load_regulations() -> Mapping[str, Regulation]:
    """All shipped sets by key. InputError if the file was damaged."""
    return parse_regulations(read_yaml(REGULATIONS_FILE))


def load_regulation(key: str) -> Regulation:
    """One set: 'level-rule-2017', 'draft-2025', 'draft-2026-08' or 'none'. KeyError else."""
    return load_regulations()[key]


def parse_regulations(doc: Document) -> dict[str, Regulation]:
    """The sets of a document.

    InputError names line and key of an unknown word, a span out of order, a test that is missing
    or given twice, and a validity longer than the measurement window of the catalogue.
    """
    validity = _validity(doc)
    retest = {
        key: _retest(doc, ("retest", key), raw)
        for key, raw in _tests(doc, ("retest",), doc.value["retest"]).items()
    }
    other = {
        key: _retest(doc, ("retest_other", key), raw)
        for key, raw in doc.value["retest_other"].items()
    }
    return {
        key: _regulation(doc, key, raw, validity, retest, other)
        for key, raw in doc.value["regulations"].items()
    }


def _regulation(
    doc: Document,
    key: str,
    raw: Mapping[str, Any],
    validity: Mapping[str, Validity],
    retest: Mapping[str, Retest],
    other: Mapping[str, Retest],
) -> Regulation:
    path = ("regulations", key)
    listed = raw["listed"]
    for i, test in enumerate(listed):
        _known(doc, (*path, "listed", i), test, ORDER, "test group")
    _known(doc, (*path, "recognition_rule"), raw["recognition_rule"], RULES, "recognition rule")
    _known(doc, (*path, "status"), raw["status"], STATUSES, "status")
    return Regulation(
        key=key,
        title_vi=raw["title_vi"],
        title_en=raw["title_en"],
        source=raw["source"],
        status=raw["status"],
        in_force_from=raw["in_force_from"],
        recognition_rule=raw["recognition_rule"],
        on_list={test: test in listed for test in ORDER},
        list_source=raw["list_source"],
        validity_days=validity,
        retest_days=retest,
        retest_other_days=other,
        never_reuse=doc.value["never_reuse"]["tests"],
        method_dependent=frozenset(doc.value["method_dependent"]["tests"]),
    )


def _known(
    doc: Document, path: tuple[str | int, ...], word: str, known: tuple[str, ...], what: str
) -> None:
    if word not in known:
        raise doc.error(path, f"unknown {what} {word!r}", did_you_mean(str(word), known))


def _tests(
    doc: Document, path: tuple[str | int, ...], entries: Mapping[str, Any]
) -> Mapping[str, Any]:
    """The entries, if they are exactly the test groups of the catalogue."""
    for test in entries:
        _known(doc, (*path, test), test, ORDER, "test group")
    missing = [test for test in ORDER if test not in entries]
    if missing:
        raise doc.error(path, f"{', '.join(missing)} missing", "Give every test group a value")
    return entries


def _validity(doc: Document) -> dict[str, Validity]:
    windows = {group.key: group.window_days for group in load_catalogue().groups}
    found: dict[str, Validity] = {}
    for i, raw in enumerate(doc.value["validity"]):
        path = ("validity", i)
        validity = Validity(
            outpatient=_span(doc, (*path, "outpatient"), raw["outpatient"]),
            inpatient=_span(doc, (*path, "inpatient"), raw["inpatient"]),
            source=raw["source"],
        )
        for k, test in enumerate(raw["tests"]):
            place = (*path, "tests", k)
            _known(doc, place, test, ORDER, "test group")
            if test in found:
                raise doc.error(place, f"{test} stands in two rows", "Keep one of them")
            longest = max(validity.outpatient.high, validity.inpatient.high)
            if longest > windows[test]:
                problem = f"{longest:g} d is longer than the window of {test}, {windows[test]} d"
                raise doc.error(place, problem, "Shorten the validity")
            found[test] = validity
    return dict(_tests(doc, ("validity",), found))


def _span(doc: Document, path: tuple[str | int, ...], raw: Mapping[str, Any]) -> Span:
    low, central, high = float(raw["low"]), float(raw["central"]), float(raw["high"])
    if not 0 < low <= central <= high:
        raise doc.error(
            path, "low, central, high are not in order", "Use 0 < low <= central <= high"
        )
    return Span(low, central, high)


def _retest(doc: Document, path: tuple[str | int, ...], raw: Mapping[str, Any]) -> Retest:
    outpatient, inpatient = float(raw["outpatient"]), float(raw["inpatient"])
    if min(outpatient, inpatient) < 0:
        raise doc.error(path, "a retest interval is negative", "Use days, or 0 for never")
    hard = raw.get("hard")
    return Retest(
        outpatient=outpatient,
        inpatient=inpatient,
        hard=None if hard is None else float(hard),
        source=raw["source"],
        children=raw.get("children", False),
        loinc=raw.get("loinc"),
    )
