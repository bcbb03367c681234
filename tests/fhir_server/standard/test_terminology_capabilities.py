"""TerminologyCapabilities, the caller's own view of what is stored, and what is refused by name."""

import pytest

from fhir_profiles.validation.full import validate
from fhir_server.store.port import EVERYTHING, NOTHING, Visibility
from fhir_server.stored_terms import Parsed
from tests.fhir_profiles.terminology.small import ANIMALS, SETS
from tests.fhir_server.serving import serving
from tests.fhir_server.standard.terms import (
    ALL,
    GENDER,
    OPERATIONS,
    STORED,
    answering,
    codes,
    path,
)
from tests.fhir_server.store.stores import document

pytestmark = pytest.mark.spec("terminologycapabilities.html")


def test_the_statement():
    with answering("memory:") as server:
        got = server.ask("GET", "metadata?mode=terminology")
        assert got.status == 200
        tree = got.json
        assert [one for one in validate(tree) if one.severity == "error"] == []
        systems = {one["uri"]: one for one in tree["codeSystem"]}
        assert systems[GENDER]["version"] == [{"code": "4.0.1", "isDefault": True}]
        assert systems[ANIMALS] == {
            **{"uri": ANIMALS, "subsumption": True},
            "version": [{"code": "1", "isDefault": True}],
        }
        assert systems["http://unitsofmeasure.org"] == {"uri": "http://unitsofmeasure.org"}
        assert "http://snomed.info/sct" not in systems
        assert tree["expansion"]["paging"] is True
        assert tree["closure"] == {"translation": False}


def test_only_the_operations_that_are_there():
    with serving() as server:
        tree = server.ask("GET", "metadata?mode=terminology").json
        assert {"expansion", "validateCode", "translation"}.isdisjoint(tree)


@pytest.mark.parametrize("mode", ["full", "normative"])
def test_other_modes(mode):
    with serving() as server:
        got = server.ask("GET", f"metadata?mode={mode}")
        assert got.json["resourceType"] == "CapabilityStatement"
        assert server.ask("GET", "metadata?mode=x").status == 400


@pytest.mark.spec("capabilitystatement.html")
def test_the_operations_are_announced_with_their_definitions():
    with answering("memory:") as server:
        rest = server.ask("GET", "metadata").json["rest"][0]
        found = {
            (one["type"], operation["name"]): operation["definition"].rpartition("/")[2]
            for one in rest["resource"]
            for operation in one.get("operation", [])
        }
        assert found == {
            ("ValueSet", "expand"): "ValueSet-expand",
            ("ValueSet", "validate-code"): "ValueSet-validate-code",
            ("CodeSystem", "validate-code"): "CodeSystem-validate-code",
            ("CodeSystem", "lookup"): "CodeSystem-lookup",
            ("CodeSystem", "subsumes"): "CodeSystem-subsumes",
            ("ConceptMap", "translate"): "ConceptMap-translate",
        }


def test_closure_is_refused_by_name():
    with answering("memory:") as server:
        got = server.ask("POST", "$closure", {"resourceType": "Parameters"})
        assert (got.status, got.code) == (501, "not-supported")
        assert "$subsumes" in got.said


def test_what_a_caller_does_not_see_is_not_there():
    seen = {"CodeSystem": EVERYTHING, "ValueSet": EVERYTHING}
    views = [Visibility(seen), Visibility({**seen, "ValueSet": NOTHING})]

    def store_for(store):
        return lambda caller: store.restricted(views[0])

    with serving(operations=OPERATIONS, store_for=store_for) as server:
        for tree in (STORED, ALL):
            server.store.write(
                lambda writer, tree=tree: writer.put(
                    document(tree), id_=tree["id"], method="PUT", at=server.clock.now()
                )
            ).result(10)
        url = path("ValueSet/$expand", url=f"{SETS}/all", filter="hen")
        assert codes(server.ask("GET", url)) == "hen"
        views.reverse()
        assert server.ask("GET", url).status == 404


def test_parsed_texts_are_kept_within_their_size():
    bodies = [b'{"resourceType":"ValueSet","url":"http://a.b/%d"}' % n for n in range(9)]
    parsed = Parsed(size=3 * len(bodies[0]))
    first = parsed.of(bodies[0])
    assert parsed.of(bodies[0]) is first
    for body in bodies[1:]:
        assert parsed.of(body).url in body.decode()
    assert parsed.of(bodies[8]) is parsed.of(bodies[8])
    assert parsed.of(bodies[0]) is not first
    assert parsed.of(b'{"resourceType":"Patient"}') is None
