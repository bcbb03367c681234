"""Our codes: they exist, the maps lead from a hospital's code to LOINC, nothing leads nowhere."""

from __future__ import annotations

import pytest

from fhir_profiles import conformance, systems
from fhir_profiles.catalogue_codes import Local, hospital_map, local_codes
from fhir_profiles.json_text import Tree
from fhir_profiles.terminology.catalogue import shipped
from fhir_profiles.validation.full import validate
from vietnam.catalogue import load_catalogue

pytestmark = pytest.mark.spec("conceptmap.html")

TERMS = shipped()
LOCAL = systems.local_code("99001")
HBA1C = [Local("XN-HBA1C", systems.TEST_GROUP, "hba1c")]
HEAD = [Local("CT-01", systems.TEST_GROUP, "ct", "head")]
VALUE = [Local("XN-718", systems.INDICATOR, "haemoglobin")]


def of(type_: str) -> list[Tree]:
    return [t for t in conformance.resources().values() if t["resourceType"] == type_]


def named(trees: list[Tree]) -> list[str]:
    return [tree["id"] for tree in trees]


@pytest.mark.parametrize("tree", of("ValueSet"), ids=named(of("ValueSet")))
def test_every_code_of_a_value_set_exists_where_its_system_is_known(tree: Tree) -> None:
    assert TERMS.value_set(tree["url"]) is not None
    for include in tree["compose"]["include"]:
        system = TERMS.system(include["system"])
        for concept in include.get("concept", ()):
            assert TERMS.member(tree["url"], include["system"], concept["code"]) is True
            if include["system"] != systems.LOINC:
                assert system is not None
                assert system.find(concept["code"]) is not None
                assert system.display(concept["code"]) == concept["display"]


@pytest.mark.parametrize("tree", of("ConceptMap"), ids=named(of("ConceptMap")))
def test_every_code_of_a_map_exists(tree: Tree) -> None:
    for group in tree["group"]:
        for element in group["element"]:
            assert TERMS.code_system(group["source"]).find(element["code"]) is not None
            for target in element["target"]:
                for told in target.get("dependsOn", ()):
                    assert TERMS.display(told["system"], told["value"]) == told["display"]
                if group["target"] != systems.LOINC:
                    assert TERMS.code_system(group["target"]).find(target["code"]) is not None


def test_every_group_and_every_indicator_leads_to_loinc() -> None:
    for group in load_catalogue().groups:
        assert TERMS.translate(systems.TEST_GROUP, group.key, target_system=systems.LOINC)
        for member in group.members:
            (found,) = TERMS.translate(systems.INDICATOR, member.key)
            assert (found.equivalence, found.code) == ("equivalent", member.loinc)


@pytest.mark.parametrize(
    ("codes", "code", "shared", "loinc"),
    [
        (HBA1C, "XN-HBA1C", ("equivalent", "hba1c"), [("equivalent", "4548-4")]),
        (VALUE, "XN-718", ("equivalent", "haemoglobin"), [("equivalent", "718-7")]),
        (HEAD, "CT-01", ("wider", "ct"), [("equivalent", "24725-4"), ("equivalent", "24627-2")]),
    ],
)
def test_from_a_hospital_s_code_over_the_catalogue_to_loinc(
    codes: list[Local], code: str, shared: tuple[str, str], loinc: list[tuple[str, str]]
) -> None:
    own = [local_codes("99001", [(one.code, "Tên") for one in codes]), hospital_map("99001", codes)]
    for tree in own:
        assert [i for i in validate(tree) if i.severity == "error"] == []
    known = TERMS.extended(own)
    (first,) = known.translate(LOCAL, code)
    assert (first.equivalence, first.code) == shared
    further = known.translate(first.system, str(first.code), target_system=systems.LOINC)
    assert [(one.equivalence, one.code) for one in further] == loinc


def test_the_region_that_a_local_code_stands_for_picks_the_loinc_code() -> None:
    known = TERMS.extended([hospital_map("99001", HEAD)])
    (first,) = known.translate(LOCAL, "CT-01")
    (region,) = first.product
    picked = [
        one.code
        for one in known.translate(systems.TEST_GROUP, "ct", target_system=systems.LOINC)
        if {told["value"] for told in one.depends_on} == {region["value"]}
    ]
    assert picked == ["24725-4"]


@pytest.mark.parametrize(
    ("service", "found"),
    [
        ("23.0083.1523", [("equivalent", "hba1c")]),
        ("23.0041.1506", [("wider", "lipids")]),
        ("99.9999.9999", []),
    ],
)
def test_service_codes_lead_to_test_groups(service: str, found: list[tuple[str, str]]) -> None:
    translated = TERMS.translate(systems.MA_DICH_VU, service)
    assert [(one.equivalence, one.code) for one in translated] == found
