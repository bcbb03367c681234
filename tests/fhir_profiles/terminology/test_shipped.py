"""What ships: the value sets of R4; those that an element requires can be answered."""

import gzip
import json
import lzma

import pytest

from fhir_profiles.definitions import not_r4, tables
from fhir_profiles.definitions.checks import CompileError
from fhir_profiles.terminology import compiler, packed
from fhir_profiles.terminology.catalogue import shipped
from fhir_profiles.terminology.reading import TermError
from tests.walls.tree import ROOT

pytestmark = pytest.mark.spec("terminologies.html#4.1")

SETS = "http://hl7.org/fhir/ValueSet"

# Required by an element, and yet without a list: why
BY_RULE_ONLY = {
    f"{SETS}/mimetypes": "media types are a grammar (BCP 13)",
    f"{SETS}/ucum-units": "units are a grammar",
    f"{SETS}/all-languages": "tags of languages are a grammar (BCP 47)",
}
# Required by an element, and not to be answered: why
NOT_HERE = {
    "http://loinc.org/vs/LL379-9": "an answer list of LOINC, whose content is not shipped",
}


def required():
    found = set()
    for type_ in sorted(tables.resource_types()):
        waiting = [type_]
        seen = set()
        while waiting:
            name = waiting.pop()
            if name in seen:
                continue
            seen.add(name)
            structure = tables.structure(name)
            for element in structure.elements.values():
                if element.binding:
                    found.add(element.binding)
                inside = (element.content,) if element.content else element.types
                waiting += [one for one in inside if _has_structure(one)]
    return found


def _has_structure(name):
    try:
        tables.structure(name)
    except KeyError:
        return False
    return name not in tables.resource_types()


def test_every_required_value_set_enumerates_or_answers_by_rule():
    terms, unlisted, unanswered = shipped(), set(), set()
    urls = required()
    for url in urls:
        try:
            assert terms.expansion(url).contains, url
        except TermError:
            unlisted.add(url)
        if terms.member(url, None, "no code of any system!") is not False:
            unanswered.add(url)
    assert len(urls) > 200
    assert unlisted - unanswered <= set(BY_RULE_ONLY)
    assert unanswered == set(NOT_HERE) & urls
    assert unlisted == (set(BY_RULE_ONLY) | set(NOT_HERE)) & urls


def test_they_agree_with_the_codes_that_the_structure_walk_knows():
    terms = shipped()
    for url in required():
        systems = tables.required_systems(url)
        if systems is not None:
            listed = {(system, code) for system, codes in systems.items() for code in codes}
            assert listed == terms.expansion(url).codes(), url


def test_most_of_all_can_be_expanded():
    terms, reasons = shipped(), {}
    for one in terms.all("ValueSet"):
        try:
            terms.expansion(one)
        except TermError as trouble:
            reasons.setdefault(trouble.reason, set()).add(one.url)
    assert sum(1 for _ in terms.all("ValueSet")) > 1300
    assert set(reasons) == {"not-here", "too-costly"}
    assert len(reasons["not-here"]) < 90
    assert {url.rpartition("/")[2] for url in reasons["too-costly"]} == {
        *("ucum-units", "all-time-units", "all-distance-units", "all-languages", "mimetypes"),
    }


def test_every_unit_that_r4_lists_is_one_but_for_remarks_with_spaces():
    terms = shipped()
    codes = {
        code
        for one in terms.all("ValueSet")
        for part in one.include
        if part.system == "http://unitsofmeasure.org"
        for code in part.concepts or ()
    }
    wrong = {code for code in codes if not terms.system("http://unitsofmeasure.org").has(code)}
    assert len(codes) > 1300
    assert all(" " in code for code in wrong)


def test_no_code_of_another_release():
    types = shipped().code_system("http://hl7.org/fhir/resource-types")
    assert not set(types.concepts) & set(not_r4.TYPES)
    assert {"Patient", "Observation"} <= set(types.concepts)


def test_it_is_small_and_read_when_asked():
    size = sum(
        (packed.FOLDER / packed.file_name(kind)).stat().st_size
        for kind in (*packed.KINDS, "definition")
    )
    assert size < 1_500_000


def test_its_source_is_told():
    source = json.loads((packed.FOLDER / "source.json").read_bytes())
    assert source["sha256"] == compiler.SHA256
    assert source["counts"] == {
        kind: sum(len(keys) for keys in packed.versions(kind).values()) for kind in packed.KINDS
    }


def test_definitions_come_with_their_codes():
    system = shipped().code_system("http://hl7.org/fhir/administrative-gender")
    assert system.definition("other") == "Other."
    assert system.definition("nothing") is None


# ---- the compiler --------------------------------------------------------------------------------


def system(**more):
    tree = {
        "resourceType": "CodeSystem",
        "url": "http://a.b/c",
        "version": "1",
        "text": {"div": ""},
    }
    return {**tree, "content": "complete", **more}


def test_compiled_without_words_about_itself():
    concept = {"code": "a", "display": "A", "definition": "the first", "extension": [{"url": "x"}]}
    inside = {"code": "MetadataResource", "display": "x"}
    tables_ = compiler.packed([system(concept=[{**concept, "concept": [inside]}], contact=[{}])])
    kept = {**system(concept=[{"code": "a", "display": "A", "concept": []}])}
    del kept["text"]
    assert tables_["CodeSystem"] == {"http://a.b/c|1": kept}
    assert tables_["definition"] == {"http://a.b/c|1": {"a": "the first"}}


def test_versions_in_urls_become_versions():
    tree = {"resourceType": "ValueSet", "url": "http://a.b/v"}
    tree["compose"] = {"include": [{"system": "http://a.b/c|2.6"}]}
    tables_ = compiler.packed([system(url="http://a.b/c|2.6", version="0001"), tree])
    assert list(tables_["CodeSystem"]) == ["http://a.b/c|2.6"]
    part = tables_["ValueSet"]["http://a.b/v"]["compose"]["include"][0]
    assert part == {"system": "http://a.b/c", "version": "2.6"}


def test_the_same_twice_is_refused():
    with pytest.raises(CompileError, match="two definitions"):
        compiler.packed([system(), system()])


def test_another_package_is_refused(tmp_path, capsys):
    other = tmp_path / "other.tgz"
    other.write_bytes(gzip.compress(b""))
    assert compiler.main([str(other)]) == 2
    assert "sha256" in capsys.readouterr().err
    assert compiler.main([]) == 2
    assert compiler.main([str(tmp_path / "none.tgz")]) == 2


def test_written_as_it_is_read(tmp_path):
    compiler.write({"ConceptMap": {"http://a.b/m": {"url": "http://a.b/m"}}}, tmp_path)
    text = lzma.decompress((tmp_path / packed.file_name("ConceptMap")).read_bytes())
    assert json.loads(text) == {"http://a.b/m": {"url": "http://a.b/m"}}


def test_the_page_has_the_numbers_right():
    terms, page = shipped(), (ROOT / "docs/reference/fhir/terminology.md").read_text("utf-8")
    systems, sets = list(terms.all("CodeSystem")), list(terms.all("ValueSet"))
    expanded = 0
    for one in sets:
        try:
            terms.expansion(one)
        except TermError:
            continue
        expanded += 1
    numbers = {
        "code systems": len(systems),
        "codes": sum(len(one.concepts) for one in systems),
        "value sets": len(sets),
        "expanded": expanded,
        "concept maps": sum(1 for _ in terms.all("ConceptMap")),
    }
    missing = {name for name, number in numbers.items() if f"{number:,}" not in page}
    assert missing == set(), numbers
