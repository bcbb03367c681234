"""A VN Core profile that a resource names: what is public is checked, and that this is all said."""

from __future__ import annotations

from typing import Any

import pytest

from fhir_profiles import conformance, systems
from fhir_profiles.json_text import Tree
from fhir_profiles.validation.full import validate
from fhir_profiles.vn_core_profiles import public_profiles

pytestmark = pytest.mark.spec("profiling.html")

PATIENT = systems.vn_core("vn-core-patient")
OTHERS: dict[str, Any] = {
    "resourceType": "Patient",
    "meta": {"profile": [PATIENT]},
    "identifier": [{"system": "https://clinic.example/numbers", "value": "1"}],
    "name": [{"text": "Nguyễn Văn An"}],
}
PARTLY = f"only the public rules of {PATIENT} are known here, so the rest is not checked"


def found_in(tree: Tree, **more: Any) -> list[tuple[str, str, str]]:
    found = validate(tree, level="profile", **more)
    issues = [(i.severity, i.code, i.expression or "") for i in found]
    return [issue for issue in issues if issue != ("warning", "invariant", "Patient")]


def test_every_profile_that_generated_data_names_is_known() -> None:
    named = [url for name in conformance.PROFILES for url in conformance.claims(name)[1:]]
    assert list(public_profiles()) == named


def test_who_keeps_no_record_number_of_ours_may_name_it() -> None:
    assert found_in(OTHERS) == [("information", "not-supported", "Patient.meta.profile[0]")]
    assert PARTLY in [issue.diagnostics for issue in validate(OTHERS)]


@pytest.mark.parametrize(
    ("change", "problem"),
    [
        ({"identifier": []}, ("error", "required", "Patient.identifier")),
        ({"name": []}, ("error", "required", "Patient.name")),
        ({"address": [{"country": "LA"}]}, None),
    ],
)
def test_what_is_public_is_checked(change: Tree, problem: tuple[str, str, str] | None) -> None:
    found = found_in({name: value for name, value in (OTHERS | change).items() if value})
    assert [issue for issue in found if issue[0] == "error"] == ([problem] if problem else [])


def test_a_vietnamese_address_names_its_province() -> None:
    found = validate(OTHERS | {"address": [{"country": "VN"}]}, level="profile")
    (error,) = [issue for issue in found if issue.severity == "error"]
    assert error.diagnostics is not None
    assert "(vn-addr-province)" in error.diagnostics


def test_whoever_stores_the_real_profile_gets_that_one() -> None:
    real = {
        "resourceType": "StructureDefinition",
        "url": PATIENT,
        "name": "VNCorePatient",
        "status": "draft",
        "kind": "resource",
        "abstract": False,
        "type": "Patient",
        "baseDefinition": "http://hl7.org/fhir/StructureDefinition/Patient",
        "derivation": "constraint",
        "differential": {"element": [{"id": "Patient.photo", "path": "Patient.photo", "min": 1}]},
    }
    found = found_in(OTHERS, fetch={PATIENT: real}.get)
    assert found == [("error", "required", "Patient.photo")]


def test_a_profile_of_vn_core_that_nothing_is_known_of_is_refused_at_this_level() -> None:
    url = systems.vn_core("vn-core-medication-request")
    tree = OTHERS | {"meta": {"profile": [url]}}
    assert ("error", "not-found", "Patient.meta.profile[0]") in found_in(tree)
