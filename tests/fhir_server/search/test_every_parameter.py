"""All search parameters of R4, of all its resource types: what has the value is found by it.

https://hl7.org/fhir/R4/searchparameter-registry.html
"""

import uuid

import pytest

from fhir_profiles.definitions.tables import resource_types, search_parameters
from fhir_server.search.parameters import ON_RESOURCE, refused, supported
from fhir_server.search.parse import parse
from tests.fhir_server.search.minimal import cases
from tests.fhir_server.store.stores import AT, KINDS, ZONE, document, opened

pytestmark = [
    pytest.mark.spec("searchparameter-registry.html"),
    pytest.mark.spec("search.html#combining"),
]

PARAMETERS = 2575  # of 146 types, those that every type has counted once a type
WAYS = 2365  # to values: data types of a choice, branches of an expression


@pytest.fixture(scope="module")
def everything():
    made = []
    for case in cases():
        id_ = str(uuid.uuid5(uuid.NAMESPACE_URL, f"{case.type}.{case.code}.{case.way}"))
        made.append((case, id_))
    return made


def test_nothing_is_left_out(everything):
    listed = {(type_, code) for type_ in resource_types() for code in search_parameters(type_)}
    assert len(resource_types()) == 146
    assert len(listed) == PARAMETERS
    assert {(type_, code) for type_ in resource_types() for code in supported(type_)} == listed
    assert all(not refused(type_) for type_ in resource_types())
    tried = {(case.type, case.code) for case, _ in everything}
    assert listed - tried == {(type_, code) for type_ in resource_types() for code in ON_RESOURCE}
    assert len(everything) == len({id_ for _, id_ in everything}) == WAYS


@pytest.mark.parametrize("kind", KINDS)
def test_what_has_the_value_is_found_by_it_and_not_by_another(kind, everything, tmp_path):
    """And with `:missing`, which every type of parameter has."""
    wrong = []
    # the store in memory goes through all that it holds, so it gets one type after the other
    for some in by_type(everything) if kind == "memory" else [everything]:
        store = opened(kind, tmp_path)
        store.load((document({**case.tree, "id": id_}) for case, id_ in some), at=AT)
        for case, id_ in some:
            asked = [(case.code, case.found, True), (case.code, case.other, False)]
            asked += [(f"{case.code}:missing", "false", True)]
            for name, value, expected in asked:
                if (id_ in found(store, case.type, name, value)) is not expected:
                    wrong.append((case.type, name, case.way, value))
        store.close()
    assert wrong == []


def by_type(everything):
    return [[one for one in everything if one[0].type == type_] for type_ in resource_types()]


def found(store, type_, name, value):
    request = parse(type_, [(name, value)], zone=ZONE, default_count=1000)
    return {version.id for version in store.search(request).matches}
