"""https://hl7.org/fhir/R4/search.html#return: order, pages, totals, what is included."""

from datetime import timedelta

import pytest

from fhir_profiles.outcomes import FhirError
from fhir_server.search.request import CURSOR
from tests.fhir_server.store.stores import AT, opened, put, search

pytestmark = pytest.mark.spec("search.html#return")


def observation(id_, code, patient, **members):
    return {
        "resourceType": "Observation",
        "id": id_,
        "status": "final",
        "code": {"coding": [{"code": code}]},
        "subject": {"reference": f"Patient/{patient}"},
        **members,
    }


def patient(id_, *families, **members):
    names = [{"family": family} for family in families]
    return {"resourceType": "Patient", "id": id_, **({"name": names} if names else {}), **members}


RESOURCES = [
    observation("a", "x", "1", effectiveDateTime="2024-03-01", valueQuantity={"value": 3}),
    observation("b", "y", "1", effectiveDateTime="2024-01-01", valueQuantity={"value": 10}),
    observation("c", "x", "2", valueQuantity={"value": -1}),
    observation("d", "y", "2", effectivePeriod={"start": "2023-01-01", "end": "2025-01-01"}),
    observation("e", "x", "gone", effectiveDateTime="2024-03-01"),
    patient("1", "Trần", "An", generalPractitioner=[{"reference": "Practitioner/dr"}]),
    patient("2", "Bùi", link=[{"other": {"reference": "Patient/1"}, "type": "seealso"}]),
    patient("3"),
    {"resourceType": "Practitioner", "id": "dr"},
    {"resourceType": "Provenance", "id": "p", "target": [{"reference": "Observation/a"}]},
]

ORDERS = [
    # as created, unless a key says otherwise; equal keys again as created
    ("Observation", "a b c d e"),
    ("Observation?_sort=date", "d b a e c"),
    ("Observation?_sort=-date", "d a e b c"),
    ("Observation?_sort=code,-date", "a e c d b"),
    ("Observation?_sort=-code,_id", "b d a c e"),
    ("Observation?_sort=value-quantity", "c a b d e"),
    ("Observation?_sort=-value-quantity", "b a c d e"),
    ("Observation?_sort=subject,-_id", "b a d c e"),
    ("Observation?_sort=-_id", "e d c b a"),
    ("Observation?_sort=-_lastUpdated,_id", "a b c d e"),
    # of several values the smallest, or descending the largest
    ("Patient?_sort=family", "1 2 3"),
    ("Patient?_sort=-family", "1 2 3"),
    ("Patient?_sort=name,-_id", "1 2 3"),
    ("Observation?code=x&_sort=-date", "a e c"),
]


@pytest.mark.parametrize(("query", "expected"), ORDERS, ids=[row[0] for row in ORDERS])
def test_order(find, query, expected):
    assert find(query) == expected


@pytest.mark.parametrize(("query", "expected"), ORDERS, ids=[row[0] for row in ORDERS])
@pytest.mark.parametrize("size", [1, 2, 4])
def test_pages_are_the_whole_cut_up(store, query, expected, size):
    sign = "&" if "?" in query else "?"
    seen, cursor = [], ""
    while True:
        found = search(store, f"{query}{sign}_count={size}{cursor}")
        assert len(found.matches) <= size
        assert found.total == len(expected.split())
        seen += [version.id for version in found.matches]
        if found.next is None:
            break
        cursor = f"&{CURSOR}={found.next}"
    assert seen == expected.split()


INCLUDES = [
    ("Observation?_id=a&_include=Observation:subject", "1"),
    ("Observation?_id=a&_include=Observation:subject:Patient", "1"),
    ("Observation?_id=a&_include=Observation:subject:Group", ""),
    ("Observation?_id=e&_include=Observation:subject", ""),
    ("Observation?code=x&_include=Observation:patient&_include=Observation:performer", "1 2"),
    ("Observation?_id=a&_revinclude=Provenance:target", "p"),
    ("Observation?_id=b&_revinclude=Provenance:target", ""),
    (
        "Patient?_id=1&_revinclude=Observation:subject&_include=Patient:general-practitioner",
        "a b dr",
    ),
    ("Patient?_id=1&_revinclude=Observation:subject:Patient", "a b"),
    # what was found is not included again
    ("Patient?_include=Patient:link", ""),
    ("Patient?_id=2&_include=Patient:link", "1"),
    ("Patient?_id=1&_revinclude=Patient:link", "2"),
]


@pytest.mark.parametrize(("query", "expected"), INCLUDES, ids=[row[0] for row in INCLUDES])
def test_include(store, query, expected):
    found = search(store, query)
    assert " ".join(version.id for version in found.included) == expected
    assert len(found.matches) == found.total


def test_includes_belong_to_their_page(store):
    first = search(store, "Observation?_include=Observation:subject&_count=2")
    assert [version.id for version in first.included] == ["1"]
    rest = f"Observation?_include=Observation:subject&_count=2&{CURSOR}={first.next}"
    assert [version.id for version in search(store, rest).included] == ["2"]


TOTALS = [
    ("Observation?_count=0", 0, 5),
    ("Observation?_summary=count", 0, 5),
    ("Observation?_summary=count&code=x", 0, 3),
    ("Observation?_total=accurate&_count=1", 1, 5),
    ("Observation?_total=estimate&_count=1", 1, 5),
    ("Observation?_total=none&_count=1", 1, None),
    ("Observation?_count=1", 1, 5),  # small enough to be counted unasked
    ("Observation?code=nothing", 0, 0),
]


@pytest.mark.parametrize(("query", "matches", "total"), TOTALS, ids=[row[0] for row in TOTALS])
def test_total(store, query, matches, total):
    found = search(store, query)
    assert (len(found.matches), found.total) == (matches, total)


ON_RESOURCE = [
    ("Observation?_id=a", "a"),
    ("Observation?_id=a,c,zz", "a c"),
    ("Observation?_id=a&_id=c", ""),
    ("Observation?_id=zz", ""),
    ("Observation?_id:missing=false", "a b c d e"),
    ("Observation?_id:missing=true", ""),
    ("Observation?_lastUpdated=2025-03-01", "a b c d e"),
    ("Observation?_lastUpdated=2025-03-01T08:00:00.000Z", "a b c d e"),
    ("Observation?_lastUpdated=2025-03-01T08:00:00.001Z", ""),
    ("Observation?_lastUpdated=gt2025-03-01T08:00:00Z", ""),
    ("Observation?_lastUpdated=ge2025-03-01T15:00:00%2B07:00", "a b c d e"),
    ("Observation?_lastUpdated=lt2025", ""),
    ("Observation?_lastUpdated=ne2025-03-01", ""),
]


@pytest.mark.parametrize(("query", "expected"), ON_RESOURCE, ids=[row[0] for row in ON_RESOURCE])
def test_parameters_of_the_resource_itself(find, query, expected):
    assert find(query.replace("%2B", "+")) == expected


@pytest.mark.parametrize("cursor", ["x", "!!", "MS4yLjM", "LTEuMS4xLg", "MS45OTkuMS4", "0" * 5000])
def test_a_cursor_that_is_not_ours(store, cursor):
    with pytest.raises(FhirError, match="no such page"):
        search(store, f"Observation?_sort=date&{CURSOR}={cursor}")


# ---- pages while others write --------------------------------------------------------------------


@pytest.fixture(params=["memory", "sqlite"])
def moving(request, tmp_path):
    store = opened(request.param, tmp_path)
    put(store, *RESOURCES)
    yield store
    store.close()


def rest_of(store, query, found):
    return search(store, f"{query}&{CURSOR}={found.next}")


def test_what_is_created_meanwhile_does_not_join(moving):
    query = "Observation?_sort=-date&_count=3"
    first = search(moving, query)
    late = observation("z", "x", "1", effectiveDateTime="2024-01-02")
    put(moving, late)
    second = rest_of(moving, query, first)
    assert [version.id for version in (*first.matches, *second.matches)] == list("daebc")
    assert second.total == 5
    assert search(moving, "Observation?_count=0").total == 6


def test_the_last_one_of_a_page_may_change_its_place_or_go(moving):
    for change in ("move", "delete"):
        query = "Observation?_sort=date&_count=2"
        first = search(moving, query)
        assert [version.id for version in first.matches] == ["d", "b"]
        if change == "move":
            put(moving, observation("b", "y", "1", effectiveDateTime="2030-01-01"))
            expected = ["a", "e"]
        else:
            moving.write(lambda w: w.delete("Observation", "b", at=AT)).result(30)
            expected = ["a", "e"]
        second = rest_of(moving, query, first)
        assert [version.id for version in second.matches] == expected
        put(moving, RESOURCES[1])


def test_sorted_by_update(moving):
    put(moving, RESOURCES[0], at=AT + timedelta(hours=1))
    put(moving, RESOURCES[3], at=AT + timedelta(hours=2))
    found = search(moving, "Observation?_sort=-_lastUpdated&_count=3")
    assert [version.id for version in found.matches] == ["d", "a", "b"]
    found = rest_of(moving, "Observation?_sort=-_lastUpdated&_count=3", found)
    assert [version.id for version in found.matches] == ["c", "e"]
