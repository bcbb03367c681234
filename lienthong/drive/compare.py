"""Decision log against expectation, order line by order line: equal, or what differs and why."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

from coordinator.rules.decision import Verdict
from coordinator.rules.gates import GATE_OF, Gate
from coordinator.services.decision_log import plain_facts
from coordinator.services.policies import RULES_VERSION
from fhir_profiles import systems
from lienthong.drive.choose import Story
from lienthong.drive.expected import Expected, ExpectedPrior, name_of
from scenarios.charts.persons import record_number
from scenarios.charts.results import result_identifier
from scenarios.gates import GateBook, Result

Entry = Mapping[str, Any]
SHOWN: Final = 10


@dataclass(frozen=True)
class Difference:
    """One thing that the two sides say differently about an order line."""

    order: str
    what: str
    expected: Any
    found: Any
    facts_expected: Any = None
    facts_found: Any = None


@dataclass
class Verdicts:
    """The outcome of a comparison."""

    lines: int = 0
    decided: int = 0
    enacted: int = 0
    strangers: int = 0  # results of other persons that were looked at and not linked
    codes: Counter[str] = field(default_factory=Counter)
    differences: list[Difference] = field(default_factory=list)

    def add_uncarded(self, orders: Sequence[str]) -> None:
        """Orders that the story replaces by an earlier result, and for which no card came."""
        for order in orders:
            self.differences.append(Difference(order, "card", "a card to accept", "none"))

    def add_feedback(self, posted: Counter[str], rows: Iterable[Entry]) -> None:
        """What clinicians made of cards must stand in the log as it was posted."""
        logged = Counter(str(row["outcome"]) for row in rows)
        if logged != posted:
            self.differences.append(Difference("", "feedback", dict(posted), dict(logged)))

    @property
    def equal(self) -> bool:
        return not self.differences


@dataclass(frozen=True)
class Truth:
    """Whose every record number and result is; known to the driver alone."""

    book: GateBook
    results: Mapping[str, Result]
    persons: Mapping[str, int]

    def is_mapped(self, result: Result) -> bool:
        order = result.order
        return bool(self.book.cal.map_from[order.facility, order.test] <= order.minute)


def truth(book: GateBook, stories: Iterable[Story]) -> Truth:
    """The key between document numbers and the persons and results of the story."""
    results: dict[str, Result] = {}
    persons: dict[str, int] = {}
    for story in stories:
        told = story.trajectory
        for result in told.results:
            results[name_of(result_identifier(book, result.order))] = result
        for group in told.groups:
            code = book.plan.network.facilities[group].code
            number = record_number(book.plan, told.index, group)
            persons[f"{systems.mrn(code)}|{number}"] = told.index
    return Truth(book, results, persons)


def compare(
    stories: Sequence[Story],
    log: Iterable[Entry],
    refused: set[str],
    policies: str,
    key: Truth,
) -> Verdicts:
    """Every line of every story against its entry in the decision log."""
    found: dict[str, list[Entry]] = {}
    for entry in log:
        found.setdefault(entry["order"], []).append(entry)
    made = Verdicts()
    for story in stories:
        person = story.trajectory.index
        for line in story.lines:
            made.lines += 1
            entries = found.get(line.identifier, [])
            before = len(made.differences)
            _line(made, line, entries, person, refused, policies, key)
            if len(made.differences) == before:
                made.codes.update(code.name for code in line.codes)
    return made


def _line(
    made: Verdicts,
    line: Expected,
    entries: Sequence[Entry],
    person: int,
    refused: set[str],
    policies: str,
    key: Truth,
) -> None:
    def differs(what: str, expected: Any, found: Any, *facts: Any) -> None:
        made.differences.append(Difference(line.identifier, what, expected, found, *facts))

    if line.enacted is not None:
        made.enacted += 1
        if entries:
            differs("a decision was made", line.enacted.name, entries[0]["code"])
        called = line.enacted is not Verdict.REQUESTER_NOT_CONNECTED
        if called and line.identifier not in refused:
            differs("the call was answered", "503", "200")
        return
    if len(entries) != 1:
        differs("decisions about this order", 1, len(entries))
        return
    made.decided += 1
    entry = entries[0]
    for what, expected, got in (
        ("code", line.decision.code.name, entry["code"]),
        ("reasons", [reason.name for reason in line.decision.reasons], entry["reasons"]),
        ("result chosen", list(line.chosen), entry["chosen"]),
        ("rules", RULES_VERSION, entry["rules"]),
        ("policies", policies, entry["policies"]),
    ):
        if expected != got:
            differs(what, expected, got, _all_facts(line), entry["priors"])
    _priors(made, line, entry, person, key, differs)


def _priors(
    made: Verdicts, line: Expected, entry: Entry, person: int, key: Truth, differs: Any
) -> None:
    seen = {prior["result"]: prior for prior in entry["priors"]}
    for name, expected in line.priors.items():
        prior = seen.pop(name, None)
        if prior is None:
            differs(f"result {name}", _names(expected.reasons), "not considered")
            continue
        _prior(line, name, expected, prior, differs)
        if key.persons.get(prior["subject"]) != person:
            differs(f"person of {name}", person, key.persons.get(prior["subject"]))
    for name in line.own:
        if seen.pop(name, {}).get("reasons") != ["OWN_RECORD"]:
            differs(f"own result {name}", "OWN_RECORD", "not seen as such")
    for name, prior in seen.items():
        if name in line.absent:
            differs(f"result {name}", f"unknown: {_names(line.absent[name])}", prior["reasons"])
        elif _is_stranger(name, prior, person, key):
            made.strangers += 1
        elif not _is_another_test(name, person, key):
            differs(f"result {name}", "not to be considered", prior["reasons"], None, prior)


def _prior(line: Expected, name: str, expected: ExpectedPrior, prior: Entry, differs: Any) -> None:
    if _names(expected.reasons) != prior["reasons"]:
        differs(
            f"reasons of {name}",
            _names(expected.reasons),
            prior["reasons"],
            {rule: plain_facts(facts) for rule, facts in expected.facts.items()},
            prior["facts"],
        )
        return
    codes = {rule: code.name for rule, code in expected.verdicts.items()}
    if codes != prior["verdicts"]:
        differs(f"verdicts on {name}", codes, prior["verdicts"])
    for rule, facts in expected.facts.items():
        if plain_facts(facts) != prior["facts"].get(rule):
            differs(f"{rule} facts of {name}", plain_facts(facts), prior["facts"].get(rule))
    age = line.order.minute - expected.result.specimen
    if prior["age"] != age:
        differs(f"age of {name}", f"{age} min", f"{prior['age']} min")


def _is_stranger(name: str, prior: Entry, person: int, key: Truth) -> bool:
    """A result of somebody else, stopped at identity: looked at, not linked."""
    other = key.results.get(name)
    gates = {GATE_OF.get(Verdict[reason]) for reason in prior["reasons"]}
    return (other is None or other.order.visit.person != person) and gates == {Gate.LINKED}


def _is_another_test(name: str, person: int, key: Truth) -> bool:
    """The person's own result with a local code: nobody can tell which test it is."""
    other = key.results.get(name)
    return other is not None and other.order.visit.person == person and not key.is_mapped(other)


def _names(reasons: Iterable[Verdict]) -> list[str]:
    return [reason.name for reason in reasons]


def _all_facts(line: Expected) -> dict[str, Any]:
    return {
        name: {
            "reasons": _names(prior.reasons),
            **{rule: plain_facts(facts) for rule, facts in prior.facts.items()},
        }
        for name, prior in line.priors.items()
    }
