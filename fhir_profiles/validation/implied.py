"""Profiles that R4 demands by code: vital signs (https://hl7.org/fhir/R4/observation-vitalsigns.html)."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Final

from fhir_profiles.snapshots import CORE
from fhir_profiles.validation.fhirpath.nodes import Node

LOINC: Final = "http://loinc.org"
VITAL_SIGNS: Final[Mapping[str, str]] = MappingProxyType(
    {
        "85353-1": "vitalspanel",
        "9279-1": "resprate",
        "8867-4": "heartrate",
        "2708-6": "oxygensat",
        "8310-5": "bodytemp",
        "8302-2": "bodyheight",
        "9843-4": "headcircum",
        "29463-7": "bodyweight",
        "39156-5": "bmi",
        "85354-9": "bp",
    }
)
"""LOINC code -> the profile that an Observation with this code SHALL conform to."""


def implied_profiles(node: Node) -> list[str]:
    if node.type != "Observation":
        return []
    code = node.value.get("code")
    listed = code.get("coding") if isinstance(code, dict) else None
    return [
        CORE + VITAL_SIGNS[coding["code"]]
        for coding in (listed if isinstance(listed, list) else ())
        if isinstance(coding, dict)
        and coding.get("system") == LOINC
        and coding.get("code") in VITAL_SIGNS
    ]
