"""Our conformance resources: well-formed, inside base R4, referred to rightly, on the page."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import fhirkit
import pytest

from coordinator.services.card_text import OVERRIDE_REASONS, SOURCE
from fhir_profiles import conformance, systems
from fhir_profiles.catalogue_codes import from_catalogue
from fhir_profiles.definitions.tables import resource_types, structure
from fhir_profiles.json_text import Tree, parse
from fhir_profiles.outcomes import Issue
from fhir_profiles.profiles_page import base_cardinality, page
from fhir_profiles.public_rules import FORMS, public_rule_problems
from fhir_profiles.resources import R4_ONLY, R4B_ONLY, NoModel, model, typed

ROOT = Path(__file__).resolve().parents[2]
RESOURCES = conformance.resources()
DEFINITIONS = [t for t in RESOURCES.values() if t["resourceType"] == "StructureDefinition"]
PROFILES = [conformance.profile(name) for name in conformance.PROFILES]
NAMED = re.compile(r"https://lienthong\.example/fhir/\w+/[a-z0-9-]+")


def named(trees: list[Tree]) -> list[str]:
    return [f"{tree['resourceType']} {tree['id']}" for tree in trees]


# ---- the files ---------------------------------------------------------------------------------


def test_the_page_is_what_the_files_say() -> None:
    said = (ROOT / "docs/reference/profiles.md").read_text("utf-8")
    assert said == page(), "python -m fhir_profiles.profiles_page > docs/reference/profiles.md"


def test_files_are_named_after_what_they_hold() -> None:
    paths = sorted(conformance.FOLDER.glob("*.json"))
    assert len(paths) == len(RESOURCES)
    for path in paths:
        tree = parse(path.read_bytes())
        assert path.stem == f"{tree['resourceType']}-{tree['id']}"
        assert tree["url"] == f"{systems.OURS}/{tree['resourceType']}/{tree['id']}"
        assert NAMED.fullmatch(tree["url"])


@pytest.mark.parametrize("tree", RESOURCES.values(), ids=named(list(RESOURCES.values())))
def test_each_is_a_resource_to_two_other_readers(tree: Tree) -> None:
    assert fhirkit.validate(tree) == []
    assert type(typed(tree)).__name__ == tree["resourceType"]


def test_there_are_21_profiles_and_six_extensions() -> None:
    extensions = {tree["url"] for tree in DEFINITIONS if tree["type"] == "Extension"}
    assert {tree["url"] for tree in PROFILES} | extensions == {t["url"] for t in DEFINITIONS}
    assert len(PROFILES) == 21
    assert extensions == {
        systems.RECORD_GROUP,
        systems.LABORATORY_LEVEL,
        systems.ISO_15189,
        systems.IDENTITY_ASSURANCE,
        systems.LINK_DECISION,
        systems.ONE_TIME_CODE,
    }
    with pytest.raises(KeyError, match="no profile 'person'; there are patient, "):
        conformance.profile("person")


def test_every_code_system_of_ours_has_its_file() -> None:
    # The codes of verdicts belong to coordinator.rules, local codes to facilities.
    ours = {
        value
        for name, value in vars(systems).items()
        if name.isupper() and str(value).startswith(f"{systems.OURS}/CodeSystem/")
    } - {systems.VERDICT}
    assert ours
    assert ours <= set(RESOURCES)


def test_whatever_a_file_refers_to_is_there() -> None:
    record_number = f"{systems.OURS}/sid/mrn"
    for path in conformance.FOLDER.glob("*.json"):
        text = path.read_text("utf-8")
        assert set(NAMED.findall(text)) - {record_number} <= set(RESOURCES), path.name


def test_generated_data_claims_ours_first_then_vn_core() -> None:
    named = {"vital-signs": "observation-vital-signs", "document-bundle": "bundle"}
    for name in conformance.PROFILES:
        ours, *theirs = conformance.claims(name)
        assert ours == systems.definition(name)
        if name in ("task-referral", "appointment"):  # VN Core has none
            assert theirs == []
        else:
            assert theirs == [systems.vn_core(f"vn-core-{named.get(name, name)}")]


def test_codes_of_the_catalogue_are_those_of_today() -> None:
    for tree in from_catalogue():
        assert RESOURCES[tree["url"]] == tree, "python -m fhir_profiles.catalogue_codes"


def test_cards_offer_the_reasons_and_the_topic_that_are_published() -> None:
    reasons = RESOURCES[systems.OVERRIDE_REASON]["concept"]
    published = [(c["code"], c["designation"][0]["value"]) for c in reasons]
    assert published == list(OVERRIDE_REASONS)
    topics = [concept["code"] for concept in RESOURCES[systems.CARD_TOPIC]["concept"]]
    assert SOURCE["topic"]["code"] in topics


# ---- inside base R4 ----------------------------------------------------------------------------


def base_order(path: str) -> list[int]:
    """Where each step of a path stands among its siblings in the specification."""
    inside, *names = path.split(".")
    order = []
    for name in names:
        here, stem = structure(inside), name.removesuffix("[x]")
        name = here.choices[stem][0] if name.endswith("[x]") else name
        order.append(list(here.elements).index(name))
        element = here.elements[name]
        inside = element.content or element.types[0]
    return order


@pytest.mark.parametrize("tree", DEFINITIONS, ids=named(DEFINITIONS))
def test_a_profile_only_narrows_and_keeps_the_order_of_the_base(tree: Tree) -> None:
    elements = tree["differential"]["element"]
    assert elements[0]["path"] == tree["type"]
    assert len({element["id"] for element in elements}) == len(elements)
    sliced = {element["path"] for element in elements if "slicing" in element}
    before: list[int] = []
    for element in elements[1:]:
        path = element["path"]
        low, high = base_cardinality(path)  # KeyError: base R4 has no such element
        most = element.get("max", high)
        assert element.get("min", low) >= low or ":" in element["id"], path
        assert high == "*" or most in ("0", "1"), path
        assert most == "*" or element.get("min", 0) <= int(most), path
        if ":" not in element["id"]:
            assert base_order(path) >= before, path
            before = base_order(path)
        elif path in sliced:
            assert element["id"] == f"{path}:{element['sliceName']}"
        for kind in element.get("type", ()):
            assert_allowed(path, kind)


def assert_allowed(path: str, kind: Tree) -> None:
    """The base allows this type here, and a reference to these targets."""
    inside, *names = path.split(".")
    for name in names[:-1]:
        element = structure(inside).elements[name]
        inside = element.content or element.types[0]
    here, last = structure(inside), names[-1]
    stem = last.removesuffix("[x]")
    offered = here.choices[stem] if last.endswith("[x]") else (last,)
    code = "Resource" if kind["code"] in resource_types() else kind["code"]
    found = next(e for n in offered if code in (e := here.elements[n]).types)
    targets = {url.rpartition("/")[2] for url in kind.get("targetProfile", ())}
    named = {*found.targets} - {"Resource"}
    ours = {tree["id"]: tree["type"] for tree in PROFILES}
    allowed = (named or resource_types()) | {"Resource"}
    assert {ours.get(target, target) for target in targets} <= allowed


PATTERN = re.compile(r"value\.matches\('(\^.+\$)'\)")
NUMBERS = """027085012345 02708501234 0270850123456 123456789 0123456789 HT4790123456789
ht4790123456789 HT479012345678 99001 01B20 9900 990011 0A001 abcde""".split()


@pytest.mark.parametrize("tree", PROFILES, ids=conformance.PROFILES)
def test_patterns_say_what_the_public_rules_say(tree: Tree) -> None:
    elements = {element["id"]: element for element in tree["differential"]["element"]}
    for id_, element in elements.items():
        for constraint in element.get("constraint", ()):
            if found := PATTERN.fullmatch(constraint["expression"]):
                form = FORMS[elements[f"{id_}.system"]["patternUri"]]
                for number in [*NUMBERS, f" {NUMBERS[0]}"]:
                    assert bool(re.search(found[1], number)) == form.fits(number), (id_, number)


def test_every_form_stands_in_a_profile() -> None:
    files = "".join(path.read_text("utf-8") for path in conformance.FOLDER.glob("*.json"))
    assert [system for system in FORMS if f'"{system}"' not in files] == []


# ---- public rules of VN Core -------------------------------------------------------------------

OLD = "http://fhir.ehealth.gov.vn/core/sid"
NAME = [{"text": "Nguyễn Văn An"}]
CONSENT = {
    "resourceType": "Consent",
    "status": "active",
    "scope": {"text": "x"},
    "category": [{"text": "x"}],
    "patient": {"identifier": {"system": systems.CCCD, "value": "027085012345"}},
    "dateTime": "2026-01-01",
}
REPORT = {
    "resourceType": "DiagnosticReport",
    "status": "final",
    "code": {"text": "HbA1c"},
    "subject": {"reference": "Patient/1"},
}
PROVINCE = {"url": systems.VN_PROVINCE, "valueCoding": {"code": "24"}}


def person(system: str, value: object, **more: object) -> Tree:
    identifier = {"system": system, "value": value}
    return {"resourceType": "Patient", "identifier": [identifier], "name": NAME, **more}


def living(*addresses: Tree) -> Tree:
    return person(systems.CCCD, "027085012345", address=list(addresses))


def without(tree: Tree, *names: str) -> Tree:
    return {name: value for name, value in tree.items() if name not in names}


VALUE = "Patient.identifier[0].value"
RULES: list[tuple[str, Tree, list[tuple[str, str, str]]]] = [
    # a: vn-addr-province
    ("in VN with a province", living({"country": "VN", "extension": [PROVINCE]}), []),
    ("abroad", living({"country": "LA"}), []),
    ("country not said", living({"city": "Huế"}), []),
    ("in VN without", living({"city": "x"}, {"country": "VN"}),
     [("error", "invariant", "Patient.address[1]")]),
    ("of a contact", living({"city": "x"}) | {"contact": [{"address": {"country": "VN"}}]},
     [("error", "invariant", "Patient.contact[0].address")]),
    ("of an endpoint, which is none", {"resourceType": "Endpoint", "address": "http://x"}, []),
    # b, c: numbers of persons
    ("CCCD", person(systems.CCCD, "027085012345"), []),
    ("CCCD, 11 digits", person(systems.CCCD, "02708501234"), [("error", "value", VALUE)]),
    ("CCCD with a blank", person(systems.CCCD, " 027085012345"), [("error", "value", VALUE)]),
    ("CCCD, odd but of the right form", person(systems.CCCD, "888999012345"), []),
    ("CCCD without a value", person(systems.CCCD, None), [("error", "value", VALUE)]),
    ("CMND, 9 digits", person(systems.CMND, "123456789"), []),
    ("CMND, 12 digits", person(systems.CMND, "027085012345"), []),
    ("CMND, 10 digits", person(systems.CMND, "1234567890"), [("error", "value", VALUE)]),
    ("BHYT as CCCD", person(systems.BHYT, "027085012345"), []),
    ("BHYT as BHXH", person(systems.BHYT, "0123456789"), []),
    ("BHYT, old card", person(systems.BHYT, "HT4790123456789"), []),
    ("BHYT, small letters", person(systems.BHYT, "ht4790123456789"), [("error", "value", VALUE)]),
    ("BHYT, 14 characters", person(systems.BHYT, "HT479012345678"), [("error", "value", VALUE)]),
    ("BHXH", person(systems.BHXH, "0123456789"), []),
    ("BHXH, inferred, so only a warning", person(systems.BHXH, "1"), [("warning", "value", VALUE)]),
    # d: facilities
    ("facility", {"resourceType": "Organization",
                  "identifier": [{"system": systems.MA_CSKCB, "value": "99001"}]}, []),
    ("facility, 4 characters", {"resourceType": "Organization",
                                "identifier": [{"system": systems.MA_CSKCB, "value": "9900"}]},
     [("error", "value", "Organization.identifier[0].value")]),
    ("facility in a reference", REPORT | {"performer": [
        {"identifier": {"system": systems.MA_CSKCB, "value": "A9001"}}]},
     [("error", "value", "DiagnosticReport.performer[0].identifier.value")]),
    # e: VNeID
    ("VNeID", person(f"{systems.VN_CORE}/sid/vneid", "an"),
     [("error", "business-rule", "Patient.identifier[0]")]),
    ("VNeID of somebody who signs in", {"resourceType": "Person", "identifier": [
        {"system": f"{systems.VN_CORE}/sid/vneid", "value": "an"}]}, []),
    # f: consents
    ("consent", CONSENT, []),
    ("consent without", without(CONSENT, "dateTime", "category"),
     [("error", "required", "Consent.category"), ("error", "required", "Consent.dateTime")]),
    ("consent for ever", CONSENT | {"provision": {"period": {"start": "2026-01-01"}}},
     [("warning", "invariant", "Consent.provision.period")]),
    ("consent that ends", CONSENT | {"provision": {"period": {"end": "2026-01-01"}}}, []),
    # g: reports, and what else is mandatory
    ("report", REPORT, []),
    ("report of nobody", without(REPORT, "subject"),
     [("error", "required", "DiagnosticReport.subject")]),
    ("report of nothing", {"resourceType": "DiagnosticReport", "code": {}},
     [("error", "required", f"DiagnosticReport.{name}") for name in ("status", "code", "subject")]),
    ("patient without a name", without(person(systems.CCCD, "027085012345"), "name"),
     [("error", "required", "Patient.name")]),
    ("nobody at all", {"resourceType": "Patient"},
     [("error", "required", "Patient.identifier"), ("error", "required", "Patient.name")]),
    # h: systems of the 2021 guide
    ("national_id", person(f"{OLD}/national_id", "027085012345"), []),
    ("national_id, 9 digits", person(f"{OLD}/national_id", "123456789"),
     [("error", "value", VALUE)]),
    ("citizen_id", person(f"{OLD}/citizen_id", "123456789"), []),
    ("insurance_number", person(f"{OLD}/insurance_number", "12"), [("error", "value", VALUE)]),
    # what the rules do not speak of
    ("another system", person("urn:oid:1.2.3", "whatever"), []),
    ("no resource", {}, []),
]  # fmt: skip


@pytest.mark.parametrize(
    ("tree", "problems"), [row[1:] for row in RULES], ids=[row[0] for row in RULES]
)
def test_public_rules(tree: Tree, problems: list[tuple[str, str, str]]) -> None:
    found = public_rule_problems(tree)
    assert [(issue.severity, issue.code, issue.expression) for issue in found] == problems


def test_a_problem_says_how_its_rule_is_known() -> None:
    seen, inferred = (
        public_rule_problems(person(system, "1"))[0] for system in (systems.CCCD, systems.BHXH)
    )
    assert seen == Issue("error", "value", "a CCCD has 12 digits (VN Core 0.1.0, seen)", VALUE)
    assert inferred.diagnostics == "a BHXH number has 10 digits (VN Core 0.3.0, inferred)"


# ---- typed models ------------------------------------------------------------------------------


def test_a_resource_becomes_its_model() -> None:
    patient = typed({"resourceType": "Patient", "birthDate": "1990-02-03", "gender": "male"})
    assert isinstance(patient, model("Patient"))
    assert (patient.birthDate.year, patient.gender) == (1990, "male")
    assert model("HumanName").__name__ == "HumanName"


def test_every_type_of_r4_has_a_model_but_those_named() -> None:
    without_model = set()
    for name in resource_types():
        try:
            assert model(name).__name__ == name
        except NoModel:
            without_model.add(name)
    assert without_model == R4_ONLY
    assert R4B_ONLY.isdisjoint(resource_types())


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("MedicinalProduct", "MedicinalProduct exists in FHIR R4 only"),
        ("Citation", "Citation came with FHIR R4B; this is FHIR R4"),
        ("patient", "'patient' is no type of FHIR R4"),
        ("", "'' is no type of FHIR R4"),
        ("../os", "'../os' is no type of FHIR R4"),
        ("FHIRTypes", "'FHIRTypes' is no type of FHIR R4"),
    ],
)
def test_a_type_without_a_model_says_why(name: str, words: str) -> None:
    with pytest.raises(NoModel, match=re.escape(words)):
        typed({"resourceType": name})


def test_what_does_not_fit_is_refused() -> None:
    with pytest.raises(ValueError, match="colour"):
        typed({"resourceType": "Patient", "colour": "blue"})


def test_the_library_is_loaded_when_a_model_is_asked_for() -> None:
    probe = (
        "import sys; from fhir_profiles.resources import model; early = 'fhir.resources' in"
        " sys.modules; model('Patient'); print(early, 'fhir.resources' in sys.modules)"
    )
    done = subprocess.run(
        [sys.executable, "-c", probe], capture_output=True, text=True, check=True, cwd=ROOT
    )
    assert done.stdout.split() == ["False", "True"]
