"""Every search parameter of R4 has walks and index rows, or stands in a list with a reason."""

import pytest

from fhir_profiles.definitions.tables import resource_types, search_parameters
from fhir_server.search.index import NOT_INDEXED, index_rows
from fhir_server.search.parameters import KINDS, ON_RESOURCE, refused, supported
from fhir_server.search.params.composite import ROOT, ordered
from fhir_server.search.walkers import DECEASED_TYPE, Walk, compiled, within

pytestmark = pytest.mark.spec("searchparameter-registry.html")

EVERY = [(type_, code) for type_ in sorted(resource_types()) for code in search_parameters(type_)]


def test_every_parameter_is_supported():
    for type_, code in EVERY:
        assert code in supported(type_)
        assert code not in refused(type_)


def test_every_expression_compiles_to_walks_that_the_kind_can_index():
    for type_, code in EVERY:
        parameter = search_parameters(type_)[code]
        walks = compiled(parameter.expression)
        assert walks, (type_, code)
        if parameter.type == "composite" or code in ON_RESOURCE:
            continue
        able = [walk for walk in walks if (parameter.type, walk.type) not in NOT_INDEXED]
        assert able, (type_, code)
        for walk in able:
            known = walk.type == DECEASED_TYPE or walk.type in KINDS[parameter.type].rules.INDEX
            assert known, (type_, code, walk)


def test_every_component_is_reached_from_its_element():
    composites = [(t, c) for t, c in EVERY if search_parameters(t)[c].type == "composite"]
    assert len(composites) == 72
    assert len({search_parameters(t)[c].url for t, c in composites}) == 46
    for type_, code in composites:
        for elements in compiled(search_parameters(type_)[code].expression):
            for component in ordered(search_parameters(type_)[code]):
                if not component.expression.startswith(ROOT):
                    assert within(elements.type, component.expression), (type_, code, component)


def test_what_is_not_indexed_occurs():
    met = {
        (parameter.type, walk.type)
        for type_ in resource_types()
        for parameter in search_parameters(type_).values()
        for walk in compiled(parameter.expression)
    }
    assert set(NOT_INDEXED) <= met


PATIENT = {
    "telecom": [{"system": "phone", "value": "1"}, {"system": "email", "value": "2"}, "wrong"],
    "name": [{"family": "An", "given": ["Văn", "An"]}, {"given": ["B"]}, None],
    "contact": [{"name": {"family": "C"}}],
}
BUNDLE = {"entry": [{"resource": {"resourceType": "Composition"}}, {"resource": {"id": "2"}}]}
OBSERVATION = {"valueQuantity": {"value": 1}, "component": [{"valueString": "s"}, {}]}
WALKS = [
    ("Patient.name.family", PATIENT, ["An"]),
    ("Patient.name.given", PATIENT, ["Văn", "An", "B"]),
    ("Patient.telecom.where(system='email')", PATIENT, [{"system": "email", "value": "2"}]),
    ("Patient.birthDate", PATIENT, []),
    ("Bundle.entry[0].resource", BUNDLE, [{"resourceType": "Composition"}]),
    ("Observation.value.ofType(Quantity)", OBSERVATION, [{"value": 1}]),
    (
        "Observation.value.ofType(string) | Observation.component.value.ofType(string)",
        OBSERVATION,
        ["s"],
    ),
]


@pytest.mark.parametrize(("expression", "tree", "values"), WALKS, ids=[row[0] for row in WALKS])
def test_walk(expression, tree, values):
    assert [value for walk in compiled(expression) for value in walk.values(tree)] == values


def test_a_choice_becomes_one_walk_a_type():
    types = {walk.type for walk in compiled("Observation.value")}
    assert {"Quantity", "string", "CodeableConcept", "Period"} <= types
    assert len(types) == len(compiled("Observation.value")) == 11


def test_a_filter_by_target_type_is_kept_beside_the_way():
    (walk,) = compiled("Observation.subject.where(resolve() is Patient)")
    assert isinstance(walk, Walk)
    assert (walk.type, walk.target) == ("Reference", "Patient")


@pytest.mark.parametrize(
    "expression", ["Patient.nothing", "Patient.name.exists()", "", "Nothing.name", "Patient..name"]
)
def test_forms_that_do_not_occur_are_refused(expression):
    with pytest.raises(ValueError, match=r"nothing there|cannot read|no type"):
        compiled(expression)


ODD = [
    None,
    1,
    True,
    "text",
    [],
    {},
    [[]],
    [None],
    [1, "x", {}],
    {"x": 1},
    {"coding": 5},
    {"start": 1},
]


@pytest.mark.parametrize(
    "type_", ["Patient", "Observation", "Encounter", "ServiceRequest", "Bundle"]
)
@pytest.mark.parametrize("odd", ODD, ids=repr)
def test_wrong_json_types_lead_nowhere(type_, odd):
    """Whoever validates complains; the index does not fall over."""
    from fhir_profiles.definitions.tables import structure

    for member in structure(type_).elements:
        index_rows({"resourceType": type_, member: odd})


def test_a_type_that_is_none_has_no_rows():
    assert index_rows({}) == index_rows({"resourceType": "Nothing"}) == []
