"""Histories over all resources: every store gives what a plain list of all versions gives."""

import json
import tempfile
from dataclasses import dataclass
from datetime import timedelta

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from fhir_profiles.definitions import tables
from fhir_server.search.request import AnyOf
from fhir_server.store import histories
from fhir_server.store.port import ALWAYS, EVERYTHING, NOTHING, Place, Span, Visibility
from tests.fhir_server.store.stores import AT, KINDS, document, opened, put, request

pytestmark = pytest.mark.spec("http.html#history")

TYPES = ["Patient", "Device"]
SIGHT = Visibility(
    {"Patient": AnyOf((request("Patient?gender=male").conditions,)), "Group": NOTHING},
    others=EVERYTHING,
)


def minute(number):
    return AT + timedelta(minutes=number)


@dataclass
class Made:
    """A version as the list knows it; `male` is what its content was, or what was deleted."""

    at: object
    key: int
    version: int
    type: str
    id: str
    deleted: bool
    male: bool


def listed(moves):
    """All versions that the moves make, in their order."""
    made, keys = [], {}
    for what, type_, id_, male, number in moves:
        own = [one for one in made if (one.type, one.id) == (type_, id_)]
        if what == "delete" and (not own or own[-1].deleted):
            continue
        key = keys.setdefault((type_, id_), len(keys) + 1)
        male = own[-1].male if what == "delete" else male
        made.append(Made(minute(number), key, len(own) + 1, type_, id_, what == "delete", male))
    return made


def expected(made, types, span, restricted):
    """Newest first. A list is slow and can be read."""
    wanted = []
    for one in made:
        own = [other for other in made if other.key == one.key]
        later = [other for other in own if other.version == one.version + 1]
        if types is not None and one.type not in ([types] if isinstance(types, str) else types):
            continue
        if restricted and one.type == "Patient" and not (one.male and own[-1].male):
            continue
        if span.since is not None and one.at < span.since:
            continue
        if span.until is not None and one.at > span.until:
            continue
        if span.current is not None and later and later[0].at <= span.current:
            continue
        wanted.append(one)
    return sorted(wanted, key=lambda one: (one.at, one.key, one.version), reverse=True)


def play(store, moves):
    for what, type_, id_, male, number in moves:
        tree = {"resourceType": type_, "id": id_, "gender": "male" if male else "female"}
        if type_ != "Patient":
            del tree["gender"]
        if what == "put":
            put(store, tree, at=minute(number))
        else:
            at = minute(number)
            store.write(lambda w, t=type_, i=id_, at=at: w.delete(t, i, at=at)).result(30)


def short(version):
    return version.updated, version.type, version.id, version.version, version.deleted


def walked(store, types, count, span):
    """All pages, one after the other: the sizes of the pages and all versions."""
    found, sizes, before = [], [], None
    while True:
        page = store.history_of(types, count=count, before=before, span=span)
        found += [short(version) for version in page.versions]
        sizes.append(len(page.versions))
        if page.next is None:
            return sizes, found
        before = page.next


moves = st.lists(
    st.tuples(
        st.sampled_from(["put", "put", "put", "delete"]),
        st.sampled_from(TYPES),
        st.sampled_from(["1", "2", "A"]),
        st.booleans(),
        st.integers(0, 6),  # the clock may stand still, or go back
    ),
    max_size=14,
)
moments = st.none() | st.integers(-1, 7).map(minute)
spans = st.builds(Span, moments, moments, moments)
asked = st.tuples(
    st.sampled_from([None, "Patient", "Device", "Basic", ("Patient", "Device"), ("Device",), ()]),
    st.integers(1, 5),
    spans,
)


@settings(max_examples=60, deadline=None, suppress_health_check=list(HealthCheck))
@given(moves, st.lists(asked, min_size=4, max_size=8), st.booleans())
def test_all_stores_give_what_a_list_gives(moves, questions, restricted):
    made = listed(moves)
    with tempfile.TemporaryDirectory() as folder:
        for kind in KINDS:
            whole = opened(kind, folder)
            try:
                play(whole, moves)
                compared(
                    whole.restricted(SIGHT) if restricted else whole, made, questions, restricted
                )
            finally:
                whole.close()


def compared(store, made, questions, restricted):
    for types, count, span in questions:
        wanted = expected(made, types, span, restricted)
        sizes, found = walked(store, types, count, span)
        assert found == [(one.at, one.type, one.id, one.version, one.deleted) for one in wanted]
        # every page but the last is full
        assert all(size == count for size in sizes[:-1])
        assert 0 < sizes[-1] <= count or sizes == [0]
        assert store.history_total(types, span=span, exact=True) == len(wanted)
        assert store.history_total(types, span=span) in (len(wanted), None)
        # a page may begin anywhere, also where nothing is
        for place in (Place(0, 1, 1), Place(2**60, 1, 1)):
            page = store.history_of(types, count=99, before=place, span=span)
            behind = wanted if place.updated else []
            assert [short(one) for one in page.versions] == found[: len(behind)]
    for type_, id_ in {(one.type, one.id) for one in made}:
        for _, count, span in questions:
            wanted = [
                one.version for one in expected(made, type_, span, restricted) if one.id == id_
            ]
            wanted.sort(reverse=True)
            found = store.history(type_, id_, count=99, span=span)
            assert [one.version for one in found] == wanted
            page = store.history(type_, id_, count=count, before=4, span=span)
            assert [one.version for one in page] == [one for one in wanted if one < 4][:count]
            assert store.history_total(type_, id_, span=span) == len(wanted)


PATIENT = {"resourceType": "Patient", "id": "1", "gender": "male"}


def test_pages_stay_as_they_are_while_others_write(store):
    """What was the newest version when the page was made may be an old one a moment later."""
    for number in range(6):
        put(store, PATIENT | {"id": str(number % 3)}, at=minute(number))
    whole = [short(one) for one in store.history_of("Patient", count=99).versions]
    first = store.history_of("Patient", count=2)
    put(store, *(PATIENT | {"id": str(number)} for number in range(4)), at=minute(9))
    store.write(lambda w: w.delete("Patient", "1", at=minute(9))).result(30)
    second = store.history_of("Patient", count=2, before=first.next)
    put(store, PATIENT | {"id": "2"}, at=minute(10))
    third = store.history_of("Patient", count=2, before=second.next)
    pages = [*first.versions, *second.versions, *third.versions]
    assert [short(one) for one in pages] == whole
    assert third.next is None


def test_the_content_of_every_version_is_its_own(store):
    for gender in ("male", "female", "other"):
        put(store, PATIENT | {"gender": gender}, at=minute(1))
    found = store.history_of(None, count=9).versions
    assert found == store.history("Patient", "1", count=9)
    assert [json.loads(one.body)["gender"] for one in found] == ["other", "female", "male"]


def test_nothing_was_ever_there(store):
    for types in (None, "Patient", ("Patient",), ()):
        assert store.history_of(types, count=9).versions == []
        assert store.history_of(types, count=9).next is None
        assert store.history_total(types) == 0
    assert store.history_total("Patient", "1") == 0


def test_no_entries_are_asked_for(store):
    put(store, PATIENT)
    assert store.history_of(None, count=0) == store.history_of("Basic", count=0)


def test_a_total_is_exact_or_not_given(store):
    people = [document(PATIENT | {"id": f"p{number}"}) for number in range(1001)]
    store.load(people[:1000], at=AT)
    assert store.history_total("Patient") == store.history_total(None) == 1000
    store.load(people[1000:], at=AT)
    assert store.history_total("Patient") is None
    assert store.history_total(None) is None
    assert store.history_total("Patient", exact=True) == 1001
    assert store.history_total("Patient", span=Span(since=minute(1))) == 0
    view = store.restricted(SIGHT)
    assert view.history_total("Patient") is None
    assert view.history_total("Patient", exact=True) == 1001
    assert view.history_total("Device") == 0


@pytest.mark.parametrize("kind", [kind for kind in KINDS if kind != "memory"])
def test_a_page_looks_at_so_much_and_no_more(kind, tmp_path, monkeypatch):
    """What is passed over is paid for by short pages, which go on."""
    monkeypatch.setattr(histories, "LOOKED_AT", 8)
    monkeypatch.setattr(histories, "HIDDEN", 8)
    monkeypatch.setattr(histories, "BATCH", 4)
    store = opened(kind, tmp_path)
    for number in range(30):
        put(store, PATIENT | {"id": str(number % 2)}, at=minute(number))
    put(store, *(PATIENT | {"id": f"f{number}", "gender": "female"} for number in range(20)))
    sizes, found = walked(store, "Patient", 3, Span(until=minute(29), current=minute(40)))
    assert len(found) == 22
    assert max(sizes) == 3
    assert 0 in sizes
    sizes, found = walked(store.restricted(SIGHT), "Patient", 3, ALWAYS)
    assert len(found) == 30
    assert [one for one in sizes if one < 3]
    store.close()


@pytest.mark.parametrize("kind", KINDS)
def test_more_types_than_one_statement_takes(kind, tmp_path):
    """All of R4, each with an old version and a new one."""
    store = opened(kind, tmp_path)
    trees = [{"resourceType": type_, "id": "1"} for type_ in sorted(tables.resource_types())]
    store.load(map(document, trees), at=AT)
    put(store, *trees, at=minute(1))
    sizes, found = walked(store, None, 100, ALWAYS)
    assert (sum(sizes), len(set(found))) == (2 * len(trees), 2 * len(trees))
    assert [one[0] for one in found] == [minute(1)] * len(trees) + [AT] * len(trees)
    assert store.history_total(None) == 2 * len(trees)
    assert len(walked(store, None, 7, Span(current=minute(0)))[1]) == 2 * len(trees)
    assert len(walked(store, None, 7, Span(current=minute(1)))[1]) == len(trees)
    store.close()
