"""FHIR -> facts of the rulebook: orders and results (R4: http://hl7.org/fhir/R4).

The other half of facts_from_fhir.py.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from coordinator.rules.consent import ConsentRequest
from coordinator.rules.decision import Decision
from coordinator.rules.facts import (
    Finding,
    LabLevel,
    MethodComparison,
    OneTimeCode,
    OrderContext,
    Purpose,
    RecognitionFacts,
    RecognitionRule,
    ResultStatus,
    TestKind,
    UnitComparison,
)
from coordinator.rules.reuse import Order, Prior
from coordinator.rules.units import compare_units
from coordinator.services.facts_from_fhir import (
    ZONE,
    Tree,
    birth_parts,
    codes_of,
    day_of,
    extension,
    facility_of,
    identifiers,
    minute,
)
from coordinator.services.policies import Policies
from fhir_profiles import systems
from vietnam.catalogue import Member, TestGroup, load_catalogue

CHILD_UNTIL: Final = 15  # years; retest intervals hold for adults
STATUSES: Final[Mapping[str, ResultStatus]] = {
    "final": ResultStatus.FINAL,
    "amended": ResultStatus.FINAL,
    "corrected": ResultStatus.FINAL,
    "appended": ResultStatus.FINAL,
    "cancelled": ResultStatus.CANCELLED,
    "entered-in-error": ResultStatus.CANCELLED,
}
CRITICAL_CODES: Final = frozenset({"AA", "HH", "LL"})
NORMAL_CODES: Final = frozenset({"N", ""})
CONTEXTS: Final[Mapping[str, OrderContext]] = {
    "serial": OrderContext.SERIAL,
    "confirmatory": OrderContext.CONFIRMATORY,
}
SENSITIVE: Final = frozenset({"R", "V", "ETH", "PSY", "SDV", "HIV"})


# ---- orders ------------------------------------------------------------------------------------
def tested(pairs: Iterable[tuple[str, str]]) -> tuple[TestGroup, str | None] | None:
    """The test group (and body region) that codes name; None if no code is of the catalogue."""
    pairs = list(pairs)
    catalogue = load_catalogue()
    region = next((code for system, code in pairs if system == systems.BODY_REGION), None)
    for system, code in pairs:
        if system == systems.TEST_GROUP and code in catalogue.by_key:
            return catalogue.by_key[code], region
    loinc = {code for system, code in pairs if system == systems.LOINC}
    for group in catalogue.groups:
        if group.loinc in loinc:
            return group, region
        for place in group.body_regions:
            if place.loinc in loinc:
                return group, place.key
    return None


@dataclass(frozen=True, slots=True)
class Ordered:
    """One draft order as its hospital wrote it; `test` None: its code is not of the catalogue."""

    identifier: str
    resource_id: str
    facility: str
    test: TestGroup | None
    region: str | None
    authored: int
    inpatient: bool
    child: bool
    context: OrderContext
    method: str | None
    changed: bool  # the clinician wrote that the person's state has changed
    code: OneTimeCode
    emergency: bool
    reason: str

    @property
    def members(self) -> tuple[str, ...]:
        """What must be known for the order to be covered."""
        if self.test is None:
            return ()
        if self.test.members:
            return tuple(member.key for member in self.test.members)
        return (":".join(part for part in (self.test.key, self.region) if part),)


def ordered(request: Tree, encounter: Tree, patient: Tree, now: int) -> Ordered:
    """Facts of a ServiceRequest in its Encounter; without authoredOn it is written now."""
    codes = [(c.get("system", ""), c.get("code", "")) for c in _codings(request.get("code", {}))]
    codes += [(s, c) for site in request.get("bodySite", ()) for s, c in codes_of(site).items()]
    found = tested(codes)
    reasons = _listed(request, "reasonCode", systems.ORDER_CONTEXT)
    setting = encounter.get("class", {}).get("code", "AMB")
    authored = minute(request.get("authoredOn"))
    authored = now if authored is None else authored
    context = next((CONTEXTS[code] for code in reasons if code in CONTEXTS), OrderContext.ORDINARY)
    if request.get("priority") == "stat":
        context = OrderContext.EMERGENCY
    return Ordered(
        identifier=next((f"{s}|{v}" for s, v in identifiers(request)), ""),
        resource_id=request.get("id", ""),
        facility=facility_of(encounter.get("serviceProvider", {})),
        test=found[0] if found else None,
        region=found[1] if found else None,
        authored=authored,
        inpatient=setting == "IMP",
        child=_is_child(patient.get("birthDate", ""), authored),
        context=context,
        method=next(iter(_listed(request, "orderDetail", systems.METHOD)), None),
        changed="clinical-change" in reasons,
        code=_one_time_code(encounter),
        emergency=setting == "EMER",
        reason=" ".join(r.get("text", "") for r in encounter.get("reasonCode", ())).strip(),
    )


def _codings(concept: Tree) -> Sequence[Tree]:
    return concept.get("coding", ())


def _listed(resource: Tree, element: str, system: str) -> list[str]:
    return [
        coding["code"]
        for concept in resource.get(element, ())
        for coding in _codings(concept)
        if coding.get("system") == system and "code" in coding
    ]


def _is_child(birth: str, at: int) -> bool:
    year, month, day = birth_parts(birth)
    if year is None:
        return False
    today = dt.datetime.fromtimestamp(at * 60, ZONE).date()
    had_birthday = (today.month, today.day) >= (month or 1, day or 1)
    return today.year - year - (not had_birthday) < CHILD_UNTIL


def _one_time_code(encounter: Tree) -> OneTimeCode:
    word = extension(encounter, systems.ONE_TIME_CODE).get("valueCode")
    return {
        "obtained": OneTimeCode.OBTAINED,
        "not-obtained": OneTimeCode.NOT_OBTAINED,
    }.get(str(word), OneTimeCode.NOT_DEMANDED)


def rule_order(this: Ordered, policies: Policies) -> Order:
    """The order as the rulebook knows it. ValueError if its test is not known."""
    if this.test is None:
        raise ValueError(f"order {this.identifier} has no code of the catalogue")
    regulation = policies.at(day_of(this.authored))
    return Order(
        key=this.identifier,
        members=this.members,
        authored=this.authored,
        retest=regulation.retest_minutes(this.test.key, this.inpatient, this.child),
        validity=policies.validity_minutes(regulation, this.test, this.inpatient),
        context=this.context,
    )


def consent_request(
    this: Ordered, recipient: str, author: str, category: str, specimen: int | None, secret: bool
) -> ConsentRequest:
    """Who asks for what; an emergency encounter asks to break the glass, with its reason."""
    return ConsentRequest(
        recipient=recipient,
        author=author,
        data_class=category,
        purpose=Purpose.BREAK_GLASS if this.emergency else Purpose.TREATMENT,
        specimen=specimen,
        sensitive=secret,
        code=this.code,
        reason=this.reason,
    )


# ---- results -----------------------------------------------------------------------------------
@dataclass(frozen=True, slots=True)
class Result:
    """One DiagnosticReport with what belongs to it."""

    report: Tree
    observations: tuple[Tree, ...]
    studies: tuple[Tree, ...]

    @property
    def identifier(self) -> str:
        return next((f"{s}|{v}" for s, v in identifiers(self.report)), "")


@dataclass(frozen=True, slots=True)
class Laboratory:
    """What the directory says of a laboratory on the days that count."""

    source_level: int
    requester_level: int
    accredited: bool
    grade_in_force: bool = True


def priors(
    this: Ordered,
    result: Result,
    policies: Policies,
    laboratory: Laboratory,
    identity: Decision,
    consent: Decision,
) -> list[Prior]:
    """One prior a member that the result holds; a member it lacks has none from here."""
    assert this.test is not None
    regulation = policies.at(day_of(this.authored))
    dependent = this.test.key in regulation.method_dependent
    recognition = recognition_facts(this, result, policies, laboratory)
    found = []
    for key, source in _measured(this, result):
        found.append(
            Prior(
                key=result.identifier,
                member=key,
                specimen=minute(source.get("effectiveDateTime") or _effective(result.report)),
                reported=minute(result.report.get("issued")) or 0,
                identity=identity,
                consent=consent,
                recognition=recognition,
                status=_status(result.report, source),
                unit=_unit(this.test, key, source),
                method=_method(this, source, dependent),
                finding=_finding(this.test, source),
                intervening_event=this.changed,
                never_reuse=this.test.key in regulation.never_reuse,
            )
        )
    return found


def _effective(report: Tree) -> str | None:
    return report.get("effectiveDateTime") or report.get("effectivePeriod", {}).get("start")


def specimen_of(report: Tree) -> int | None:
    """When the specimen was taken or the picture made; never when it was issued."""
    return minute(_effective(report))


def _measured(this: Ordered, result: Result) -> list[tuple[str, Tree]]:
    """(member, its Observation); of imaging without Observations the report itself."""
    assert this.test is not None
    if not this.test.members:
        return [(this.members[0], next(iter(result.observations), result.report))]
    found = []
    for observation in result.observations:
        member = _member(this.test, observation)
        if member is not None:
            found.append((member.key, observation))
    return found


def _member(test: TestGroup, observation: Tree) -> Member | None:
    loinc = codes_of(observation.get("code", {})).get(systems.LOINC)
    return next((m for m in test.members if m.loinc is not None and m.loinc == loinc), None)


def member_key(observation: Tree) -> str | None:
    """Key of the catalogue's member that an Observation measures; None for any other."""
    groups = load_catalogue().groups
    found = (member for group in groups if (member := _member(group, observation)))
    return next((member.key for member in found), None)


def _status(report: Tree, source: Tree) -> ResultStatus:
    return min(
        STATUSES.get(resource.get("status", ""), ResultStatus.PRELIMINARY)
        for resource in (report, source)
    )


def _unit(test: TestGroup, member: str, source: Tree) -> UnitComparison:
    quantity = source.get("valueQuantity")
    wanted = next((m.unit for m in test.members if m.key == member), None)
    if quantity is None or wanted is None:
        return UnitComparison.SAME
    return compare_units(member, quantity.get("code") or quantity.get("unit") or "", wanted)


def _method(this: Ordered, source: Tree, dependent: bool) -> MethodComparison:
    """Pictures have no method; of a laboratory's both must be stated to be compared."""
    assert this.test is not None
    if this.test.modality != "laboratory":
        return MethodComparison.INDEPENDENT
    theirs = codes_of(source.get("method", {})).get(systems.METHOD)
    if theirs is None or this.method is None:
        return MethodComparison.DIFFERENT if dependent else MethodComparison.INDEPENDENT
    return MethodComparison.SAME if theirs == this.method else MethodComparison.DIFFERENT


def _finding(test: TestGroup, source: Tree) -> Finding:
    if source.get("dataAbsentReason") or not _has_value(source):
        return Finding.ABSENT
    found = {
        codes_of(concept).get(systems.INTERPRETATION, "")
        for concept in source.get("interpretation", ())
    }
    if found & CRITICAL_CODES:
        return Finding.CRITICAL
    return Finding.NORMAL if found <= NORMAL_CODES else Finding.ABNORMAL


def _has_value(source: Tree) -> bool:
    if source.get("resourceType") == "DiagnosticReport":
        return bool(source.get("conclusion") or source.get("presentedForm"))
    return any(key.startswith("value") for key in source)


def recognition_facts(
    this: Ordered, result: Result, policies: Policies, laboratory: Laboratory
) -> RecognitionFacts:
    """What the regulation in force asks about who made the result."""
    assert this.test is not None
    regulation = policies.at(day_of(this.authored))
    kind = kind_of(this.test)
    report = result.report
    return RecognitionFacts(
        rule=RecognitionRule[regulation.recognition_rule],
        kind=kind,
        source_level=LabLevel(laboratory.source_level),
        requester_level=LabLevel(laboratory.requester_level),
        accredited=laboratory.accredited,
        on_list=regulation.on_list[this.test.key],
        grade_in_force=laboratory.grade_in_force,
        report_signed=bool(report.get("resultsInterpreter")),
        images_complete=kind is TestKind.LABORATORY or _images_complete(result),
        traceable=bool(report.get("subject") and _effective(report) and report.get("performer")),
    )


def kind_of(test: TestGroup) -> TestKind:
    """Laboratory, or imaging and function tests."""
    return TestKind.LABORATORY if test.modality == "laboratory" else TestKind.IMAGING_FUNCTION


def category_of(test: TestGroup) -> str:
    """The data class that a consent may name: laboratory or imaging."""
    return "laboratory" if test.modality == "laboratory" else "imaging"


def _images_complete(result: Result) -> bool:
    wanted = result.report.get("imagingStudy", ())
    whole = [s for s in result.studies if s.get("status") == "available"]
    return bool(wanted) and len(whole) >= len(wanted)


def is_sensitive(report: Tree) -> bool:
    """Whether a security label asks for a consent of its own."""
    labels = report.get("meta", {}).get("security", ())
    return any(label.get("code") in SENSITIVE for label in labels)
