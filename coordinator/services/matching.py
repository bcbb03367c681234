"""Patient/$match: who may this be? (IHE PDQm ITI-119, https://profiles.ihe.net/ITI/PDQm)

Grades: certain, what the rules link by themselves; probable and possible, what they send to
review; what they exclude is left out. A registration that is no longer used says so itself
(`active: false`).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final, Literal

from coordinator.rules.decision import Verdict
from coordinator.rules.facts import ScoreBand
from coordinator.rules.weights import DEFAULT_WEIGHTS
from coordinator.services.facts_from_fhir import record_number, registration
from coordinator.services.person_index import Candidate, PersonIndex
from fhir_profiles.json_text import Tree
from fhir_profiles.outcomes import FhirError, Issue, Kind, outcome
from fhir_profiles.validation.structure import check
from fhir_server.answers import Answer
from fhir_server.operations import Operation, OperationCall
from vietnam.identifiers import parse_cccd

Grade = Literal["certain", "probable", "possible"]
MATCH_GRADE: Final = "http://hl7.org/fhir/StructureDefinition/match-grade"
DEFINITION: Final = "http://hl7.org/fhir/OperationDefinition/Patient-match"
BANDS: Final[dict[Grade, tuple[float, float]]] = {
    "certain": (0.95, 1.0),
    "probable": (0.6, 0.94),
    "possible": (0.0, 0.59),
}
"""Where scores of a grade lie, so that a better grade never has a lower score."""

PRIOR_BITS: Final = 20.5  # one of 1.5 million people (coordinator.rules.weights)


@dataclass(frozen=True, slots=True)
class Hit:
    """One registration that may be the person asked for."""

    patient: Tree
    grade: Grade
    score: float


@dataclass(frozen=True, slots=True)
class Wish:
    """What a caller asks."""

    patient: Tree
    only_certain: bool
    count: int | None


class Matching:
    def __init__(self, persons: PersonIndex) -> None:
        self._persons = persons

    def operation(self) -> Operation:
        return Operation(
            name="$match", on="Patient", level="type", handler=self.match, definition=DEFINITION
        )

    async def match(self, call: OperationCall) -> Answer:
        """Best first; an empty Bundle is an answer too."""
        wish = wish_of(call)
        hits = await call.in_pool(self.hits, wish.patient)
        warnings = list(_warnings(wish.patient))
        if wish.only_certain:
            hits = await call.in_pool(self._certain, hits)
        shown = hits if wish.count is None else hits[: wish.count]
        entries = [_entry(hit, call.base) for hit in shown]
        if warnings:
            entries.append({"resource": outcome(warnings), "search": {"mode": "outcome"}})
        bundle: Tree = {"resourceType": "Bundle", "type": "searchset", "total": len(hits)}
        if entries:
            bundle["entry"] = entries
        return Answer(tree=bundle)

    def hits(self, patient: Tree) -> list[Hit]:
        """Everybody whom the rules do not exclude."""
        key = record_number(patient)
        itself = self._persons.find_all(*key.split("|", 1)) if key else []
        found = [Hit(tree, "certain", 1.0) for tree in itself]
        for candidate in self._persons.candidates(patient):
            if candidate.decision.code < Verdict.NO_MATCH_MANUAL:
                grade = grade_of(candidate)
                found.append(Hit(candidate.patient, grade, _score(candidate, grade)))
        return sorted(found, key=lambda hit: -hit.score)

    def _certain(self, hits: Sequence[Hit]) -> list[Hit]:
        """The certain ones if they are one person; nobody if they may be several."""
        certain = [hit for hit in hits if hit.grade == "certain"]
        if not certain:
            return []
        reached, waiting = {certain[0].patient["id"]}, [certain[0].patient]
        while waiting:
            patient = waiting.pop()
            for other in self._persons.linked(patient, str(patient["id"])):
                if other.patient["id"] not in reached:
                    reached.add(other.patient["id"])
                    waiting.append(other.patient)
        return certain if all(hit.patient["id"] in reached for hit in certain) else []


# ---- what is asked -------------------------------------------------------------------------------
def wish_of(call: OperationCall) -> Wish:
    """From Parameters or a bare Patient. FhirError 400 or 422 names what is wrong."""
    body = call.document.tree if call.document else {}
    bare = body.get("resourceType") == "Patient"
    patient = body if bare else call.parameter("resource")
    if not isinstance(patient, dict):
        problem = "send a Patient, or Parameters with a Patient as `resource`"
        raise FhirError(Kind.MISSING_PARAMETER, problem, expression="Parameters.parameter")
    if patient.get("resourceType") != "Patient":
        problem = f"the resource to match is a {patient.get('resourceType')}, not a Patient"
        raise FhirError(Kind.BAD_PARAMETER, problem, expression="Parameters.parameter")
    issues = [i for i in check(patient, type_="Patient") if i.severity in ("error", "fatal")]
    if issues:
        raise FhirError(Kind.INVALID_RESOURCE, str(issues[0]), issues=issues)
    only = call.parameter("onlyCertainMatches", False)
    if only in ("true", "false"):
        only = only == "true"
    if not isinstance(only, bool):
        raise FhirError(Kind.BAD_PARAMETER, f"onlyCertainMatches is a boolean, not {only!r}")
    return Wish(patient, only, _count(call.parameter("count")))


def _count(given: Any) -> int | None:
    if given is None:
        return None
    if isinstance(given, str) and given.isdecimal():
        given = int(given)
    if not isinstance(given, int) or isinstance(given, bool) or given < 1:
        raise FhirError(Kind.BAD_PARAMETER, f"count is a positive whole number, not {given!r}")
    return given


def _warnings(patient: Tree) -> list[Issue]:
    """What makes the answer worth less than it could be."""
    who = registration(patient)
    found = []
    sex = None if who.sex is None else ("male", "female")[who.sex]
    if who.cccd:
        number = parse_cccd(who.cccd, sex=sex, birth_year=who.birth_year)  # type: ignore[arg-type]
        if number.outcome != "plausible":
            why = ", ".join(number.reasons)
            found.append(
                Issue("warning", "value", f"the CCCD looks wrong: {why}", "Patient.identifier")
            )
    if not any((who.cccd, who.cmnd, who.bhxh, who.bhyt_cards, who.name)):
        found.append(
            Issue("warning", "required", "neither a number nor a name: nothing to compare")
        )
    return found


# ---- what is answered ----------------------------------------------------------------------------
def grade_of(candidate: Candidate) -> Grade:
    if candidate.decision.permits:
        return "certain"
    band = DEFAULT_WEIGHTS.band(candidate.score)
    return "probable" if band is ScoreBand.MATCH else "possible"


def _score(candidate: Candidate, grade: Grade) -> float:
    """How probable it is by the weights, held within the band of the grade."""
    lowest, highest = BANDS[grade]
    probability = 1 / (1 + 2 ** (PRIOR_BITS - candidate.score))
    return round(min(highest, max(lowest, probability)), 4)


def _entry(hit: Hit, base: str) -> Tree:
    grade = {"url": MATCH_GRADE, "valueCode": hit.grade}
    return {
        "fullUrl": f"{base}/Patient/{hit.patient['id']}",
        "resource": hit.patient,
        "search": {"extension": [grade], "mode": "match", "score": hit.score},
    }
