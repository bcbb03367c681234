"""What is hidden does not exist: not in reads, histories, searches, totals, chains, includes."""

import pytest

from fhir_profiles.outcomes import FhirError
from fhir_server.search.request import AnyOf
from fhir_server.store.port import EVERYTHING, NOTHING, Visibility
from tests.fhir_server.store.stores import AT, document, ids, put, request, search

pytestmark = pytest.mark.spec("security.html#http")


def only(*queries):
    """Resources that at least one of these searches finds."""
    return AnyOf(tuple(request(query).conditions for query in queries))


def observation(id_, patient, *, secret=False):
    return {
        "resourceType": "Observation",
        "id": id_,
        "status": "final",
        "code": {"coding": [{"code": "hba1c"}]},
        "subject": {"reference": f"Patient/{patient}"},
        **({"meta": {"security": [{"code": "R"}]}} if secret else {}),
    }


def patient(id_, organization):
    return {
        "resourceType": "Patient",
        "id": id_,
        "name": [{"family": f"Nguyễn {id_}"}],
        "managingOrganization": {"reference": f"Organization/{organization}"},
    }


RESOURCES = [
    patient("mine", "a"),
    patient("theirs", "b"),
    observation("o1", "mine"),
    observation("o2", "mine", secret=True),
    observation("o3", "theirs"),
    {"resourceType": "Encounter", "id": "e", "subject": {"reference": "Patient/mine"}},
    {"resourceType": "Basic", "id": "b", "subject": {"reference": "Patient/theirs"}},
    {"resourceType": "List", "id": "l", "subject": {"reference": "Patient/theirs"}},
]
SIGHT = Visibility(
    {
        "Patient": only("Patient?organization=Organization/a"),
        "Observation": only("Observation?subject=Patient/mine&_security:not=R"),
        "Encounter": NOTHING,
        # conditions of a visibility look at what the caller does not see himself
        "Basic": only("Basic?patient.organization=Organization/b"),
    },
    others=EVERYTHING,
)


@pytest.fixture
def view(store):
    put(store, *RESOURCES)
    return store.restricted(SIGHT)


READS = [
    ("Patient", "mine", True),
    ("Patient", "theirs", False),
    ("Observation", "o1", True),
    ("Observation", "o2", False),
    ("Observation", "o3", False),
    ("Encounter", "e", False),
    ("Basic", "b", True),
    ("List", "l", True),
]


@pytest.mark.parametrize(("type_", "id_", "seen"), READS)
def test_read(view, type_, id_, seen):
    assert (view.read(type_, id_) is not None) is seen
    assert (view.vread(type_, id_, 1) is not None) is seen
    assert bool(view.history(type_, id_, count=9)) is seen


SEARCHES = [
    ("Patient", "mine", 1),
    ("Patient?name=nguyen", "mine", 1),
    ("Patient?_id=theirs", "", 0),
    ("Observation", "o1", 1),
    ("Observation?code=hba1c", "o1", 1),
    ("Observation?code=hba1c&_sort=-_id", "o1", 1),
    ("Observation?code=hba1c&_count=0", "", 1),
    ("Observation?patient.name=nguyen", "o1", 1),
    ("Encounter", "", 0),
    ("Encounter?_summary=count", "", 0),
    # a chain through a hidden resource leads nowhere, though what it starts from is seen
    ("Basic", "b", 1),
    ("Basic?subject:Patient.name=nguyen", "", 0),
    ("Basic?subject=Patient/theirs", "b", 1),
    ("List?patient.name=nguyen", "", 0),
    ("List?patient.name:missing=false", "", 0),
]


@pytest.mark.parametrize(("query", "expected", "total"), SEARCHES, ids=[row[0] for row in SEARCHES])
def test_search(view, query, expected, total):
    found = search(view, query)
    assert " ".join(version.id for version in found.matches) == expected
    assert found.total == total


INCLUDES = [
    ("List?_include=List:patient", ""),
    ("Basic?_include=Basic:patient", ""),
    ("Observation?_include=Observation:patient", "mine"),
    ("Patient?_revinclude=Observation:patient", "o1"),
    ("Patient?_revinclude=Encounter:patient", ""),
]


@pytest.mark.parametrize(("query", "expected"), INCLUDES, ids=[row[0] for row in INCLUDES])
def test_include(view, query, expected):
    assert " ".join(version.id for version in search(view, query).included) == expected


def test_scan_and_counts(view):
    seen = [(one.type, one.id) for one in view.scan()]
    assert seen == [("Basic", "b"), ("List", "l"), ("Observation", "o1"), ("Patient", "mine")]
    assert [one.id for one in view.scan("Observation")] == ["o1"]
    assert list(view.scan("Encounter")) == []
    assert view.counts() == {"Basic": 1, "List": 1, "Observation": 1, "Patient": 1}


def test_conditional_work_sees_as_little(view):
    """A hidden resource does not stop a conditional create."""

    def work(writer):
        return [one.id for one in writer.search(request("Patient?name=nguyen")).matches]

    assert view.write(work).result(30) == ["mine"]
    assert view.write(lambda writer: writer.read("Patient", "theirs")).result(30) is None


def test_what_is_hidden_cannot_be_written(store, view):
    def update(writer):
        writer.put(document(patient("theirs", "a")), id_="theirs", method="PUT", at=AT)

    with pytest.raises(FhirError, match="Patient/theirs cannot be written") as refused:
        view.write(update).result(30)
    assert refused.value.status == 403
    deleted = view.write(lambda writer: writer.delete("Patient", "theirs", at=AT)).result(30)
    assert deleted is None
    assert store.read("Patient", "theirs").version == 1


def test_versions_by_what_they_say_themselves(store, view):
    """Once somebody else's, once secret, now mine: the first two stay hidden."""
    for tree in (observation("o4", "theirs"), observation("o4", "mine", secret=True)):
        put(store, tree)
        assert view.read("Observation", "o4") is None
        assert view.history("Observation", "o4", count=9) == []
        assert view.vread("Observation", "o4", 1) is None
    put(store, observation("o4", "mine"))
    assert [one.version for one in view.history("Observation", "o4", count=9)] == [3]
    assert view.vread("Observation", "o4", 2) is None
    put(store, observation("o4", "mine", secret=True))
    assert view.vread("Observation", "o4", 3) is None
    put(store, observation("o4", "mine"))
    assert [one.version for one in view.history("Observation", "o4", count=9)] == [5, 3]
    assert [one.version for one in view.history("Observation", "o4", count=1)] == [5]


def test_what_was_deleted_is_seen_by_those_who_saw_it(store, view):
    for id_ in ("o1", "o3"):
        store.write(lambda w, id_=id_: w.delete("Observation", id_, at=AT)).result(30)
    assert view.read("Observation", "o1").deleted
    assert [one.version for one in view.history("Observation", "o1", count=9)] == [2, 1]
    assert view.read("Observation", "o3") is None
    assert view.history("Observation", "o3", count=9) == []


def test_a_view_of_a_view_sees_what_both_let_through(view):
    narrow = view.restricted(
        Visibility({"Observation": only("Observation?_id=o1,o2"), "List": NOTHING}, EVERYTHING)
    )
    assert ids(narrow, "Observation") == "o1"
    assert ids(narrow, "Patient") == "mine"
    assert narrow.counts() == {"Basic": 1, "Observation": 1, "Patient": 1}
    assert view.restricted(Visibility()).counts() == {}


def test_one_alternative_or_another(store):
    put(store, *RESOURCES)
    sight = only("Observation?subject=Patient/theirs", "Observation?_security=R")
    view = store.restricted(Visibility({"Observation": sight}))
    assert ids(view, "Observation") == "o2 o3"
    assert ids(view, "Observation?code=hba1c&subject=Patient/mine") == "o2"
    assert ids(view, "Patient") == ""


def test_application_rows_are_not_resources(view):
    view.write(lambda writer: writer.append("audit", "k", b"", at=AT)).result(30)
    assert len(view.rows("audit")) == 1


@pytest.mark.parametrize("work", ["load", "snapshot", "restore"])
def test_the_whole_is_not_for_those_who_see_a_part(store, view, work):
    call = {
        "load": lambda: view.load([], at=AT),
        "snapshot": view.snapshot,
        "restore": view.restore,
    }[work]
    with pytest.raises(FhirError) as refused:
        call()
    assert refused.value.status == 403
    view.close()
    assert store.read("Patient", "mine") is not None
