"""URIs of identifiers, codes and extensions, and what they are in `vietnam` (VN Core 0.6 names).

Those of VN Core follow its public pages (http://fhir.hl7.org.vn/core, CC-BY-4.0); `INFERRED` lists
the ones that no public page shows. Systems of the 2021 guide are read as aliases, never written.
"""

from __future__ import annotations

from types import MappingProxyType
from typing import Final

VN_CORE: Final = "http://fhir.hl7.org.vn/core"
OURS: Final = "https://lienthong.example/fhir"

# ---- identifiers -------------------------------------------------------------------------------
CCCD: Final = f"{VN_CORE}/sid/cccd"
CMND: Final = f"{VN_CORE}/sid/cmnd"
BHYT: Final = f"{VN_CORE}/sid/bhyt"
BHXH: Final = f"{VN_CORE}/sid/bhxh"
MA_CSKCB: Final = f"{VN_CORE}/sid/ma-cskcb"
MA_LK: Final = f"{VN_CORE}/sid/ma-lk"
GPHN: Final = f"{VN_CORE}/sid/gphn"
CCHN: Final = f"{VN_CORE}/sid/cchn"
INFERRED: Final = frozenset({BHXH, GPHN})

ALIASES: Final = MappingProxyType(
    {
        "http://fhir.ehealth.gov.vn/core/sid/national_id": CCCD,
        "http://fhir.ehealth.gov.vn/core/sid/citizen_id": CMND,
        "http://fhir.ehealth.gov.vn/core/sid/insurance_number": BHYT,
    }
)
"""Systems of the 2021 guide -> those of today."""


def mrn(facility: str) -> str:
    """Record numbers of the record system that this facility keeps."""
    return f"{OURS}/sid/mrn/{facility}"


def order(facility: str) -> str:
    """Numbers of orders written in this record system."""
    return f"{OURS}/sid/order/{facility}"


def result(facility: str) -> str:
    """Numbers of results of this record system."""
    return f"{OURS}/sid/result/{facility}"


def local_code(facility: str) -> str:
    """Local service codes of this record system."""
    return f"{OURS}/CodeSystem/lab/{facility}"


# ---- codes -------------------------------------------------------------------------------------
LOINC: Final = "http://loinc.org"
UCUM: Final = "http://unitsofmeasure.org"
TEST_GROUP: Final = f"{OURS}/CodeSystem/test-group"
INDICATOR: Final = f"{OURS}/CodeSystem/indicator"
MA_DICH_VU: Final = f"{OURS}/CodeSystem/ma-dich-vu"
BODY_REGION: Final = f"{OURS}/CodeSystem/body-region"
METHOD: Final = f"{OURS}/CodeSystem/method"
ORDER_CONTEXT: Final = f"{OURS}/CodeSystem/order-context"
OVERRIDE_REASON: Final = f"{OURS}/CodeSystem/override-reason"
VERDICT: Final = f"{OURS}/CodeSystem/verdict"
CONNECTION_TYPE: Final = f"{OURS}/CodeSystem/connection-type"
CARD_TOPIC: Final = f"{OURS}/CodeSystem/card-topic"

ACT_CODE: Final = "http://terminology.hl7.org/CodeSystem/v3-ActCode"
ACT_REASON: Final = "http://terminology.hl7.org/CodeSystem/v3-ActReason"
PARTICIPATION: Final = "http://terminology.hl7.org/CodeSystem/v3-ParticipationType"
INTERPRETATION: Final = "http://terminology.hl7.org/CodeSystem/v3-ObservationInterpretation"
OBSERVATION_CATEGORY: Final = "http://terminology.hl7.org/CodeSystem/observation-category"
DIAGNOSTIC_SERVICE: Final = "http://terminology.hl7.org/CodeSystem/v2-0074"
ENDPOINT_CONNECTION: Final = "http://terminology.hl7.org/CodeSystem/endpoint-connection-type"
IDENTIFIER_TYPE: Final = "http://terminology.hl7.org/CodeSystem/v2-0203"
VN_IDENTIFIER_TYPE: Final = f"{VN_CORE}/CodeSystem/vn-identifier-type-cs"


# ---- extensions and profiles -------------------------------------------------------------------
def definition(name: str) -> str:
    """Canonical URL of one of our profiles or extensions."""
    return f"{OURS}/StructureDefinition/{name}"


RECORD_GROUP: Final = definition("record-group")
LABORATORY_LEVEL: Final = definition("laboratory-level")
ISO_15189: Final = definition("iso15189")
IDENTITY_ASSURANCE: Final = definition("identity-assurance")
LINK_DECISION: Final = definition("link-decision")
ONE_TIME_CODE: Final = definition("one-time-code")
VN_PROVINCE: Final = f"{VN_CORE}/StructureDefinition/vn-ext-province"


def vn_core(profile: str) -> str:
    """Canonical URL of a VN Core profile; say "follows its public rules", never "valid"."""
    return f"{VN_CORE}/StructureDefinition/{profile}"
